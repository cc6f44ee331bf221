//! What a sign-out really achieved.
//!
//! Invariant: `confirmed` is only ever said with a proof that the old credential no longer works.

use serde::{Deserialize, Serialize};

/// `account.sign_out` parameters: one account, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignOut {
    /// Name, id, or the server's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Every account; instead of `account`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// `account.sign_out` result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// One an account.
    pub receipts: Vec<Receipt>,
}

/// What became of one account's credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its name.
    pub account: String,
    /// The server's address.
    pub server: String,
    /// The issuer.
    pub issuer: String,
    /// When nothing was handed out any more.
    pub signed_out_at: u64,
    /// One a credential.
    pub lines: Vec<ReceiptLine>,
}

/// What became of one credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptLine {
    /// Which.
    pub what: Credential,
    /// What came of it.
    pub outcome: Outcome,
    /// What `confirmed` rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// Until when it still works if the outcome is not `confirmed`; nothing when nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<u64>,
    /// The code of the trouble, for `queued` and `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What a sign-out has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// RFC 7009.
    RefreshToken,
    /// RFC 7009.
    AccessToken,
    /// RFC 7592, when this was the last account there.
    Registration,
    /// Ours, in the keychain.
    KeychainItem,
    /// The standing approvals for the account.
    Approvals,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It no longer works, and we have seen that.
    Confirmed,
    /// The issuer answered that it is revoked (RFC 7009 §2.2); not yet seen to be refused.
    Accepted,
    /// To be tried again, also after a restart.
    Queued,
    /// The issuer has no such endpoint.
    NotOffered,
    /// It was refused for good; see `code`.
    Failed,
    /// There was none.
    None,
}

/// What `confirmed` rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The server refused it: `invalid_grant` for the refresh token, 401 for the access token.
    ServerRefused,
    /// RFC 7662 said `active: false`, of a token that it had called active before.
    IntrospectionInactive,
    /// The revocation endpoint answered, and nothing better is to be had.
    RevocationAnswered,
    /// It was deleted on this machine, or by RFC 7592.
    Deleted,
}
