//! Why nothing was changed: the fact, with the file and the line, and what to do.

use mcp_login_clients::{EditError, TableError, Via};
use mcp_login_ipc::{Code, Fault};
use std::io;
use std::path::{Path, PathBuf};

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
    #[error("{client} is {found}, and has to be {least} or later.")]
    TooOld {
        /// The client.
        client: String,
        /// What it said.
        found: String,
        /// The first version.
        least: String,
    },
    /// There is no place for its file: the home directory is not known.
    #[error("Where {client} keeps its configuration is not known: there is no home directory.")]
    NoPlace {
        /// The client.
        client: String,
    },
    /// The file, or what is to be changed in it, is not to be edited.
    #[error("{}{}: {error}.", path.display(), error.spot().map_or(String::new(), |spot| format!(", line {}", spot.line)))]
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

    /// As the table has it: code, fact and next step.
    #[must_use]
    pub fn fault(&self) -> Fault {
        let file = |code, path: &Path| Fault::new(code).detail("file", path.to_string_lossy());
        let unread = |path: &Path, at: String, reason: &str, advice: &str| {
            let fault = file(Code::ClientFileUnreadable, path).detail("at", at);
            // The sentence in the table has the full stop.
            fault.detail("reason", reason).detail("advice", advice.trim_end_matches('.'))
        };
        match self {
            WiringError::NoSuchClient { client, known } => Fault::new(Code::NoSuchClient)
                .detail("client", client.as_str())
                .detail("known", known.as_str()),
            WiringError::NoSuchWay { client, .. } => {
                let reason = "it has nothing of that kind";
                Fault::new(Code::NoSuchWay).detail("client", client.as_str()).detail("reason", reason)
            }
            WiringError::NoProject { client } => {
                let reason = "it reads no file in a project";
                Fault::new(Code::NoSuchWay).detail("client", client.as_str()).detail("reason", reason)
            }
            WiringError::TooOld { client, found, least } => Fault::new(Code::ClientTooOld)
                .detail("client", client.as_str())
                .detail("found", found.as_str())
                .detail("least", least.as_str()),
            WiringError::NoPlace { .. } => Fault::new(Code::NoHome),
            WiringError::Edit { path, error: EditError::Occupied { spot, name } } => {
                file(Code::EntryExists, path).detail("line", spot.line).detail("entry", name.as_str())
            }
            WiringError::Edit { path, error: EditError::NotThere { name } } => Fault::new(Code::NotConnected)
                .detail("client", path.to_string_lossy())
                .detail("account", name.as_str()),
            WiringError::Edit { path, error } => {
                let at = error.spot().map_or(String::new(), |spot| format!(", line {}", spot.line));
                unread(path, at, &error.to_string(), error.next())
            }
            WiringError::NotText { path } => {
                unread(path, String::new(), "it is not UTF-8 text", "Store it as UTF-8, and try again.")
            }
            WiringError::TooLarge { path } => unread(
                path,
                String::new(),
                "it is larger than such a file can be",
                "Make the change by hand.",
            ),
            WiringError::ReadOnly { path } => {
                file(Code::ClientFileUnwritable, path).detail("reason", "it is read-only")
            }
            WiringError::NoFile { path, what } => {
                file(Code::ClientFileUnwritable, path).detail("reason", format!("it is {what}"))
            }
            WiringError::Io { path, source } => {
                file(Code::ClientFileUnwritable, path).detail("reason", source.to_string())
            }
            WiringError::Meanwhile { path } => file(Code::ClientFileChanged, path),
            WiringError::NotWired { client, account } => Fault::new(Code::NotConnected)
                .detail("client", client.as_str())
                .detail("account", account.as_str()),
            WiringError::NothingToUndo => Fault::new(Code::NothingToUndo),
            WiringError::NoWayBack { path, copy } => {
                file(Code::NoWayBack, path).detail("copy", copy.to_string_lossy())
            }
            WiringError::Newer { path } => file(Code::FileNewer, path),
            WiringError::Record { path, reason } => {
                file(Code::FileUnreadable, path).detail("reason", reason.as_str())
            }
            WiringError::Table(error) => Fault::new(Code::Internal).detail("reason", error.to_string()),
        }
    }
}
