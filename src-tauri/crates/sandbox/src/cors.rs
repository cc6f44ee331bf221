//! What browser-based inspectors need (Fetch, CORS). Metadata and token endpoints carry no cookies and are open to
//! every origin; the MCP endpoint answers pages on loopback only, since it must check `Origin` (MCP, Streamable
//! HTTP); the consent page and the control interface are for nobody else's scripts.

use crate::endpoint::Endpoint;
use crate::wire::{Answer, Ask, empty, json, with};
use axum::http::Method;
use serde_json::json;
use url::{Host, Url};

fn is_loopback(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The origin that may read answers of this endpoint.
fn allowed(at: Endpoint, origin: &str) -> Option<&str> {
    match at {
        Endpoint::Authorize | Endpoint::Control | Endpoint::Trap => None,
        Endpoint::Mcp => is_loopback(origin).then_some(origin),
        _ => Some("*"),
    }
}

/// A refusal, or the answer to a preflight request.
pub(crate) fn before(ask: &Ask, at: Endpoint) -> Option<Answer> {
    let origin = ask.header("origin")?;
    if at == Endpoint::Mcp && !is_loopback(origin) {
        let body =
            json!({"error": "foreign_origin", "error_description": "this origin may not use the MCP server"});
        return Some(json(403, &body));
    }
    (ask.method == Method::OPTIONS).then(|| empty(204))
}

/// Adds the headers.
pub(crate) fn after(ask: &Ask, at: Endpoint, answer: Answer) -> Answer {
    let Some(origin) = ask.header("origin") else { return answer };
    let Some(allowed) = allowed(at, origin) else { return answer };
    let answer = with(answer, "access-control-allow-origin", allowed);
    let answer = with(answer, "vary", "Origin");
    let answer = with(
        answer,
        "access-control-expose-headers",
        "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, Retry-After",
    );
    if ask.method != Method::OPTIONS {
        return answer;
    }
    let answer = with(answer, "access-control-allow-methods", "GET, POST, DELETE, OPTIONS");
    let answer = with(
        answer,
        "access-control-allow-headers",
        "Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID",
    );
    with(answer, "access-control-max-age", "600")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_origins_are_told_apart() {
        for yes in ["http://localhost:6274", "http://127.0.0.1:1", "http://[::1]:2"] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in ["https://attacker.example", "null", "http://127.0.0.1.attacker.example"] {
            assert!(!is_loopback(no), "{no}");
        }
    }
}
