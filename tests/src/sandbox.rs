//! The real sandbox: an authorization server and a protected MCP server on loopback, with fault switches, and with a
//! request log that says what really arrived.

use std::net::SocketAddr;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::child::Running;
use crate::programs::{Build, Programs};

/// A running sandbox.
#[derive(Debug)]
pub struct Sandbox {
    running: Running,
    ready: Ready,
    http: reqwest::blocking::Client,
}

#[derive(Debug, Deserialize)]
struct Ready {
    issuer: Option<String>,
    mcp: Option<String>,
    control: String,
    port: u16,
}

/// One request that arrived. Secrets are short hashes, the same for the same secret.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// Counts up from 1.
    pub n: u64,
    /// What the path is for: `metadata`, `register`, `authorize`, `code` and `refresh` (the token endpoint by grant),
    /// `revocation`, `introspection`, `mcp`, `trap` …
    pub endpoint: String,
    /// `GET`, `POST` …
    pub method: String,
    /// Without the query.
    pub path: String,
    /// The parameters of the query.
    #[serde(default)]
    pub query: Value,
    /// The parameters of a form, or the members of a JSON body.
    #[serde(default)]
    pub params: Value,
    /// A number, or `dropped` or `hung`; null while it has not ended.
    #[serde(default)]
    pub status: Value,
    /// Everything else that was written down, such as `headers`, and the hashes of what was issued.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

impl Request {
    /// Whether it asks the authorization endpoint without a person (`prompt=none`), as the agent itself does to see whether
    /// a redirect is taken; browsers bring other prompts or none.
    pub fn asks_nobody(&self) -> bool {
        self.param("prompt") == Some("none")
    }

    /// A parameter of body or query, if it came once and as text.
    pub fn param(&self, name: &str) -> Option<&str> {
        [&self.params, &self.query].into_iter().find_map(|params| params.get(name)?.as_str())
    }

    /// A header that is kept; a bearer token as `Bearer <hash>`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.rest.get("headers")?.get(name)?.as_str()
    }

    /// The MCP method of a message.
    pub fn rpc(&self) -> Option<&str> {
        self.rest.get("rpc")?.get("method")?.as_str()
    }

    /// Whether it was answered with this status.
    pub fn answered(&self, status: u16) -> bool {
        self.status == status
    }
}

impl Sandbox {
    /// Starts it on a free port: both servers in one process, a consent page that asks.
    pub fn start() -> Sandbox {
        Self::start_with(&[])
    }

    /// The same with more arguments.
    pub fn start_with(arguments: &[&str]) -> Sandbox {
        let mut command = Command::new(&Programs::get(Build::Plain).sandbox);
        command.args(["--port", "0"]).args(arguments);
        let running = Running::start("mcp-login-sandbox", &mut command);
        let ready = running.line_with(|line| serde_json::from_str::<Ready>(line).ok());
        // Its certificate is a test's own; what the sandbox tells the test needs no protection.
        let http = crate::http_client(|client| client.tls_danger_accept_invalid_certs(true));
        Sandbox { running, ready, http }
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        self.ready.issuer.as_deref().expect("this sandbox is no issuer")
    }

    /// The address of the MCP server.
    pub fn mcp(&self) -> &str {
        self.ready.mcp.as_deref().expect("this sandbox is no MCP server")
    }

    /// Where it really listens, whatever name `--origin` gives it: for a [`crate::Proxy`].
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ready.port))
    }

    /// One of its addresses by its port, so that the test needs no name.
    fn local(&self, url: &str) -> String {
        let mut url = Url::parse(url).unwrap_or_else(|error| panic!("the sandbox's address {url}: {error}"));
        url.set_host(Some("127.0.0.1")).expect("http addresses have hosts");
        url.set_port(Some(self.ready.port)).expect("http addresses have ports");
        url.into()
    }

    /// The process.
    pub fn running(&mut self) -> &mut Running {
        &mut self.running
    }

    /// Turns a fault on: `fault("wrong-iss", "")`, `fault("slow", "token:500")`.
    pub fn fault(&self, name: &str, argument: &str) {
        self.control("POST", "faults", &json!({ name: argument }));
    }

    /// Turns a fault off.
    pub fn heal(&self, name: &str) {
        self.control("POST", "faults", &json!({ name: null }));
    }

    /// Lets tokens expire on the server's side: `access`, `refresh` or `all`.
    pub fn expire(&self, what: &str) {
        self.control("POST", "expire", &json!({ "what": what }));
    }

    /// How many tokens of which kind live. Never their values.
    pub fn tokens(&self) -> Value {
        self.control("GET", "tokens", &Value::Null)
    }

    /// What has arrived, oldest first.
    pub fn log(&self) -> Vec<Request> {
        let answer = self.control("GET", "log", &Value::Null);
        let entries = answer.get("entries").or_else(|| answer.get("log")).unwrap_or(&answer).clone();
        serde_json::from_value(entries)
            .unwrap_or_else(|error| panic!("the sandbox's log ({error}): {answer}"))
    }

    /// What has arrived at one endpoint: `at("refresh")` are the token requests with a refresh token.
    pub fn at(&self, endpoint: &str) -> Vec<Request> {
        self.log().into_iter().filter(|request| request.endpoint == endpoint).collect()
    }

    /// What the MCP server answers to a token, as a status: 200, 401 …
    pub fn mcp_answers(&self, token: &str) -> u16 {
        let initialize = json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": { "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "0" } },
        });
        let answer = self
            .http
            .post(self.local(self.mcp()))
            .bearer_auth(token)
            .header("accept", "application/json, text/event-stream")
            .json(&initialize)
            .send();
        answer.expect("the MCP server answers").status().as_u16()
    }

    /// One call of the control interface.
    pub fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/{path}", self.local(&self.ready.control).trim_end_matches('/'));
        let request = match method {
            "GET" => self.http.get(&url),
            "DELETE" => self.http.delete(&url),
            _ => self.http.post(&url).json(body),
        };
        let answer =
            request.send().unwrap_or_else(|error| panic!("the sandbox's control interface: {error}"));
        let status = answer.status();
        let text = answer.text().unwrap_or_default();
        assert!(status.is_success(), "{method} {url} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}
