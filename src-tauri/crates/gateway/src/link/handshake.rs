//! How a conversation begins, and begins again (MCP 2025-11-25, Lifecycle).
//!
//! Invariant: whoever is here holds the session's turn; a handshake that failed leaves the session shut, so that the next request
//! tries again and says what is wrong.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::AsyncWrite;

use super::refusal::Refusal;
use super::session::{Mode, Opens};
use super::streamable::result_answer;
use super::{Gone, Landed, Link, Resume, Stop, Task};
use crate::fault::{Executed, Fault};
use crate::frame::{Frame, Id};
use crate::http::HttpFailure;
use crate::learnt::{Era, Speaks};
use crate::upstream::{Patience, Waiting};

/// A handshake of ours: longer than a server needs to wake up.
const HANDSHAKE: Duration = Duration::from_secs(60);

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    /// `initialize` to a server with sessions: the whole answer. The caller holds the turn.
    pub(super) async fn handshake(&self, id: &Id, bytes: Bytes, waiting: &Waiting) -> Result<Vec<u8>, Stop> {
        self.session.state().http_sse = false;
        if self.upstream.learnt().is_http_sse() {
            if self.open_http_sse(waiting).await.is_ok() {
                self.session.state().http_sse = true;
                return self.gather(id, Box::pin(self.post_http_sse(id, bytes, waiting))).await;
            }
            self.upstream.learnt().set_http_sse(Speaks::No);
        }
        let over_post = async {
            let (ask, ..) = self.post(bytes.clone());
            let response = match self.upstream.send(&ask, Patience::ForAPerson, waiting).await {
                // A connection that the server had closed: hello can be said twice.
                Err(Fault::Http(HttpFailure::Lost, _)) => {
                    self.upstream.send(&ask, Patience::ForAPerson, waiting).await?
                }
                response => response?,
            };
            if !response.status().is_success() {
                return Err(Stop::Refused(self.refusal(response).await?));
            }
            self.read_answer(response, id, "initialize").await
        };
        match self.gather(id, Box::pin(over_post)).await {
            // The older transport (Backward Compatibility): a stream by GET, and on it where to send messages.
            Err(Stop::Refused(refusal))
                if matches!(refusal.status, 400 | 404 | 405)
                    && !refusal.is_modern()
                    && !refusal.answers_a_request() =>
            {
                if self.open_http_sse(waiting).await.is_err() {
                    return Err(Stop::Refused(refusal));
                }
                self.upstream.learnt().set_http_sse(Speaks::Yes);
                self.session.state().http_sse = true;
                self.gather(id, Box::pin(self.post_http_sse(id, bytes, waiting))).await
            }
            outcome => outcome,
        }
    }

    /// Says the client's `initialize`: with sessions if the server has them, else translated. Begins the mode. The caller holds
    /// the turn.
    pub(super) async fn introduce(
        &self,
        id: &Id,
        bytes: Bytes,
        params: &str,
        waiting: &Waiting,
    ) -> Result<Vec<u8>, Stop> {
        let learnt = self.upstream.learnt();
        let translated = |result: String| result_answer(&id.to_json(), &result);
        if learnt.lacks(Era::Sessions) {
            self.session.begin(Mode::Down, Some(params.to_owned()));
            match self.discover(params, waiting).await {
                Ok(result) => return Ok(translated(result)),
                Err(Stop::Refused(_)) => learnt.saw(Era::Sessions, Speaks::Yes),
                Err(stop) => return Err(stop),
            }
        }
        self.session.begin(Mode::Native, Some(params.to_owned()));
        let outcome = self.handshake(id, bytes, waiting).await;
        let refused = match &outcome {
            Ok(answer) => !self.accepted(answer),
            Err(stop) => matches!(stop, Stop::Refused(_)),
        };
        if refused {
            self.session.begin(Mode::Down, Some(params.to_owned()));
            if let Ok(result) = self.discover(params, waiting).await {
                learnt.saw(Era::Sessions, Speaks::No);
                return Ok(translated(result));
            }
            self.session.begin(Mode::Native, Some(params.to_owned()));
        }
        outcome
    }

    /// Takes what the server chose. False: it refused.
    fn accepted(&self, answer: &[u8]) -> bool {
        let result = Frame::read(answer).and_then(|frame| frame.result);
        let Some((result, version)) = result.and_then(|result| Some((result, version(result)?))) else {
            return false;
        };
        self.session.accept(&version, result.get());
        true
    }

    /// A new session in place of the one that was seen to be gone.
    pub(super) async fn renew(&self, seen: u64, waiting: &Waiting) -> Result<(), Stop> {
        let _turn = self.session.turn.lock().await;
        if self.session.epoch() != seen {
            // Somebody else tried.
            let failed = self.session.is_shut().is_some();
            return if failed { Err(Fault::CutOff(Executed::No).into()) } else { Ok(()) };
        }
        self.session.forget();
        self.open_again(waiting).await
    }

    /// The handshake with what is known of the client. The caller holds the turn.
    pub(super) async fn open_again(&self, waiting: &Waiting) -> Result<(), Stop> {
        let (mode, params, initialized) = {
            let state = self.session.state();
            let Some(params) = state.initialize.clone() else { return Ok(()) };
            (state.mode, params, state.initialized)
        };
        let id = self.own_id();
        let bytes =
            format!(r#"{{"jsonrpc":"2.0","id":{},"method":"initialize","params":{params}}}"#, id.to_json());
        let opening = async {
            match mode {
                Mode::Up => self.handshake(&id, bytes.into(), waiting).await,
                _ => self.introduce(&id, bytes.into(), &params, waiting).await,
            }
        };
        let outcome = tokio::time::timeout(HANDSHAKE, opening).await;
        self.table.forget(&id);
        {
            let mut state = self.session.state();
            state.initialized = initialized;
            // Until it is seen that it is not.
            state.shut = !matches!(outcome, Ok(Ok(_)));
        }
        let answer = outcome.map_err(|_| Fault::Http(HttpFailure::Lost, Executed::No))??;
        if self.session.mode() == Mode::Down {
            if initialized {
                let _ = self.tasks.send(Task::Subscribe);
            }
            return Ok(());
        }
        if !self.accepted(&answer) {
            self.session.state().shut = true;
            return Err(Stop::Refused(Refusal { status: 200, body: answer }));
        }
        if initialized {
            let said = Bytes::from_static(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
            self.say(said, Patience::ForAPerson).await;
            let _ = self.tasks.send(Task::Listen);
        }
        Ok(())
    }

    /// Takes up a conversation that broke.
    pub(super) async fn revive(&self, resume: Resume, _opens: Opens<'_>) -> Result<Landed, Gone> {
        let frame = Frame::read(&resume.initialize);
        let params = frame.and_then(|frame| frame.params.map(|raw| raw.get().to_owned()));
        let _turn = self.session.turn.lock().await;
        self.session.begin(Mode::Native, params);
        self.session.state().initialized = resume.initialized;
        self.session.forget();
        if self.open_again(&Waiting::default()).await.is_err() {
            // The next request tries again, and says what is wrong.
            tracing::debug!("a conversation could not be taken up yet");
        }
        Ok(Landed::Brief)
    }
}

/// `protocolVersion` in the answer to `initialize`.
fn version(result: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Initialized {
        #[serde(rename = "protocolVersion")]
        version: String,
    }
    serde_json::from_str::<Initialized>(result.get()).ok().map(|result| result.version)
}
