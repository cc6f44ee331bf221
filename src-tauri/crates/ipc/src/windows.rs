//! What Windows' part of transports and provenance share: handles, SIDs, wide strings.
#![allow(unsafe_code)]

use std::ffi::OsStr;
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};

use windows_sys::Win32::Foundation::{HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::{ConvertSidToStringSidW, GetSecurityInfo, SE_OBJECT_TYPE};
use windows_sys::Win32::Security::{
    GetTokenInformation, OWNER_SECURITY_INFORMATION, PSID, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, OpenProcess, OpenProcessToken, PROCESS_QUERY_LIMITED_INFORMATION,
};

/// With a closing zero.
pub(crate) fn wide(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

/// The SID of the user that this process runs as, as text.
pub(crate) fn own_sid() -> io::Result<String> {
    // SAFETY: takes nothing, and the pseudo handle that it gives needs no closing.
    user_of(unsafe { GetCurrentProcess() })
}

/// A process, for looking at only. The handle keeps its id from being given to another one.
pub(crate) fn open_process(pid: u32) -> io::Result<OwnedHandle> {
    // SAFETY: takes no pointer.
    let handle = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new handle that nobody else owns.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// The SID of the user that a process runs as.
pub(crate) fn user_of(process: HANDLE) -> io::Result<String> {
    let mut token: HANDLE = std::ptr::null_mut();
    // SAFETY: `process` is open, and `token` lives through the call.
    if unsafe { OpenProcessToken(process, TOKEN_QUERY, &mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new handle that nobody else owns.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };
    // TOKEN_USER and the SID behind it: a SID has at most 68 bytes. u64 for the alignment.
    let mut room = [0u64; 32];
    let mut length = 0;
    // SAFETY: the room is as large as is said, aligned for TOKEN_USER, and lives through the call.
    let done = unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenUser,
            room.as_mut_ptr().cast(),
            size_of_val(&room) as u32,
            &mut length,
        )
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has put a TOKEN_USER there, whose SID lies behind it in `room`.
    let sid = unsafe { (*room.as_ptr().cast::<TOKEN_USER>()).User.Sid };
    sid_text(sid)
}

/// The SID of an object's owner.
pub(crate) fn owner_of(object: HANDLE, kind: SE_OBJECT_TYPE) -> io::Result<String> {
    let mut owner: PSID = std::ptr::null_mut();
    let mut descriptor = std::ptr::null_mut();
    // SAFETY: `object` is open with READ_CONTROL; unwanted parts may be null, the wanted ones live through the call.
    let status = unsafe {
        GetSecurityInfo(
            object,
            kind,
            OWNER_SECURITY_INFORMATION,
            &mut owner,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            &mut descriptor,
        )
    };
    if status != 0 {
        return Err(io::Error::from_raw_os_error(status as i32));
    }
    let text = if owner.is_null() { Err(io::ErrorKind::NotFound.into()) } else { sid_text(owner) };
    // SAFETY: the system made it for us with LocalAlloc, and `owner`, which points into it, is used no more.
    unsafe { LocalFree(descriptor) };
    text
}

fn sid_text(sid: PSID) -> io::Result<String> {
    let mut text = std::ptr::null_mut();
    // SAFETY: `sid` is a SID by both callers, and `text` lives through the call.
    if unsafe { ConvertSidToStringSidW(sid, &mut text) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut letters = Vec::new();
    for at in 0.. {
        // SAFETY: the system made a string with a closing zero, and reading stops there.
        match unsafe { *text.add(at) } {
            0 => break,
            letter => letters.push(letter),
        }
    }
    // SAFETY: the system made it for us with LocalAlloc.
    unsafe { LocalFree(text.cast()) };
    Ok(String::from_utf16_lossy(&letters))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn our_sid_is_one_and_our_process_has_it() {
        let sid = own_sid().unwrap();
        assert!(sid.starts_with("S-1-5-"), "{sid}");
        let own = open_process(std::process::id()).unwrap();
        assert_eq!(user_of(own.as_raw_handle()).unwrap(), sid);
    }
}
