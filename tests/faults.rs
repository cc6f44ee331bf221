//! When the issuer does not do what it should: the sign-in is kept for as long as it can be, a valid token is handed out
//! all the same, nobody asks more often than is good, and a person hears what is the matter.
#![cfg(target_os = "linux")]

use std::time::{SystemTime, UNIX_EPOCH};

use mcp_login_tests::{Cable, Home, Request, Sandbox, wait};

/// A sandbox behind a cable, and alice signed in there as `work`.
fn behind_a_cable(arguments: &[&str]) -> (Cable, Sandbox, Home) {
    let mut cable = Cable::new();
    let origin = cable.origin();
    let sandbox = Sandbox::start_with(&[&["--origin", &origin], arguments].concat());
    cable.plug_in(sandbox.address());
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    (cable, sandbox, home)
}

fn token(home: &Home, name: &str) -> String {
    home.run(&["token", name]).ok().text().to_owned()
}

/// The hash of the refresh token that a request carried.
fn carried(request: &Request) -> &str {
    request.param("refresh_token").unwrap_or_else(|| panic!("no refresh token: {request:?}"))
}

#[test]
fn offline_keeps_the_sign_in_and_comes_back_by_itself() {
    let (mut cable, sandbox, home) = behind_a_cable(&[]);
    let before = token(&home, "work");
    cable.pull();
    home.run(&["refresh", "work"]).explains(6, "offline");
    let error = home.run(&["refresh", "work", "--json"]).explains_to_programs(6, "offline");
    assert_eq!(error["retryable"], true);
    assert!(error["fact"].as_str().is_some_and(|fact| fact.contains("127.0.0.1")), "which host: {error}");
    let account = home.account("work");
    assert_eq!((&account["state"], &account["code"]), (&"offline".into(), &"offline".into()));
    let shown = home.run(&["list"]).ok().stdout;
    assert!(shown.contains("offline") && shown.contains("tried again by itself"), "{shown}");
    // What is valid is handed out, and nobody waits for the network.
    assert_eq!(token(&home, "work"), before);
    // A caller whose token the server refused hears that there is no other to be had now.
    home.run(&["token", "work", "--newer-than", "1"]).explains(6, "offline");
    assert_eq!(sandbox.at("refresh").len(), 0);

    cable.plug_in(sandbox.address());
    let account = home.wait_for_state("work", "ready");
    assert_eq!(account["generation"], 2);
    assert_eq!(sandbox.at("refresh").len(), 1, "one request brings it back");
    assert_eq!(sandbox.mcp_answers(&token(&home, "work")), 200);
    assert_eq!(sandbox.at("code").len(), 1, "without a new sign-in");
}

/// Nothing valid left and no network: a caller is told so at once.
#[test]
fn offline_with_nothing_left_to_give() {
    let mut cable = Cable::new();
    let sandbox = Sandbox::start_with(&["--origin", &cable.origin(), "--fault", "expires-in=code:1"]);
    cable.plug_in(sandbox.address());
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    cable.pull();
    wait::until("the token to be over", || (home.run(&["token", "work"]).code != 0).then_some(()));
    home.run(&["token", "work"]).explains(6, "offline");
    home.run(&["headers", "work"]).explains(6, "offline");
    home.run(&["token", "work", "--json"]).explains_to_programs(6, "offline");
    cable.plug_in(sandbox.address());
    home.wait_for_state("work", "ready");
    assert_eq!(sandbox.mcp_answers(&token(&home, "work")), 200);
}

/// Another sandbox at the same address: an issuer that was set up anew and knows nobody.
#[test]
fn an_issuer_that_came_back_without_its_memory() {
    let (mut cable, _former, home) = behind_a_cable(&[]);
    let anew = Sandbox::start_with(&["--origin", &cable.origin()]);
    cable.plug_in(anew.address());
    home.run(&["refresh", "work"]).explains(3, "needs_sign_in");
    let account = home.account("work");
    assert_eq!((&account["state"], &account["code"]), (&"needs_sign_in".into(), &"invalid_client".into()));
    home.sign_in_again("work");
    assert_eq!(anew.at("register").len(), 1);
    assert_eq!(anew.mcp_answers(&token(&home, "work")), 200);
    assert_eq!(home.account("work")["id"], account["id"]);
}

#[test]
fn retry_after_is_honoured_whoever_asks() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let before = token(&home, "work");
    sandbox.fault("too-many", "refresh:3600");
    let said = home.run(&["refresh", "work"]).explains(6, "rate_limited");
    assert!(said.stderr.contains("3600 seconds"), "{}", said.stderr);
    for _ in 0..5 {
        home.run(&["refresh", "work", "--json"]).explains_to_programs(6, "rate_limited");
        home.run(&["token", "work", "--newer-than", "1"]).explains(6, "rate_limited");
        assert_eq!(token(&home, "work"), before);
    }
    assert_eq!(sandbox.at("refresh").len(), 1, "the issuer said: not within the hour");
    let account = home.account("work");
    assert_eq!((&account["state"], &account["code"]), (&"offline".into(), &"rate_limited".into()));
}

#[test]
fn after_the_wait_it_goes_on_by_itself() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    sandbox.fault("too-many", "refresh:2,times=1");
    home.run(&["refresh", "work"]).explains(6, "rate_limited");
    assert_eq!(home.wait_for_state("work", "ready")["generation"], 2);
    let asked = sandbox.at("refresh");
    assert_eq!(asked.len(), 2);
    let at = |request: &Request, what: &str| request.rest[what].as_u64().expect("milliseconds");
    assert!(at(&asked[1], "at") >= at(&asked[0], "ended") + 2_000, "before the wait was over: {asked:?}");
}

#[test]
fn a_server_with_trouble_is_waited_for() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let before = token(&home, "work");
    sandbox.fault("status", "refresh:503");
    let said = home.run(&["refresh", "work"]).explains(6, "server_trouble");
    assert!(said.stderr.contains("503"), "{}", said.stderr);
    assert_eq!(home.account("work")["state"], "offline");
    assert_eq!(token(&home, "work"), before);
    sandbox.heal("status");
    home.wait_for_state("work", "ready");
    assert_eq!(sandbox.at("code").len(), 1);
    let tokens: Vec<_> = sandbox.at("refresh").iter().map(|r| carried(r).to_owned()).collect();
    assert!(tokens.windows(2).all(|pair| pair[0] == pair[1]), "503 spends nothing: {tokens:?}");
}

/// The issuer takes one account's refresh and never answers. Its own valid token, the other account there and the account
/// elsewhere do not notice.
#[test]
fn a_hung_issuer_holds_up_nobody_else() {
    let (mut cable, sandbox, home) = behind_a_cable(&[]);
    let other = Sandbox::start();
    home.signed_in(sandbox.mcp(), "personal");
    home.signed_in(other.mcp(), "elsewhere");
    let before = token(&home, "work");
    sandbox.fault("hang", "refresh,times=1");
    let mut hung = home.start(&["refresh", "work"]);
    wait::until("the refresh to hang", || (sandbox.at("refresh").len() == 1).then_some(()));

    assert_eq!(token(&home, "work"), before);
    home.run(&["headers", "work"]).ok();
    for name in ["personal", "elsewhere"] {
        home.run(&["refresh", name]).ok();
        let fresh = token(&home, name);
        let server = if name == "personal" { &sandbox } else { &other };
        assert_eq!(server.mcp_answers(&fresh), 200, "{name}");
        assert_eq!(home.account(name)["generation"], 2);
    }
    home.run(&["status", "personal", "--verify"]).ok();
    assert!(hung.ended().is_none(), "it did not hang: {}", hung.stderr());
    assert_eq!(sandbox.at("refresh").len(), 2, "nobody asked a second time for work");

    // The connection breaks, and the request is repeated: nothing was lost.
    cable.pull();
    cable.plug_in(sandbox.address());
    wait::until("the sign-in to be renewed", || (home.account("work")["generation"] == 2).then_some(()));
    home.wait_for_state("work", "ready");
    assert_eq!(sandbox.mcp_answers(&token(&home, "work")), 200);
    assert_eq!(sandbox.at("code").len(), 2);
}

/// With nothing valid to give, callers wait for a while, together, and are told; the one request goes on.
#[test]
fn a_hung_issuer_and_nothing_left_to_give() {
    let sandbox = Sandbox::start_with(&["--fault", "expires-in=code:1", "--fault", "hang=refresh"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    wait::until("a caller to need a new token", || {
        let caller = home.start(&["token", "work"]);
        wait::within(std::time::Duration::from_millis(300), || {
            (!sandbox.at("refresh").is_empty()).then_some(())
        })
        .map(|()| drop(caller))
    });
    let callers: Vec<_> = (0..4).map(|_| home.start(&["token", "work", "--json"])).collect();
    for caller in callers {
        let (status, lines, stderr) = caller.finish();
        assert_eq!(status.code(), Some(6), "{stderr}");
        assert!(lines.is_empty() && stderr.contains("\"timed_out\""), "{stderr}");
    }
    assert_eq!(sandbox.at("refresh").len(), 1, "one request, whoever waits");
}

/// Answers that are neither tokens nor a refusal: kept, and marked after the third. The mark costs nothing: what is valid
/// is handed out, and when the issuer is well again a word from a person is enough.
#[test]
fn answers_that_make_no_sense() {
    for (fault, argument) in [
        ("html", "refresh:200"),
        ("html", "refresh:403"),
        ("empty-400", "refresh"),
        ("deep-json", "refresh:5000"),
    ] {
        let sandbox = Sandbox::start();
        let home = Home::new();
        home.signed_in(sandbox.mcp(), "work");
        let before = token(&home, "work");
        sandbox.fault(fault, argument);
        home.run(&["refresh", "work"]).explains(6, "token_answer");
        let account = home.account("work");
        assert_eq!((&account["state"], &account["code"]), (&"offline".into(), &"token_answer".into()));
        home.run(&["refresh", "work", "--json"]).explains_to_programs(6, "token_answer");
        home.run(&["refresh", "work"]).explains(3, "needs_sign_in");
        let account = home.account("work");
        assert_eq!((&account["state"], &account["code"]), (&"needs_sign_in".into(), &"token_answer".into()));
        assert_eq!(token(&home, "work"), before, "{fault}: the old token is still good");
        assert_eq!(sandbox.mcp_answers(&before), 200);
        home.run(&["token", "work", "--newer-than", "1"]).explains(3, "needs_sign_in");
        assert_eq!(sandbox.at("refresh").len(), 3, "{fault}: a marked account asks nobody");

        sandbox.heal(fault);
        home.run(&["refresh", "work"]).ok();
        assert_eq!(home.account("work")["state"], "ready");
        assert_eq!(sandbox.mcp_answers(&token(&home, "work")), 200);
        assert_eq!(sandbox.at("code").len(), 1, "{fault}: without a new sign-in");
    }
}

/// The rotation was done and its answer lost. Asked again at once, a server with a grace period gives the new tokens.
#[test]
fn a_lost_answer_with_grace_is_asked_for_again() {
    let sandbox = Sandbox::start_with(&["--grace", "30"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let before = token(&home, "work");
    sandbox.fault("lost-answer", "refresh,times=1");
    home.run(&["refresh", "work"]).ok();
    let asked = sandbox.at("refresh");
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!(carried(&asked[0]), carried(&asked[1]), "the same refresh token");
    assert_eq!(asked[1].rest["grace"], true, "{asked:?}");
    let after = token(&home, "work");
    assert_ne!(after, before);
    assert_eq!(sandbox.mcp_answers(&after), 200);
    // And the refresh token that came with it is good.
    home.run(&["refresh", "work"]).ok();
    assert_ne!(carried(&sandbox.at("refresh")[2]), carried(&asked[0]));
    assert_eq!(home.account("work")["state"], "ready");
}

/// Without one the sign-in is gone, and the account says so, and why.
#[test]
fn a_lost_answer_without_grace_is_said() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    sandbox.fault("lost-answer", "refresh,times=1");
    let said = home.run(&["refresh", "work"]).explains(3, "needs_sign_in");
    assert!(said.stderr.contains("lost"), "the reason is not said: {}", said.stderr);
    assert!(said.stderr.contains("mcp-login login work"), "the next step: {}", said.stderr);
    let asked = sandbox.at("refresh");
    assert_eq!(asked.len(), 2, "asked again once, then the answer is definite: {asked:?}");
    let account = home.account("work");
    assert_eq!((&account["state"], &account["code"]), (&"needs_sign_in".into(), &"outcome_unknown".into()));
    let shown = home.run(&["list"]).ok().stdout;
    assert!(shown.contains("needs sign-in") && shown.contains("mcp-login login work"), "{shown}");
    home.run(&["token", "work", "--newer-than", "1"]).explains(3, "needs_sign_in");
    assert_eq!(sandbox.at("refresh").len(), 2);
    home.sign_in_again("work");
    assert_eq!(sandbox.mcp_answers(&token(&home, "work")), 200);
}

#[test]
fn a_refusal_with_status_200_is_a_refusal() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let before = token(&home, "work");
    sandbox.fault("error-200", "refresh:invalid_grant");
    home.run(&["refresh", "work"]).explains(3, "needs_sign_in");
    let account = home.account("work");
    assert_eq!((&account["state"], &account["code"]), (&"needs_sign_in".into(), &"invalid_grant".into()));
    assert_eq!(token(&home, "work"), before, "nothing was deleted");
    sandbox.heal("error-200");
    home.run(&["refresh", "work"]).ok();
    assert_eq!(home.account("work")["state"], "ready", "a wrong verdict costs nothing");

    // An error that says nothing about the sign-in does not end it, whatever its status.
    for fault in ["error-200", "refuse"] {
        sandbox.fault(fault, "refresh:invalid_scope");
        let said = home.run(&["refresh", "work", "--json"]).exits(9);
        assert_eq!(said.error()["code"], "invalid_scope", "{}", said.stderr);
        assert_eq!(home.account("work")["state"], "offline");
        sandbox.heal(fault);
        home.run(&["refresh", "work"]).ok();
    }
    // "Not now", said as an error.
    sandbox.fault("refuse", "refresh:temporarily_unavailable");
    home.run(&["refresh", "work"]).explains(6, "server_trouble");
}

#[test]
fn without_a_lifetime_the_server_decides() {
    let sandbox = Sandbox::start_with(&["--fault", "no-expires-in=token"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let first = home.run(&["token", "work", "--json"]).ok().json();
    assert!(first.get("expires_at").is_none_or(serde_json::Value::is_null), "{first}");
    for _ in 0..10 {
        assert_eq!(token(&home, "work"), first["access_token"].as_str().expect("a token"));
        home.run(&["token", "work", "--min-ttl", "3600"]).ok();
    }
    assert_eq!(sandbox.at("refresh").len(), 0);
    assert!(home.account("work").get("next_rotation_at").is_none_or(serde_json::Value::is_null));
    sandbox.expire("access");
    assert_eq!(sandbox.mcp_answers(&token(&home, "work")), 401);
    let newer = home.run(&["token", "work", "--newer-than", "1"]).ok();
    assert_eq!(sandbox.mcp_answers(newer.text()), 200);
    assert_eq!(sandbox.at("refresh").len(), 1);
}

/// RFC 6749 §6: no new refresh token means that the old one stays good.
#[test]
fn without_a_new_refresh_token_the_old_one_stays() {
    let sandbox = Sandbox::start_with(&["--fault", "no-refresh-token=refresh"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    for _ in 0..3 {
        home.run(&["refresh", "work"]).ok();
        assert_eq!(sandbox.mcp_answers(&token(&home, "work")), 200);
    }
    let asked = sandbox.at("refresh");
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|request| carried(request) == carried(&asked[0])), "{asked:?}");
}

#[test]
fn without_any_refresh_token_it_lasts_as_long_as_it_lasts() {
    let faults = ["--fault", "no-refresh-token=code", "--fault", "expires-in=code:4"];
    let sandbox = Sandbox::start_with(&faults);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    home.run(&["refresh", "work"]).explains(3, "token_expired");
    wait::until("the token to be over", || (home.run(&["token", "work"]).code != 0).then_some(()));
    let error = home.run(&["token", "work", "--json"]).explains_to_programs(3, "token_expired");
    assert!(error["next"].as_str().is_some_and(|next| next.contains("mcp-login login work")), "{error}");
    assert_eq!(home.account("work")["state"], "needs_sign_in");
    assert_eq!(sandbox.at("refresh").len(), 0);
    sandbox.heal("no-refresh-token");
    sandbox.heal("expires-in");
    home.sign_in_again("work");
    home.run(&["refresh", "work"]).ok();
}

#[test]
fn a_forgotten_client_registers_anew() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let before = home.account("work");
    sandbox.fault("clients-forgotten", "");
    home.run(&["refresh", "work"]).explains(3, "needs_sign_in");
    let account = home.account("work");
    assert_eq!((&account["state"], &account["code"]), (&"needs_sign_in".into(), &"invalid_client".into()));
    home.run(&["token", "work", "--newer-than", "1"]).explains(3, "needs_sign_in");
    assert_eq!(sandbox.at("refresh").len(), 1, "a client that is gone is not asked about again");
    home.sign_in_again("work");
    let after = home.account("work");
    assert_eq!((&after["state"], &after["id"]), (&"ready".into(), &before["id"]));
    assert_ne!(after["registration"]["client_id"], before["registration"]["client_id"]);
    assert_eq!(sandbox.at("register").len(), 2);
    home.run(&["refresh", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(&token(&home, "work")), 200);
}

/// Only `expires_in` counts, on our own clocks: what the server believes the time to be is its own affair.
#[test]
fn a_server_whose_clock_is_off() {
    for offset in ["86400", "-86400"] {
        let sandbox = Sandbox::start_with(&["--token", "jwt", "--fault", &format!("clock={offset}")]);
        let home = Home::new();
        home.signed_in(sandbox.mcp(), "work");
        for _ in 0..5 {
            assert_eq!(sandbox.mcp_answers(&token(&home, "work")), 200, "{offset}");
        }
        assert_eq!(sandbox.at("refresh").len(), 0, "{offset}");
        let expires_at = home.account("work")["expires_at"].as_u64().expect("it said expires_in");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        assert!(expires_at <= now + 300 && expires_at + 60 > now, "{offset}: {expires_at}, now {now}");
    }
}

/// The server's clock jumps while a token lives: it is refused before its time, and one request gets another.
#[test]
fn a_server_whose_clock_jumps() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    sandbox.control("POST", "clock", &serde_json::json!({ "offset": 7200 }));
    let old = home.run(&["token", "work", "--json"]).ok().json();
    assert_eq!(sandbox.mcp_answers(old["access_token"].as_str().expect("a token")), 401);
    let generation = old["generation"].to_string();
    let newer = home.run(&["token", "work", "--newer-than", &generation]).ok();
    assert_eq!(sandbox.mcp_answers(newer.text()), 200);
    assert_eq!(sandbox.at("refresh").len(), 1);
    assert_eq!(home.account("work")["state"], "ready");
}
