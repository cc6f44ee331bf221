//! A small MCP client over Streamable HTTP that knows both eras and puts a bearer on.

use mcp_login_tests::http_client;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

/// The first revision without sessions.
pub const STATELESS: &str = "2026-07-28";

/// How client and server begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// `initialize`, then requests in a session.
    Sessions,
    /// Every request says everything.
    Stateless,
}

impl Era {
    /// Revisions are dates, and compare as texts.
    #[must_use]
    pub fn of(revision: &str) -> Era {
        if revision < STATELESS { Era::Sessions } else { Era::Stateless }
    }
}

/// The client.
#[derive(Debug)]
pub struct Wire {
    url: String,
    revision: String,
    session: Option<String>,
    last_id: u64,
    http: Client,
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The scopes of the challenge, if there is one.
    pub scopes: Option<String>,
    /// The message, if there is one.
    pub message: Value,
}

impl Wire {
    /// Speaks one revision with one server.
    #[must_use]
    pub fn new(url: &str, revision: &str) -> Wire {
        let http = http_client(|client| client);
        Wire { url: url.to_owned(), revision: revision.to_owned(), session: None, last_id: 0, http }
    }

    /// Which era that is.
    #[must_use]
    pub fn era(&self) -> Era {
        Era::of(&self.revision)
    }

    /// A request.
    pub fn request(&mut self, method: &str, params: Value, token: Option<&str>) -> Answer {
        self.last_id += 1;
        let id = self.last_id;
        self.post(method, params, Some(id), token)
    }

    /// The request that begins a session, and the notification after it.
    pub fn initialize(&mut self, token: Option<&str>) -> Answer {
        let client = json!({ "name": "mcp-login-conformance", "version": "0" });
        let params = json!({ "protocolVersion": self.revision, "capabilities": {}, "clientInfo": client });
        let answer = self.request("initialize", params, token);
        if answer.status == 200 {
            self.post("notifications/initialized", Value::Null, None, token);
        }
        answer
    }

    fn post(&mut self, method: &str, mut params: Value, id: Option<u64>, token: Option<&str>) -> Answer {
        let mut request = self.http.post(&self.url).header("accept", "application/json, text/event-stream");
        if self.era() == Era::Stateless {
            if params.is_null() {
                params = json!({});
            }
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": self.revision,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": { "name": "mcp-login-conformance", "version": "0" },
            });
            request = request.header("mcp-method", method);
            if let Some(name) = params["name"].as_str() {
                request = request.header("mcp-name", name);
            }
        }
        if method != "initialize" {
            request = request.header("mcp-protocol-version", &self.revision);
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let mut body = json!({ "jsonrpc": "2.0", "method": method });
        if !params.is_null() {
            body["params"] = params;
        }
        if let Some(id) = id {
            body["id"] = id.into();
        }
        let answer = request.json(&body).send().expect("the server answers");
        if let Some(session) = answer.headers().get("mcp-session-id") {
            self.session = session.to_str().ok().map(str::to_owned);
        }
        read(answer)
    }
}

fn read(answer: Response) -> Answer {
    let status = answer.status().as_u16();
    let challenge = answer.headers().get("www-authenticate").and_then(|value| value.to_str().ok());
    let scopes = challenge.and_then(|challenge| {
        challenge.split_once("scope=\"")?.1.split_once('"').map(|(scopes, _)| scopes.to_owned())
    });
    let body = answer.text().unwrap_or_default();
    let events = body.lines().filter_map(|line| line.strip_prefix("data:"));
    let message =
        events.chain([body.as_str()]).find_map(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    Answer { status, scopes, message }
}
