//! The consent window itself, on a screen, answered with mouse and keyboard: what decides and what does not. What an answer is
//! worth afterwards, `consent.rs` tries with a window that the test plays.
#![cfg(target_os = "linux")]

use std::fs;

use mcp_login_tests::child::{Running, signal};
use mcp_login_tests::{Agent, Choice, Client, Desktop, Said, Sandbox, guarded_desktop_app, wait};
use rustix::process::Signal;
use serde_json::Value;

/// A desktop with one account, `work`, that nobody may use yet.
fn desktop(sandbox: &Sandbox) -> Desktop {
    let mut desktop = Desktop::start(&[sandbox.issuer()]);
    desktop.signed_in(sandbox.mcp(), "work");
    desktop
}

fn finish(command: Running) -> Said {
    let (status, lines, stderr) = command.finish();
    let stdout = lines.iter().map(|line| format!("{line}\n")).collect();
    Said { line: "mcp-login token".to_owned(), code: status.code().unwrap_or(-1), stdout, stderr }
}

#[track_caller]
fn refused(command: Running, code: &str) {
    let said = finish(command).exits(4);
    assert_eq!(said.stdout, "", "something was handed out");
    assert_eq!(said.error()["code"], code, "{}", said.stderr);
}

fn approvals(desktop: &Desktop) -> Value {
    desktop.home.run(&["approvals", "list", "--json"]).ok().json()
}

fn standing(desktop: &Desktop) -> usize {
    approvals(desktop)["standing"].as_array().map_or(0, Vec::len)
}

const TOKEN: &[&str] = &["token", "work", "--json"];

#[test]
fn what_decides_and_what_does_not() {
    let sandbox = Sandbox::start();
    let desktop = desktop(&sandbox);
    let client = Client::named(&desktop.home, "acme-editor");

    // Enter, wherever the focus is, allows nothing; only a pressed button does.
    let asking = client.starts(&desktop.home, TOKEN);
    let question = desktop.question();
    question.keep("consent-unknown-program");
    question.press(&["Return", "Return"]);
    question.press(&["Tab", "Return", "Tab", "Return"]);
    // From "Never" two on is "Allow".
    question.press(&["Tab", "Tab", "Return", "Return"]);
    assert_eq!(standing(&desktop), 0, "Enter allowed");
    assert_eq!(approvals(&desktop)["pending"].as_array().map(Vec::len), Some(1));
    question.press(&["space"]);
    let said = finish(asking).ok();
    assert_eq!(sandbox.mcp_answers(said.json()["access_token"].as_str().expect("a token")), 200);
    desktop.wait_for_no_consent_window();
    // "Until I quit" is what stood there: another process of the same program is asked about again.
    let asking = client.starts(&desktop.home, TOKEN);
    desktop.question().not_now();
    refused(asking, "approval_denied");

    // "Once" is for one request, and "always" for all.
    let asking = client.starts(&desktop.home, TOKEN);
    desktop.question().allow_for(Choice::Once);
    finish(asking).ok();
    let asking = client.starts(&desktop.home, TOKEN);
    let question = desktop.question();
    question.keep("consent-asked-before");
    question.allow_for(Choice::Always);
    finish(asking).ok();
    finish(client.starts(&desktop.home, TOKEN)).ok();
    desktop.wait_for_no_consent_window();

    // Another file in its place is another program.
    client.change();
    let asking = client.starts(&desktop.home, TOKEN);
    let question = desktop.question();
    question.keep("consent-changed");
    question.never();
    refused(asking, "approval_denied");
    refused(client.starts(&desktop.home, TOKEN), "approval_denied");
    desktop.wait_for_no_consent_window();
    assert_eq!(sandbox.at("refresh").len(), 0);
}

#[test]
fn fifty_at_once_are_one_question() {
    let sandbox = Sandbox::start();
    let desktop = desktop(&sandbox);
    let client = Client::named(&desktop.home, "acme-editor");
    let asking = client.starts_many(&desktop.home, 50, &["token", "work"]);
    let question = desktop.question();
    wait::until("all fifty to ask", || {
        let listed = approvals(&desktop);
        let pending = listed["pending"].as_array().expect("a list");
        assert_eq!(pending.len(), 1, "{listed}");
        (client_children(asking.id()).len() == 50).then_some(())
    });
    assert_eq!(desktop.consent_windows().len(), 1);
    question.allow();
    let said = finish(asking).ok();
    let tokens: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(tokens.len(), 50);
    assert_eq!(sandbox.mcp_answers(tokens[0]), 200);
    desktop.wait_for_no_consent_window();
    assert_eq!(desktop.home.audited("approval_asked").len(), 1);
}

/// Two programs: one window, one question after the other.
#[test]
fn one_window_for_two_programs() {
    let sandbox = Sandbox::start();
    let desktop = desktop(&sandbox);
    let first = Client::named(&desktop.home, "first");
    let second = Client::named(&desktop.home, "second");
    let asking = first.starts(&desktop.home, TOKEN);
    let question = desktop.question();
    let pid = question.pid;
    let also = second.starts(&desktop.home, TOKEN);
    wait::until("the second question", || {
        (approvals(&desktop)["pending"].as_array().map(Vec::len) == Some(2)).then_some(())
    });
    question.not_now();
    refused(asking, "approval_denied");
    let question = desktop.question();
    assert_eq!(question.pid, pid, "a second window came up");
    question.allow();
    finish(also).ok();
    desktop.wait_for_no_consent_window();
}

#[test]
fn a_window_that_goes_has_answered_nothing() {
    let sandbox = Sandbox::start();
    let desktop = desktop(&sandbox);
    let client = Client::named(&desktop.home, "acme-editor");
    // Closed by the frame's button.
    let asking = client.starts(&desktop.home, TOKEN);
    desktop.question().close();
    refused(asking, "not_approved");
    desktop.wait_for_no_consent_window();
    assert_eq!(standing(&desktop), 0);

    // The program that asked is gone before the answer: what it left behind gets nothing.
    let mut asking = client.starts(&desktop.home, TOKEN);
    let question = desktop.question();
    asking.kill();
    question.allow();
    let orphan = finish(asking);
    assert_eq!(orphan.stdout, "", "the orphan got a token");
    assert_eq!(orphan.error()["code"], "caller_unknown", "{}", orphan.stderr);
    desktop.wait_for_no_consent_window();

    // Killed.
    let asking = client.starts(&desktop.home, TOKEN);
    let before = standing(&desktop);
    signal(desktop.question().pid, Signal::KILL);
    refused(asking, "not_approved");
    assert!(standing(&desktop) <= before, "the window's end let somebody in");
}

/// An agent that was started without a display learns it from the command that connects; and of what its starter had set,
/// the window gets nothing that could turn it.
#[test]
fn the_display_comes_with_the_command_and_nothing_else_does() {
    let sandbox = Sandbox::start();
    let mut desktop = Desktop::start(&[sandbox.issuer()]);
    let display = desktop.session.get("DISPLAY").expect("a session has a screen").to_owned();
    desktop.home.unset("DISPLAY");
    let more = [
        ("TAURI_WEBVIEW_AUTOMATION", "true"),
        ("WEBKIT_INSPECTOR_SERVER", "127.0.0.1:1"),
        ("GTK_MODULES", "nothing-good"),
        ("LD_PRELOAD", ""),
    ];
    let agent = Agent::start_with(&desktop.home, &more);
    desktop.home.set("DISPLAY", &display);
    desktop.signed_in(sandbox.mcp(), "work");
    assert_eq!(desktop.home.agents(), [agent.id()]);
    let client = Client::named(&desktop.home, "acme-editor");
    let asking = client.starts(&desktop.home, TOKEN);
    let question = desktop.question();
    let environment = fs::read(format!("/proc/{}/environ", question.pid)).expect("the window runs");
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(
        environment.split('\0').any(|variable| variable == format!("DISPLAY={display}")),
        "{environment:?}"
    );
    for (name, _) in more {
        assert!(!environment.contains(name), "{name} reached the window: {environment:?}");
    }
    question.allow();
    finish(asking).ok();
}

/// A released build shows no window that something else drives. The one that is tried has the shell's crate built as it is
/// released, and everything else as in the other tests.
#[test]
fn a_released_app_refuses_to_be_driven() {
    let desktop = Desktop::start(&[]);
    let app = guarded_desktop_app();
    for driver in ["TAURI_WEBVIEW_AUTOMATION", "WEBKIT_INSPECTOR_SERVER"] {
        for arguments in [&[][..], &["--background"], &["--consent"]] {
            let mut command = desktop.home.program(app);
            command.args(arguments).env(driver, "127.0.0.1:1");
            // One that starts all the same is not waited for without end.
            let said = finish(Running::start("mcp-login-desktop", &mut command)).exits(2);
            assert!(said.stderr.contains(driver), "{}", said.stderr);
        }
    }
    // So that this can fail: without one it starts, and shows its window.
    let mut running = Running::start("mcp-login-desktop", &mut desktop.home.program(app));
    desktop.session.window_of(running.id());
    running.terminate();
}

fn client_children(id: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}
