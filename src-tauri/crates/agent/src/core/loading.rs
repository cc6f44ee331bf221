//! The tokens of an account come out of the vault, when somebody first needs them.
//!
//! Problem: the entry on disk and the tokens in the vault are two places, and a crash may fall between them. Invariant: the
//! vault is asked by one at a time, in the account's turn; what it holds counts only if it fits the entry, and otherwise the account says
//! what a person must do.

use super::Inner;
use crate::accounts::Account;
use crate::failure::{Failure, Reason};
use crate::state::{Cell, Journal, Snapshot, Standing};
use std::sync::Arc;

impl Inner {
    /// The account with its tokens, asking the vault if nobody has yet.
    pub(crate) async fn loaded(self: &Arc<Self>, cell: &Arc<Cell>) -> Result<Arc<Snapshot>, Failure> {
        let snapshot = cell.snapshot();
        if !matches!(snapshot.standing, Standing::NotLoaded(_)) {
            return Ok(snapshot);
        }
        let _turn = cell.turn().await;
        let snapshot = cell.snapshot();
        match snapshot.standing {
            Standing::NotLoaded(_) => self.load(cell).await,
            _ => Ok(snapshot),
        }
    }

    /// Reads the account's tokens from the vault and shows them. The turn is the caller's.
    pub(crate) async fn load(self: &Arc<Self>, cell: &Arc<Cell>) -> Result<Arc<Snapshot>, Failure> {
        let kept = match self.keep.tokens(&cell.id).await {
            Ok(kept) => kept,
            Err(Failure::Unreadable | Failure::Vault(mcp_login_vault::Error::Corrupt { .. })) => {
                return Ok(self.needs_sign_in(cell, Reason::Damaged));
            }
            Err(failure) => {
                let shown = failure.clone();
                cell.publish(|snapshot| snapshot.standing = Standing::NotLoaded(Some(shown)));
                self.changed(&cell.id);
                return Err(failure);
            }
        };
        let Some(kept) = kept else {
            return Ok(self.needs_sign_in(cell, Reason::NoTokens));
        };
        let account = self.arrive(cell, kept.generation).await;
        if kept.tokens.issuer != account.issuer() {
            return Ok(self.needs_sign_in(cell, Reason::OtherIssuer));
        }
        let marked = account.mark.as_ref().filter(|mark| mark.generation == kept.generation);
        let standing = marked.map_or(Standing::Good, |mark| {
            Standing::NeedsSignIn(Failure::NeedsSignIn(Reason::from_word(&mark.code)))
        });
        let journal = if marked.is_some() { Journal::Clean } else { kept.journal };
        let snapshot = cell.publish(|snapshot| {
            snapshot.generation = kept.generation;
            snapshot.tokens = Some(Arc::new(kept.tokens));
            snapshot.standing = standing;
            snapshot.journal = journal;
            snapshot.trouble = None;
        });
        self.changed(&cell.id);
        Ok(snapshot)
    }

    /// A new sign-in that was cut off while its tokens were stored counts if they were.
    async fn arrive(&self, cell: &Cell, generation: u64) -> Arc<Account> {
        let account = cell.snapshot().account.clone();
        if account.coming.is_none() {
            return account;
        }
        let edited = self
            .edit(cell, |account, _| {
                if let Some(coming) = account.coming.take().filter(|coming| coming.generation == generation) {
                    *account = Account { name: account.name.clone(), ..coming.account };
                }
                Ok(())
            })
            .await;
        self.or_as_it_is(cell, edited)
    }

    fn needs_sign_in(&self, cell: &Cell, reason: Reason) -> Arc<Snapshot> {
        let snapshot = cell.publish(|snapshot| {
            snapshot.tokens = None;
            snapshot.standing = Standing::NeedsSignIn(Failure::NeedsSignIn(reason));
        });
        self.changed(&cell.id);
        snapshot
    }
}
