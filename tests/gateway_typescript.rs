//! The gateway at servers of the official TypeScript SDK: with sessions, over HTTP+SSE, and without sessions.

#[path = "../src-tauri/crates/gateway/tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::process::Command;

use common::{Lines, Tokens, link, upstream};
use mcp_login_tests::child::Running;
use mcp_login_tests::npm;
use serde_json::{Value, json};

/// Starts a server of that kind; its address. Only the second token is good there.
fn server(kind: &str, port: &str) -> (Running, String) {
    let place = npm::install("mcp-servers");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("mcp-servers");
    npm::copy(&source, &place, "server.mjs");
    let mut node = Command::new("node");
    node.current_dir(&place).args(["server.mjs", kind, port]);
    let running = Running::start("node server.mjs", &mut node);
    let url = running.line_with(|line| line.starts_with("http").then(|| line.to_owned()));
    (running, url)
}

fn call(id: u32, tool: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {"name": tool, "arguments": {"text": " grüße "}}})
    .to_string()
}

fn client(url: &str) -> Lines {
    Lines::new(link(upstream(url, Tokens::new("token"))).0)
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"))
}

/// `initialize` of a client that can be asked.
async fn opened(url: &str) -> (Lines, Value) {
    let mut lines = client(url);
    let hello = lines
        .ask(r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"test","version":"1"}}}"#)
        .await;
    lines.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    (lines, hello)
}

/// Calls `ask`, and answers the server's question.
async fn is_asked(lines: &mut Lines, id: u32) {
    let question = lines.ask(&call(id, "ask")).await;
    assert_eq!(question["method"], "elicitation/create", "{question}");
    assert_eq!(question["params"]["message"], "who?");
    let answer = json!({"jsonrpc": "2.0", "id": question["id"],
        "result": {"action": "accept", "content": {"name": "ada"}}});
    let done = lines.ask(&answer.to_string()).await;
    assert_eq!((done["id"].as_u64(), text(&done)), (Some(id.into()), "ada"));
}

// Two threads: the test waits for the server's word while the link says goodbye.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_sessions() {
    let (running, url) = server("streamable", "0");
    let (mut lines, hello) = opened(&url).await;
    assert_eq!(hello["result"]["serverInfo"]["name"], "typescript");
    assert_eq!(text(&lines.ask(&call(1, "echo")).await), " grüße ");
    is_asked(&mut lines, 2).await;
    // The server closes the stream in the middle; the rest is fetched.
    lines.say(&call(3, "broken")).await;
    for data in ["before", "after"] {
        assert_eq!(lines.hears().await["params"]["data"], data);
    }
    assert_eq!(text(&lines.hears().await), "whole");
    // What the server says by itself comes on the stream of its own.
    lines.say(&call(4, "change")).await;
    let mut heard = [lines.hears().await, lines.hears().await];
    heard.sort_by_key(|message| message.get("id").is_some());
    assert_eq!(heard[0]["method"], "notifications/tools/list_changed", "{heard:?}");
    assert_eq!(text(&heard[1]), "changed");
    lines.leave().await;
    running.line_with(|line| line.starts_with("closed ").then_some(()));
}

#[tokio::test]
async fn a_server_that_is_started_again() {
    let (running, url) = server("streamable", "0");
    let (mut lines, _) = opened(&url).await;
    assert_eq!(text(&lines.ask(&call(1, "echo")).await), " grüße ");
    drop(running);
    let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()).expect("a port").to_owned();
    // Whether the link has seen the connection end before the next request is the network's to decide; a call that was
    // perhaps carried out is not repeated, so the second one is the one that must work.
    let (_running, _) = server("streamable", &port);
    let first = lines.ask(&call(2, "echo")).await;
    if first.get("error").is_some() {
        assert_eq!(first["error"]["data"]["code"], "outcome_unknown", "{first}");
    }
    assert_eq!(text(&lines.ask(&call(3, "echo")).await), " grüße ");
    is_asked(&mut lines, 4).await;
}

#[tokio::test]
async fn over_http_sse() {
    let (_running, url) = server("http-sse", "0");
    let (mut lines, hello) = opened(&url).await;
    assert_eq!(hello["result"]["serverInfo"]["name"], "typescript");
    assert_eq!(text(&lines.ask(&call(1, "echo")).await), " grüße ");
    is_asked(&mut lines, 2).await;
}

#[tokio::test]
async fn without_sessions_for_a_client_with() {
    let (_running, url) = server("stateless", "0");
    let (mut lines, hello) = opened(&url).await;
    assert_eq!(hello["result"]["protocolVersion"], "2025-11-25", "{hello}");
    assert_eq!(text(&lines.ask(&call(1, "echo")).await), " grüße ");
    is_asked(&mut lines, 2).await;
}

#[tokio::test]
async fn with_sessions_for_a_client_without() {
    for kind in ["streamable", "http-sse"] {
        let (_running, url) = server(kind, "0");
        let mut lines = client(&url);
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}});
        let ask = |id: u32, method: &str, mut params: Value| {
            params["_meta"] = meta.clone();
            json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
        };
        let found = lines.ask(&ask(1, "server/discover", json!({}))).await;
        assert_eq!(found["result"]["supportedVersions"], json!(["2026-07-28"]), "{kind}: {found}");
        let asked = lines.ask(&ask(2, "tools/call", json!({"name": "ask"}))).await;
        assert_eq!(asked["result"]["resultType"], "input_required", "{kind}: {asked}");
        let back = json!({"name": "ask", "requestState": asked["result"]["requestState"],
            "inputResponses": {"asked": {"action": "accept", "content": {"name": "ada"}}}});
        let done = lines.ask(&ask(3, "tools/call", back)).await;
        assert_eq!(text(&done), "ada", "{kind}");
        assert_eq!(done["result"]["resultType"], "complete");
    }
}
