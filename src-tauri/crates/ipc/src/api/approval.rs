//! A person's decision: this subject may use this account with these scopes, until then.

use serde::{Deserialize, Serialize};

use super::audit::Caller;

/// How long an approval holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// The one request that asked.
    Once,
    /// While the subject's process lives.
    Process,
    /// Twelve hours of running time.
    TwelveHours,
    /// Until it is removed, the program changes, or the account is signed out.
    Always,
    /// A no that holds until it is removed: the question is not asked again.
    Never,
}

/// Where an approval comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalSource {
    /// A person said so.
    Person,
    /// The policy file says so.
    Policy,
}

/// How strongly the system vouches for the caller's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// The process was pinned while it was looked at.
    Pinned,
    /// Process id and start time only: a quick process could have taken the id over.
    PidWithStart,
}

/// What kind of program the subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A program of its own.
    Program,
    /// Only a shell is known: whatever runs in it is meant.
    BareShell,
    /// Only an interpreter is known: whatever script it runs is meant.
    BareInterpreter,
}

/// What a program's signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The system has checked it, up to an authority that it trusts.
    Verified,
    /// It only says that the file is whole: anybody can make one.
    Adhoc,
    /// There is none, or it does not hold.
    Unsigned,
}

/// Who signed a program, as the system says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signer {
    /// The name in the certificate; only when it was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is worth.
    pub trust: Trust,
}

/// Whom an approval is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The executable.
    pub program: String,
    /// Its short name.
    pub name: String,
    /// What kind it is.
    pub kind: SubjectKind,
    /// The script, where an interpreter runs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Who signed the executable; nothing where the system does not say (Linux).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<Signer>,
}

/// A decision that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id, for `approval.remove`; nothing removes a policy's but an edit of the file.
    pub id: String,
    /// Whom it is for.
    pub subject: Subject,
    /// The account's name.
    pub account: String,
    /// Nothing: all scopes of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// How long.
    pub until: Until,
    /// Where it comes from.
    pub source: ApprovalSource,
    /// When it was given.
    pub granted_at: u64,
    /// When it ends by the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// When it last let somebody in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<u64>,
}

/// What a person answered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormerAnswer {
    /// Yes, for one request.
    Once,
    /// Yes, while the process lived.
    Process,
    /// Yes, for twelve hours.
    TwelveHours,
    /// Yes.
    Always,
    /// No, for good.
    Never,
    /// No, that time.
    Denied,
}

/// An answer that a person gave before, about the same program and account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Before {
    /// Which.
    pub until: FormerAnswer,
    /// When.
    pub at: u64,
}

/// Why a program that was approved is asked about again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// Its file is another one now.
    File,
}

/// A question that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingApproval {
    /// Its id.
    pub id: String,
    /// Whom it is about.
    pub subject: Subject,
    /// Who really asked, and through whom.
    pub caller: Caller,
    /// The account's name.
    pub account: String,
    /// The server's address.
    pub server: String,
    /// The issuer.
    pub issuer: String,
    /// Who is signed in, when the issuer says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What the account's token may do.
    pub scopes: Vec<String>,
    /// When it was asked.
    pub asked_at: u64,
    /// When it is denied for want of an answer.
    pub expires_at: u64,
    /// What was answered before, the newest first; at most five.
    pub before: Vec<Before>,
    /// Set when an approval fell because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Changed>,
}

/// `approval.list` result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// Those that stand.
    pub standing: Vec<Approval>,
    /// Those that wait.
    pub pending: Vec<PendingApproval>,
}

/// `approval.grant` parameters: answers a question, or lets a program in beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalGrant {
    /// The question; or `program`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// An executable's absolute path; or `pending`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Name, id, or the server's URL.
    pub account: String,
    /// Nothing: all scopes of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// How long.
    pub until: Until,
}

/// `approval.grant` result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalGranted {
    /// What stands now.
    pub approval: Approval,
}

/// `approval.deny` parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalDeny {
    /// The question.
    pub pending: String,
}

/// `approval.remove` parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRemove {
    /// The approval's id.
    pub id: String,
}

/// `approval.ask` parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalAsk {
    /// The question; or the id of a `never`, which is asked about anew.
    pub pending: String,
}

/// `approval.request` parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// An executable's absolute path.
    pub program: String,
    /// Name, id, or the server's URL.
    pub account: String,
}

/// What came of asking beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestedState {
    /// It may already.
    Allowed,
    /// A person said never.
    Refused,
    /// A person is asked now, in the consent window.
    Asked,
    /// The question waits for `mcp-login approvals`, or for the first use.
    Waiting,
}

/// `approval.request` result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequested {
    /// What came of it.
    pub state: RequestedState,
    /// The question, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
}
