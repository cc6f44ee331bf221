//! One person's sign-in at one server through one issuer.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// What an account's record and its tokens allow right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Tokens are handed out.
    Ready,
    /// The issuer ended the sign-in, or it never finished: a person has to sign in again.
    NeedsSignIn,
    /// The issuer cannot be reached; the stored token serves while it is valid.
    Offline,
    /// The server refused two fresh tokens: no more requests are made until a person acts.
    ServerRefuses,
    /// Being signed out: nothing is handed out.
    Leaving,
    /// The newest tokens could not be written to the keychain yet: a crash now would lose them.
    Unsaved,
    /// The server names another issuer now: nothing is sent there until a person agrees.
    IssuerChanged,
    /// The keychain cannot be read.
    VaultUnavailable,
}

/// How we came to a client identity at the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationKind {
    /// A person gave the client id.
    PreRegistered,
    /// A Client ID Metadata Document.
    MetadataDocument,
    /// RFC 7591.
    Dynamic,
}

/// The redirect that a registration is for: one each, never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectKind {
    /// The private-use scheme.
    Scheme,
    /// `http://127.0.0.1:<port>/…`.
    Loopback,
    /// `http://localhost:<port>/…`, for issuers that know only that.
    Localhost,
    /// Exactly what the person's pre-registered client names.
    Exact,
}

/// Whether the issuer has a revocation endpoint (RFC 7009, RFC 8414 `revocation_endpoint`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// It has.
    Offered,
    /// It has none: a sign-out leaves the access token valid until it expires.
    NotOffered,
}

/// Our client identity, as far as it is no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationView {
    /// How we came to it.
    pub kind: RegistrationKind,
    /// `client_id`.
    pub client_id: String,
}

/// How we know when a sign-in will end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndsBy {
    /// The issuer said so with the tokens (`refresh_expires_in`).
    Announced,
    /// What is known of this provider.
    Profile,
    /// Former sign-ins of this account ended after that time.
    History,
}

/// The server moved to another issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerChange {
    /// Where the tokens are from.
    pub old: String,
    /// What the server names now.
    pub new: String,
}

/// An account, without a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Never changes and is never used again.
    pub id: String,
    /// What a person calls it; unique, and can change.
    pub name: String,
    /// The server's address as it was typed.
    pub server: String,
    /// The canonical resource URI (RFC 8707).
    pub resource: String,
    /// The issuer, byte for byte.
    pub issuer: String,
    /// Who is signed in, from the ID token; nothing when the issuer does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What was granted.
    pub scope: Vec<String>,
    /// What was asked for.
    pub asked_scope: Vec<String>,
    /// What holds now.
    pub state: AccountState,
    /// The code of the trouble, when the state is not `ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Goes up with every stored token set.
    pub generation: u64,
    /// When the access token ends; nothing when the issuer does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// When the agent will rotate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_rotation_at: Option<u64>,
    /// When it last did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_rotation_at: Option<u64>,
    /// When the person signed in.
    pub signed_in_at: u64,
    /// When the sign-in itself will probably end, and a person has to sign in again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<u64>,
    /// How that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_by: Option<EndsBy>,
    /// Our client identity there.
    pub registration: RegistrationView,
    /// Its redirect.
    pub redirect_kind: RedirectKind,
    /// What a sign-out can do there.
    pub revocation: Revocation,
    /// Set when the state is `issuer_changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_change: Option<IssuerChange>,
}

/// `account.list` result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// All of them, by name.
    pub accounts: Vec<Account>,
}

/// `account.status` parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountStatus {
    /// Name, id, or the server's URL.
    pub account: String,
    /// Ask the issuer (RFC 7662) and the server whether the token is good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
}

/// What one side said of the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// What the issuer's introspection endpoint said.
    pub introspection: Verdict,
    /// What the MCP server said.
    pub server: Verdict,
    /// Why, where a verdict is `unreachable` or `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// When.
    pub at: u64,
}

/// One answer to "is this token good?".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is.
    Active,
    /// It is not.
    Inactive,
    /// We may not ask.
    Refused,
    /// There is nobody to ask.
    NotOffered,
    /// No answer.
    Unreachable,
}

/// `account.status` result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStatusResult {
    /// The account.
    pub account: Account,
    /// With `verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
}

/// `account.refresh` parameters: rotate now, whatever the clock says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRefresh {
    /// Name, id, or the server's URL.
    pub account: String,
}

/// `account.refresh` result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refreshed {
    /// Of the new token set.
    pub generation: u64,
    /// When the new access token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

/// `account.rename` parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRename {
    /// Name, id, or the server's URL.
    pub account: String,
    /// The new name.
    pub name: String,
}

/// `account.rename` result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountResult {
    /// As it is now.
    pub account: Account,
}
