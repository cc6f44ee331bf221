//! Bodies in and out.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::guard::Refusal;
use crate::http::{BodyStream, HttpFailure};

/// A message, whole: it is sent once more when the token was refused.
pub(super) async fn whole(mut body: Incoming, most: usize) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > most as u64 {
        return Err(Refusal::TooLarge);
    }
    let mut message = BytesMut::new();
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        match frame {
            None => return Ok(message.freeze()),
            // The client has gone; it hears no answer.
            Some(Err(_)) => return Err(Refusal::Slow),
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                if message.len() + data.len() > most {
                    return Err(Refusal::TooLarge);
                }
                message.extend_from_slice(&data);
            }
        }
    }
}

/// What goes back.
pub(super) enum Out {
    /// Bytes that are there.
    Whole(Option<Bytes>),
    /// The server's bytes, each chunk as it comes.
    Stream(BodyStream),
}

impl Out {
    pub(super) fn bytes(bytes: impl Into<Bytes>) -> Self {
        Out::Whole(Some(bytes.into()).filter(|bytes: &Bytes| !bytes.is_empty()))
    }
}

impl Body for Out {
    type Data = Bytes;
    type Error = HttpFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpFailure>>> {
        match &mut *self {
            Out::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Out::Stream(stream) => {
                let next = ready!(stream.as_mut().poll_next(cx));
                Poll::Ready(next.map(|chunk| chunk.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Out::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Out::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Out::Stream(_) => SizeHint::default(),
        }
    }
}
