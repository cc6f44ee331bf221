//! The HTTP door: closed until asked for, and what knocks at it. What must get nowhere is sent as bytes, with no client of ours
//! in between; that it got nowhere, the server's own log says.
#![cfg(target_os = "linux")]

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;

use mcp_login_tests::{Home, SETTINGS, Sandbox, raw, wait};
use serde_json::{Value, json};

/// An open door and a key, which the person has allowed.
struct Door {
    sandbox: Sandbox,
    home: Home,
    key: String,
    url: url::Url,
}

impl Door {
    fn open() -> Door {
        let sandbox = Sandbox::start();
        let home = Home::new();
        home.write_settings(&format!("{SETTINGS}approvals = \"terminal\"\n"));
        home.signed_in(sandbox.mcp(), "work");
        home.run(&["door", "on"]).ok();
        let (key, url) = make_key(&home, "work");
        Door { sandbox, home, key, url }
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.url.port().expect("a port")))
    }

    /// Allows what waits for an answer.
    fn allow(&self) {
        let pending = self.home.run(&["approvals", "--json"]).ok().json()["pending"][0]["id"].clone();
        let pending = pending.as_str().expect("a question").to_owned();
        self.home.run(&["approvals", "allow", &pending, "--for", "always"]).ok();
    }

    /// A request that is as it should be, but for what is said.
    fn request(&self, method: &str, changes: &[(&str, Option<&str>)]) -> String {
        let body = hello().to_string();
        let host = format!("127.0.0.1:{}", self.url.port().expect("a port"));
        let bearer = format!("Bearer {}", self.key);
        let length = body.len().to_string();
        let mut fields = vec![
            ("Host", host.as_str()),
            ("Authorization", &bearer),
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("Content-Length", &length),
            ("Connection", "close"),
        ];
        for (name, value) in changes {
            fields.retain(|(known, _)| known != name);
            fields.extend(value.map(|value| (*name, value)));
        }
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{method} {} HTTP/1.1\r\n{fields}\r\n{body}", self.url.path())
    }

    #[track_caller]
    fn refused(&self, what: &str, request: &str, status: u16) {
        let before = self.sandbox.at("mcp").len();
        let answer = raw::tcp_and_wait(self.address(), request.as_bytes()).expect("the port is open");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
        let answer = answer.to_ascii_lowercase();
        assert!(!answer.contains("access-control-"), "{what}: {answer}");
        assert!(!answer.contains("mcplogin_") && !answer.contains("resource_metadata"), "{what}: {answer}");
        assert_eq!(self.sandbox.at("mcp").len(), before, "{what}: it was passed on");
    }
}

fn make_key(home: &Home, account: &str) -> (String, url::Url) {
    let made = home.run(&["door", "key", account, "--client", "An editor", "--json"]).ok().json();
    let url = made["made"]["url"].as_str().expect("an address").parse().expect("a URL");
    (made["key"].as_str().expect("a key").to_owned(), url)
}

fn hello() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}})
}

fn post(door: &Door, session: Option<&str>, body: &Value) -> reqwest::blocking::Response {
    let client = reqwest::blocking::Client::builder().no_proxy().build().expect("a client");
    let mut request = client
        .post(door.url.clone())
        .bearer_auth(&door.key)
        .header("accept", "application/json, text/event-stream")
        .json(body);
    if let Some(session) = session {
        request = request.header("mcp-session-id", session).header("mcp-protocol-version", "2025-11-25");
    }
    request.send().expect("the door answers")
}

#[test]
fn closed_until_it_is_asked_for() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let status = home.run(&["door", "--json"]).ok().json();
    assert_eq!((&status["open"], status.get("port")), (&json!(false), None), "{status}");
    assert!(!home.path("run/door.sock").exists());
    // A key may be made before; it has no address yet.
    let made = home.run(&["door", "key", "work", "--client", "early", "--json"]).ok().json();
    assert!(made["made"].get("url").is_none(), "{made}");
    let port = home.run(&["door", "on", "--json"]).ok().json()["port"].as_u64().expect("a port");
    assert!(home.path("run/door.sock").exists());
    let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).expect("a port")));
    assert!(std::net::TcpStream::connect(address).is_ok());
    // Off is off at once, and the port stays the same when it is opened again, by another agent too.
    home.run(&["door", "off"]).ok();
    assert!(std::net::TcpStream::connect(address).is_err());
    assert!(!home.path("run/door.sock").exists());
    home.run(&["agent", "stop"]).ok();
    assert_eq!(home.run(&["door", "on", "--json"]).ok().json()["port"], port);
    home.run(&["agent", "stop"]).ok();
    home.run(&["agent", "start"]).ok();
    assert!(std::net::TcpStream::connect(address).is_ok(), "it opens again with the agent");
    // Taken: said, and nothing else is tried.
    home.run(&["agent", "stop"]).ok();
    let taken = wait::until("the port to be free", || std::net::TcpListener::bind(address).ok());
    let status = home.run(&["door", "--json"]).ok().json();
    assert_eq!(status["code"], "door_port_taken", "{status}");
    home.run(&["door", "on"]).exits(1);
    drop(taken);
    home.run(&["door", "on"]).ok();
}

#[test]
fn a_client_with_a_key_that_the_person_allowed() {
    let door = Door::open();
    // Not allowed yet: an error that says so, and a question.
    let refused: Value = post(&door, None, &hello()).json().expect("JSON");
    assert_eq!(refused["error"]["data"]["code"], "not_approved", "{refused}");
    assert_eq!(door.sandbox.at("mcp").iter().filter(|r| r.header("authorization").is_some()).count(), 0);
    let question = door.home.run(&["approvals", "--json"]).ok().json()["pending"][0].clone();
    assert!(
        question["subject"]["name"].as_str().is_some_and(|name| name.contains("An editor")),
        "{question}"
    );
    door.allow();
    let answer = post(&door, None, &hello());
    assert_eq!(answer.status(), 200);
    let session = answer.headers()["mcp-session-id"].to_str().expect("a session").to_owned();
    assert!(answer.text().expect("a body").contains("mcp-login-sandbox"));
    let started = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(post(&door, Some(&session), &started).status(), 202);
    let call = json!({"jsonrpc": "2.0", "id": "two", "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "through the door"}}});
    let answer = post(&door, Some(&session), &call).text().expect("a body");
    assert!(answer.contains("through the door") && answer.contains("\"two\""), "{answer}");
    // Refused in the middle: one refresh, and the client sees nothing of it.
    door.sandbox.expire("access");
    assert_eq!(post(&door, Some(&session), &call).status(), 200);
    assert_eq!(door.sandbox.at("refresh").len(), 1);
    // The server saw the account's token, and never the key.
    let log = door.sandbox.control("GET", "log", &Value::Null).to_string();
    let hash = hash(&door.key);
    assert!(!log.contains(&door.key) && !log.contains(&hash), "the key went to the server");
    // Signed out, the key opens nothing; and there is nothing of it left.
    door.home.run(&["logout", "work"]).ok();
    assert_eq!(post(&door, Some(&session), &call).status(), 401);
    assert_eq!(door.home.run(&["door", "--json"]).ok().json()["keys"], json!([]));
}

/// As the sandbox names a secret in its log.
fn hash(secret: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(secret.as_bytes());
    digest[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn hostile_pages_and_programs() {
    let door = Door::open();
    // Allowed, so that only the guard stands between them and the server.
    post(&door, None, &hello());
    door.allow();
    assert_eq!(post(&door, None, &hello()).status(), 200);
    let port = door.url.port().expect("a port");

    for host in
        ["evil.example", &format!("evil.example:{port}"), "127.0.0.1", "0.0.0.0", &format!("[::1]:{port}")]
    {
        door.refused("a foreign host", &door.request("POST", &[("Host", Some(host))]), 421);
    }
    for origin in ["https://evil.example", "null", &format!("http://127.0.0.1:{port}"), "http://localhost"] {
        door.refused("a web page", &door.request("POST", &[("Origin", Some(origin))]), 403);
        door.refused(
            "a web page's question first",
            &door.request("OPTIONS", &[("Origin", Some(origin))]),
            403,
        );
        door.refused(
            "a page without a key",
            &door.request("GET", &[("Origin", Some(origin)), ("Authorization", None)]),
            403,
        );
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        door.refused("what a form can send", &door.request("POST", &[("Content-Type", Some(kind))]), 415);
    }
    door.refused("no content type", &door.request("POST", &[("Content-Type", None)]), 415);
    door.refused("no key", &door.request("POST", &[("Authorization", None)]), 401);
    let other = format!("Bearer mcplogin_{}", "A".repeat(43));
    door.refused("a wrong key", &door.request("POST", &[("Authorization", Some(&other))]), 401);
    let part = format!("Bearer {}", &door.key[..door.key.len() - 1]);
    door.refused("a part of the key", &door.request("POST", &[("Authorization", Some(&part))]), 401);
    let basic = format!("Basic {}", door.key);
    door.refused("another scheme", &door.request("POST", &[("Authorization", Some(&basic))]), 401);
    for method in ["OPTIONS", "PUT", "HEAD"] {
        door.refused(method, &door.request(method, &[]), 405);
    }
    // The account's own token opens nothing here.
    let token = door.home.run(&["token", "work"]).ok().text().to_owned();
    door.refused(
        "a token",
        &door.request("POST", &[("Authorization", Some(&format!("Bearer {token}")))]),
        401,
    );
    // Another account's key, for this account; and the other way round.
    door.home.signed_in(door.sandbox.mcp(), "personal");
    let (foreign, elsewhere) = make_key(&door.home, "personal");
    door.refused(
        "another's key",
        &door.request("POST", &[("Authorization", Some(&format!("Bearer {foreign}")))]),
        401,
    );
    let request = door.request("POST", &[]).replace(door.url.path(), elsewhere.path());
    door.refused("this key elsewhere", &request, 401);
    for path in ["/", "/mcp", "/.well-known/oauth-protected-resource", "/sandbox/log"] {
        let request = door.request("GET", &[]).replacen(door.url.path(), path, 1);
        door.refused(path, &request, 404);
    }
    // Taken away, it opens nothing from that moment on.
    let keys = door.home.run(&["door", "--json"]).ok().json()["keys"].clone();
    door.home.run(&["door", "forget", keys[0]["id"].as_str().expect("an id")]).ok();
    door.refused("a key that was taken away", &door.request("POST", &[]), 401);
    // The person is told nothing of all this but what is there to be told.
    assert!(door.home.opened().len() == 2, "only the two sign-ins");
}

/// Bytes that are no HTTP, or that do not end, cost their sender a connection and nobody else anything.
#[test]
fn rubbish_at_the_door() {
    let door = Door::open();
    let big = format!("POST / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(200_000));
    for bytes in [&b"\0\0\0\0"[..], b"GET / HTTP/9\r\n\r\n", b"{\"jsonrpc\":\"2.0\"}\n", big.as_bytes()] {
        let answer = raw::tcp(door.address(), bytes).unwrap_or_default();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let long = format!("{}", 1_u64 << 40);
    let answer = raw::tcp_and_wait(
        door.address(),
        door.request("POST", &[("Content-Length", Some(&long))]).as_bytes(),
    );
    assert!(answer.is_some_and(|answer| answer.starts_with("HTTP/1.1 413 ")), "a body without end");
    assert_eq!(post(&door, None, &hello()).status(), 200);
}

#[test]
fn the_socket_for_clients_that_know_one() {
    let door = Door::open();
    post(&door, None, &hello());
    door.allow();
    let made = door.home.run(&["door", "--json"]).ok().json()["keys"][0].clone();
    let local = made["local_url"].as_str().expect("an address").to_owned();
    let (socket, path) =
        local.strip_prefix("unix://").and_then(|rest| rest.split_once('#')).expect("VS Code's form");
    let ask = |changes: &[(&str, Option<&str>)]| {
        let mut stream = UnixStream::connect(socket).expect("the socket is there");
        let request = door.request("POST", changes).replacen(door.url.path(), path, 1);
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    assert!(ask(&[("Host", Some("localhost"))]).starts_with("HTTP/1.1 200 "));
    assert!(ask(&[("Authorization", None)]).starts_with("HTTP/1.1 401 "), "also here a key is needed");
    assert!(ask(&[("Origin", Some("null"))]).starts_with("HTTP/1.1 403 "));
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(socket).expect("it is there"));
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
