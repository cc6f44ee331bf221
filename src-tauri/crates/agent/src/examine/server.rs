//! The access token at the MCP server: a first request of either era, its session, and whether a token is refused.

use super::{Examiner, judge};
use mcp_login_ipc::api::{Part, Verdict};
use mcp_login_ipc::finding::Find;
use mcp_login_oauth::AccessToken;
use mcp_login_oauth::http::{Http as _, HttpFailure, Purpose, Request, bearer};
use serde_json::{Value, json};

/// MCP 2025-11-25, Session Management.
const SESSION: &str = "mcp-session-id";
/// The newest revision whose first request is `initialize`.
const INITIALIZE: &str = "2025-11-25";
/// The first one whose first request is `server/discover`.
const DISCOVER: &str = "2026-07-28";

type Answer = Result<http::Response<Vec<u8>>, HttpFailure>;

impl Examiner {
    /// One first request, and the end of the session that it began.
    pub(super) async fn use_token(&mut self, part: Part, token: &AccessToken) {
        let host = self.wish.server.host().to_owned();
        let by = judge::clause(Purpose::Challenge, "");
        let mut answer = self.initialize(token).await;
        // A server of the newer revision has no such method.
        if matches!(&answer, Ok(answer) if matches!(answer.status().as_u16(), 400 | 404 | 405 | 422)) {
            answer = self.discover_server(token).await;
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => {
                self.notebook.found(part, judge::failure(failure, &host, by));
                return;
            }
        };
        let status = answer.status().as_u16();
        match status {
            200..=299 => {
                if let Some(version) = protocol_version(answer.body()) {
                    self.notebook.saw(part, "MCP", version);
                }
            }
            401 => self.notebook.found(part, Find::TokenRefused.found().with("status", status)),
            403 => self.notebook.found(part, Find::ScopeRefused.found().with("status", status)),
            429 | 500..=599 => self.notebook.found(part, judge::later(status, &host, by)),
            _ => self.notebook.found(part, Find::ServerAnswer.found().with("status", status)),
        }
        if let Some(session) = answer.headers().get(SESSION).cloned() {
            let ping = json!({"jsonrpc": "2.0", "id": 2, "method": "ping"});
            let known = self.post(token, &ping, INITIALIZE, &[(SESSION, session.clone())]).await;
            if let Ok(known) = known
                && known.status() == http::StatusCode::NOT_FOUND
            {
                self.notebook.found(part, Find::SessionLost.found().with("status", 404));
            }
            // Best effort: servers may not let clients end a session (405).
            let _ = self.send(token, http::Method::DELETE, Vec::new(), &[(SESSION, session)]).await;
        }
    }

    /// What the server makes of a token that has ended, or should have.
    pub(super) async fn takes(&self, token: &AccessToken) -> Verdict {
        match self.initialize(token).await {
            Ok(answer) => match answer.status().as_u16() {
                401 => Verdict::Inactive,
                403 => Verdict::Refused,
                429 | 500..=599 => Verdict::Unreachable,
                _ => Verdict::Active,
            },
            Err(_) => Verdict::Unreachable,
        }
    }

    async fn initialize(&self, token: &AccessToken) -> Answer {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": INITIALIZE, "capabilities": {},
            "clientInfo": {"name": "mcp-login", "version": env!("CARGO_PKG_VERSION")}}});
        self.post(token, &body, INITIALIZE, &[]).await
    }

    async fn discover_server(&self, token: &AccessToken) -> Answer {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": {
            "io.modelcontextprotocol/protocolVersion": DISCOVER,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "mcp-login", "version": env!("CARGO_PKG_VERSION")}}}});
        let method = http::HeaderValue::from_static("server/discover");
        self.post(token, &body, DISCOVER, &[("mcp-method", method)]).await
    }

    async fn post(
        &self,
        token: &AccessToken,
        body: &Value,
        version: &'static str,
        more: &[(&'static str, http::HeaderValue)],
    ) -> Answer {
        let mut headers = vec![
            ("content-type", http::HeaderValue::from_static("application/json")),
            ("accept", http::HeaderValue::from_static("application/json, text/event-stream")),
            ("mcp-protocol-version", http::HeaderValue::from_static(version)),
        ];
        headers.extend(more.iter().cloned());
        self.send(token, http::Method::POST, body.to_string().into_bytes(), &headers).await
    }

    async fn send(
        &self,
        token: &AccessToken,
        method: http::Method,
        body: Vec<u8>,
        headers: &[(&'static str, http::HeaderValue)],
    ) -> Answer {
        let invalid = |_| HttpFailure::NotSent(mcp_login_oauth::http::NotSent::Invalid);
        let server = &self.wish.server;
        let mut builder = http::Request::builder()
            .method(method)
            .uri(server.url().as_str())
            .header(http::header::AUTHORIZATION, bearer(token.expose())?);
        for (name, value) in headers {
            builder = builder.header(*name, value);
        }
        let inner = builder.body(body).map_err(invalid)?;
        let reach = self.ground.reach.for_url(server.url());
        self.recorder.send(Request { purpose: Purpose::Challenge, reach, inner }).await
    }
}

/// The revision that the server chose, from a plain answer or the first event of a stream.
fn protocol_version(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let json = text.lines().find_map(|line| line.strip_prefix("data:")).unwrap_or(text);
    let answer: Value = serde_json::from_str(json.trim()).ok()?;
    let result = answer.get("result")?;
    let version =
        result.get("protocolVersion").or_else(|| result.get("supportedVersions")?.get(0))?.as_str()?;
    Some(version.chars().filter(char::is_ascii_graphic).take(32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_of_both_kinds_of_answer() {
        let plain = br#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}"#;
        let stream = b"event: message\ndata: {\"result\":{\"supportedVersions\":[\"2026-07-28\"]}}\n\n";
        assert_eq!(protocol_version(plain).as_deref(), Some("2025-11-25"));
        assert_eq!(protocol_version(stream).as_deref(), Some("2026-07-28"));
        assert_eq!(protocol_version(b"<html>"), None);
    }
}
