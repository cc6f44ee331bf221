//! The session with the server (MCP 2025-03-26 to 2025-11-25, Session Management).

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;

use super::Resume;

/// What is known of the session. Empty before `initialize` and with servers that keep none.
#[derive(Debug, Default)]
pub(super) struct Session(Mutex<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// `Mcp-Session-Id`.
    pub(super) id: Option<HeaderValue>,
    /// `MCP-Protocol-Version`: what the server chose.
    pub(super) version: Option<HeaderValue>,
    /// The client's `initialize`, to say it again.
    pub(super) initialize: Option<Bytes>,
    pub(super) initialized: bool,
}

impl Session {
    pub(super) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_up(&self, resume: Resume) {
        let mut state = self.state();
        state.initialize = Some(resume.initialize);
        state.initialized = resume.initialized;
    }
}
