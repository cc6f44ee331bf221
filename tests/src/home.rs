//! A person's place on a machine: settings, data, socket, and the programs' environment, in a directory that goes away.
//!
//! Nothing of the real person reaches the programs: the environment starts empty. The browser that the command opens is an
//! `xdg-open` of ours, first on `PATH`: it writes the address down and, as a desktop would, hands our scheme to
//! `mcp-login callback`. On Windows, where no `PATH` decides who opens an address, it is a program of ours that the person
//! chose. Leave to use accounts is given the public way, by a policy that names the test program.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::child::Running;
use crate::programs::{Build, Programs};
use crate::{SignIn, place, wait};

/// The settings that tests start with: no keychain is touched unless a test asks for one.
pub const SETTINGS: &str = "vault = \"memory\"\n";

/// What programs get of the environment that the tests were started with: where Windows and Wine lie, and where temporary
/// files go.
const INHERITED: [&str; 9] = [
    "SystemRoot",
    "SystemDrive",
    "TEMP",
    "TMP",
    "TMPDIR",
    "WINEPREFIX",
    "WINEDEBUG",
    "WINEDLLOVERRIDES",
    "RUST_BACKTRACE",
];

/// A person's place. Dropped, it ends the agent that works there.
#[derive(Debug)]
pub struct Home {
    dir: TempDir,
    programs: &'static Programs,
    env: BTreeMap<OsString, OsString>,
}

/// What a finished program said.
#[derive(Debug, Clone)]
pub struct Said {
    /// The command line, for messages.
    pub line: String,
    /// The exit status; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// A place with a vault in memory, where this test program may use every account.
    pub fn new() -> Home {
        Self::of(Build::Plain)
    }

    /// The same, with an agent that has fault points.
    pub fn with_fault_points() -> Home {
        Self::of(Build::FaultPoints)
    }

    /// The same as [`Home::new`], with this program as the desktop app beside the agent: the agent starts it when a person is
    /// to be asked. No program may use an account.
    pub fn with_desktop(program: &Path) -> Home {
        let mut home = Self::of(Build::Plain);
        let programs_dir = home.path("programs");
        fs::create_dir(&programs_dir).expect("a fresh directory");
        let beside = |from: &Path, name: &str| {
            let to = programs_dir.join(name);
            // A copy only where the two lie on different disks: the agent is large.
            fs::hard_link(from, &to).unwrap_or_else(|_| place::program(from, &to));
            to
        };
        let plain = Programs::get(Build::Plain);
        beside(program, "mcp-login-desktop");
        let programs = Programs {
            command: beside(&plain.command, "mcp-login"),
            agent: beside(&plain.agent, "mcp-login-agent"),
            sandbox: plain.sandbox.clone(),
        };
        home.programs = Box::leak(Box::new(programs));
        home.write_browser();
        home.write_policy("");
        home
    }

    fn of(build: Build) -> Home {
        let dir = tempfile::Builder::new().prefix("mcp-login-").tempdir().expect("a temporary directory");
        let mut home = Home { dir, programs: Programs::get(build), env: BTreeMap::new() };
        for part in ["config", "data", "run", "bin", "person"] {
            fs::create_dir(home.path(part)).expect("a fresh directory");
            private(&home.path(part));
        }
        home.write_browser();
        home.write_settings(SETTINGS);
        home.write_policy(&policy_for(&[std::env::current_exe().expect("a test program knows its path")]));
        home.set("PATH", path_variable(&home.path("bin")));
        let person = home.path("person");
        home.set("HOME", person);
        let place = home.dir().to_owned();
        home.set("MCP_LOGIN_HOME", place);
        // A display that is not there: the command may open a browser, and the browser is our own.
        home.set("DISPLAY", ":0");
        home.set("LANG", "C.UTF-8");
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                home.set(name, value);
            }
        }
        home
    }

    /// The directory that `MCP_LOGIN_HOME` names.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Something in it.
    pub fn path(&self, part: &str) -> PathBuf {
        self.dir.path().join(part)
    }

    /// The programs that run here.
    pub fn programs(&self) -> &'static Programs {
        self.programs
    }

    /// Runs the command and the agent that lie in this directory from now on, as an installer put them there.
    pub fn use_programs_in(&mut self, dir: &Path) {
        let program = |name: &str| dir.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let programs = Programs {
            command: program("mcp-login"),
            agent: program("mcp-login-agent"),
            sandbox: self.programs.sandbox.clone(),
        };
        self.programs = Box::leak(Box::new(programs));
    }

    /// The agent's socket.
    #[cfg(unix)]
    pub fn socket(&self) -> PathBuf {
        self.path("run/agent.sock")
    }

    /// The agent's pipe.
    #[cfg(windows)]
    pub fn socket(&self) -> PathBuf {
        mcp_login_ipc::Paths::under(self.dir()).expect("an absolute path").socket
    }

    /// Writes the settings, whole. Follow [`SETTINGS`] unless the test is about a keychain.
    pub fn write_settings(&self, toml: &str) {
        fs::write(self.path("config/config.toml"), toml).expect("settings are written");
    }

    /// Writes the policy, whole.
    pub fn write_policy(&self, toml: &str) {
        let file = self.path("config/policy.toml");
        fs::write(&file, toml).expect("a policy is written");
        private(&file);
    }

    /// Sets a variable for every program that starts here from now on.
    pub fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Home {
        self.env.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Takes a variable away.
    pub fn unset(&mut self, name: impl AsRef<OsStr>) -> &mut Home {
        self.env.remove(name.as_ref());
        self
    }

    /// A program as it would be started here: with this place's environment and no other.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.env).stdin(Stdio::null()).current_dir(self.path("person"));
        command
    }

    /// `mcp-login …`, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(&self.programs().command);
        command.args(arguments);
        command
    }

    /// Runs `mcp-login …` to its end.
    pub fn run(&self, arguments: &[&str]) -> Said {
        Said::of(&mut self.command(arguments))
    }

    /// Runs `mcp-login …` with text on its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Said {
        Said::of(self.command(arguments).stdin(input_of(input)))
    }

    /// Starts `mcp-login …` and leaves it running.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start("mcp-login", &mut self.command(arguments))
    }

    /// Starts `mcp-login add URL …` and leaves it waiting for the person.
    pub fn add(&self, url: &str, arguments: &[&str]) -> SignIn<'_> {
        let mut line = vec!["add", url, "--json"];
        line.extend_from_slice(arguments);
        SignIn::start(self, &line, "")
    }

    /// Starts any command that opens a browser and waits for the person, with text on its standard input.
    pub fn sign_in(&self, line: &[&str], input: &str) -> SignIn<'_> {
        SignIn::start(self, line, input)
    }

    /// Signs alice in through a page that the person fetches and posts, and returns the account's name.
    pub fn signed_in(&self, url: &str, name: &str) -> String {
        let sign_in = self.add(url, &["--name", name]);
        crate::Person::named("alice").allow(&sign_in.address()).deliver();
        sign_in.finish().ok();
        name.to_owned()
    }

    /// The addresses that programs here asked the desktop to open, oldest first.
    pub fn opened(&self) -> Vec<String> {
        fs::read_to_string(self.path("opened")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Waits for the address number `index` (from 0) to be opened.
    pub fn opened_at(&self, index: usize) -> String {
        wait::until("an address to be opened", || self.opened().into_iter().nth(index))
    }

    /// The ids of the agents that work for this place, found by what the system says, not by what they say.
    #[cfg(target_os = "linux")]
    pub fn agents(&self) -> Vec<u32> {
        use std::os::unix::ffi::OsStrExt;
        let agent = self.programs().agent.as_os_str();
        let mine = [b"MCP_LOGIN_HOME=", self.dir().as_os_str().as_bytes()].concat();
        let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
        processes
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
            .filter(|id| fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|exe| exe.as_os_str() == agent))
            .filter(|id| {
                let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|variable| variable == mine)
            })
            .collect()
    }

    /// The id of the agent that works for this place, by its own word.
    #[cfg(not(target_os = "linux"))]
    pub fn agents(&self) -> Vec<u32> {
        let status = self.run(&["agent", "status", "--json"]);
        let pid = if status.code == 0 { status.json()["pid"].as_u64() } else { None };
        pid.and_then(|pid| u32::try_from(pid).ok()).into_iter().collect()
    }

    #[cfg(windows)]
    fn write_browser(&mut self) {
        self.set("MCP_LOGIN_BROWSER", crate::programs::of_the_tests("browser-stand-in"));
    }

    #[cfg(unix)]
    fn write_browser(&mut self) {
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$1\" >>'{opened}'\ncase $1 in\n  io.github.mcp-login*) exec '{command}' callback \"$1\" ;;\nesac\n",
            opened = self.path("opened").display(),
            command = self.programs().command.display(),
        );
        place::script(&self.path("bin/xdg-open"), &script);
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        for id in self.agents() {
            crate::child::signal(id, rustix::process::Signal::KILL);
        }
        // An agent hides from everybody but root: one that still answers is asked to go.
        #[cfg(unix)]
        let answers = std::os::unix::net::UnixStream::connect(self.socket()).is_ok();
        #[cfg(not(unix))]
        let answers = std::fs::File::options().read(true).write(true).open(self.socket()).is_ok();
        if !answers {
            return;
        }
        let _ = self.command(&["agent", "stop"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

impl Said {
    /// Runs a program to its end.
    pub fn of(command: &mut Command) -> Said {
        let line = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ");
        let output = command.output().unwrap_or_else(|error| panic!("{line} does not start: {error}"));
        Said {
            line,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Demands success.
    #[track_caller]
    pub fn ok(self) -> Said {
        self.exits(0)
    }

    /// Demands an exit status.
    #[track_caller]
    pub fn exits(self, code: i32) -> Said {
        assert_eq!(
            self.code, code,
            "exit status of `{}`\nstdout: {}\nstderr: {}",
            self.line, self.stdout, self.stderr
        );
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("`{}` printed no JSON ({error}): {}{}", self.line, self.stdout, self.stderr)
        })
    }

    /// The error that a command with `--json` ended with.
    #[track_caller]
    pub fn error(&self) -> serde_json::Value {
        let errors =
            self.stderr.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let last = errors.filter_map(|value| value.get("error").cloned()).next_back();
        last.unwrap_or_else(|| panic!("`{}` ended with no JSON error: {}", self.line, self.stderr))
    }

    /// Standard output without the newline at its end.
    pub fn text(&self) -> &str {
        self.stdout.trim_end_matches('\n')
    }
}

/// Our own directory first.
#[cfg(unix)]
fn path_variable(first: &Path) -> OsString {
    let mut path = first.as_os_str().to_owned();
    path.push(":/usr/local/bin:/usr/bin:/bin");
    path
}

/// Our own directory first.
#[cfg(windows)]
fn path_variable(first: &Path) -> OsString {
    let root = PathBuf::from(std::env::var_os("SystemRoot").expect("Windows says where it lies"));
    std::env::join_paths([first, &root.join("System32"), &root]).expect("no path of ours holds a semicolon")
}

/// A policy that lets these programs use every account.
pub fn policy_for(programs: &[PathBuf]) -> String {
    programs
        .iter()
        .map(|program| {
            format!("[[allow]]\nprogram = {:?}\naccounts = \"*\"\n\n", program.display().to_string())
        })
        .collect()
}

/// A text as a program's standard input. The file goes away with its last reader.
pub(crate) fn input_of(text: &str) -> Stdio {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(text.as_bytes()).and_then(|()| file.rewind()).expect("a temporary file is written");
    Stdio::from(file)
}

/// Only the person may read it.
fn private(path: &Path) {
    place::mode(path, if path.is_dir() { 0o700 } else { 0o600 });
}
