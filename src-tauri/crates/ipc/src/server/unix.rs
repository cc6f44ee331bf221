//! Serving a Unix socket.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};

use super::BindError;
use crate::paths::{self, Paths};
use crate::provenance::{Denied, Looker, Provenance};

/// The agent's socket. Removed when dropped, if it is still ours.
#[derive(Debug)]
pub struct Listener {
    inner: UnixListener,
    path: PathBuf,
    /// Device and inode: somebody may have put another one there.
    file: (u64, u64),
}

impl Listener {
    /// Binds the socket, in a directory that is made when missing and verified always.
    ///
    /// Only for who holds the agent's lock: a socket on which nobody answers is removed, and without the lock two
    /// starters could remove each other's. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(paths: &Paths) -> Result<Self, BindError> {
        let path = &paths.socket;
        let failed = |source| BindError::Io { path: path.clone(), source };
        paths::make_run_dir(path)?;
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(meta) if meta.file_type().is_socket() => {
                match std::os::unix::net::UnixStream::connect(path) {
                    Ok(_) => return Err(BindError::Taken { path: path.clone() }),
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(failed(error)),
                }
                match std::fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                    _ => {}
                }
            }
            // no socket: not ours to delete
            Ok(_) => return Err(BindError::Taken { path: path.clone() }),
        }
        // nobody else can enter the directory; the umask is for the file itself, and for those who copy this
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let bound = UnixListener::bind(path);
        rustix::process::umask(before);
        let inner = bound.map_err(failed)?;
        let meta = std::fs::symlink_metadata(path).map_err(failed)?;
        Ok(Self { inner, path: path.clone(), file: (meta.dev(), meta.ino()) })
    }

    /// The next connection. Look at it before anything it says is read.
    ///
    /// # Errors
    /// What the system says: out of descriptors is the only one to expect, and passes.
    pub async fn accept(&self) -> io::Result<Connection> {
        let (stream, _) = self.inner.accept().await?;
        Ok(Connection(stream))
    }

    /// Whether the socket still lies where clients look for it. When it does not (a cleaner was there), bind anew.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|meta| (meta.dev(), meta.ino()) == self.file)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.is_reachable() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// One accepted connection.
#[derive(Debug)]
pub struct Connection(UnixStream);

impl Connection {
    /// Who is at the other end.
    ///
    /// # Errors
    /// [`Denied`]: answer nothing, and close.
    pub fn identify(&self, looker: &Looker) -> Result<Arc<Provenance>, Denied> {
        looker.look(&self.0)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
