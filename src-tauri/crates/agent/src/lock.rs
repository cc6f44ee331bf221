//! One agent per user.
//!
//! Problem: many programs may start an agent in the same instant, and two agents would rotate the same refresh token
//! and lose it. Invariant: whoever serves the socket or touches the keychain holds this lock, and the lock goes only
//! with the process, because the system releases it however the process ends. The loser leaves without a word.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file's name in the data directory. Never deleted: a deleted lock file can be held twice.
const FILE_NAME: &str = "agent.lock";

/// The right to be the agent of this user, for as long as it lives.
#[derive(Debug)]
pub struct AgentLock {
    file: File,
}

impl Drop for AgentLock {
    /// Closing alone would leave it to a child that is just being started: until it executes its program it shares the file.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another agent holds it: the quiet way out.
    #[error("another agent is running")]
    Held,
    /// The data directory cannot be made or written.
    #[error("the lock file {} cannot be used", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl AgentLock {
    /// Takes the lock without waiting. Makes `data_dir` (0700) when it is missing.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it, [`LockError::Unusable`] when the file cannot be opened.
    pub fn take(data_dir: &Path) -> Result<Self, LockError> {
        let path = data_dir.join(FILE_NAME);
        let unusable = |source| LockError::Unusable { path: path.clone(), source };
        crate::disk::private_dir(data_dir).map_err(unusable)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held),
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        // For a person who looks; nobody reads it. Not on Windows, where a locked file cannot be read by others anyway.
        if cfg!(unix) {
            let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        }
        Ok(Self { file })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn second_taker_loses_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("made/here");
        let first = AgentLock::take(&data).unwrap();
        assert!(matches!(AgentLock::take(&data), Err(LockError::Held)));
        drop(first);
        AgentLock::take(&data).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_made_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, b"").unwrap();
        let error = AgentLock::take(&file.join("data")).unwrap_err();
        assert!(error.to_string().contains("agent.lock"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn lock_and_directory_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let _lock = AgentLock::take(&data).unwrap();
        assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::metadata(data.join(FILE_NAME)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
