//! The record of what was done, for whom. No entry ever holds a token.

use serde::{Deserialize, Serialize};

use super::approval::{Signer, Strength, Subject};

/// What a process of the caller's chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Ours: passes the question on to who started it.
    Ours,
    /// A shell, or a program that only runs others.
    Shell,
    /// Runs scripts.
    Interpreter,
    /// The session itself.
    Session,
    /// Everything else.
    Program,
}

/// One process of the caller's chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CallerProcess {
    /// Its id at the time.
    pub pid: u32,
    /// The executable; nothing when the system does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Its short name.
    pub name: String,
    /// What it is; nothing in entries of versions that did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Who signed it; nothing where the system does not say, or was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<Signer>,
}

/// Who asked, as the system said at accept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Caller {
    /// Whom approvals are for; nothing when the agent itself acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// The caller first, then its ancestors up to the subject.
    pub chain: Vec<CallerProcess>,
    /// How sure that is.
    pub strength: Strength,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAction {
    /// The agent began to serve.
    AgentStarted,
    /// The agent ended.
    AgentStopped,
    /// A token was handed out, or refused.
    Token,
    /// A program's link carried its first message, or was refused. One entry a link, not one a message.
    Gateway,
    /// The HTTP door was opened or closed, or a key was made or taken away.
    Door,
    /// Tokens were rotated.
    Refresh,
    /// A sign-in was begun.
    SignInStarted,
    /// A sign-in ended.
    SignIn,
    /// A callback that belonged to no sign-in.
    StrayCallback,
    /// An account was signed out.
    SignOut,
    /// A queued revocation was tried again.
    Revocation,
    /// An account was renamed.
    Rename,
    /// A look at a server was begun, for whoever runs it.
    ServerExamined,
    /// A person was asked.
    ApprovalAsked,
    /// A person, or the policy, agreed.
    ApprovalGranted,
    /// A person said no, or nobody answered.
    ApprovalDenied,
    /// An approval was removed, or fell because its program changed.
    ApprovalRemoved,
    /// A connection was refused before it could ask.
    ConnectionRefused,
    /// A file was kept aside because it could not be read.
    FileKeptAside,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// Done.
    Ok,
    /// Not allowed.
    Denied,
    /// Tried, and it did not work.
    Failed,
}

/// One line of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Goes up by one.
    pub seq: u64,
    /// When.
    pub at: u64,
    /// What.
    pub action: AuditAction,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// The account's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The server's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The token set's generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// The code of the trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A word more, bounded and without a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `audit.read` parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRead {
    /// Entries after this `seq`; the newest ones when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Entries before this `seq`, the newest of them: to page back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// At most so many; 100 when missing, bounded to 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// New ones follow as notifications `audit.entry`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follow: bool,
}

/// `audit.read` result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// Oldest first.
    pub entries: Vec<AuditEntry>,
    /// For the next `after`.
    pub next: u64,
}
