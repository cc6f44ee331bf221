//! Handing out an access token.

use serde::{Deserialize, Serialize};

use crate::secret::{self, Secret};

/// `token.get` parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenGet {
    /// Name, id, or the server's URL.
    pub account: String,
    /// The generation that the caller has and that the server refused: wants a newer one. At most one forced refresh a
    /// generation, however many ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer_than: Option<u64>,
    /// Seconds that the token has to live at least; bounded by the agent to half the token's lifetime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ttl: Option<u64>,
    /// The caller is an MCP client's header helper, which is not told why it is called: for a connection, or because the
    /// server refused the last token. One that may have been handed out before is tried at the server first, and renewed only
    /// when it is refused; and a person is told at once when a sign-in is needed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub helper: bool,
}

/// `token.get` result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenGrant {
    /// RFC 6749 §1.4.
    #[serde(serialize_with = "secret::expose")]
    pub access_token: Secret,
    /// RFC 6749 §7.1, as the issuer spelled it.
    pub token_type: String,
    /// When it ends; nothing when the issuer does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// For `newer_than`.
    pub generation: u64,
    /// The account's name.
    pub account: String,
    /// The server's address: the only place where this token may be sent.
    pub server: String,
    /// What was granted.
    pub scope: Vec<String>,
}
