//! What Windows itself says, past every program of ours: who may open a pipe, which credentials are kept, and whether this
//! is Wine.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};

use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, LocalFree, SetHandleInformation, WAIT_OBJECT_0};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1, SE_KERNEL_OBJECT,
};
use windows_sys::Win32::Security::Credentials::{CREDENTIALW, CredEnumerateW, CredFree};
use windows_sys::Win32::Security::{DACL_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};
use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_SYNCHRONIZE, WaitForSingleObject};

/// Whether this is Wine, which leaves some rules of Windows unenforced.
pub fn is_wine() -> bool {
    // SAFETY: both names have a closing zero; ntdll is in every process.
    unsafe {
        let ntdll = GetModuleHandleA(c"ntdll.dll".as_ptr().cast());
        !ntdll.is_null() && GetProcAddress(ntdll, c"wine_get_version".as_ptr().cast()).is_some()
    }
}

/// Whether a child of ours has ended. We hold it open, so its id is not another's.
pub fn has_ended(child: u32) -> bool {
    // SAFETY: takes no pointer.
    let process = unsafe { OpenProcess(PROCESS_SYNCHRONIZE, 0, child) };
    if process.is_null() {
        return true;
    }
    // SAFETY: a new handle that nobody else owns.
    let process = unsafe { OwnedHandle::from_raw_handle(process) };
    // SAFETY: the handle is open.
    unsafe { WaitForSingleObject(process.as_raw_handle(), 0) == WAIT_OBJECT_0 }
}

/// Lets the programs that this process starts have the file, too.
///
/// # Errors
/// What the system says.
pub fn let_children_inherit(file: &File) -> io::Result<()> {
    // SAFETY: the file is open.
    let done =
        unsafe { SetHandleInformation(file.as_raw_handle(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Owner and access list of an open pipe, in SDDL.
///
/// # Errors
/// What the system says.
pub fn security_of(pipe: &File) -> io::Result<String> {
    let wanted = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let mut descriptor = std::ptr::null_mut();
    // SAFETY: the pipe is open; unwanted parts may be null, and `descriptor` lives through the call.
    let status = unsafe {
        GetSecurityInfo(
            pipe.as_raw_handle(),
            SE_KERNEL_OBJECT,
            wanted,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            &mut descriptor,
        )
    };
    if status != 0 {
        return Err(io::Error::from_raw_os_error(status.cast_signed()));
    }
    let mut text = std::ptr::null_mut();
    // SAFETY: the descriptor is the system's own, and `text` lives through the call; the length is not wanted.
    let done = unsafe {
        ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor,
            SDDL_REVISION_1,
            wanted,
            &mut text,
            std::ptr::null_mut(),
        )
    };
    let said = if done == 0 { Err(io::Error::last_os_error()) } else { Ok(letters(text)) };
    // SAFETY: the system made both for us with LocalAlloc, and they are used no more.
    unsafe {
        LocalFree(text.cast());
        LocalFree(descriptor);
    }
    said
}

/// The names of all credentials that this user keeps here.
pub fn credentials() -> Vec<String> {
    let (mut count, mut list): (u32, *mut *mut CREDENTIALW) = (0, std::ptr::null_mut());
    // SAFETY: no filter and no flags; both results live through the call.
    if unsafe { CredEnumerateW(std::ptr::null(), 0, &mut count, &mut list) } == 0 {
        return Vec::new(); // there are none
    }
    let name = |at: usize| {
        // SAFETY: the call has put `count` pointers to credentials there. Wine aligns what they point to by chance only.
        let name = unsafe { (&raw const (**list.add(at)).TargetName).read_unaligned() };
        letters(name)
    };
    let names = (0..count as usize).map(name).collect();
    // SAFETY: the system made the list for us.
    unsafe { CredFree(list.cast()) };
    names
}

/// A string that the system made.
fn letters(text: *const u16) -> String {
    let mut letters = Vec::new();
    for at in 0.. {
        // SAFETY: by all callers a string with a closing zero, and reading stops there; Wine aligns it by chance only.
        match unsafe { text.add(at).read_unaligned() } {
            0 => break,
            letter => letters.push(letter),
        }
    }
    String::from_utf16_lossy(&letters)
}
