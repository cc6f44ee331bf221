//! Starting the agent on Unix: systemd or launchd where it is installed, else a session of its own.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Left, Started};
use crate::identity;

struct Spawned(Option<Child>);

impl Started for Spawned {
    fn left(&mut self) -> Option<Left> {
        let status = self.0.as_mut()?.try_wait().ok().flatten()?;
        self.0 = None;
        Some(match (status.code(), status.signal()) {
            (Some(0), _) => Left::Quietly,
            (Some(code), _) => Left::Failed(format!("it ended with status {code}")),
            (None, Some(signal)) => Left::Failed(format!("signal {signal} ended it")),
            (None, None) => Left::Failed("it ended".to_owned()),
        })
    }
}

impl Drop for Spawned {
    /// A program that lives on must not keep a zombie when the agent ends one day.
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // without a thread there is a zombie until we end: no harm
            let _ = std::thread::Builder::new().name("agent's end".into()).spawn(move || child.wait());
        }
    }
}

pub(super) fn spawn(program: &Path) -> io::Result<Box<dyn Started>> {
    close_on_exec();
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // not in the caller's directory, which could then not be unmounted
    command.current_dir("/");
    // SAFETY: setsid is async-signal-safe, and the closure touches nothing else. It cannot fail in a fresh child, which
    // leads no process group; if it did, the agent would only share the caller's session.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            Ok(())
        });
    }
    Ok(Box::new(Spawned(Some(command.spawn()?))))
}

/// Marks everything that we inherited ourselves: std opens its own descriptors so, but the caller of a header helper
/// may have left a pipe open at any number.
fn close_on_exec() {
    let Ok(open) = std::fs::read_dir("/dev/fd") else { return };
    let numbers: Vec<libc::c_int> = open
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in numbers {
        // SAFETY: sets a flag of a descriptor number; a number that has been closed meanwhile gives EBADF.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(target_os = "macos")]
pub(super) fn start_installed() -> bool {
    let plist = format!("Library/LaunchAgents/{}.plist", identity::LAUNCHD_LABEL);
    let Some(home) = std::env::var_os("HOME").map(PathBuf::from) else { return false };
    if cfg!(debug_assertions) || !home.join(plist).is_file() {
        return false;
    }
    let target = format!("gui/{}/{}", rustix::process::geteuid().as_raw(), identity::LAUNCHD_LABEL);
    run("/bin/launchctl", &["kickstart", &target])
}

#[cfg(not(target_os = "macos"))]
pub(super) fn start_installed() -> bool {
    // a debug build is never the installed one
    if cfg!(debug_assertions)
        || !unit_directories().iter().any(|dir| dir.join(identity::SYSTEMD_UNIT).is_file())
    {
        return false;
    }
    // systemctl finds the user's bus by XDG_RUNTIME_DIR, which a stripped environment lacks
    let runtime = format!("/run/user/{}", rustix::process::geteuid().as_raw());
    ["/usr/bin/systemctl", "/bin/systemctl"].iter().find(|program| Path::new(program).is_file()).is_some_and(
        |program| {
            let setting = format!("XDG_RUNTIME_DIR={runtime}");
            run("/usr/bin/env", &[&setting, program, "--user", "--no-block", "start", identity::SYSTEMD_UNIT])
        },
    )
}

#[cfg(not(target_os = "macos"))]
fn unit_directories() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> =
        ["/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"]
            .map(PathBuf::from)
            .into();
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute()) {
        directories.push(home.join(".config/systemd/user"));
    }
    directories
}
