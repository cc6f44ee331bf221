//! The consent window as a process: the program beside the agent, its pipes as the link.
//!
//! Problem: whoever can choose what the window loads can answer for the person. Invariant: the program is started by its whole
//! path, after a look that it is a file of the system's or of this user that nobody else may write; its environment is made
//! anew from a list; it inherits the pipes and nothing else; what it says on standard error goes into the log, bounded; it is
//! waited for, and ended when it does not end by itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mcp_login_ipc::identity;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, BufReader};
use tokio::process::{Child, ChildStderr, Command};

/// How long a window whose link was closed may take to end.
const FAREWELL: Duration = Duration::from_secs(5);
/// Bytes of one line of its standard error, and of all of them, that go into the log: a toolkit's warnings and a panic.
const MAX_LINE: u64 = 1024;
const MAX_SAID: usize = 64 * 1024;

/// What the window gets of the agent's own environment, besides the session's variables: where this user's files lie.
#[cfg(not(windows))]
const OWN: &[&str] = &[
    "HOME",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_CONFIG_DIRS",
    "XDG_DATA_HOME",
    "XDG_DATA_DIRS",
    "XDG_CACHE_HOME",
    "XDG_STATE_HOME",
    "XDG_CURRENT_DESKTOP",
    "XDG_SESSION_TYPE",
];
/// The same on Windows, where a program without these does not even start.
#[cfg(windows)]
const OWN: &[&str] = &[
    "APPDATA",
    "LOCALAPPDATA",
    "PROGRAMDATA",
    "ProgramFiles",
    "ProgramFiles(x86)",
    "SystemDrive",
    "SystemRoot",
    "TEMP",
    "TMP",
    "USERNAME",
    "USERPROFILE",
];

/// Both directions of the link.
pub trait Link: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Link for T {}

/// A window that was started.
pub struct Started {
    /// What it says and what it is told.
    pub link: Box<dyn Link>,
    /// Its process.
    pub process: Option<Process>,
}

/// What opens the window.
pub trait Window: Send + Sync + 'static {
    /// Whether there is a program to start.
    fn is_there(&self) -> bool;

    /// Starts it in a session with these variables.
    ///
    /// # Errors
    /// What the system says.
    fn start(&self, session: &BTreeMap<String, String>) -> io::Result<Started>;
}

/// The desktop app beside the agent.
#[derive(Debug)]
pub struct BesideAgent(PathBuf);

impl BesideAgent {
    /// `agent` is the agent's executable.
    #[must_use]
    pub fn new(agent: &Path) -> Self {
        let name = format!("{}{}", identity::DESKTOP_NAME, std::env::consts::EXE_SUFFIX);
        Self(agent.with_file_name(name))
    }
}

impl Window for BesideAgent {
    fn is_there(&self) -> bool {
        self.0.is_absolute() && std::fs::symlink_metadata(&self.0).is_ok_and(|meta| is_program(&meta))
    }

    fn start(&self, session: &BTreeMap<String, String>) -> io::Result<Started> {
        if !self.is_there() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut child = Command::new(&self.0)
            .arg("--consent")
            .env_clear()
            .envs(environment(session, |name| std::env::var_os(name)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        tokio::spawn(log(stderr));
        Ok(Started { link: Box::new(tokio::io::join(stdout, stdin)), process: Some(Process(child)) })
    }
}

/// A regular file, and no link: what it leads to could change under us. Who may write it is who may write the agent.
fn is_program(meta: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    let safe = {
        use std::os::unix::fs::MetadataExt as _;
        let owners = [0, rustix::process::geteuid().as_raw()];
        owners.contains(&meta.uid()) && meta.mode() & 0o002 == 0 && meta.mode() & 0o100 != 0
    };
    #[cfg(not(unix))]
    let safe = true;
    meta.is_file() && safe
}

/// Made anew: nothing of what the agent's starter had set decides what the window loads.
fn environment(
    session: &BTreeMap<String, String>,
    own: impl Fn(&str) -> Option<OsString>,
) -> BTreeMap<OsString, OsString> {
    let mut made: BTreeMap<OsString, OsString> =
        OWN.iter().filter_map(|name| Some(((*name).into(), own(name)?))).collect();
    #[cfg(not(windows))]
    {
        made.insert("PATH".into(), "/usr/bin:/bin".into());
        let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().as_os_str().to_owned());
        if !made.contains_key(std::ffi::OsStr::new("HOME"))
            && let Some(home) = home()
        {
            made.insert("HOME".into(), home);
        }
    }
    #[cfg(windows)]
    if let Some(root) = own("SystemRoot") {
        made.insert("PATH".into(), Path::new(&root).join("System32").into());
    }
    made.extend(session.iter().map(|(name, value)| (name.into(), value.into())));
    made
}

/// What the window writes on standard error, for who looks for a fault.
async fn log(stderr: ChildStderr) {
    let mut reader = BufReader::new(stderr);
    let mut left = MAX_SAID;
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            _ => return,
        }
        // Read on all the same: a full pipe would stop the window.
        if left == 0 {
            continue;
        }
        left = left.saturating_sub(line.len());
        let said = String::from_utf8_lossy(&line);
        tracing::info!(said = said.trim_end(), "the consent window says");
    }
}

/// The window's process.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Its id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.0.id()
    }

    /// Waits for its end.
    pub async fn ended(&mut self) {
        match self.0.wait().await {
            Ok(status) if status.success() => tracing::debug!("the consent window has ended"),
            Ok(status) => tracing::warn!(%status, "the consent window has ended"),
            Err(error) => tracing::warn!(%error, "the consent window cannot be waited for"),
        }
    }

    /// Its link is closed: it ends, or is ended.
    pub async fn finish(mut self) {
        if tokio::time::timeout(FAREWELL, self.ended()).await.is_err() {
            tracing::warn!("the consent window did not end by itself");
            let _ = self.0.kill().await;
        }
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn the_program_is_a_file_of_ours_and_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let window = BesideAgent::new(&dir.path().join("mcp-login-agent"));
        let program = dir.path().join("mcp-login-desktop");
        let mode = |mode| std::fs::set_permissions(&program, PermissionsExt::from_mode(mode)).unwrap();
        assert!(!window.is_there(), "nothing is there");
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        mode(0o755);
        assert!(window.is_there());
        for wrong in [0o757, 0o644] {
            mode(wrong);
            assert!(!window.is_there(), "{wrong:o}");
        }
        mode(0o755);
        std::fs::rename(&program, dir.path().join("real")).unwrap();
        symlink(dir.path().join("real"), &program).unwrap();
        assert!(!window.is_there(), "a link");
        std::fs::remove_file(&program).unwrap();
        std::fs::create_dir(&program).unwrap();
        assert!(!window.is_there(), "a directory");
    }

    #[test]
    fn the_environment_is_made_from_a_list() {
        let session = BTreeMap::from([("DISPLAY".to_owned(), ":7".to_owned())]);
        let made = environment(&session, |name| Some(format!("own {name}").into()));
        assert_eq!(made[std::ffi::OsStr::new("PATH")], "/usr/bin:/bin");
        assert_eq!(made[std::ffi::OsStr::new("DISPLAY")], ":7");
        assert_eq!(made.len(), OWN.len() + 2, "{made:?}");
        let bare = environment(&BTreeMap::new(), |_| None);
        assert!(bare.keys().all(|name| name == "PATH" || name == "HOME"), "{bare:?}");
    }
}
