//! `mcp-login proxy`: an MCP client on standard input and output, the real agent, a server that wants a token; and what
//! happens to them while the client goes on.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;

use mcp_login_tests::child::signal;
use mcp_login_tests::mcp_client::{STATELESS, error, result, stateless};
use mcp_login_tests::{Cable, Home, McpClient, Sandbox, Session, wait};
use rustix::process::Signal;
use serde_json::{Value, json};

/// The bearers that MCP requests came with, by hash.
fn bearers(sandbox: &Sandbox) -> BTreeSet<String> {
    let requests = sandbox.at("mcp").into_iter();
    requests.filter_map(|request| request.header("authorization").map(str::to_owned)).collect()
}

fn kill_agents(home: &Home) {
    let agents = home.agents();
    assert!(!agents.is_empty(), "no agent runs");
    agents.iter().for_each(|id| signal(*id, Signal::KILL));
    // A proxy that waits for an answer has the next one started at once.
    let gone = |id: &u32| !home.agents().contains(id);
    wait::until("the agent to be gone", || agents.iter().all(gone).then_some(()));
}

/// Waits until the proxy knows that its agent is gone. Before that, nobody can know whether a call was the dead agent's.
fn noticed(client: &mut McpClient) {
    wait::until("the proxy to notice", || {
        client.running().stderr().contains("the agent has gone").then_some(())
    });
}

/// Waits until so many requests with this method have arrived at the server.
fn arrived(sandbox: &Sandbox, method: &str, count: usize) {
    wait::until("a request to arrive", || {
        let there = sandbox.at("mcp").into_iter().filter(|request| request.rpc() == Some(method)).count();
        (there >= count).then_some(())
    });
}

#[test]
fn a_session_from_beginning_to_end() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    let hello = client.initialize();
    assert_eq!(hello["serverInfo"]["name"], "mcp-login-sandbox", "{hello}");
    let tools = client.ask("tools/list", json!({}));
    assert!(tools.to_string().contains("echo"), "{tools}");
    client.echo("hello over there");
    // Several at a time, and each gets its own answer.
    let ids: Vec<u64> = (0..30)
        .map(|n| client.begin("tools/call", json!({"name": "echo", "arguments": {"text": format!("n{n}")}})))
        .collect();
    for (n, id) in ids.into_iter().enumerate().rev() {
        let answer = result(client.answer(id));
        assert!(answer.to_string().contains(&format!("n{n}\"")), "{answer}");
    }
    let status = home.run(&["status", "--json"]).ok().json();
    assert_eq!(status["gateway"]["links"][0]["account"], "work", "{status}");
    let (ended, stderr) = client.close();
    assert!(ended.success(), "{stderr}");
    assert!(stderr.contains("as work"), "{stderr}");
    assert_eq!(bearers(&sandbox).len(), 1);
    assert_eq!(home.opened().len(), 1, "only the sign-in opened a browser");
    assert_eq!(home.wait_for_audit("gateway", 1).len(), 1, "one line a link, not one a message");
    let gone = || home.run(&["status", "--json"]).ok().json()["gateway"]["links"] == json!([]);
    wait::until("the link to be gone", || gone().then_some(()));
}

#[test]
fn a_client_of_the_stateless_revision() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, sandbox.mcp());
    let found = client.ask("server/discover", stateless(json!({})));
    assert!(found["supportedVersions"].to_string().contains(STATELESS), "{found}");
    let said = client.ask("tools/call", stateless(json!({"name": "echo", "arguments": {"text": "hello"}})));
    assert!(said.to_string().contains("hello"), "{said}");
    assert!(client.close().0.success());
}

/// A message that is longer than what the pump holds passes in pieces, whole and unchanged.
#[test]
fn long_messages_and_messages_that_are_none() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    client.initialize();
    for length in [60_000, 70_000, 1_000_000] {
        let text: String = (0..length).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
        client.echo(&text);
    }
    client.send_bytes(b"this is no JSON\n");
    let said = client.message();
    assert_eq!((said["id"].clone(), said["error"]["code"].clone()), (Value::Null, json!(-32700)), "{said}");
    client.echo("still there");
}

#[test]
fn a_client_that_starts_before_anybody_signed_in() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let mut client = McpClient::proxy(&home, sandbox.mcp());
    let hello = client.begin_session();
    let waits = home.wait_for_attention("no_account");
    assert_eq!(waits["server"], sandbox.mcp(), "{waits}");
    assert_eq!(home.opened(), Vec::<String>::new(), "a browser without a person's gesture");
    let people = home.run(&["list"]).ok().stdout;
    assert!(people.contains(&format!("mcp-login add {}", sandbox.mcp())), "{people}");
    home.run(&["doctor"]).exits(1);
    // The person signs in, and the client that waited goes on.
    home.signed_in(sandbox.mcp(), "work");
    let hello = result(client.answer(hello));
    assert_eq!(hello["serverInfo"]["name"], "mcp-login-sandbox");
    client.initialized();
    client.echo("there at last");
    assert_eq!(home.attention(), Vec::<Value>::new());
}

#[test]
fn nobody_signs_in() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let mut client = McpClient::proxy(&home, sandbox.mcp());
    let hello = client.begin_session();
    let refused = error(client.answer(hello));
    assert_eq!(refused["data"]["code"], "not_signed_in", "{refused}");
    let next = refused["data"]["next"].as_str().expect("a next step");
    assert!(next.contains(&format!("mcp-login add {}", sandbox.mcp())), "{next}");
    // A name that nobody has is no address: its error says so, and the proxy lives on for the account to come.
    let mut named = McpClient::proxy(&home, "work");
    let hello = named.begin_session();
    let refused = error(named.answer(hello));
    assert_eq!(refused["data"]["code"], "no_such_account", "{refused}");
    home.signed_in(sandbox.mcp(), "work");
    named.initialize();
    client.initialize();
}

#[test]
fn signed_out_and_in_again_under_the_same_process() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    client.initialize();
    client.echo("before");
    home.run(&["logout", "work"]).ok();
    let waits = client.begin("tools/call", json!({"name": "echo", "arguments": {"text": "between"}}));
    home.wait_for_attention("no_account");
    home.signed_in(sandbox.mcp(), "work");
    assert!(result(client.answer(waits)).to_string().contains("between"));
    client.echo("after");
    assert_eq!(home.opened().len(), 2, "each sign-in was a person's");
}

/// What a proxy was opened for by name never goes to another server that gets the name.
#[test]
fn another_server_under_the_same_name_gets_nothing() {
    let (first, second) = (Sandbox::start(), Sandbox::start());
    let home = Home::new();
    home.signed_in(first.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    client.initialize();
    home.run(&["logout", "work"]).ok();
    home.signed_in(second.mcp(), "work");
    let id = client.begin("tools/call", json!({"name": "echo", "arguments": {"text": "for the first"}}));
    home.wait_for_attention("no_account");
    assert_eq!(second.at("mcp").iter().filter(|r| r.rpc() == Some("tools/call")).count(), 0);
    home.run(&["rename", "work", "other"]).ok();
    home.signed_in(first.mcp(), "work");
    assert!(result(client.answer(id)).to_string().contains("for the first"));
}

#[test]
fn many_proxies_on_a_token_that_the_server_refuses() {
    for count in [5, 20] {
        let sandbox = Sandbox::start();
        let home = Home::new();
        home.signed_in(sandbox.mcp(), "work");
        sandbox.expire("access");
        let mut clients: Vec<McpClient> = (0..count).map(|_| McpClient::proxy(&home, "work")).collect();
        let hellos: Vec<u64> = clients.iter_mut().map(McpClient::begin_session).collect();
        for (client, hello) in clients.iter_mut().zip(hellos) {
            result(client.answer(hello));
            client.initialized();
            client.echo("all of us");
        }
        assert_eq!(sandbox.at("refresh").len(), 1, "{count} proxies, one refresh");
        assert_eq!(home.opened().len(), 1, "no browser but the sign-in's");
    }
}

#[test]
fn the_agent_is_killed_between_and_within_calls() {
    Session::tell(&[], killed);
}

fn killed(session: &Session) {
    let sandbox = Sandbox::start();
    let home = session.home();
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    client.initialize();
    client.echo("first life");
    kill_agents(&home);
    noticed(&mut client);
    // Between calls: the next one starts an agent, and the session goes on.
    client.echo("second life");
    // Within: what is safe is asked again, and what is not is told of, once each.
    sandbox.fault("hang", "mcp");
    let list = client.begin("tools/list", json!({}));
    let call = client.begin("tools/call", json!({"name": "echo", "arguments": {"text": "perhaps"}}));
    arrived(&sandbox, "tools/list", 1);
    wait::until("the call to arrive", || {
        let hung = sandbox
            .at("mcp")
            .into_iter()
            .filter(|request| request.status == "hung" || request.status.is_null());
        (hung.count() >= 2).then_some(())
    });
    sandbox.heal("hang");
    kill_agents(&home);
    let lost = error(client.answer(call));
    assert_eq!(lost["data"]["code"], "link_broken", "{lost}");
    assert!(result(client.answer(list)).to_string().contains("echo"));
    client.echo("third life");
    // An agent that is asked to go is no other thing.
    home.run(&["agent", "stop"]).ok();
    client.echo("fourth life");
    assert_eq!(home.opened().len(), 1);
    assert_eq!(sandbox.at("refresh").len(), 0, "nothing of this costs a rotation");
    let (status, stderr) = client.close();
    assert!(status.success() && stderr.contains("the agent has gone"), "{stderr}");
}

/// With a vault in memory a killed agent forgets everything; whoever waits goes on when the person signs in again.
#[test]
fn the_agent_is_killed_and_has_forgotten_the_sign_in() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    client.initialize();
    kill_agents(&home);
    noticed(&mut client);
    let id = client.begin("tools/call", json!({"name": "echo", "arguments": {"text": "patience"}}));
    home.wait_for_attention("needs_sign_in");
    home.sign_in_again("work");
    assert!(result(client.answer(id)).to_string().contains("patience"));
}

#[test]
fn the_server_forgets_the_session_and_goes_away_and_comes_back() {
    let mut cable = Cable::new();
    let sandbox = Sandbox::start_with(&["--origin", &cable.origin()]);
    cable.plug_in(sandbox.address());
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    client.initialize();
    sandbox.control("POST", "faults", &json!({"session-lost": "times=1"}));
    client.echo("in a new session");
    cable.pull();
    let id = client.begin("tools/call", json!({"name": "echo", "arguments": {"text": "away"}}));
    let away = error(client.answer(id));
    assert_eq!(away["data"]["code"], "offline", "{away}");
    cable.plug_in(sandbox.address());
    client.echo("back again");
}

#[test]
fn it_ends_with_its_input() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    // Nothing was ever said.
    let silent = McpClient::proxy(&home, "work");
    assert!(silent.close().0.success());
    // What was asked is still answered: a script ends its input at once.
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}});
    let said = home.run_with_input(&["proxy", "work"], &format!("{hello}\n")).ok();
    let answer: Value = serde_json::from_str(said.text()).expect("one answer");
    assert_eq!(answer["id"], 1, "{answer}");
    // With no agent, and with none that could be started.
    home.run(&["agent", "stop"]).ok();
    assert!(McpClient::proxy(&home, "work").close().0.success());
}
