//! Where things lie, found without trusting the environment.
//!
//! Problem: programs that start header helpers strip the environment; a socket path from `XDG_*` would then be another
//! one, a second agent would start, and two agents spend the same refresh token. Invariant: the socket's path comes
//! from the user id; its directory is owned by us, 0700, no link, and that is checked at every start and connect.
//! `MCP_LOGIN_HOME` overrides everything at once, for tests and the demo.

use std::io;
use std::path::{Path, PathBuf};

use crate::identity;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

/// Overrides all directories and the socket at once.
pub const HOME_VARIABLE: &str = "MCP_LOGIN_HOME";

/// The directories and the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Settings, for people to edit.
    pub config_dir: PathBuf,
    /// Accounts, registrations, approvals, audit log, lock.
    pub data_dir: PathBuf,
    /// The socket; on Windows the pipe's name.
    pub socket: PathBuf,
}

/// Why there are no paths, or why they cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// The user has no home directory.
    #[error("this user has no home directory")]
    NoHome,
    /// `MCP_LOGIN_HOME` is no absolute path.
    #[error("MCP_LOGIN_HOME is not an absolute path")]
    HomeNotAbsolute,
    /// The socket's path does not fit into a socket address.
    #[error("{} is too long for a socket", path.display())]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// The socket's directory is not what it must be.
    #[error("{} cannot be trusted: {reason}", path.display())]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: Distrust,
    },
    /// The system says no.
    #[error("{}", path.display())]
    Io {
        /// What was looked at.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What is wrong with the socket's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// It is a symbolic link.
    #[error("it is a symbolic link")]
    Link,
    /// It is no directory.
    #[error("it is no directory")]
    NotADirectory,
    /// It belongs to somebody else.
    #[error("it belongs to another user")]
    Owner,
    /// Others may enter it.
    #[error("others may enter it (its mode is not 0700)")]
    Mode,
}

impl Paths {
    /// This user's.
    ///
    /// # Errors
    /// [`PathError::NoHome`], [`PathError::HomeNotAbsolute`].
    pub fn find() -> Result<Self, PathError> {
        match std::env::var_os(HOME_VARIABLE).filter(|value| !value.is_empty()) {
            Some(home) => Self::under(Path::new(&home)),
            None => {
                let dirs = directories::ProjectDirs::from("io.github", "", identity::DIRECTORY_NAME)
                    .ok_or(PathError::NoHome)?;
                Ok(Self {
                    config_dir: dirs.config_dir().to_owned(),
                    data_dir: dirs.data_local_dir().to_owned(),
                    socket: Self::find_socket()?,
                })
            }
        }
    }

    /// The socket of the HTTP door, beside the agent's own; on Windows the pipe's name.
    #[must_use]
    pub fn door(&self) -> PathBuf {
        if cfg!(windows) {
            let mut name = self.socket.clone().into_os_string();
            name.push(".door");
            name.into()
        } else {
            self.socket.with_file_name("door.sock")
        }
    }

    /// The socket alone: all that a client needs, at a fraction of the cost.
    ///
    /// # Errors
    /// As [`Paths::find`].
    pub fn find_socket() -> Result<PathBuf, PathError> {
        match std::env::var_os(HOME_VARIABLE).filter(|value| !value.is_empty()) {
            Some(home) => Ok(Self::under(Path::new(&home))?.socket),
            None => own_socket(),
        }
    }

    /// Everything under one directory.
    ///
    /// # Errors
    /// [`PathError::HomeNotAbsolute`].
    pub fn under(home: &Path) -> Result<Self, PathError> {
        if !home.is_absolute() {
            return Err(PathError::HomeNotAbsolute);
        }
        Ok(Self { config_dir: home.join("config"), data_dir: home.join("data"), socket: socket_under(home)? })
    }
}

#[cfg(unix)]
pub use unix::{check_run_dir, make_run_dir};
#[cfg(unix)]
use unix::{own_socket, socket_under};
#[cfg(windows)]
use windows::{own_socket, socket_under};
