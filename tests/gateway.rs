//! The gateway's way with tokens, seen from an MCP client: refused ones, too few scopes, no approval; and what a person has to
//! do with it.
#![cfg(target_os = "linux")]

use std::path::Path;

use mcp_login_tests::mcp_client::{error, result};
use mcp_login_tests::raw::Local;
use mcp_login_tests::{Home, McpClient, Person, Request, SETTINGS, Sandbox, Stage, wait};
use serde_json::{Value, json};

fn calls(sandbox: &Sandbox) -> usize {
    sandbox.at("mcp").iter().filter(|request| request.rpc() == Some("tools/call")).count()
}

/// Signs in again; returns the scopes that were asked for.
fn sign_in_again(home: &Home) -> String {
    let before = home.opened().len();
    let login = home.start(&["login", "work"]);
    let address = home.opened_at(before);
    Person::named("alice").allow(&address).deliver();
    let (status, _, stderr) = login.finish();
    assert!(status.success(), "{stderr}");
    let address = url::Url::parse(&address).expect("an address");
    let scope = address.query_pairs().find(|(name, _)| name == "scope");
    scope.map(|(_, scope)| scope.into_owned()).unwrap_or_default()
}

/// Signed in with less than some tools need.
fn reader(sandbox: &Sandbox, home: &Home) {
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--scope", "mcp:read"]);
    Person::named("alice").allow(&sign_in.address()).deliver();
    sign_in.finish().ok();
}

#[test]
fn a_refused_token_costs_one_refresh_and_one_retry() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    client.initialize();
    // What else a session begins with is over, so that the call is the first to meet the refusal.
    wait::until("the session to have begun", || {
        let ended = |request: &Request| !request.status.is_null();
        let told = |request: &Request| request.rpc() == Some("notifications/initialized") && ended(request);
        let asked = |request: &Request| request.method == "GET" && ended(request);
        let log = sandbox.at("mcp");
        (log.iter().any(told) && log.iter().any(asked)).then_some(())
    });
    sandbox.expire("access");
    client.echo("once more");
    assert_eq!((sandbox.at("refresh").len(), calls(&sandbox)), (1, 2), "one refresh, one retry");
}

#[test]
fn many_calls_on_a_refused_token_cost_one_refresh() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    client.initialize();
    sandbox.expire("access");
    let ids: Vec<u64> = (0..20)
        .map(|n| client.begin("tools/call", json!({"name": "echo", "arguments": {"text": n.to_string()}})))
        .collect();
    ids.into_iter().for_each(|id| drop(result(client.answer(id))));
    assert_eq!(sandbox.at("refresh").len(), 1);
}

/// A server that refuses whatever it is shown is asked twice, not for ever; and says so to whoever asked.
#[test]
fn a_server_that_refuses_every_token() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    client.initialize();
    sandbox.fault("status", "mcp:401");
    for _ in 0..5 {
        let refused = client.refused("tools/call", json!({"name": "echo", "arguments": {"text": "no"}}));
        assert!(refused["data"]["next"].as_str().is_some_and(|next| next.ends_with('.')), "{refused}");
    }
    assert!(sandbox.at("refresh").len() <= 2, "{}", sandbox.at("refresh").len());
    assert_eq!(home.opened().len(), 1);
}

#[test]
fn a_sign_in_that_ended_is_waited_for() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    client.initialize();
    sandbox.expire("all");
    let mut events = Local::connect(&home);
    events.result("events.subscribe", &json!({}));
    let id = client.begin("tools/call", json!({"name": "echo", "arguments": {"text": "soon"}}));
    let told = wait::until("the event", || {
        let event = events.line().expect("the agent speaks");
        (event["params"]["kind"] == "attention").then_some(event)
    });
    let attention = &told["params"]["attention"];
    assert_eq!(
        (&attention["account"], &attention["why"]),
        (&json!("work"), &json!("needs_sign_in")),
        "{told}"
    );
    assert_eq!(home.opened().len(), 1, "nobody made a gesture yet");
    sign_in_again(&home);
    assert!(result(client.answer(id)).to_string().contains("soon"));
    assert_eq!(home.attention(), Vec::<Value>::new());
}

#[test]
fn more_scopes_by_a_person_who_signs_in() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    reader(&sandbox, &home);
    let mut client = McpClient::proxy(&home, "work");
    client.initialize();
    // Two at a time wait for the same sign-in, one of them with progress.
    let note = json!({"name": "write_note", "arguments": {"text": "a"}});
    let plain = client.begin("tools/call", note.clone());
    let mut with_progress = note;
    with_progress["_meta"] = json!({"progressToken": "p1"});
    let watched = client.begin("tools/call", with_progress);
    let waits = home.wait_for_attention("more_scopes");
    assert_eq!(waits["scopes"], json!(["mcp:write"]), "{waits}");
    let progress = wait::until("progress", || {
        let message = client.message();
        (message["method"] == "notifications/progress").then_some(message)
    });
    assert_eq!(progress["params"]["progressToken"], "p1");
    assert_eq!(home.opened().len(), 1, "a browser without a person's gesture");
    let asked = sign_in_again(&home);
    let asked: Vec<&str> = asked.split(' ').collect();
    assert!(asked.contains(&"mcp:read") && asked.contains(&"mcp:write"), "the union: {asked:?}");
    result(client.answer(plain));
    result(client.answer(watched));
    // What was given is kept: nobody is asked again.
    client.call("write_note", json!({"text": "b"}));
    assert_eq!(home.opened().len(), 2);
}

#[test]
fn a_server_that_never_has_enough() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    reader(&sandbox, &home);
    let mut client = McpClient::proxy(&home, "work");
    client.initialize();
    sandbox.fault("endless-403", "mcp:admin");
    let id = client.begin("tools/call", json!({"name": "echo", "arguments": {"text": "no"}}));
    home.wait_for_attention("more_scopes");
    sign_in_again(&home);
    // It has what it asked for, and asks for the same again: no use in asking the person.
    let refused = error(client.answer(id));
    assert_eq!(refused["data"]["code"], "server_forbids", "{refused}");
    for _ in 0..5 {
        let refused = client.refused("tools/call", json!({"name": "echo", "arguments": {"text": "no"}}));
        assert_eq!(refused["data"]["code"], "server_forbids", "{refused}");
    }
    assert_eq!(home.opened().len(), 2, "one sign-in more, and not one for each refusal");
    assert!(calls(&sandbox) <= 8, "{} requests", calls(&sandbox));
}

#[test]
fn a_program_that_nobody_allowed_gets_an_error_and_then_what_the_person_says() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.write_settings(&format!("{SETTINGS}approvals = \"terminal\"\n"));
    home.write_policy("");
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    let hello = client.begin_session();
    let refused = error(client.answer(hello));
    assert_eq!(refused["data"]["code"], "not_approved", "{refused}");
    assert_eq!(sandbox.at("mcp").iter().filter(|r| r.header("authorization").is_some()).count(), 0);
    let pending = home.run(&["approvals", "--json"]).ok().json()["pending"][0]["id"].clone();
    let pending = pending.as_str().expect("a question").to_owned();
    home.run(&["approvals", "allow", &pending, "--for", "always"]).ok();
    client.initialize();
    client.echo("allowed");
    // A second client of the same program is not asked about again.
    let mut second = McpClient::proxy(&home, "work");
    second.initialize();
    assert_eq!(home.wait_for_audit("approval_asked", 1).len(), 1);
    // Taken back, it counts at once, for links that are open as well.
    let approvals = home.run(&["approvals", "--json"]).ok().json();
    let standing = approvals["standing"][0]["id"].as_str().expect("a decision").to_owned();
    home.run(&["approvals", "remove", &standing]).ok();
    for client in [&mut client, &mut second] {
        let refused = client.refused("tools/call", json!({"name": "echo", "arguments": {"text": "no"}}));
        assert_eq!(refused["data"]["code"], "not_approved", "{refused}");
    }
}

#[test]
fn the_window_asks_once_while_the_client_waits() {
    let sandbox = Sandbox::start();
    let home = Home::with_desktop(Path::new(env!("CARGO_BIN_EXE_window-stand-in")));
    let stage = Stage::new(&home);
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    let hello = client.begin_session();
    let mut window = stage.window();
    let question = window.question();
    let me = std::env::current_exe().expect("a path");
    assert_eq!(question["subject"]["program"], me.display().to_string(), "{question}");
    window.grant(&question, "once");
    result(client.answer(hello));
    client.initialized();
    // Once is for this link, as long as it lasts.
    client.echo("one");
    client.echo("two");
    window.closed();
    assert!(stage.next().is_none(), "asked again for a link that was let in");
    // Another link is another time.
    let mut second = McpClient::proxy(&home, "work");
    let hello = second.begin_session();
    let mut window = stage.window();
    let question = window.question();
    window.deny(&question);
    assert_eq!(error(second.answer(hello))["data"]["code"], "approval_denied");
}

/// The method itself, for programs that are not ours.
#[test]
fn a_link_over_the_local_api() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut local = Local::connect(&home);
    assert_eq!(local.refused("gateway.open", &json!({"account": "work", "extra": 1})), "bad_parameters");
    assert_eq!(local.refused("gateway.open", &json!({"account": "http://example.com/mcp"})), "bad_url");
    // One that hears of events is no link.
    let mut busy = Local::connect(&home);
    busy.result("events.subscribe", &json!({}));
    assert_eq!(busy.refused("gateway.open", &json!({"account": "work"})), "link_busy");
    // After a refusal the connection is as before; after the answer it speaks MCP.
    let opened = local.result("gateway.open", &json!({"account": "work"}));
    assert_eq!((&opened["account"], &opened["server"]), (&json!("work"), &json!(sandbox.mcp())), "{opened}");
    local.send(b"{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"account.list\"}\n");
    let answer = local.line().expect("an answer");
    assert_eq!(answer["id"], "x");
    assert!(answer.get("result").is_none_or(|result| result.get("accounts").is_none()), "{answer}");
}
