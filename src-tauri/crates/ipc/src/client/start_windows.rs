//! Starting the agent on Windows: no console, no inherited handle, outside the caller's job.
//!
//! Not by std: it lets a child inherit every inheritable handle, and a shell makes the pipe that it reads our output
//! from inheritable.
#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::Path;

use windows_sys::Win32::Foundation::WAIT_OBJECT_0;
use windows_sys::Win32::System::Threading::{
    CREATE_BREAKAWAY_FROM_JOB, CREATE_NEW_PROCESS_GROUP, CreateProcessW, DETACHED_PROCESS,
    GetExitCodeProcess, PROCESS_INFORMATION, STARTUPINFOW, WaitForSingleObject,
};

use super::{Left, Started};
use crate::windows::wide;

struct Spawned(Option<OwnedHandle>);

impl Started for Spawned {
    fn left(&mut self) -> Option<Left> {
        let process = self.0.as_ref()?.as_raw_handle();
        // SAFETY: the handle is open.
        if unsafe { WaitForSingleObject(process, 0) } != WAIT_OBJECT_0 {
            return None;
        }
        let mut code = 0;
        // SAFETY: the handle is open and `code` lives through the call.
        unsafe { GetExitCodeProcess(process, &mut code) };
        self.0 = None;
        Some(match code {
            0 => Left::Quietly,
            code => Left::Failed(format!("it ended with status {code}")),
        })
    }
}

/// Nothing on Windows starts it for us: autostart is the desktop's, at sign-in.
pub(super) fn start_installed() -> bool {
    false
}

pub(super) fn spawn(program: &Path) -> io::Result<Box<dyn Started>> {
    let apart = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP;
    let process = match create(program, apart | CREATE_BREAKAWAY_FROM_JOB) {
        // the job forbids it: then the agent ends with the job, and a next one starts when it is needed
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => create(program, apart)?,
        other => other?,
    };
    Ok(Box::new(Spawned(Some(process))))
}

fn create(program: &Path, flags: u32) -> io::Result<OwnedHandle> {
    let name = wide(program.as_os_str());
    let mut quoted = std::ffi::OsString::from("\"");
    quoted.push(program);
    quoted.push("\"");
    let mut line = wide(&quoted);
    // not in the caller's directory, which could then not be removed
    let directory = wide(program.parent().unwrap_or(Path::new("C:\\")).as_os_str());
    // SAFETY: zero is a valid value of these plain C structs.
    let (mut startup, mut made): (STARTUPINFOW, PROCESS_INFORMATION) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    startup.cb = size_of::<STARTUPINFOW>() as u32;
    // SAFETY: all strings have a closing zero, `line` may be written to, and all live through the call. The fifth
    // argument says that no handle is inherited.
    let done = unsafe {
        CreateProcessW(
            name.as_ptr(),
            line.as_mut_ptr(),
            std::ptr::null(),
            std::ptr::null(),
            0,
            flags,
            std::ptr::null(),
            directory.as_ptr(),
            &startup,
            &mut made,
        )
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: two new handles that nobody else owns; the thread's is closed at once.
    unsafe {
        drop(OwnedHandle::from_raw_handle(made.hThread));
        Ok(OwnedHandle::from_raw_handle(made.hProcess))
    }
}
