//! Tokens in a real keyring: GNOME Keyring, in a D-Bus session of the test's own. What lies there, what a locked, an absent
//! and a late one do to accounts, and that nothing stays behind.
#![cfg(target_os = "linux")]

use mcp_login_tests::{Agent, KeyringItem, Person, Said, Sandbox, Session};

/// The name of items of a debug build.
const SERVICE: &str = "io.github.mcp-login.dev";

/// The kinds of items, as the names say that we gave them.
fn kinds(items: &[KeyringItem]) -> Vec<String> {
    let mut kinds = Vec::new();
    for item in items {
        let name = item.label.strip_prefix(&format!("{SERVICE} "));
        let name = name.unwrap_or_else(|| panic!("a label that is not documented: {item:?}"));
        let (kind, id) = name.split_once('/').unwrap_or_else(|| panic!("no kind and id: {item:?}"));
        // A random identifier: neither server nor person nor account can be read off it.
        let random = id.len() == 20 && id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        assert!(random, "{item:?}");
        assert!(item.attributes.contains(&format!("service={SERVICE}")), "{item:?}");
        assert!(item.attributes.contains(&format!("username={name}")), "{item:?}");
        kinds.push(kind.to_owned());
    }
    kinds.sort();
    kinds
}

#[track_caller]
fn refused(said: Said, code: &str) -> String {
    let said = said.exits(7);
    assert_eq!(said.stdout, "");
    let error = said.error();
    assert_eq!(error["code"], code, "{error}");
    error["next"].as_str().expect("a next step").to_owned()
}

#[test]
fn what_is_stored_survives_the_agent_and_goes_with_the_account() {
    Session::tell(&[], stored_and_gone);
}

fn stored_and_gone(session: &Session) {
    let sandbox = Sandbox::start();
    let home = session.home();
    assert_eq!(session.items(), []);
    home.signed_in(sandbox.mcp(), "work");
    assert_eq!(kinds(&session.items()), ["registration-token", "tokens"]);
    let told = format!("{:?}", session.items());
    for word in ["work", "alice", "127.0.0.1", "sandbox"] {
        assert!(!told.contains(word), "{word} can be read off the keyring's names: {told}");
    }

    let token = home.run(&["token", "work"]).ok();
    home.run(&["agent", "stop"]).ok();
    assert_eq!(home.run(&["token", "work"]).ok().text(), token.text(), "after a stop");
    for id in home.agents() {
        mcp_login_tests::child::signal(id, rustix::process::Signal::KILL);
    }
    assert_eq!(home.run(&["token", "work"]).ok().text(), token.text(), "after a kill");
    assert_eq!(sandbox.at("refresh").len(), 0, "a start is no reason for a rotation");

    // A rotation leaves no older token and no intent behind.
    home.run(&["refresh", "work"]).ok();
    home.run(&["agent", "stop"]).ok();
    assert_eq!(kinds(&session.items()), ["registration-token", "tokens"]);
    let newer = home.run(&["token", "work"]).ok();
    assert_ne!(newer.text(), token.text());
    assert_eq!(sandbox.mcp_answers(newer.text()), 200);
    assert_eq!(sandbox.at("refresh").len(), 1);

    home.run(&["logout", "work"]).ok();
    assert_eq!(session.items(), [], "something of ours stays in the keyring");
}

#[test]
fn a_locked_keyring_asks_and_takes_both_answers() {
    Session::tell(&["--wm"], locked_and_asked);
}

fn locked_and_asked(session: &Session) {
    let sandbox = Sandbox::start();
    let home = session.home();
    home.signed_in(sandbox.mcp(), "work");
    let token = home.run(&["token", "work"]).ok();

    // What is in memory needs no keyring, and nobody is asked for it.
    session.lock();
    assert_eq!(home.run(&["token", "work"]).ok().text(), token.text());
    assert_eq!(session.prompts(), Vec::<String>::new());

    // A rotation needs it, and the refresh token is not spent before the keyring can be written.
    let refresh = home.start(&["refresh", "work", "--json"]);
    session.press_escape();
    refused(said(refresh), "keychain_dismissed");
    assert_eq!(sandbox.at("refresh").len(), 0, "a token was spent that could not have been stored");
    assert!(session.is_locked());

    // A new agent knows the account, cannot hand out a token, and says why.
    home.run(&["agent", "stop"]).ok();
    let asked = home.start(&["token", "work", "--json"]);
    session.press_escape();
    refused(said(asked), "keychain_dismissed");
    let known = home.account("work");
    assert_eq!((&known["name"], &known["state"]), (&"work".into(), &"vault_unavailable".into()), "{known}");
    assert_eq!(session.prompts(), Vec::<String>::new(), "to list accounts asks nobody");

    // Answered: the same token as before, and rotations work again.
    let asked = home.start(&["token", "work", "--json"]);
    session.type_password();
    let answered = said(asked).ok();
    assert!(answered.stdout.contains(token.text()), "another token came back");
    assert_eq!(home.account("work")["state"], "ready");
    home.run(&["refresh", "work"]).ok();
    assert_eq!(sandbox.at("refresh").len(), 1);
    home.run(&["logout", "work"]).ok();
    assert_eq!(session.items(), []);
}

/// Signing in to a keyring that is locked asks for it, and the tokens are kept.
#[test]
fn signing_in_while_it_is_locked() {
    Session::tell(&["--wm"], |session| {
        let sandbox = Sandbox::start();
        let home = session.home();
        session.lock();
        let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "loopback"]);
        std::thread::scope(|scope| {
            // It asks once: for the registration's token, or, where there is none, for the tokens.
            scope.spawn(|| session.type_password());
            Person::named("alice").allow(&sign_in.address()).deliver();
        });
        sign_in.finish().ok();
        home.run(&["agent", "stop"]).ok();
        let token = home.run(&["token", "work"]).ok();
        assert_eq!(sandbox.mcp_answers(token.text()), 200);
    });
}

/// Nobody is sent to a browser for tokens that nobody could keep.
#[test]
fn an_absent_keyring_is_said_before_the_browser_opens() {
    let session = Session::start_with(&["--no-keyring"]);
    let sandbox = Sandbox::start();
    let home = session.home();
    let next = refused(
        home.run(&["add", sandbox.mcp(), "--name", "work", "--json", "--timeout", "30"]),
        "keychain_absent",
    );
    assert!(next.contains("vault = \"memory\""), "{next}");
    assert_eq!(home.opened(), Vec::<String>::new(), "a browser was opened");
    assert_eq!(sandbox.at("register").len(), 0, "a client was registered for nothing");
    let status = home.run(&["agent", "status", "--json"]).ok().json();
    assert!(status.to_string().contains("keychain_absent"), "{status}");

    // The choice that was named is one that works.
    home.run(&["agent", "stop"]).ok();
    home.write_settings("vault = \"memory\"\n");
    home.signed_in(sandbox.mcp(), "work");
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
}

/// At login the agent may be there before the bus, and the bus before the keyring: one agent, and it finds both.
#[test]
fn a_bus_and_a_keyring_that_come_late() {
    let session = Session::start_with(&["--no-keyring"]);
    let sandbox = Sandbox::start();
    let mut home = session.home();
    home.set("DBUS_SESSION_BUS_ADDRESS", session.late_bus());
    let agent = Agent::start(&home);
    refused(
        home.run(&["add", sandbox.mcp(), "--name", "work", "--json", "--timeout", "30"]),
        "keychain_absent",
    );
    let mut bus = session.start_late_bus();
    refused(
        home.run(&["add", sandbox.mcp(), "--name", "work", "--json", "--timeout", "30"]),
        "keychain_absent",
    );
    let mut keyring = session.start_late_keyring();
    home.signed_in(sandbox.mcp(), "work");
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(home.agents(), [agent.id()], "another agent answered");
    agent.terminate();
    keyring.terminate();
    bus.terminate();

    // The next login: the account is there, and works as soon as the keyring is.
    let agent = Agent::start(&home);
    refused(home.run(&["token", "work", "--json"]), "keychain_absent");
    assert_eq!(home.account("work")["name"], "work");
    let _bus = session.start_late_bus();
    refused(home.run(&["token", "work", "--json"]), "keychain_absent");
    let _keyring = session.start_late_keyring();
    assert_eq!(home.run(&["token", "work"]).ok().text(), token.text());
    assert_eq!(home.account("work")["state"], "ready");
    assert_eq!(home.agents(), [agent.id()], "another agent answered");
    assert_eq!(sandbox.at("refresh").len(), 0);
}

/// What a command that was left running has said in the end.
fn said(running: mcp_login_tests::child::Running) -> Said {
    let (status, lines, stderr) = running.finish();
    let stdout = lines.iter().map(|line| format!("{line}\n")).collect();
    Said { line: "mcp-login".to_owned(), code: status.code().unwrap_or(-1), stdout, stderr }
}
