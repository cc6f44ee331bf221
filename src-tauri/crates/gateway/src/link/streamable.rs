//! Streamable HTTP with sessions (MCP 2025-03-26 to 2025-11-25, Transports).
//!
//! Problem: an answer may come as JSON, as events, or be cut off and taken up again; a session may be gone. Invariant: a request is
//! sent again only when it certainly was not carried out, or when doing it twice does nothing.

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response};
use tokio::io::AsyncWrite;

use super::refusal::Refusal;
use super::stream::{Origin, Reading};
use super::{Link, Stop};
use crate::fault::{Executed, Fault};
use crate::frame::Id;
use crate::http::{BodyStream, HttpFailure};
use crate::learnt::Era;
use crate::upstream::{Ask, Patience, Waiting};

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What is kept of the body of a refusal. Errors that say which versions are spoken stay below 1 KiB.
const REFUSAL: usize = 256 * 1024;
/// How often a stream that brings nothing is taken up again.
const RESUMPTIONS: usize = 5;

/// An error answer with this error.
pub(super) fn error_answer(id: &str, error: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#).into_bytes()
}

/// An answer with this result.
pub(super) fn result_answer(id: &str, result: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#).into_bytes()
}

/// Whether doing it twice does nothing.
pub(super) fn is_safe(method: &str) -> bool {
    matches!(
        method,
        "initialize"
            | "ping"
            | "server/discover"
            | "tools/list"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
            | "prompts/list"
            | "prompts/get"
            | "completion/complete"
    )
}

pub(super) fn is_events(response: &Response<BodyStream>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
}

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    /// A request in the client's session, or in ours, until its answer was passed on.
    pub(super) async fn in_session(
        &self,
        id: &Id,
        method: &str,
        bytes: Bytes,
        waiting: &Waiting,
    ) -> Result<(), Stop> {
        self.table.went_out(id, Era::Sessions);
        let (mut renewed, mut again) = (false, false);
        loop {
            if self.session.state().http_sse {
                return Box::pin(self.over_http_sse(id, method, bytes, waiting)).await;
            }
            // Not in the middle of a handshake.
            drop(self.session.turn.lock().await);
            let (ask, epoch, in_session) = self.post(bytes.clone());
            let may_renew = in_session && !renewed && self.session.state().initialize.is_some();
            let response = match self.upstream.send(&ask, Patience::ForAPerson, waiting).await {
                Ok(response) => response,
                Err(Fault::Http(HttpFailure::Lost, _)) if is_safe(method) && !again => {
                    again = true;
                    continue;
                }
                Err(fault) => return Err(fault.into()),
            };
            self.session.answered.notify_waiters();
            if response.status().is_success() {
                return match self.read_answer(response, id, method).await {
                    Err(Stop::Fault(Fault::CutOff(_) | Fault::Http(HttpFailure::Lost, _)))
                        if is_safe(method) && !again && self.table.waits(id) =>
                    {
                        again = true;
                        continue;
                    }
                    outcome => outcome,
                };
            }
            let refusal = self.refusal(response).await?;
            // 404 is what the specification asks for (Session Management, 3); 400 is what many servers answer.
            let gone = refusal.status == 404 || (refusal.status == 400 && !refusal.answers_a_request());
            if gone && may_renew && !refusal.is_modern() {
                renewed = true;
                Box::pin(self.renew(epoch, waiting)).await?;
                continue;
            }
            return Err(Stop::Refused(refusal));
        }
    }

    /// Reads what came for a request, and takes the stream up again when it broke off.
    pub(super) async fn read_answer(
        &self,
        response: Response<BodyStream>,
        id: &Id,
        method: &str,
    ) -> Result<(), Stop> {
        if method == "initialize"
            && let Some(session) = response.headers().get(SESSION_ID)
        {
            self.session.state().id = Some(session.clone());
        }
        let origin = Origin::Request(id);
        if !is_events(&response) {
            return self.read_json(response, origin).await;
        }
        let mut reading = Reading::new(response);
        let mut left = RESUMPTIONS;
        loop {
            let before = reading.messages();
            let outcome = self.read_events(&mut reading, origin).await;
            if !self.table.waits(id) {
                return Ok(());
            }
            let fault = match outcome {
                Ok(()) => Fault::CutOff(Executed::Perhaps),
                Err(Stop::Fault(Fault::Http(HttpFailure::Lost, executed))) => {
                    Fault::Http(HttpFailure::Lost, executed)
                }
                Err(stop) => return Err(stop),
            };
            if reading.messages() > before {
                left = RESUMPTIONS;
            }
            let Some(last) = reading.last_id().and_then(|last| HeaderValue::from_str(last).ok()) else {
                return Err(fault.into());
            };
            if left == 0 {
                return Err(fault.into());
            }
            left -= 1;
            tokio::time::sleep(reading.pause()).await;
            let mut ask = self.get();
            ask.headers.insert(LAST_EVENT_ID, last);
            match self.upstream.send(&ask, Patience::None, &Waiting::default()).await {
                Ok(response) if response.status().is_success() && is_events(&response) => {
                    reading.take_up(response);
                }
                Ok(response) if response.status().is_client_error() => return Err(fault.into()),
                Ok(_) | Err(Fault::Http(..)) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    pub(super) async fn refusal(&self, response: Response<BodyStream>) -> Result<Refusal, Stop> {
        let status = response.status().as_u16();
        let mut rest = response.into_body();
        let mut body = Vec::new();
        while let Some(Ok(chunk)) = rest.next().await {
            if body.len() + chunk.len() > REFUSAL {
                // It is not an error that we would understand.
                body.clear();
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Refusal { status, body })
    }

    /// A message for the server, with the session's headers; the epoch; whether there is a session.
    pub(super) fn post(&self, body: Bytes) -> (Ask, u64, bool) {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        let epoch = self.session.epoch();
        let in_session = self.session_headers(&mut headers);
        (Ask { method: Method::POST, headers, body, at: None }, epoch, in_session)
    }

    pub(super) fn get(&self) -> Ask {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        self.session_headers(&mut headers);
        Ask { method: Method::GET, headers, body: Bytes::new(), at: None }
    }

    fn session_headers(&self, headers: &mut HeaderMap) -> bool {
        let state = self.session.state();
        if let Some(id) = &state.id {
            headers.insert(SESSION_ID, id.clone());
        }
        if let Some(version) = &state.version {
            headers.insert(VERSION, version.clone());
        }
        state.id.is_some()
    }

    /// Sends what needs no answer: a notification, or the client's answer to a request of the server.
    pub(super) async fn say(&self, bytes: Bytes, patience: Patience) {
        let (mut ask, ..) = self.post(bytes);
        {
            let state = self.session.state();
            ask.at = state.endpoint.clone();
            if state.http_sse && ask.at.is_none() {
                return; // whoever wanted it is gone with the stream
            }
        }
        match self.upstream.send(&ask, patience, &Waiting::default()).await {
            Ok(response) if response.status().is_success() => self.drain(response).await,
            Ok(response) => {
                tracing::debug!(status = response.status().as_u16(), "a notification was refused")
            }
            Err(fault) => tracing::debug!(%fault, "a notification did not arrive"),
        }
    }

    /// Ends the session (Session Management, 5).
    pub(super) async fn farewell(&self) {
        if self.session.state().id.is_none() {
            return;
        }
        let mut ask = self.get();
        ask.method = Method::DELETE;
        let _ = self.upstream.send(&ask, Patience::None, &Waiting::default()).await;
    }
}
