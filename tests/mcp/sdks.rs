//! Clients of the official SDKs and MCP Inspector behind `mcp-login proxy` and at the HTTP door, against servers of the official SDKs, with the
//! sandbox's sign-in in front of them: each client at each server, also where the two speak different eras.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;

use mcp_login_tests::child::Running;
use mcp_login_tests::{Home, SETTINGS, npm, workspace};
use mcp_login_tests_mcp::python::python;
use mcp_login_tests_mcp::signing::ACCOUNT;
use mcp_login_tests_mcp::{Attendant, Front, Signing, Suite, Wire};
use serde_json::Value;

const EVERY_CLIENT: &[&str] = &["client-v1.mjs", "client-v2.mjs", "client.py"];

/// The packages, with our programs of theirs beside them.
fn place() -> std::path::PathBuf {
    let place = npm::install("sdks");
    for name in [
        "talk.mjs",
        "client-v1.mjs",
        "client-v2.mjs",
        "server-v1.mjs",
        "server-v2.mjs",
        "client.py",
        "server.py",
    ] {
        npm::copy(&workspace().join("tests/sdks"), &place, name);
    }
    place
}

/// What runs a program of theirs.
fn runner(name: &str) -> Command {
    let mut command = match name.rsplit_once('.') {
        Some((_, "py")) => Command::new(python()),
        _ => Command::new(Suite::get().node()),
    };
    command.arg(place().join(name));
    command
}

/// A server of theirs, protected.
struct Server {
    _running: Running,
    front: Front,
}

impl Server {
    fn start(name: &str) -> Server {
        let running = Running::start(name, &mut runner(name));
        let ready = running.line_with(|line| serde_json::from_str::<Value>(line).ok());
        Server { front: Front::of(ready["url"].as_str().unwrap()), _running: running }
    }
}

/// How a client of theirs comes to the server.
enum Way {
    /// To this server, through `mcp-login proxy`.
    Proxy(String),
    /// To this address of the door, with this key.
    Door(String, String),
}

/// A client of theirs, whose server is our proxy or our door.
struct Client {
    running: Running,
    stdin: Option<ChildStdin>,
}

impl Client {
    fn start(home: &Home, name: &str, way: &Way) -> Client {
        let theirs = runner(name);
        let mut command = home.program(theirs.get_program());
        command.args(theirs.get_args());
        match way {
            Way::Proxy(url) => command.arg(&home.programs().command).args(["proxy", url]),
            Way::Door(url, key) => command.arg(url).env("DOOR_KEY", key),
        };
        command.stdin(Stdio::piped());
        let mut running = Running::start(name, &mut command);
        let stdin = running.stdin();
        Client { running, stdin }
    }

    fn line(&self) -> Value {
        serde_json::from_str(&self.running.line()).unwrap()
    }

    /// Has the server's `echo` say something.
    fn says(&mut self, text: &str) -> String {
        writeln!(self.stdin.as_mut().unwrap(), "{text}").unwrap();
        self.line()["said"].as_str().unwrap().to_owned()
    }

    fn close(mut self) {
        drop(self.stdin.take());
        let (status, _, stderr) = self.running.finish();
        assert!(status.success(), "{stderr}");
    }
}

/// From before the sign-in to after a sign-out, in one conversation through the proxy.
fn story(server: &str) {
    let server = Server::start(server);
    let url = server.front.url();
    let signing = Arc::new(Signing::new(url, "loopback", None));
    let _person = Attendant::of(Arc::clone(&signing));
    let home = signing.home();
    let way = Way::Proxy(url.to_owned());
    for name in EVERY_CLIENT {
        let mut client = renewed(&server, home, &way, name);
        home.run(&["logout", ACCOUNT]).ok();
        // The person beside signs in again.
        assert!(client.says("and again").ends_with(": and again"), "{name}");
        client.close();
    }
    inspector(home, &way);
}

/// From after the sign-in to after a sign-out, through the door. It passes on what a client says as it is, so that clients
/// speak the server's form of MCP there.
fn story_at_the_door(server: &str, clients: &[&str]) {
    let server = Server::start(server);
    let signing = Arc::new(Signing::new(server.front.url(), "loopback", None));
    let home = signing.home();
    home.write_settings(&format!("{SETTINGS}approvals = \"terminal\"\n"));
    let _person = Attendant::of(Arc::clone(&signing));
    signing.sign_in(None).unwrap();
    home.run(&["door", "on"]).ok();
    let made = home.run(&["door", "key", ACCOUNT, "--client", "theirs", "--json"]).ok().json();
    let (url, key) = (made["made"]["url"].as_str().unwrap(), made["key"].as_str().unwrap());
    // The first knock is a question to the person.
    let refused = Wire::new(url, "2025-11-25").initialize(Some(key));
    assert_eq!(refused.message["error"]["data"]["code"], "not_approved", "{}", refused.message);
    let pending = home.run(&["approvals", "--json"]).ok().json()["pending"][0]["id"].clone();
    home.run(&["approvals", "allow", pending.as_str().unwrap(), "--for", "always"]).ok();
    let way = Way::Door(url.to_owned(), key.to_owned());
    for name in clients {
        let mut client = hello(home, &way, name);
        assert!(client.says("still there").ends_with(": still there"), "{name}");
        client.close();
    }
    renewed(&server, home, &way, "client.py").close();
    if clients == EVERY_CLIENT {
        inspector(home, &way); // which speaks the form with sessions
    }
    // A key goes with its account.
    home.run(&["logout", ACCOUNT]).ok();
    assert_eq!(Wire::new(url, "2025-11-25").initialize(Some(key)).status, 401);
}

/// The beginning of a conversation.
fn hello(home: &Home, way: &Way, name: &str) -> Client {
    let mut client = Client::start(home, name, way);
    assert_eq!(client.line()["tools"], serde_json::json!(["echo"]), "{name}");
    let said = client.says("hello");
    assert!(said.ends_with(": hello"), "{name}: {said}");
    client
}

/// A conversation in which the token ends at the server, and is renewed: the client hears nothing of it. Not twice in a row
/// for one sign-in: two fresh tokens that are refused are a server that refuses.
fn renewed(server: &Server, home: &Home, way: &Way, name: &str) -> Client {
    let mut client = hello(home, way, name);
    server.front.expire();
    assert!(client.says("still there").ends_with(": still there"), "{name}");
    client
}

/// MCP Inspector lists the tools and calls one, each in a start of its own.
fn inspector(home: &Home, way: &Way) {
    let launcher =
        place().join("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js");
    let ask = |arguments: &[&str]| {
        let mut command = home.program(Suite::get().node());
        command.arg(&launcher).arg("--cli");
        match way {
            Way::Proxy(url) => {
                // Of the environment it hands on only what is named.
                command.args(["-e", &format!("MCP_LOGIN_HOME={}", home.dir().display())]);
                command.arg(&home.programs().command).args(["proxy", url])
            }
            Way::Door(url, key) => command
                .args(["--transport", "http", "--server-url", url])
                .args(["--header", &format!("Authorization: Bearer {key}")]),
        };
        mcp_login_tests::Said::of(command.args(arguments)).ok().json()
    };
    let tools = ask(&["--method", "tools/list"]);
    assert_eq!(tools["tools"][0]["name"], "echo", "{tools}");
    let said = ask(&["--method", "tools/call", "--tool-name", "echo", "--tool-arg", "text=hello"]);
    assert!(said["content"][0]["text"].as_str().unwrap().ends_with(": hello"), "{said}");
}

#[test]
fn a_server_with_sessions() {
    story("server-v1.mjs");
}

#[test]
fn a_server_without_sessions() {
    story("server-v2.mjs");
}

#[test]
fn a_server_in_python() {
    story("server.py");
}

#[test]
fn the_door_to_a_server_with_sessions() {
    story_at_the_door("server-v1.mjs", EVERY_CLIENT);
}

#[test]
fn the_door_to_a_server_without_sessions() {
    story_at_the_door("server-v2.mjs", &["client-v2.mjs", "client.py"]);
}
