//! Streamable HTTP with sessions (MCP 2025-03-26 to 2025-11-25, Transports).
//!
//! Problem: an answer may come as JSON, as events, or be cut off and taken up again; a session may be gone. Invariant: a request is
//! sent again only when it certainly was not carried out, or when doing it twice does nothing.

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::AsyncWrite;

use super::session::Mode;
use super::stream::{Origin, Reading};
use super::{Link, Resume, Stop, Task};
use crate::fault::{Executed, Fault};
use crate::frame::{Frame, Id};
use crate::http::{BodyStream, HttpFailure};
use crate::learnt::{Era, Speaks};
use crate::upstream::{Ask, Patience, Waiting};

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What is kept of the body of a refusal. Errors that say which versions are spoken stay below 1 KiB.
const REFUSAL: usize = 256 * 1024;
/// How often a stream that brings nothing is taken up again.
const RESUMPTIONS: usize = 5;
/// A handshake of ours: longer than a server needs to wake up.
const HANDSHAKE: std::time::Duration = std::time::Duration::from_secs(60);

/// An answer that is a refusal by its status.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    body: Vec<u8>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RpcError<'a> {
    pub(super) code: i64,
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
}

impl Refusal {
    /// The JSON-RPC error in it, as JSON.
    pub(super) fn error_json(&self) -> Option<&str> {
        Frame::read(&self.body)?.error.map(RawValue::get)
    }

    pub(super) fn error(&self) -> Option<RpcError<'_>> {
        serde_json::from_str(self.error_json()?).ok()
    }

    /// Whether it is an error that only servers of 2026-07-28 have (Backward Compatibility).
    pub(super) fn is_modern(&self) -> bool {
        self.error().is_some_and(|error| match error.code {
            -32_022..=-32_020 => true,
            -32_601 => self.status == 404,
            _ => false,
        })
    }

    /// Whether it answers a request, and not just the HTTP exchange.
    fn answers_a_request(&self) -> bool {
        Frame::read(&self.body).is_some_and(|frame| frame.error.is_some() && frame.id.is_some())
    }

    /// The answer for the client.
    pub(super) fn answer(&self, id: &str) -> Vec<u8> {
        match self.error_json() {
            Some(error) => error_answer(id, error),
            None => Fault::Status(self.status).answer(id),
        }
    }
}

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
            if self.upstream.learnt().is_http_sse() {
                return self.over_http_sse(id, method, bytes, waiting).await;
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
                // There are servers that answer 401 for a session that they do not know.
                Err(Fault::Refused) if may_renew => {
                    renewed = true;
                    self.renew(epoch, waiting).await?;
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
                self.renew(epoch, waiting).await?;
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
    fn post(&self, body: Bytes) -> (Ask, u64, bool) {
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
    pub(super) async fn say(&self, bytes: Bytes) {
        let (mut ask, ..) = self.post(bytes);
        if self.upstream.learnt().is_http_sse() {
            let Some(endpoint) = self.session.state().endpoint.clone() else { return };
            ask.at = Some(endpoint);
        }
        match self.upstream.send(&ask, Patience::ForAPerson, &Waiting::default()).await {
            Ok(response) if response.status().is_success() => drop(self.drain(response).await),
            Ok(response) => {
                tracing::debug!(status = response.status().as_u16(), "a notification was refused")
            }
            Err(fault) => tracing::debug!(%fault, "a notification did not arrive"),
        }
    }

    /// `initialize` to a server with sessions: the whole answer. The caller holds the turn.
    pub(super) async fn handshake(&self, id: &Id, bytes: Bytes, waiting: &Waiting) -> Result<Vec<u8>, Stop> {
        if self.upstream.learnt().is_http_sse() {
            if self.open_http_sse(waiting).await.is_ok() {
                return self.gather(id, self.post_http_sse(id, bytes, waiting)).await;
            }
            self.upstream.learnt().set_http_sse(Speaks::No);
        }
        let over_post = async {
            let (ask, ..) = self.post(bytes.clone());
            let response = self.upstream.send(&ask, Patience::ForAPerson, waiting).await?;
            if !response.status().is_success() {
                return Err(Stop::Refused(self.refusal(response).await?));
            }
            self.read_answer(response, id, "initialize").await
        };
        match self.gather(id, over_post).await {
            // The older transport (Backward Compatibility): a stream by GET, and on it where to send messages.
            Err(Stop::Refused(refusal))
                if matches!(refusal.status, 400 | 404 | 405)
                    && !refusal.is_modern()
                    && !refusal.answers_a_request() =>
            {
                if self.open_http_sse(waiting).await.is_err() {
                    return Err(Stop::Refused(refusal));
                }
                self.upstream.learnt().set_http_sse(Speaks::Yes);
                self.gather(id, self.post_http_sse(id, bytes, waiting)).await
            }
            outcome => outcome,
        }
    }

    /// A new session in place of the one that was seen to be gone.
    pub(super) async fn renew(&self, seen: u64, waiting: &Waiting) -> Result<(), Stop> {
        let _turn = self.session.turn.lock().await;
        if self.session.epoch() != seen {
            return Ok(());
        }
        self.session.forget();
        self.open_again(waiting).await
    }

    /// The handshake with what is known of the client. The caller holds the turn.
    pub(super) async fn open_again(&self, waiting: &Waiting) -> Result<(), Stop> {
        let Some(params) = self.session.state().initialize.clone() else { return Ok(()) };
        let id = self.own_id();
        let bytes =
            format!(r#"{{"jsonrpc":"2.0","id":{},"method":"initialize","params":{params}}}"#, id.to_json());
        let bounded = tokio::time::timeout(HANDSHAKE, self.handshake(&id, bytes.into(), waiting)).await;
        self.table.forget(&id);
        let answer = bounded.map_err(|_| Fault::Http(HttpFailure::Lost, Executed::No))??;
        let frame = Frame::read(&answer).ok_or(Fault::NoMessage)?;
        let Some(version) = frame.result.and_then(version) else {
            let error = frame.error.map(RawValue::get).unwrap_or("{}").to_owned();
            return Err(Stop::Refused(Refusal { status: 200, body: error_answer("null", &error) }));
        };
        self.session.accept(&version, frame.result.map(RawValue::get).unwrap_or_default());
        if self.session.state().initialized {
            self.say(Bytes::from_static(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)).await;
            let _ = self.tasks.send(Task::Listen);
        }
        Ok(())
    }

    /// Takes up a conversation that broke.
    pub(super) async fn revive(&self, resume: Resume) -> Result<super::Landed, super::Gone> {
        let params =
            Frame::read(&resume.initialize).and_then(|frame| frame.params.map(|raw| raw.get().to_owned()));
        let _opens = self.session.opens();
        let _turn = self.session.turn.lock().await;
        let lacks = self.upstream.learnt().lacks(Era::Sessions);
        self.session.begin(if lacks { Mode::Down } else { Mode::Native }, params.clone());
        self.session.state().initialized = resume.initialized;
        let outcome = match params {
            Some(params) if lacks => self.discover(&params, &Waiting::default()).await.map(drop),
            _ => self.open_again(&Waiting::default()).await,
        };
        if outcome.is_err() {
            // The next request finds no session, and says what is wrong.
            tracing::debug!("a conversation could not be taken up yet");
        }
        Ok(super::Landed::Other)
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

/// `protocolVersion` in the answer to `initialize`.
pub(super) fn version(result: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Initialized {
        #[serde(rename = "protocolVersion")]
        version: String,
    }
    serde_json::from_str::<Initialized>(result.get()).ok().map(|result| result.version)
}
