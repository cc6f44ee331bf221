//! Who is the first of us.
//!
//! Problem: two trays of one person, and two that answer the same notification. Invariant: the lock is the system's, on a
//! file that only marks the place; it falls with the process, so that a crash leaves nothing to clean up. No socket and no
//! bus name, which another program could take first.

use std::fs::{File, TryLockError};
use std::path::Path;

use mcp_login_ipc::{Code, Fault};

/// The file, in the data directory.
const FILE_NAME: &str = "desktop.lock";

/// Held as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    /// Closing alone would leave it to a child that is just being started: until it executes its program it shares the file.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Takes the lock; nothing when another process has it.
///
/// # Errors
/// When there can be no such file.
pub(crate) fn take(data_dir: &Path) -> Result<Option<Lock>, Fault> {
    let path = data_dir.join(FILE_NAME);
    let unwritable = |error: std::io::Error| {
        Fault::new(Code::FileUnwritable)
            .detail("file", path.to_string_lossy())
            .detail("reason", error.to_string())
    };
    make_private(data_dir).map_err(unwritable)?;
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(unwritable(error)),
    }
}

/// The data directory, as the agent makes it when it is the first to need it.
fn make_private(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("new");
        let first = take(&data).unwrap();
        assert!(first.is_some());
        assert!(take(&data).unwrap().is_none());
        drop(first);
        assert!(take(&data).unwrap().is_some());
    }
}
