//! An MCP client over standard input and output, as one would start `mcp-login proxy`: it speaks JSON lines and knows nothing
//! else of us.

use std::collections::VecDeque;
use std::io::Write as _;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::child::Running;
use crate::{Home, wait};

/// The revision with sessions that the tests speak.
pub const SESSION: &str = "2025-11-25";
/// The revision without.
pub const STATELESS: &str = "2026-07-28";

/// A client with its server's process. Dropped, the process is killed.
#[derive(Debug)]
pub struct McpClient {
    running: Running,
    stdin: Option<ChildStdin>,
    last: u64,
    /// Everything that came, as it came.
    heard: String,
    /// What came and was not asked for yet.
    kept: VecDeque<Value>,
}

impl McpClient {
    /// Starts `mcp-login proxy ACCOUNT`.
    pub fn proxy(home: &Home, account: &str) -> McpClient {
        Self::start(&mut home.command(&["proxy", account]))
    }

    /// Starts any server.
    pub fn start(command: &mut Command) -> McpClient {
        command.stdin(Stdio::piped());
        let mut running = Running::start("an MCP server on stdio", command);
        let stdin = running.stdin();
        McpClient { running, stdin, last: 0, heard: String::new(), kept: VecDeque::new() }
    }

    /// The server's process.
    pub fn running(&mut self) -> &mut Running {
        &mut self.running
    }

    /// Sends one message.
    pub fn send(&mut self, message: &Value) {
        self.send_bytes(format!("{message}\n").as_bytes());
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("the client is not closed");
        stdin.write_all(bytes).and_then(|()| stdin.flush()).expect("the server reads");
    }

    /// Sends a request and returns its id, to wait for the answer later.
    pub fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.last += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params }));
        self.last
    }

    /// The answer to a request, whole. What else comes is kept.
    #[track_caller]
    pub fn answer(&mut self, id: u64) -> Value {
        let deadline = Instant::now() + wait::LONG + wait::LONG;
        if let Some(at) = self.kept.iter().position(|message| is_answer(message, id)) {
            return self.kept.remove(at).expect("it is there");
        }
        while Instant::now() < deadline {
            let message = self.message();
            if is_answer(&message, id) {
                return message;
            }
            self.kept.push_back(message);
        }
        panic!("no answer to {id}");
    }

    /// The next message, whatever it is.
    #[track_caller]
    pub fn message(&mut self) -> Value {
        let line = self.running.line();
        self.heard.push_str(&line);
        self.heard.push('\n');
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"))
    }

    /// Whether nothing more than what was asked for has come within this time.
    pub fn is_silent(&mut self, within: Duration) -> bool {
        self.kept.is_empty() && self.running.line_within(within).is_none()
    }

    /// Asks, and demands a result.
    #[track_caller]
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        result(self.answer(id))
    }

    /// Asks, and demands an error.
    #[track_caller]
    pub fn refused(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        error(self.answer(id))
    }

    /// Begins a session.
    #[track_caller]
    pub fn initialize(&mut self) -> Value {
        let id = self.begin_session();
        let result = result(self.answer(id));
        self.initialized();
        result
    }

    /// Sends `initialize`.
    pub fn begin_session(&mut self) -> u64 {
        let client = json!({ "name": "test", "version": "0" });
        let params = json!({ "protocolVersion": SESSION, "capabilities": {}, "clientInfo": client });
        self.begin("initialize", params)
    }

    /// Says that the session has begun.
    pub fn initialized(&mut self) {
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    }

    /// Calls a tool.
    #[track_caller]
    pub fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// Has `echo` say something, and demands that it did.
    #[track_caller]
    pub fn echo(&mut self, text: &str) {
        let result = self.call("echo", json!({ "text": text }));
        assert!(result.to_string().contains(text), "{result}");
    }

    /// Everything that came until now, as it came.
    pub fn heard(&self) -> &str {
        &self.heard
    }

    /// Ends the client's side and waits for the server's end: status and standard error.
    pub fn close(mut self) -> (ExitStatus, String) {
        drop(self.stdin.take());
        let (status, _, stderr) = self.running.finish();
        (status, stderr)
    }
}

/// The parameters of a stateless request: with the `_meta` that the revision demands.
pub fn stateless(params: Value) -> Value {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "0" },
    });
    params
}

/// The result of an answer; an error is a panic.
#[track_caller]
pub fn result(answer: Value) -> Value {
    assert!(answer.get("result").is_some(), "an error: {answer}");
    answer["result"].clone()
}

/// The error of an answer; a result is a panic.
#[track_caller]
pub fn error(answer: Value) -> Value {
    assert!(answer.get("error").is_some(), "no error: {answer}");
    answer["error"].clone()
}

fn is_answer(message: &Value, id: u64) -> bool {
    message["id"] == id && message.get("method").is_none()
}
