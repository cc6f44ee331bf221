//! No loop: whatever a server says, and however often programs ask, the issuer hears from us a bounded number of times. The
//! bounds are in requests; where time comes in, it is as "so many in the time that it took", never as "within".
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use mcp_login_tests::{Home, Sandbox, wait};

/// How long a caller asks without a pause: less than the life of the tokens that need no request in it at all, and enough for
/// several requests of a client that asks too early.
const ASKING: Duration = Duration::from_secs(4);

/// The most requests that a lifetime allows in the time since `start`, when each token serves for `each` at least.
fn most(start: Instant, each: Duration) -> usize {
    let passed = start.elapsed().as_secs_f64() / each.as_secs_f64();
    passed.ceil() as usize
}

fn generation(home: &Home) -> String {
    home.account("work")["generation"].to_string()
}

/// Tokens that live 30, 5 and 1 s, and such that are said to be over when they come. Every caller gets one that works at
/// that moment; none is rotated while it has life in it, and none by the schedule.
#[test]
fn short_lives_make_no_loop() {
    for (lifetime, said, least) in [(30, 30, 27.0), (5, 5, 4.5), (300, 1, 0.9), (300, 0, 1.0)] {
        let expires_in = format!("expires-in=token:{said}");
        let ttl = lifetime.to_string();
        let sandbox = Sandbox::start_with(&["--access-ttl", &ttl, "--fault", &expires_in]);
        let home = Home::new();
        let start = Instant::now();
        home.signed_in(sandbox.mcp(), "work");
        // Long enough for a program that asks all the time to do harm.
        while start.elapsed() < ASKING {
            let token = home.run(&["token", "work"]).ok();
            assert!(!token.text().is_empty());
        }
        let account = home.account("work");
        let bound = most(start, Duration::from_secs_f64(least));
        let asked = sandbox.at("refresh").len();
        assert!(asked <= bound, "{said} s: {asked} requests, {bound} would do");
        assert!(
            account.get("next_rotation_at").is_none_or(serde_json::Value::is_null),
            "a schedule: {account}"
        );
        if said > 0 {
            // The last one handed out is good where it is meant for.
            let last = home.run(&["token", "work"]).ok();
            assert_eq!(sandbox.mcp_answers(last.text()), 200, "{said} s");
        }
    }
}

/// A caller that wants more life than there ever is does not get a request for each call.
#[test]
fn greedy_callers_make_no_loop() {
    let sandbox = Sandbox::start_with(&["--access-ttl", "60"]);
    let home = Home::new();
    let start = Instant::now();
    home.signed_in(sandbox.mcp(), "work");
    for _ in 0..30 {
        home.run(&["token", "work", "--min-ttl", "86400"]).ok();
    }
    let (asked, bound) = (sandbox.at("refresh").len(), most(start, Duration::from_secs(30)));
    assert!(asked <= bound, "{asked} requests, {bound} would do");
}

/// A server that refuses every token: each refusal makes the helper ask for a newer one.
#[test]
fn a_server_that_always_says_401_gets_no_storm() {
    let sandbox = Sandbox::start_with(&["--fault", "endless-401"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut seen = generation(&home);
    let mut refused = None;
    for _ in 0..10 {
        let said = home.run(&["token", "work", "--newer-than", &seen, "--json"]);
        if said.code != 0 {
            refused = Some(said);
            break;
        }
        let newer = said.json();
        assert_eq!(sandbox.mcp_answers(newer["access_token"].as_str().expect("a token")), 401);
        seen = newer["generation"].to_string();
    }
    refused.expect("a fresh token each time: a storm").explains_to_programs(9, "server_refuses");
    assert_eq!(sandbox.at("refresh").len(), 1, "the second fresh token that is refused is the last");

    // From here on nobody is asked, and everybody hears why.
    for _ in 0..10 {
        home.run(&["token", "work", "--newer-than", &seen]).explains(9, "server_refuses");
        home.run(&["token", "work"]).explains(9, "server_refuses");
        home.run(&["headers", "work"]).explains(9, "server_refuses");
    }
    assert_eq!(sandbox.at("refresh").len(), 1);
    let account = home.account("work");
    assert_eq!((&account["state"], &account["code"]), (&"server_refuses".into(), &"server_refuses".into()));
    let shown = home.run(&["list"]).ok().stdout;
    assert!(shown.contains("server refuses") && shown.contains("mcp-login refresh work"), "{shown}");

    // A person's word: one request, and then it is as before.
    home.run(&["refresh", "work"]).ok();
    assert_eq!(sandbox.at("refresh").len(), 2);
    assert_eq!(home.account("work")["state"], "ready");
    for _ in 0..5 {
        let seen = generation(&home);
        home.run(&["token", "work", "--newer-than", &seen]);
    }
    assert_eq!(sandbox.at("refresh").len(), 3);
    home.run(&["token", "work"]).explains(9, "server_refuses");

    // A sign-in clears it too, and when the server has come to reason all is well.
    sandbox.heal("endless-401");
    home.sign_in_again("work");
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    assert_eq!(home.account("work")["state"], "ready");
    assert_eq!(sandbox.at("refresh").len(), 3);
}

/// The same from many programs at once.
#[test]
fn many_helpers_at_once_make_no_storm() {
    let sandbox = Sandbox::start_with(&["--fault", "endless-401"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    for _ in 0..4 {
        let seen = generation(&home);
        let helpers: Vec<_> =
            (0..8).map(|_| home.start(&["token", "work", "--newer-than", &seen, "--json"])).collect();
        for helper in helpers {
            let (status, _, stderr) = helper.finish();
            assert!(matches!(status.code(), Some(0 | 9)), "{stderr}");
        }
    }
    assert_eq!(sandbox.at("refresh").len(), 1);
    assert_eq!(home.account("work")["state"], "server_refuses");
}

/// One early refusal in a long life is nothing: the count starts anew with a token that served.
#[test]
fn a_refusal_that_was_right_is_no_storm() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    sandbox.expire("access");
    // Many programs hold the old one, and all find it refused.
    for _ in 0..10 {
        let newer = home.run(&["token", "work", "--newer-than", "1"]).ok();
        assert_eq!(sandbox.mcp_answers(newer.text()), 200);
    }
    assert_eq!(sandbox.at("refresh").len(), 1);
    assert_eq!(home.account("work")["state"], "ready");
}

/// An outage, nothing valid left, and programs that ask in a loop.
#[test]
fn an_outage_gets_no_storm() {
    let sandbox = Sandbox::start_with(&["--fault", "expires-in=code:1", "--fault", "status=refresh:503"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let start = Instant::now();
    wait::until("the token to be over", || (home.run(&["token", "work"]).code != 0).then_some(()));
    for _ in 0..30 {
        home.run(&["token", "work"]).explains(6, "server_trouble");
    }
    // The shortest wait between two attempts is a second: our own, at the first failure, with its spread.
    let (asked, bound) = (sandbox.at("refresh").len(), most(start, Duration::from_secs(1)) + 1);
    assert!(asked <= bound, "{asked} requests, {bound} would do");
    assert!(asked >= 1);
    sandbox.heal("status");
    home.wait_for_state("work", "ready");
}
