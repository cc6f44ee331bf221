//! Bodies that no honest server sends: endless, or a gigabyte. They are made chunk by chunk as the client reads, so
//! the sandbox itself stays small.

use axum::body::{Body, Bytes, HttpBody};
use axum::http::HeaderMap;
use hyper::body::Frame;
use std::convert::Infallible;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Bytes of one chunk of a giant body.
const CHUNK: usize = 64 * 1024;

/// `"aaaa…` of this many bytes, with the start of an object before it.
struct Giant {
    left: u64,
    begun: bool,
}

impl HttpBody for Giant {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static FILL: [u8; CHUNK] = [b'a'; CHUNK];
        if !self.begun {
            self.begun = true;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{\"padding\":\"")))));
        }
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let n = self.left.min(CHUNK as u64);
        self.left -= n;
        let n = usize::try_from(n).unwrap_or(CHUNK);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&FILL[..n])))))
    }
}

/// A JSON body of about so many bytes that never closes its string.
pub(crate) fn giant(bytes: u64) -> Body {
    Body::new(Giant { left: bytes, begun: false })
}

/// One space each so often, for ever.
struct Drip {
    every: Duration,
    timer: Pin<Box<Sleep>>,
}

impl HttpBody for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let every = self.every;
        self.timer.set(sleep(every));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }
}

/// One byte each so often, for ever.
pub(crate) fn drip(every: Duration) -> Body {
    Body::new(Drip { every, timer: Box::pin(sleep(every)) })
}

/// What was promised in `Content-Length` and does not come: these bytes, then a broken connection.
struct Truncated(Option<Bytes>);

impl HttpBody for Truncated {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match self.0.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => Poll::Ready(Some(Err(std::io::Error::other("the fault switch cut the body")))),
        }
    }
}

/// These bytes and then a broken connection.
pub(crate) fn truncated(bytes: Bytes) -> Body {
    Body::new(Truncated(Some(bytes)))
}

/// The length that headers promise.
pub(crate) fn promise(headers: &mut HeaderMap, bytes: usize) {
    headers.insert(axum::http::header::CONTENT_LENGTH, bytes.into());
}
