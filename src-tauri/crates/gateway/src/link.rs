//! One client's conversation: newline-delimited JSON-RPC in both directions (MCP, stdio transport).
//!
//! Problem: many requests are under way at a time, each may end in a dozen ways, and a client that gets no answer hangs.
//! Invariant: everything that a link does is one future: whoever drops it has ended all of it. Each request that was read is
//! in the table until it is answered, and is answered once.

mod flight;
mod session;
mod stream;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::fault::Fault;
use crate::frame::{self, Frame, Id, Kind};
use crate::inlet::{Inlet, Input};
use crate::limits::Limits;
use crate::outlet::Outlet;
use crate::upstream::Upstream;

use flight::Request;
use session::Session;

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
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(2);

/// The client's side is closed.
#[derive(Debug)]
pub(crate) struct Gone;

impl From<std::io::Error> for Gone {
    fn from(_: std::io::Error) -> Self {
        Gone
    }
}

/// Serves one client until it goes. Dropping the future ends the conversation at once.
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
    let link = Link {
        outlet: Outlet::new(writer),
        upstream,
        session: Session::default(),
        pending: Mutex::new(HashMap::new()),
        limits,
    };
    let ended = link.run(reader, opening).await;
    link.farewell().await;
    ended
}

pub(crate) struct Link<W> {
    outlet: Outlet<W>,
    upstream: Arc<Upstream>,
    session: Session,
    /// The client's requests without an answer.
    pending: Mutex<HashMap<Id, Pending>>,
    limits: Limits,
}

/// A request that waits for its answer.
#[derive(Debug)]
struct Pending;

type Work<'l> = BoxFuture<'l, Result<Landed, Gone>>;

/// What a piece of work was.
enum Landed {
    Request,
    Other,
}

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    async fn run<R: AsyncRead + Unpin + Send>(&self, reader: R, opening: Opening) -> Ended {
        let mut inlet = Inlet::new(reader, self.limits.message);
        let mut work: FuturesUnordered<Work<'_>> = FuturesUnordered::new();
        let mut waiting: VecDeque<Request> = VecDeque::new();
        let mut in_flight = 0;
        let mut open = true;
        if let Some(resume) = opening.resume {
            self.session.take_up(resume);
        }
        while open || !work.is_empty() {
            tokio::select! {
                input = inlet.next(), if open => match input {
                    Ok(Input::Line(line)) => {
                        if self.take(line, &work, &mut waiting).await.is_err() {
                            return Ended::ClientDeaf;
                        }
                    }
                    Ok(Input::TooLong) => {
                        let fault = Fault::Http(crate::http::HttpFailure::TooLarge, crate::fault::Executed::No);
                        if self.outlet.line(fault.answer("null")).await.is_err() {
                            return Ended::ClientDeaf;
                        }
                    }
                    Ok(Input::End) | Err(_) => open = false,
                },
                Some(landed) = work.next(), if !work.is_empty() => match landed {
                    Ok(Landed::Request) => in_flight -= 1,
                    Ok(Landed::Other) => {}
                    Err(Gone) => return Ended::ClientDeaf,
                },
            }
            while in_flight < self.limits.in_flight
                && let Some(request) = waiting.pop_front()
            {
                in_flight += 1;
                work.push(Box::pin(self.fly(request)));
            }
        }
        Ended::ClientWent
    }

    /// Takes a line of the client: a message, or several.
    async fn take<'l>(
        &'l self,
        line: Bytes,
        work: &FuturesUnordered<Work<'l>>,
        waiting: &mut VecDeque<Request>,
    ) -> Result<(), Gone> {
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
                    let request = Request::new(id.clone(), &frame, bytes);
                    if waiting.len() >= self.limits.waiting {
                        self.outlet.line(Fault::Crowded.answer(&request.id_json)).await?;
                        continue;
                    }
                    self.pending().insert(id, Pending);
                    waiting.push_back(request);
                }
                Kind::Notification => {
                    let initialized = frame.method() == Some("notifications/initialized");
                    work.push(Box::pin(async move {
                        self.say(bytes, initialized).await;
                        Ok(Landed::Other)
                    }));
                }
                Kind::Answer(_) => work.push(Box::pin(async move {
                    self.say(bytes, false).await;
                    Ok(Landed::Other)
                })),
            }
        }
        Ok(())
    }

    async fn not_understood(&self) -> Result<(), Gone> {
        let text = br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"MCP Login: this line is no JSON-RPC message"}}"#;
        Ok(self.outlet.line(text.to_vec()).await?)
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, HashMap<Id, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
