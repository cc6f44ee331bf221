//! When it was asked last, what came of it, and what was told; over restarts.

use crate::disk::{self, StateFile};
use crate::ledger::Ledger;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file's name in the data directory.
const FILE_NAME: &str = "updates.json";
/// The format that this program writes.
const VERSION: u64 = 1;

/// The newest version that somebody named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Without its `v`.
    pub(super) version: String,
    /// Its page.
    pub(super) page: String,
    /// Unix seconds.
    pub(super) looked_at: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contents {
    /// Unix seconds of the last request, whatever came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) asked_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) known: Option<Known>,
    /// The version that subscribers were told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) told: Option<String>,
}

/// Reads it.
///
/// # Errors
/// A file of a newer version, or one that cannot be read.
pub(super) fn open(data_dir: &Path) -> Result<Ledger<Contents>, disk::Error> {
    let file = StateFile::new(data_dir.join(FILE_NAME), VERSION);
    let now = file.load::<Contents>()?.value;
    Ok(Ledger::new(file, now))
}
