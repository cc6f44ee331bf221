//! `docs/client/`: our Client ID Metadata Documents, one a redirect, are what the code says of itself (MCP 2026-07-28,
//! Client ID Metadata Documents). Issuers keep what they read there for years.
#![allow(clippy::unwrap_used)]

use mcp_login_agent::accounts::RedirectKind;
use mcp_login_agent::config::Config;
use mcp_login_ipc::identity;
use mcp_login_oauth::registration::{Identity, metadata_document};
use mcp_login_oauth::{ClientId, RedirectUri};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// File, kind, and the one redirect. Loopback without a port: any port is right then (RFC 8252 §7.3).
fn documents() -> [(&'static str, RedirectKind, String); 3] {
    let loopback = |host: &str| format!("http://{host}{}", identity::LOOPBACK_PATH);
    [
        // A debug build has a scheme of its own, which is nobody's client.
        ("scheme", RedirectKind::Scheme, format!("{}:{}", identity::APPLICATION_ID, identity::CALLBACK_PATH)),
        ("loopback", RedirectKind::Loopback, loopback("127.0.0.1")),
        ("localhost", RedirectKind::Localhost, loopback("localhost")),
    ]
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/client").join(format!("{name}.json"))
}

fn said(name: &str, redirect: &str) -> Value {
    let address = format!("{}/{name}.json", identity::CLIENT_DOCUMENTS);
    let who = Identity {
        client_name: identity::CLIENT_NAME,
        client_uri: identity::CLIENT_URI,
        software_id: identity::SOFTWARE_ID,
        software_version: identity::SOFTWARE_VERSION,
    };
    let mut document = metadata_document(&ClientId::new(address), &who, &[&RedirectUri::new(redirect)]);
    // One document serves every version that is out there.
    document.as_object_mut().unwrap().remove("software_version");
    document
}

#[test]
fn the_documents_are_what_the_code_says() {
    for (name, _, redirect) in documents() {
        let mut text = serde_json::to_string_pretty(&said(name, &redirect)).unwrap();
        text.push('\n');
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(place(name), &text).unwrap();
        }
        let kept = std::fs::read_to_string(place(name)).unwrap_or_default().replace("\r\n", "\n");
        assert!(
            kept == text,
            "docs/client/{name}.json is behind; run: UPDATE=1 cargo test -p mcp-login-agent --test client_documents"
        );
    }
}

/// What the norm asks for, said once more by hand: a test against the code alone would move with it.
#[test]
fn the_documents_are_what_the_norm_asks_for() {
    for (name, _, redirect) in documents() {
        let document: Value = serde_json::from_str(&std::fs::read_to_string(place(name)).unwrap()).unwrap();
        let id = format!("https://mcp-login.github.io/client/{name}.json");
        for (member, value) in [
            ("client_id", json!(id)),
            ("client_name", json!("MCP Login")),
            ("client_uri", json!("https://mcp-login.github.io")),
            ("redirect_uris", json!([redirect])),
            ("application_type", json!("native")),
            ("grant_types", json!(["authorization_code", "refresh_token"])),
            ("response_types", json!(["code"])),
            ("token_endpoint_auth_method", json!("none")),
            ("software_id", json!("io.github.mcp-login")),
        ] {
            assert_eq!(document[member], value, "{name}: {member}");
        }
        assert!(document.get("client_secret").is_none() && document.get("jwks").is_none(), "{name}");
    }
    assert_eq!(documents()[0].2, "io.github.mcp-login:/oauth/callback");
}

/// The settings that docs/client/README.md shows reach each kind of redirect.
#[test]
fn the_settings_of_the_page_are_read() {
    let page = std::fs::read_to_string(place("README").with_extension("md")).unwrap();
    let text = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let config = Config::parse(Path::new("config.toml"), text).unwrap();
    for (name, kind, _) in documents() {
        let id = config.client_metadata.of(kind).unwrap();
        assert_eq!(id.as_str(), format!("{}/{name}.json", identity::CLIENT_DOCUMENTS));
    }
    assert_eq!(config.client_metadata.of(RedirectKind::Exact), None);
}
