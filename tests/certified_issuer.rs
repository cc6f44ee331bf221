//! The same ways against an authorization server that nobody here wrote: npm `oidc-provider`, with the sandbox as the
//! protected MCP server in front of it.
#![cfg(target_os = "linux")]

use mcp_login_tests::{Home, OidcProvider, Person, Sandbox, http_client};
use serde_json::{Value, json};

/// The MCP server in front of an issuer, which it asks about every token: a client of its own there, as servers have it.
fn introspecting(issuer: &OidcProvider) -> Sandbox {
    let client = json!({
        "client_name": "the MCP server", "redirect_uris": ["https://mcp.test/unused"],
        "token_endpoint_auth_method": "client_secret_basic",
    });
    let register = http_client(|client| client).post(format!("{}/reg", issuer.issuer())).json(&client);
    let client: Value = register.send().and_then(|answer| answer.json()).expect("it registers servers too");
    let text = |name: &str| client[name].as_str().unwrap_or_else(|| panic!("{client}")).to_owned();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), format!("{}:{}", text("client_id"), text("client_secret"))).expect("written");
    let path = file.path().display().to_string();
    let arguments = ["--mode", "resource", "--issuer", issuer.issuer(), "--introspection-client-file", &path];
    Sandbox::start_with(&arguments)
}

/// The whole story, told by the issuer's own events.
#[test]
fn sign_in_refresh_and_sign_out() {
    let issuer = OidcProvider::start_with(&json!({ "format": "opaque" }));
    let server = introspecting(&issuer);
    let registered_before = issuer.count("registration_create.success");
    let home = Home::new();

    let sign_in = home.add(server.mcp(), &["--name", "work", "--redirect", "loopback"]);
    let address = sign_in.address();
    assert!(address.starts_with(issuer.issuer()), "{address}");
    let redirect = Person::named("alice").allow(&address);
    assert_eq!(redirect.param("iss").as_deref(), Some(issuer.issuer()), "RFC 9207");
    redirect.deliver();
    sign_in.finish().ok();
    assert_eq!(issuer.count("registration_create.success") - registered_before, 1);

    let first = home.run(&["token", "work"]).ok();
    assert_eq!(server.mcp_answers(first.text()), 200);
    let verified = home.run(&["status", "work", "--verify", "--json"]).ok().json();
    assert_eq!(verified["verification"]["introspection"], "active", "{verified}");
    assert_eq!(verified["verification"]["server"], "active", "{verified}");

    home.run(&["refresh", "work"]).ok();
    let second = home.run(&["token", "work"]).ok();
    assert_ne!(first.text(), second.text());
    assert_eq!(server.mcp_answers(second.text()), 200);
    assert_eq!(issuer.count("refresh_token.consumed"), 1, "{:?}", issuer.log());
    assert_eq!(issuer.count("grant.revoked"), 0, "a refresh token was used twice");
    // Every grant names the server that the token is for.
    let granted: Vec<_> = issuer.log().into_iter().filter(|event| event.event == "grant.success").collect();
    let kinds: Vec<_> = granted.iter().filter_map(|event| event.grant_type.as_deref()).collect();
    assert_eq!(kinds, ["authorization_code", "refresh_token"]);
    for grant in &granted {
        assert_eq!(grant.resource, Some(json!(server.mcp())), "{grant:?}");
    }

    let receipt = home.run(&["logout", "work", "--json"]).ok();
    assert_eq!(receipt.receipt_line("refresh_token")["proof"], "server_refused");
    for what in ["refresh_token", "access_token", "registration", "keychain_item"] {
        assert_eq!(receipt.receipt_line(what)["outcome"], "confirmed");
    }
    // And it is true: the issuer says so, and both servers refuse.
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
    assert_eq!(issuer.count("registration_delete.success"), 1);
    assert_eq!(server.mcp_answers(second.text()), 401);
    assert_eq!(issuer.count("server_error"), 0, "{:?}", issuer.log());
    home.run(&["token", "work"]).exits(5);
}

/// A JWT that the server checks by itself works until it ends, whatever is revoked, and the receipt must say so.
#[test]
fn a_token_that_nobody_can_take_back_is_not_called_gone() {
    let issuer = OidcProvider::start_with(&json!({ "format": "jwt" }));
    let server = Sandbox::start_with(&["--mode", "resource", "--issuer", issuer.issuer()]);
    let home = Home::new();
    home.signed_in(server.mcp(), "work");
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(server.mcp_answers(token.text()), 200);
    let receipt = home.run(&["logout", "work", "--json"]).ok();
    assert_eq!(receipt.receipt_line("refresh_token")["outcome"], "confirmed");
    assert_eq!(server.mcp_answers(token.text()), 200, "this server does not ask the issuer");
    let access = receipt.receipt_line("access_token");
    assert_ne!(access["outcome"], "confirmed", "{access}");
    assert!(access["valid_until"].is_u64(), "until when does it work? {access}");
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
