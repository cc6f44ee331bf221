//! HTTP as the gateway sees it: a trait that somebody else carries out.
//!
//! Problem: answers stream, some for hours, and a request must not be done twice. Invariant: a failure says whether a byte of
//! the request can have gone out; bodies are streams, so that nothing is kept that nobody asked to keep.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use mcp_login_oauth::http::NotSent;

/// Carries out one exchange. Follows no redirect (the request holds a bearer), applies the address rules of the person's server,
/// bounds the size of an answer's header, and pools connections. It sets no bound on how long an answer may stream.
pub trait Http: Send + Sync + 'static {
    /// Sends the request; resolves when the answer's header is there, whatever its status.
    fn send(
        &self,
        request: ::http::Request<Body>,
    ) -> BoxFuture<'_, Result<::http::Response<BodyStream>, HttpFailure>>;
}

/// What arrives of a body, in the chunks in which it arrives.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, HttpFailure>> + Send>>;

/// What is sent.
#[derive(Default)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// Bytes that are there.
    Bytes(Bytes),
    /// Bytes that come. Such a request cannot be repeated.
    Stream(BodyStream),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Empty => f.write_str("Empty"),
            Body::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Body::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// Why there is no answer, or no more of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpFailure {
    /// No byte of the request went out.
    #[error("the server could not be reached: {0}")]
    NotSent(NotSent),
    /// The address lies where the server's name may not lead.
    #[error("the server's name leads to an address that it may not lead to")]
    AddressRefused,
    /// The connection ended after the request had perhaps gone out, or in the middle of the answer.
    #[error("the connection to the server was lost")]
    Lost,
    /// The answer's header, or a part of the answer, is larger than we take.
    #[error("the server's answer is too large")]
    TooLarge,
}

impl HttpFailure {
    /// Whether the server certainly saw nothing of the request.
    #[must_use]
    pub fn is_safe_to_repeat(self) -> bool {
        matches!(self, HttpFailure::NotSent(_) | HttpFailure::AddressRefused)
    }
}
