//! The client's end of a Unix socket.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::ClientError;
use crate::paths::{self, PathError};

#[derive(Debug)]
pub(super) struct Stream(UnixStream);

impl Stream {
    pub(super) fn open(socket: &Path) -> Result<Self, ClientError> {
        match paths::check_run_dir(socket) {
            Err(PathError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(ClientError::NotRunning);
            }
            other => other?,
        }
        let stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotRunning,
            _ => ClientError::Lost(error),
        })?;
        match crate::peer::uid(&stream) {
            Ok(uid) if uid == rustix::process::geteuid().as_raw() => Ok(Self(stream)),
            Ok(_) => Err(ClientError::NotOurs { path: socket.to_owned() }),
            Err(error) => Err(ClientError::Lost(error)),
        }
    }

    /// Another handle of the same connection.
    pub(super) fn another(&self) -> io::Result<Self> {
        let other = self.0.try_clone()?;
        other.set_read_timeout(None)?;
        other.set_write_timeout(None)?;
        Ok(Self(other))
    }

    /// Ends the connection for both directions; who reads it in another thread wakes up.
    pub(super) fn hang_up(&self) {
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }

    pub(super) fn read(&mut self, into: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        loop {
            self.0.set_read_timeout(left(deadline)?)?;
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Waits for ever, on [`another`](Self::another) handle: that one has no time-out to be taken away first.
    pub(super) fn read_on(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Writes what fits. An error means that nothing of it was taken.
    pub(super) fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    pub(super) fn write(&mut self, bytes: &[u8], deadline: Option<Instant>) -> io::Result<()> {
        let mut rest = bytes;
        let mut bounded = false;
        while !rest.is_empty() {
            // the first write of a short line never waits: the socket's buffer is empty and larger
            if !bounded && (rest.len() < bytes.len() || bytes.len() > 4096) {
                self.0.set_write_timeout(left(deadline)?)?;
                bounded = true;
            }
            match self.0.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The time that is left; a zero timeout means "for ever" to the system, so the end is an error of ours.
fn left(deadline: Option<Instant>) -> io::Result<Option<Duration>> {
    let Some(deadline) = deadline else { return Ok(None) };
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(Some(left.max(Duration::from_millis(1)))),
    }
}
