//! What a receipt says, held against what the issuer and the server saw: in which order, with which tokens, and what was
//! proved. And what is handed out meanwhile: nothing.
#![cfg(target_os = "linux")]

use mcp_login_tests::{Cable, Home, Request, Sandbox, wait};
use serde_json::Value;

/// The only request that fits.
#[track_caller]
fn only<'a>(log: &'a [Request], what: &str, fits: impl Fn(&Request) -> bool) -> &'a Request {
    let found: Vec<_> = log.iter().filter(|request| fits(request)).collect();
    assert_eq!(found.len(), 1, "{what}: {log:#?}");
    found[0]
}

/// Without the line breaks.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_line_is_true() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    home.run(&["refresh", "work"]).ok();
    let token = home.run(&["token", "work"]).ok();
    let newest = sandbox.at("refresh")[0].rest["issued"].clone();
    let receipt = home.run(&["logout", "work", "--json"]).ok();

    let log = sandbox.log();
    let revoked = |hint: &'static str| {
        only(&log, hint, |r| r.endpoint == "revocation" && r.param("token_type_hint") == Some(hint))
    };
    let (refresh, access) = (revoked("refresh_token"), revoked("access_token"));
    assert_eq!(refresh.param("token"), newest["refresh_token"].as_str(), "the newest refresh token");
    assert_eq!(access.param("token"), newest["access_token"].as_str(), "the newest access token");
    assert!(refresh.param("client_id").is_some(), "a public client names itself: {refresh:?}");
    // Each is tried after it was revoked, and refused, before it is called dead.
    let tried = only(&log, "a refresh after the revocation", |r| r.endpoint == "refresh" && r.n > refresh.n);
    assert!(tried.answered(400) && tried.param("refresh_token") == refresh.param("token"), "{tried:?}");
    let asked = only(&log, "a call after the revocation", |r| r.endpoint == "mcp" && r.n > access.n);
    assert!(asked.answered(401), "{asked:?}");
    assert!(refresh.n < access.n, "the refresh token first (RFC 7009 §2.1)");
    let deleted = only(&log, "a deletion", |r| r.endpoint == "registration" && r.method == "DELETE");
    assert!(deleted.answered(204) && deleted.n > asked.n, "{deleted:?}");

    for what in ["refresh_token", "access_token"] {
        let line = receipt.receipt_line(what);
        assert_eq!((&line["outcome"], &line["proof"]), (&"confirmed".into(), &"server_refused".into()));
        assert!(line["at"].is_u64() && line.get("valid_until").is_none_or(Value::is_null), "{line}");
    }
    for what in ["registration", "keychain_item"] {
        assert_eq!(receipt.receipt_line(what)["outcome"], "confirmed", "{}", receipt.stdout);
        assert_eq!(receipt.receipt_line(what)["proof"], "deleted");
    }
    assert_eq!(sandbox.mcp_answers(token.text()), 401);
    assert_eq!(home.wait_for_audit("sign_out", 1).len(), 1);
    assert!(!receipt.stdout.contains(token.text()), "a token in the receipt");
}

/// The issuer says "revoked" and goes on honouring both. Nothing is called dead, and it is said until when it works.
#[test]
fn a_lie_is_found_out() {
    let sandbox = Sandbox::start_with(&["--fault", "revocation-lies"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    home.signed_in(sandbox.mcp(), "again");
    let token = home.run(&["token", "work", "--json"]).ok().json();
    let receipt = home.run(&["logout", "work", "--json"]).ok();
    let (refresh, access) = (receipt.receipt_line("refresh_token"), receipt.receipt_line("access_token"));
    assert_eq!((&refresh["outcome"], &refresh["code"]), (&"failed".into(), &"revocation_failed".into()));
    assert_eq!(access["outcome"], "accepted", "{access}");
    assert_eq!(access["valid_until"], token["expires_at"], "until when it works is said");
    assert_eq!(sandbox.mcp_answers(token["access_token"].as_str().expect("a token")), 200, "and it does");
    // For people.
    let said = plain(&home.run(&["logout", "again"]).ok().stdout);
    assert!(said.contains("not proved") && said.contains("may still work until"), "{said}");
    assert!(said.contains("failed [revocation_failed]"), "{said}");
    assert!(!said.contains("refused it") && !said.contains("no longer active"), "{said}");
}

#[test]
fn without_revocation_it_is_said_until_when_it_works() {
    let sandbox = Sandbox::start_with(&["--fault", "no-revocation"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let shown = home.run(&["status", "work"]).ok().stdout;
    assert!(shown.contains("offers no revocation"), "before signing out, too: {shown}");
    let said = plain(&home.run(&["logout", "work"]).ok().stdout);
    assert!(said.contains("offers no revocation: a copy of it would work until"), "{said}");
    assert_eq!(home.queued(), 0, "there is nothing to try again");
    assert_eq!(sandbox.at("revocation").len(), 0);
    home.run(&["token", "work"]).explains(5, "no_such_account");
}

/// The issuer does not know our client any more: that is an answer, and waiting would not change it.
#[test]
fn a_forgotten_client_cannot_revoke() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    sandbox.fault("clients-forgotten", "");
    let receipt = home.run(&["logout", "work", "--json"]).ok();
    for what in ["refresh_token", "access_token"] {
        let line = receipt.receipt_line(what);
        // What the server refuses is dead, however it died.
        let true_word = match line["outcome"].as_str() {
            Some("failed") => line["code"] == "invalid_client",
            Some("confirmed") => line["proof"] == "server_refused",
            _ => false,
        };
        assert!(true_word, "{what}: {line}");
    }
    assert_eq!(home.queued(), 0);
    home.run(&["token", "work"]).explains(5, "no_such_account");
}

/// From the first moment of a sign-out nothing is handed out, however long the issuer takes.
#[test]
fn nothing_is_handed_out_while_it_leaves() {
    let mut cable = Cable::new();
    let sandbox = Sandbox::start_with(&["--origin", &cable.origin()]);
    cable.plug_in(sandbox.address());
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    home.run(&["token", "work"]).ok();
    sandbox.fault("hang", "revocation,times=1");
    let mut logout = home.start(&["logout", "work", "--json"]);
    wait::until("the issuer to be asked", || (sandbox.at("revocation").len() == 1).then_some(()));
    home.run(&["token", "work"]).explains(5, "leaving");
    home.run(&["headers", "work"]).explains(5, "leaving");
    home.run(&["token", "work", "--newer-than", "1"]).explains(5, "leaving");
    home.run(&["refresh", "work"]).explains(5, "leaving");
    assert_eq!(home.account("work")["state"], "leaving");
    assert_eq!(sandbox.at("refresh").len(), 0);
    assert!(logout.ended().is_none(), "it was done already: {}", logout.stderr());
    cable.pull();
    cable.plug_in(sandbox.address());
    let (status, _, stderr) = logout.finish();
    assert!(status.success(), "{stderr}");
    home.run(&["token", "work"]).explains(5, "no_such_account");
    wait::until("the revocation to be repeated", || (home.queued() == 0).then_some(()));
    assert!(sandbox.at("revocation").len() >= 3, "both tokens, and the one that got no answer");
}

/// A refresh is under way when the person signs out: what it brings is what is revoked, and nobody gets it.
#[test]
fn a_sign_out_during_a_refresh() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    sandbox.fault("slow", "refresh:3000,times=1");
    let refresh = home.start(&["refresh", "work", "--json"]);
    wait::until("the refresh to be under way", || (sandbox.at("refresh").len() == 1).then_some(()));
    let receipt = home.run(&["logout", "work", "--json"]).ok();
    let (status, _, stderr) = refresh.finish();
    assert_eq!(status.code(), Some(5), "it was told a token, or something else: {stderr}");
    assert!(stderr.contains("\"leaving\""), "{stderr}");
    let newest = sandbox.at("refresh")[0].rest["issued"].clone();
    let revoked: Vec<_> =
        sandbox.at("revocation").iter().map(|r| r.param("token").map(str::to_owned)).collect();
    let expected =
        ["refresh_token", "access_token"].map(|what| newest[what].as_str().map(str::to_owned)).to_vec();
    assert_eq!(revoked, expected, "the newest, refresh token first");
    for what in ["refresh_token", "access_token"] {
        assert_eq!(receipt.receipt_line(what)["outcome"], "confirmed", "{}", receipt.stdout);
    }
    home.run(&["token", "work"]).explains(5, "no_such_account");
}

/// All at once: an issuer that hangs does not keep the others' tokens alive, and its own are left to the queue.
#[test]
fn all_at_once_with_one_that_hangs() {
    let hung = Sandbox::start();
    let well = Sandbox::start();
    let home = Home::new();
    home.signed_in(hung.mcp(), "hung");
    home.signed_in(well.mcp(), "well");
    hung.fault("hang", "revocation");
    let token = home.run(&["token", "well"]).ok();
    let logout = home.start(&["logout", "--all", "--json"]);
    wait::until("the well one to be done", || (well.mcp_answers(token.text()) == 401).then_some(()));
    let (status, lines, stderr) = logout.finish();
    assert!(status.success(), "{stderr}");
    let receipts: Value = serde_json::from_str(&lines.concat()).expect("JSON");
    let outcomes = |name: &str| {
        let all = receipts["receipts"].as_array().expect("receipts");
        let one = all.iter().find(|receipt| receipt["account"] == name).expect("one for each");
        let tokens = one["lines"].as_array().expect("lines").iter().take(2);
        tokens.map(|line| line["outcome"].as_str().expect("an outcome").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(outcomes("well"), ["confirmed", "confirmed"]);
    assert_eq!(outcomes("hung"), ["queued", "queued"]);
    assert_eq!(home.queued(), 1);
    assert_eq!(home.run(&["list", "--json"]).ok().json()["accounts"], serde_json::json!([]));
}
