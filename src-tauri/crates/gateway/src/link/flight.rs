//! One request of the client, until it is answered.
//!
//! Invariant: every way out of here answers the request, unless the client has the answer or wants none any more.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::AbortHandle;
use serde_json::json;
use tokio::io::AsyncWrite;

use super::request::Request;
use super::session::{Mode, Opens};
use super::{Gone, Landed, Link, Stop, Task};
use crate::fault::{Executed, Fault};
use crate::learnt::{Era, Speaks};
use crate::upstream::{Patience, Waiting};

/// Clients give up after a minute without progress, some after half of it.
const PROGRESS: Duration = Duration::from_secs(5);

/// How a request ended.
pub(super) enum Reply {
    /// The client has the server's answer, as it was.
    Passed,
    /// This is the answer.
    Answer(Vec<u8>),
    /// This is the answer to a later request of the client, which continued this one.
    Instead(Box<Request>, Vec<u8>),
    /// Another flight answers it.
    HandedOver,
}

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    /// Sends a request and sees to its answer, the server's or ours.
    pub(super) async fn fly(
        &self,
        request: Request,
        abort: AbortHandle,
        opens: Option<Opens<'_>>,
    ) -> Result<Landed, Gone> {
        let waiting = Waiting::default();
        let flight = std::pin::pin!(self.route(&request, &waiting, abort));
        let outcome = self.with_progress(&request, &waiting, flight).await?;
        drop(opens);
        let (id, answer) = match outcome {
            Ok(Reply::HandedOver) => return Ok(Landed::Request),
            Ok(Reply::Instead(other, answer)) => {
                self.table.forget(&request.id);
                (other.id.clone(), Ok(answer))
            }
            Ok(Reply::Passed) => (request.id.clone(), Err(Fault::CutOff(Executed::Perhaps))),
            Ok(Reply::Answer(answer)) => (request.id.clone(), Ok(answer)),
            Err(Stop::Fault(fault)) => (request.id.clone(), Err(fault)),
            Err(Stop::Refused(refusal)) => (request.id.clone(), Ok(refusal.answer(&request.id_json))),
            Err(Stop::Gone) => return Err(Gone),
        };
        // As a rule the client has it.
        if self.table.forget(&id) {
            let answer = answer.unwrap_or_else(|fault| fault.answer(&request.id_json));
            self.outlet.line(answer).await?;
        }
        Ok(Landed::Request)
    }

    /// Tells the client that its request is alive while a person is waited for (Progress).
    async fn with_progress<F>(
        &self,
        request: &Request,
        waiting: &Waiting,
        mut flight: Pin<&mut F>,
    ) -> Result<Result<Reply, Stop>, Gone>
    where
        F: Future<Output = Result<Reply, Stop>>,
    {
        let Some(token) = &request.progress else { return Ok(flight.await) };
        let mut told: u32 = 0;
        loop {
            tokio::select! {
                outcome = &mut flight => return Ok(outcome),
                () = tokio::time::sleep(PROGRESS) => {}
            }
            if waiting.is_on() {
                told += 1;
                // It must grow, and stay below where the server's own begins: that may be anything, most begin with 0 or 1.
                let progress = f64::from(told) / 1000.0;
                let text = json!({"progress": progress, "message": "MCP Login: waiting for you"}).to_string();
                let params = crate::splice::set(&text, "progressToken", token).unwrap_or(text);
                let text =
                    format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}"#);
                self.outlet.line(text.into_bytes()).await?;
            }
        }
    }

    /// By how the client speaks and how the server does. What is rare has a box of its own: else each message would carry room
    /// for all of it, and pay for that with its time.
    async fn route(&self, request: &Request, waiting: &Waiting, abort: AbortHandle) -> Result<Reply, Stop> {
        match request.era {
            Era::Sessions if request.method == "initialize" => {
                Box::pin(self.initialize(request, waiting)).await
            }
            Era::Sessions => {
                if let Some(epoch) = self.session.is_shut() {
                    Box::pin(self.renew(epoch, waiting)).await?;
                }
                if self.session.mode() == Mode::Down {
                    return Box::pin(self.down(request, waiting)).await;
                }
                self.in_session(&request.id, &request.method, request.bytes.clone(), waiting).await?;
                Ok(Reply::Passed)
            }
            Era::Stateless => {
                if request.state.as_ref().is_some_and(|state| self.asking.resume(state, request)) {
                    return Ok(Reply::HandedOver);
                }
                let learnt = self.upstream.learnt();
                if learnt.lacks(Era::Stateless) {
                    return Box::pin(self.in_our_session(request, waiting, abort)).await;
                }
                let outcome = self.stateless(request, waiting).await;
                if !super::stateless::is_legacy(request, &outcome) {
                    return outcome;
                }
                if let Some(answer) = super::up::fall_back(request) {
                    return Ok(Reply::Answer(answer));
                }
                if Box::pin(self.open_up(request, waiting)).await.is_err() {
                    return outcome;
                }
                learnt.saw(Era::Stateless, Speaks::No);
                Box::pin(self.up(request, waiting, abort)).await
            }
        }
    }

    /// A request without sessions, at a server that is known to want one.
    async fn in_our_session(
        &self,
        request: &Request,
        waiting: &Waiting,
        abort: AbortHandle,
    ) -> Result<Reply, Stop> {
        if let Some(answer) = super::up::fall_back(request) {
            return Ok(Reply::Answer(answer));
        }
        match self.open_up(request, waiting).await {
            Ok(()) => self.up(request, waiting, abort).await,
            Err(Stop::Refused(_)) => {
                // The server became another one.
                self.upstream.learnt().saw(Era::Stateless, Speaks::Yes);
                self.stateless(request, waiting).await
            }
            Err(stop) => Err(stop),
        }
    }

    /// The client's `initialize`.
    async fn initialize(&self, request: &Request, waiting: &Waiting) -> Result<Reply, Stop> {
        let _turn = self.session.turn.lock().await;
        let params = request.frame().and_then(|frame| frame.params.map(|raw| raw.get().to_owned()));
        let params = params.unwrap_or_else(|| "{}".into());
        self.introduce(&request.id, request.bytes.clone(), &params, waiting).await.map(Reply::Answer)
    }

    /// Passes on what the client says without asking.
    pub(super) async fn notify(&self, bytes: Bytes, opens: Option<Opens<'_>>) -> Result<Landed, Gone> {
        let mode = self.session.mode();
        if opens.is_some() {
            self.session.state().initialized = true;
        }
        match mode {
            Mode::Native => {
                self.say(bytes, Patience::ForAPerson).await;
                if opens.is_some() {
                    let _ = self.tasks.send(Task::Listen);
                }
            }
            Mode::Down if opens.is_some() => {
                let _ = self.tasks.send(Task::Subscribe);
            }
            // Without sessions, clients notify of nothing but what the closed stream says, and answer nothing.
            Mode::None | Mode::Up | Mode::Down => {}
        }
        Ok(Landed::Brief)
    }
}
