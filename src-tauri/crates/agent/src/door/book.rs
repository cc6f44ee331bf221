//! Whether the door is open, at which port, and who has keys; never a key.

use crate::disk::{self, StateFile};
use crate::id::AccountId;
use mcp_login_vault::DoorId;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// The file and what it says. Changed on disk first.
#[derive(Debug)]
pub(super) struct Book {
    file: StateFile,
    turn: tokio::sync::Mutex<()>,
    contents: Mutex<Contents>,
}

impl Book {
    /// # Errors
    /// A file of a newer version, or one that cannot be read.
    pub(super) fn open(data_dir: &Path) -> Result<Self, disk::Error> {
        let file = StateFile::new(data_dir.join(FILE_NAME), VERSION);
        let contents = Mutex::new(file.load::<Contents>()?.value);
        Ok(Self { file, turn: tokio::sync::Mutex::default(), contents })
    }

    pub(super) fn read(&self) -> Contents {
        self.lock().clone()
    }

    /// Stores a change, then shows it.
    ///
    /// # Errors
    /// When it cannot be stored; nothing changes then.
    pub(super) async fn change(&self, change: impl FnOnce(&mut Contents)) -> Result<(), disk::Error> {
        let _turn = self.turn.lock().await;
        let mut next = self.read();
        change(&mut next);
        let file = self.file.clone();
        let stored = next.clone();
        let path = self.file.path().to_owned();
        tokio::task::spawn_blocking(move || file.store(&stored))
            .await
            .unwrap_or_else(|_| Err(disk::Error::Io { path, source: std::io::ErrorKind::Other.into() }))?;
        *self.lock() = next;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
