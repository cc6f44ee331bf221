//! The stream on which the server speaks by itself (MCP 2025-11-25, Listening for Messages from the Server).
//!
//! Invariant: one for each session, and no storm: without a token or a connection it is not tried again before a request of the
//! client has been answered.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use tokio::io::AsyncWrite;

use super::session::Mode;
use super::stream::{Origin, Reading};
use super::streamable::is_events;
use super::{Gone, Landed, Link, Stop};
use crate::fault::Fault;
use crate::upstream::{Patience, Waiting};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The longest wait before a stream that ends at once is opened again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    /// Reads what the server says by itself, until the session is another one or the server offers no such stream.
    pub(super) async fn listen(&self) -> Result<Landed, Gone> {
        {
            let state = self.session.state();
            if !matches!(state.mode, Mode::Native | Mode::Up) || state.http_sse {
                return Ok(Landed::Stream);
            }
        }
        let mut epochs = self.session.epochs();
        let epoch = self.session.epoch();
        let ended = async {
            let _ = epochs.wait_for(|now| *now != epoch).await;
        };
        tokio::select! {
            outcome = self.listen_on() => outcome,
            () = ended => Ok(Landed::Stream),
        }
    }

    async fn listen_on(&self) -> Result<Landed, Gone> {
        let mut reading: Option<Reading> = None;
        let mut pause: Option<Duration> = None;
        loop {
            let mut ask = self.get();
            let last = reading.as_ref().and_then(|reading| HeaderValue::from_str(reading.last_id()?).ok());
            if let Some(last) = last {
                ask.headers.insert(LAST_EVENT_ID, last);
            }
            let answered = self.session.answered.notified();
            match self.upstream.send(&ask, Patience::None, &Waiting::default()).await {
                Ok(response) if response.status().is_success() && is_events(&response) => {
                    let reading = match &mut reading {
                        Some(reading) => {
                            reading.take_up(response);
                            reading
                        }
                        none => none.insert(Reading::new(response)),
                    };
                    let before = reading.messages();
                    if let Err(Stop::Gone) = self.read_events(reading, Origin::Server).await {
                        return Err(Gone);
                    }
                    let again = reading.pause();
                    // A server that ends each stream at once is asked less and less often.
                    pause = match pause {
                        Some(pause) if reading.messages() == before => Some((pause * 2).min(LONGEST_PAUSE)),
                        _ => Some(again),
                    };
                }
                Ok(response) if response.status().is_server_error() => {
                    pause =
                        Some(pause.map_or(Duration::from_secs(1), |pause| (pause * 2).min(LONGEST_PAUSE)));
                }
                // 405: there is none. 404: the session is gone, and the next request opens another one.
                Ok(_) => return Ok(Landed::Stream),
                // A server that wants another token for this stream alone would cost a renewal each time.
                Err(Fault::Refused | Fault::Scope) => return Ok(Landed::Stream),
                Err(_) => answered.await,
            }
            tokio::time::sleep(pause.unwrap_or(Duration::from_secs(1))).await;
        }
    }
}
