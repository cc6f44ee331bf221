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

/// Reads it. It is a memory and no more: one that a newer program wrote is begun anew, at the price of a request, where other
/// state keeps an older program from starting.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn open(data_dir: &Path) -> Result<Ledger<Contents>, disk::Error> {
    let file = StateFile::new(data_dir.join(FILE_NAME), VERSION);
    let now = match file.load::<Contents>() {
        Ok(loaded) => loaded.value,
        Err(disk::Error::Newer { .. }) => Contents::default(),
        Err(error) => return Err(error),
    };
    Ok(Ledger::new(file, now))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_newer_memory_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let newer = StateFile::new(dir.path().join(FILE_NAME), VERSION + 1);
        newer.store(&Contents { asked_at: Some(7), ..Contents::default() }).unwrap();
        let book = open(dir.path()).unwrap();
        assert_eq!(book.read(Clone::clone), Contents::default());
        book.edit(|book| book.asked_at = Some(8)).await.unwrap();
        assert_eq!(open(dir.path()).unwrap().read(|book| book.asked_at), Some(8));
    }
}
