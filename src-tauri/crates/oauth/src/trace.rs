//! What discovery did, step by step, for `doctor`.
//!
//! Invariant: each step names its clause; an address is shown without its query, which may hold a key.

use crate::text::ServerText;

/// One step, for `doctor`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// The address, without its query.
    pub url: String,
    /// The clause that it follows.
    pub clause: &'static str,
    /// What came of it.
    pub outcome: StepOutcome,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// The document counts.
    Used,
    /// The server asks for a sign-in.
    Challenged {
        /// 401 or 403.
        status: u16,
        /// Whether it points to its metadata.
        pointer: bool,
    },
    /// The server answered without a sign-in. It may still ask for one per tool.
    Open {
        /// The status.
        status: u16,
    },
    /// Nothing there.
    Absent {
        /// The status.
        status: u16,
    },
    /// The server says "not now".
    Later {
        /// The status.
        status: u16,
    },
    /// Something is there that is not the document.
    Malformed,
    /// The copy on the MCP server's host names another issuer: its own document is looked up.
    PointsTo {
        /// That issuer.
        issuer: ServerText,
    },
    /// Taken without a request: pinned by the person, or the defaults of MCP 2025-03-26.
    Assumed,
    /// Not used, since the person pinned something else.
    Overruled,
    /// The search ended here.
    Ended {
        /// Why.
        why: &'static str,
    },
}
