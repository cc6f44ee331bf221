//! The same ways against an authorization server that nobody here wrote: npm `oidc-provider`, with the sandbox as the
//! protected MCP server in front of it.
#![cfg(target_os = "linux")]

use mcp_login_tests::{Home, OidcProvider, Person, Sandbox};

#[test]
fn sign_in_refresh_and_sign_out() {
    let issuer = OidcProvider::start();
    let server = Sandbox::start_with(&["--mode", "resource", "--issuer", issuer.issuer()]);
    let home = Home::new();

    let sign_in = home.add(server.mcp(), &["--name", "work", "--redirect", "loopback"]);
    let address = sign_in.address();
    assert!(address.starts_with(issuer.issuer()), "{address}");
    let redirect = Person::named("alice").allow(&address);
    assert_eq!(redirect.param("iss").as_deref(), Some(issuer.issuer()), "RFC 9207");
    redirect.deliver();
    sign_in.finish().ok();
    assert_eq!(issuer.count("registration_create.success"), 1);

    let first = home.run(&["token", "work"]).ok();
    assert_eq!(server.mcp_answers(first.text()), 200);

    home.run(&["refresh", "work"]).ok();
    let second = home.run(&["token", "work"]).ok();
    assert_ne!(first.text(), second.text());
    assert_eq!(server.mcp_answers(second.text()), 200);
    assert_eq!(issuer.count("refresh_token.consumed"), 1, "{:?}", issuer.log());
    assert_eq!(issuer.count("grant.revoked"), 0, "a refresh token was used twice");

    let receipt = home.run(&["logout", "work", "--json"]).ok().json();
    let lines = receipt["receipts"][0]["lines"].as_array().expect("lines").clone();
    let refresh =
        lines.iter().find(|line| line["what"] == "refresh_token").expect("a line about the refresh token");
    assert_eq!(refresh["outcome"], "confirmed", "{receipt}");
    assert!(
        issuer.count("refresh_token.destroyed") + issuer.count("grant.revoked") >= 1,
        "{:?}",
        issuer.log()
    );
    let refused = issuer.log().into_iter().any(|event| {
        event.event == "grant.error"
            && event.grant_type.as_deref() == Some("refresh_token")
            && event.error.as_deref() == Some("invalid_grant")
    });
    assert!(refused, "the old refresh token was not tried: {:?}", issuer.log());
}

#[test]
fn cancel() {
    let issuer = OidcProvider::start();
    let server = Sandbox::start_with(&["--mode", "resource", "--issuer", issuer.issuer()]);
    let home = Home::new();
    let sign_in = home.add(server.mcp(), &["--name", "work", "--redirect", "loopback"]);
    Person::named("alice").cancel(&sign_in.address()).deliver();
    sign_in.finish().exits(10);
    assert_eq!(issuer.count("grant.success"), 0);
}

#[test]
fn by_our_scheme() {
    let issuer = OidcProvider::start();
    let server = Sandbox::start_with(&["--mode", "resource", "--issuer", issuer.issuer()]);
    let home = Home::new();
    let sign_in = home.add(server.mcp(), &["--name", "work", "--redirect", "scheme"]);
    let redirect = Person::named("bob").allow(&sign_in.address());
    home.run(&["callback", &redirect.url]).ok();
    sign_in.finish().ok();
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(server.mcp_answers(token.text()), 200);
}
