//! Whether the door is open, at which port, and who has keys; never a key.

use crate::disk::{self, StateFile};
use crate::id::AccountId;
use crate::ledger::Ledger;
use mcp_login_vault::DoorId;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file's name in the data directory.
const FILE_NAME: &str = "door.json";
/// The format that this program writes.
const VERSION: u64 = 1;
/// Keys in all. A person has a handful of clients.
pub(super) const MOST_KEYS: usize = 64;

/// A key's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    /// Under which the keychain has the key.
    pub(crate) id: DoorId,
    /// Whom it opens.
    pub(crate) account: AccountId,
    /// What the person calls the client.
    pub(crate) client: String,
    /// Unix seconds.
    pub(crate) made_at: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contents {
    #[serde(default)]
    pub(super) open: bool,
    /// Chosen once, so that what clients were told stays true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(default)]
    pub(super) keys: Vec<KeyRecord>,
}

/// Reads what was decided.
///
/// # Errors
/// A file of a newer version, or one that cannot be read.
pub(super) fn open(data_dir: &Path) -> Result<Ledger<Contents>, disk::Error> {
    let file = StateFile::new(data_dir.join(FILE_NAME), VERSION);
    let now = file.load::<Contents>()?.value;
    Ok(Ledger::new(file, now))
}
