//! Which account a link is for, now.
//!
//! Problem: a client keeps its link for days; meanwhile the account is renamed, signed out, and signed in to again as a new
//! one. Invariant: a link's messages go to the server that it was opened for and to no other; another account takes over only
//! when it is what the link asked for, by name or by address, at that same server.

use crate::core::Core;
use crate::failure::Failure;
use crate::id::AccountId;
use crate::state::Snapshot;
use mcp_login_oauth::ServerUrl;
use std::sync::{Arc, Mutex, PoisonError};

/// A server, and whose account there.
#[derive(Debug)]
pub(crate) struct Place {
    core: Core,
    /// What the link asked for.
    pub(crate) asked: String,
    /// Where its messages go.
    pub(crate) server: ServerUrl,
    last: Mutex<Option<AccountId>>,
}

impl Place {
    /// Of an account that is there, or of an address that nobody has signed in to.
    pub(crate) fn new(core: Core, asked: &str, server: ServerUrl, id: Option<AccountId>) -> Self {
        Self { core, asked: asked.to_owned(), server, last: Mutex::new(id) }
    }

    /// The account as it is; none while there is none.
    ///
    /// # Errors
    /// [`Failure::Ambiguous`].
    pub(crate) fn account(&self) -> Result<Option<Arc<Snapshot>>, Failure> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(snapshot) = last.and_then(|id| self.core.account(&id).ok()) {
            return Ok(Some(snapshot));
        }
        let id = match self.core.find(&self.asked) {
            Ok(id) => id,
            Err(Failure::NoSuchAccount) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let snapshot =
            self.core.account(&id).ok().filter(|s| s.account.server.as_str() == self.server.as_str());
        if snapshot.is_some() {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
        }
        Ok(snapshot)
    }

    /// The account's name, when there is one.
    pub(crate) fn name(&self) -> Option<String> {
        Some(self.account().ok()??.account.name.clone())
    }
}
