//! One client's conversation: newline-delimited JSON-RPC in both directions (MCP, stdio transport).
//!
//! Problem: many requests are under way at a time, each may end in a dozen ways, and a client that gets no answer hangs.
//! Invariants: everything that a link does is one future, and whoever drops it has ended all of it; a request that was read is
//! in the table until it is answered, and is answered once.

mod asking;
mod down;
mod flight;
mod http_sse;
mod listen;
mod request;
mod session;
mod stateless;
mod stream;
mod streamable;
mod table;
#[cfg(test)]
mod tests;
mod up;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::fault::{Executed, Fault};
use crate::frame::{self, Frame, Id, Kind};
use crate::http::HttpFailure;
use crate::inlet::{Inlet, Input};
use crate::learnt::Era;
use crate::limits::{Limits, Permit};
use crate::outlet::Outlet;
use crate::upstream::Upstream;

use asking::Asking;
use http_sse::OldStream;
use request::Request;
use session::Session;
use table::Table;

/// How a link begins.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// Set when this link takes up one that broke.
    pub resume: Option<Resume>,
}

/// What the client had said at a link that broke. It is said to the server again; the answer is not passed on.
#[derive(Clone, Debug)]
pub struct Resume {
    /// The client's `initialize` request, as it was.
    pub initialize: Bytes,
    /// Whether it had sent `notifications/initialized`.
    pub initialized: bool,
}

/// Why a link ended. A server that cannot be reached ends none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client closed its side.
    ClientWent,
    /// The client reads no more.
    ClientDeaf,
}

/// How long the server may take to hear that a session ended.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long requests may still be answered after the client closed its side: `printf … | mcp-login proxy` wants its answers.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// The client's side is closed.
#[derive(Debug)]
pub(crate) struct Gone;

impl From<std::io::Error> for Gone {
    fn from(_: std::io::Error) -> Self {
        Gone
    }
}

/// Why a request ends without the server's answer.
enum Stop {
    Fault(Fault),
    /// The server answered with a status that says no.
    Refused(streamable::Refusal),
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

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Stop::Gone
    }
}

/// Serves one client until it goes. Dropping the future ends the conversation at once, without a word to the server.
pub async fn serve<R, W>(
    reader: R,
    writer: W,
    upstream: Arc<Upstream>,
    opening: Opening,
    limits: Limits,
) -> Ended
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let (tasks, todo) = mpsc::unbounded_channel();
    let link = Link {
        outlet: Outlet::new(writer),
        upstream,
        session: Session::default(),
        table: Table::default(),
        asking: Asking::default(),
        tasks,
        numbers: AtomicU64::new(0),
        limits,
    };
    let ended = link.run(reader, todo, opening).await;
    if tokio::time::timeout(FAREWELL, link.farewell()).await.is_err() {
        tracing::debug!("the server did not hear that the session ended");
    }
    ended
}

struct Link<W> {
    outlet: Outlet<W>,
    upstream: Arc<Upstream>,
    session: Session,
    /// Requests without an answer, the client's and our own.
    table: Table,
    /// What the server's side asks the client.
    asking: Asking,
    tasks: mpsc::UnboundedSender<Task>,
    numbers: AtomicU64,
    limits: Limits,
}

/// Work that outlives the request in which it came up.
enum Task {
    /// Open the stream on which the server speaks by itself.
    Listen,
    /// Ask a server without sessions to tell what changes.
    Subscribe,
    /// Read an HTTP+SSE stream to its end.
    Read(Box<OldStream>),
}

type Work<'l> = BoxFuture<'l, Result<Landed, Gone>>;

/// What a piece of work was.
enum Landed {
    Request,
    Other,
}

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    async fn run<R: AsyncRead + Unpin + Send>(
        &self,
        reader: R,
        mut todo: mpsc::UnboundedReceiver<Task>,
        opening: Opening,
    ) -> Ended {
        let mut inlet = Inlet::new(reader, &self.limits);
        let mut work: FuturesUnordered<Work<'_>> = FuturesUnordered::new();
        let mut waiting: VecDeque<Request> = VecDeque::new();
        let mut in_flight = 0;
        if let Some(resume) = opening.resume {
            work.push(self.revive(resume).boxed());
        }
        loop {
            tokio::select! {
                input = inlet.next() => match input {
                    Ok(Input::Line(line, permit)) => {
                        if self.take(line, permit, &mut work, &mut waiting).await.is_err() {
                            return Ended::ClientDeaf;
                        }
                    }
                    Ok(Input::TooLong | Input::NoRoom) => {
                        let fault = if matches!(input, Ok(Input::NoRoom)) {
                            Fault::Crowded
                        } else {
                            Fault::Http(HttpFailure::TooLarge, Executed::No)
                        };
                        if self.outlet.line(fault.answer("null")).await.is_err() {
                            return Ended::ClientDeaf;
                        }
                    }
                    Ok(Input::End) | Err(_) => break,
                },
                Some(landed) = work.next(), if !work.is_empty() => match landed {
                    Ok(Landed::Request) => in_flight -= 1,
                    Ok(Landed::Other) => {}
                    Err(Gone) => return Ended::ClientDeaf,
                },
                Some(task) = todo.recv() => work.push(self.task(task)),
            }
            self.launch(&mut work, &mut waiting, &mut in_flight);
        }
        let last = async {
            while in_flight > 0 || !waiting.is_empty() {
                self.launch(&mut work, &mut waiting, &mut in_flight);
                tokio::select! {
                    Some(landed) = work.next(), if !work.is_empty() => match landed {
                        Ok(Landed::Request) => in_flight -= 1,
                        Ok(Landed::Other) => {}
                        Err(Gone) => return Ended::ClientDeaf,
                    },
                    Some(task) = todo.recv() => work.push(self.task(task)),
                }
            }
            Ended::ClientWent
        };
        tokio::time::timeout(LAST_ANSWERS, last).await.unwrap_or(Ended::ClientWent)
    }

    fn task(&self, task: Task) -> Work<'_> {
        match task {
            Task::Listen => self.listen().boxed(),
            Task::Subscribe => self.subscribe().boxed(),
            Task::Read(stream) => self.read_old(stream).boxed(),
        }
    }

    /// Lets as many requests go as may.
    fn launch<'l>(
        &'l self,
        work: &mut FuturesUnordered<Work<'l>>,
        waiting: &mut VecDeque<Request>,
        in_flight: &mut usize,
    ) {
        while *in_flight < self.limits.in_flight
            && !self.session.is_opening()
            && let Some(request) = waiting.pop_front()
        {
            *in_flight += 1;
            let (handle, registration) = AbortHandle::new_pair();
            self.table.set_abort(&request.id, handle.clone());
            let opens = (request.method == "initialize").then(|| self.session.opens());
            let flight = Abortable::new(self.fly(request, handle, opens), registration);
            work.push(flight.map(|landed| landed.unwrap_or(Ok(Landed::Request))).boxed());
        }
    }

    /// Takes a line of the client: a message, or several.
    async fn take<'l>(
        &'l self,
        line: Bytes,
        permit: Option<Permit>,
        work: &mut FuturesUnordered<Work<'l>>,
        waiting: &mut VecDeque<Request>,
    ) -> Result<(), Gone> {
        let permit = permit.map(Arc::new);
        let Some(messages) = frame::messages(&line) else {
            return self.not_understood().await;
        };
        for message in messages {
            let bytes = line.slice_ref(message);
            let frame = Frame::read(message);
            let Some((frame, kind)) = frame.and_then(|frame| frame.kind().map(|kind| (frame, kind))) else {
                self.not_understood().await?;
                continue;
            };
            match kind {
                Kind::Request(id) => {
                    let request = Request::new(id, &frame, bytes, permit.clone());
                    if waiting.len() >= self.limits.waiting {
                        self.outlet.line(Fault::Crowded.answer(&request.id_json)).await?;
                    } else if self.table.client_asks(&request) {
                        waiting.push_back(request);
                    } else {
                        self.outlet.line(Fault::SameId.answer(&request.id_json)).await?;
                    }
                }
                Kind::Notification if frame.method() == Some("notifications/cancelled") => {
                    self.cancel(&frame, bytes, work, waiting);
                }
                Kind::Notification => {
                    let initialized = frame.method() == Some("notifications/initialized");
                    work.push(self.notify(bytes, initialized.then(|| self.session.opens())).boxed());
                }
                Kind::Answer(Some(id)) if self.asking.answered(&id, &bytes) => {}
                Kind::Answer(_) => work.push(self.notify(bytes, None).boxed()),
            }
        }
        Ok(())
    }

    /// The client wants no answer any more (Cancellation). With a session the server is told; without one, and always in the
    /// end, the closed stream tells it.
    fn cancel<'l>(
        &'l self,
        frame: &Frame<'_>,
        bytes: Bytes,
        work: &mut FuturesUnordered<Work<'l>>,
        waiting: &mut VecDeque<Request>,
    ) {
        let Some(id) = frame.params.and_then(request::cancelled) else { return };
        if let Some(place) = waiting.iter().position(|request| request.id == id) {
            waiting.remove(place);
            self.table.forget(&id);
            return;
        }
        let Some((era, abort)) = self.table.cancel(&id) else { return };
        work.push(
            async move {
                if era == Some(Era::Sessions) {
                    self.say(bytes).await;
                }
                if let Some(abort) = abort {
                    abort.abort();
                }
                self.outlet.settle().await?;
                Ok(Landed::Other)
            }
            .boxed(),
        );
    }

    async fn not_understood(&self) -> Result<(), Gone> {
        let text = br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"MCP Login: this line is no JSON-RPC message"}}"#;
        Ok(self.outlet.line(text.to_vec()).await?)
    }

    /// An id for a request of our own: the next number behind a prefix that no client was seen to use.
    fn own_id(&self) -> Id {
        Id::Text(format!("mcp-login-{}", self.numbers.fetch_add(1, Ordering::Relaxed)))
    }
}
