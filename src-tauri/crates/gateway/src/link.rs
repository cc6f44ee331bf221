//! One client's conversation: newline-delimited JSON-RPC in both directions (MCP, stdio transport).
//!
//! Problem: many requests are under way at a time, each may end in a dozen ways, and a client that gets no answer hangs.
//! Invariants: everything that a link does is one future, and whoever drops it has ended all of it; a request that was read is
//! in the table until it is answered, and is answered once.

mod asking;
mod down;
mod flight;
mod handshake;
mod http_sse;
mod listen;
mod refusal;
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

use crate::fault::Fault;
use crate::frame::{self, Frame, Id, Kind};
use crate::inlet::{Inlet, Input};
use crate::learnt::Era;
use crate::limits::{Limits, Permit};
use crate::outlet::Outlet;
use crate::upstream::{Patience, Upstream};

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

const NOT_UNDERSTOOD: &[u8] =
    br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"MCP Login: this line is no JSON-RPC message"}}"#;

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
    Refused(refusal::Refusal),
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
    /// A request of the client.
    Request,
    /// Something that ends by itself.
    Brief,
    /// A stream of the server's.
    Stream,
}

/// What a link has to do.
struct Desk<'l> {
    work: FuturesUnordered<Work<'l>>,
    /// Requests that wait for others to end.
    waiting: VecDeque<Request>,
    in_flight: usize,
    /// Brief work that is not done.
    brief: usize,
}

impl<'l> Desk<'l> {
    fn new() -> Self {
        Self { work: FuturesUnordered::new(), waiting: VecDeque::new(), in_flight: 0, brief: 0 }
    }

    fn briefly(&mut self, work: impl Future<Output = Result<Landed, Gone>> + Send + 'l) {
        self.brief += 1;
        self.work.push(work.boxed());
    }

    fn landed(&mut self, landed: &Landed) {
        match landed {
            Landed::Request => self.in_flight -= 1,
            Landed::Brief => self.brief -= 1,
            Landed::Stream => {}
        }
    }

    fn is_empty(&self) -> bool {
        self.in_flight == 0 && self.brief == 0 && self.waiting.is_empty()
    }
}

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    async fn run<R: AsyncRead + Unpin + Send>(
        &self,
        reader: R,
        mut todo: mpsc::UnboundedReceiver<Task>,
        opening: Opening,
    ) -> Ended {
        let mut inlet = Inlet::new(reader, &self.limits);
        let mut desk = Desk::new();
        if let Some(resume) = opening.resume {
            desk.briefly(self.revive(resume, self.session.opens()));
        }
        loop {
            tokio::select! {
                input = inlet.next() => match input {
                    Ok(Input::Line(line, permit)) => self.take(line, permit, &mut desk),
                    Ok(Input::TooLong) => desk.briefly(self.tell(Fault::TooLong.answer("null"))),
                    Ok(Input::NoRoom) => desk.briefly(self.tell(Fault::Crowded.answer("null"))),
                    Ok(Input::End) | Err(_) => break,
                },
                Some(landed) = desk.work.next(), if !desk.work.is_empty() => match landed {
                    Ok(landed) => desk.landed(&landed),
                    Err(Gone) => return Ended::ClientDeaf,
                },
                Some(task) = todo.recv() => desk.work.push(self.task(task)),
            }
            self.launch(&mut desk);
        }
        // A subscription ends with who wanted it.
        self.table.end_endless();
        let last = async {
            while !desk.is_empty() {
                self.launch(&mut desk);
                tokio::select! {
                    Some(landed) = desk.work.next(), if !desk.work.is_empty() => match landed {
                        Ok(landed) => desk.landed(&landed),
                        Err(Gone) => return Ended::ClientDeaf,
                    },
                    Some(task) = todo.recv() => desk.work.push(self.task(task)),
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
    fn launch<'l>(&'l self, desk: &mut Desk<'l>) {
        while desk.in_flight < self.limits.in_flight
            && !self.session.is_opening()
            && let Some(request) = desk.waiting.pop_front()
        {
            desk.in_flight += 1;
            let (handle, registration) = AbortHandle::new_pair();
            let endless = request.method == "subscriptions/listen";
            self.table.set_abort(&request.id, handle.clone(), endless);
            let opens = (request.method == "initialize").then(|| self.session.opens());
            let flight = Abortable::new(self.fly(request, handle, opens), registration);
            desk.work.push(flight.map(|landed| landed.unwrap_or(Ok(Landed::Request))).boxed());
        }
    }

    /// Takes a line of the client: a message, or several. It writes nothing itself: who writes may have to wait for another
    /// message to end, and that one goes on only while the link's work does.
    fn take<'l>(&'l self, line: Bytes, permit: Option<Permit>, desk: &mut Desk<'l>) {
        let permit = permit.map(Arc::new);
        let Some(messages) = frame::messages(&line) else {
            return desk.briefly(self.tell(NOT_UNDERSTOOD.to_vec()));
        };
        for message in messages {
            let bytes = line.slice_ref(message);
            let frame = Frame::read(message);
            let Some((frame, kind)) = frame.and_then(|frame| frame.kind().map(|kind| (frame, kind))) else {
                desk.briefly(self.tell(NOT_UNDERSTOOD.to_vec()));
                continue;
            };
            match kind {
                Kind::Request(id) => {
                    let request = Request::new(id, &frame, bytes, permit.clone());
                    if desk.waiting.len() >= self.limits.waiting {
                        desk.briefly(self.tell(Fault::Crowded.answer(&request.id_json)));
                    } else if self.table.client_asks(&request) {
                        desk.waiting.push_back(request);
                    } else {
                        desk.briefly(self.tell(Fault::SameId.answer(&request.id_json)));
                    }
                }
                Kind::Notification if frame.method() == Some("notifications/cancelled") => {
                    self.cancel(&frame, bytes, desk);
                }
                Kind::Notification => {
                    let initialized = frame.method() == Some("notifications/initialized");
                    desk.briefly(self.notify(bytes, initialized.then(|| self.session.opens())));
                }
                Kind::Answer(Some(id)) if self.asking.answered(&id, &bytes) => {}
                Kind::Answer(_) => desk.briefly(self.notify(bytes, None)),
            }
        }
    }

    /// Writes a line to the client.
    async fn tell(&self, line: Vec<u8>) -> Result<Landed, Gone> {
        self.outlet.line(line).await?;
        Ok(Landed::Brief)
    }

    /// The client wants no answer any more (Cancellation). With a session the server is told; without one, and always in the
    /// end, the closed stream tells it.
    fn cancel<'l>(&'l self, frame: &Frame<'_>, bytes: Bytes, desk: &mut Desk<'l>) {
        let Some(id) = frame.params.and_then(request::cancelled) else { return };
        if let Some(place) = desk.waiting.iter().position(|request| request.id == id) {
            desk.waiting.remove(place);
            self.table.forget(&id);
            return;
        }
        let Some((era, abort)) = self.table.cancel(&id) else { return };
        desk.briefly(async move {
            if era == Some(Era::Sessions) {
                // Without a token the request has not gone out either.
                self.say(bytes, Patience::None).await;
            }
            if let Some(abort) = abort {
                abort.abort();
            }
            self.outlet.settle().await?;
            Ok(Landed::Brief)
        });
    }

    /// An id for a request of our own: the next number behind a prefix that no client was seen to use.
    fn own_id(&self) -> Id {
        Id::Text(format!("mcp-login-{}", self.numbers.fetch_add(1, Ordering::Relaxed)))
    }
}
