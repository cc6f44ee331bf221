//! Passing a request on, with the key exchanged for the bearer.

use std::time::Duration;

use ::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use ::http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::body::{Out, whole};
use super::guard::{self, Refusal};
use super::{Doorkeeper, Entry};
use crate::frame::{Frame, Kind};
use crate::limits::Limits;
use crate::upstream::{Ask, Fault, Patience, Waiting};

/// A program on this machine needs no longer for a message of the largest size.
const BODY: Duration = Duration::from_secs(60);

/// Fields that go to the server; what is mirrored from a tool's arguments besides (MCP 2026-07-28, Streamable HTTP).
const IN: [&str; 7] = [
    "accept",
    "content-type",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "last-event-id",
];
/// The same by their beginning.
const MIRRORED: &str = "mcp-param-";

/// Answers one request. Total: whatever is asked, there is an answer.
pub(super) async fn answer(
    request: Request<Incoming>,
    entry: Entry,
    keeper: &dyn Doorkeeper,
) -> Response<Out> {
    match admitted(request, entry, keeper).await {
        Ok(response) => response,
        Err(refusal) => refuse(refusal),
    }
}

async fn admitted(
    request: Request<Incoming>,
    entry: Entry,
    keeper: &dyn Doorkeeper,
) -> Result<Response<Out>, Refusal> {
    let (parts, body) = request.into_parts();
    let shown = guard::shown(&parts, entry)?;
    let upstream = keeper.admit(&shown.account, &shown.key).await.ok_or(Refusal::Key)?;
    guard::asked(&parts)?;
    let body = timeout(BODY, whole(body, Limits::default().message)).await.unwrap_or(Err(Refusal::Slow))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &parts.headers {
        if IN.contains(&name.as_str()) || name.as_str().starts_with(MIRRORED) {
            headers.append(name.clone(), value.clone());
        }
    }
    if !headers.contains_key(ACCEPT) {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    }
    let ask = Ask { method: parts.method, headers, body, at: None };
    Ok(match upstream.send(&ask, Patience::ForAPerson, &Waiting::default()).await {
        Ok(response) => returned(response),
        Err(fault) => failed(&ask, &fault),
    })
}

/// The server's answer, without what is only about its connection, its cookies or its origin.
fn returned(response: Response<crate::http::BodyStream>) -> Response<Out> {
    let (parts, body) = response.into_parts();
    let mut back = Response::new(Out::Stream(body));
    *back.status_mut() = parts.status;
    for name in [
        CONTENT_TYPE,
        RETRY_AFTER,
        ALLOW,
        HeaderName::from_static("mcp-session-id"),
        HeaderName::from_static("mcp-protocol-version"),
    ] {
        for value in parts.headers.get_all(&name) {
            back.headers_mut().append(&name, value.clone());
        }
    }
    quiet(back.headers_mut());
    back
}

/// Our own word. To a request it is a JSON-RPC error, which every client shows; to anything else a status.
fn failed(ask: &Ask, fault: &Fault) -> Response<Out> {
    let frame = Frame::read(&ask.body);
    let id = match frame.and_then(|frame| frame.kind()) {
        Some(Kind::Request(_)) => frame_id(&ask.body),
        _ => None,
    };
    let mut response = match &id {
        Some(id) => Response::new(Out::bytes(fault.answer(id))),
        None => {
            let mut response = Response::new(Out::bytes(fault.answer("null")));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    quiet(response.headers_mut());
    response
}

fn frame_id(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        id: &'a serde_json::value::RawValue,
    }
    serde_json::from_slice::<Named<'_>>(body).ok().map(|named| named.id.get().to_owned())
}

fn refuse(refusal: Refusal) -> Response<Out> {
    let mut response = Response::new(Out::bytes(format!("{}\n", refusal.text())));
    *response.status_mut() = refusal.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    match refusal {
        // No `resource_metadata`: there is nothing to sign in to here.
        Refusal::Key => {
            drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"mcp-login\"")))
        }
        Refusal::Method => drop(headers.insert(ALLOW, HeaderValue::from_static("POST, GET, DELETE"))),
        _ => {}
    }
    quiet(headers);
    response
}

fn quiet(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
