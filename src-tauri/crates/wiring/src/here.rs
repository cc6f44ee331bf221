//! This computer: which clients are installed, where their files lie, and which program each of them is.

use crate::file;
use crate::{WiringError, Wirings};
use mcp_login_clients::{Client, Gate, Host, Via};
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// The environment of the person.
#[derive(Clone)]
pub struct Here {
    /// Our command, as an absolute path: what is written into the files.
    pub command: PathBuf,
    var: Arc<Variables>,
}

/// Gives the value of a variable.
type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

impl fmt::Debug for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Here").field("command", &self.command).finish_non_exhaustive()
    }
}

/// A client that is installed.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which.
    pub client: &'static Client,
    /// What says so: a directory or a program.
    pub seen: PathBuf,
    /// Its file; it need not be there yet.
    pub file: PathBuf,
}

impl Here {
    /// With another environment, for tests.
    pub fn new(command: PathBuf, var: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { command, var: Arc::new(var) }
    }

    /// The environment of this process. `own` is where our command lies.
    #[must_use]
    pub fn of_process(own: PathBuf) -> Self {
        Self::new(lasting(own), |name| match name {
            // Windows calls it otherwise, and a program that a desktop started may have neither
            "HOME" => {
                std::env::var("HOME").ok().filter(|home| !home.is_empty() && !cfg!(windows)).or_else(|| {
                    directories::BaseDirs::new().and_then(|dirs| dirs.home_dir().to_str().map(str::to_owned))
                })
            }
            other => std::env::var(other).ok(),
        })
    }

    fn var(&self, name: &str) -> Option<String> {
        (self.var)(name)
    }

    /// The file of a client, if there can be one: the first candidate that exists, else the first.
    #[must_use]
    pub fn file(&self, client: &Client) -> Option<PathBuf> {
        let files: Vec<PathBuf> =
            client.files(Host::HERE, |name| self.var(name)).into_iter().map(PathBuf::from).collect();
        files.iter().find(|file| file.exists()).or(files.first()).cloned()
    }

    /// What says that a client is installed: a directory of its own, or its program. Not the configuration file.
    fn seen(&self, client: &Client) -> Option<PathBuf> {
        let dirs = client.dirs(Host::HERE, |name| self.var(name));
        dirs.into_iter().map(PathBuf::from).find(|dir| dir.is_dir()).or_else(|| self.on_path(client))
    }

    fn on_path(&self, client: &Client) -> Option<PathBuf> {
        client.look.programs.iter().find_map(|name| self.which(name))
    }

    /// A program on `PATH`.
    fn which(&self, name: &str) -> Option<PathBuf> {
        let path = self.var("PATH")?;
        let endings: &[&str] = if cfg!(windows) { &[".exe", ".cmd", ".bat"] } else { &[""] };
        std::env::split_paths(&path)
            .filter(|dir| dir.is_absolute())
            .flat_map(|dir| endings.iter().map(move |ending| dir.join(format!("{name}{ending}"))))
            .find(|program| is_program(program))
    }

    /// The program that a client is when it runs, as far as its name on `PATH` says: a script is not, since what it
    /// starts is another program.
    #[must_use]
    pub fn program(&self, client: &Client) -> Option<PathBuf> {
        let real = std::fs::canonicalize(self.on_path(client)?).ok()?;
        let mut start = [0u8; 4];
        std::fs::File::open(&real).ok()?.read_exact(&mut start).ok()?;
        // ELF, Mach-O (both byte orders, and several architectures in one), PE
        let native = matches!(
            start,
            [0x7f, b'E', b'L', b'F']
                | [0xcf | 0xce, 0xfa, 0xed, 0xfe]
                | [0xca, 0xfe, 0xba, 0xbe | 0xbf]
                | [b'M', b'Z', ..]
        );
        native.then(|| file::plain(real))
    }

    /// Asks a program for its version, and holds it against what a way needs.
    pub(crate) fn gate(&self, client: &Client, via: Via) -> Result<(), WiringError> {
        let Some(Gate { program, least }) = client.gate(via) else { return Ok(()) };
        let too_old =
            |found: String| WiringError::TooOld { client: client.name.clone(), found, least: least.clone() };
        let path = self.which(program).ok_or_else(|| too_old("not on PATH".to_owned()))?;
        let mut command = Command::new(&path);
        command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null());
        let said = command.output().map_err(WiringError::io(path))?;
        let said = String::from_utf8_lossy(&said.stdout).lines().next().unwrap_or_default().trim().to_owned();
        let gate = client.gate(via);
        if gate.is_some_and(|gate| gate.lets(&said)) {
            return Ok(());
        }
        let said: String = said.chars().filter(|c| !c.is_control()).take(40).collect();
        Err(too_old(if said.is_empty() {
            "of no known version".to_owned()
        } else {
            format!("version “{said}”")
        }))
    }
}

impl Wirings {
    /// The clients that are installed, in the order of the table.
    ///
    /// # Errors
    /// A mistake in the table.
    pub fn installed(&self) -> Result<Vec<Found>, WiringError> {
        let found = self.known()?.iter().filter_map(|client| {
            Some(Found { client, seen: self.here.seen(client)?, file: self.here.file(client)? })
        });
        Ok(found.collect())
    }

    /// The program that a client is when it runs, if that is known.
    #[must_use]
    pub fn program(&self, client: &Client) -> Option<PathBuf> {
        self.here.program(client)
    }
}

fn is_program(path: &Path) -> bool {
    let Ok(meta) = std::fs::metadata(path) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        meta.is_file() && meta.permissions().mode() & 0o111 != 0
    }
    #[cfg(not(unix))]
    {
        meta.is_file()
    }
}

/// The path by which our command is started after an update, too: package managers put a link to the newest version on
/// `PATH`, and what lies behind it goes with its version.
fn lasting(own: PathBuf) -> PathBuf {
    let (Some(path), Some(name)) = (std::env::var_os("PATH"), own.file_name()) else { return own };
    let Ok(real) = std::fs::canonicalize(&own) else { return own };
    let linked = std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|program| std::fs::canonicalize(program).is_ok_and(|target| target == real));
    linked.unwrap_or_else(|| file::plain(own))
}
