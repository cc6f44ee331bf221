//! What the server sends, as messages.
//!
//! Problem: a message can be larger than what we want to hold. Invariant: up to `gathered` bytes are held, in a piece; beyond, a
//! message that needs no change passes to the client piece by piece; beyond `message` bytes nothing passes. Whatever the server
//! sends, a link holds at most one such piece for each stream that is open.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::Response;
use serde_json::value::RawValue;
use tokio::io::AsyncWrite;
use tokio::sync::oneshot;

use super::table::Taken;
use super::{Gone, Link, Stop};
use crate::fault::{Executed, Fault};
use crate::frame::{self, Frame, Id, Kind};
use crate::http::{BodyStream, HttpFailure};
use crate::limits::Permit;
use crate::outlet::Large;
use crate::scan::Scan;
use crate::sse::{Event, Part, Sse};

/// How long a stream may stay open behind its answer. Servers end it at once; then the connection can be used again.
const LINGER: Duration = Duration::from_secs(5);
/// The same where an answer is held up by it.
const GRACE: Duration = Duration::from_millis(100);
/// How long a message may stand still while the client can hear nothing else.
const STALL: Duration = Duration::from_secs(60);
/// Before a stream is taken up again, when the server says nothing else.
const PAUSE: Duration = Duration::from_secs(1);
/// What may come with a 202.
const DRAIN: usize = 64 * 1024;

/// Whose stream it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin<'a> {
    /// The answer to a request.
    Request(&'a Id),
    /// One on which the server speaks by itself.
    Server,
}

/// An event stream that is being read; it can be taken up on another connection.
pub(super) struct Reading {
    body: BodyStream,
    /// What was received and not read.
    rest: Bytes,
    sse: Sse,
    messages: usize,
}

impl Reading {
    pub(super) fn new(response: Response<BodyStream>) -> Self {
        Self { body: response.into_body(), rest: Bytes::new(), sse: Sse::new(), messages: 0 }
    }

    /// Goes on with another answer.
    pub(super) fn take_up(&mut self, response: Response<BodyStream>) {
        self.body = response.into_body();
        self.rest = Bytes::new();
        self.sse.interrupted();
    }

    pub(super) fn last_id(&self) -> Option<&str> {
        self.sse.last_id()
    }

    pub(super) fn pause(&self) -> Duration {
        self.sse.retry().unwrap_or(PAUSE)
    }

    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// The data of the first event, if it is of that kind, with at most so many bytes.
    pub(super) async fn first(&mut self, wanted: Event, longest: usize) -> Option<Vec<u8>> {
        let mut data = Vec::new();
        loop {
            let chunk = std::mem::take(&mut self.rest);
            let mut rest = &chunk[..];
            while let Some(part) = self.sse.next(&mut rest) {
                match part {
                    Part::Data(more) if data.len() + more.len() <= longest => data.extend_from_slice(more),
                    Part::End(event) => {
                        self.rest = chunk.slice_ref(rest);
                        return (event == wanted).then_some(data);
                    }
                    Part::Data(_) | Part::TooLong => return None,
                }
            }
            self.rest = self.body.next().await?.ok()?;
        }
    }
}

/// A message that is being received.
enum Message<'l, W> {
    Held(Vec<u8>, Option<Permit>),
    Passing { pen: Large<'l, W>, scan: Scan, size: usize },
}

impl<W> Message<'_, W> {
    fn new() -> Self {
        Message::Held(Vec::new(), None)
    }

    fn is_passing(&self) -> bool {
        matches!(self, Message::Passing { .. })
    }
}

fn too_large() -> Stop {
    Fault::Http(HttpFailure::TooLarge, Executed::Perhaps).into()
}

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    /// Runs an exchange and takes the answer to this request for ourselves.
    /// In a box, since it would be in here more than once.
    pub(super) async fn gather<F>(&self, id: &Id, mut exchange: Pin<Box<F>>) -> Result<Vec<u8>, Stop>
    where
        F: Future<Output = Result<(), Stop>>,
    {
        let mut answer = self.table.want(id);
        tokio::select! {
            biased;
            outcome = &mut exchange => match (answer.try_recv(), outcome) {
                (Ok(answer), _) => Ok(answer),
                (Err(oneshot::error::TryRecvError::Empty | oneshot::error::TryRecvError::Closed), outcome) => {
                    outcome?;
                    Err(Fault::CutOff(Executed::Perhaps).into())
                }
            },
            Ok(answer) = &mut answer => {
                // The end of the stream is close behind; with it the connection can be used again.
                let _ = tokio::time::timeout(GRACE, exchange).await;
                Ok(answer)
            }
        }
    }

    /// Passes on an answer that is one JSON text.
    pub(super) async fn read_json(
        &self,
        response: Response<BodyStream>,
        origin: Origin<'_>,
    ) -> Result<(), Stop> {
        let mut body = response.into_body();
        let mut message = Message::new();
        while let Some(chunk) = self.chunk(&mut body, origin, message.is_passing()).await? {
            self.add(&mut message, &chunk, origin).await?;
        }
        match self.finish(message, origin).await? {
            Understood::Yes => Ok(()),
            Understood::No => Err(Fault::NoMessage.into()),
        }
    }

    /// Passes on the messages of an event stream until it ends.
    pub(super) async fn read_events(&self, reading: &mut Reading, origin: Origin<'_>) -> Result<(), Stop> {
        let mut message = Message::new();
        loop {
            let chunk = std::mem::take(&mut reading.rest);
            let mut rest = &chunk[..];
            while let Some(part) = reading.sse.next(&mut rest) {
                match part {
                    Part::Data(data) => {
                        let other = reading.sse.event() != Event::Message;
                        if !other {
                            self.add(&mut message, data, origin).await?;
                        }
                    }
                    Part::End(Event::Message) => {
                        let whole = std::mem::replace(&mut message, Message::new());
                        if !matches!(&whole, Message::Held(text, _) if text.is_empty()) {
                            reading.messages += 1;
                            self.finish(whole, origin).await?;
                        }
                    }
                    Part::End(_) => message = Message::new(),
                    Part::TooLong => return Err(too_large()),
                }
            }
            match self.chunk(&mut reading.body, origin, message.is_passing()).await? {
                Some(more) => reading.rest = more,
                None => return Ok(()),
            }
        }
    }

    /// The next chunk; `None` at the end, or when the answer is there and the stream lingers.
    async fn chunk(
        &self,
        body: &mut BodyStream,
        origin: Origin<'_>,
        passing: bool,
    ) -> Result<Option<Bytes>, Stop> {
        let answered = matches!(origin, Origin::Request(id) if !self.table.waits(id));
        let chunk = if passing {
            match tokio::time::timeout(STALL, body.next()).await {
                Ok(chunk) => chunk,
                Err(_) => return Err(Fault::CutOff(Executed::Perhaps).into()),
            }
        } else if answered {
            tokio::time::timeout(LINGER, body.next()).await.unwrap_or(None)
        } else {
            body.next().await
        };
        chunk.transpose().map_err(|failure| Fault::Http(failure, Executed::Perhaps).into())
    }

    async fn add<'l>(
        &'l self,
        message: &mut Message<'l, W>,
        data: &[u8],
        origin: Origin<'_>,
    ) -> Result<(), Stop> {
        match message {
            Message::Held(text, _) if text.len() + data.len() <= self.limits.gathered => {
                text.extend_from_slice(data)
            }
            Message::Held(text, permit) => {
                if text.len() + data.len() > self.limits.message {
                    return Err(too_large());
                }
                let passes = match origin {
                    Origin::Request(id) => self.table.passes(id),
                    Origin::Server => self.table.all_pass(),
                };
                if passes {
                    let mut scan = Scan::new();
                    let mut pen = self.outlet.large().await?;
                    for piece in [&text[..], data] {
                        scan.more(piece);
                        pen.more(piece).await?;
                    }
                    *message = Message::Passing { pen, scan, size: text.len() + data.len() };
                    return Ok(());
                }
                // It has to be read as a whole: out of the budget that all links share.
                let room = permit.as_ref().map_or(0, Permit::num_permits) * crate::limits::PERMIT;
                let lacks = (text.len() + data.len() - self.limits.gathered).saturating_sub(room);
                if lacks > 0 {
                    // by the mebibyte, so that the budget is not asked for each chunk
                    let more = self.limits.share(lacks.max(1024 * 1024)).ok_or(Fault::Crowded)?;
                    match permit {
                        Some(permit) => permit.merge(more),
                        None => *permit = Some(more),
                    }
                }
                text.extend_from_slice(data);
            }
            Message::Passing { pen, scan, size } => {
                *size += data.len();
                if *size > self.limits.message {
                    return Err(too_large());
                }
                scan.more(data);
                pen.more(data).await?;
            }
        }
        Ok(())
    }

    async fn finish(&self, message: Message<'_, W>, origin: Origin<'_>) -> Result<Understood, Gone> {
        match message {
            Message::Held(text, _permit) => self.message(text, origin).await,
            Message::Passing { pen, scan, .. } => {
                pen.end().await?;
                if let Some(id) = scan.answers() {
                    let _ = self.table.take(&id, &mut Vec::new());
                }
                Ok(Understood::Yes)
            }
        }
    }

    /// Passes one message on, or several.
    async fn message(&self, text: Vec<u8>, origin: Origin<'_>) -> Result<Understood, Gone> {
        if text.trim_ascii_start().first() != Some(&b'[') {
            return self.one(text, origin).await;
        }
        let Some(all) = frame::messages(&text) else { return Ok(Understood::No) };
        for one in all {
            self.one(one.to_vec(), origin).await?;
        }
        Ok(Understood::Yes)
    }

    async fn one(&self, mut text: Vec<u8>, origin: Origin<'_>) -> Result<Understood, Gone> {
        let Some(frame) = Frame::read(&text) else { return Ok(Understood::No) };
        let Some(kind) = frame.kind() else { return Ok(Understood::No) };
        match kind {
            Kind::Answer(Some(id)) => match self.table.take(&id, &mut text) {
                Taken::Done => return Ok(Understood::Yes),
                Taken::ToClient => {}
            },
            Kind::Answer(None) => {
                // An error about what the server could not read. With one request on the stream, it is the answer to that.
                let (Origin::Request(id), Some(error)) = (origin, frame.error.map(RawValue::get)) else {
                    return Ok(Understood::No);
                };
                let mut answer = super::streamable::error_answer(&id.to_json(), error);
                if let Taken::ToClient = self.table.take(id, &mut answer) {
                    self.outlet.line(answer).await?;
                }
                return Ok(Understood::Yes);
            }
            Kind::Request(asked) => {
                if self.is_ours_to_answer(&asked, &frame, &text, origin).await {
                    return Ok(Understood::Yes);
                }
            }
            Kind::Notification => {
                if let Some(changed) = self.notification(&frame, &text) {
                    for text in changed {
                        self.outlet.line(text).await?;
                    }
                    return Ok(Understood::Yes);
                }
            }
        }
        self.outlet.line(text).await?;
        Ok(Understood::Yes)
    }

    /// Reads to the end what nobody needs, so that the connection can be used again.
    pub(super) async fn drain(&self, response: Response<BodyStream>) {
        let mut body = response.into_body();
        let mut seen = 0;
        let read = async {
            while let Some(Ok(chunk)) = body.next().await {
                seen += chunk.len();
                if seen > DRAIN {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(GRACE, read).await;
    }
}

/// Whether a text was a message.
enum Understood {
    Yes,
    No,
}
