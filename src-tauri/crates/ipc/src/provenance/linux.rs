//! Provenance on Linux: `SO_PEERPIDFD` pins the caller, `/proc` says what it runs.
//!
//! A pidfd's inode (pidfs, Linux 6.9) names a process for as long as the system runs. So what was read once is used
//! again while every process of the chain still lives (one `poll` over their pidfds: without a death there is no new
//! parent) and still runs the same file (one `stat` each: `exec` changes it). Older kernels read everything each time.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{Denied, FileIdentity, Kind, MAX_CHAIN, Ours, Process, Provenance, Strength, kind};

/// Callers whose chain is remembered. Each holds a descriptor a process: with 64 some 200 of them.
const MAX_KNOWN: usize = 64;
/// `PIDFS_MAGIC` of `linux/magic.h`: the inode names the process. Before, all pidfds had the same one.
const PIDFS_MAGIC: i128 = 0x5049_4446;
/// Bytes of a command line that are looked at: a path to a script fits.
const MAX_COMMAND_LINE: usize = 8 * 1024;
/// Bytes of a process's line in `stat`: 52 fields of at most 20 digits, and a name of 64 bytes.
const MAX_STAT: usize = 2 * 1024;
/// Tries to read a chain in which somebody ends meanwhile.
const TRIES: usize = 3;

/// Looks at callers, and remembers them.
#[derive(Debug)]
pub struct Looker {
    ours: Ours,
    uid: u32,
    known: Mutex<HashMap<u64, Known>>,
}

/// A process, pinned.
#[derive(Debug)]
struct Layer {
    pidfd: OwnedFd,
    process: Process,
    parent: u32,
}

#[derive(Debug)]
struct Known {
    layers: Vec<Layer>,
    provenance: Arc<Provenance>,
}

impl Looker {
    /// `own` is the agent's executable: the programs beside it are ours.
    #[must_use]
    pub fn new(own: &Path) -> Self {
        Self { ours: Ours::beside(own), uid: rustix::process::geteuid().as_raw(), known: Mutex::default() }
    }

    /// Who connected this socket.
    ///
    /// # Errors
    /// [`Denied`]: answer nothing, and close.
    pub fn look(&self, socket: &impl AsFd) -> Result<Arc<Provenance>, Denied> {
        let fd = socket.as_fd();
        let peer = crate::peer::credentials(fd.as_raw_fd()).map_err(Denied::Unknown)?;
        if peer.uid != self.uid {
            return Err(Denied::OtherUser);
        }
        let pid = u32::try_from(peer.pid).ok().filter(|pid| *pid > 0).ok_or(Denied::Gone)?;
        match peer_pidfd(fd) {
            Ok(pidfd) => self.pinned(pid, pidfd),
            // Linux before 6.5: what has the process id now may be another process than the one that connected
            Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => {
                let pidfd = open(pid).map_err(|_| Denied::Gone)?;
                self.read(pid, pidfd, Strength::PidWithStart).map(|known| known.provenance)
            }
            Err(error) if matches!(error.raw_os_error(), Some(libc::ESRCH | libc::EINVAL)) => {
                Err(Denied::Gone)
            }
            Err(error) => Err(Denied::Unknown(error)),
        }
    }

    fn pinned(&self, pid: u32, pidfd: OwnedFd) -> Result<Arc<Provenance>, Denied> {
        let Some(key) = process_key(&pidfd) else {
            return self.read(pid, pidfd, Strength::Pinned).map(|known| known.provenance);
        };
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&key) {
            if known.still_holds() {
                return Ok(known.provenance.clone());
            }
            all.remove(&key);
        }
        drop(all);
        let known = self.read(pid, pidfd, Strength::Pinned)?;
        let provenance = known.provenance.clone();
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_KNOWN {
            all.retain(|_, known| known.lives());
        }
        if all.len() >= MAX_KNOWN {
            all.clear();
        }
        all.insert(key, known);
        Ok(provenance)
    }

    /// Reads the chain from `/proc`, with every process pinned before it is read and alive after.
    fn read(&self, pid: u32, pidfd: OwnedFd, strength: Strength) -> Result<Known, Denied> {
        for _ in 0..TRIES {
            let pidfd = pidfd.try_clone().map_err(Denied::Unknown)?;
            let mut layers = vec![self.layer(pid, pidfd).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Denied::Gone,
                _ => Denied::Hidden(error),
            })?];
            while let Some(above) =
                layers.last().filter(|_| layers.len() < MAX_CHAIN).and_then(|l| self.above(l))
            {
                layers.push(above);
            }
            if !alive(&layers[..1]) {
                return Err(Denied::Gone);
            }
            if alive(&layers) {
                let chain = layers.iter().map(|layer| layer.process.clone()).collect();
                let provenance = Arc::new(Provenance::new(chain, strength).ok_or(Denied::Gone)?);
                layers.truncate(provenance.chain().len());
                return Ok(Known { layers, provenance });
            }
        }
        Err(Denied::Gone)
    }

    /// The parent, unless the chain ends here: at a program, at the session, at another user's process, or at one that
    /// we may not look at.
    fn above(&self, child: &Layer) -> Option<Layer> {
        if matches!(child.process.kind, Kind::Program | Kind::Session) || child.parent <= 1 {
            return None;
        }
        let pidfd = open(child.parent).ok()?;
        // the child still has that parent, so what we have pinned is it and no other that took its number over
        if stat(child.process.pid).ok()?.parent != child.parent {
            return None;
        }
        self.layer(child.parent, pidfd).ok()
    }

    fn layer(&self, pid: u32, pidfd: OwnedFd) -> io::Result<Layer> {
        let owner = std::fs::metadata(format!("/proc/{pid}"))?.uid();
        if owner != self.uid {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let stat = stat(pid)?;
        let link = exe(pid);
        let program = strip_deleted(std::fs::read_link(&link)?);
        let file = FileIdentity::of(&link)?;
        let kind = self.ours.kind(&program);
        let script = match kind {
            Kind::Shell | Kind::Interpreter => script(pid),
            Kind::Ours | Kind::Session | Kind::Program => None,
        };
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let process = Process { pid, started: stat.started, program, file, name, kind, script };
        Ok(Layer { pidfd, process, parent: stat.parent })
    }
}

impl Known {
    fn lives(&self) -> bool {
        alive(&self.layers)
    }

    /// Everything looked at before the deaths: a process that lives after the look had its number during it.
    fn still_holds(&self) -> bool {
        self.layers.iter().all(Layer::unchanged) && alive(&self.layers)
    }
}

impl Layer {
    fn unchanged(&self) -> bool {
        let process = &self.process;
        let same_file = FileIdentity::of(&exe(process.pid)).is_ok_and(|file| file == process.file);
        // an interpreter may become itself with another script
        same_file
            && match process.kind {
                Kind::Shell | Kind::Interpreter => script(process.pid) == process.script,
                Kind::Ours | Kind::Session | Kind::Program => true,
            }
    }
}

/// Whether none of them has ended: a pidfd is readable when its process has.
fn alive(layers: &[Layer]) -> bool {
    let mut fds: Vec<PollFd<'_>> =
        layers.iter().map(|layer| PollFd::new(&layer.pidfd, PollFlags::IN)).collect();
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut fds, Some(&now)), Ok(0))
}

fn peer_pidfd(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut fd: libc::c_int = -1;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `fd` has the size that `length` says, and both live through the call.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERPIDFD,
            (&raw mut fd).cast(),
            &mut length,
        )
    };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: on success the kernel has put a new descriptor there (with close-on-exec), which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// What names a process for as long as the system runs.
fn process_key(pidfd: &OwnedFd) -> Option<u64> {
    static PIDFS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    let pidfs =
        PIDFS.get_or_init(|| rustix::fs::fstatfs(pidfd).is_ok_and(|fs| i128::from(fs.f_type) == PIDFS_MAGIC));
    if *pidfs { rustix::fs::fstat(pidfd).ok().map(|stat| stat.st_ino) } else { None }
}

fn exe(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/exe"))
}

/// A replaced program still runs: the kernel then adds this to the link.
fn strip_deleted(link: PathBuf) -> PathBuf {
    let bytes = link.into_os_string().into_vec();
    let bytes = bytes.strip_suffix(b" (deleted)").map(<[u8]>::to_vec).unwrap_or(bytes);
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// When the process that has this number started; an error when none has, or one that has ended and was not waited for.
pub(super) fn runs_since(pid: u32) -> io::Result<u64> {
    let stat = stat(pid)?;
    if stat.ended { Err(io::ErrorKind::NotFound.into()) } else { Ok(stat.started) }
}

/// The file that a process runs.
pub(super) fn file_of(pid: u32) -> io::Result<FileIdentity> {
    FileIdentity::of(&exe(pid))
}

struct Stat {
    /// Whether only its exit status is left.
    ended: bool,
    parent: u32,
    /// Clock ticks since boot.
    started: u64,
}

/// Reads the beginning of a file of `/proc` in one go: the kernel makes the whole of it at the first read, and hands it out
/// in one piece when there is room. Asking for its length and reading by and by, as for a file on a disk, costs four times
/// as many system calls, for every process of every new caller's chain.
fn beginning<'a>(path: &str, room: &'a mut [u8]) -> io::Result<&'a [u8]> {
    use std::io::Read as _;
    let read = std::fs::File::open(path)?.read(room)?;
    Ok(&room[..read])
}

/// `/proc/<pid>/stat`; the name in it may hold anything, also brackets, so the fields count from its last one.
fn stat(pid: u32) -> io::Result<Stat> {
    let mut room = [0; MAX_STAT];
    let text = String::from_utf8_lossy(beginning(&format!("/proc/{pid}/stat"), &mut room)?);
    let fields = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let mut fields = fields.split_ascii_whitespace();
    let ended = matches!(fields.next(), Some("Z" | "X"));
    let parent = fields.next().and_then(|field| field.parse().ok());
    let started = fields.nth(17).and_then(|field| field.parse().ok());
    parent
        .zip(started)
        .map(|(parent, started)| Stat { ended, parent, started })
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn script(pid: u32) -> Option<PathBuf> {
    let mut room = [0; MAX_COMMAND_LINE];
    let line = String::from_utf8_lossy(beginning(&format!("/proc/{pid}/cmdline"), &mut room).ok()?);
    let script = Path::new(kind::script(line.split('\0').filter(|argument| !argument.is_empty()))?);
    if script.is_absolute() {
        return Some(script.to_owned());
    }
    let directory = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    Some(directory.join(script))
}
