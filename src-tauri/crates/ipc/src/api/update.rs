//! What is known of newer versions of this program.

use serde::{Deserialize, Serialize};

/// `update.check` result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// The agent's own version.
    pub current: String,
    /// The newest version, as the page of releases names it.
    pub newest: String,
    /// Whether that one is newer than the agent's own.
    pub newer: bool,
    /// The newest version's page, for a person's browser: nothing is downloaded or installed.
    pub page: String,
    /// When it was looked.
    pub looked_at: u64,
}
