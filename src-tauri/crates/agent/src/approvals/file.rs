//! What tells a program's file from another one of the same name.
//!
//! Invariant: a file that the system's owner keeps is the same program whatever an update makes of it; any other file that
//! changed in any way is another program.

use mcp_login_ipc::provenance;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What tells one file from another of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    /// Device; 0 where there is none.
    pub device: u64,
    /// Inode; 0 where there is none.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Last change, nanoseconds since 1970.
    pub modified: u64,
    /// Whether the system's owner (root) owns it: then who changed it could change anything.
    pub owner: Owner,
}

/// Who owns a program's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// root.
    System,
    /// A person.
    Person,
}

impl From<provenance::FileIdentity> for FileIdentity {
    fn from(file: provenance::FileIdentity) -> Self {
        let provenance::FileIdentity { device, inode, size, modified, owner } = file;
        let owner = match owner {
            provenance::FileOwner::System => Owner::System,
            provenance::FileOwner::Person => Owner::Person,
        };
        Self { device, inode, size, modified, owner }
    }
}

impl FileIdentity {
    /// Of a file, links followed.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        provenance::FileIdentity::of(path).ok().map(Self::from)
    }

    /// Whether `now` is still the program that was approved as `self`.
    pub(super) fn still(&self, now: Option<FileIdentity>) -> bool {
        now.is_some_and(|now| now == *self || self.owner == Owner::System && now.owner == Owner::System)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_system_owner_may_update_a_program() {
        let one = FileIdentity { device: 1, inode: 1, size: 1, modified: 1, owner: Owner::System };
        let two = FileIdentity { inode: 2, ..one };
        assert!(one.still(Some(two)));
        assert!(!one.still(Some(FileIdentity { owner: Owner::Person, ..two })));
        assert!(!FileIdentity { owner: Owner::Person, ..one }.still(Some(two)));
        assert!(!one.still(None));
    }
}
