//! Consent, with the real agent and a window that the test plays: who is asked, how often, what an answer is worth, and who
//! cannot give one.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use mcp_login_tests::child::{Running, signal};
use mcp_login_tests::raw::Local;
use mcp_login_tests::{Agent, Home, SETTINGS, Said, Sandbox, Stage, place, wait};
use serde_json::{Value, json};

fn stand_in() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_window-stand-in"))
}

fn house(sandbox: &Sandbox) -> (Home, Stage) {
    let home = Home::with_desktop(stand_in());
    let stage = Stage::new(&home);
    home.signed_in(sandbox.mcp(), "work");
    (home, stage)
}

#[track_caller]
fn refusal(said: &Said) -> Value {
    assert!(said.stdout.is_empty(), "something was handed out: {}", said.stdout);
    said.error()
}

/// Ends a command that was left waiting.
fn finish(command: Running) -> Said {
    let (status, lines, stderr) = command.finish();
    Said {
        line: "mcp-login token".into(),
        code: status.code().unwrap_or(-1),
        stdout: lines.join("\n"),
        stderr,
    }
}

/// A program of the person's own that runs what a shell runs, and by its name is no shell. Others may write it, so that not
/// even a test as root makes it the system's.
fn own_shell(path: &Path) {
    place::program(&fs::canonicalize("/bin/sh").expect("a shell"), path);
    place::mode(path, 0o775);
}

/// `mcp-login token work`, started by a program.
fn through(home: &Home, client: &Path) -> Running {
    let line = format!("'{}' token work --json; exit $?", home.programs().command.display());
    Running::start("client", home.program(client).args(["-c", &line]))
}

#[test]
fn an_unknown_program_is_asked_about_once_for_fifty_requests() {
    let sandbox = Sandbox::start();
    let (home, stage) = house(&sandbox);
    let commands: Vec<Running> = (0..50).map(|_| home.start(&["token", "work"])).collect();
    let mut window = stage.window();
    let question = window.question();
    let me = std::env::current_exe().expect("a path");
    assert_eq!(question["subject"]["program"], me.display().to_string(), "{question}");
    assert_eq!(question["server"], sandbox.mcp());
    assert_eq!(question["before"], json!([]));
    let roles: Vec<&str> = question["caller"]["chain"]
        .as_array()
        .expect("a chain")
        .iter()
        .filter_map(|process| process["role"].as_str())
        .collect();
    assert_eq!(roles, ["ours", "program"], "{question}");
    window.grant(&question, "always");
    for command in commands {
        let said = finish(command).ok();
        assert_eq!(sandbox.mcp_answers(said.text()), 200);
    }
    window.closed();
    assert!(stage.next().is_none(), "a second window came up");
    assert_eq!(home.wait_for_audit("approval_asked", 1).len(), 1);
    home.run(&["token", "work"]).ok();
}

#[test]
fn a_no_is_told_and_remembered() {
    let sandbox = Sandbox::start();
    let (home, stage) = house(&sandbox);
    let command = home.start(&["token", "work", "--json"]);
    let mut window = stage.window();
    let question = window.question();
    window.deny(&question);
    let said = finish(command).exits(4);
    assert_eq!(refusal(&said)["code"], "approval_denied");
    // Asked again: what was said before is there.
    window.closed();
    let command = home.start(&["token", "work", "--json"]);
    let mut window = stage.window();
    let question = window.question();
    assert_eq!(question["before"][0]["until"], "denied", "{question}");
    window.grant(&question, "never");
    assert_eq!(refusal(&finish(command).exits(4))["code"], "approval_denied");
    // Never: not asked any more, and no right to take it back.
    assert_eq!(refusal(&home.run(&["token", "work", "--json"]).exits(4))["code"], "approval_denied");
    let never = Local::connect(&home).result("approval.list", &json!({}))["standing"][0]["id"].clone();
    assert_eq!(Local::connect(&home).refused("approval.remove", &json!({ "id": never })), "not_permitted");
}

#[test]
fn a_window_that_dies_answers_nothing() {
    let sandbox = Sandbox::start();
    let (home, stage) = house(&sandbox);
    let command = home.start(&["token", "work", "--json"]);
    let mut window = stage.window();
    window.question();
    let pid = window.born["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("an id");
    signal(pid, rustix::process::Signal::KILL);
    assert_eq!(refusal(&finish(command).exits(4))["code"], "not_approved");
    wait::until("the window to be reaped", || (!Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
    assert!(stage.next().is_none(), "it was started again with nobody asking");
    let command = home.start(&["token", "work", "--json"]);
    let mut window = stage.window();
    let question = window.question();
    window.grant(&question, "process");
    finish(command).ok();
}

/// Neither a program at the socket, nor our own command, nor our own app decides; only the window that the agent started.
#[test]
fn nobody_but_the_window_decides() {
    let sandbox = Sandbox::start();
    let (home, stage) = house(&sandbox);
    let command = home.start(&["token", "work", "--json"]);
    let mut window = stage.window();
    let question = window.question();
    let id = question["id"].as_str().expect("a question has a number");
    let grant = json!({ "pending": id, "account": "work", "until": "always" });
    let mut local = Local::connect(&home);
    assert_eq!(local.refused("approval.grant", &grant), "not_permitted");
    assert_eq!(local.refused("approval.deny", &json!({ "pending": id })), "not_permitted");
    let said = home.run(&["approvals", "allow", id, "--for", "always", "--json"]).exits(4);
    assert_eq!(said.error()["code"], "not_permitted");

    // The app's own file, started by a stranger: at the agent's socket it is an app like any other.
    let desktop = home.programs().agent.with_file_name("mcp-login-desktop");
    let socket = home.socket();
    let stranger = Running::start("stranger", home.program(&desktop).arg("--to").arg(&socket));
    let mut strange = stage.window();
    assert_eq!(strange.link.refused("approval.grant", &grant), "not_permitted");
    assert_eq!(strange.link.refused("approval.deny", &json!({ "pending": id })), "not_permitted");
    strange.link.result("session.announce", &json!({ "environment": { "DISPLAY": ":0" } }));
    drop((strange, stranger));

    // And with `--consent` it has a link to whoever started it, which is not the agent.
    let mut alone = home.program(&desktop);
    let alone = Running::start("stranger", alone.arg("--consent").stdin(Stdio::piped()));
    let mut strange = stage.window();
    strange.link.send(
        format!("{}\n", json!({ "jsonrpc": "2.0", "id": 1, "method": "approval.grant", "params": grant }))
            .as_bytes(),
    );
    let heard = alone.line();
    assert!(heard.contains("approval.grant"), "only its own starter hears it: {heard}");
    drop((strange, alone));

    assert_eq!(window.question()["id"], id, "somebody decided");
    window.deny(&question);
    assert_eq!(refusal(&finish(command).exits(4))["code"], "approval_denied");
}

#[test]
fn the_window_gets_nothing_of_what_the_agents_starter_had_set() {
    let sandbox = Sandbox::start();
    let mut home = Home::with_desktop(stand_in());
    let stage = Stage::new(&home);
    for name in
        ["GTK_MODULES", "WEBKIT_DISABLE_SANDBOX", "TAURI_AUTOMATION", "LD_LIBRARY_PATH", "GIO_EXTRA_MODULES"]
    {
        home.set(name, "/planted");
    }
    home.set("XDG_DATA_HOME", home.path("person/share"));
    home.signed_in(sandbox.mcp(), "work");
    let command = home.start(&["token", "work"]);
    let mut window = stage.window();
    let born = window.born.clone();
    assert_eq!(born["arguments"], json!(["--consent"]));
    let environment = born["environment"].as_object().expect("an environment");
    let allowed = ["DISPLAY", "HOME", "LANG", "PATH", "TMPDIR", "XDG_DATA_HOME"];
    assert!(environment.keys().all(|name| allowed.contains(&name.as_str())), "{environment:?}");
    assert_eq!(environment["PATH"], "/usr/bin:/bin");
    assert_eq!(environment["DISPLAY"], ":0");
    // Its three pipes, the stage, and the listing itself.
    let descriptors = born["descriptors"].as_array().expect("a list").len();
    assert_eq!(descriptors, 5, "something was inherited: {born}");
    let question = window.question();
    window.grant(&question, "once");
    finish(command).ok();
    wait::until("what it said to be in the log", || {
        let log = fs::read_to_string(home.path("data/agent.log")).unwrap_or_default();
        log.contains("the stand-in came up").then_some(())
    });
}

#[test]
fn a_program_that_changed_on_disk_is_asked_about_again() {
    let sandbox = Sandbox::start();
    let (home, stage) = house(&sandbox);
    let client = home.path("bin/client");
    own_shell(&client);
    let command = through(&home, &client);
    let mut window = stage.window();
    let question = window.question();
    assert_eq!(question["subject"]["program"], client.display().to_string());
    window.grant(&question, "always");
    finish(command).ok();
    window.closed();
    finish(through(&home, &client)).ok();

    // The same bytes in another file.
    fs::rename(&client, home.path("bin/kept")).expect("our own file");
    own_shell(&client);
    let command = through(&home, &client);
    let mut window = stage.window();
    let question = window.question();
    assert_eq!(question["changed"], "file", "{question}");
    assert_eq!(question["before"][0]["until"], "always");
    window.deny(&question);
    assert_eq!(refusal(&finish(command).exits(4))["code"], "approval_denied");
    assert!(
        home.wait_for_audit("approval_removed", 1)[0]["note"]
            .as_str()
            .is_some_and(|note| note.contains("changed"))
    );
    let standing = Local::connect(&home).result("approval.list", &json!({}))["standing"].clone();
    assert_eq!(standing, json!([]), "the approval stands");
}

/// A copy of an approved interpreter is another program; under an interpreter's name it stands for whoever started it.
#[test]
fn a_copied_interpreter_brings_no_approval_along() {
    let sandbox = Sandbox::start();
    let (home, stage) = house(&sandbox);
    let ask = |client: PathBuf| {
        own_shell(&client);
        let command = through(&home, &client);
        let mut window = stage.window();
        let question = window.question();
        (client, command, window, question)
    };
    let (_, command, mut window, question) = ask(home.path("bin/tool"));
    window.grant(&question, "always");
    finish(command).ok();
    window.closed();
    let (copy, command, mut window, question) = ask(home.path("bin/tool2"));
    assert_eq!(question["subject"]["program"], copy.display().to_string());
    assert_eq!(question["before"], json!([]));
    window.deny(&question);
    finish(command).exits(4);
    window.closed();
    let (copy, command, mut window, question) = ask(home.path("bin/python3.99"));
    let me = std::env::current_exe().expect("a path");
    assert_eq!(question["subject"]["program"], me.display().to_string(), "{question}");
    let chain = question["caller"]["chain"].as_array().expect("a chain");
    let interpreter = chain.iter().find(|process| process["program"] == copy.display().to_string());
    assert_eq!(interpreter.expect("the copy")["role"], "interpreter");
    window.deny(&question);
    finish(command).exits(4);
}

/// The program that was asked about is gone when the answer comes: what it left behind gets nothing.
#[test]
fn a_program_that_is_gone_before_the_answer_gets_none() {
    let sandbox = Sandbox::start();
    let (home, stage) = house(&sandbox);
    let client = home.path("bin/client");
    own_shell(&client);
    let (out, err) = (home.path("person/out"), home.path("person/err"));
    let line = format!(
        "'{}' token work --json >'{}' 2>'{}' & wait",
        home.programs().command.display(),
        out.display(),
        err.display()
    );
    let mut running = Running::start("client", home.program(&client).args(["-c", &line]));
    let mut window = stage.window();
    let question = window.question();
    running.kill();
    window.grant(&question, "always");
    let said = wait::until("the orphan to be answered", || {
        let text = fs::read_to_string(&err).unwrap_or_default();
        text.contains('}').then_some(text)
    });
    assert!(said.contains("caller_unknown"), "{said}");
    assert_eq!(fs::read_to_string(&out).expect("a file"), "", "the orphan got a token");
    // The next that the program starts is let in.
    window.closed();
    finish(through(&home, &client)).ok();
}

/// An agent that a service manager started knows no display; the command that asks for a token tells it.
#[test]
fn a_command_in_a_session_brings_the_display() {
    let sandbox = Sandbox::start();
    let mut home = Home::with_desktop(stand_in());
    let stage = Stage::new(&home);
    home.unset("DISPLAY");
    let _agent = Agent::start(&home);
    home.set("DISPLAY", ":0");
    home.signed_in(sandbox.mcp(), "work");
    home.unset("DISPLAY");
    let status = home.run(&["agent", "status", "--json"]).ok().json();
    assert_eq!((&status["display"], &status["approvals"]), (&json!("unknown"), &json!("window")), "{status}");
    let refused = home.run(&["token", "work", "--json"]).exits(4);
    assert_eq!(refusal(&refused)["detail"]["display"], "unknown");
    home.run(&["doctor"]);
    assert!(stage.next().is_none(), "a window without a display");
    let mut stranger = Local::connect(&home);
    let display = json!({ "environment": { "DISPLAY": ":66" } });
    assert_eq!(stranger.refused("session.announce", &display), "not_permitted");

    home.set("DISPLAY", ":5");
    let command = home.start(&["token", "work"]);
    let mut window = stage.window();
    assert_eq!(window.born["environment"]["DISPLAY"], ":5");
    let question = window.question();
    window.grant(&question, "always");
    finish(command).ok();
    let status = home.run(&["agent", "status", "--json"]).ok().json();
    assert_eq!(status["display"], "known");
}

/// What the app is for: it hears that somebody wants it, raises a question, and nothing more.
#[test]
fn the_app_is_raised_and_raises_a_question() {
    let sandbox = Sandbox::start();
    let (home, stage) = house(&sandbox);
    let mut app = Local::connect(&home);
    app.result("events.subscribe", &json!({}));
    Local::connect(&home).result("window.show", &json!({}));
    let told = wait::until("the event", || app.line());
    assert_eq!(told["params"]["kind"], "window_wanted", "{told}");
    assert_eq!(app.refused("approval.ask", &json!({ "pending": "77" })), "no_such_approval");

    // A window that died left a question: the app brings it back.
    let command = home.start(&["token", "work", "--json"]);
    let mut window = stage.window();
    let id = window.question()["id"].clone();
    drop(window);
    finish(command).exits(4);
    app.result("approval.ask", &json!({ "pending": id }));
    let mut window = stage.window();
    let question = window.question();
    window.grant(&question, "once");
    home.run(&["token", "work"]).ok();
}

/// Whoever wants to answer in a terminal is not bothered by a window.
#[test]
fn the_terminal_by_choice() {
    let sandbox = Sandbox::start();
    let home = Home::with_desktop(stand_in());
    let stage = Stage::new(&home);
    home.write_settings(&format!("{SETTINGS}approvals = \"terminal\"\n"));
    home.signed_in(sandbox.mcp(), "work");
    let said = home.run(&["token", "work", "--json"]).exits(4);
    let pending = refusal(&said)["detail"]["pending"].as_str().expect("a number").to_owned();
    assert_eq!(
        Local::connect(&home).refused("approval.ask", &json!({ "pending": pending })),
        "no_consent_window"
    );
    home.run(&["approvals", "allow", &pending, "--for", "always"]).ok();
    home.run(&["token", "work"]).ok();
    assert!(stage.next().is_none(), "a window came up");
}
