//! One account's server: requests go out with the bearer, and come back when it was accepted.
//!
//! Problem: a token can be refused, can have too few scopes, or can be missing, in the middle of a client's work. Invariants:
//! the bearer goes to the server's own origin only; a refused token is renewed once and the request sent once more; nothing is
//! repeated that may have been carried out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use ::http::{Method, Request, Response, StatusCode, Uri};
use bytes::Bytes;
use mcp_login_oauth::ServerUrl;
use mcp_login_oauth::challenge::Challenge;
use mcp_login_oauth::http::NotSent;
use mcp_login_oauth::refusal::RefusalCode;
use secrecy::ExposeSecret as _;
use zeroize::Zeroize as _;

pub use crate::fault::{Executed, Fault};
use crate::http::{Body, BodyStream, Http, HttpFailure};
use crate::learnt::Learnt;
use crate::token_source::{Bearer, DeniedKind, TokenSource};

/// How long a request waits for a person to sign in. Clients give up after a minute as a rule, and should read why.
const SIGN_IN: Duration = Duration::from_secs(50);
/// Step-ups in one request. A server that still asks for more has a mistake.
const MOST_STEP_UPS: usize = 3;
/// Waits before a request that did not go out is sent again: a server that is being restarted is back after such a time.
const AGAIN: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// One account's server, shared by all its clients.
pub struct Upstream {
    server: ServerUrl,
    /// The same for HTTP; `None` where that is stricter than the URL standard, in corners.
    uri: Option<Uri>,
    http: Arc<dyn Http>,
    tokens: Arc<dyn TokenSource>,
    learnt: Arc<Learnt>,
}

/// A request without its bearer.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The HTTP method.
    pub method: Method,
    /// Everything but `Authorization`, `Host` and `Content-Length`.
    pub headers: HeaderMap,
    /// The body; kept, because a 401 means sending it again.
    pub body: Bytes,
    /// Another address on the server's own origin (HTTP+SSE, MCP 2024-11-05).
    pub at: Option<Uri>,
}

/// Whether a request may wait for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It is a client's: it waits for a sign-in or for more scopes.
    ForAPerson,
    /// It is our own: it fails at once.
    None,
}

/// Set while a request waits for a person, so that a client can be told.
#[derive(Debug, Default)]
pub struct Waiting(AtomicBool);

impl Waiting {
    /// Whether a person is waited for now.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn turn(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }
}

impl Upstream {
    /// A server with its tokens. `learnt` is kept by the caller as long as the account is there.
    #[must_use]
    pub fn new(
        server: ServerUrl,
        http: Arc<dyn Http>,
        tokens: Arc<dyn TokenSource>,
        learnt: Arc<Learnt>,
    ) -> Self {
        Self { uri: server.as_str().parse().ok(), server, http, tokens, learnt }
    }

    /// The server's address.
    #[must_use]
    pub fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// What is known of the server.
    #[must_use]
    pub fn learnt(&self) -> &Learnt {
        &self.learnt
    }

    /// Sends a request with the bearer. The answer has any status but 401; 403 only when it asks for no scopes.
    ///
    /// # Errors
    /// [`Fault`] when there is no token, no connection, or no token that the server accepts.
    pub async fn send(
        &self,
        ask: &Ask,
        patience: Patience,
        waiting: &Waiting,
    ) -> Result<Response<BodyStream>, Fault> {
        let (mut refused, mut signed_in, mut steps) = (None, false, 0);
        loop {
            // It may ask a person whether this program may have one.
            waiting.turn(true);
            let token = self.tokens.token(refused).await;
            waiting.turn(false);
            let bearer = match token {
                Ok(bearer) => bearer,
                Err(denied) if denied.kind == DeniedKind::NeedsSignIn && !signed_in => {
                    if patience == Patience::None {
                        return Err(denied.into());
                    }
                    waiting.turn(true);
                    let outcome = self.tokens.signed_in(SIGN_IN).await;
                    waiting.turn(false);
                    outcome?;
                    (refused, signed_in) = (None, true);
                    continue;
                }
                Err(denied) => return Err(denied.into()),
            };
            let response = self.carry(ask, &bearer).await?;
            match response.status() {
                StatusCode::UNAUTHORIZED if refused.is_some() => return Err(Fault::Refused),
                StatusCode::UNAUTHORIZED => refused = Some(bearer.generation),
                StatusCode::FORBIDDEN => {
                    let Some(challenge) = demand(response.headers()) else { return Ok(response) };
                    if patience == Patience::None || steps == MOST_STEP_UPS {
                        return Err(Fault::Scope);
                    }
                    drop(response);
                    waiting.turn(true);
                    let outcome = self.tokens.step_up(&challenge, bearer.generation).await;
                    waiting.turn(false);
                    outcome?;
                    steps += 1;
                    refused = None;
                }
                _ => return Ok(response),
            }
        }
    }

    /// One exchange, begun again while certainly no byte went out.
    async fn carry(&self, ask: &Ask, bearer: &Bearer) -> Result<Response<BodyStream>, Fault> {
        let mut waits = AGAIN.into_iter();
        loop {
            match self.http.send(self.request(ask, bearer)?).await {
                Ok(response) => return Ok(response),
                Err(failure @ HttpFailure::NotSent(why)) => match waits.next() {
                    Some(wait) if why != NotSent::Invalid => tokio::time::sleep(wait).await,
                    _ => return Err(Fault::Http(failure, Executed::No)),
                },
                Err(failure @ HttpFailure::AddressRefused) => return Err(Fault::Http(failure, Executed::No)),
                Err(failure) => return Err(Fault::Http(failure, Executed::Perhaps)),
            }
        }
    }

    fn request(&self, ask: &Ask, bearer: &Bearer) -> Result<Request<Body>, Fault> {
        let invalid = || Fault::Http(HttpFailure::NotSent(NotSent::Invalid), Executed::No);
        let uri = ask.at.as_ref().or(self.uri.as_ref()).ok_or_else(invalid)?.clone();
        let body = if ask.body.is_empty() { Body::Empty } else { Body::Bytes(ask.body.clone()) };
        let mut request = Request::new(body);
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = ask.headers.clone();
        let mut text = format!("Bearer {}", bearer.access.expose_secret());
        let value = HeaderValue::from_str(&text);
        text.zeroize();
        let mut value = value.map_err(|_| invalid())?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(request)
    }
}

/// The challenge, when it says that scopes are missing (RFC 6750 §3.1).
fn demand(headers: &HeaderMap) -> Option<Challenge> {
    Challenge::from_headers(headers).filter(|c| c.error == Some(RefusalCode::InsufficientScope))
}
