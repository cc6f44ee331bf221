//! A loopback port that no other program can take while we have it (Windows).
//!
//! Problem: on Windows a second program of the same user may bind a port that is in use, when it asks for address reuse,
//! and gets the browser's callback. Invariant: the sign-in's port is bound with SO_EXCLUSIVEADDRUSE.
#![cfg(windows)]
#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::AsRawSocket as _;
use tokio::net::TcpSocket;
use windows_sys::Win32::Networking::WinSock::{SO_EXCLUSIVEADDRUSE, SOCKET, SOL_SOCKET, setsockopt};

/// Sets the option; before `bind`.
pub(crate) fn take_alone(socket: &TcpSocket) -> io::Result<()> {
    let on: i32 = 1;
    // SAFETY: the socket is open for the length of the call, and the value is four bytes that live as long.
    let result = unsafe {
        setsockopt(
            socket.as_raw_socket() as SOCKET,
            SOL_SOCKET,
            SO_EXCLUSIVEADDRUSE,
            std::ptr::from_ref(&on).cast(),
            size_of::<i32>() as i32,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
