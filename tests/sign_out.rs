//! Signing out: the receipt says what was achieved, and the sandbox's log says whether that is true.
#![cfg(any(target_os = "linux", windows))]

use mcp_login_tests::{Home, Sandbox};

#[test]
fn both_tokens_are_revoked_and_the_receipt_is_true() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);

    let receipt = home.run(&["logout", "work", "--json"]).ok();
    let before = sandbox.log();
    // `confirmed` is said only when the server has refused the old token, and it does.
    for what in ["refresh_token", "access_token"] {
        assert_eq!(receipt.receipt_line(what)["outcome"], "confirmed", "{}", receipt.stdout);
    }
    let refused = |endpoint: &str, status: u16| {
        before.iter().any(|request| request.endpoint == endpoint && request.answered(status))
    };
    assert!(refused("refresh", 400), "the refresh token was not tried after it was revoked");
    assert!(
        refused("mcp", 401) || refused("introspection", 200),
        "the access token was not tried after it was revoked"
    );
    assert_eq!(sandbox.mcp_answers(token.text()), 401);

    // The newest refresh token first (RFC 7009), then the access token.
    let hints: Vec<_> =
        sandbox.at("revocation").iter().map(|r| r.param("token_type_hint").map(str::to_owned)).collect();
    assert_eq!(hints, [Some("refresh_token".to_owned()), Some("access_token".to_owned())]);

    assert_eq!(receipt.receipt_line("keychain_item")["proof"], "deleted");
    home.run(&["token", "work"]).exits(5);
    assert_eq!(home.run(&["list", "--json"]).ok().json()["accounts"], serde_json::json!([]));
}

#[test]
fn the_registration_goes_with_its_last_account() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    home.signed_in(sandbox.mcp(), "personal");
    let deleted = || sandbox.at("registration").iter().filter(|request| request.method == "DELETE").count();
    home.run(&["logout", "work"]).ok();
    assert_eq!(deleted(), 0, "the registration of the other account was deleted");
    let token = home.run(&["token", "personal"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200, "the other account has lost its sign-in");
    home.run(&["logout", "personal"]).ok();
    mcp_login_tests::wait::until("the registration to be deleted", || (deleted() == 1).then_some(()));
}

#[test]
fn all_at_once() {
    let sandbox = Sandbox::start();
    let other = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    home.signed_in(other.mcp(), "other");
    let tokens: Vec<_> = ["work", "other"].map(|name| home.run(&["token", name]).ok()).into();
    let receipts = home.run(&["logout", "--all", "--json"]).ok().json()["receipts"].clone();
    assert_eq!(receipts.as_array().map(Vec::len), Some(2), "{receipts}");
    assert_eq!(sandbox.mcp_answers(tokens[0].text()), 401);
    assert_eq!(other.mcp_answers(tokens[1].text()), 401);
    assert_eq!(home.run(&["list", "--json"]).ok().json()["accounts"], serde_json::json!([]));
}

/// An issuer without a revocation endpoint cannot take a token back; the receipt says so and until when it works.
#[test]
fn what_the_issuer_does_not_offer_is_not_claimed() {
    let sandbox = Sandbox::start_with(&["--fault", "no-revocation"]);
    let home = Home::new();
    // Keeps the registration alive, whose deletion would end the tokens as well.
    home.signed_in(sandbox.mcp(), "personal");
    home.signed_in(sandbox.mcp(), "work");
    let token = home.run(&["token", "work"]).ok();
    let receipt = home.run(&["logout", "work", "--json"]).ok();
    let access = receipt.receipt_line("access_token");
    assert_eq!(access["outcome"], "not_offered", "{access}");
    assert!(access["valid_until"].is_u64(), "{access}");
    assert_eq!(receipt.receipt_line("refresh_token")["outcome"], "not_offered");
    // And that is the truth: it still works.
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    home.run(&["token", "work"]).exits(5);
}

/// A server that says "revoked" and lets the token live gets no "confirmed".
#[test]
fn a_revocation_that_lies_is_found_out() {
    let sandbox = Sandbox::start_with(&["--fault", "revocation-lies"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let receipt = home.run(&["logout", "work", "--json"]);
    let access = receipt.receipt_line("access_token");
    assert_ne!(access["outcome"], "confirmed", "{access}");
}

/// For people: the same facts, in words.
#[test]
fn the_receipt_for_people() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let said = home.run(&["logout", "work"]).ok();
    assert!(said.stdout.contains("work"), "{}", said.stdout);
    assert!(!said.stdout.contains('{'), "JSON for people: {}", said.stdout);
}
