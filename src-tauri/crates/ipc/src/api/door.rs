//! The HTTP door: an address on this machine for MCP clients that speak HTTP only, with a key a client.

use serde::{Deserialize, Serialize};

use crate::secret::{self, Secret};

/// `door.set` parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorSet {
    /// Whether it is open, now and after the next start.
    pub open: bool,
    /// The port from now on; the one that it had, or else any, when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
}

/// A key, without the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorKey {
    /// Names it.
    pub id: String,
    /// The account that it is for, by name.
    pub account: String,
    /// The client that it was made for, in the words of whoever made it.
    pub client: String,
    /// When it was made.
    pub made_at: u64,
    /// The address for this key, when the door is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The same over a Unix socket or a named pipe, as VS Code writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_url: Option<String>,
}

/// `door.status` result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// Whether it is to be open.
    pub open: bool,
    /// Its port on 127.0.0.1, once it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// The keys, oldest first.
    pub keys: Vec<DoorKey>,
    /// Why it is not open although it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// `door.make_key` parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorMakeKey {
    /// Name, id, or the server's URL.
    pub account: String,
    /// Which client it is for; shown to the person who allows it.
    pub client: String,
}

/// `door.make_key` result. The key is worth nothing before a person has allowed it, which they are asked at its first use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DoorNewKey {
    /// What is known of it later, too.
    pub made: DoorKey,
    /// To be sent as `Authorization: Bearer …`. Said this once.
    #[serde(serialize_with = "secret::expose")]
    pub key: Secret,
}

/// `door.forget_key` parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorForgetKey {
    /// Which.
    pub id: String,
}
