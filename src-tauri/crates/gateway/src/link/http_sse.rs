//! HTTP+SSE (MCP 2024-11-05, Transports): one stream for all that the server says, and an address that it names for all that the
//! client says.
//!
//! Invariant: that address is on the server's own origin, or there is no connection: the bearer goes there.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use tokio::io::AsyncWrite;
use url::Url;

use super::stream::{Origin, Reading};
use super::streamable::{is_events, is_safe};
use super::{Gone, Landed, Link, Stop, Task};
use crate::fault::{Executed, Fault};
use crate::frame::Id;
use crate::http::HttpFailure;
use crate::sse::Event;
use crate::upstream::{Patience, Waiting};

/// Until the first event: the address. Servers send it at once.
const ADDRESS: Duration = Duration::from_secs(10);
/// The longest address that is taken.
const LONGEST: usize = 8 * 1024;

/// The stream, with what was already read of it.
pub(super) struct OldStream {
    reading: Reading,
    epoch: u64,
}

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    /// Opens the stream and learns where to send messages.
    pub(super) async fn open_http_sse(&self, waiting: &Waiting) -> Result<(), Stop> {
        let mut ask = self.get();
        ask.headers.remove(super::streamable::SESSION_ID);
        ask.headers.remove(super::streamable::VERSION);
        let response = self.upstream.send(&ask, Patience::ForAPerson, waiting).await?;
        if !response.status().is_success() || !is_events(&response) {
            return Err(Fault::Status(response.status().as_u16()).into());
        }
        let mut reading = Reading::new(response);
        let first = tokio::time::timeout(ADDRESS, reading.first(Event::Endpoint, LONGEST)).await;
        let named = first.ok().flatten().ok_or(Fault::NoMessage)?;
        let endpoint = same_origin(self.upstream.server().as_str(), &named).ok_or(Fault::ForeignEndpoint)?;
        self.session.state().endpoint = Some(endpoint);
        let _ = self.tasks.send(Task::Read(Box::new(OldStream { reading, epoch: self.session.epoch() })));
        Ok(())
    }

    /// Reads the stream to its end. With it the session is over.
    pub(super) async fn read_old(&self, mut stream: Box<OldStream>) -> Result<Landed, Gone> {
        let mut epochs = self.session.epochs();
        let ended = async {
            let _ = epochs.wait_for(|epoch| *epoch != stream.epoch).await;
        };
        let outcome = tokio::select! {
            outcome = self.read_events(&mut stream.reading, Origin::Server) => outcome,
            () = ended => return Ok(Landed::Stream),
        };
        if self.session.epoch() == stream.epoch {
            self.session.state().endpoint = None;
            self.table.lost();
        }
        match outcome {
            Err(Stop::Gone) => Err(Gone),
            _ => Ok(Landed::Stream),
        }
    }

    /// A request, in the session that there is or in a new one.
    pub(super) async fn over_http_sse(
        &self,
        id: &Id,
        method: &str,
        bytes: Bytes,
        waiting: &Waiting,
    ) -> Result<(), Stop> {
        let mut again = false;
        loop {
            drop(self.session.turn.lock().await);
            let epoch = self.session.epoch();
            if self.session.state().endpoint.is_none() {
                self.renew(epoch, waiting).await?;
            }
            if !self.session.state().http_sse {
                // The server became another one.
                return self.in_session(id, method, bytes, waiting).await;
            }
            match self.post_http_sse(id, bytes.clone(), waiting).await {
                Err(Stop::Fault(Fault::CutOff(_) | Fault::Http(HttpFailure::Lost, _)))
                    if is_safe(method) && !again && self.table.waits(id) =>
                {
                    again = true;
                }
                outcome => return outcome,
            }
        }
    }

    /// Sends a request to the address, and waits until the stream has brought its answer.
    pub(super) async fn post_http_sse(&self, id: &Id, bytes: Bytes, waiting: &Waiting) -> Result<(), Stop> {
        let Some(endpoint) = self.session.state().endpoint.clone() else {
            return Err(Fault::CutOff(Executed::No).into());
        };
        let answered = self.table.done(id);
        let mut ask = self.get();
        ask.method = http::Method::POST;
        ask.headers.remove(http::header::ACCEPT);
        ask.headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        (ask.body, ask.at) = (bytes, Some(endpoint));
        let response = self.upstream.send(&ask, Patience::ForAPerson, waiting).await?;
        self.session.answered.notify_waiters();
        if !response.status().is_success() {
            return Err(Stop::Refused(self.refusal(response).await?));
        }
        self.drain(response).await;
        answered.await.map_err(|_| Fault::CutOff(Executed::Perhaps).into())
    }
}

/// The address that was named, if it is on the origin of the server.
fn same_origin(server: &str, named: &[u8]) -> Option<Uri> {
    let server = Url::parse(server).ok()?;
    let url = server.join(std::str::from_utf8(named).ok()?.trim()).ok()?;
    let same = url.origin() == server.origin() && url.username().is_empty() && url.password().is_none();
    same.then(|| url.as_str().split('#').next().unwrap_or_default().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_others_are_refused() {
        let at =
            |named: &str| same_origin("https://mcp.example/sse", named.as_bytes()).map(|uri| uri.to_string());
        assert_eq!(at("/messages?sessionId=1").as_deref(), Some("https://mcp.example/messages?sessionId=1"));
        assert_eq!(at("messages").as_deref(), Some("https://mcp.example/messages"));
        assert_eq!(at("https://mcp.example:443/m#x").as_deref(), Some("https://mcp.example/m"));
        for foreign in [
            "https://evil.example/m",
            "//evil.example/m",
            "http://mcp.example/m",
            "https://mcp.example:444/m",
            "https://mcp.example@evil.example/m",
            "https://user@mcp.example/m",
            "javascript:alert(1)",
            "\\\\evil.example\\m",
        ] {
            assert_eq!(at(foreign), None, "{foreign}");
        }
    }
}
