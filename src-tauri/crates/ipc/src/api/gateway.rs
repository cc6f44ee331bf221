//! Links: MCP messages through the agent, which puts the token on; and what waits for a person because of them.

use serde::{Deserialize, Serialize};

/// `gateway.open` parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayOpen {
    /// Name, id, or the server's URL. A URL that nobody signed in to yet will do: its first request waits for the person.
    pub account: String,
    /// What a link that broke had come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<GatewayResume>,
}

/// A conversation that goes on over a new link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayResume {
    /// The client's `initialize` request, its whole line. The server is told it again; its answer goes to nobody.
    pub initialize: String,
    /// Whether the client had said `notifications/initialized`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub initialized: bool,
}

/// `gateway.open` result. From the next byte on the connection carries MCP messages, one a line, in both directions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayOpened {
    /// The account's name; nothing while there is none for the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The server's address: messages go there and nowhere else.
    pub server: String,
    /// The link's number, as `gateway.list` shows it.
    pub link: u64,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayLink {
    /// Its number; changes with every start of the agent.
    pub link: u64,
    /// The account's name; nothing while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The server's address.
    pub server: String,
    /// The program at its other end.
    pub program: String,
    /// Since when.
    pub since: u64,
}

/// Why a person is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionWhy {
    /// There is no account yet, or no longer: add it.
    NoAccount,
    /// The account has to be signed in again.
    NeedsSignIn,
    /// The server wants more scopes than were granted: sign in again, the agent asks for them as well.
    MoreScopes,
}

/// A program waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// The account's name, or what the program asked for when there is none.
    pub account: String,
    /// The server's address; nothing when only a name is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Why.
    pub why: AttentionWhy,
    /// With `more_scopes`: those that are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The program that needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Since when.
    pub since: u64,
}

/// `gateway.list` result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// The links that are open, oldest first.
    pub links: Vec<GatewayLink>,
    /// What waits for a person.
    pub attention: Vec<Attention>,
}
