//! Starting the agent from a program that will soon be gone.
//!
//! Problem: the caller may be a header helper whose output is a pipe that somebody reads to its end, in a process group
//! that is killed afterwards. Invariants: the agent inherits no descriptor or handle and has a session of its own; it
//! comes from beside our own executable, never from `PATH`; the wait for it has an end.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Client, ClientError};
use crate::identity;

#[cfg(unix)]
#[path = "start_unix.rs"]
mod system;
#[cfg(windows)]
#[path = "start_windows.rs"]
mod system;

/// How long a start may take: the first start after boot reads from a cold disk, and a keychain may be slow.
const START_WITHIN: Duration = Duration::from_secs(10);
/// The first pause between two tries; an agent serves some 5 ms after its start.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// How long after an agent that we started has left another one may need until it serves: many start at once, one
/// takes the lock, the others leave.
const OTHERS_WITHIN: Duration = Duration::from_secs(3);

/// How to start an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StartHow {
    /// By systemd or launchd where the agent is installed there, else the program beside our own executable.
    #[default]
    Auto,
    /// This program.
    Program(PathBuf),
}

/// A started program that can be asked whether it has left.
pub(super) trait Started {
    /// How it ended, when it has.
    fn left(&mut self) -> Option<String>;
}

pub(super) fn start_and_connect(socket: &Path, how: &StartHow) -> Result<Client, ClientError> {
    let mut started: Option<Box<dyn Started>> = match how {
        StartHow::Auto if installed() => None,
        StartHow::Auto => Some(spawn(&beside()?)?),
        StartHow::Program(program) => Some(spawn(program)?),
    };
    let mut deadline = Instant::now() + START_WITHIN;
    let mut pause = FIRST_PAUSE;
    let mut ended = None;
    loop {
        match Client::connect_to(socket) {
            // a lost connection: the agent is between bind and accept, or its predecessor is about to end
            Err(ClientError::NotRunning | ClientError::Lost(_)) => {}
            other => return other,
        }
        if let Some(how) = started.as_mut().and_then(|started| started.left()) {
            started = None;
            ended = Some(how);
            deadline = deadline.min(Instant::now() + OTHERS_WITHIN);
        }
        if Instant::now() >= deadline {
            let reason =
                ended.unwrap_or_else(|| format!("it did not answer within {} s", START_WITHIN.as_secs()));
            return Err(ClientError::NotServing { reason });
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether the system was asked to start it. Not with directories of one's own: the system's agent has others.
fn installed() -> bool {
    std::env::var_os(crate::paths::HOME_VARIABLE).is_none_or(|home| home.is_empty())
        && system::start_installed()
}

/// The agent beside our own executable.
fn beside() -> Result<PathBuf, ClientError> {
    let own = std::env::current_exe().map_err(ClientError::Lost)?;
    let name = format!("{}{}", identity::AGENT_NAME, std::env::consts::EXE_SUFFIX);
    Ok(own.with_file_name(name))
}

fn spawn(program: &Path) -> Result<Box<dyn Started>, ClientError> {
    if !program.is_file() {
        return Err(ClientError::NoProgram { path: program.to_owned() });
    }
    system::spawn(program).map_err(|error| ClientError::NotServing { reason: error.to_string() })
}
