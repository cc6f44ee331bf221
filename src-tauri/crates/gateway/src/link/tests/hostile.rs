//! Servers and clients that mean harm: bounds hold, and each request gets exactly one answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use crate::http::HttpFailure;
use crate::limits::Limits;
use crate::link::Ended;
use crate::testing::{
    Answer, INITIALIZE, Seen, Setting, answer, body, empty, events, json, sessions, start, with,
};

fn small() -> Limits {
    Limits { message: 1 << 20, gathered: 1 << 14, ..Limits::default() }
}

fn call(id: u32) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{}}}}"#)
}

#[tokio::test]
async fn a_large_answer_passes_piece_by_piece() {
    for as_events in [false, true] {
        let mut scene = Setting { limits: small(), ..Setting::default() }.start(move |seen| {
            sessions(seen).unwrap_or_else(|| {
                let text =
                    format!("{{\"result\":[\n\"{}\"],\"id\":{}}}", "x".repeat(900_000), seen.json()["id"]);
                let text =
                    if as_events { format!("data: {}\n\n", text.replace('\n', "\ndata: ")) } else { text };
                let chunks =
                    text.as_bytes().chunks(5000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
                answer(200, if as_events { "text/event-stream" } else { "application/json" }, body(chunks))
            })
        });
        scene.initialize().await;
        let answer = scene.ask(&call(1)).await;
        assert_eq!(answer["result"][0].as_str().unwrap().len(), 900_000);
        assert_eq!(scene.ask(&call(2)).await["id"], 2);
        assert_eq!(scene.leave().await.0, "");
    }
}

#[tokio::test]
async fn an_answer_beyond_the_bound_ends_in_an_error() {
    for method in ["tools/call", "tools/list"] {
        let mut scene = Setting { limits: small(), ..Setting::default() }.start(|seen| {
            sessions(seen).unwrap_or_else(|| {
                let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 10_000])));
                let begin = stream::iter([Ok(Bytes::from_static(b"{\"id\":1,\"result\":\""))]);
                answer(200, "application/json", begin.chain(endless).boxed())
            })
        });
        scene.initialize().await;
        scene.say(&call(1).replace("tools/call", method)).await;
        let torn = scene.line().await;
        assert!(torn.len() <= 1 << 20 && torn.starts_with("{\"id\":1"), "{}", torn.len());
        let answer = scene.hears().await;
        assert_eq!(answer["id"], 1);
        assert_eq!(answer["error"]["data"]["code"], "answer_too_large");
        assert_eq!(scene.leave().await.0, "");
    }
}

#[tokio::test]
async fn a_line_without_end_ends_in_an_error() {
    for field in ["id: ", "event: ", "data: "] {
        let mut scene = Setting { limits: small(), ..Setting::default() }.start(move |seen| {
            sessions(seen).unwrap_or_else(|| {
                let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 10_000])));
                let begin = stream::iter([Ok(Bytes::from_static(field.as_bytes()))]);
                answer(200, "text/event-stream", begin.chain(endless).boxed())
            })
        });
        scene.initialize().await;
        scene.say(&call(1)).await;
        if field == "data: " {
            scene.line().await;
        }
        assert_eq!(scene.hears().await["error"]["data"]["code"], "answer_too_large", "{field}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_nothing_of_the_token_comes_back() {
    let mut scene = start(|_| with(empty(307), "location", "https://evil.example/"));
    let answer = scene.ask(&call(1)).await;
    assert_eq!(answer["error"]["data"]["code"], "odd_answer");
    assert!(!answer.to_string().contains("token-1"));
    assert_eq!(scene.seen().len(), 1);
}

#[tokio::test]
async fn another_origin_gets_no_messages() {
    let mut scene = start(|seen| match seen.what().as_str() {
        "GET" => events("event: endpoint\ndata: https://evil.example/messages\n\n"),
        _ => empty(405),
    });
    let answer = scene.ask(INITIALIZE).await;
    assert!(answer["error"].is_object(), "{answer}");
    assert!(scene.seen().iter().all(|seen| seen.uri == "https://mcp.example/mcp"), "{:?}", scene.seen());
}

/// What can come instead of an answer.
fn misdeed(kind: usize, seen: &Seen) -> Answer {
    let id = seen.json()["id"].clone();
    match kind {
        0 => seen.result("1"),
        1 => events(&format!("data: {{\"id\":{id},\"result\":1}}\n\ndata: {{\"id\":{id},\"result\":2}}\n\n")),
        2 => events(""),
        3 => events("data: {\"id\":999,\"result\":1}\n\n"),
        4 => json(200, ""),
        5 => json(200, "<html>"),
        6 => json(200, &format!("[{{\"id\":{id},\"result\":1}},{{\"id\":{id},\"error\":{{\"code\":1}}}}]")),
        7 => empty(202),
        8 => empty(500),
        9 => empty(302),
        10 => Err(HttpFailure::Lost),
        11 => Err(HttpFailure::TooLarge),
        12 => Err(HttpFailure::AddressRefused),
        13 => json(400, "{\"error\":{\"code\":7,\"message\":\"no\"},\"id\":null}"),
        14 => json(200, "{\"error\":{\"code\":7,\"message\":\"no\"},\"id\":null}"),
        15 => events("data: {not json\n\ndata: []\n\ndata: 5\n\n"),
        16 => answer(
            200,
            "text/event-stream",
            body(vec![Ok(Bytes::from("data: {\"id\"")), Err(HttpFailure::Lost)]),
        ),
        17 => events(&format!("data: {{\"id\":{id},\"result\":1}}")),
        18 => json(404, "{\"error\":{\"code\":-32601,\"message\":\"no\"},\"id\":1}"),
        _ => events(&format!("data: {{\"id\":{id},\"id\":{id},\"result\":1}}\n\n")),
    }
}

#[tokio::test(start_paused = true)]
async fn every_request_gets_exactly_one_answer() {
    const METHODS: [&str; 4] = ["tools/call", "tools/list", "ping", "custom/thing"];
    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    let mut limits = small();
    limits.in_flight = 7;
    let mut scene = Setting { limits, ..Setting::default() }.start(|seen| {
        let n = seen.json()["id"].as_u64().unwrap_or(0);
        match sessions(seen) {
            Some(answer) => answer,
            None if seen.json()["id"].is_u64() => misdeed((n % 20) as usize, seen),
            None => empty(405),
        }
    });
    scene.initialize().await;
    for n in 0..160_u32 {
        let method = METHODS[(n / 20) as usize % METHODS.len()];
        let meta = if n >= 80 { META } else { "" };
        scene
            .say(&format!(r#"{{"jsonrpc":"2.0","id":{},"method":"{method}","params":{{{meta}}}}}"#, 1000 + n))
            .await;
    }
    let (heard, ended) = scene.leave().await;
    assert_eq!(ended, Ended::ClientWent);
    let mut answers = BTreeMap::new();
    for line in heard.lines() {
        let message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(message.get("method").is_none(), "{line}");
        *answers.entry(message["id"].as_u64().unwrap_or(0)).or_insert(0) += 1;
    }
    let wanted: BTreeMap<u64, i32> = (1000..1160).map(|id| (id, 1)).collect();
    assert_eq!(answers, wanted);
}

#[tokio::test]
async fn a_client_that_is_wrong_is_told_so() {
    let limits = Limits { message: 1000, ..Limits::default() };
    let mut scene = Setting { limits, ..Setting::default() }.start(|seen| seen.result("1"));
    assert_eq!(scene.ask("{nonsense").await["error"]["code"], -32700);
    assert_eq!(scene.ask("[1]").await["error"]["code"], -32700);
    scene.say(&"x".repeat(200_000)).await;
    assert_eq!(scene.hears().await["error"]["data"]["code"], "line_too_long");
    scene.say(&format!("[{},{}]", call(1), call(1))).await;
    let both = [scene.hears().await, scene.hears().await];
    assert!(both.iter().any(|answer| answer["error"]["data"]["code"] == "bad_message"), "{both:?}");
    assert!(both.iter().any(|answer| answer["result"] == 1), "{both:?}");
}

#[tokio::test]
async fn requests_beyond_the_bound_wait_and_then_are_refused() {
    let limits = Limits { in_flight: 2, waiting: 3, ..Limits::default() };
    let (feeds, mut keep) = tokio::sync::mpsc::unbounded_channel();
    let mut scene = Setting { limits, ..Setting::default() }.start(move |_| {
        let (answer, feed) = crate::testing::open();
        feeds.send(feed).unwrap();
        answer
    });
    for id in 0..6 {
        scene.say(&call(id)).await;
    }
    let answer = scene.hears().await;
    assert_eq!((answer["id"].as_u64(), answer["error"]["data"]["code"].as_str()), (Some(5), Some("busy")));
    scene.until(|seen| seen.len() == 2).await;
    let first = keep.recv().await.unwrap();
    first.event(r#"{"id":0,"result":0}"#);
    drop(first);
    assert_eq!(scene.hears().await["id"], 0);
    scene.until(|seen| seen.len() == 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_stands_still_stops_nobody_for_ever() {
    let (feeds, mut keep) = tokio::sync::mpsc::unbounded_channel();
    let mut scene = Setting { limits: small(), ..Setting::default() }.start(move |seen| {
        sessions(seen).unwrap_or_else(|| match seen.what().as_str() {
            "ping" => seen.result("{}"),
            _ => {
                let (answer, feed) = crate::testing::open();
                feed.raw(&format!(
                    "data: {{\"id\":{},\"result\":\"{}",
                    seen.json()["id"],
                    "x".repeat(1 << 15)
                ));
                feeds.send(feed).unwrap();
                answer
            }
        })
    });
    scene.initialize().await;
    // Half of it is at the client, who says something wrong and asks something else meanwhile.
    for (id, goes_on) in [(1, true), (3, false)] {
        scene.say(&call(id)).await;
        let feed = keep.recv().await.unwrap();
        scene.say("nonsense").await;
        scene.say(&format!(r#"{{"jsonrpc":"2.0","id":{},"method":"ping"}}"#, id + 1)).await;
        scene.until(|seen| seen.last().unwrap().what() == "ping").await;
        let mut answers = Vec::new();
        if goes_on {
            feed.raw("\"}\n\n");
            answers.push(scene.hears().await["id"].clone());
        } else {
            let torn = scene.line().await;
            assert!(torn.starts_with("{\"id\":3,\"result\":\"xx") && !torn.ends_with('}'));
            answers.push(scene.hears().await["id"].clone());
        }
        answers.extend([scene.hears().await["id"].clone(), scene.hears().await["id"].clone()]);
        answers.sort_by_key(|id| id.as_u64());
        assert_eq!(answers, [Value::Null, id.into(), (id + 1).into()]);
    }
}
