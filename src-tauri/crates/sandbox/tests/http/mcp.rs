//! The MCP server, both forms.

use crate::client::{Talk, auto};
use serde_json::{Value, json};

fn call(name: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": name, "arguments": arguments}})
}

fn modern(mut body: Value, version: &str) -> Value {
    body["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    body
}

async fn session(t: &Talk, token: &Value) -> String {
    let answer = t.initialize(token).await;
    assert_eq!(answer.json()["result"]["protocolVersion"], "2025-11-25");
    answer.header("mcp-session-id")
}

#[tokio::test]
async fn with_a_session() {
    let t = auto(&[]).await;
    let (_, tokens) = t.sign_in(&[]).await;
    let token = tokens["access_token"].as_str();
    let id = session(&t, &tokens["access_token"]).await;
    let headers = [("mcp-session-id", id.as_str()), ("mcp-protocol-version", "2025-11-25")];
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let answer = t.rpc_with(token, &notification, &headers).await;
    assert_eq!((answer.status, answer.body.len()), (202, 0));
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    let tools = t.rpc_with(token, &list, &headers).await.json();
    assert_eq!(tools["result"]["tools"].as_array().unwrap().len(), 6);
    let answer = t.rpc_with(token, &call("add", &json!({"a": 2, "b": 3})), &headers).await;
    assert_eq!(answer.json()["result"]["content"][0]["text"], "5");
    let answer = t.rpc_with(token, &call("whoami", &json!({})), &headers).await;
    assert!(answer.text().contains("alice@sandbox.example"));
    let answer = t.rpc_with(token, &call("echo", &json!({})), &headers).await;
    assert_eq!(answer.json()["result"]["isError"], true);
    let answer = t.rpc_with(token, &call("write_note", &json!({"text": "x"})), &headers).await;
    assert_eq!(answer.status, 403);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"mcp:write\""));
    assert_eq!(t.rpc_with(token, &list, &[]).await.status, 400);
    assert_eq!(t.rpc_with(token, &list, &[("mcp-session-id", "no")]).await.status, 404);
    assert_eq!(t.rpc_with(token, &json!([list]), &headers).await.json()["error"]["code"], -32600);
    let get = t.send(t.http.get(t.at("/mcp")).bearer_auth(token.unwrap())).await.unwrap();
    assert_eq!(get.status, 405);
    let end = || t.http.delete(t.at("/mcp")).bearer_auth(token.unwrap()).header("mcp-session-id", &id);
    assert_eq!(t.send(end()).await.unwrap().status, 204);
    assert_eq!(t.send(end()).await.unwrap().status, 404);
}

#[tokio::test]
async fn without_a_session() {
    let t = auto(&[]).await;
    let (_, tokens) = t.sign_in(&[]).await;
    let token = tokens["access_token"].as_str();
    let v = "2026-07-28";
    let discover = modern(json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {}}), v);
    let answer = t
        .rpc_with(token, &discover, &[("mcp-protocol-version", v), ("mcp-method", "server/discover")])
        .await
        .json();
    assert_eq!(answer["result"]["supportedVersions"][0], v);
    assert_eq!(answer["result"]["resultType"], "complete");
    let echo = modern(call("echo", &json!({"text": "hi"})), v);
    let good = [("mcp-protocol-version", v), ("mcp-method", "tools/call"), ("mcp-name", "echo")];
    let answer = t.rpc_with(token, &echo, &good).await;
    assert_eq!(answer.json()["result"]["content"][0]["text"], "hi");
    let coded = [good[0], good[1], ("mcp-name", "=?base64?ZWNobw==?=")];
    assert_eq!(t.rpc_with(token, &echo, &coded).await.status, 200);
    for (headers, code) in [
        (vec![good[0], good[1]], -32020),
        (vec![good[0], good[2]], -32020),
        (vec![good[1], good[2]], -32020),
        (vec![("mcp-protocol-version", "2025-11-25"), good[1], good[2]], -32020),
    ] {
        let answer = t.rpc_with(token, &echo, &headers).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_i64()),
            (400, Some(code)),
            "{headers:?}"
        );
    }
    let future = modern(call("echo", &json!({"text": "hi"})), "2099-01-01");
    let headers = [("mcp-protocol-version", "2099-01-01"), good[1], good[2]];
    let answer = t.rpc_with(token, &future, &headers).await.json();
    assert_eq!(answer["error"]["code"], -32022);
    assert_eq!(answer["error"]["data"]["requested"], "2099-01-01");
    let ping = modern(json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}}), v);
    let answer = t.rpc_with(token, &ping, &[good[0], ("mcp-method", "ping")]).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (404, Some(-32601)));
}

#[tokio::test]
async fn an_older_server_gives_no_newer_error() {
    let t = auto(&["--protocol", "session"]).await;
    let (_, tokens) = t.sign_in(&[]).await;
    let v = "2026-07-28";
    let discover = modern(json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {}}), v);
    let headers = [("mcp-protocol-version", v), ("mcp-method", "server/discover")];
    let answer = t.rpc_with(tokens["access_token"].as_str(), &discover, &headers).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (400, Some(-32600)));
}

#[tokio::test]
async fn answers_can_be_event_streams() {
    let t = auto(&["--answers", "sse"]).await;
    let (_, tokens) = t.sign_in(&[]).await;
    let answer = t.initialize(&tokens["access_token"]).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert!(answer.text().starts_with("event: message\ndata: {"));
    assert!(answer.text().ends_with("\n\n"));
}

#[tokio::test]
async fn protection_can_be_by_method_or_by_tool() {
    let first = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}});
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    for (mode, list_status, echo_status) in [("methods", 401, 401), ("tools", 200, 200)] {
        let t = auto(&["--protect", mode]).await;
        let answer = t.rpc_with(None, &first, &[]).await;
        assert_eq!(answer.status, 200, "{mode}");
        let id = answer.header("mcp-session-id");
        let headers = [("mcp-session-id", id.as_str())];
        assert_eq!(t.rpc_with(None, &list, &headers).await.status, list_status, "{mode}");
        let echo = call("echo", &json!({"text": "x"}));
        assert_eq!(t.rpc_with(None, &echo, &headers).await.status, echo_status, "{mode}");
        let answer = t.rpc_with(None, &call("whoami", &json!({})), &headers).await;
        assert_eq!(answer.status, 401, "{mode}");
        assert!(answer.header("www-authenticate").contains("resource_metadata="));
    }
}

#[tokio::test]
async fn the_door_tells_refusals_apart() {
    let t = auto(&[]).await;
    let (_, tokens) = t.sign_in(&[]).await;
    let challenge = t.rpc_with(None, &json!({}), &[]).await;
    assert_eq!(challenge.status, 401);
    let expected = format!(
        "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\", scope=\"mcp:read\"",
        t.origin
    );
    assert_eq!(challenge.header("www-authenticate"), expected);
    let answer = t.get(&format!("/mcp?access_token={}", tokens["access_token"].as_str().unwrap())).await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_request")));
    assert_eq!(t.initialize(&json!("made-up")).await.status, 401);
    assert_eq!(t.initialize(&tokens["refresh_token"]).await.status, 401);
    let why: Vec<_> = t.log("endpoint=mcp").await.iter().map(|e| e["refused"].clone()).collect();
    assert_eq!(why, ["no_token", "token_in_query", "unknown", "unknown"]);
}
