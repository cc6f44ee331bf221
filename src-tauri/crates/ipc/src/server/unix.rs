//! Serving a Unix socket.
//!
//! Most connections ask for one token and go: their request lies there when they are accepted, and their end often does
//! when they have been answered. So a connection is tried first, and watched only when there is nothing to be had; and it
//! is watched for room to write only when there is none, since else every answer that is read wakes the agent once more.
#![allow(unsafe_code)]

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::task::coop;

use super::BindError;
use crate::paths::{self, Paths};
use crate::provenance::{Denied, Looker, Provenance};

/// The agent's socket. Removed when dropped, if it is still ours.
#[derive(Debug)]
pub struct Listener {
    inner: AsyncFd<UnixListener>,
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
        inner.set_nonblocking(true).map_err(failed)?;
        let inner = watched(inner, Interest::READABLE).map_err(failed)?;
        let meta = std::fs::symlink_metadata(path).map_err(failed)?;
        Ok(Self { inner, path: path.clone(), file: (meta.dev(), meta.ino()) })
    }

    /// The next connection. Look at it before anything it says is read.
    ///
    /// # Errors
    /// What the system says: out of descriptors is the only one to expect, and passes.
    pub async fn accept(&self) -> io::Result<Connection> {
        let stream = self.inner.async_io(Interest::READABLE, accept).await?;
        Ok(Connection { stream: Arc::new(stream), data: None, room: None })
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

/// The next connection, which never blocks: with Linux in one call.
fn accept(listener: &UnixListener) -> io::Result<UnixStream> {
    #[cfg(target_os = "linux")]
    {
        use rustix::net::{SocketFlags, accept_with};
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        Ok(rustix::io::retry_on_intr(|| accept_with(listener, flags))?.into())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }
}

/// Has it watched.
fn watched<T: AsFd + AsRawFd>(socket: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // SAFETY: it is a socket of ours (see the callers), which keeps its one descriptor for as long as it lives, and lives
    // as long as what is returned.
    unsafe { AsyncFd::register_with_interest(socket, interest) }.map_err(io::Error::from)
}

/// One accepted connection.
#[derive(Debug)]
pub struct Connection {
    stream: Arc<UnixStream>,
    /// Watched for what comes, once there was nothing.
    data: Option<AsyncFd<Arc<UnixStream>>>,
    /// Watched for room, once there was none. Through a descriptor of its own: the system watches each once.
    room: Option<AsyncFd<UnixStream>>,
}

impl Connection {
    /// Who is at the other end.
    ///
    /// # Errors
    /// [`Denied`]: answer nothing, and close.
    pub fn identify(&self, looker: &Looker) -> Result<Arc<Provenance>, Denied> {
        looker.look(&self.stream)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Nothing, when it would have to wait.
fn tried(result: io::Result<usize>) -> Option<io::Result<usize>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        other => Some(other),
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // Who always has something to say gives way to the others now and then, as with tokio's own streams.
        let turn = ready!(coop::poll_proceed(cx));
        let mut stream = &*this.stream;
        let read = loop {
            if let Some(data) = &this.data {
                let mut guard = ready!(data.poll_read_ready(cx))?;
                if let Ok(read) = guard.try_io(|_| stream.read(buf.initialize_unfilled())) {
                    break read;
                }
            } else if let Some(read) = tried(stream.read(buf.initialize_unfilled())) {
                break read;
            } else {
                this.data = Some(watched(this.stream.clone(), Interest::READABLE)?);
            }
        };
        turn.made_progress();
        Poll::Ready(read.map(|read| buf.advance(read)))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let turn = ready!(coop::poll_proceed(cx));
        let mut stream = &*this.stream;
        let written = loop {
            if let Some(room) = &this.room {
                let mut guard = ready!(room.poll_write_ready(cx))?;
                if let Ok(written) = guard.try_io(|_| stream.write(bytes)) {
                    break written;
                }
            } else if let Some(written) = tried(stream.write(bytes)) {
                break written;
            } else {
                this.room = Some(watched(this.stream.try_clone()?, Interest::WRITABLE)?);
            }
        };
        turn.made_progress();
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// More than any socket's buffer takes.
    const MUCH: usize = 8 * 1024 * 1024;

    #[tokio::test]
    async fn waits_for_data_and_for_room() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path()).unwrap();
        let listener = Listener::bind(&paths).unwrap();
        let peer = std::thread::spawn(move || {
            let mut stream = UnixStream::connect(&paths.socket).unwrap();
            let mut much = vec![0; MUCH];
            stream.read_exact(&mut much).unwrap();
            stream.write_all(b"thanks").unwrap();
            much.iter().all(|byte| *byte == b'x')
        });
        let exchange = async {
            let mut connection = listener.accept().await.unwrap();
            connection.write_all(&vec![b'x'; MUCH]).await.unwrap();
            assert!(connection.room.is_some(), "there was no room at once");
            let mut words = [0; 6];
            connection.read_exact(&mut words).await.unwrap();
            assert_eq!(&words, b"thanks");
            assert_eq!(connection.read(&mut words).await.unwrap(), 0);
            connection.shutdown().await
        };
        tokio::time::timeout(Duration::from_secs(60), exchange).await.unwrap().unwrap();
        assert!(peer.join().unwrap());
    }

    #[tokio::test]
    async fn what_lies_there_is_taken_without_watching() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path()).unwrap();
        let listener = Listener::bind(&paths).unwrap();
        let mut peer = UnixStream::connect(&paths.socket).unwrap();
        peer.write_all(b"hello").unwrap();
        let mut connection = listener.accept().await.unwrap();
        let mut words = [0; 5];
        connection.read_exact(&mut words).await.unwrap();
        connection.write_all(&words).await.unwrap();
        peer.read_exact(&mut words).unwrap();
        drop(peer);
        assert_eq!(connection.read(&mut words).await.unwrap_or(0), 0);
        assert!(connection.data.is_none() && connection.room.is_none());
    }
}
