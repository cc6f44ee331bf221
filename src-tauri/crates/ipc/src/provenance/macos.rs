//! Provenance on macOS: the peer's audit token names the caller, process id and version together.
//!
//! A process id alone can be given to another process. `proc_pidpath_audittoken` (macOS 11) answers only for the very
//! process that the token names; where it is missing, the start time before and after the look stands in for it.
#![allow(unsafe_code)]

use std::ffi::{OsString, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Denied, FileIdentity, Kind, MAX_CHAIN, Ours, Process, Provenance, Strength, kind};

/// `audit_token_t` of `mach/message.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AuditToken {
    value: [u32; 8],
}

impl AuditToken {
    /// `audit_token_to_euid`.
    fn euid(self) -> u32 {
        self.value[1]
    }

    /// `audit_token_to_pid`.
    fn pid(self) -> u32 {
        self.value[5]
    }

    /// As it lies in memory, which is how code signing wants it (`kSecGuestAttributeAudit`).
    pub(super) fn bytes(self) -> Vec<u8> {
        self.value.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }
}

type PathOfToken = unsafe extern "C" fn(*mut AuditToken, *mut c_void, u32) -> c_int;

/// Looks at callers.
#[derive(Debug)]
pub struct Looker {
    ours: Ours,
    uid: u32,
}

/// What the system says of a process.
struct About {
    parent: u32,
    uid: u32,
    /// Microseconds since 1970.
    started: u64,
}

impl Looker {
    /// `own` is the agent's executable: the programs beside it are ours.
    #[must_use]
    pub fn new(own: &Path) -> Self {
        Self { ours: Ours::beside(own), uid: rustix::process::geteuid().as_raw() }
    }

    /// Who connected this socket.
    ///
    /// # Errors
    /// [`Denied`]: answer nothing, and close.
    pub fn look(&self, socket: &impl AsFd) -> Result<Arc<Provenance>, Denied> {
        let fd = socket.as_fd().as_raw_fd();
        let uid = crate::peer::uid(socket).map_err(Denied::Unknown)?;
        let token: AuditToken = local_option(fd, libc::LOCAL_PEERTOKEN).map_err(Denied::Unknown)?;
        if uid != self.uid || token.euid() != self.uid {
            return Err(Denied::OtherUser);
        }
        let pid = token.pid();
        let before = about(pid).map_err(|_| Denied::Gone)?;
        let (program, strength) = match path_of_token(token) {
            Some(path) => (path.map_err(|_| Denied::Gone)?, Strength::Pinned),
            None => (path_of(pid).map_err(|_| Denied::Gone)?, Strength::PidWithStart),
        };
        let mut chain = vec![self.process(pid, before.started, program).map_err(Denied::Hidden)?];
        let mut child = before;
        while chain.len() < MAX_CHAIN {
            let ended = chain.last().is_none_or(|last| matches!(last.kind, Kind::Program | Kind::Session));
            if ended || child.parent <= 1 {
                break;
            }
            let Ok(parent) = about(child.parent) else { break };
            // a parent that started after its child is another process with the same number
            if parent.uid != self.uid || parent.started > child.started {
                break;
            }
            let Ok(program) = path_of(child.parent) else { break };
            let Ok(process) = self.process(child.parent, parent.started, program) else { break };
            chain.push(process);
            child = parent;
        }
        match about(pid) {
            Ok(after) if after.started == chain[0].started => {}
            _ => return Err(Denied::Gone),
        }
        Provenance::new(chain, strength).map(|who| Arc::new(who.named_by(token))).ok_or(Denied::Gone)
    }

    fn process(&self, pid: u32, started: u64, program: PathBuf) -> io::Result<Process> {
        let file = FileIdentity::of(&program)?;
        let kind = self.ours.kind(&program);
        let script = match kind {
            Kind::Shell | Kind::Interpreter => script(pid),
            Kind::Ours | Kind::Session | Kind::Program => None,
        };
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Process { pid, started, program, file, name, kind, script })
    }
}

fn local_option<T: Copy + Default>(fd: c_int, option: c_int) -> io::Result<T> {
    let mut value = T::default();
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the descriptor is open, `value` has the size that `length` says, and both live through the call; T is a
    // plain number or an array of them by both callers.
    let status =
        unsafe { libc::getsockopt(fd, libc::SOL_LOCAL, option, (&raw mut value).cast(), &mut length) };
    if status == 0 && length as usize == size_of::<T>() { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// `None` where the system is older than the call.
fn path_of_token(mut token: AuditToken) -> Option<io::Result<PathBuf>> {
    // SAFETY: the name has a closing zero; null is checked below.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"proc_pidpath_audittoken".as_ptr()) };
    if symbol.is_null() {
        return None;
    }
    // SAFETY: libproc.h declares this symbol with exactly this signature.
    let call: PathOfToken = unsafe { std::mem::transmute(symbol) };
    Some(path_by(|room, length| {
        // SAFETY: the token and the room live through the call, and the room is as long as is said.
        unsafe { call(&mut token, room, length) }
    }))
}

fn path_of(pid: u32) -> io::Result<PathBuf> {
    path_by(|room, length| {
        // SAFETY: the room lives through the call and is as long as is said.
        unsafe { libc::proc_pidpath(pid as c_int, room, length) }
    })
}

fn path_by(call: impl FnOnce(*mut c_void, u32) -> c_int) -> io::Result<PathBuf> {
    let mut room = vec![0u8; libc::PROC_PIDPATHINFO_MAXSIZE as usize];
    let length = call(room.as_mut_ptr().cast(), room.len() as u32);
    if length <= 0 {
        return Err(io::Error::last_os_error());
    }
    room.truncate(length as usize);
    Ok(PathBuf::from(OsString::from_vec(room)))
}

/// When the process that has this number started.
pub(super) fn runs_since(pid: u32) -> io::Result<u64> {
    about(pid).map(|about| about.started)
}

/// The file at the path of what a process runs.
pub(super) fn file_of(pid: u32) -> io::Result<FileIdentity> {
    FileIdentity::of(&path_of(pid)?)
}

fn about(pid: u32) -> io::Result<About> {
    // SAFETY: zero is a valid value of this plain C struct.
    let mut info: libc::proc_bsdinfo = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::proc_bsdinfo>() as c_int;
    // SAFETY: `info` has the size that is said and lives through the call.
    let read =
        unsafe { libc::proc_pidinfo(pid as c_int, libc::PROC_PIDTBSDINFO, 0, (&raw mut info).cast(), size) };
    if read != size {
        return Err(io::Error::last_os_error());
    }
    Ok(About {
        parent: info.pbi_ppid,
        uid: info.pbi_uid,
        started: info.pbi_start_tvsec.wrapping_mul(1_000_000).wrapping_add(info.pbi_start_tvusec),
    })
}

/// The script in a process's arguments: `KERN_PROCARGS2` gives their number, the executable, and then them.
fn script(pid: u32) -> Option<PathBuf> {
    let mut mib = [libc::CTL_KERN, libc::KERN_PROCARGS2, pid as c_int];
    // ARG_MAX of macOS
    let mut room = vec![0u8; 1024 * 1024];
    let mut length = room.len();
    // SAFETY: the name has three parts, and the room is as long as is said; nothing is set.
    let status = unsafe {
        libc::sysctl(
            mib.as_mut_ptr(),
            mib.len() as u32,
            room.as_mut_ptr().cast(),
            &mut length,
            std::ptr::null_mut(),
            0,
        )
    };
    if status != 0 {
        return None;
    }
    let (count, rest) = room.get(..length)?.split_first_chunk::<4>()?;
    let count = usize::try_from(i32::from_ne_bytes(*count)).ok()?;
    let text = String::from_utf8_lossy(rest);
    // the executable, then zeros up to the first argument
    let arguments = text.split('\0').skip(1).filter(|word| !word.is_empty()).take(count);
    let script = Path::new(kind::script(arguments)?).to_owned();
    // its directory is not to be had without more rights: a relative path stays one
    Some(script)
}
