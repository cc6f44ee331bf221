//! The session with the server (MCP 2025-11-25, Lifecycle and Session Management).
//!
//! Problem: a server may forget a session at any time, and all requests that are under way notice. Invariant: one handshake at a
//! time, under `turn`; the epoch goes up with each, so that who saw a session fail knows whether it is still that one.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderValue, Uri};
use tokio::sync::{Notify, watch};

/// The first revision that asks for `MCP-Protocol-Version`. Older servers were built without, some refuse it.
const WITH_HEADER: &str = "2025-06-18";

/// How client and server are brought together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// The client has not opened yet, or needs no session.
    #[default]
    None,
    /// The client's own session, passed on.
    Native,
    /// The client has no sessions and the server wants one: ours.
    Up,
    /// The client has sessions and the server knows none.
    Down,
}

#[derive(Debug)]
pub(super) struct Session {
    state: Mutex<State>,
    /// Held during a handshake.
    pub(super) turn: tokio::sync::Mutex<()>,
    epoch: watch::Sender<u64>,
    /// Opening messages under way: the client's `initialize` and `initialized`, and handshakes of ours.
    opening: AtomicUsize,
    /// Resources that the client subscribed to, where that is ours to keep.
    resources: watch::Sender<BTreeSet<String>>,
    /// Told when the server has answered: a stream that had no token may be tried again.
    pub(super) answered: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) mode: Mode,
    /// `Mcp-Session-Id`.
    pub(super) id: Option<HeaderValue>,
    /// `MCP-Protocol-Version`: what the server chose.
    pub(super) version: Option<HeaderValue>,
    /// Whether it goes over HTTP+SSE.
    pub(super) http_sse: bool,
    /// Where messages go then, while the stream is there.
    pub(super) endpoint: Option<Uri>,
    /// The parameters of `initialize`, to say it again.
    pub(super) initialize: Option<String>,
    /// The server's answer to it.
    pub(super) result: Option<String>,
    /// Whether `notifications/initialized` was said.
    pub(super) initialized: bool,
    /// A session was lost, and no other one is open yet.
    pub(super) shut: bool,
    /// `_meta` for a server without sessions.
    pub(super) meta: Option<String>,
    pub(super) log_level: Option<String>,
}

/// Other requests wait as long as there is one.
pub(super) struct Opens<'s>(&'s Session);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        self.0.opening.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Session {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            epoch: watch::Sender::new(0),
            opening: AtomicUsize::new(0),
            resources: watch::Sender::default(),
            answered: Notify::new(),
        }
    }
}

impl Session {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn mode(&self) -> Mode {
        self.state().mode
    }

    /// A session begins anew, whatever there was.
    pub(super) fn begin(&self, mode: Mode, initialize: Option<String>) {
        let mut state = self.state();
        *state = State { mode, initialize, ..State::default() };
        drop(state);
        self.next_epoch();
    }

    /// The same conversation in a new session.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        (state.id, state.version, state.endpoint) = (None, None, None);
        state.shut = true;
        drop(state);
        self.next_epoch();
    }

    pub(super) fn accept(&self, version: &str, result: &str) {
        let mut state = self.state();
        state.version = (version >= WITH_HEADER).then(|| HeaderValue::from_str(version).ok()).flatten();
        state.result = Some(result.to_owned());
        state.shut = false;
    }

    /// The epoch of a session that was lost and has no successor yet.
    pub(super) fn is_shut(&self) -> Option<u64> {
        self.state().shut.then(|| self.epoch())
    }

    pub(super) fn epoch(&self) -> u64 {
        *self.epoch.borrow()
    }

    pub(super) fn epochs(&self) -> watch::Receiver<u64> {
        self.epoch.subscribe()
    }

    fn next_epoch(&self) {
        self.epoch.send_modify(|epoch| *epoch += 1);
    }

    pub(super) fn resources(&self) -> watch::Receiver<BTreeSet<String>> {
        self.resources.subscribe()
    }

    pub(super) fn watch_resource(&self, uri: String, watch: bool) {
        self.resources.send_if_modified(|all| if watch { all.insert(uri) } else { all.remove(&uri) });
    }

    /// A message that opens the conversation is under way, until this is dropped.
    pub(super) fn opens(&self) -> Opens<'_> {
        self.opening.fetch_add(1, Ordering::Relaxed);
        Opens(self)
    }

    /// Whether other requests have to wait for what opens the conversation.
    pub(super) fn is_opening(&self) -> bool {
        self.opening.load(Ordering::Relaxed) > 0
    }
}
