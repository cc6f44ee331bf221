//! Sign-ins under way.
//!
//! Problem: a sign-in leaves this program for a browser and comes home minutes later through a door that anybody can
//! knock at. Invariant: a sign-in lives here, not with the caller who began it; the only thing that finds it again is its
//! `state`; a callback that finds none changes nothing and is audited; a callback works once, for ten minutes; and no
//! callback, however wrong, ends a sign-in that it does not belong to.

mod departure;
mod error;
mod flow;
mod ground;
mod listening;
mod table;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod trial;

pub(crate) use departure::Departure;
pub use error::LoginError;
pub(crate) use ground::Ground;
pub use table::{Delivered, MAX_WAITING};
pub(crate) use trial::{Came, Page, Trial};

use crate::accounts::RedirectKind;
use crate::adopt::Identity;
use crate::audit::{self, Audit};
use crate::clock::Clock;
use crate::config::Config;
use crate::core::Core;
use crate::http::Wire;
use crate::id::AccountId;
use crate::landing::Landing;
use crate::managed::{Managed, Source};
use crate::receipt::Receipt;
use crate::registration::RedirectWish;
use crate::scheme::Opener;
use mcp_login_ipc::api::{AuditAction, AuditEntry, AuditOutcome};
use mcp_login_ipc::{Code, Fault};
use mcp_login_oauth::callback::Callback;
use mcp_login_oauth::registration::{Preregistered, RegistrationKind};
use mcp_login_oauth::{InitialAccessToken, Issuer, ScopeSet, ServerUrl};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use table::Table;
use tokio::sync::{mpsc, oneshot, watch};

/// How long the browser's page waits for the outcome of the exchange before it says that the rest happens elsewhere. A
/// person looks at the page this long without thinking that it hangs.
const PAGE_PATIENCE: Duration = Duration::from_secs(15);

/// Which account a sign-in is for.
#[derive(Debug, Clone)]
pub enum Target {
    /// A new one at this server.
    New {
        /// What the person typed.
        server: ServerUrl,
        /// The name that the person chose.
        name: Option<String>,
    },
    /// One that is there.
    Again(AccountId),
}

/// What to do when the server names another issuer than the account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnIssuerChange {
    /// Show old and new and stop.
    #[default]
    Show,
    /// The person has seen both: sign in at the new, revoke at the old.
    Accept,
}

/// What to do when somebody else comes back on a sign-in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOtherPerson {
    /// Give the new tokens back and say so.
    #[default]
    Refuse,
    /// The person wants it.
    Replace,
}

/// A wish to sign in.
#[derive(Debug, Clone)]
pub struct Start {
    /// For whom.
    pub target: Target,
    /// How the answer is to come home.
    pub redirect: RedirectWish,
    /// Which issuer to take when the server names several.
    pub issuer: Option<Issuer>,
    /// Instead of the scopes that the server names.
    pub scopes: Option<ScopeSet>,
    /// OpenID Connect Core §3.1.2.1.
    pub prompt: Option<String>,
    /// Likewise.
    pub login_hint: Option<String>,
    /// See there.
    pub on_issuer_change: OnIssuerChange,
    /// See there.
    pub on_other_person: OnOtherPerson,
    /// A client that the person registered there.
    pub client: Option<Preregistered>,
    /// RFC 7591 §3.
    pub initial_access_token: Option<InitialAccessToken>,
}

/// The settings, read anew for each sign-in, so that what a person just wrote counts without a restart. A file with a
/// mistake changes nothing: the last good one goes on.
#[derive(Debug)]
pub struct Settings {
    config_dir: PathBuf,
    managed: Source,
    last: Mutex<Arc<Config>>,
}

impl Settings {
    /// Beginning with what was read at the start.
    #[must_use]
    pub fn new(config_dir: PathBuf, managed: Source, config: Config) -> Self {
        Self { config_dir, managed, last: Mutex::new(Arc::new(config)) }
    }

    /// As they were when they were read last. Takes no time.
    #[must_use]
    pub fn last(&self) -> Arc<Config> {
        self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// As they are now.
    #[must_use]
    pub fn read(&self) -> Arc<Config> {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let config = Config::load(&self.config_dir).unwrap_or_else(|mistake| {
            tracing::warn!(%mistake, "the settings have a mistake; the former ones go on");
            (**last).clone()
        });
        *last = Arc::new(Managed::read(&self.managed).over(config));
        last.clone()
    }
}

/// Where a sign-in stands.
#[derive(Debug, Clone)]
pub enum Step {
    /// Asking the server for its issuer, and the issuer for its metadata.
    Discovering,
    /// Getting a client identity.
    Registering {
        /// Where.
        issuer: String,
    },
    /// The address is to be opened; waiting for the person.
    Browser(Arc<BrowserStep>),
    /// The code is being exchanged.
    Exchanging,
    /// The tokens are going into the keychain.
    Storing,
    /// Signed in.
    Done(Arc<DoneStep>),
    /// Over: it was for an examination, which keeps nothing.
    Tried,
    /// Over without tokens.
    Failed(Arc<LoginError>),
}

impl Step {
    /// Whether nothing comes after it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Step::Done(_) | Step::Tried | Step::Failed(_))
    }
}

/// What the program in front of the person needs to open the browser and to say where it leads.
#[derive(Debug, Clone)]
pub struct BrowserStep {
    /// `https`, or `http` to loopback; re-serialised.
    pub authorization_url: String,
    /// Where it comes home.
    pub redirect_uri: String,
    /// Which kind that is.
    pub redirect_kind: RedirectKind,
    /// Who asks for the password.
    pub issuer: String,
    /// For which server.
    pub server: String,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// How we are known there.
    pub registration: RegistrationKind,
    /// Why the last answer that came was not believed. The right one is still waited for.
    pub refused: Option<Fault>,
}

/// What came of a sign-in.
#[derive(Debug, Clone)]
pub struct DoneStep {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// Asked for.
    pub asked: Vec<String>,
    /// Granted.
    pub granted: Vec<String>,
    /// Whether the same person came back.
    pub identity: Identity,
    /// What became of the former issuer's tokens, when the server moved to another one.
    pub former: Option<Receipt>,
}

/// A sign-in under way or just over.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Random; not the `state`.
    pub id: SignInId,
    /// The server.
    pub server: String,
    /// The account, on a sign-in again.
    pub account: Option<AccountId>,
    /// Unix seconds.
    pub started_at: u64,
    /// Where it stands.
    pub step: Step,
}

/// Names a sign-in to callers. Says nothing that a callback could use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SignInId(String);

impl SignInId {
    /// From the wire.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// For the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn random() -> Self {
        let mut bytes = [0_u8; 8];
        // Without random bytes there will be no state either, and the sign-in ends there with a proper error.
        let _ = getrandom::fill(&mut bytes);
        Self(bytes.iter().map(|b| format!("{b:02x}")).collect())
    }
}

/// What the sign-ins are made of.
pub struct Parts {
    /// The state.
    pub core: Core,
    /// The network.
    pub http: Wire,
    /// What the person set.
    pub settings: Arc<Settings>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who opens our scheme; asked for each sign-in.
    pub opener: Arc<dyn Fn() -> Opener + Send + Sync>,
    /// For callbacks that match nothing, and what came of the others.
    pub audit: Audit,
}

/// All sign-ins. Clones are the same.
#[derive(Clone)]
pub struct SignIns {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    table: Mutex<Table>,
    changes: watch::Sender<u64>,
}

/// What a sign-in's task makes of a callback: what the person is shown, or why it is not believed.
type Landed = Result<Landing, mcp_login_oauth::Error>;

/// What a sign-in's task is told from outside.
enum Word {
    /// A callback with its `state`, and whom to tell what became of it.
    Callback { callback: Box<Callback>, door: Door, landed: oneshot::Sender<Landed> },
    /// Try the other way.
    Redirect(RedirectKind),
    /// The person gave up.
    Cancel,
}

impl SignIns {
    /// None yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let (changes, _) = watch::channel(0);
        Self { inner: Arc::new(Inner { parts, table: Mutex::new(Table::default()), changes }) }
    }

    /// What they are made of.
    pub(crate) fn parts(&self) -> &Parts {
        &self.inner.parts
    }

    /// Begins a sign-in; it goes on whatever becomes of the caller. Must be called inside the runtime.
    ///
    /// # Errors
    /// [`LoginError::TooMany`], [`LoginError::Core`] when the account is not there.
    pub fn start(&self, start: Start) -> Result<(SignInId, watch::Receiver<Step>), LoginError> {
        let parts = &self.inner.parts;
        let (server, account) = match &start.target {
            Target::New { server, .. } => (server.as_str().to_owned(), None),
            Target::Again(id) => {
                let account = parts.core.account(id)?.account.clone();
                (account.server.as_str().to_owned(), Some(id.clone()))
            }
        };
        let id = SignInId::random();
        let (words, inbox) = mpsc::channel(8);
        let (steps, watcher) = watch::channel(Step::Discovering);
        let sign_in = SignIn {
            id: id.clone(),
            server,
            account,
            started_at: parts.clock.now().unix(),
            step: Step::Discovering,
        };
        self.table().add(sign_in, words, watcher.clone())?;
        let this = self.clone();
        let task_id = id.clone();
        tokio::spawn(async move {
            let last = match flow::run(&this, &task_id, start, inbox, &steps).await {
                Ok(done) => Step::Done(Arc::new(done)),
                Err(error) => {
                    tracing::info!(fault = %error, "a sign-in ended without tokens");
                    Step::Failed(Arc::new(error))
                }
            };
            this.audit_end(&last).await;
            this.table().end(&task_id);
            steps.send_replace(last);
            this.changed();
        });
        self.changed();
        Ok((id, watcher))
    }

    /// A callback from any of the three doors. Returns when the sign-in it belongs to is done with it, or after
    /// [`PAGE_PATIENCE`].
    ///
    /// `only`: the sign-in that a person pasted it for; another one's callback counts as unmatched then.
    pub async fn callback(&self, address: &str, door: Door, only: Option<&SignInId>) -> Delivered {
        let delivered = self.deliver(address, door, only).await;
        let code = match &delivered {
            Delivered::Matched { .. } => return delivered,
            Delivered::Used => Code::CallbackUsed.as_str().to_owned(),
            Delivered::Unmatched => Code::CallbackUnmatched.as_str().to_owned(),
            Delivered::Refused(error) => LoginError::Oauth((**error).clone()).fault().data.code,
        };
        self.stray(code, door.word().to_owned()).await;
        delivered
    }

    /// What came to the listener and was no callback at all, by the status that it got.
    async fn rubbish(&self, status: u16) {
        let code = Code::CallbackMalformed.as_str().to_owned();
        self.stray(code, format!("{}, HTTP status {status}", Door::Loopback.word())).await;
    }

    async fn stray(&self, code: String, note: String) {
        let entry = AuditEntry {
            note: Some(note),
            code: Some(code),
            ..self.entry(AuditAction::StrayCallback, AuditOutcome::Denied)
        };
        // Nothing was changed, so nothing is undone when the audit log is out of order.
        let _ = self.inner.parts.audit.write(entry).await;
    }

    async fn deliver(&self, address: &str, door: Door, only: Option<&SignInId>) -> Delivered {
        let callback = match Callback::parse(address) {
            Ok(callback) => callback,
            Err(error) => return Delivered::Refused(Arc::new(error)),
        };
        let (words, id, watcher) = match self.table().find(&callback) {
            Ok((_, id, _)) if only.is_some_and(|only| *only != id) => return Delivered::Unmatched,
            Ok(found) => found,
            Err(not) => return not,
        };
        let (landed, landing) = oneshot::channel();
        if words.send(Word::Callback { callback: Box::new(callback), door, landed }).await.is_err() {
            return Delivered::Used;
        }
        let landing = match tokio::time::timeout(PAGE_PATIENCE, landing).await {
            Ok(Ok(Ok(landing))) => landing,
            Ok(Ok(Err(error))) => return Delivered::Refused(Arc::new(error)),
            // The task dropped it: it was over, or took another callback first.
            Ok(Err(_)) => return Delivered::Used,
            Err(_) => Landing::UnderWay,
        };
        Delivered::Matched { id, landing, watcher }
    }

    /// Gives up a sign-in.
    ///
    /// # Errors
    /// [`LoginError::NoSuchSignIn`].
    pub async fn cancel(&self, id: &SignInId) -> Result<(), LoginError> {
        self.tell(id, Word::Cancel).await
    }

    /// Tries another redirect. The same kind again means: register anew, the issuer may have forgotten us.
    ///
    /// # Errors
    /// [`LoginError::NoSuchSignIn`].
    pub async fn redirect(&self, id: &SignInId, kind: RedirectKind) -> Result<(), LoginError> {
        self.tell(id, Word::Redirect(kind)).await
    }

    async fn tell(&self, id: &SignInId, word: Word) -> Result<(), LoginError> {
        let words = self.table().words(id).ok_or(LoginError::NoSuchSignIn)?;
        words.send(word).await.map_err(|_| LoginError::NoSuchSignIn)
    }

    /// The steps of a sign-in, also of one that is just over.
    #[must_use]
    pub fn watch(&self, id: &SignInId) -> Option<watch::Receiver<Step>> {
        self.table().watcher(id)
    }

    /// All that wait, and the last that are over.
    #[must_use]
    pub fn list(&self) -> Vec<SignIn> {
        self.table().list()
    }

    /// Goes up whenever a sign-in took a step.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    fn changed(&self) {
        self.inner.changes.send_modify(|n| *n += 1);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nobody panics while holding it; if somebody did, the table is still a table.
        self.inner.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn entry(&self, action: AuditAction, outcome: AuditOutcome) -> AuditEntry {
        audit::entry(self.inner.parts.clock.now().unix(), action, outcome)
    }

    async fn audit_end(&self, last: &Step) {
        let entry = match last {
            Step::Done(done) => AuditEntry {
                account: Some(done.name.clone()),
                ..self.entry(AuditAction::SignIn, AuditOutcome::Ok)
            },
            Step::Failed(error) => AuditEntry {
                code: Some(error.fault().data.code),
                ..self.entry(AuditAction::SignIn, AuditOutcome::Failed)
            },
            _ => return,
        };
        let _ = self.inner.parts.audit.write(entry).await;
    }
}

/// Through which door a callback came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The loopback listener.
    Loopback,
    /// Handed in over the local API, from the custom scheme or by a person.
    Api,
    /// Pasted into the program that waits for it, which hears at once what became of it.
    Pasted,
}

impl Door {
    fn word(self) -> &'static str {
        match self {
            Door::Loopback => "loopback",
            Door::Api => "api",
            Door::Pasted => "pasted",
        }
    }
}

/// The finished ones that are still listed: so that `sign_in.wait` finds an outcome that came a moment earlier.
type Ended<T> = VecDeque<T>;
