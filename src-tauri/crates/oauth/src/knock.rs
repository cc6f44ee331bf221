//! The MCP requests without a token that show how a server asks for a sign-in.
//!
//! Problem: many servers say who they are to anybody and guard only what they do, and only the challenge of that names the
//! scopes it takes (MCP scope selection: the challenge before `scopes_supported`). Invariant: at most two requests, neither
//! of which does anything: `initialize`, and `tools/list` where the first was answered without a challenge.

use ::http::Response;
use ::http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

/// What every server that has sessions knows; an older one answers with its own.
const SESSIONS: &str = "2025-11-25";
/// The first revision without sessions.
const STATELESS: &str = "2026-07-28";

/// One request.
#[derive(Debug)]
pub(crate) struct Knock {
    headers: Vec<(&'static str, String)>,
    body: Value,
}

impl Knock {
    /// `initialize` is what every revision knows; a server of the stateless one answers 401 before it reads it.
    pub(crate) fn first() -> Self {
        let params = json!({"protocolVersion": SESSIONS, "capabilities": {}, "clientInfo": client()});
        Self { headers: Vec::new(), body: message("initialize", &params) }
    }

    /// `tools/list`, as the answer to the first shows that the server speaks; nothing when the answer is none of MCP's.
    pub(crate) fn second(answer: &Response<Vec<u8>>) -> Option<Self> {
        let said = read(answer.body())?;
        if let Some(result) = said.get("result") {
            let revision = result.get("protocolVersion").and_then(Value::as_str).unwrap_or(SESSIONS);
            let mut headers = vec![("mcp-protocol-version", revision.to_owned())];
            if let Some(session) = answer.headers().get("mcp-session-id") {
                headers.push(("mcp-session-id", session.to_str().ok()?.to_owned()));
            }
            return Some(Self { headers, body: message("tools/list", &json!({})) });
        }
        // A server that does not know `initialize`: one without sessions.
        said.get("error")?;
        let params = json!({"_meta": {
            "io.modelcontextprotocol/protocolVersion": STATELESS,
            "io.modelcontextprotocol/clientInfo": client(),
            "io.modelcontextprotocol/clientCapabilities": {},
        }});
        let headers =
            vec![("mcp-protocol-version", STATELESS.to_owned()), ("mcp-method", "tools/list".to_owned())];
        Some(Self { headers, body: message("tools/list", &params) })
    }

    /// Its head.
    pub(crate) fn request(&self, url: &str) -> ::http::request::Builder {
        let mut builder = ::http::Request::post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream");
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        builder
    }

    /// Its body.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.body.to_string().into_bytes()
    }
}

fn client() -> Value {
    json!({"name": "mcp-login", "version": "0"})
}

fn message(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
}

/// The answer's message, plain or as the first event of a stream.
fn read(body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(body).ok()?;
    let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let found =
        std::iter::once(text).chain(events).find_map(|text| serde_json::from_str::<Value>(text).ok())?;
    (found.get("jsonrpc")? == "2.0").then_some(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn second(body: &str, session: Option<&str>) -> Option<(Vec<(&'static str, String)>, Value)> {
        let mut answer = Response::builder();
        if let Some(session) = session {
            answer = answer.header("mcp-session-id", session);
        }
        let knock = Knock::second(&answer.body(body.as_bytes().to_vec()).unwrap())?;
        assert_eq!(knock.body["method"], "tools/list");
        Some((knock.headers, knock.body["params"].clone()))
    }

    #[test]
    fn the_second_speaks_as_the_server_does() {
        let older = "event: message\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-03-26\"}}\n\n";
        let (headers, params) = second(older, Some("s1")).unwrap();
        let expected = [("mcp-protocol-version", "2025-03-26"), ("mcp-session-id", "s1")];
        assert_eq!(headers, expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(params, json!({}));

        let (headers, params) =
            second(r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"?"}}"#, None).unwrap();
        assert_eq!(headers[0].1, STATELESS);
        assert_eq!(params["_meta"]["io.modelcontextprotocol/protocolVersion"], STATELESS);
    }

    #[test]
    fn what_is_no_mcp_is_not_asked_again() {
        for body in ["", "<html>", "[]", "{}", r#"{"jsonrpc":"2.0"}"#, r#"{"error":"invalid_token"}"#] {
            assert_eq!(second(body, None), None, "{body}");
        }
    }
}
