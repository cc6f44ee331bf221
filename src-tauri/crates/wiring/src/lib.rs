//! MCP clients on this computer: which are there, what is wired for them, and the changes in their files, each shown
//! before it is made and put back on request.
//!
//! Problem: command and window change files that belong to other programs. Invariant: nothing is written that was not
//! planned and could be shown; a file is changed only while it is what it was when the change was planned; before it is
//! changed a copy of it lies in our own directory; and a file that cannot be read stays as it is.

#![forbid(unsafe_code)]

mod drift;
mod error;
mod file;
mod here;
mod key;
mod plan;
mod record;
mod remotes;
mod undo;
mod wire;

pub use drift::{Drift, Drifted};
pub use error::WiringError;
pub use here::{Found, Here};
pub use key::{entry_name, same_server};
pub use mcp_login_clients::{Client, Format, Host, Hunk, Line, Occupied, Sign, Via, Written};
pub use plan::{Change, Done, Plan};
pub use record::Wired;
pub use remotes::{Known, RemoteServer, Unread};
pub use wire::{Account, Door, Scope, Wish};

use mcp_login_clients::table;
use std::path::{Path, PathBuf};

/// What is wired on this computer, and the way to change it.
#[derive(Clone, Debug)]
pub struct Wirings {
    pub(crate) root: PathBuf,
    pub(crate) here: Here,
}

impl Wirings {
    /// `data` is our data directory.
    #[must_use]
    pub fn new(data: &Path, here: Here) -> Self {
        Self { root: data.join("clients"), here }
    }

    /// All clients that can be connected, installed or not.
    ///
    /// # Errors
    /// A mistake in the table.
    pub fn known(&self) -> Result<&'static [Client], WiringError> {
        Ok(table()?)
    }

    /// The client of that name.
    ///
    /// # Errors
    /// [`WiringError::NoSuchClient`].
    pub fn client(&self, id: &str) -> Result<&'static Client, WiringError> {
        let wanted = id.to_ascii_lowercase();
        let found = table()?.iter().find(|c| c.id == wanted || c.name.to_ascii_lowercase() == wanted);
        found.ok_or_else(|| WiringError::NoSuchClient {
            client: id.to_owned(),
            known: table().unwrap_or_default().iter().map(|c| c.id.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// What is wired, the oldest first.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn wired(&self) -> Result<Vec<Wired>, WiringError> {
        Ok(record::Record::read(&self.root)?.wired)
    }
}
