//! The decisions on disk.
//!
//! Invariant: what was to hold once, or while a program runs, is never stored. Who stores holds the turn, so that an older
//! list cannot overwrite a newer one.

use super::answers::Answers;
use super::{Approval, ApprovalError, Approvals};
use crate::disk;
use mcp_login_ipc::api::Until;
use serde::{Deserialize, Serialize};

/// The file's name in the data directory.
pub(super) const FILE_NAME: &str = "approvals.json";
/// The format that this program writes.
pub(super) const VERSION: u64 = 1;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct ApprovalsFile {
    #[serde(default)]
    pub(super) next: u64,
    pub(super) approvals: Vec<Approval>,
    #[serde(default)]
    pub(super) answers: Answers,
}

impl Approvals {
    /// Stores what nobody waits for. When the disk fails it holds until the next start.
    pub(super) fn store_soon(&self) {
        let this = self.clone();
        tokio::spawn(async move {
            let _turn = this.inner.storing.lock().await;
            if let Err(error) = this.store().await {
                tracing::warn!(%error, "what changed in the approvals holds until the next start");
            }
        });
    }

    pub(super) async fn store(&self) -> Result<(), ApprovalError> {
        let contents = {
            let state = self.state();
            let lasting = |a: &&Approval| !matches!(a.until, Until::Once | Until::Process);
            ApprovalsFile {
                next: state.next,
                approvals: state.standing.iter().filter(lasting).cloned().collect(),
                answers: state.answers.clone(),
            }
        };
        let file = self.inner.file.clone();
        let stored = tokio::task::spawn_blocking(move || file.store(&contents)).await;
        stored.unwrap_or_else(|gone| {
            let path = self.inner.file.path().to_owned();
            Err(disk::Error::Io { path, source: std::io::Error::other(gone) })
        })?;
        Ok(())
    }
}
