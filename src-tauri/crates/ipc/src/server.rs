//! The agent's end: binding, accepting, and who is at the other end.
//!
//! Invariant: nobody but this user reaches the socket, and an agent that died leaves nothing in the way of the next.
//! What is said over a connection is the agent's business; here is only the way to it.

use std::io;
use std::path::PathBuf;

use crate::paths::PathError;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{Connection, Listener};
#[cfg(windows)]
pub use windows::{Connection, Listener};

/// Why the socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The directory.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Somebody answers there already.
    #[error("somebody else serves {}", path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// The system says no.
    #[error("{} cannot be served", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
