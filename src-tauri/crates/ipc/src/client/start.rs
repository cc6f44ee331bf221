//! Starting the agent from a program that will soon be gone.
//!
//! Problem: the caller may be a header helper whose output is a pipe that somebody reads to its end, in a process group
//! that is killed afterwards. Invariants: the agent inherits no descriptor or handle and has a session of its own; it
//! comes from beside our own executable, never from `PATH`; the wait for it has an end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Client, ClientError};
use crate::fault::Fault;
use crate::identity;

#[cfg(unix)]
#[path = "start_unix.rs"]
mod system;
#[cfg(windows)]
#[path = "start_windows.rs"]
mod system;

/// How long a start may take. A cold disk or a slow keychain cost seconds; an agent that is about to end, and that the next
/// one waits for, as long as its issuer. Below the 30 s after which MCP clients give up on a header helper.
const START_WITHIN: Duration = Duration::from_secs(27);
/// The first pause between two tries; an agent serves some 5 ms after its start.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// How long after an agent that we started has failed another one may need until it serves.
const OTHERS_WITHIN: Duration = Duration::from_secs(3);
/// The first pause before another one is started after one that left because the lock was held; then doubled.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The longest such pause: fifty callers must not keep the machine busy with starting agents.
const LONGEST_RETRY: Duration = Duration::from_secs(1);

/// How to start an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StartHow {
    /// By systemd or launchd where the agent is installed there, else the program beside our own executable.
    #[default]
    Auto,
    /// This program.
    Program(PathBuf),
}

/// How a started program ended.
pub(super) enum Left {
    /// With status 0: another agent holds the lock. It serves at once, or it is about to end.
    Quietly,
    /// It failed; in words.
    Failed(String),
}

/// A started program that can be asked whether it has left.
pub(super) trait Started {
    /// How it ended, when it has.
    fn left(&mut self) -> Option<Left>;
}

pub(super) fn start_and_connect(socket: &Path, how: &StartHow) -> Result<Client, ClientError> {
    let program = match how {
        StartHow::Auto if installed() => None,
        StartHow::Auto => Some(beside()?),
        StartHow::Program(program) => Some(program.clone()),
    };
    let mut started = program.as_deref().map(spawn).transpose()?;
    let begun = Instant::now();
    let mut deadline = begun + START_WITHIN;
    let (mut pause, mut retry) = (FIRST_PAUSE, FIRST_RETRY);
    let (mut failed, mut again) = (None, None);
    loop {
        match Client::connect_to(socket) {
            // a lost connection: the agent is between bind and accept, or its predecessor is about to end
            Err(ClientError::NotRunning | ClientError::Lost(_)) => {}
            other => return other,
        }
        let now = Instant::now();
        match started.as_mut().and_then(|started| started.left()) {
            None => {}
            Some(Left::Quietly) => {
                // Many start at once and one stays; or the one that stays is on its way out, and then nobody would serve.
                started = None;
                again = Some(now + retry);
                retry = (retry * 2).min(LONGEST_RETRY);
            }
            Some(Left::Failed(how)) => {
                started = None;
                // What hinders it will hinder the next one too: no use in waiting.
                if let Some(fault) = program.as_deref().and_then(explain) {
                    return Err(ClientError::Fault(fault));
                }
                failed = Some(how);
                deadline = deadline.min(now + OTHERS_WITHIN);
            }
        }
        if now >= deadline {
            let silent = || format!("it did not answer within {} s", now.duration_since(begun).as_secs());
            return Err(ClientError::NotServing { reason: failed.unwrap_or_else(silent) });
        }
        if again.is_some_and(|at| now >= at) {
            again = None;
            started = program.as_deref().map(spawn).transpose()?;
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

/// Why an agent cannot start, by its own word. Asked only after one has failed, so that it costs nothing otherwise.
fn explain(program: &Path) -> Option<Fault> {
    let mut command = Command::new(program);
    let said = command.arg("--check").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    serde_json::from_slice(&said.stdout).ok()
}

fn spawn(program: &Path) -> Result<Box<dyn Started>, ClientError> {
    if !program.is_file() {
        return Err(ClientError::NoProgram { path: program.to_owned() });
    }
    system::spawn(program).map_err(|error| ClientError::NotServing { reason: error.to_string() })
}
