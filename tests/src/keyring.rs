//! What a person and a desktop do with the keyring of a [`Session`]: lock it, answer its prompt, look into it; and a bus
//! and a keyring that come later than the programs that want them.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::child::Running;
use crate::session::Session;
use crate::wait;

/// The collection that `gnome-keyring-daemon --unlock` makes.
const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";

/// An item, as any program of the desktop sees it, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyringItem {
    /// What a person reads in the keyring's own program.
    pub label: String,
    /// What programs search by, as `name=value`.
    pub attributes: Vec<String>,
}

impl Session {
    /// Locks the keyring, as a screen lock may do.
    pub fn lock(&self) {
        let array = format!("array:objpath:{COLLECTION}");
        self.secrets("/org/freedesktop/secrets", &["org.freedesktop.Secret.Service.Lock", &array]);
        assert!(self.is_locked(), "the keyring did not lock");
    }

    /// Whether it is locked.
    pub fn is_locked(&self) -> bool {
        self.property(COLLECTION, "Collection", "Locked").contains("boolean true")
    }

    /// All items, sorted.
    pub fn items(&self) -> Vec<KeyringItem> {
        let list = self.property(COLLECTION, "Collection", "Items");
        let mut items: Vec<_> = quoted(&list)
            .into_iter()
            .map(|path| {
                let label = quoted(&self.property(&path, "Item", "Label"));
                let pairs = quoted(&self.property(&path, "Item", "Attributes"));
                let mut attributes: Vec<_> = pairs.chunks(2).map(|pair| pair.join("=")).collect();
                attributes.sort();
                KeyringItem { label: label.concat(), attributes }
            })
            .collect();
        items.sort();
        items
    }

    /// Waits for the prompt that asks for the keyring's password, and types it.
    pub fn type_password(&self) {
        self.prompt();
        let password = self.get("MCP_LOGIN_SESSION_PASSWORD").expect("scripts/session tells it");
        self.run("xdotool", &["type", "--delay", "20", password]).ok();
        self.run("xdotool", &["key", "Return"]).ok();
        self.no_prompt();
    }

    /// Waits for the prompt and closes it.
    pub fn press_escape(&self) {
        self.prompt();
        self.run("xdotool", &["key", "Escape"]).ok();
        self.no_prompt();
    }

    /// The windows of prompts that can be seen.
    pub fn prompts(&self) -> Vec<String> {
        let search = ["search", "--onlyvisible", "--name", "^Unlock (Login )?Keyring$"];
        self.run("xdotool", &search).stdout.lines().map(str::to_owned).collect()
    }

    fn prompt(&self) {
        let window = wait::until("the keyring's prompt", || self.prompts().into_iter().next());
        self.run("xdotool", &["windowactivate", "--sync", &window]).ok();
    }

    fn no_prompt(&self) {
        wait::until("the keyring's prompt to close", || self.prompts().is_empty().then_some(()));
    }

    /// Where a second bus will listen, once it is started.
    pub fn late_bus(&self) -> String {
        format!("unix:path={}", self.path("late").display())
    }

    /// Starts the second bus.
    pub fn start_late_bus(&self) -> Running {
        let socket = self.path("late");
        let _ = std::fs::remove_file(&socket);
        let mut command = self.command("dbus-daemon");
        command.arg(format!("--config-file={}", self.path("bus.conf").display()));
        command.arg(format!("--address={}", self.late_bus())).args(["--nofork", "--nopidfile"]);
        let running = Running::start("dbus-daemon", &mut command);
        wait::until("the late bus", || socket.exists().then_some(()));
        running
    }

    /// Starts a keyring on the second bus; for sessions that were started with `--no-keyring`.
    pub fn start_late_keyring(&self) -> Running {
        let mut command = self.command("gnome-keyring-daemon");
        command.env("DBUS_SESSION_BUS_ADDRESS", self.late_bus());
        command.args(["--foreground", "--unlock", "--components=secrets"]);
        // The password comes from a file, without a line feed at its end.
        let mut password = tempfile::tempfile().expect("a temporary file");
        let text = self.get("MCP_LOGIN_SESSION_PASSWORD").expect("scripts/session tells it");
        password.write_all(text.as_bytes()).expect("it is written");
        std::io::Seek::rewind(&mut password).expect("it is a file");
        command.stdin(Stdio::from(password));
        let running = Running::start("gnome-keyring-daemon", &mut command);
        let address = format!("--bus={}", self.late_bus());
        wait::until("the late keyring", || {
            let asked = self.run(
                "dbus-send",
                &[
                    &address,
                    "--print-reply",
                    "--dest=org.freedesktop.DBus",
                    "/org/freedesktop/DBus",
                    "org.freedesktop.DBus.NameHasOwner",
                    "string:org.freedesktop.secrets",
                ],
            );
            asked.stdout.contains("boolean true").then_some(())
        });
        running
    }

    /// Whether somebody keeps secrets on this bus. GNOME Keyring aborts when a client vanishes in the middle of its
    /// greeting, and what a test then sees says nothing about us.
    pub fn keyring_lives(&self) -> bool {
        let ask = "org.freedesktop.DBus.NameHasOwner";
        let to = ["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus", ask];
        let said = self.run("dbus-send", &[&to[..], &["string:org.freedesktop.secrets"]].concat());
        said.stdout.contains("boolean true")
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.get("MCP_LOGIN_SESSION").expect("scripts/session tells it")).join(name)
    }

    fn property(&self, path: &str, interface: &str, name: &str) -> String {
        let interface = format!("string:org.freedesktop.Secret.{interface}");
        let name = format!("string:{name}");
        self.secrets(path, &["org.freedesktop.DBus.Properties.Get", &interface, &name])
    }

    fn secrets(&self, path: &str, call: &[&str]) -> String {
        let mut arguments = vec!["--session", "--print-reply", "--dest=org.freedesktop.secrets", path];
        arguments.extend_from_slice(call);
        self.run("dbus-send", &arguments).ok().stdout
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment()).stdin(Stdio::null());
        command
    }
}

/// The strings in what `dbus-send` prints.
fn quoted(reply: &str) -> Vec<String> {
    let lines = reply.lines().filter_map(|line| line.split_once('"'));
    lines.map(|(_, rest)| rest.trim_end().trim_end_matches(')').trim_end_matches('"').to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_a_reply() {
        let reply = "method return time=1.2 sender=:1.3\n   variant       array [\n         dict entry(\n            \
                     string \"service\"\n            string \"a b\"\n         )\n      ]\n";
        assert_eq!(quoted(reply), ["service", "a b"]);
    }
}
