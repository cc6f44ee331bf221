//! The bearer: refused, too small, missing.

use std::time::Duration;

use crate::http::HttpFailure;
use crate::testing::{Setting, Tokens, empty, sessions, start, with};

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const CALL: &str =
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":"p"}}}"#;

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let mut scene = start(|seen| {
        if seen.what() == "tools/list" && seen.header("authorization") == "Bearer token-1" {
            return empty(401);
        }
        sessions(seen).unwrap_or_else(|| seen.result("{}"))
    });
    scene.initialize().await;
    assert_eq!(scene.ask(LIST).await["result"], serde_json::json!({}));
    assert_eq!(*scene.tokens.refused.lock().unwrap(), [1]);
    let lists: Vec<_> = scene.seen().into_iter().filter(|seen| seen.what() == "tools/list").collect();
    assert_eq!(lists.len(), 2);
    assert_eq!(lists[0].body, lists[1].body);
    assert_eq!(lists[1].header("authorization"), "Bearer token-2");
}

#[tokio::test]
async fn a_server_that_refuses_fresh_tokens_is_asked_twice() {
    let mut scene = start(|_| empty(401));
    let answer = scene.ask(&LIST.replace("tools/list", "ping")).await;
    assert_eq!(answer["id"], 1);
    assert_eq!(answer["error"]["data"]["code"], "server_unauthorized");
    assert_eq!(scene.seen().len(), 2);
    assert!(!answer.to_string().contains("token-"), "{answer}");
    assert_eq!(scene.leave().await.0, "");
}

#[tokio::test(start_paused = true)]
async fn more_scopes_are_fetched_while_the_client_hears_of_it() {
    let setting = Setting {
        tokens: Tokens { step_takes: Duration::from_secs(12), ..Tokens::default() },
        ..Setting::default()
    };
    let mut scene = setting.start(|seen| {
        if seen.what() == "tools/call" && seen.header("authorization") != "Bearer token-2" {
            let challenge = r#"Bearer error="insufficient_scope", scope="write""#;
            return with(empty(403), "www-authenticate", challenge);
        }
        sessions(seen).unwrap_or_else(|| seen.result("7"))
    });
    scene.initialize().await;
    scene.say(CALL).await;
    let mut last = 0.0;
    for _ in 0..2 {
        let progress = scene.hears().await;
        assert_eq!(progress["method"], "notifications/progress");
        assert_eq!(progress["params"]["progressToken"], "p");
        let now = progress["params"]["progress"].as_f64().unwrap();
        assert!(now > last && now < 1.0);
        last = now;
    }
    assert_eq!(scene.hears().await["result"], 7);
    let steps = scene.tokens.steps.lock().unwrap().clone();
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].scope.as_ref().unwrap().to_string(), "write");
}

#[tokio::test]
async fn endless_demands_for_scopes_end() {
    let mut scene =
        start(|_| with(empty(403), "www-authenticate", r#"Bearer error="insufficient_scope", scope="x""#));
    let answer = scene.ask(LIST).await;
    assert_eq!(answer["error"]["data"]["code"], "server_forbids");
    assert_eq!(scene.tokens.steps.lock().unwrap().len(), 3);
    assert_eq!(scene.seen().len(), 4);
}

#[tokio::test]
async fn another_403_is_passed_on_as_an_error() {
    let mut scene = start(|seen| match seen.what().as_str() {
        "tools/list" => with(empty(403), "www-authenticate", r#"Bearer error="access_denied""#),
        _ => seen.error(403, 5, "null"),
    });
    let answer = scene.ask(LIST).await;
    assert_eq!(answer["error"]["data"]["code"], "server_forbids");
    assert!(answer["error"]["message"].as_str().unwrap().contains("403"));
    assert_eq!(scene.ask(CALL).await["error"]["code"], 5);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_is_waited_for() {
    for signs_in in [true, false] {
        let tokens = Tokens { signed_out: true.into(), signs_in, ..Tokens::default() };
        let mut scene = Setting { tokens, ..Setting::default() }
            .start(|seen| sessions(seen).unwrap_or_else(|| seen.result("1")));
        let begun = tokio::time::Instant::now();
        let answer = scene.ask(LIST).await;
        if signs_in {
            assert_eq!(answer["result"], 1);
        } else {
            assert_eq!(answer["error"]["data"]["code"], "needs_sign_in");
            assert_eq!(answer["error"]["data"]["next"], "Sign in.");
            assert_eq!(begun.elapsed().as_secs(), 50);
            assert!(scene.seen().is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_did_not_go_out_is_sent_again() {
    use mcp_login_oauth::http::NotSent;
    let mut scene = start(|seen| match seen.n {
        0..2 => Err(HttpFailure::NotSent(NotSent::Connect)),
        2 => seen.result("1"),
        _ => Err(HttpFailure::NotSent(NotSent::Connect)),
    });
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#;
    assert_eq!(scene.ask(call).await["result"], 1);
    let answer = scene.ask(call).await;
    assert_eq!(answer["error"]["data"]["code"], "offline");
    assert_eq!(scene.seen().len(), 3 + 5);
}
