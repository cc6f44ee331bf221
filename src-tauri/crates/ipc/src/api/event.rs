//! What changed, for those who subscribed. An event says what to look at again; it is no second copy of the state.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::approval::PendingApproval;
use super::audit::AuditEntry;
use super::examination::ExaminationProgress;
use super::gateway::Attention;
use super::sign_in::{SignIn, SignInProgress};
use super::update::Update;

/// The notification `event`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A new account, or one that changed.
    AccountChanged {
        /// As it is now.
        account: Box<Account>,
    },
    /// An account is gone.
    AccountRemoved {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
    /// A sign-in went on.
    SignInChanged {
        /// As it is now.
        sign_in: Box<SignIn>,
    },
    /// A person is asked.
    ApprovalAsked {
        /// The question.
        pending: Box<PendingApproval>,
    },
    /// A question is answered or was given up, or an approval came or went.
    ApprovalsChanged,
    /// A sign-in will end within a working day. Comes once for each sign-in.
    SignInEnds {
        /// Which.
        account: Box<Account>,
    },
    /// Hand-out and rotation were paused, or go on: everybody hears of it, whoever did it.
    HandOutChanged {
        /// Whether they stand still now.
        paused: bool,
    },
    /// A program waits for a person: to sign in, or to give the account more scopes. Not sent again for the same thing within
    /// a quarter of an hour.
    Attention {
        /// What for.
        attention: Box<Attention>,
    },
    /// There is a newer version. Comes once for each; nothing is downloaded or installed.
    UpdateFound {
        /// Which, and where its page is.
        update: Box<Update>,
    },
    /// Somebody wants to see the app's window: it was started a second time.
    WindowWanted,
    /// The agent ends: this is the last line.
    AgentStopping,
    /// The reader was too slow and events were left out: look at everything again.
    Missed,
}

/// What the agent sends without being asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params")]
pub enum Notification {
    /// To the connection that started the sign-in, or waits for it.
    #[serde(rename = "sign_in.progress")]
    SignInProgress(SignInProgress),
    /// To the connection that started the examination.
    #[serde(rename = "examination.progress")]
    ExaminationProgress(ExaminationProgress),
    /// After `events.subscribe`.
    #[serde(rename = "event")]
    Event(Event),
    /// After `audit.read` with `follow`.
    #[serde(rename = "audit.entry")]
    AuditEntry(AuditEntry),
}
