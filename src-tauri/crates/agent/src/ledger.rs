//! A state file and what it says.
//!
//! Invariant: a change is on disk before anybody sees it; changes take turns, and whoever reads waits for no disk.

use std::sync::{PoisonError, RwLock};

use serde::Serialize;
use tokio::sync::Mutex;

use crate::disk::StateFile;
use crate::failure::Failure;

/// Both.
pub(crate) struct Ledger<T> {
    file: Mutex<StateFile>,
    now: RwLock<T>,
}

impl<T: Clone + Serialize + Send + Sync + 'static> Ledger<T> {
    /// `now` is what the file said when it was loaded.
    pub(crate) fn new(file: StateFile, now: T) -> Self {
        Self { file: Mutex::new(file), now: RwLock::new(now) }
    }

    /// Looks at what holds now.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it: on disk, then in sight.
    ///
    /// # Errors
    /// [`Failure::Disk`]; nothing has changed then.
    pub(crate) async fn edit(&self, change: impl FnOnce(&mut T)) -> Result<(), Failure> {
        let file = self.file.lock().await;
        let mut next = self.read(Clone::clone);
        change(&mut next);
        let path = file.clone();
        let next = tokio::task::spawn_blocking(move || path.store(&next).map(|()| next))
            .await
            .map_err(|_| Failure::Broken)??;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
    struct Sums {
        sum: u64,
    }

    #[tokio::test]
    async fn what_cannot_be_stored_is_not_seen() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("data");
        std::fs::create_dir(&place).unwrap();
        let file = StateFile::new(place.join("sums.json"), 1);
        let ledger = std::sync::Arc::new(Ledger::new(file.clone(), Sums::default()));
        // Many at once, and none is lost.
        let adds = (0..20).map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move { ledger.edit(|sums| sums.sum += 1).await })
        });
        for add in adds.collect::<Vec<_>>() {
            add.await.unwrap().unwrap();
        }
        assert_eq!(ledger.read(Clone::clone), Sums { sum: 20 });
        assert_eq!(file.load::<Sums>().unwrap().value, Sums { sum: 20 });
        std::fs::remove_dir_all(&place).unwrap();
        std::fs::write(&place, "in the way").unwrap();
        assert!(matches!(ledger.edit(|sums| sums.sum = 0).await, Err(Failure::Disk(_))));
        assert_eq!(ledger.read(Clone::clone), Sums { sum: 20 });
    }
}
