//! `mcp-login proxy`: an MCP client on standard input and output, the real agent, a server that wants a token.
#![cfg(target_os = "linux")]

use mcp_login_tests::mcp_client::{STATELESS, result, stateless};
use mcp_login_tests::{Home, McpClient, Sandbox};
use serde_json::json;

/// The bearers that MCP requests came with, by hash.
fn bearers(sandbox: &Sandbox) -> std::collections::BTreeSet<String> {
    let requests = sandbox.at("mcp").into_iter();
    requests.filter_map(|request| request.header("authorization").map(str::to_owned)).collect()
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
    let (status, stderr) = client.close();
    assert!(status.success(), "{stderr}");
    assert!(stderr.contains("as work"), "{stderr}");
    assert_eq!(bearers(&sandbox).len(), 1);
    assert_eq!(home.opened().len(), 1, "only the sign-in opened a browser");
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
