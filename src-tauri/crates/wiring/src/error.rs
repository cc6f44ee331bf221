//! Why nothing was changed: the fact, with the file and the line, and what to do.

use mcp_login_clients::{EditError, TableError, Via};
use std::io;
use std::path::PathBuf;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// No such client.
    #[error("There is no client “{client}”.")]
    NoSuchClient {
        /// As named.
        client: String,
        /// Those that there are.
        known: String,
    },
    /// The client cannot be connected this way.
    #[error("{client} cannot be connected by `{}`.", via.as_str())]
    NoSuchWay {
        /// The client.
        client: String,
        /// The way.
        via: Via,
    },
    /// The client reads no file in a project.
    #[error("{client} reads no configuration from a project.")]
    NoProject {
        /// The client.
        client: String,
    },
    /// The client is too old for this way, or does not say how old it is.
    #[error("{client} is {found}; it can be connected by `{}` from version {least} on.", via.as_str())]
    TooOld {
        /// The client.
        client: String,
        /// What it said.
        found: String,
        /// The first version.
        least: String,
        /// The way.
        via: Via,
    },
    /// There is no place for its file: the home directory is not known.
    #[error("Where {client} keeps its configuration is not known: there is no home directory.")]
    NoPlace {
        /// The client.
        client: String,
    },
    /// The file, or what is to be changed in it, is not to be edited.
    #[error("{}, {error}.", path.display())]
    Edit {
        /// The file.
        path: PathBuf,
        /// Why.
        error: EditError,
    },
    /// It is not text as these files are.
    #[error("{} is not UTF-8 text.", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// It is larger than such a file can be.
    #[error("{} is larger than {} MiB.", path.display(), crate::file::LARGEST / 1024 / 1024)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It must not be written.
    #[error("{} is read-only.", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// It is a directory, a device or a link to nowhere.
    #[error("{} is {what}.", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The system says no.
    #[error("{}: {source}.", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// Somebody wrote the file after the change was planned.
    #[error("{} was changed meanwhile.", path.display())]
    Meanwhile {
        /// The file.
        path: PathBuf,
    },
    /// Nothing of that name is wired.
    #[error("{client} has no entry for {account}.")]
    NotWired {
        /// The client.
        client: String,
        /// The account.
        account: String,
    },
    /// There is nothing to take back.
    #[error("There is no change to take back.")]
    NothingToUndo,
    /// A file is not as the change left it, and the way back is not sure.
    #[error("{} was changed since, and the way back is not sure.", path.display())]
    NoWayBack {
        /// The file.
        path: PathBuf,
        /// The copy of what it was.
        copy: PathBuf,
    },
    /// The record was written by a later version.
    #[error("{} was written by a newer version of this program.", path.display())]
    Newer {
        /// The record.
        path: PathBuf,
    },
    /// The record is broken.
    #[error("{} cannot be read: {reason}.", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A mistake of ours.
    #[error("{0}.")]
    Table(#[from] TableError),
}

impl WiringError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            WiringError::NoSuchClient { .. } => "no_such_client",
            WiringError::NoSuchWay { .. } | WiringError::NoProject { .. } => "no_such_way",
            WiringError::TooOld { .. } => "client_too_old",
            WiringError::NoPlace { .. } => "no_home",
            WiringError::Edit { error: EditError::Occupied { .. }, .. } => "entry_exists",
            WiringError::Edit { error: EditError::NotThere { .. }, .. } | WiringError::NotWired { .. } => {
                "not_connected"
            }
            WiringError::Edit { .. } | WiringError::NotText { .. } | WiringError::TooLarge { .. } => {
                "client_file_unreadable"
            }
            WiringError::ReadOnly { .. } | WiringError::NoFile { .. } | WiringError::Io { .. } => {
                "client_file_unwritable"
            }
            WiringError::Meanwhile { .. } => "client_file_changed",
            WiringError::NothingToUndo => "nothing_to_undo",
            WiringError::NoWayBack { .. } => "no_way_back",
            WiringError::Newer { .. } => "file_newer",
            WiringError::Record { .. } => "file_unreadable",
            WiringError::Table(_) => "internal",
        }
    }

    /// What to do.
    #[must_use]
    pub fn next(&self) -> String {
        match self {
            WiringError::NoSuchClient { known, .. } => format!("Choose one of: {known}."),
            WiringError::NoSuchWay { .. } => {
                "Leave `--via` out: every client can be connected by `proxy`.".into()
            }
            WiringError::NoProject { .. } => "Leave `--project` out.".into(),
            WiringError::TooOld { .. } => "Update it, or leave `--via` out.".into(),
            WiringError::NoPlace { .. } => "Set HOME to your home directory.".into(),
            WiringError::Edit { error, .. } => error.next().into(),
            WiringError::NotText { .. } => "Store it as UTF-8 in an editor, and try again.".into(),
            WiringError::TooLarge { .. } => "Make the change by hand.".into(),
            WiringError::ReadOnly { path } => {
                format!("If you want it changed, make {} writable, and try again.", path.display())
            }
            WiringError::NoFile { .. } => "Put a file there, or remove it, and try again.".into(),
            WiringError::Io { .. } => "See that you may read and write it, and try again.".into(),
            WiringError::Meanwhile { .. } => "Run the same again: you are shown the change anew.".into(),
            WiringError::NotWired { .. } => "`mcp-login connect` shows what is connected.".into(),
            WiringError::NothingToUndo => "`mcp-login connect` shows what is connected.".into(),
            WiringError::NoWayBack { copy, .. } => {
                format!("What it was lies in {}; put back by hand what you need of it.", copy.display())
            }
            WiringError::Newer { .. } => "Use the newer version, or move the file away.".into(),
            WiringError::Record { .. } => "Move the file away: what is connected stays so.".into(),
            WiringError::Table(_) => "Report this.".into(),
        }
    }
}
