//! Provenance on Windows: the pipe names the client's process, a handle pins it while it is looked at.
//!
//! The parent in a snapshot is only a number, which may have been given to another process since: a parent that
//! started after its child is none.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windows_sys::Wdk::System::Threading::{NtQueryInformationProcess, ProcessCommandLineInformation};
use windows_sys::Win32::Foundation::{FILETIME, HANDLE, INVALID_HANDLE_VALUE, STILL_ACTIVE, UNICODE_STRING};
use windows_sys::Win32::Security::Authorization::SE_FILE_OBJECT;
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_READ_ATTRIBUTES, GetFileInformationByHandle, READ_CONTROL,
};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::Pipes::GetNamedPipeClientProcessId;
use windows_sys::Win32::System::Threading::{
    GetExitCodeProcess, GetProcessTimes, PROCESS_NAME_WIN32, QueryFullProcessImageNameW,
};

use super::{Denied, FileIdentity, FileOwner, Kind, MAX_CHAIN, Ours, Process, Provenance, Strength, kind};
use crate::windows::{open_process, own_sid, owner_of, user_of};

/// Owners that are the system: SYSTEM, Administrators, TrustedInstaller.
const SYSTEM: [&str; 3] =
    ["S-1-5-18", "S-1-5-32-544", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"];
/// 100 ns steps from 1601, where Windows counts from, to 1970.
const TO_1970: u64 = 116_444_736_000_000_000;

/// Looks at callers.
#[derive(Debug)]
pub struct Looker {
    ours: Ours,
    sid: io::Result<String>,
}

impl Looker {
    /// `own` is the agent's executable: the programs beside it are ours.
    #[must_use]
    pub fn new(own: &Path) -> Self {
        Self { ours: Ours::beside(own), sid: own_sid() }
    }

    /// Who opened this pipe.
    ///
    /// # Errors
    /// [`Denied`]: answer nothing, and close.
    pub fn look(&self, pipe: HANDLE) -> Result<Arc<Provenance>, Denied> {
        let mut pid = 0;
        // SAFETY: the pipe is open and `pid` lives through the call.
        if unsafe { GetNamedPipeClientProcessId(pipe, &mut pid) } == 0 {
            return Err(Denied::Unknown(io::Error::last_os_error()));
        }
        let own = self.sid.as_ref().map_err(|error| Denied::Unknown(error.kind().into()))?;
        let handle = open_process(pid).map_err(|_| Denied::Gone)?;
        if user_of(handle.as_raw_handle()).map_err(Denied::Hidden)? != *own {
            return Err(Denied::OtherUser);
        }
        let mut chain = vec![self.process(pid, &handle).map_err(Denied::Hidden)?];
        let mut parents = None;
        while chain.len() < MAX_CHAIN {
            let Some(child) = chain.last() else { break };
            if matches!(child.kind, Kind::Program | Kind::Session) {
                break;
            }
            let parents = parents.get_or_insert_with(all_parents);
            let Some(parent) = parents.get(&child.pid).copied().filter(|pid| *pid != 0) else { break };
            let Ok(handle) = open_process(parent) else { break };
            if user_of(handle.as_raw_handle()).ok().as_ref() != Some(own) {
                break;
            }
            match self.process(parent, &handle) {
                Ok(above) if above.started <= child.started => chain.push(above),
                _ => break,
            }
        }
        Provenance::new(chain, Strength::PidWithStart).map(Arc::new).ok_or(Denied::Gone)
    }

    fn process(&self, pid: u32, handle: &OwnedHandle) -> io::Result<Process> {
        let program = image(handle)?;
        let file = file_identity(&program)?;
        let kind = self.ours.kind(&program);
        let script = match kind {
            Kind::Shell | Kind::Interpreter => script(handle),
            Kind::Ours | Kind::Session | Kind::Program => None,
        };
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Process { pid, started: started(handle)?, program, file, name, kind, script })
    }
}

/// When the process that has this number started. One that has ended is none, even while somebody holds it open.
pub(super) fn runs_since(pid: u32) -> io::Result<u64> {
    let handle = open_process(pid)?;
    let mut status = 0;
    // SAFETY: the handle is open and `status` lives through the call.
    if unsafe { GetExitCodeProcess(handle.as_raw_handle(), &mut status) } == 0 {
        return Err(io::Error::last_os_error());
    }
    if status != STILL_ACTIVE as u32 {
        return Err(io::ErrorKind::NotFound.into());
    }
    started(&handle)
}

/// The file at the path of what a process runs.
pub(super) fn file_of(pid: u32) -> io::Result<FileIdentity> {
    file_identity(&image(&open_process(pid)?)?)
}

fn image(process: &OwnedHandle) -> io::Result<PathBuf> {
    use std::os::windows::ffi::OsStringExt as _;
    // the longest path that Windows knows
    let mut room = vec![0u16; 32 * 1024];
    let mut length = room.len() as u32;
    // SAFETY: the handle is open, and the room is as long as is said.
    let done = unsafe {
        QueryFullProcessImageNameW(
            process.as_raw_handle(),
            PROCESS_NAME_WIN32,
            room.as_mut_ptr(),
            &mut length,
        )
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(PathBuf::from(std::ffi::OsString::from_wide(&room[..length as usize])))
}

fn started(process: &OwnedHandle) -> io::Result<u64> {
    let zero = FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    let (mut created, mut ended, mut kernel, mut user) = (zero, zero, zero, zero);
    // SAFETY: the handle is open and all four live through the call.
    let done =
        unsafe { GetProcessTimes(process.as_raw_handle(), &mut created, &mut ended, &mut kernel, &mut user) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(steps(created)) }
}

fn steps(time: FILETIME) -> u64 {
    u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime)
}

/// Every process's parent, as a number.
fn all_parents() -> HashMap<u32, u32> {
    let mut parents = HashMap::new();
    // SAFETY: takes no pointer.
    let snapshot = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) };
    if snapshot == INVALID_HANDLE_VALUE {
        return parents;
    }
    // SAFETY: a new handle that nobody else owns.
    let snapshot = unsafe { OwnedHandle::from_raw_handle(snapshot) };
    // SAFETY: zero is a valid value of this plain C struct.
    let mut entry: PROCESSENTRY32W = unsafe { std::mem::zeroed() };
    entry.dwSize = size_of::<PROCESSENTRY32W>() as u32;
    // SAFETY: the snapshot is open, and `entry` lives through the call and says its size.
    let mut more = unsafe { Process32FirstW(snapshot.as_raw_handle(), &mut entry) };
    while more != 0 {
        parents.insert(entry.th32ProcessID, entry.th32ParentProcessID);
        // SAFETY: as above.
        more = unsafe { Process32NextW(snapshot.as_raw_handle(), &mut entry) };
    }
    parents
}

pub(super) fn file_identity(path: &Path) -> io::Result<FileIdentity> {
    let file = std::fs::OpenOptions::new().access_mode(FILE_READ_ATTRIBUTES | READ_CONTROL).open(path)?;
    // SAFETY: zero is a valid value of this plain C struct.
    let mut about: BY_HANDLE_FILE_INFORMATION = unsafe { std::mem::zeroed() };
    // SAFETY: the file is open and `about` lives through the call.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &mut about) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let owner = owner_of(file.as_raw_handle(), SE_FILE_OBJECT)?;
    Ok(FileIdentity {
        device: u64::from(about.dwVolumeSerialNumber),
        inode: u64::from(about.nFileIndexHigh) << 32 | u64::from(about.nFileIndexLow),
        size: u64::from(about.nFileSizeHigh) << 32 | u64::from(about.nFileSizeLow),
        modified: steps(about.ftLastWriteTime).saturating_sub(TO_1970).saturating_mul(100),
        owner: if SYSTEM.contains(&owner.as_str()) { FileOwner::System } else { FileOwner::Person },
    })
}

/// The script in a process's command line.
fn script(process: &OwnedHandle) -> Option<PathBuf> {
    // UNICODE_STRING and the text behind it; a path to a script fits. u64 for the alignment.
    let mut room = vec![0u64; 8 * 1024];
    let mut length = 0;
    // SAFETY: the handle is open, and the room is as large as is said and aligned for UNICODE_STRING.
    let status = unsafe {
        NtQueryInformationProcess(
            process.as_raw_handle(),
            ProcessCommandLineInformation,
            room.as_mut_ptr().cast(),
            size_of_val(room.as_slice()) as u32,
            &mut length,
        )
    };
    if status < 0 {
        return None;
    }
    // SAFETY: the call has put a UNICODE_STRING there, whose text lies behind it in `room`.
    let text = unsafe { &*room.as_ptr().cast::<UNICODE_STRING>() };
    if text.Buffer.is_null() {
        return None;
    }
    // SAFETY: `Length` bytes at `Buffer` lie in `room`, which lives.
    let letters = unsafe { std::slice::from_raw_parts(text.Buffer, usize::from(text.Length) / 2) };
    let line = String::from_utf16_lossy(letters);
    let arguments = arguments(&line);
    // its directory is not to be had: a relative path stays one
    kind::script(arguments.iter().map(String::as_str)).map(PathBuf::from)
}

/// Words, where quotes keep blanks together. Enough to find a path; not what a program makes of escaped quotes.
fn arguments(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => word.push(other),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn we_can_look_at_ourselves() {
        let own = std::env::current_exe().unwrap();
        let looker = Looker::new(Path::new(r"C:\nowhere\mcp-login-agent.exe"));
        let handle = open_process(std::process::id()).unwrap();
        let process = looker.process(std::process::id(), &handle).unwrap();
        assert_eq!(process.program.file_name(), own.file_name());
        assert_eq!(process.file, file_identity(&own).unwrap());
        assert!(process.started > TO_1970);
        assert!(all_parents().contains_key(&std::process::id()));
    }

    #[test]
    fn words_of_a_command_line() {
        assert_eq!(
            arguments(r#""C:\Program Files\node.exe"  -r x "a b.js""#),
            [r"C:\Program Files\node.exe", "-r", "x", "a b.js"]
        );
    }
}
