//! The installer for Windows, run as a person runs it: everything is there, works, is replaced by an update, and is gone
//! again without a trace.
//!
//! It writes into the profile of whoever runs it, so it wants to be told: `MCP_LOGIN_TEST_INSTALLER` names the installer that
//! scripts/check-windows, or packaging/bundle on Windows, has made. Who opens our scheme is in the registry; that Windows looks
//! there cannot be seen under Wine, which does not.
#![cfg(windows)]

use std::path::{Path, PathBuf};
use std::process::Command;

use mcp_login_ipc::identity;
use mcp_login_tests::{Home, Sandbox, wait, win32};
use windows_registry::{CURRENT_USER, Key, Type};

const RUN: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";
const UNINSTALL: &str = r"Software\Microsoft\Windows\CurrentVersion\Uninstall";

/// Keys deeper than this are no installer's; the registry has loops of links.
const DEEPEST: usize = 12;

/// Where the installer puts programs unless it is told otherwise.
fn place() -> PathBuf {
    PathBuf::from(std::env::var_os("LOCALAPPDATA").expect("Windows says where it lies"))
        .join(r"Programs\MCP Login")
}

fn start_menu() -> PathBuf {
    let roaming = std::env::var_os("APPDATA").expect("Windows says where it lies");
    PathBuf::from(roaming).join(r"Microsoft\Windows\Start Menu\Programs\MCP Login.lnk")
}

/// Every key and value of this user that speaks of us.
fn traces() -> Vec<String> {
    fn ours(text: &str) -> bool {
        let text = text.to_lowercase();
        text.contains("mcp-login") || text.contains("mcp login")
    }
    fn look(key: &Key, path: &str, deep: usize, found: &mut Vec<String>) {
        for (name, value) in key.values().into_iter().flatten() {
            let value = String::try_from(value).unwrap_or_default();
            if ours(&name) || ours(&value) {
                found.push(format!("{path}: {name} = {value}"));
            }
        }
        for name in key.keys().into_iter().flatten() {
            let path = format!("{path}\\{name}");
            // where Wine keeps what it did for itself
            if path == r"Software\Wine" {
                continue;
            }
            if ours(&name) {
                found.push(path.clone());
            }
            if let (true, Ok(below)) = (deep < DEEPEST, key.open(&name)) {
                look(&below, &path, deep + 1, found);
            }
        }
    }
    let mut found = Vec::new();
    for top in ["Environment", "Software"] {
        if let Ok(key) = CURRENT_USER.open(top) {
            look(&key, top, 0, &mut found);
        }
    }
    found
}

/// A text as it is written, its variables not filled in.
fn raw(key: &Key, name: &str) -> Option<(Type, String)> {
    let value = key.get_value(name).ok()?;
    let letters = value.as_wide();
    let end = letters.iter().position(|letter| *letter == 0).unwrap_or(letters.len());
    Some((value.ty(), String::from_utf16_lossy(&letters[..end])))
}

fn path_variable() -> Option<(Type, String)> {
    CURRENT_USER.open("Environment").ok().and_then(|key| raw(&key, "Path"))
}

/// Puts the person's `Path` back, whatever becomes of the test.
struct PathKept(Option<(Type, String)>);

impl Drop for PathKept {
    fn drop(&mut self) {
        let Ok(key) = CURRENT_USER.create("Environment") else { return };
        let _ = match &self.0 {
            None => key.remove_value("Path"),
            Some((Type::String, text)) => key.set_string("Path", text),
            Some((_, text)) => key.set_expand_string("Path", text),
        };
    }
}

fn run(home: &Home, program: &Path, arguments: &[&str]) -> i32 {
    let mut command: Command = home.program(program);
    // Its own profile, where it installs; the rest is the home's.
    for name in ["LOCALAPPDATA", "APPDATA", "USERPROFILE"] {
        command.env(name, std::env::var_os(name).unwrap_or_default());
    }
    command.args(arguments).status().expect("it starts").code().unwrap_or(-1)
}

/// The uninstaller runs on as a copy of itself.
fn uninstall(home: &Home, arguments: &[&str]) {
    assert_eq!(run(home, &place().join("uninstall.exe"), arguments), 0);
    wait::until("the programs to go", || (!place().exists()).then_some(()));
}

#[test]
fn installed_used_updated_and_removed_without_a_trace() {
    let Some(installer) = std::env::var_os("MCP_LOGIN_TEST_INSTALLER").map(PathBuf::from) else { return };
    assert!(!place().exists(), "it is installed here, and this test would remove it");
    let _kept = PathKept(path_variable());
    // Longer than installers can read, with a variable, and with no end.
    let path = format!(r"%USERPROFILE%\bin;C:\a b\;{}C:\last", r"C:\x y;".repeat(400));
    let environment = CURRENT_USER.create("Environment").expect("this user's own");
    environment.set_expand_string("Path", &path).expect("this user's own");
    let (traces_before, credentials_before) = (traces(), win32::credentials());

    let sandbox = Sandbox::start();
    let mut home = Home::new();
    home.write_settings("vault = \"keychain\"\n");
    home.use_programs_in(&place());
    assert_eq!(run(&home, &installer, &["/S"]), 0);

    let text = |key: &str, name: &str| {
        let key = CURRENT_USER.open(key).unwrap_or_else(|error| panic!("no {key}: {error}"));
        key.get_string(name).unwrap_or_default()
    };
    let desktop = place().join("mcp-login-desktop.exe");
    assert!(desktop.is_file() && start_menu().is_file());
    let class = format!(r"Software\Classes\{}", identity::APPLICATION_ID);
    assert!(text(&class, "").starts_with("URL:"));
    assert_eq!(text(&class, "URL Protocol"), "");
    let command = format!("\"{}\" \"%1\"", desktop.display());
    assert_eq!(text(&format!(r"{class}\shell\open\command"), ""), command, "a blank in the path");
    let entry = format!(r"{UNINSTALL}\{}", identity::APPLICATION_ID);
    let quoted = format!("\"{}\"", place().join("uninstall.exe").display());
    assert_eq!(text(&entry, "UninstallString"), quoted);
    assert_eq!(path_variable(), Some((Type::ExpandString, format!("{path};{}", place().display()))));
    assert!(!traces().iter().any(|trace| trace.starts_with(RUN)), "it starts at login unasked");

    // It works from there, over an update, and over an uninstallation that keeps what a person has.
    home.signed_in(sandbox.mcp(), "work");
    let first = home.run(&["token", "work"]).ok();
    assert_eq!(home.agents().len(), 1);
    assert_eq!(run(&home, &installer, &["/S"]), 0, "an update over a running agent");
    assert_eq!(home.run(&["token", "work"]).ok().text(), first.text());
    assert_eq!(path_variable().map(|(_, text)| text.matches("MCP Login").count()), Some(1));
    uninstall(&home, &["/S"]);
    assert!(home.path("data/accounts.json").is_file(), "what a person has was deleted unasked");
    assert_eq!(run(&home, &installer, &["/S"]), 0);
    assert_eq!(home.run(&["token", "work"]).ok().text(), first.text());

    // A program that runs is not written over: here the command, which waits for a person. Wine lets it be written over.
    if !win32::is_wine() {
        let waiting = home.add(sandbox.mcp(), &["--name", "second"]);
        waiting.address();
        assert_eq!(run(&home, &installer, &["/S"]), 2);
    }

    // Signed out, forgotten, gone.
    assert_eq!(sandbox.mcp_answers(first.text()), 200);
    uninstall(&home, &["/S", "/SIGNOUT"]);
    assert_eq!(sandbox.mcp_answers(first.text()), 401);
    assert_eq!(win32::credentials(), credentials_before);
    assert!(!home.path("data").exists() && !home.path("config").exists());
    assert!(!start_menu().exists());
    assert_eq!(path_variable(), Some((Type::ExpandString, path)));
    assert_eq!(traces(), traces_before);
}
