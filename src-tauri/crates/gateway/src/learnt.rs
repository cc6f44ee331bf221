//! What was learnt about a server, for all its clients.
//!
//! Problem: whether a server speaks with sessions (MCP 2025-11-25 and before), without (2026-07-28), or over HTTP+SSE shows only
//! when it is asked. Invariant: each of these is a hint, that spares the next client a detour; whoever finds it wrong says so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::tools::Mirrored;

/// Tools whose headers are remembered for a server. Beyond, all are forgotten, and learnt when a call is refused.
const MOST_TOOLS: usize = 10_000;

/// Facts about one server.
#[derive(Debug, Default)]
pub struct Learnt(Mutex<Facts>);

#[derive(Debug, Default)]
struct Facts {
    no_sessions: bool,
    no_stateless: bool,
    http_sse: bool,
    tools: HashMap<String, Arc<[Mirrored]>>,
}

/// The two forms of MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// `initialize`, and a session: 2024-11-05 to 2025-11-25.
    Sessions,
    /// Each request for itself: 2026-07-28.
    Stateless,
}

impl Learnt {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server is known not to speak this form.
    #[must_use]
    pub fn lacks(&self, era: Era) -> bool {
        let facts = self.facts();
        match era {
            Era::Sessions => facts.no_sessions,
            Era::Stateless => facts.no_stateless,
        }
    }

    /// What was seen of a form.
    pub fn saw(&self, era: Era, speaks: Speaks) {
        let mut facts = self.facts();
        let lacks = speaks == Speaks::No;
        match era {
            Era::Sessions => facts.no_sessions = lacks,
            Era::Stateless => facts.no_stateless = lacks,
        }
    }

    /// Whether the server was last used over HTTP+SSE.
    #[must_use]
    pub fn is_http_sse(&self) -> bool {
        self.facts().http_sse
    }

    pub(crate) fn set_http_sse(&self, is: Speaks) {
        self.facts().http_sse = is == Speaks::Yes;
    }

    /// The arguments of a tool that are mirrored in headers.
    pub(crate) fn mirrored(&self, tool: &str) -> Option<Arc<[Mirrored]>> {
        self.facts().tools.get(tool).cloned()
    }

    pub(crate) fn learn_tool(&self, tool: String, mirrored: Vec<Mirrored>) {
        let mut facts = self.facts();
        if mirrored.is_empty() {
            facts.tools.remove(&tool);
            return;
        }
        if facts.tools.len() >= MOST_TOOLS {
            facts.tools.clear();
        }
        facts.tools.insert(tool, mirrored.into());
    }
}

/// Whether a server speaks something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// It does.
    Yes,
    /// It does not.
    No,
}
