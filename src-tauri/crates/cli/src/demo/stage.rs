//! What the demo starts, and how it ends it. A home of its own in the temporary directory, so that nobody's
//! accounts are met; the sandbox beside our own program, in a process group of its own, so that Ctrl-C reaches
//! us and not it (signing out needs it); and everything that was started is ended by its id, whatever happens.

use super::http;
use mcp_login_ipc::identity;
use serde::Deserialize;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use url::Url;

/// How long a program may take to come up on a busy machine.
const START: Duration = Duration::from_secs(20);
/// How long a program that was asked to end may take.
const END: Duration = Duration::from_secs(5);

/// Set by Ctrl-C; looked at between the steps.
pub(super) static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether the person wants to stop.
#[must_use]
pub(super) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// What kept the demo from being set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// A program of ours is not where it belongs.
    #[error("{0} is not beside this program")]
    Missing(String),
    /// A program did not start.
    #[error("{0} did not start")]
    Start(&'static str, #[source] std::io::Error),
    /// The sandbox ended, or said something else than that it is ready.
    #[error("the sandbox did not say that it is ready")]
    NotReady,
    /// The home could not be made.
    #[error("no directory for the demo could be made in {0}")]
    Home(String, #[source] std::io::Error),
    /// The sandbox could not be asked.
    #[error("the sandbox could not be asked")]
    Sandbox(#[from] http::Failed),
}

/// The line that the sandbox prints when it listens.
#[derive(Debug, Deserialize)]
struct Ready {
    mcp: String,
    control: String,
}

/// Everything that the demo has started and made.
#[derive(Debug)]
pub(super) struct Stage {
    /// `MCP_LOGIN_HOME` of the demo.
    pub home: PathBuf,
    /// Our own program.
    pub command: PathBuf,
    /// The MCP server's address.
    pub mcp: String,
    control: Url,
    sandbox: Child,
    keep: bool,
}

impl Stage {
    /// Makes the home and starts the sandbox.
    ///
    /// # Errors
    /// [`Trouble`]; nothing is left running then.
    pub(super) fn set(keep: bool) -> Result<Self, Trouble> {
        let command = std::env::current_exe().map_err(|e| Trouble::Start("mcp-login", e))?;
        let sandbox = beside(&command, "mcp-login-sandbox")?;
        beside(&command, "mcp-login-agent")?;
        let home = make_home()?;
        let mut start = Command::new(sandbox);
        // Tokens for five minutes: none is due within the story, and none lives long after us.
        start.args(["--port", "0", "--access-ttl", "300", "--log"]).arg(home.join("sandbox.log"));
        start.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        apart(&mut start);
        let mut sandbox = match start.spawn() {
            Ok(child) => child,
            Err(e) => {
                let _ = std::fs::remove_dir_all(&home);
                return Err(Trouble::Start("mcp-login-sandbox", e));
            }
        };
        let ready = ready(&mut sandbox);
        let control = ready.as_ref().and_then(|r| Url::parse(&r.control).ok());
        let (Some(ready), Some(control)) = (ready, control) else {
            end(&mut sandbox);
            let _ = std::fs::remove_dir_all(&home);
            return Err(Trouble::NotReady);
        };
        Ok(Self { home, command, mcp: ready.mcp, control, sandbox, keep })
    }

    /// The desktop app, in the demo's home.
    ///
    /// # Errors
    /// When it is not beside this program.
    pub(super) fn window(&self) -> Result<Command, Trouble> {
        let mut command = Command::new(beside(&self.command, identity::DESKTOP_NAME)?);
        command.env("MCP_LOGIN_HOME", &self.home);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        apart(&mut command);
        Ok(command)
    }

    /// Our own program with these arguments, in the demo's home.
    #[must_use]
    pub(super) fn run(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.command);
        command.args(args).env("MCP_LOGIN_HOME", &self.home);
        command
    }

    /// The sandbox's request log.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub(super) fn requests(&self) -> Result<Vec<serde_json::Value>, Trouble> {
        let mut url = self.control.clone();
        url.set_path("/sandbox/log");
        let log = http::get(&url, &[])?.json().unwrap_or_default();
        let entries = log.get("entries").unwrap_or(&log);
        Ok(entries.as_array().cloned().unwrap_or_default())
    }

    /// The process id of the sandbox.
    #[must_use]
    pub(super) fn sandbox_pid(&self) -> u32 {
        self.sandbox.id()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // the agent first: what it still has to revoke it revokes at the sandbox
        let _ = self
            .run(&["agent", "stop"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        end(&mut self.sandbox);
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.home);
        }
    }
}

/// A program of ours in the directory of this one: an installation is one directory.
fn beside(command: &Path, name: &str) -> Result<PathBuf, Trouble> {
    let path = command.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if path.is_file() { Ok(path) } else { Err(Trouble::Missing(name.to_owned())) }
}

/// A new directory that only this user enters. The name is short: a socket's path has room for some hundred bytes.
fn make_home() -> Result<PathBuf, Trouble> {
    let base = std::env::temp_dir();
    let base = base.canonicalize().unwrap_or(base);
    let mut last = None;
    for n in 0..64 {
        let path = base.join(format!("mcp-login-demo-{}-{n}", std::process::id()));
        #[cfg_attr(not(unix), allow(unused_mut))] // the mode is only set where there are modes
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // never takes over what is there: `create` fails, and the next name is tried
        match builder.create(&path) {
            Ok(()) => return Ok(path),
            Err(e) => last = Some(e),
        }
    }
    let why = last.unwrap_or_else(|| std::io::ErrorKind::AlreadyExists.into());
    Err(Trouble::Home(base.display().to_string(), why))
}

fn apart(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(windows)]
    {
        /// `CREATE_NEW_PROCESS_GROUP`: Ctrl-C of the console does not reach it.
        const NEW_GROUP: u32 = 0x0000_0200;
        std::os::windows::process::CommandExt::creation_flags(command, NEW_GROUP);
    }
}

fn ready(child: &mut Child) -> Option<Ready> {
    let stdout = child.stdout.take()?;
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        let _ = reader.by_ref().take(64 * 1024).read_line(&mut line);
        let _ = tell.send(line);
        // go on reading, so that it never waits for us
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
    });
    serde_json::from_str(&told.recv_timeout(START).ok()?).ok()
}

/// Ends a child of ours: asked first, then not.
pub(super) fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let until = Instant::now() + END;
        while Instant::now() < until {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    #[cfg(not(unix))]
    let _ = (END, Instant::now);
    let _ = child.kill();
    let _ = child.wait();
}
