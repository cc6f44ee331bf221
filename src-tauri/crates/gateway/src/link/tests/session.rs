//! Sessions: kept, lost, resumed, ended; what the server says by itself; what is cancelled.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::json;

use crate::http::HttpFailure;
use crate::link::{Ended, Opening, Resume};
use crate::testing::{Feed, INITIALIZE, Setting, answer, body, empty, events, json, open, sessions, start};

fn call(id: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t","x":1.50}},"unknown":[ ]}}"#
    )
}

fn list(id: u32) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#)
}

#[tokio::test]
async fn messages_pass_as_they_are() {
    let mut scene = start(|seen| {
        sessions(seen).unwrap_or_else(|| match seen.json()["id"].as_u64() {
            Some(1) => json(200, "{\r\n  \"id\": 1,\n  \"result\": {\"big\": 12345678901234567890123, \"f\": 1.50}\n}"),
            _ => events(
                ": hi\n\nevent: message\nid: 1\ndata: {\"method\":\"notifications/progress\",\ndata: \"z\": 1.0}\n\n\
                 event: ping\ndata: {}\n\ndata: {\"result\":{},\"id\":2,\"u\":0.10}\n\n",
            ),
        })
    });
    let hello = scene.initialize().await;
    assert_eq!(hello["result"]["serverInfo"]["name"], "s");
    scene.say(&call(1)).await;
    assert_eq!(
        scene.line().await,
        "{    \"id\": 1,   \"result\": {\"big\": 12345678901234567890123, \"f\": 1.50} }"
    );
    scene.say(&call(2)).await;
    assert_eq!(scene.line().await, "{\"method\":\"notifications/progress\", \"z\": 1.0}");
    assert_eq!(scene.line().await, "{\"result\":{},\"id\":2,\"u\":0.10}");
    let (rest, ended) = scene.leave().await;
    assert_eq!((rest.as_str(), ended), ("", Ended::ClientWent));
    let seen = scene.seen();
    assert_eq!(seen[0].body, INITIALIZE);
    assert_eq!((seen[0].header("mcp-session-id"), seen[0].header("mcp-protocol-version")), ("", ""));
    let calls: Vec<_> = seen.iter().filter(|seen| seen.what() == "tools/call").collect();
    assert_eq!(calls[0].body, call(1));
    for one in seen.iter().skip(1) {
        assert_eq!(one.header("mcp-session-id"), "session-0", "{one:?}");
        assert_eq!(one.header("mcp-protocol-version"), "2025-11-25");
        assert_eq!(one.uri, "https://mcp.example/mcp");
    }
    assert_eq!(calls[0].header("accept"), "application/json, text/event-stream");
    assert_eq!(seen.last().unwrap().what(), "DELETE");
}

#[tokio::test]
async fn a_lost_session_is_begun_again_unheard() {
    for (status, body) in
        [(404, ""), (400, r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"?"},"id":null}"#)]
    {
        let mut scene = start(move |seen| {
            if seen.what().starts_with("tools/") && seen.header("mcp-session-id") == "session-0" {
                return json(status, body);
            }
            sessions(seen).unwrap_or_else(|| seen.result("1"))
        });
        scene.initialize().await;
        scene.say(&call(1)).await;
        scene.say(&list(2)).await;
        let mut ids = [scene.hears().await["id"].clone(), scene.hears().await["id"].clone()];
        ids.sort_by_key(|id| id.as_u64());
        assert_eq!(ids, [json!(1), json!(2)]);
        assert_eq!(scene.leave().await.0, "");
        let what = scene.what();
        assert_eq!(what.iter().filter(|what| *what == "initialize").count(), 2, "{what:?}");
        assert_eq!(what.iter().filter(|what| *what == "notifications/initialized").count(), 2, "{what:?}");
        let again = &scene.seen().into_iter().filter(|seen| seen.what() == "initialize").nth(1).unwrap();
        assert_eq!(again.json()["params"]["clientInfo"]["name"], "test");
        assert_ne!(again.json()["id"], 0);
        assert_eq!(again.header("mcp-session-id"), "");
    }
}

#[tokio::test]
async fn a_session_that_is_always_lost_is_an_error() {
    let mut scene = start(|seen| match seen.what().as_str() {
        "tools/call" => empty(404),
        _ => sessions(seen).unwrap(),
    });
    scene.initialize().await;
    let answer = scene.ask(&call(1)).await;
    assert_eq!(answer["error"]["data"]["code"], "odd_answer");
    assert_eq!(scene.what().iter().filter(|what| *what == "tools/call").count(), 2);
}

#[tokio::test]
async fn only_what_is_safe_is_done_twice() {
    for cut in [true, false] {
        let mut scene = start(move |seen| {
            sessions(seen).unwrap_or_else(|| {
                if cut {
                    // The answer begins, and the connection is gone.
                    answer(
                        200,
                        "application/json",
                        body(vec![Ok(Bytes::from("{\"id\":")), Err(HttpFailure::Lost)]),
                    )
                } else {
                    Err(HttpFailure::Lost)
                }
            })
        });
        scene.initialize().await;
        let answer = scene.ask(&call(1)).await;
        assert_eq!(answer["error"]["data"]["code"], "outcome_unknown");
        assert!(answer["error"]["data"]["next"].as_str().unwrap().contains("perhaps"));
        scene.ask(&list(2)).await;
        let what = scene.what();
        assert_eq!(what.iter().filter(|what| *what == "tools/call").count(), 1, "{what:?}");
        assert_eq!(what.iter().filter(|what| *what == "tools/list").count(), 2, "{what:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_taken_up_where_it_broke_off() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let log = times.clone();
    let mut scene = start(move |seen| {
        let last = seen.header("last-event-id").to_owned();
        match (seen.what().as_str(), last.as_str()) {
            ("tools/call", _) => events("id: a\nretry: 3000\ndata:\n\n"),
            ("GET", "a") => {
                log.lock().unwrap().push(tokio::time::Instant::now());
                events("id: b\ndata: {\"method\":\"notifications/message\"}\n\n")
            }
            ("GET", "b") => {
                log.lock().unwrap().push(tokio::time::Instant::now());
                events("data: {\"id\":1,\"result\":5}\n\n")
            }
            _ => sessions(seen).unwrap(),
        }
    });
    scene.initialize().await;
    let begun = tokio::time::Instant::now();
    scene.say(&call(1)).await;
    assert_eq!(scene.hears().await["method"], "notifications/message");
    assert_eq!(scene.hears().await["result"], 5);
    let times: Vec<_> = times.lock().unwrap().iter().map(|time| (*time - begun).as_secs()).collect();
    assert_eq!(times, [3, 6], "`retry` is honoured");
    assert_eq!(scene.what().iter().filter(|what| *what == "tools/call").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_brings_the_answer_is_given_up() {
    let mut scene = start(|seen| match seen.what().as_str() {
        "tools/call" => events("id: a\ndata:\n\n"),
        "GET" if seen.header("last-event-id") == "a" => events(": nothing\n\n"),
        _ => sessions(seen).unwrap(),
    });
    scene.initialize().await;
    assert_eq!(scene.ask(&call(1)).await["error"]["data"]["code"], "outcome_unknown");
    assert_eq!(scene.what().iter().filter(|what| *what == "GET").count(), 1 + 5);
}

/// A server whose GET stream is in the test's hand.
fn listening() -> (crate::testing::Scene, Arc<Mutex<Vec<Feed>>>) {
    let feeds = Arc::new(Mutex::new(Vec::new()));
    let keep = feeds.clone();
    let scene = start(move |seen| match seen.what().as_str() {
        "GET" => {
            let (answer, feed) = open();
            keep.lock().unwrap().push(feed);
            answer
        }
        "tools/call" => {
            let (answer, feed) = open();
            keep.lock().unwrap().push(feed);
            answer
        }
        _ => sessions(seen).unwrap_or_else(|| empty(202)),
    });
    (scene, feeds)
}

#[tokio::test(start_paused = true)]
async fn the_server_speaks_and_asks_by_itself() {
    let (mut scene, feeds) = listening();
    scene.initialize().await;
    scene.until(|seen| seen.iter().any(|seen| seen.what() == "GET")).await;
    let get = scene.seen().into_iter().find(|seen| seen.what() == "GET").unwrap();
    assert_eq!(get.header("accept"), "text/event-stream");
    tokio::task::yield_now().await;
    let feed = feeds.lock().unwrap()[0].clone();
    feed.raw("id: 9\ndata: {\"id\":\"s1\",\"method\":\"roots/list\"}\n\n");
    assert_eq!(scene.hears().await["method"], "roots/list");
    let roots = r#"{"jsonrpc":"2.0","id":"s1","result":{"roots":[]}}"#;
    scene.say(roots).await;
    scene.until(|seen| seen.iter().any(|seen| seen.body == roots)).await;
    // The stream ends, and is opened again where it was.
    feeds.lock().unwrap().clear();
    drop(feed);
    scene.until(|seen| seen.iter().filter(|seen| seen.what() == "GET").count() == 2).await;
    assert_eq!(scene.seen().last().unwrap().header("last-event-id"), "9");
}

#[tokio::test(start_paused = true)]
async fn cancelling_tells_the_server_and_closes_the_stream() {
    let (mut scene, feeds) = listening();
    scene.initialize().await;
    scene.until(|seen| seen.iter().any(|seen| seen.what() == "GET")).await;
    scene.say(&call(1)).await;
    scene.until(|seen| seen.last().unwrap().what() == "tools/call").await;
    tokio::task::yield_now().await;
    let feed = feeds.lock().unwrap().last().unwrap().clone();
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    scene.say(cancel).await;
    feed.closed().await;
    assert!(scene.seen().iter().any(|seen| seen.body == cancel));
    // The id is free again, and there was no answer to it.
    scene.say(&call(1)).await;
    scene.until(|seen| seen.last().unwrap().what() == "tools/call").await;
    tokio::task::yield_now().await;
    feeds.lock().unwrap().last().unwrap().event(r#"{"id":1,"result":"second"}"#);
    assert_eq!(scene.hears().await["result"], "second");
}

#[tokio::test]
async fn a_link_takes_up_one_that_broke() {
    let opening = Opening {
        resume: Some(Resume { initialize: Bytes::from_static(INITIALIZE.as_bytes()), initialized: true }),
    };
    let mut scene = Setting { opening, ..Setting::default() }
        .start(|seen| sessions(seen).unwrap_or_else(|| seen.result("1")));
    assert_eq!(scene.ask(&call(1)).await["id"], 1);
    let what = scene.what();
    assert_eq!(what[..2], ["initialize", "notifications/initialized"]);
    let call = scene.seen().into_iter().find(|seen| seen.what() == "tools/call").unwrap();
    assert_eq!(call.header("mcp-session-id"), "session-0");
}

#[tokio::test]
async fn requests_wait_for_what_opens_the_conversation() {
    let mut scene = start(|seen| sessions(seen).unwrap_or_else(|| seen.result("1")));
    // All at once, as a pipe brings them.
    scene
        .say(&format!(
            "{INITIALIZE}\n{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}}\n{}",
            list(1)
        ))
        .await;
    scene.hears().await;
    assert_eq!(scene.hears().await["id"], 1);
    let what: Vec<_> = scene.what().into_iter().filter(|what| what != "GET").collect();
    assert_eq!(what, ["initialize", "notifications/initialized", "tools/list"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_could_not_be_renewed_is_tried_again() {
    use mcp_login_oauth::http::NotSent;
    // The server restarts: it forgets the session, is away for a while, and comes back.
    let away = Arc::new(Mutex::new(false));
    let is_away = away.clone();
    let mut scene = start(move |seen| {
        if *is_away.lock().unwrap() {
            return Err(HttpFailure::NotSent(NotSent::Connect));
        }
        if seen.what() == "tools/call" && seen.header("mcp-session-id") != "session-now" {
            if seen.header("mcp-session-id") == "session-0" {
                *is_away.lock().unwrap() = true;
            }
            return empty(404);
        }
        match seen.what().as_str() {
            "initialize" if seen.n > 0 => crate::testing::with(
                seen.result(r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{}}"#),
                "mcp-session-id",
                "session-now",
            ),
            _ => sessions(seen).unwrap_or_else(|| seen.result("1")),
        }
    });
    scene.initialize().await;
    scene.until(|seen| seen.iter().any(|seen| seen.what() == "GET")).await;
    assert_eq!(scene.ask(&call(1)).await["error"]["data"]["code"], "offline");
    assert_eq!(scene.ask(&call(2)).await["error"]["data"]["code"], "offline");
    *away.lock().unwrap() = false;
    assert_eq!(scene.ask(&call(3)).await["result"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_link_takes_up_one_that_broke_at_a_server_without_sessions() {
    let opening = Opening {
        resume: Some(Resume { initialize: Bytes::from_static(INITIALIZE.as_bytes()), initialized: true }),
    };
    let mut scene = Setting { opening, ..Setting::default() }.start(|seen| match seen.what().as_str() {
        "server/discover" => seen.result(r#"{"supportedVersions":["2026-07-28"],"capabilities":{}}"#),
        _ if seen.header("mcp-protocol-version") == "2026-07-28" => seen.result("1"),
        _ => seen.error(400, -32_022, r#"{"supported":["2026-07-28"]}"#),
    });
    let answer = scene.ask(&call(1)).await;
    assert_eq!(answer["result"], 1, "{answer} {:?}", scene.what());
}
