//! The other side's user, from the system.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

/// The effective user id at the other end of a Unix socket when it connected or listened.
///
/// # Errors
/// What the system says.
pub(crate) fn uid(socket: &impl AsFd) -> io::Result<u32> {
    let fd = socket.as_fd().as_raw_fd();
    #[cfg(target_os = "linux")]
    {
        credentials(fd).map(|peer| peer.uid)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let (mut uid, mut gid) = (0, 0);
        // SAFETY: the descriptor is open for the borrow, and both pointers live through the call.
        match unsafe { libc::getpeereid(fd, &mut uid, &mut gid) } {
            0 => Ok(uid),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// `SO_PEERCRED`.
#[cfg(target_os = "linux")]
pub(crate) fn credentials(fd: std::os::fd::RawFd) -> io::Result<libc::ucred> {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `peer` has the size that `length` says, and both live through the call.
    let status = unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut peer).cast(), &mut length)
    };
    if status == 0 && length as usize == size_of::<libc::ucred>() {
        Ok(peer)
    } else {
        Err(io::Error::last_os_error())
    }
}
