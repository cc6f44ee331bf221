//! The real keychain of this system.
//!
//! They run when `MCP_LOGIN_TEST_KEYCHAIN=1` says so, because they write into the keychain of whoever runs them: on
//! Linux inside `scripts/session --wm`, on Windows and Wine as they are. Otherwise each says that it was skipped.
//! One runs at a time: a locked keyring is locked for all.
#![allow(clippy::unwrap_used)]
// what is written by macro goes into the harness's pocket when a test passes, and a skipped test passes
#![allow(clippy::explicit_write)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use mcp_login_vault::{
    AccountId, Error, ExposeSecret, Generation, Items, Key, Keychain, LONGEST, SecretSlice, Vault,
};

/// A person's program waits this long at most; a machine under load gets the same time.
const PATIENCE: Duration = Duration::from_secs(60);
const SERVICE: &str = "io.github.mcp-login.test";

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The turn of a test, or that it is skipped.
fn turn(test: &str) -> Option<MutexGuard<'static, ()>> {
    if std::env::var_os("MCP_LOGIN_TEST_KEYCHAIN").is_none_or(|set| set != "1") {
        let hint = "set MCP_LOGIN_TEST_KEYCHAIN=1, on Linux inside scripts/session --wm";
        writeln!(std::io::stderr(), "{test}: SKIPPED, the real keychain was not asked for ({hint})").unwrap();
        return None;
    }
    Some(ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

fn account(name: &str) -> AccountId {
    name.parse().unwrap()
}

fn tokens(name: &str) -> Key {
    Key::Tokens(account(name))
}

fn generation(number: u64) -> Generation {
    Generation::new(number)
}

/// A value that differs with its generation, with a zero byte every now and then.
fn value(generation: u64, length: usize) -> Vec<u8> {
    (0..length).map(|i| (i as u64 * 31 + generation) as u8 % 127).collect()
}

fn sealed(generation: u64, length: usize) -> SecretSlice<u8> {
    SecretSlice::from(value(generation, length))
}

fn vault(deadline: Duration) -> Vault {
    Vault::over(Keychain::new(SERVICE), Some(deadline)).unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

#[test]
fn what_is_stored_is_loaded_until_it_is_deleted() {
    let Some(_turn) = turn("what_is_stored_is_loaded_until_it_is_deleted") else { return };
    wait(async {
        let vault = vault(PATIENCE);
        let key = tokens("basic");
        vault.delete(&key).await.unwrap();
        assert!(vault.load(&key).await.unwrap().is_none());
        vault.delete(&key).await.unwrap();
        // empty, a token set with opaque tokens, one with a JWT of 4 KB, the longest
        for (number, length) in [(1, 0), (2, 300), (3, 4_700), (4, LONGEST), (5, 12)] {
            vault.store(&key, generation(number), sealed(number, length)).await.unwrap();
            let item = vault.load(&key).await.unwrap().unwrap();
            assert_eq!(item.generation, generation(number));
            assert!(item.secret.expose_secret() == value(number, length), "{length} bytes came back changed");
        }
        vault.begin(&account("basic"), generation(5)).await.unwrap();
        vault.commit(&account("basic"), generation(5), generation(6), sealed(6, 4_700)).await.unwrap();
        vault.delete(&key).await.unwrap();
        assert!(vault.load(&key).await.unwrap().is_none());
        vault.probe().await.unwrap();
    });
    let mut raw = Keychain::new(SERVICE);
    for name in ["tokens/basic", "tokens/basic#sets", "tokens/basic#6.0", "tokens/basic#4.25", "intent/basic"]
    {
        assert!(raw.get(name).unwrap().is_none(), "{name} stays behind");
    }
}

#[test]
fn an_item_holds_what_the_platform_says() {
    let Some(_turn) = turn("an_item_holds_what_the_platform_says") else { return };
    let mut raw = Keychain::new(SERVICE);
    let longest = if cfg!(windows) { 2_560 } else { LONGEST };
    raw.put("limit", &value(1, longest)).unwrap();
    assert!(raw.get("limit").unwrap().unwrap().expose_secret() == value(1, longest));
    if cfg!(windows) {
        assert_eq!(raw.put("limit", &value(2, 2_561)), Err(Error::TooLong { bytes: 2_561, limit: 2_560 }));
        assert!(
            raw.get("limit").unwrap().unwrap().expose_secret() == value(1, longest),
            "and the old one stays"
        );
    }
    raw.delete("limit").unwrap();

    // and chunks are made exactly where it matters
    wait(async {
        let vault = vault(PATIENCE);
        vault.delete(&tokens("chunks")).await.unwrap();
        vault.store(&tokens("chunks"), generation(1), sealed(1, 2_561)).await.unwrap();
    });
    assert_eq!(raw.get("tokens/chunks#1.0").unwrap().is_some(), cfg!(windows));
    assert_eq!(raw.get("tokens/chunks#1.1").unwrap().is_some(), cfg!(windows));
    raw.delete("tokens/chunks#1.0").unwrap();
    wait(async {
        let vault = vault(PATIENCE);
        let loaded = vault.load(&tokens("chunks")).await;
        if cfg!(windows) {
            assert_eq!(loaded.unwrap_err(), Error::Corrupt { key: "tokens/chunks".into() });
        } else {
            assert!(loaded.unwrap().is_some());
        }
        vault.delete(&tokens("chunks")).await.unwrap();
    });
    assert!(raw.get("tokens/chunks#1.1").unwrap().is_none());
}

#[test]
fn another_process_finds_it() {
    let Some(_turn) = turn("another_process_finds_it") else { return };
    let mut first = Other::start(&[]);
    first.ask("delete processes");
    assert_eq!(first.ask("store processes 1 4700"), "ok");
    first.end();
    let mut second = Other::start(&[]);
    assert_eq!(second.ask("load processes"), "some 1 4700");
    assert_eq!(second.ask("store processes 1 10"), "error Stale", "what another process wrote counts");
    assert_eq!(second.ask("store processes 2 10"), "ok");
    let mut third = Other::start(&[]);
    assert_eq!(third.ask("load processes"), "some 2 10");
    assert_eq!(third.ask("delete processes"), "ok");
    assert_eq!(second.ask("load processes"), "none");
}

/// Killed at each step of a write that another process began: the old value or the new one, and the next process goes on.
#[cfg(feature = "fault-points")]
#[test]
fn a_process_that_is_killed_leaves_one_whole_value() {
    let Some(_turn) = turn("a_process_that_is_killed_leaves_one_whole_value") else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut died = Vec::new();
    for point in mcp_login_vault::fault::POINTS {
        let mut before = Other::start(&[]);
        before.ask("delete killed");
        assert_eq!(before.ask("store killed 1 4700"), "ok");
        before.end();
        let mark = dir.path().join(point);
        let mut victim =
            Other::start(&[("MCP_LOGIN_FAULT", point), ("MCP_LOGIN_FAULT_MARK", mark.to_str().unwrap())]);
        for line in ["refresh killed 1 9400", "delete killed"] {
            if victim.ask_the_dying(line).is_none() {
                assert!(mark.exists(), "{point}: it died of something else");
                died.push(*point);
                break;
            }
        }
        let mut after = Other::start(&[]);
        let left = after.ask("load killed");
        let known = ["some 1 4700", "some 2 9400", "none"];
        assert!(known.contains(&left.as_str()), "{point}: {left}");
        // what was not on the way killed nobody, and the deletion went through
        let deleted = *point == "vault.head.deleted" || died.last() != Some(point);
        assert_eq!(left == "none", deleted, "{point}: {left}");
        assert_eq!(after.ask("delete killed"), "ok", "{point}");
    }
    let chunks =
        ["vault.ledger.written", "vault.chunk.written", "vault.chunks.written", "vault.old-chunk.deleted"];
    let passed = |point: &&str| cfg!(windows) || !chunks.contains(point);
    let expected: Vec<&str> = mcp_login_vault::fault::POINTS.iter().copied().filter(passed).collect();
    assert_eq!(died, expected, "every point on the way was reached");
}

/// This program once more, as another process that does what it is asked line by line.
struct Other {
    child: Child,
    asks: Option<ChildStdin>,
    answers: Receiver<String>,
}

const ANSWER: &str = "answer: ";

impl Other {
    fn start(environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_other_process", "--ignored", "--nocapture", "--test-threads=1"])
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (send, answers) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // the test harness writes the test's name before the first line
                if let Some((_, answer)) = line.split_once(ANSWER) {
                    let _ = send.send(answer.trim_end().to_owned());
                }
            }
        });
        let asks = child.stdin.take();
        Self { child, asks, answers }
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.asks.as_mut().unwrap(), "{line}").unwrap();
        self.answers.recv_timeout(PATIENCE).expect("an answer in time")
    }

    /// Like `ask`, of a process that may die of it.
    #[cfg(feature = "fault-points")]
    fn ask_the_dying(&mut self, line: &str) -> Option<String> {
        writeln!(self.asks.as_mut().unwrap(), "{line}").unwrap();
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => Some(answer),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("neither an answer nor a death"),
        }
    }

    fn end(mut self) {
        self.asks = None;
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.asks = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "run by the tests as their other process"]
fn the_other_process() {
    if std::env::var_os("MCP_LOGIN_TEST_KEYCHAIN").is_none() {
        return;
    }
    let vault = vault(PATIENCE);
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["probe"] => wait(vault.probe()).map(|()| "ok".to_owned()),
            ["load", name] => wait(vault.load(&tokens(name))).map(|item| match item {
                None => "none".to_owned(),
                Some(item) => {
                    let (number, length) = (item.generation.get(), item.secret.expose_secret().len());
                    let whole = item.secret.expose_secret() == value(number, length);
                    if whole { format!("some {number} {length}") } else { "another value".to_owned() }
                }
            }),
            ["store", name, number, length] => {
                let (number, length) = (number.parse().unwrap(), length.parse().unwrap());
                wait(vault.store(&tokens(name), generation(number), sealed(number, length)))
                    .map(|()| "ok".to_owned())
            }
            ["refresh", name, number, length] => {
                let (from, length) = (generation(number.parse().unwrap()), length.parse().unwrap());
                let secret = sealed(from.next().get(), length);
                wait(async {
                    vault.begin(&account(name), from).await?;
                    vault.commit(&account(name), from, from.next(), secret).await
                })
                .map(|()| "ok".to_owned())
            }
            ["delete", name] => wait(vault.delete(&tokens(name))).map(|()| "ok".to_owned()),
            _ => unreachable!("no such request: {line}"),
        };
        let answer = answer.unwrap_or_else(|error| {
            writeln!(std::io::stderr(), "{error:?}").unwrap();
            format!("error {}", variant(&error))
        });
        writeln!(std::io::stdout(), "{ANSWER}{answer}").unwrap();
    }
}

fn variant(error: &Error) -> &'static str {
    match error {
        Error::Locked => "Locked",
        Error::Dismissed => "Dismissed",
        Error::Denied => "Denied",
        Error::Absent { .. } => "Absent",
        Error::Corrupt { .. } => "Corrupt",
        Error::Newer { .. } => "Newer",
        Error::TooLong { .. } => "TooLong",
        Error::Stale { .. } => "Stale",
        Error::Deadline { .. } => "Deadline",
        Error::Platform { .. } => "Platform",
        _ => "another one",
    }
}

#[cfg(target_os = "linux")]
mod secret_service {
    use std::path::{Path, PathBuf};
    use std::time::Instant;

    use mcp_login_vault::Written;

    use super::*;

    fn session() -> PathBuf {
        std::env::var_os("MCP_LOGIN_SESSION").expect("run inside scripts/session --wm").into()
    }

    fn password() -> String {
        std::env::var("MCP_LOGIN_SESSION_PASSWORD").expect("run inside scripts/session --wm")
    }

    fn until(what: &str, mut condition: impl FnMut() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(20)); // between two looks, not in hope
        }
    }

    fn run(program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn lock() {
        let collection = "array:objpath:/org/freedesktop/secrets/collection/login";
        let call =
            ["--session", "--print-reply", "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets"];
        run("dbus-send", &[&call[..], &["org.freedesktop.Secret.Service.Lock", collection]].concat());
    }

    /// Window numbers of the keyring's prompt that can be seen.
    fn prompts() -> Vec<String> {
        let found = run("xdotool", &["search", "--onlyvisible", "--name", "^Unlock (Login )?Keyring$"]);
        found.lines().map(str::to_owned).collect()
    }

    fn prompt() -> String {
        until("the prompt", || !prompts().is_empty());
        let window = prompts().remove(0);
        run("xdotool", &["windowactivate", "--sync", &window]);
        window
    }

    fn unlock_by_typing() {
        prompt();
        run("xdotool", &["type", "--delay", "20", &password()]);
        run("xdotool", &["key", "Return"]);
        until("the prompt is gone", || prompts().is_empty());
    }

    #[test]
    fn a_locked_keyring_answers_in_time_and_works_once_it_is_unlocked() {
        let Some(_turn) = turn("a_locked_keyring_answers_in_time_and_works_once_it_is_unlocked") else {
            return;
        };
        let hasty = vault(Duration::from_millis(300));
        let patient = vault(PATIENCE);
        wait(async {
            let key = tokens("locked");
            patient.delete(&key).await.unwrap();
            patient.store(&key, generation(1), sealed(1, 500)).await.unwrap();
            lock();
            assert_eq!(patient.probe().await, Err(Error::Locked));
            assert_eq!(prompts(), [""; 0], "to look asks nobody");

            let gone = Error::Deadline { written: Written::No };
            assert_eq!(hasty.load(&key).await.map(drop), Err(gone), "the caller is answered");
            prompt();
            // the thread is with the person; a write queues up and its caller is told that it may still happen
            let later = hasty.store(&key, generation(2), sealed(2, 600)).await;
            assert_eq!(later, Err(Error::Deadline { written: Written::Maybe }));
            unlock_by_typing();
            hasty_settles(&hasty).await;
            let item = patient.load(&key).await.unwrap().unwrap();
            assert_eq!(item.generation, generation(2), "the write that nobody waited for was made");
            assert!(item.secret.expose_secret() == value(2, 600));
            patient.delete(&key).await.unwrap();
        });
    }

    /// Asks with a short deadline until the queue is empty.
    async fn hasty_settles(hasty: &Vault) {
        let start = Instant::now();
        while let Err(Error::Deadline { .. }) = hasty.settle().await {
            assert!(start.elapsed() < PATIENCE, "the queue did not move");
        }
    }

    #[test]
    fn a_prompt_that_is_closed_is_an_answer_too() {
        let Some(_turn) = turn("a_prompt_that_is_closed_is_an_answer_too") else { return };
        let vault = vault(PATIENCE);
        let key = tokens("dismissed");
        wait(vault.delete(&key)).unwrap();
        wait(vault.store(&key, generation(1), sealed(1, 50))).unwrap();
        for call in ["load", "store"] {
            lock();
            let person = std::thread::spawn(|| {
                prompt();
                run("xdotool", &["key", "Escape"]);
            });
            let outcome = match call {
                "load" => wait(vault.load(&key)).map(drop),
                _ => wait(vault.store(&key, generation(2), sealed(2, 50))),
            };
            person.join().unwrap();
            assert_eq!(outcome, Err(Error::Dismissed), "{call}");
            until("the prompt is gone", || prompts().is_empty());
        }
        let person = std::thread::spawn(unlock_by_typing);
        let item = wait(vault.load(&key)).unwrap().unwrap();
        person.join().unwrap();
        assert_eq!(item.generation, generation(1), "a write that was dismissed wrote nothing");
        wait(vault.delete(&key)).unwrap();
    }

    #[test]
    fn two_items_of_one_name_are_no_value_and_can_be_mended() {
        let Some(_turn) = turn("two_items_of_one_name_are_no_value_and_can_be_mended") else { return };
        let vault = vault(PATIENCE);
        let key = tokens("twins");
        let twin = || {
            let attributes = ["service", SERVICE, "username", "tokens/twins"];
            let mut tool = Command::new("secret-tool")
                .args(["store", "--collection=session", "--label=twin"])
                .args(attributes)
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            tool.stdin.take().unwrap().write_all(b"from elsewhere").unwrap();
            assert!(tool.wait().unwrap().success());
        };
        wait(async {
            vault.delete(&key).await.unwrap();
            vault.store(&key, generation(1), sealed(1, 50)).await.unwrap();
            twin();
            assert_eq!(vault.load(&key).await.map(drop), Err(Error::Corrupt { key: "tokens/twins".into() }));
            vault.store(&key, generation(2), sealed(2, 50)).await.unwrap();
            assert_eq!(vault.load(&key).await.unwrap().unwrap().generation, generation(2));
            twin();
            vault.delete(&key).await.unwrap();
            assert!(vault.load(&key).await.unwrap().is_none());
        });
    }

    /// A bus and a keyring of the test's own, that come and go.
    struct Desktop {
        dir: tempfile::TempDir,
        bus: Option<Child>,
        keyring: Option<Child>,
    }

    impl Desktop {
        fn empty() -> Self {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("run")).unwrap();
            Self { dir, bus: None, keyring: None }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn address(&self) -> String {
            format!("unix:path={}", self.path("bus").display())
        }

        fn other(&self) -> Other {
            Other::start(&[("DBUS_SESSION_BUS_ADDRESS", &self.address())])
        }

        fn command(&self, program: &str) -> Command {
            let mut command = Command::new(program);
            command
                .env("DBUS_SESSION_BUS_ADDRESS", self.address())
                .env("XDG_DATA_HOME", self.path("data"))
                .env("XDG_RUNTIME_DIR", self.path("run"))
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command
        }

        fn start_bus(&mut self) {
            let socket = self.path("bus");
            let _ = std::fs::remove_file(&socket);
            let address = format!("--address={}", self.address());
            let config = format!("--config-file={}", session().join("bus.conf").display());
            self.bus =
                Some(self.command("dbus-daemon").args([&config, &address, "--nofork"]).spawn().unwrap());
            until("the bus", || Path::new(&socket).exists());
        }

        fn start_keyring(&mut self, password: Option<&str>) {
            let mut command = self.command("gnome-keyring-daemon");
            command.args(["--foreground", "--components=secrets"]).stdin(Stdio::piped());
            if password.is_some() {
                command.arg("--unlock");
            }
            let mut child = command.spawn().unwrap();
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(password.unwrap_or_default().as_bytes()).unwrap();
            drop(stdin);
            self.keyring = Some(child);
            until("the keyring", || {
                let output = self
                    .command("dbus-send")
                    .args([
                        "--session",
                        "--print-reply",
                        "--dest=org.freedesktop.DBus",
                        "/org/freedesktop/DBus",
                    ])
                    .args(["org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"])
                    .stdout(Stdio::piped())
                    .output()
                    .unwrap();
                String::from_utf8_lossy(&output.stdout).contains("boolean true")
            });
        }

        fn stop_keyring(&mut self) {
            stop(&mut self.keyring);
        }

        fn stop_bus(&mut self) {
            stop(&mut self.bus);
        }
    }

    fn stop(child: &mut Option<Child>) {
        if let Some(mut child) = child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    impl Drop for Desktop {
        fn drop(&mut self) {
            self.stop_keyring();
            self.stop_bus();
        }
    }

    #[test]
    fn a_keychain_that_comes_late_is_found() {
        let Some(_turn) = turn("a_keychain_that_comes_late_is_found") else { return };
        let mut desktop = Desktop::empty();
        let mut other = desktop.other();
        assert_eq!(other.ask("load late"), "error Absent", "no bus");
        assert_eq!(other.ask("probe"), "error Absent");
        desktop.start_bus();
        assert_eq!(other.ask("load late"), "error Absent", "a bus, and nobody on it");
        assert_eq!(other.ask("store late 1 100"), "error Absent");
        desktop.start_keyring(Some("late"));
        assert_eq!(other.ask("load late"), "none");
        assert_eq!(other.ask("store late 1 100"), "ok");
        assert_eq!(other.ask("load late"), "some 1 100");
        assert_eq!(other.ask("probe"), "ok");
    }

    #[test]
    fn a_keyring_without_a_collection_is_none() {
        let Some(_turn) = turn("a_keyring_without_a_collection_is_none") else { return };
        let mut desktop = Desktop::empty();
        desktop.start_bus();
        desktop.start_keyring(None);
        let mut other = desktop.other();
        assert_eq!(other.ask("probe"), "error Absent");
        assert_eq!(other.ask("store none 1 100"), "error Absent");
    }

    #[test]
    fn a_keyring_that_was_restarted_or_lost_its_bus_is_opened_again() {
        let Some(_turn) = turn("a_keyring_that_was_restarted_or_lost_its_bus_is_opened_again") else {
            return;
        };
        let mut desktop = Desktop::empty();
        desktop.start_bus();
        desktop.start_keyring(Some("again"));
        let mut other = desktop.other();
        assert_eq!(other.ask("store again 1 100"), "ok");

        desktop.stop_keyring();
        desktop.start_keyring(Some("again"));
        assert_eq!(other.ask("load again"), "some 1 100", "the session with the old daemon is void");

        desktop.stop_keyring();
        desktop.start_keyring(Some("again"));
        assert_eq!(other.ask("store again 2 200"), "ok");

        desktop.stop_keyring();
        desktop.stop_bus();
        assert_eq!(other.ask("load again"), "error Absent");
        desktop.start_bus();
        desktop.start_keyring(Some("again"));
        assert_eq!(other.ask("load again"), "some 2 200");

        desktop.stop_keyring();
        desktop.stop_bus();
        desktop.start_bus();
        desktop.start_keyring(Some("again"));
        assert_eq!(other.ask("store again 3 300"), "ok", "over a connection that had died unnoticed");
        assert_eq!(other.ask("load again"), "some 3 300");
        assert_eq!(other.ask("delete again"), "ok");
    }
}
