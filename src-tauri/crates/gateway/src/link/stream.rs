//! What the server sends, as messages.

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::Response;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use tokio::io::AsyncWrite;

use super::flight::{Request, Stop};
use super::{Gone, Link};
use crate::fault::{Executed, Fault};
use crate::frame::{self, Frame, Kind, Text};
use crate::http::{BodyStream, HttpFailure};
use crate::sse::{Event, Part, Sse};

#[derive(Deserialize)]
struct Initialized<'a> {
    #[serde(borrow, rename = "protocolVersion")]
    version: Text<'a>,
}

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    /// Passes on all messages of an answer.
    pub(super) async fn answers(
        &self,
        response: Response<BodyStream>,
        request: Option<&Request>,
    ) -> Result<(), Stop> {
        let status = response.status();
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let events = status.is_success() && kind == "text/event-stream";
        let mut body = response.into_body();
        let mut sse = Sse::new();
        let mut message = Vec::new();
        let lost = |failure| Stop::Fault(Fault::Http(failure, Executed::Perhaps));
        while let Some(chunk) = body.next().await {
            let chunk: Bytes = chunk.map_err(lost)?;
            if message.len() + chunk.len() > self.limits.message {
                return Err(lost(HttpFailure::TooLarge));
            }
            if !events {
                message.extend_from_slice(&chunk);
                continue;
            }
            let mut rest = &chunk[..];
            while let Some(part) = sse.next(&mut rest) {
                match part {
                    Part::Data(data) => message.extend_from_slice(data),
                    Part::End(Event::Message) if !message.is_empty() => {
                        self.message(std::mem::take(&mut message), request).await?;
                    }
                    Part::End(_) => message.clear(),
                    Part::TooLong => return Err(lost(HttpFailure::TooLarge)),
                }
            }
        }
        if !events {
            let understood = !message.is_empty() && self.message(message, request).await?;
            if !understood && !status.is_success() {
                return Err(Fault::Status(status.as_u16()).into());
            }
        }
        Ok(())
    }

    /// Passes one message on; tells whether it was one.
    async fn message(&self, text: Vec<u8>, request: Option<&Request>) -> Result<bool, Gone> {
        if text.trim_ascii_start().first() == Some(&b'[') {
            let Some(all) = frame::messages(&text) else { return Ok(false) };
            for one in all {
                self.one(one.to_vec(), request).await?;
            }
            return Ok(true);
        }
        self.one(text, request).await
    }

    async fn one(&self, text: Vec<u8>, request: Option<&Request>) -> Result<bool, Gone> {
        let Some(frame) = Frame::read(&text) else { return Ok(false) };
        match frame.kind() {
            None => return Ok(false),
            Some(Kind::Answer(Some(id))) => {
                if self.pending().remove(&id).is_none() {
                    return Ok(true);
                }
                if request.is_some_and(|request| request.id == id && request.method == "initialize")
                    && let Some(Ok(result)) =
                        frame.result.map(|raw| serde_json::from_str::<Initialized<'_>>(raw.get()))
                    && let Ok(version) = http::HeaderValue::from_str(&result.version.0)
                {
                    self.session.state().version = Some(version);
                }
            }
            Some(Kind::Answer(None)) => return Ok(false),
            Some(_) => {}
        }
        self.outlet.line(text).await?;
        Ok(true)
    }
}
