//! Serving a named pipe that only this user can open.
#![allow(unsafe_code)]

use std::ffi::OsStr;
use std::io;
use std::os::windows::io::AsRawHandle as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};
use tokio::sync::Mutex;
use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES};

use super::BindError;
use crate::paths::{PathError, Paths};
use crate::provenance::{Denied, Looker, Provenance};
use crate::windows::{own_sid, wide};

/// The agent's pipe.
#[derive(Debug)]
pub struct Listener {
    name: PathBuf,
    guard: Descriptor,
    /// The instance that the next client gets; none when making it failed, and then the next accept tries again.
    next: Mutex<Option<NamedPipeServer>>,
}

impl Listener {
    /// Makes the pipe's first instance.
    ///
    /// Only for who holds the agent's lock. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`BindError::Taken`] when somebody else has a pipe of that name, [`BindError::Io`].
    pub fn bind(paths: &Paths) -> Result<Self, BindError> {
        let name = paths.socket.clone();
        let sid = own_sid().map_err(|source| PathError::Io { path: name.clone(), source })?;
        let guard =
            Descriptor::owner_only(&sid).map_err(|source| BindError::Io { path: name.clone(), source })?;
        match guard.instance(&name, First::Yes) {
            Ok(first) => Ok(Self { name, guard, next: Mutex::new(Some(first)) }),
            // what FILE_FLAG_FIRST_PIPE_INSTANCE says when there is one already
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(BindError::Taken { path: name })
            }
            Err(source) => Err(BindError::Io { path: name, source }),
        }
    }

    /// The next connection. Look at it before anything it says is read.
    ///
    /// # Errors
    /// What the system says.
    pub async fn accept(&self) -> io::Result<Connection> {
        let mut next = self.next.lock().await;
        if next.is_none() {
            *next = Some(self.guard.instance(&self.name, First::No)?);
        }
        if let Some(waiting) = next.as_ref() {
            waiting.connect().await?;
        }
        // the following one before this one is served, so that a client always finds one
        let following = self.guard.instance(&self.name, First::No).ok();
        std::mem::replace(&mut *next, following)
            .map(Connection)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Whether the pipe is where clients look for it: always, as long as it lives.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        true
    }
}

#[derive(Clone, Copy)]
enum First {
    Yes,
    No,
}

/// A security descriptor that lets in its owner and nobody else. Windows' default lets everybody read.
#[derive(Debug)]
struct Descriptor(PSECURITY_DESCRIPTOR);

// SAFETY: the memory is written once, before anybody else can see it, and only read after.
unsafe impl Send for Descriptor {}
// SAFETY: as above.
unsafe impl Sync for Descriptor {}

impl Descriptor {
    fn owner_only(sid: &str) -> io::Result<Self> {
        let text = wide(OsStr::new(&format!("O:{sid}D:P(A;;GA;;;{sid})")));
        let mut descriptor = std::ptr::null_mut();
        // SAFETY: the text has a closing zero and lives through the call, as does `descriptor`; the size is not wanted.
        let done = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &mut descriptor,
                std::ptr::null_mut(),
            )
        };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(descriptor)) }
    }

    fn instance(&self, name: &PathBuf, first: First) -> io::Result<NamedPipeServer> {
        let mut attributes = SECURITY_ATTRIBUTES {
            nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: self.0,
            bInheritHandle: 0,
        };
        let mut options = ServerOptions::new();
        options.first_pipe_instance(matches!(first, First::Yes)).reject_remote_clients(true);
        // SAFETY: a SECURITY_ATTRIBUTES with a descriptor that lives as long as `self`.
        unsafe { options.create_with_security_attributes_raw(name, (&raw mut attributes).cast()) }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: the system made it for us with LocalAlloc.
        unsafe { LocalFree(self.0) };
    }
}

/// One accepted connection.
#[derive(Debug)]
pub struct Connection(NamedPipeServer);

impl Connection {
    /// Who is at the other end.
    ///
    /// # Errors
    /// [`Denied`]: answer nothing, and close.
    pub fn identify(&self, looker: &Looker) -> Result<Arc<Provenance>, Denied> {
        looker.look(self.0.as_raw_handle())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.0).poll_read(cx, buf) {
            // the client has closed: the end, as on a socket
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Poll::Ready(Ok(())),
            other => other,
        }
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
