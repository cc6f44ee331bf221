//! Pipes by SID.

use std::path::{Path, PathBuf};

use super::PathError;
use crate::identity::DIRECTORY_NAME;

pub(super) fn own_socket() -> Result<PathBuf, PathError> {
    name(None)
}

pub(super) fn socket_under(home: &Path) -> Result<PathBuf, PathError> {
    name(Some(home))
}

/// The pipe's name: our name, the user's SID, and for `MCP_LOGIN_HOME` a hash of the directory.
fn name(home: Option<&Path>) -> Result<PathBuf, PathError> {
    let sid =
        crate::windows::own_sid().map_err(|source| PathError::Io { path: PathBuf::from("SID"), source })?;
    let mut name = format!(r"\\.\pipe\{DIRECTORY_NAME}.{sid}");
    if let Some(home) = home {
        // FNV-1a: two homes of one user must differ, nobody is kept out by it
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in home.to_string_lossy().to_lowercase().bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        name.push_str(&format!(".{hash:016x}"));
    }
    Ok(PathBuf::from(name))
}
