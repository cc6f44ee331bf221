//! Both forms of MCP, the older transport, and the ways between them.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::learnt::Era;
use crate::testing::{Answer, Feed, INITIALIZE, Scene, Seen, empty, open, sessions, start};

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"new","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}"#;

fn modern(id: u32, method: &str, params: &str) -> String {
    let comma = if params.is_empty() { "" } else { "," };
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}{comma}{META}}}}}"#)
}

/// A server without sessions, as the specification wants it.
fn stateless(seen: &Seen) -> Option<Answer> {
    if seen.method != "POST" {
        return Some(empty(405));
    }
    let version = seen.header("mcp-protocol-version");
    let meta = &seen.json()["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
    if version.is_empty() || meta != version || seen.header("mcp-method") != seen.what() {
        return Some(seen.error(400, -32_020, "null"));
    }
    if version != "2026-07-28" {
        return Some(seen.error(400, -32_022, r#"{"supported":["2026-07-28"]}"#));
    }
    match seen.what().as_str() {
        "server/discover" => Some(seen.result(r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}},"instructions":"hi","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"new server","version":"2"}}}"#)),
        _ => None,
    }
}

#[tokio::test]
async fn headers_say_what_the_body_says() {
    let mut scene = start(|seen| stateless(seen).unwrap_or_else(|| seen.result("{}")));
    let ask = modern(1, "tools/call", r#""name":"größe","arguments":{}"#);
    assert!(scene.ask(&ask).await["result"].is_object());
    scene.ask(&modern(2, "resources/read", r#""uri":"file:///a b""#)).await;
    scene.ask(&modern(3, "prompts/list", "")).await;
    let seen = scene.seen();
    assert_eq!(seen[0].body, ask);
    assert_eq!(seen[0].header("mcp-name"), "=?base64?Z3LDtsOfZQ==?=");
    assert_eq!(seen[1].header("mcp-name"), "file:///a b");
    assert!(!seen[2].headers.contains_key("mcp-name"));
    assert!(seen.iter().all(|seen| seen.header("mcp-session-id").is_empty()));
    assert_eq!(scene.leave().await.0, "");
    assert_eq!(scene.seen().len(), 3, "no session, so nothing to delete");
}

const TOOLS: &str = r#"{"tools":[{"name":"sql","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}},{"name":"bad","inputSchema":{"type":"object","properties":{"a":{"type":"number","x-mcp-header":"A"}}}}]}"#;

fn with_tools(seen: &Seen) -> Answer {
    stateless(seen).unwrap_or_else(|| match seen.what().as_str() {
        "tools/list" => seen.result(TOOLS),
        _ if seen.header("mcp-param-region") == "eu" => seen.result("\"done\""),
        _ => seen.error(400, -32_020, "null"),
    })
}

#[tokio::test]
async fn arguments_are_mirrored_once_the_schema_is_known() {
    let call = modern(2, "tools/call", r#""name":"sql","arguments":{"region":"eu"}"#);
    // Told by the list that the client asked for.
    let mut scene = start(with_tools);
    let list = scene.ask(&modern(1, "tools/list", "")).await;
    assert_eq!(list["result"]["tools"].as_array().unwrap().len(), 1, "the wrong tool is left out");
    assert_eq!(scene.ask(&call).await["result"], "done");
    assert_eq!(scene.seen().len(), 2);
    // Told by the refusal.
    let mut scene = start(with_tools);
    assert_eq!(scene.ask(&call).await["result"], "done");
    assert_eq!(scene.what(), ["tools/call", "tools/list", "tools/call"]);
    // A mismatch that the list does not explain.
    let other = modern(3, "tools/call", r#""name":"other","arguments":{}"#);
    assert_eq!(scene.ask(&other).await["error"]["code"], -32_020);
}

#[tokio::test(start_paused = true)]
async fn cancelling_closes_the_stream_and_says_nothing() {
    let feeds: Arc<Mutex<Vec<Feed>>> = Arc::default();
    let keep = feeds.clone();
    let mut scene = start(move |seen| {
        stateless(seen).unwrap_or_else(|| {
            let (answer, feed) = open();
            keep.lock().unwrap().push(feed);
            answer
        })
    });
    scene.say(&modern(1, "tools/call", r#""name":"t""#)).await;
    scene.until(|seen| seen.len() == 1).await;
    scene.say(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#).await;
    let feed = loop {
        if let Some(feed) = feeds.lock().unwrap().first().cloned() {
            break feed;
        }
        tokio::task::yield_now().await;
    };
    feed.closed().await;
    assert_eq!(scene.leave().await.0, "");
    assert_eq!(scene.what(), ["tools/call"]);
}

#[tokio::test]
async fn what_a_stateless_server_wants_to_know_passes_through() {
    let wanted = r#"{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{}}},"requestState":"s"}"#;
    let mut scene = start(move |seen| stateless(seen).unwrap_or_else(|| seen.result(wanted)));
    let answer = scene.ask(&modern(1, "tools/call", r#""name":"t""#)).await;
    assert_eq!(answer["result"], serde_json::from_str::<Value>(wanted).unwrap());
}

// A client with sessions at a server without.

#[tokio::test]
async fn initialize_is_answered_out_of_discover() {
    let mut scene = start(|seen| {
        stateless(seen).unwrap_or_else(|| seen.result(r#"{"resultType":"complete","tools":[]}"#))
    });
    let hello = scene.initialize().await;
    assert_eq!(hello["id"], 0);
    assert_eq!(hello["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(hello["result"]["serverInfo"]["name"], "new server");
    assert_eq!(hello["result"]["instructions"], "hi");
    assert_eq!(hello["result"]["capabilities"]["tools"]["listChanged"], true);
    assert_eq!(scene.ask(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).await["result"], json!({}));
    let level = r#"{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"info"}}"#;
    assert_eq!(scene.ask(level).await["result"], json!({}));
    let list =
        r#"{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{"_meta":{"progressToken":4,"mine":1.0}}}"#;
    assert_eq!(scene.ask(list).await["result"]["tools"], json!([]));
    let seen = scene.seen().into_iter().find(|seen| seen.what() == "tools/list").unwrap();
    let meta = seen.json()["params"]["_meta"].clone();
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "test");
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({"elicitation": {}}));
    assert_eq!(meta["io.modelcontextprotocol/logLevel"], "info");
    assert_eq!((meta["progressToken"].clone(), meta["mine"].clone()), (json!(4), json!(1.0)));
    let other = scene.ask(r#"{"jsonrpc":"2.0","id":5,"method":"tasks/list"}"#).await;
    assert_eq!(other["error"]["code"], -32_601);
    assert!(other["error"]["message"].as_str().unwrap().contains("2026-07-28"));
    assert!(scene.learnt.lacks(Era::Sessions));
    assert!(!scene.what().iter().any(|what| what.starts_with("notifications/")), "{:?}", scene.what());
}

#[tokio::test]
async fn changes_are_subscribed_to_for_a_client_with_sessions() {
    let feeds: Arc<Mutex<Vec<Feed>>> = Arc::default();
    let keep = feeds.clone();
    let mut scene = start(move |seen| {
        stateless(seen).unwrap_or_else(|| {
            let (answer, feed) = open();
            feed.event(r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged"}"#);
            feed.event(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#);
            keep.lock().unwrap().push(feed);
            answer
        })
    });
    scene.initialize().await;
    assert_eq!(scene.hears().await["method"], "notifications/tools/list_changed");
    let listen = scene.seen().into_iter().find(|seen| seen.what() == "subscriptions/listen").unwrap();
    assert_eq!(listen.json()["params"]["notifications"], json!({"toolsListChanged": true}));
    let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"a:b"}}"#;
    let (mut answered, mut changed) = (false, false);
    scene.say(subscribe).await;
    while !(answered && changed) {
        let heard = scene.hears().await;
        answered |= heard["id"] == 1;
        changed |= heard["method"] == "notifications/tools/list_changed";
    }
    let listen = scene.seen().into_iter().rfind(|seen| seen.what() == "subscriptions/listen").unwrap();
    assert_eq!(listen.json()["params"]["notifications"]["resourceSubscriptions"], json!(["a:b"]));
}

#[tokio::test]
async fn what_a_stateless_server_wants_to_know_is_asked() {
    let mut scene = start(|seen| {
        stateless(seen).unwrap_or_else(|| {
            if seen.what() == "subscriptions/listen" {
                return seen.error(404, -32_601, "null");
            }
            match seen.json()["params"]["inputResponses"].get("who") {
                None => seen.result(r#"{"resultType":"input_required","inputRequests":{"who":{"method":"elicitation/create","params":{"message":"who?"}}},"requestState":"blob"}"#),
                Some(who) => {
                    assert_eq!(seen.json()["params"]["requestState"], "blob");
                    assert_eq!(seen.json()["params"]["name"], "greet");
                    seen.result(&json!({"resultType": "complete", "hello": who["content"]["name"]}).to_string())
                }
            }
        })
    });
    scene.initialize().await;
    scene.say(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"greet"}}"#).await;
    let question = scene.hears().await;
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(question["params"]["message"], "who?");
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"name": "ada"}}});
    let done = scene.ask(&answer.to_string()).await;
    assert_eq!((done["id"].clone(), done["result"]["hello"].clone()), (json!(7), json!("ada")));
    let ids: Vec<_> = scene
        .seen()
        .iter()
        .filter(|seen| seen.what() == "tools/call")
        .map(|seen| seen.json()["id"].clone())
        .collect();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
}

// A client without sessions at a server with.

fn old(seen: &Seen) -> Option<Answer> {
    if seen.header("mcp-session-id").is_empty() && seen.what() != "initialize" {
        return Some(crate::testing::json(
            400,
            r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"no session"},"id":null}"#,
        ));
    }
    sessions(seen)
}

#[tokio::test]
async fn discover_is_answered_out_of_initialize() {
    let mut scene = start(|seen| old(seen).unwrap_or_else(|| seen.result(r#"{"tools":[]}"#)));
    let found = scene.ask(&modern(1, "server/discover", "")).await["result"].clone();
    assert_eq!(found["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(found["resultType"], "complete");
    assert_eq!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "s");
    assert_eq!(found["instructions"], "hi");
    let list = scene.ask(&modern(2, "tools/list", r#""cursor":"c""#)).await["result"].clone();
    assert_eq!(list, json!({"tools": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}));
    let call = scene.ask(&modern(3, "tools/call", r#""name":"t""#)).await["result"].clone();
    assert_eq!(call, json!({"tools": [], "resultType": "complete"}));
    assert_eq!(scene.ask(&modern(4, "tasks/list", "")).await["error"]["code"], -32_601);
    let seen = scene.seen();
    let listed =
        seen.iter().find(|seen| seen.what() == "tools/list" && !seen.header("mcp-session-id").is_empty());
    assert_eq!(listed.unwrap().json()["params"], json!({"cursor": "c", "_meta": {}}));
    let hello = seen.iter().find(|seen| seen.what() == "initialize").unwrap().json();
    assert_eq!(hello["params"]["protocolVersion"], "2025-11-25");
    assert_eq!(hello["params"]["clientInfo"]["name"], "new");
    assert_eq!(hello["params"]["capabilities"], json!({"elicitation": {}}));
    assert_eq!(scene.what().iter().filter(|what| *what == "initialize").count(), 1);
    assert!(scene.learnt.lacks(Era::Stateless));
    scene.leave().await;
    assert_eq!(scene.what().last().unwrap(), "DELETE");
}

#[tokio::test]
async fn a_client_of_both_forms_uses_the_older_one() {
    let mut scene = start(|seen| old(seen).unwrap_or_else(|| seen.result("{}")));
    let probe = modern(1, "server/discover", "").replace("\"new\"", "\"claude-code\"");
    assert_eq!(scene.ask(&probe).await["error"]["code"], -32_601);
    assert!(scene.initialize().await["result"].is_object());
    assert!(scene.ask(r#"{"jsonrpc":"2.0","id":2,"method":"anything"}"#).await["result"].is_object());
}

fn conversing() -> (Scene, Arc<Mutex<Vec<Feed>>>) {
    let feeds: Arc<Mutex<Vec<Feed>>> = Arc::default();
    let keep = feeds.clone();
    let scene = start(move |seen| {
        let message = seen.json();
        if message.get("result").is_some() {
            if message["id"] == 77 {
                let name = message["result"]["content"]["name"].clone();
                keep.lock().unwrap()[0].event(&json!({"id": 1, "result": {"hello": name}}).to_string());
            }
            return empty(202);
        }
        old(seen).unwrap_or_else(|| {
            let (answer, feed) = open();
            feed.event(r#"{"jsonrpc":"2.0","id":76,"method":"ping"}"#);
            feed.event(
                r#"{"jsonrpc":"2.0","id":77,"method":"elicitation/create","params":{"message":"who?"}}"#,
            );
            keep.lock().unwrap().push(feed);
            answer
        })
    });
    (scene, feeds)
}

#[tokio::test(start_paused = true)]
async fn a_question_of_the_server_goes_round_by_the_client() {
    let (mut scene, _feeds) = conversing();
    let first = scene.ask(&modern(1, "tools/call", r#""name":"greet""#)).await;
    assert_eq!(first["id"], 1);
    assert_eq!(first["result"]["resultType"], "input_required");
    let asked = &first["result"]["inputRequests"]["asked"];
    assert_eq!(
        (asked["method"].clone(), asked["params"]["message"].clone()),
        (json!("elicitation/create"), json!("who?"))
    );
    let state = first["result"]["requestState"].as_str().unwrap();
    let responses = r#"{"asked":{"action":"accept","content":{"name":"ada"}}}"#;
    let again = modern(
        2,
        "tools/call",
        &format!(r#""name":"greet","requestState":"{state}","inputResponses":{responses}"#),
    );
    let done = scene.ask(&again).await;
    assert_eq!((done["id"].clone(), done["result"]["hello"].clone()), (json!(2), json!("ada")));
    let in_session = |seen: &&Seen| seen.what() == "tools/call" && !seen.header("mcp-session-id").is_empty();
    assert_eq!(scene.seen().iter().filter(in_session).count(), 1, "the server saw one call");
    assert!(scene.seen().iter().any(|seen| seen.json()["id"] == 76 && seen.json()["result"] == json!({})));
    assert_eq!(scene.leave().await.0, "");
}

#[tokio::test]
async fn subscriptions_are_fed_by_what_the_server_says() {
    let feeds: Arc<Mutex<Vec<Feed>>> = Arc::default();
    let keep = feeds.clone();
    let mut scene = start(move |seen| match seen.what().as_str() {
        "GET" => {
            let (answer, feed) = open();
            keep.lock().unwrap().push(feed);
            answer
        }
        _ => old(seen).unwrap_or_else(|| seen.result("{}")),
    });
    let listen = modern(
        1,
        "subscriptions/listen",
        r#""notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:b"]}"#,
    );
    let acknowledged = scene.ask(&listen).await;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
    scene.until(|seen| seen.iter().any(|seen| seen.what() == "GET")).await;
    assert!(scene.seen().iter().any(|seen| seen.what() == "resources/subscribe"));
    let feed = loop {
        if let Some(feed) = feeds.lock().unwrap().first().cloned() {
            break feed;
        }
        tokio::task::yield_now().await;
    };
    feed.event(r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#);
    feed.event(r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x:y"}}"#);
    feed.event(r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b"}}"#);
    let heard = scene.hears().await;
    assert_eq!(heard["params"]["uri"], "a:b");
    assert_eq!(heard["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
}

// HTTP+SSE.

fn http_sse() -> (Scene, Arc<Mutex<Vec<Feed>>>) {
    let feeds: Arc<Mutex<Vec<Feed>>> = Arc::default();
    let keep = feeds.clone();
    let scene = start(move |seen| {
        if seen.method == "GET" {
            let (answer, feed) = open();
            feed.raw("event: endpoint\ndata: /messages?s=1\n\n");
            keep.lock().unwrap().push(feed);
            return answer;
        }
        if !seen.uri.ends_with("/messages?s=1") {
            return empty(405);
        }
        let id = seen.json()["id"].clone();
        let result = match seen.what().as_str() {
            "initialize" => {
                json!({"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {"name": "oldest", "version": "0"}})
            }
            "tools/call" => {
                // The stream dies in the middle.
                keep.lock().unwrap().clear();
                return empty(202);
            }
            _ => json!({"tools": []}),
        };
        if !id.is_null() {
            keep.lock()
                .unwrap()
                .last()
                .unwrap()
                .event(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string());
        }
        empty(202)
    });
    (scene, feeds)
}

#[tokio::test]
async fn the_oldest_transport() {
    let (mut scene, _feeds) = http_sse();
    assert_eq!(scene.initialize().await["result"]["serverInfo"]["name"], "oldest");
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(scene.ask(list).await["result"], json!({"tools": []}));
    let lost = scene.ask(r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{}}"#).await;
    assert_eq!(lost["error"]["data"]["code"], "outcome_unknown");
    // The next request opens the stream again and says hello.
    assert_eq!(scene.ask(&list.replace(":1,", ":3,")).await["id"], 3);
    let what = scene.what();
    assert_eq!(what.iter().filter(|what| *what == "GET").count(), 2, "{what:?}");
    let posts: Vec<_> = scene.seen().into_iter().filter(|seen| seen.method == "POST").collect();
    assert!(posts.iter().skip(1).all(|seen| seen.uri == "https://mcp.example/messages?s=1"));
    assert!(posts.iter().all(|seen| seen.header("authorization") == "Bearer token-1"));
    assert!(scene.learnt.is_http_sse());
}

#[tokio::test]
async fn a_client_without_sessions_at_the_oldest_transport() {
    let (mut scene, _feeds) = http_sse();
    let found = scene.ask(&modern(1, "server/discover", "")).await["result"].clone();
    assert_eq!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "oldest");
    assert_eq!(scene.ask(&modern(2, "tools/list", "")).await["result"]["resultType"], "complete");
}

#[tokio::test]
async fn what_was_learnt_spares_the_next_client_the_detour() {
    let (mut scene, _feeds) = http_sse();
    scene.initialize().await;
    let learnt = scene.learnt.clone();
    let mut next =
        crate::testing::Setting { learnt, ..Default::default() }.start(|seen| match seen.what().as_str() {
            // Meanwhile the server learnt the newer transport.
            "GET" => empty(405),
            _ => sessions(seen).unwrap_or_else(|| seen.result("{}")),
        });
    assert!(next.ask(INITIALIZE).await["result"].is_object());
    assert_eq!(next.what(), ["GET", "initialize"]);
    assert!(!next.learnt.is_http_sse());
}
