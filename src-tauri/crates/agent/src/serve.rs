//! The local API's connections.
//!
//! Problem: any program of the user may connect, send rubbish, never read, or never leave. Invariant: every request gets
//! one answer; a line that is none costs its sender an error and nobody else anything; lines, requests at a time,
//! notifications waiting and connections are bounded, and whoever is over a bound waits. A token that is fresh goes out
//! in the same turn of the loop in which it was asked for: no task, no thread, no lock held across a wait.

use crate::methods::{Doors, Peer};
use mcp_login_ipc::api::Notification;
use mcp_login_ipc::envelope::{self, Incoming, MAX_LINE};
use mcp_login_ipc::secret::Line;
use mcp_login_ipc::{Code, Fault};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections at a time; the next ones wait in the kernel's queue. Fifty clients with some windows each, ten times over.
pub const MAX_CONNECTIONS: usize = 512;
/// Requests of one connection that are being worked on; more of them stay unread.
const MAX_REQUESTS: usize = 32;
/// Notifications that wait for a reader; then whoever has more waits, and events are left out with a word about it.
const MAX_NOTES: usize = 128;
/// How long a peer may take to read an answer.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// How long a connection may be silent when nothing was asked and nothing subscribed. Clients connect again when they
/// have something to say.
const IDLE_TIME: Duration = Duration::from_secs(15 * 60);
/// How long answers are still worked on after the peer has said its last word.
const LAST_WORDS: Duration = Duration::from_secs(60);
/// What a read asks for: most requests fit.
const READ_SIZE: usize = 4 * 1024;

/// Serves one connection until it ends. `stream` is a Unix socket or a named pipe.
pub async fn connection<S>(mut stream: S, peer: Arc<Peer>, doors: Arc<Doors>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (notes, inbox) = mpsc::channel(MAX_NOTES);
    let connection = Connection { peer, doors, notes, inbox, working: JoinSet::new(), input: Vec::new() };
    match connection.run(&mut stream).await {
        Ok(()) => {}
        Err(error) => tracing::debug!(%error, "a connection ended"),
    }
    let _ = timeout(WRITE_TIME, stream.shutdown()).await;
}

struct Connection {
    peer: Arc<Peer>,
    doors: Arc<Doors>,
    notes: mpsc::Sender<Notification>,
    inbox: mpsc::Receiver<Notification>,
    working: JoinSet<Line>,
    input: Vec<u8>,
}

impl Connection {
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(mut self, stream: &mut S) -> io::Result<()> {
        let mut stop = self.doors.stopping();
        loop {
            while self.working.len() < MAX_REQUESTS
                && let Some(line) = self.next_line()
            {
                self.take(stream, &line).await?;
            }
            if self.input.len() >= MAX_LINE && !self.input.contains(&b'\n') {
                // What follows cannot be told from the rest of this line: the connection ends.
                send(
                    stream,
                    &envelope::write_error(None, &Fault::new(Code::LineTooLong).detail("limit", MAX_LINE)),
                )
                .await?;
                return Ok(());
            }
            let idle = self.working.is_empty() && self.notes.strong_count() == 1;
            self.input.reserve(READ_SIZE);
            tokio::select! {
                read = stream.read_buf(&mut self.input), if self.working.len() < MAX_REQUESTS => {
                    if read? == 0 {
                        return self.last_words(stream).await;
                    }
                }
                Some(done) = self.working.join_next() => send(stream, &line_of(done)).await?,
                Some(note) = self.inbox.recv() => send(stream, &envelope::write_notification(&note)).await?,
                () = tokio::time::sleep(IDLE_TIME), if idle => return Ok(()),
                () = stopped(&mut stop) => return self.goodbye(stream).await,
            }
        }
    }

    /// The next whole line, without its line feed.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let end = self.input.iter().position(|b| *b == b'\n')?;
        let rest = self.input.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.input, rest);
        line.truncate(end);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }

    async fn take<S: AsyncWrite + Unpin>(&mut self, stream: &mut S, line: &[u8]) -> io::Result<()> {
        let (id, request) = match envelope::read_request(line) {
            Incoming::Request { id, request } => (id, request),
            Incoming::Bad { id, fault } => {
                return send(stream, &envelope::write_error(id.as_ref(), &fault)).await;
            }
            Incoming::Ignored => return Ok(()),
        };
        let mut answer =
            Box::pin(self.doors.clone().answer(self.peer.clone(), id, request, self.notes.clone()));
        // Most answers are there at once; only those that are not cost a task.
        match std::future::poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
            Poll::Ready(line) => send(stream, &line).await,
            Poll::Pending => {
                self.working.spawn(answer);
                Ok(())
            }
        }
    }

    /// The peer said its last word (`printf … | nc`): it still gets its answers.
    async fn last_words<S: AsyncWrite + Unpin>(mut self, stream: &mut S) -> io::Result<()> {
        let rest = async {
            while let Some(done) = self.working.join_next().await {
                send(stream, &line_of(done)).await?;
            }
            Ok(())
        };
        timeout(LAST_WORDS, rest).await.unwrap_or(Ok(()))
    }

    /// The agent ends: what is under way is still answered, then the subscribers hear of it.
    async fn goodbye<S: AsyncWrite + Unpin>(mut self, stream: &mut S) -> io::Result<()> {
        let subscribed = self.notes.strong_count() > 1;
        let rest = async {
            while let Some(done) = self.working.join_next().await {
                send(stream, &line_of(done)).await?;
            }
            io::Result::Ok(())
        };
        timeout(crate::methods::STOP_TIME, rest).await.unwrap_or(Ok(()))?;
        if subscribed {
            let note = Notification::Event(mcp_login_ipc::api::Event::AgentStopping);
            send(stream, &envelope::write_notification(&note)).await?;
        }
        Ok(())
    }
}

/// Returns when the agent is told to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The sender lives in the doors, which live as long as we do.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn line_of(done: Result<Line, tokio::task::JoinError>) -> Line {
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "an answer was lost");
        envelope::write_error(None, &Fault::new(Code::Internal))
    })
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, line: &Line) -> io::Result<()> {
    timeout(WRITE_TIME, async {
        stream.write_all(line.as_bytes()).await?;
        stream.flush().await
    })
    .await
    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
