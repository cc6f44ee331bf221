//! `mcp-login headers`, as MCP clients call it: for a connection, and again when the server said 401, without a word about which.
#![cfg(target_os = "linux")]

use mcp_login_tests::raw::Local;
use mcp_login_tests::{Home, Said, Sandbox};
use serde_json::json;

fn token(said: &Said) -> String {
    let headers = said.json();
    let headers = headers.as_object().expect("an object");
    assert_eq!(headers.len(), 1, "{headers:?}");
    let value = headers["Authorization"].as_str().expect("texts only");
    value.strip_prefix("Bearer ").expect("a bearer").to_owned()
}

#[test]
fn a_repeat_asks_the_server_and_a_refused_token_is_renewed_once() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let before = sandbox.at("mcp").len();
    let first = token(&home.run(&["headers", "work"]).ok());
    assert_eq!(sandbox.at("mcp").len(), before, "what nobody can have used yet goes out at once");
    // Asked again: the server is asked, and says that it is good.
    assert_eq!(token(&home.run(&["headers", "work"]).ok()), first);
    assert_eq!(sandbox.at("mcp").len(), before + 1);
    assert_eq!(sandbox.at("refresh").len(), 0, "a repeat alone is no reason for a rotation");
    // Refused in the meantime: renewed, once, and the new one is good.
    sandbox.expire("access");
    mcp_login_tests::wait::until("the server to be asked again", || {
        let given = token(&home.run(&["headers", "work"]).ok());
        (given != first).then_some(given)
    });
    assert_eq!(sandbox.at("refresh").len(), 1);
    let renewed = token(&home.run(&["headers", "work"]).ok());
    assert_eq!(sandbox.mcp_answers(&renewed), 200);
    // `token` is for people and scripts, which say what they have: nothing is tried for them.
    let before = sandbox.at("mcp").len();
    home.run(&["token", "work"]).ok();
    home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.at("mcp").len(), before);
}

/// An agent that has just started does not know in whose hands the token was.
#[test]
fn a_token_from_before_the_agents_start_is_tried_first() {
    mcp_login_tests::Session::tell(&[], |session| {
        let sandbox = Sandbox::start();
        let home = session.home();
        home.signed_in(sandbox.mcp(), "work");
        let first = token(&home.run(&["headers", "work"]).ok());
        home.run(&["agent", "stop"]).ok();
        sandbox.expire("access");
        let renewed = token(&home.run(&["headers", "work"]).ok());
        assert_ne!(renewed, first);
        assert_eq!(sandbox.at("refresh").len(), 1);
        assert_eq!(sandbox.mcp_answers(&renewed), 200);
    });
}

/// A server that does not answer costs no token.
#[test]
fn a_server_that_is_not_there_changes_nothing() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let first = token(&home.run(&["headers", "work"]).ok());
    sandbox.fault("status", "mcp:503");
    assert_eq!(token(&home.run(&["headers", "work"]).ok()), first);
    sandbox.heal("status");
    sandbox.fault("drop", "mcp");
    assert_eq!(token(&home.run(&["headers", "work"]).ok()), first);
    assert_eq!(sandbox.at("refresh").len(), 0);
}

#[test]
fn a_needed_sign_in_is_announced_and_not_waited_for() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    home.run(&["headers", "work"]).ok();
    sandbox.expire("all");
    let mut events = Local::connect(&home);
    events.result("events.subscribe", &json!({}));
    let refused = mcp_login_tests::wait::until("the server to refuse it", || {
        let said = home.run(&["headers", "work"]);
        (said.code != 0).then_some(said)
    });
    let refused = refused.exits(3);
    assert_eq!(refused.stdout, "", "a client that reads headers must not read an error");
    assert!(refused.stderr.contains("mcp-login login work"), "{}", refused.stderr);
    let told = mcp_login_tests::wait::until("the event", || {
        let event = events.line().expect("the agent speaks");
        (event["params"]["kind"] == "attention").then_some(event)
    });
    assert_eq!(told["params"]["attention"]["why"], "needs_sign_in", "{told}");
    assert_eq!(home.attention().len(), 1);
    assert_eq!(home.opened().len(), 1, "a browser without a person's gesture");
    home.sign_in_again("work");
    assert_eq!(home.attention().len(), 0);
    assert_eq!(sandbox.mcp_answers(&token(&home.run(&["headers", "work"]).ok())), 200);
    // Nobody there at all.
    home.run(&["headers", "http://127.0.0.1:9/mcp"]).exits(5);
    assert_eq!(home.attention()[0]["why"], "no_account");
}
