//! Clients of the official SDKs and MCP Inspector behind `mcp-login proxy`, against servers of the official SDKs, with the
//! sandbox's sign-in in front of them: each client at each server, also where the two speak different eras.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;

use mcp_login_tests::child::Running;
use mcp_login_tests::{Home, npm, workspace};
use mcp_login_tests_mcp::python::python;
use mcp_login_tests_mcp::signing::ACCOUNT;
use mcp_login_tests_mcp::{Attendant, Front, Signing, Suite};
use serde_json::Value;

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

/// A client of theirs, whose server is our proxy.
struct Client {
    running: Running,
    stdin: Option<ChildStdin>,
}

impl Client {
    fn start(home: &Home, name: &str, url: &str) -> Client {
        let theirs = runner(name);
        let mut command = home.program(theirs.get_program());
        command.args(theirs.get_args()).arg(&home.programs().command).args(["proxy", url]);
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

/// From before the sign-in to after a sign-out, in one conversation.
fn story(server: &str) {
    let server = Server::start(server);
    let url = server.front.url();
    let signing = Arc::new(Signing::new(url, "loopback", None));
    let home = signing.home();
    let _person = Attendant::of(Arc::clone(&signing));
    for name in ["client-v1.mjs", "client-v2.mjs", "client.py"] {
        let mut client = Client::start(home, name, url);
        assert_eq!(client.line()["tools"], serde_json::json!(["echo"]), "{name}");
        let said = client.says("hello");
        assert!(said.ends_with(": hello"), "{name}: {said}");
        // The token ends at the server: the client hears nothing of the new one.
        server.front.expire();
        assert!(client.says("still there").ends_with(": still there"), "{name}");
        home.run(&["logout", ACCOUNT]).ok();
        // The person beside signs in again.
        assert!(client.says("and again").ends_with(": and again"), "{name}");
        client.close();
    }
    inspector(home, url);
}

/// MCP Inspector lists the tools and calls one, each in a start of its own.
fn inspector(home: &Home, url: &str) {
    let launcher =
        place().join("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js");
    let ask = |arguments: &[&str]| {
        let mut command = home.program(Suite::get().node());
        // Of the environment it hands on only what is named.
        let place = format!("MCP_LOGIN_HOME={}", home.dir().display());
        command.arg(&launcher).args(["--cli", "-e", &place]);
        command.arg(&home.programs().command).args(["proxy", url]).args(arguments);
        mcp_login_tests::Said::of(&mut command).ok().json()
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
