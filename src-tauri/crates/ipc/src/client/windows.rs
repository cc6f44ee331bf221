//! The client's end of a named pipe.
//!
//! The pipe is opened at identification level, so that a false server cannot act as us, and its owner is checked
//! before a byte is sent. Overlapped, since a plain read has no deadline.
#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::Path;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    ERROR_FILE_NOT_FOUND, ERROR_IO_PENDING, ERROR_PIPE_BUSY, GENERIC_READ, GENERIC_WRITE,
    INVALID_HANDLE_VALUE, WAIT_OBJECT_0,
};
use windows_sys::Win32::Security::Authorization::SE_KERNEL_OBJECT;
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_OVERLAPPED, OPEN_EXISTING, ReadFile, SECURITY_IDENTIFICATION,
    SECURITY_SQOS_PRESENT, WriteFile,
};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Pipes::{GetNamedPipeServerProcessId, WaitNamedPipeW};
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE, WaitForSingleObject};

use super::ClientError;
use crate::windows::{open_process, own_sid, owner_of, user_of, wide};

/// How long to wait for a free instance of the pipe: the agent makes the next one as soon as one is taken.
const FREE_WITHIN_MS: u32 = 2_000;
/// Tries, since another client may be quicker each time.
const TRIES: usize = 50;

#[derive(Debug)]
pub(super) struct Stream {
    pipe: OwnedHandle,
    event: OwnedHandle,
}

impl Stream {
    pub(super) fn open(socket: &Path) -> Result<Self, ClientError> {
        let pipe = open_pipe(socket)?;
        if !is_ours(&pipe).map_err(ClientError::Lost)? {
            return Err(ClientError::NotOurs { path: socket.to_owned() });
        }
        // SAFETY: all parts may be null; a manual-reset event that is not set.
        let event = unsafe { CreateEventW(std::ptr::null(), 1, 0, std::ptr::null()) };
        if event.is_null() {
            return Err(ClientError::Lost(io::Error::last_os_error()));
        }
        // SAFETY: a new handle that nobody else owns.
        let event = unsafe { OwnedHandle::from_raw_handle(event) };
        Ok(Self { pipe, event })
    }

    /// Another handle of the same connection.
    pub(super) fn another(&self) -> io::Result<Self> {
        let pipe = self.pipe.try_clone()?;
        // SAFETY: all parts may be null; a manual-reset event that is not set.
        let event = unsafe { CreateEventW(std::ptr::null(), 1, 0, std::ptr::null()) };
        if event.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new handle that nobody else owns.
        let event = unsafe { OwnedHandle::from_raw_handle(event) };
        Ok(Self { pipe, event })
    }

    /// Ends what another thread waits for on this connection.
    pub(super) fn hang_up(&self) {
        // SAFETY: the pipe is open; null means every operation of this process on it.
        unsafe { CancelIoEx(self.pipe.as_raw_handle(), std::ptr::null()) };
    }

    pub(super) fn read(&mut self, into: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        let length = u32::try_from(into.len()).unwrap_or(u32::MAX);
        let pipe = self.pipe.as_raw_handle();
        let read = self.overlapped(deadline, |state| {
            // SAFETY: the buffer and `state` live until `overlapped` has seen the end of the operation.
            unsafe { ReadFile(pipe, into.as_mut_ptr(), length, std::ptr::null_mut(), state) }
        });
        match read {
            // the other side has closed: the end, as on a socket
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            other => other,
        }
    }

    /// Waits for ever.
    pub(super) fn read_on(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.read(into, None)
    }

    /// Writes what fits. An error means that nothing of it was taken.
    pub(super) fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let pipe = self.pipe.as_raw_handle();
        self.overlapped(None, |state| {
            // SAFETY: the bytes and `state` live until `overlapped` has seen the end of the operation.
            unsafe { WriteFile(pipe, bytes.as_ptr(), length, std::ptr::null_mut(), state) }
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8], deadline: Option<Instant>) -> io::Result<()> {
        let mut rest = bytes;
        let pipe = self.pipe.as_raw_handle();
        while !rest.is_empty() {
            let length = u32::try_from(rest.len()).unwrap_or(u32::MAX);
            let written = self.overlapped(deadline, |state| {
                // SAFETY: the bytes and `state` live until `overlapped` has seen the end of the operation.
                unsafe { WriteFile(pipe, rest.as_ptr(), length, std::ptr::null_mut(), state) }
            })?;
            rest = &rest[written..];
        }
        Ok(())
    }

    /// Starts an operation and waits for its end. After the deadline it is cancelled, and that end is waited for too:
    /// until then the system may write into the buffer.
    fn overlapped(
        &self,
        deadline: Option<Instant>,
        start: impl FnOnce(*mut OVERLAPPED) -> i32,
    ) -> io::Result<usize> {
        // SAFETY: zero is a valid value of this plain C struct.
        let mut state: OVERLAPPED = unsafe { std::mem::zeroed() };
        state.hEvent = self.event.as_raw_handle();
        let mut late = false;
        if start(&mut state) == 0 {
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(ERROR_IO_PENDING as i32) {
                return Err(error);
            }
            let wait = deadline.map_or(INFINITE, |deadline| {
                let left = deadline.saturating_duration_since(Instant::now());
                // one more, since the part of a millisecond is cut; never the number that means "for ever"
                u32::try_from(left.as_millis() + 1).unwrap_or(INFINITE).min(INFINITE - 1)
            });
            // SAFETY: the event is open.
            if unsafe { WaitForSingleObject(self.event.as_raw_handle(), wait) } != WAIT_OBJECT_0 {
                late = true;
                // SAFETY: the pipe is open and `state` is the operation's.
                unsafe { CancelIoEx(self.pipe.as_raw_handle(), &state) };
            }
        }
        let mut moved = 0;
        // SAFETY: the pipe is open and `state` is the operation's; waits until the system is done with both.
        let done = unsafe { GetOverlappedResult(self.pipe.as_raw_handle(), &state, &mut moved, 1) };
        if done != 0 {
            return Ok(moved as usize);
        }
        Err(if late { io::ErrorKind::TimedOut.into() } else { io::Error::last_os_error() })
    }
}

fn open_pipe(socket: &Path) -> Result<OwnedHandle, ClientError> {
    let name = wide(socket.as_os_str());
    for _ in 0..TRIES {
        // SAFETY: the name has a closing zero and lives through the call; the other pointers may be null.
        let handle = unsafe {
            CreateFileW(
                name.as_ptr(),
                GENERIC_READ | GENERIC_WRITE,
                0,
                std::ptr::null(),
                OPEN_EXISTING,
                FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
                std::ptr::null_mut(),
            )
        };
        if handle != INVALID_HANDLE_VALUE {
            // SAFETY: a new handle that nobody else owns.
            return Ok(unsafe { OwnedHandle::from_raw_handle(handle) });
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error().map(|code| code as u32) {
            Some(ERROR_FILE_NOT_FOUND) => return Err(ClientError::NotRunning),
            Some(ERROR_PIPE_BUSY) => {
                // SAFETY: the name has a closing zero and lives through the call.
                if unsafe { WaitNamedPipeW(name.as_ptr(), FREE_WITHIN_MS) } == 0 {
                    // gone meanwhile, or still busy: the next try says which
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            _ if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(ClientError::NotOurs { path: socket.to_owned() });
            }
            _ => return Err(ClientError::Lost(error)),
        }
    }
    Err(ClientError::Silent)
}

/// Whether pipe and server are this user's.
fn is_ours(pipe: &OwnedHandle) -> io::Result<bool> {
    let own = own_sid()?;
    let mut pid = 0;
    // SAFETY: the pipe is open and `pid` lives through the call.
    if unsafe { GetNamedPipeServerProcessId(pipe.as_raw_handle(), &mut pid) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // another user's process cannot be looked at: then it is not ours
    let Ok(server) = open_process(pid) else { return Ok(false) };
    Ok(user_of(server.as_raw_handle())? == own && owner_of(pipe.as_raw_handle(), SE_KERNEL_OBJECT)? == own)
}
