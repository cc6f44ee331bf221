//! After the start: every account is loaded once, and what a crash left half done is done or undone.
//!
//! Invariant: a start asks no person for a password, and a keychain that does not answer is asked once, not once an account.

use super::Inner;
use crate::accounts::{Account, Storing};
use crate::failure::Failure;
use crate::state::{Cell, Snapshot, Standing};
use mcp_login_vault::Key;
use std::sync::Arc;

impl Inner {
    /// After the start: what a crash left half done, and the vault's answer for every account.
    pub(crate) async fn wake_up(self: &Arc<Self>) {
        // A start is no reason to ask a person for a password: who wants a token asks, and the loop looks again.
        if let Err(error) = self.keep.vault().probe().await {
            return self.without_vault(error);
        }
        for cell in self.cells() {
            let snapshot = cell.snapshot();
            match self.loaded(&cell).await {
                // One prompt, or one deadline, is enough: the others would meet the same.
                Err(Failure::Vault(error)) => return self.without_vault(error),
                Err(failure) => {
                    tracing::warn!(account = %cell.id, %failure, "the account could not be loaded")
                }
                Ok(loaded) if snapshot.account.storing == Storing::Begun => {
                    self.complete(&cell, &loaded).await
                }
                Ok(_) => {}
            }
        }
    }

    /// No account can be loaded now, and each says why.
    fn without_vault(&self, error: mcp_login_vault::Error) {
        tracing::warn!(%error, "the keychain does not answer");
        let failure = Failure::Vault(error);
        for cell in self.cells() {
            cell.publish(|snapshot| {
                if matches!(snapshot.standing, Standing::NotLoaded(None)) {
                    snapshot.standing = Standing::NotLoaded(Some(failure.clone()));
                }
            });
            self.changed(&cell.id);
        }
    }

    /// A sign-in whose storing was cut off: the vault knows how far it came.
    async fn complete(self: &Arc<Self>, cell: &Arc<Cell>, loaded: &Snapshot) {
        let done = if loaded.tokens.is_some() {
            let settled = |account: &mut Account, _: &[Account]| {
                account.storing = Storing::Settled;
                Ok(())
            };
            self.edit(cell, settled).await.map(|_| ())
        } else {
            // Parts of the tokens may lie in the vault, and without the entry nobody would know of them.
            match self.keep.delete(&Key::Tokens(cell.id.clone())).await {
                Ok(()) => self.remove(&cell.id).await,
                Err(error) => Err(error.into()),
            }
        };
        if let Err(failure) = done {
            tracing::warn!(account = %cell.id, %failure, "a sign-in that was cut off could not be tidied");
        }
        self.changed(&cell.id);
    }
}
