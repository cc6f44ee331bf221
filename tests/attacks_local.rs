//! The local API under attack, and bad input from the person's own side: whatever comes through the socket costs its sender
//! an error and nobody else anything; a program that nobody approved gets nothing; a directory that is not ours is not
//! trusted; a file that cannot be read is kept, and a mistake in one is named.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use mcp_login_tests::raw::Local;
use mcp_login_tests::{Agent, Home, SETTINGS, Said, Sandbox, peak_memory, place, policy_for, wait};
use serde_json::{Value, json};

/// The agent still answers, and it is the same one.
#[track_caller]
fn still_serves(home: &Home, agent: &Agent) {
    let status = home.run(&["agent", "status", "--json"]).ok().json();
    assert_eq!(status["pid"], agent.id(), "another agent: {status}");
}

#[test]
fn rubbish_through_the_socket() {
    let home = Home::new();
    let agent = Agent::start(&home);
    let long = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\",\"params\":{{\"client\":\"{}\"}}}}",
        "x".repeat(200_000)
    );
    let deep = |open: &str, close: &str| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\",\"params\":{}1{}}}",
            open.repeat(20_000),
            close.repeat(20_000)
        )
    };
    let lines: &[(&str, String, &str)] = &[
        ("no JSON", "hello".to_owned(), "bad_json"),
        ("half JSON", "{\"jsonrpc\":\"2.0\",".to_owned(), "bad_json"),
        ("no UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\u{0}\"}".to_owned(), "bad_json"),
        ("HTTP", "GET / HTTP/1.1".to_owned(), "bad_json"),
        ("a batch", "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\"}]".to_owned(), "bad_message"),
        ("a string", "\"hello\"".to_owned(), "bad_message"),
        ("a number", "7".to_owned(), "bad_message"),
        ("null", "null".to_owned(), "bad_message"),
        ("another version", "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"hello\"}".to_owned(), "bad_message"),
        ("no version", "{\"id\":1,\"method\":\"hello\"}".to_owned(), "bad_message"),
        ("no method", "{\"jsonrpc\":\"2.0\",\"id\":1}".to_owned(), "bad_message"),
        ("an object as id", "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"hello\"}".to_owned(), "bad_message"),
        ("null as id", "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"hello\"}".to_owned(), "bad_message"),
        (
            "a long id",
            format!("{{\"jsonrpc\":\"2.0\",\"id\":\"{}\",\"method\":\"hello\"}}", "x".repeat(1000)),
            "bad_message",
        ),
        (
            "an unknown method",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"token.steal\",\"params\":{}}".to_owned(),
            "unknown_method",
        ),
        (
            "an unknown parameter",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"token.get\",\"params\":{\"account\":\"a\",\"x\":1}}"
                .to_owned(),
            "bad_parameters",
        ),
        (
            "no parameters",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"token.get\"}".to_owned(),
            "bad_parameters",
        ),
        (
            "parameters of another kind",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"token.get\",\"params\":[1,2]}".to_owned(),
            "bad_parameters",
        ),
        (
            "a number as account",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"token.get\",\"params\":{\"account\":1e999}}"
                .to_owned(),
            "",
        ),
        ("lists in lists", deep("[", "]"), "bad_json"),
        ("objects in objects", deep("{\"a\":", "}"), "bad_json"),
        ("200 KB", long, ""),
    ];
    let mut kept = Local::connect(&home);
    for (what, line, expected) in lines {
        kept.send(line.as_bytes());
        kept.send(b"\n");
        let answer = kept.line().unwrap_or_else(|| panic!("{what}: the connection was closed"));
        let code = answer["error"]["data"]["code"].as_str().unwrap_or_default();
        assert!(expected.is_empty() || code == *expected, "{what}: {answer}");
        assert!(answer.to_string().len() < 4096, "{what}: a long answer");
        // The same connection goes on.
        kept.result("account.list", &json!({}));
    }
    // Notifications are not answered, and nothing is taken for one.
    kept.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"agent.stop\",\"params\":{}}\n\n\r\n");
    let answer = kept.ask("account.list", &json!({}));
    assert!(answer["result"].is_object(), "{answer}");

    // A line that does not end is read up to the bound.
    let mut endless = Local::connect(&home);
    for _ in 0..64 {
        endless.send(&[b'x'; 64 * 1024]);
    }
    let answer = endless.line();
    assert!(answer.is_none_or(|answer| answer["error"]["data"]["code"] == "line_too_long"));
    assert!(endless.line().is_none(), "a connection whose line does not end is kept");

    // Binary rubbish, and somebody who leaves in the middle.
    for byte in [0u8, 0x16, 0x7f, 0xff] {
        let mut local = Local::connect(&home);
        local.send(&[byte; 1000]);
        local.end();
        assert!(local.line().is_none());
    }
    for _ in 0..50 {
        Local::connect(&home)
            .send(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"agent.status\",\"params\":{}}\n");
    }
    // Half closed: the last words are still answered (`printf … | nc`).
    let mut half = Local::connect(&home);
    half.send(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"agent.status\",\"params\":{}}\n");
    half.end();
    assert_eq!(half.line().expect("an answer")["result"]["pid"], agent.id());
    still_serves(&home, &agent);
    assert!(peak_memory(agent.id()) < 64 * 1024, "the agent took {} KiB", peak_memory(agent.id()));
}

/// Who asks and never reads is cut off or waits; nobody else does.
#[test]
fn connections_by_the_hundred() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let agent = Agent::start(&home);
    home.signed_in(sandbox.mcp(), "work");
    // Questions whose answers nobody reads, as many as the socket takes.
    let mut greedy = connect_at_once(&home).expect("a connection");
    let line = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"account.list\",\"params\":{}}\n";
    let mut written = 0;
    while written < 4 << 20 {
        match greedy.write(line) {
            Ok(count) => written += count,
            Err(_) => break,
        }
    }
    assert!(written < 4 << 20, "the agent takes questions without end from one who reads no answer");
    // Beyond the agent's bound the rest waits in the kernel; those that were there first are served.
    let mut first = Local::connect(&home);
    first.result("account.list", &json!({}));
    let idle: Vec<UnixStream> = (0..1000).filter_map(|_| connect_at_once(&home)).collect();
    assert!(idle.len() > 300, "only {} connections could be had", idle.len());
    assert_eq!(first.result("account.list", &json!({}))["accounts"][0]["name"], "work");
    drop(idle);
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    still_serves(&home, &agent);
    assert!(peak_memory(agent.id()) < 96 * 1024, "the agent took {} KiB", peak_memory(agent.id()));
}

/// A connection, unless it would have to wait for one.
fn connect_at_once(home: &Home) -> Option<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    connect(&socket, &SocketAddrUnix::new(home.socket()).ok()?).ok()?;
    Some(socket.into())
}

const GRANTS: &[(&str, &str)] = &[
    ("approval.grant", r#"{"program":"/bin/sh","account":"work","until":"always"}"#),
    ("approval.grant", r#"{"pending":"1","account":"work","until":"always"}"#),
    ("approval.deny", r#"{"pending":"1"}"#),
];

/// Decisions are a person's: neither by default nor with `approvals = "terminal"` does the socket take them from a program
/// that is not our own command.
#[test]
fn decisions_from_a_program() {
    let sandbox = Sandbox::start();
    for settings in [SETTINGS.to_owned(), format!("{SETTINGS}approvals = \"terminal\"\n")] {
        let home = Home::new();
        home.write_settings(&settings);
        home.write_policy("");
        home.signed_in(sandbox.mcp(), "work");
        home.run(&["token", "work"]).exits(4);
        let mut local = Local::connect(&home);
        for (method, params) in GRANTS {
            let params: Value = serde_json::from_str(params).expect("JSON");
            assert_eq!(local.refused(method, &params), "not_permitted", "{method} {settings}");
        }
        // Nor from a program that only has our name, or only claims it.
        let copy = home.path("bin/mcp-login");
        place::program(&home.programs().command, &copy);
        let mut hello = Local::connect(&home);
        hello.result("hello", &json!({ "client": "mcp-login", "version": "9", "protocol": 1 }));
        assert_eq!(
            hello.refused(
                "approval.grant",
                &json!({ "program": "/bin/sh", "account": "work", "until": "always" })
            ),
            "not_permitted"
        );
        let said =
            Said::of(home.program(&copy).args(["approvals", "allow", "1", "--for", "always", "--json"]));
        assert_ne!(said.code, 0, "a copy of our command decided: {}", said.stdout);
        home.run(&["token", "work"]).exits(4);
    }
}

/// What is refused is in the record, and a program that asks fifty times has asked one question.
#[test]
fn a_program_that_nobody_approved() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.write_policy("");
    home.signed_in(sandbox.mcp(), "work");
    for _ in 0..50 {
        let said = home.run(&["token", "work", "--json"]).exits(4);
        assert_eq!(said.error()["code"], "not_approved");
        assert!(said.stdout.is_empty(), "{}", said.stdout);
    }
    home.run(&["headers", "work"]).exits(4);
    let mut local = Local::connect(&home);
    assert_eq!(local.refused("token.get", &json!({ "account": "work" })), "not_approved");
    let approvals = local.result("approval.list", &json!({}));
    assert_eq!(approvals["pending"].as_array().map(Vec::len), Some(1), "{approvals}");
    assert_eq!(home.wait_for_audit("approval_asked", 1).len(), 1, "more than one question");
    let denied = home.wait_for_audit("token", 52);
    assert!(
        denied.iter().all(|line| line["outcome"] == "denied" && line["code"] == "not_approved"),
        "{denied:?}"
    );
    let me = std::env::current_exe().expect("a path");
    assert_eq!(denied[0]["caller"]["subject"]["program"], me.display().to_string(), "{}", denied[0]);
    assert_eq!(sandbox.at("refresh").len(), 0, "an unapproved program made a request");
}

/// The decision was for that file, not for whatever lies at its path later.
#[test]
fn a_program_in_the_place_of_an_approved_one() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.write_settings(&format!("{SETTINGS}approvals = \"terminal\"\n"));
    home.write_policy("");
    home.signed_in(sandbox.mcp(), "work");
    let client = home.path("bin/client");
    own_program(&client);
    ask_through(&home, &client).exits(4);
    let pending = Local::connect(&home).result("approval.list", &json!({}))["pending"][0].clone();
    assert_eq!(pending["subject"]["program"], client.display().to_string(), "{pending}");
    let number = pending["id"].as_str().expect("a question has a number").to_owned();
    home.run(&["approvals", "allow", &number, "--for", "always"]).ok();
    let token = ask_through(&home, &client).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    // It was for this program, and the test program is another.
    home.run(&["token", "work"]).exits(4);

    // The same bytes at the same path, and yet another file; then a link to what was approved before.
    let kept = home.path("bin/kept");
    fs::rename(&client, &kept).expect("our own file");
    own_program(&client);
    ask_through(&home, &client).exits(4);
    fs::remove_file(&client).expect("our own file");
    symlink("/usr/bin/timeout", &client).expect("a link");
    ask_through(&home, &client).exits(4);
    // The approved file under another name is no other program's decision either.
    ask_through(&home, &kept).exits(4);
}

/// A program of the person's own that starts what it is told to and stays above it: not a shell, and by its name no
/// wrapper. Others may write it, so that not even a test as root makes it the system's.
fn own_program(path: &Path) {
    place::program(Path::new("/usr/bin/timeout"), path);
    place::mode(path, 0o775);
}

fn ask_through(home: &Home, client: &Path) -> Said {
    Said::of(home.program(client).arg("60").arg(&home.programs().command).args(["token", "work"]))
}

/// The socket's directory has to be ours alone: the command refuses it before it says a word, and changes nothing there.
#[test]
fn a_socket_directory_that_is_not_ours() {
    let home = Home::new();
    let run = home.path("run");
    for wrong in [0o755, 0o777, 0o710, 0o701] {
        place::mode(&run, wrong);
        let said = home.run(&["list", "--json"]).exits(8);
        assert_eq!(said.error()["code"], "run_directory_unsafe", "{wrong:o}");
        assert!(said.stderr.contains("run"), "{}", said.stderr);
        assert_eq!(
            fs::metadata(&run).expect("it is there").permissions().mode() & 0o777,
            wrong,
            "it was changed"
        );
    }
    assert_eq!(home.agents(), Vec::<u32>::new(), "an agent was left there");
    place::mode(&run, 0o700);
    // A link, to a directory that would be fine.
    let real = home.path("real");
    fs::rename(&run, &real).expect("our own directory");
    symlink(&real, &run).expect("a link");
    assert_eq!(home.run(&["list", "--json"]).exits(8).error()["code"], "run_directory_unsafe");
    fs::remove_file(&run).expect("our own link");
    fs::write(&run, "").expect("a file");
    assert_eq!(home.run(&["list", "--json"]).exits(8).error()["code"], "run_directory_unsafe");
    fs::remove_file(&run).expect("our own file");
    fs::rename(&real, &run).expect("our own directory");
    // Another user's: only root can make one here.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&run, Some(65_534), None).expect("root may");
        assert_eq!(home.run(&["list", "--json"]).exits(8).error()["code"], "run_directory_unsafe");
        std::os::unix::fs::chown(&run, Some(0), None).expect("root may");
    }
    home.run(&["list"]).ok();
}

/// What a crashed agent left behind is no obstacle, and what somebody put there is not taken for an agent.
#[test]
fn a_socket_that_nobody_serves() {
    let home = Home::new();
    drop(UnixListener::bind(home.socket()).expect("a socket"));
    assert!(home.socket().exists(), "the test left no stale socket");
    home.run(&["list"]).ok();
    home.run(&["agent", "stop"]).ok();
    wait::until("the agent to be gone", || home.agents().is_empty().then_some(()));
    Agent::start(&home).kill();
    assert!(home.socket().exists(), "a killed agent left no socket");
    home.run(&["list"]).ok();
    home.run(&["agent", "stop"]).ok();
    wait::until("the agent to be gone", || home.agents().is_empty().then_some(()));
    // A file and a directory in its place are not removed.
    fs::write(home.socket(), "precious").expect("a file");
    let said = home.run(&["list", "--json"]);
    assert_eq!(said.code, 8, "{}{}", said.stdout, said.stderr);
    said.error(); // with a code
    assert_eq!(fs::read_to_string(home.socket()).expect("still there"), "precious");
}

/// State files from a newer version, broken ones, and files that cannot be read.
#[test]
fn state_files_that_cannot_be_read() {
    let sandbox = Sandbox::start();
    for file in ["accounts.json", "registrations.json", "approvals.json", "revocations.json"] {
        let home = Home::new();
        home.signed_in(sandbox.mcp(), "work");
        home.run(&["agent", "stop"]).ok();
        wait::until("the agent to be gone", || home.agents().is_empty().then_some(()));
        let path = home.path("data").join(file);

        // Newer: refused, not touched.
        let newer = "{\"version\": 99, \"something\": \"else\"}";
        let old = fs::read(&path).ok();
        fs::write(&path, newer).expect("our own file");
        let said = home.run(&["list", "--json"]);
        assert_eq!(said.code, 1, "{file}: {}{}", said.stdout, said.stderr);
        assert_eq!(said.error()["code"], "file_newer", "{file}");
        assert!(said.stderr.contains(file) && said.stderr.contains("newer"), "{file}: {}", said.stderr);
        assert_eq!(fs::read_to_string(&path).expect("it is there"), newer, "{file} was overwritten");
        match old {
            Some(old) => fs::write(&path, old).expect("our own file"),
            None => fs::remove_file(&path).expect("our own file"),
        }
        home.run(&["list"]).ok();
        home.run(&["agent", "stop"]).ok();
        wait::until("the agent to be gone", || home.agents().is_empty().then_some(()));

        // Broken: kept aside, and the agent starts.
        let broken = "{\"version\": 1, \"accounts\": [{\"id\"";
        fs::write(&path, broken).expect("our own file");
        home.run(&["list"]).ok();
        let aside: Vec<PathBuf> = fs::read_dir(home.path("data"))
            .expect("a directory")
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with(&format!("{file}.broken-")))
            })
            .collect();
        assert_eq!(aside.len(), 1, "{file} was not kept aside");
        assert_eq!(fs::read_to_string(&aside[0]).expect("it is there"), broken, "{file} was changed");
        home.wait_for_audit("file_kept_aside", 1);
    }
}

/// Mistakes in what a person edits: file, line, key and what to do; the exit status of the table; nothing is changed.
#[test]
fn settings_with_mistakes() {
    for (text, words) in [
        ("vault = \"memory\"\nvalut = 3\n", &["config.toml", "2", "valut"][..]),
        ("vault = \"safe\"\n", &["config.toml", "1", "vault"]),
        ("vault = \"memory\"\n\napprovals = true\n", &["config.toml", "3", "approvals"]),
        ("vault = \"memory\n", &["config.toml", "1"]),
        ("\u{0}", &["config.toml"]),
        (
            "vault = \"memory\"\n[clients.\"https://as.example\"]\nclient_id = \"x\"\nclient_secret = \"planted-canary\"\n",
            &["config.toml", "client_secret"],
        ),
        ("vault = \"memory\"\n[servers.\"not an address\"]\n", &["config.toml", "not an address"]),
    ] {
        let home = Home::new();
        home.write_settings(text);
        let said = home.run(&["list", "--json"]);
        assert_eq!(said.code, 2, "{text:?}: {}{}", said.stdout, said.stderr);
        assert_eq!(said.error()["code"], "bad_settings", "{text:?}");
        for word in words {
            assert!(said.stderr.contains(word), "{text:?}: no {word}: {}", said.stderr);
        }
        assert!(!said.stderr.contains("planted-canary"), "{}", said.stderr);
        assert_eq!(fs::read_to_string(home.path("config/config.toml")).expect("it is there"), text);
        assert_eq!(home.agents(), Vec::<u32>::new());
        home.write_settings(SETTINGS);
        home.run(&["list"]).ok();
    }
}

/// A policy with a mistake allows nothing, and `doctor` names the mistake; once it is mended it counts.
#[test]
fn a_policy_with_a_mistake() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let policy = policy_for(&[std::env::current_exe().expect("a path")]);
    for (wrong, word) in [
        (policy.replace("accounts", "acounts"), "acounts"),
        (format!("{policy}\n[[allow]]\nprogram = \"relative\"\naccounts = \"*\"\n"), "whole path"),
        (format!("{policy}\n[[deny]]\n"), "deny"),
        (format!("{policy}\""), "policy.toml"),
    ] {
        home.write_policy(&wrong);
        if !home.socket().exists() {
            home.signed_in(sandbox.mcp(), "work");
        }
        wait::until("the policy to be read", || (home.run(&["token", "work"]).code == 4).then_some(()));
        let said = home.run(&["doctor"]);
        let text = said.stdout + &said.stderr;
        assert!(text.contains("policy.toml") && text.contains(word), "{word}: {text}");
        home.write_policy(&policy);
        wait::until("the mended policy to count", || (home.run(&["token", "work"]).code == 0).then_some(()));
        // What was allowed stays in memory until somebody is refused: a fresh agent for the next mistake.
        home.run(&["logout", "work"]).ok();
        home.run(&["agent", "stop"]).ok();
        wait::until("the agent to be gone", || home.agents().is_empty().then_some(()));
    }
    // One that others may write says nothing.
    home.write_policy(&policy);
    place::mode(&home.path("config/policy.toml"), 0o666);
    home.signed_in(sandbox.mcp(), "work");
    home.run(&["token", "work"]).exits(4);
}

/// Addresses and flags that make no sense: one sentence, a code, the exit status, and no agent state changed.
#[test]
fn what_people_type() {
    let home = Home::new();
    for url in [
        "",
        "http://mcp.example.com/mcp",
        "ftp://mcp.example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user:secret@mcp.example.com/mcp",
        "https://",
        "https://mcp example/",
        "https://mcp.example/\u{1b}[31m",
        "https://$(touch pwned)/",
        "-rf",
    ] {
        let said = home.run(&["add", url, "--json", "--timeout", "1"]);
        assert_eq!(said.code, 2, "{url:?}: {}{}", said.stdout, said.stderr);
        assert!(!said.stderr.contains('\u{1b}'), "{url:?}: {:?}", said.stderr);
    }
    for name in ["../../x", "", "a b", "$(id)", "x\ny", &"x".repeat(65), "-x"] {
        let said = home.run(&[
            "add",
            "https://127.0.0.1:1/mcp",
            "--json",
            "--timeout",
            "1",
            &format!("--name={name}"),
        ]);
        assert_eq!(said.code, 2, "{name:?}: {}{}", said.stdout, said.stderr);
    }
    for arguments in [
        &["token", "../x"][..],
        &["headers", "nobody"],
        &["refresh", "nobody"],
        &["logout", "nobody"],
        &["status", "nobody"],
    ] {
        let said = home.run(&[arguments, &["--json"]].concat()).exits(5);
        assert_eq!(said.error()["code"], "no_such_account", "{arguments:?}");
        assert!(said.stdout.is_empty());
    }
    assert!(!home.path("person/pwned").exists());
    assert_eq!(home.run(&["list", "--json"]).ok().json()["accounts"], json!([]));
}
