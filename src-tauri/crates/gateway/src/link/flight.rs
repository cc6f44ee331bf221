//! One request of the client, until it is answered.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use tokio::io::AsyncWrite;

use super::{Gone, Landed, Link};
use crate::fault::Fault;
use crate::frame::{Frame, Id};
use crate::upstream::{Ask, Patience, Waiting};

pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// A request, as it was read.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: Id,
    pub(super) id_json: String,
    pub(super) method: String,
    pub(super) bytes: Bytes,
}

/// Why a request ends without the server's answer.
pub(super) enum Stop {
    Fault(Fault),
    Gone,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop::Fault(fault)
    }
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Stop::Gone
    }
}

impl Request {
    pub(super) fn new(id: Id, frame: &Frame<'_>, bytes: Bytes) -> Self {
        Self { id_json: id.to_json(), id, method: frame.method().unwrap_or_default().to_owned(), bytes }
    }
}

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    /// Sends a request and passes its answer on, the server's or ours.
    pub(super) async fn fly(&self, request: Request) -> Result<Landed, Gone> {
        let fault = match self.exchange(&request).await {
            Ok(()) => Fault::CutOff(crate::fault::Executed::Perhaps),
            Err(Stop::Fault(fault)) => fault,
            Err(Stop::Gone) => return Err(Gone),
        };
        if self.pending().remove(&request.id).is_some() {
            self.outlet.line(fault.answer(&request.id_json)).await?;
        }
        Ok(Landed::Request)
    }

    async fn exchange(&self, request: &Request) -> Result<(), Stop> {
        if request.method == "initialize" {
            let mut state = self.session.state();
            state.initialize = Some(request.bytes.clone());
            (state.id, state.version) = (None, None);
        }
        let ask = self.post(request.bytes.clone());
        let response = self.upstream.send(&ask, Patience::ForAPerson, &Waiting::default()).await?;
        if request.method == "initialize"
            && let Some(id) = response.headers().get(SESSION)
        {
            self.session.state().id = Some(id.clone());
        }
        self.answers(response, Some(request)).await
    }

    /// Sends what needs no answer.
    pub(super) async fn say(&self, bytes: Bytes, initialized: bool) {
        let ask = self.post(bytes);
        match self.upstream.send(&ask, Patience::ForAPerson, &Waiting::default()).await {
            Ok(response) if response.status().is_success() && initialized => {
                self.session.state().initialized = true;
            }
            Ok(_) => {}
            Err(fault) => tracing::debug!(%fault, "a notification did not arrive"),
        }
    }

    /// A message for the server, with the session's headers.
    fn post(&self, body: Bytes) -> Ask {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        self.session_headers(&mut headers);
        Ask { method: Method::POST, headers, body, at: None }
    }

    fn session_headers(&self, headers: &mut HeaderMap) {
        let state = self.session.state();
        if let Some(id) = &state.id {
            headers.insert(SESSION, id.clone());
        }
        if let Some(version) = &state.version {
            headers.insert(VERSION, version.clone());
        }
    }

    /// Ends the session (Session Management, 5).
    pub(super) async fn farewell(&self) {
        if self.session.state().id.is_none() {
            return;
        }
        let mut headers = HeaderMap::with_capacity(2);
        self.session_headers(&mut headers);
        let ask = Ask { method: Method::DELETE, headers, body: Bytes::new(), at: None };
        let waiting = Waiting::default();
        let farewell = self.upstream.send(&ask, Patience::None, &waiting);
        if let Ok(Ok(response)) = tokio::time::timeout(super::FAREWELL, farewell).await
            && response.status() != StatusCode::METHOD_NOT_ALLOWED
        {
            tracing::debug!(status = response.status().as_u16(), "the session is ended");
        }
    }
}
