//! The harness against itself and against programs that are not ours: a test that leans on it must know that it holds.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};

use mcp_login_tests::{
    Browser, Certificate, Desktop, Home, OidcProvider, Person, Proxy, Sandbox, Session, TestCa, XdgOpen,
    http_client, wait,
};
use serde_json::{Value, json};

/// Registers a client by hand and returns an authorization request of it.
fn request(issuer: &str, redirect_uri: &str) -> String {
    let http = http_client(|client| client);
    let metadata: Value = http
        .get(format!("{issuer}/.well-known/openid-configuration"))
        .send()
        .and_then(|answer| answer.json())
        .expect("metadata");
    let registration = json!({
        "redirect_uris": [redirect_uri], "application_type": "native", "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "client_name": "Test",
    });
    let endpoint = metadata["registration_endpoint"].as_str().expect("a registration endpoint");
    let client: Value = http
        .post(endpoint)
        .json(&registration)
        .send()
        .and_then(|answer| answer.json())
        .expect("a registration");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair(
            "client_id",
            client["client_id"].as_str().unwrap_or_else(|| panic!("no client: {client}")),
        )
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("scope", "openid")
        .append_pair("state", "a state")
        .append_pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        .append_pair("code_challenge_method", "S256")
        .finish();
    format!("{}?{query}", metadata["authorization_endpoint"].as_str().expect("an authorization endpoint"))
}

#[test]
fn a_person_at_a_certified_issuer() {
    let issuer = OidcProvider::start();
    let redirect = Person::named("alice").allow(&request(issuer.issuer(), "http://127.0.0.1:1/callback"));
    assert!(redirect.url.starts_with("http://127.0.0.1:1/callback?"), "{}", redirect.url);
    assert_eq!(redirect.param("state").as_deref(), Some("a state"));
    assert!(redirect.param("code").is_some(), "{}: {:?}", redirect.url, issuer.log());
    assert_eq!(issuer.count("registration_create.success"), 1);
    let redirect = Person::named("alice").cancel(&request(issuer.issuer(), "http://127.0.0.1:1/callback"));
    assert_eq!(redirect.param("error").as_deref(), Some("access_denied"));
}

#[test]
fn a_person_at_the_sandbox() {
    let sandbox = Sandbox::start();
    let redirect = Person::named("bob").allow(&request(sandbox.issuer(), "http://127.0.0.1:1/callback"));
    assert!(redirect.param("code").is_some(), "{}", redirect.url);
    assert_eq!(redirect.param("iss").as_deref(), Some(sandbox.issuer()));
    assert_eq!(sandbox.at("register").len(), 1);
    assert_eq!(sandbox.mcp_answers("no token"), 401);
}

#[test]
fn a_browser_at_the_sandbox() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let landing = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = landing.local_addr().expect("a bound port").port();
    let landed = std::thread::spawn(move || {
        let (mut client, _) = landing.accept().expect("the browser comes");
        let mut start = [0; 2048];
        let read = client.read(&mut start).unwrap_or(0);
        let _ =
            client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nReturned");
        String::from_utf8_lossy(&start[..read]).into_owned()
    });
    let browser = Browser::start(&home, sandbox.issuer());
    browser.open(&request(sandbox.issuer(), &format!("http://127.0.0.1:{port}/callback")));
    browser.choose("bob");
    browser.click("#allow");
    browser.wait_for_text("Returned");
    let request = landed.join().expect("a request");
    assert!(request.starts_with("GET /callback?") && request.contains("code="), "{request}");
}

/// An address goes to the default browser, and a redirect to our scheme to whoever is its handler: the desktop's own way, and
/// the way of systems without a desktop.
#[test]
fn a_desktop_opens_addresses_and_schemes() {
    let sandbox = Sandbox::start();
    for way in [XdgOpen::Desktop, XdgOpen::Generic] {
        let mut desktop = Desktop::start(&[sandbox.issuer()]);
        desktop.set_xdg_open(way);
        let (_, got) = desktop.take_scheme_over();
        let redirect_uri = mcp_login_ipc::identity::redirect_uri();
        let _opening = desktop.xdg_open(&request(sandbox.issuer(), &redirect_uri));
        let _browser = desktop.allow_in_browser(sandbox.issuer());
        let callback = wait::until("the handler of the scheme", || {
            std::fs::read_to_string(&got).ok().filter(|text| text.ends_with('\n'))
        });
        assert!(
            callback.starts_with(&format!("{redirect_uri}?")) && callback.contains("code="),
            "{callback}"
        );
    }
}

#[test]
fn certificates_and_the_proxy() {
    let ca = TestCa::new();
    let start = |certificate: &Certificate| {
        OidcProvider::start_with(&json!({ "cert": certificate.cert, "key": certificate.key }))
    };
    let address = |issuer: &OidcProvider| -> SocketAddr {
        issuer.issuer().trim_start_matches("https://").parse().expect("a loopback address")
    };
    let good = start(&ca.issue(&["issuer.example.test", "127.0.0.1"]));
    let expired = start(&ca.expired(&["expired.example.test"]));
    let unknown = start(&ca.self_signed(&["unknown.example.test"]));
    let proxy = Proxy::start(&[
        ("issuer.example.test:443", address(&good)),
        ("other.example.test:443", address(&good)),
        ("expired.example.test:443", address(&expired)),
        ("unknown.example.test:443", address(&unknown)),
    ]);
    let root = std::fs::read(ca.file()).expect("the authority");
    let root = reqwest::Certificate::from_pem(&root).expect("a certificate");
    let through = reqwest::Proxy::https(proxy.url()).expect("an address");
    let http = http_client(|client| client.tls_certs_only([root]).proxy(through));
    let get = |host: &str| http.get(format!("https://{host}/.well-known/openid-configuration")).send();
    assert!(get("issuer.example.test").expect("trusted").status().is_success());
    for host in ["other.example.test", "expired.example.test", "unknown.example.test"] {
        assert!(get(host).is_err(), "{host} was trusted");
        assert!(proxy.passed().contains(&format!("{host}:443")), "{host} was not even tried");
    }
}

#[test]
fn a_session_with_a_keyring() {
    let session = Session::start();
    let other = Session::start();
    let password = "kept by this session only";
    let stored = format!("printf %s '{password}' | secret-tool store --label test test harness");
    session.run("sh", &["-c", &stored]).ok();
    assert_eq!(session.run("secret-tool", &["lookup", "test", "harness"]).ok().stdout, password);
    assert_ne!(
        other.run("secret-tool", &["lookup", "test", "harness"]).code,
        0,
        "two sessions share a keyring"
    );
}

/// A keyring that dies in the middle of a story is not held against it; everything else is.
#[test]
fn a_story_is_told_again_over_a_keyring_that_died() {
    let told = Cell::new(0);
    Session::tell(&[], |session| {
        told.set(told.get() + 1);
        if told.get() == 1 {
            let who = "dbus-send --session --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
                       org.freedesktop.DBus.GetConnectionUnixProcessID string:org.freedesktop.secrets";
            session.run("sh", &["-c", &format!("kill -KILL $({who} | sed -n 's/.*uint32 //p')")]).ok();
            wait::until("the keyring to be gone", || (!session.keyring_lives()).then_some(()));
            panic!("as a story ends whose keyring is gone");
        }
    });
    assert_eq!(told.get(), 2);

    let told = Cell::new(0);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        Session::tell(&[], |_| {
            told.set(told.get() + 1);
            panic!("as a story ends that found a mistake");
        });
    }));
    assert!(ended.is_err(), "a mistake was covered up");
    assert_eq!(told.get(), 1);
}
