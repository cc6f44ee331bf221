//! A desktop session of its own for one test: a D-Bus, an unlocked keyring and a display, by `scripts/session`. What a
//! test does to this keyring no person's keyring sees, and tests may run side by side.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Child, Command, Stdio};

use crate::home::{Home, Said};
use crate::programs::workspace;

/// A running session. Dropped, it ends, and its keyring with it.
#[derive(Debug)]
pub struct Session {
    child: Child,
    env: BTreeMap<String, String>,
}

/// What a program needs in order to live in the session; the first is how the session finds it at its end.
const NAMES: &[&str] = &[
    "MCP_LOGIN_SESSION",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "XDG_RUNTIME_DIR",
    "XDG_DATA_HOME",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XAUTHORITY",
];

impl Session {
    /// Tells a story in a session with a keyring (`options` as in [`Session::start_with`]), and once more in a new one when
    /// the keyring itself died in it: what a test then saw says nothing about us. It dies of a race of its own, once in some
    /// hundred stories, so twice in a row is no chance.
    pub fn tell(options: &[&str], story: impl Fn(&Session)) {
        let session = Session::start_with(options);
        let Err(why) = catch_unwind(AssertUnwindSafe(|| story(&session))) else { return };
        if session.keyring_lives() {
            resume_unwind(why);
        }
        story(&Session::start_with(options));
    }

    /// A person's place whose secrets go into this session's keyring.
    pub fn home(&self) -> Home {
        let mut home = Home::new();
        home.write_settings("");
        self.enter(&mut home);
        home
    }

    /// Starts one, without a screen, and waits until its keyring answers.
    pub fn start() -> Session {
        Self::start_with(&[])
    }

    /// The same with options of `scripts/session`: `--wm` (a screen and a window manager, for prompts), `--no-keyring`.
    pub fn start_with(options: &[&str]) -> Session {
        // It tells its environment and then lives until its input ends, with us or after us.
        let mut child = Command::new(workspace().join("scripts/session"))
            .args(options)
            .args(["--", "sh", "-c", "env; printf '\\0'; exec cat >/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/session starts");
        let mut told = Vec::new();
        let pipe = child.stdout.as_mut().expect("piped above");
        let mut byte = [0];
        while pipe.read_exact(&mut byte).is_ok() && byte[0] != 0 {
            told.push(byte[0]);
        }
        let told = String::from_utf8_lossy(&told).into_owned();
        let variables = told.lines().filter_map(|line| line.split_once('='));
        let env: BTreeMap<_, _> =
            variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert!(env.contains_key("DBUS_SESSION_BUS_ADDRESS"), "scripts/session made no session:\n{told}");
        Session { child, env }
    }

    /// Lets everything that starts in this home from now on live in the session.
    pub fn enter(&self, home: &mut Home) {
        for name in NAMES {
            if let Some(value) = self.env.get(*name) {
                home.set(name, value);
            }
        }
    }

    /// All of them.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// A variable of the session.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str)
    }

    /// Runs a program in the session, as `secret-tool` or `xdotool`.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Said {
        Said::of(Command::new(program).args(arguments).envs(&self.env).stdin(Stdio::null()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(mut input) = self.child.stdin.take() {
            let _ = input.flush();
        }
        let _ = self.child.wait();
    }
}
