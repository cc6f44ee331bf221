//! Servers that mean harm, over real HTTP: nothing leaks, and memory stays bounded. Memory is the whole test's, server and
//! client included, so each of these runs alone.
#![cfg(target_os = "linux")] // the peak of memory is read from /proc
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use common::{Lines, Tokens, link, upstream};
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// One at a time: the peak is the process's.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What arrived: path, `Authorization`, JSON-RPC method or HTTP's.
type Log = Arc<Mutex<Vec<(String, String, String)>>>;

async fn start(answer: impl Fn(&str, &Value) -> Response + Clone + Send + Sync + 'static) -> (String, Log) {
    let log = Log::default();
    let keep = log.clone();
    let router = axum::Router::new().fallback(move |request: Request| {
        let (answer, keep) = (answer.clone(), keep.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let what =
                body.get("method").and_then(Value::as_str).map_or(parts.method.to_string(), str::to_owned);
            let token =
                parts.headers.get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
            keep.lock().unwrap().push((parts.uri.path().to_owned(), token, what.clone()));
            answer(&what, &body)
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, log)
}

fn respond(status: u16, kind: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("content-type", kind.parse().unwrap());
    response
}

fn hello(what: &str, body: &Value) -> Option<Response> {
    let id = &body["id"];
    match what {
        "initialize" => {
            let result = r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#;
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
            Some(respond(200, "application/json", text.into()))
        }
        "GET" | "DELETE" => Some(respond(405, "text/plain", Body::empty())),
        what if what.starts_with("notifications/") => Some(respond(202, "text/plain", Body::empty())),
        _ => None,
    }
}

const PIECE: &[u8] = &[b'x'; 64 * 1024];

/// A gibibyte, then what ends it.
fn gibibyte(begin: &'static str, end: &'static str) -> Body {
    mebibytes(1024, begin, end)
}

fn mebibytes(size: usize, begin: &'static str, end: &'static str) -> Body {
    let begin = stream::iter([Bytes::from_static(begin.as_bytes())]);
    let all = begin.chain(stream::repeat(Bytes::from_static(PIECE)).take(16 * size));
    let all = all.chain(stream::iter([Bytes::from_static(end.as_bytes())]));
    Body::from_stream(all.map(Ok::<_, std::io::Error>))
}

/// Kibibytes: the most that the process held since [`forget_peak`].
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;

/// Opens a conversation, asks once, throws away what comes except its end, and tells by how much memory grew.
async fn grows_by(
    body: impl Fn() -> (&'static str, Body) + Clone + Send + Sync + 'static,
) -> (String, usize, u64) {
    let _alone = ALONE.lock().await;
    let (url, _log) = start(move |what, message| {
        hello(what, message).unwrap_or_else(|| {
            let (kind, body) = body();
            respond(200, kind, body)
        })
    })
    .await;
    let (mut client, _link) = link(upstream(&url, Tokens::new("token")));
    let opening = concat!(
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#,
        "\n",
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        "\n"
    );
    client.write_all(opening.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 64 * 1024];
    let _hello = client.read(&mut buffer).await.unwrap();
    forget_peak();
    let before = peak();
    client.write_all(format!("{CALL}\n").as_bytes()).await.unwrap();
    let mut last = Vec::new();
    let mut read = 0;
    loop {
        let n = client.read(&mut buffer).await.unwrap();
        if n == 0 {
            break;
        }
        read += n;
        last.extend_from_slice(&buffer[..n]);
        let keep = last.len().saturating_sub(4096);
        last.drain(..keep);
        if answers(&last) {
            break;
        }
    }
    let grown = peak() - before;
    (String::from_utf8(last).unwrap(), read, grown)
}

/// Whether the last line answers the call.
fn answers(last: &[u8]) -> bool {
    let line = last.strip_suffix(b"\n").and_then(|lines| lines.rsplit(|byte| *byte == b'\n').next());
    line.and_then(|line| serde_json::from_slice::<Value>(line).ok()).is_some_and(|message| message["id"] == 1)
}

/// Kibibytes. What a link may hold (one piece that is gathered, one of the pipe, one chunk each of client and server), doubled
/// for what allocators keep.
const MAY_GROW: u64 = 16 * 1024;

fn ends_in_too_large(last: &str) {
    let line = last.lines().last().unwrap();
    let answer: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(answer["id"], 1);
    assert_eq!(answer["error"]["data"]["code"], "answer_too_large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gibibyte_of_json() {
    let (last, read, grown) =
        grows_by(|| ("application/json", gibibyte("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"", "\"}")))
            .await;
    ends_in_too_large(&last);
    assert!(read <= (64 << 20) + 4096, "{read} bytes passed");
    assert!(grown < MAY_GROW, "{grown} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_without_end() {
    for field in ["data: ", "id: ", "event: "] {
        let (last, _, grown) = grows_by(move || ("text/event-stream", gibibyte(field, ""))).await;
        ends_in_too_large(&last);
        assert!(grown < MAY_GROW, "{field}: {grown} KiB");
    }
    // A comment is nothing; after a lot of it the answer counts.
    let end = "\ndata: {\"id\":1,\"result\":1}\n\n";
    let (last, _, grown) = grows_by(move || ("text/event-stream", mebibytes(256, ": ", end))).await;
    assert!(last.ends_with("{\"id\":1,\"result\":1}\n"), "{last}");
    assert!(grown < MAY_GROW, "a comment: {grown} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_end() {
    // A million notifications, and never the answer: they pass at the client's pace.
    let event = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n";
    let block = Bytes::from(event.repeat(1000));
    let (last, _, grown) = grows_by(move || {
        let all = stream::repeat(block.clone()).take(1000).map(Ok::<_, std::io::Error>);
        ("text/event-stream", Body::from_stream(all))
    })
    .await;
    let answer: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!(answer["error"]["data"]["code"], "outcome_unknown");
    assert!(grown < MAY_GROW, "{grown} KiB");
}

#[tokio::test]
async fn redirects_and_foreign_addresses_get_no_token() {
    let (trap, trapped) = start(|_, _| respond(200, "application/json", "{}".into())).await;
    let to = trap.clone();
    let (url, log) = start(move |what, _| match what {
        "GET" => respond(200, "text/event-stream", format!("event: endpoint\ndata: {to}\n\n").into()),
        "tools/call" => {
            let mut answer = respond(307, "text/plain", Body::empty());
            answer.headers_mut().insert("location", to.parse().unwrap());
            answer
        }
        _ => respond(405, "text/plain", Body::empty()),
    })
    .await;
    let (client, _link) = link(upstream(&url, Tokens::new("canary")));
    let mut lines = Lines::new(client);
    let hello = lines.initialize().await;
    assert!(hello["error"].is_object(), "{hello}");
    let moved = lines.ask(CALL).await;
    assert_eq!(moved["error"]["data"]["code"], "odd_answer");
    assert!(!format!("{hello}{moved}").contains("canary"));
    assert!(trapped.lock().unwrap().is_empty(), "{:?}", trapped.lock().unwrap());
    assert!(log.lock().unwrap().iter().all(|(_, token, _)| token == "Bearer canary-1"));
}

#[tokio::test]
async fn endless_demands_end() {
    let (url, log) = start(|what, _| {
        let mut answer = respond(403, "text/plain", Body::empty());
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{what}\"");
        answer.headers_mut().insert("www-authenticate", challenge.parse().unwrap());
        answer
    })
    .await;
    let tokens = Tokens::new("token");
    let (client, _link) = link(upstream(&url, tokens.clone()));
    let answer = Lines::new(client).ask(CALL).await;
    assert_eq!(answer["error"]["data"]["code"], "server_forbids");
    assert_eq!(tokens.steps.load(std::sync::atomic::Ordering::SeqCst), 3);
    assert_eq!(log.lock().unwrap().len(), 4);
}
