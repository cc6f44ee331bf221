//! What the agent does to itself before anything else runs.
//!
//! Problem: the agent is started by whatever program asked first, inside a `$(…)`, a terminal or a client's process
//! group, and then outlives it with everybody's tokens in memory. Invariant: from the first line of `main` on it holds
//! nothing of its starter (no descriptor, no session, no loose umask) and leaves nothing behind when it dies (no core
//! file). Must run before the first thread, file or socket.
#![allow(unsafe_code)] // closing inherited descriptors by number; console and error mode on Windows

/// What becomes of standard input, output and error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdio {
    /// Kept: a person or a service manager started us with `--foreground` and reads them.
    Kept,
    /// To the null device: a caller that reads our output to its end must not wait for an agent.
    Null,
}

/// Leaves the starter's session, closes what was inherited and turns core dumps off. Each step is best effort: an
/// agent that could not lower a limit is still better than none, and the caller logs what is in the answer.
#[must_use]
pub fn at_start(stdio: Stdio) -> Vec<Shortfall> {
    let mut short = Vec::new();
    system::at_start(stdio, &mut short);
    short
}

/// A step that the system refused, by name, with the system's word for it.
#[derive(Debug)]
pub struct Shortfall {
    /// The step.
    pub step: &'static str,
    /// What the system said.
    pub error: std::io::Error,
}

#[cfg(unix)]
mod system {
    use super::{Shortfall, Stdio};
    use rustix::fs::Mode;
    use rustix::process::{Resource, Rlimit};
    use std::os::fd::BorrowedFd;

    pub(super) fn at_start(stdio: Stdio, short: &mut Vec<Shortfall>) {
        let mut note = |step, result: rustix::io::Result<()>| {
            if let Err(error) = result {
                short.push(Shortfall { step, error: error.into() });
            }
        };
        // What we create is ours alone, whatever the starter's shell has set.
        rustix::process::umask(Mode::from_raw_mode(0o077));
        note("descriptors", close_inherited());
        if stdio == Stdio::Null {
            note("stdio", stdio_to_null());
        }
        // A group leader cannot leave; a service manager made it one and looks after it.
        if rustix::process::getpgrp() != rustix::process::getpid() {
            note("session", rustix::process::setsid().map(drop));
        }
        note(
            "core dumps",
            rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }),
        );
        #[cfg(target_os = "linux")]
        note(
            "dumpable",
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable),
        );
        // Many shells leave 256 or 1,024: too few for fifty callers, their issuers and the keychain at once.
        let files = rustix::process::getrlimit(Resource::Nofile);
        let wanted = Rlimit { current: soft_limit(files.maximum), maximum: files.maximum };
        note("files", rustix::process::setrlimit(Resource::Nofile, wanted));
        // The working directory would keep a removable volume busy.
        note("directory", rustix::process::chdir("/"));
    }

    /// macOS refuses a soft limit above OPEN_MAX even when it names the hard limit "unlimited".
    fn soft_limit(hard: Option<u64>) -> Option<u64> {
        #[cfg(target_os = "macos")]
        {
            Some(hard.unwrap_or(10_240).min(10_240))
        }
        #[cfg(not(target_os = "macos"))]
        {
            hard
        }
    }

    fn stdio_to_null() -> rustix::io::Result<()> {
        let null = rustix::fs::open(
            "/dev/null",
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::stdio::dup2_stdin(&null)?;
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stderr(&null)
    }

    /// Closes all but 0, 1 and 2, so that a starter's pipe or lock does not live as long as the agent.
    fn close_inherited() -> rustix::io::Result<()> {
        // Linux has both names; macOS and the BSDs only the second.
        let list = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"));
        let list = list.map_err(|e| rustix::io::Errno::from_io_error(&e).unwrap_or(rustix::io::Errno::IO))?;
        let open: Vec<i32> = list
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|fd| *fd > 2)
            .collect();
        for fd in open {
            // SAFETY: only asks whether the number is open. The listing's own is among them, and closed by now.
            let is_open = rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(fd) }).is_ok();
            if is_open {
                // SAFETY: runs first in `main`, before this process opened anything: every number above 2 was
                // inherited and no Rust object owns it.
                unsafe { rustix::io::close(fd) };
            }
        }
        Ok(())
    }
}

#[cfg(windows)]
mod system {
    use super::{Shortfall, Stdio};
    use windows_sys::Win32::Foundation::{CloseHandle, INVALID_HANDLE_VALUE};
    use windows_sys::Win32::System::Console::{
        FreeConsole, GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetStdHandle,
    };
    use windows_sys::Win32::System::Diagnostics::Debug::{
        SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SetErrorMode,
    };

    pub(super) fn at_start(stdio: Stdio, short: &mut Vec<Shortfall>) {
        // SAFETY: sets two process flags; no pointers. Without the fault box Windows Error Reporting takes no dump of
        // a crash by default.
        unsafe { SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX) };
        if stdio == Stdio::Kept {
            return;
        }
        for which in [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE] {
            // SAFETY: runs first in `main`; nothing in this process has used these three handles yet, and after
            // `SetStdHandle` nothing will find the closed value. Rust's std treats a null handle as "no stdio".
            let cleared = unsafe {
                let handle = GetStdHandle(which);
                let cleared = SetStdHandle(which, std::ptr::null_mut());
                if !handle.is_null() && handle != INVALID_HANDLE_VALUE {
                    CloseHandle(handle);
                }
                cleared
            };
            if cleared == 0 {
                short.push(Shortfall { step: "stdio", error: std::io::Error::last_os_error() });
            }
        }
        // SAFETY: no arguments. Fails when there is no console, which is what we want.
        unsafe { FreeConsole() };
    }
}
