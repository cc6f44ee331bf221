//! The entries of the accounts: how one comes, changes and goes.
//!
//! Invariant: an entry is on disk before it is in sight, one change after the other; a change that the disk did not take is
//! not seen.

use super::Inner;
use crate::accounts::{Account, AccountsFile, Mark};
use crate::disk::StateFile;
use crate::failure::{Failure, Reason};
use crate::id::AccountId;
use crate::state::Cell;
use crate::tokens::TokenSet;
use std::sync::Arc;

/// The accounts file and what it says.
pub(super) struct Book {
    pub(super) file: StateFile,
    pub(super) accounts: Vec<Account>,
}

impl Book {
    async fn store(&mut self, next: Vec<Account>) -> Result<(), Failure> {
        let file = self.file.clone();
        let contents = AccountsFile { accounts: next };
        let contents = tokio::task::spawn_blocking(move || file.store(&contents).map(|()| contents))
            .await
            .map_err(|_| Failure::Broken)??;
        self.accounts = contents.accounts;
        Ok(())
    }
}

impl Inner {
    /// Changes an account's entry: on disk, then in sight.
    pub(crate) async fn edit(
        &self,
        cell: &Cell,
        change: impl FnOnce(&mut Account, &[Account]) -> Result<(), Failure>,
    ) -> Result<Arc<Account>, Failure> {
        let mut book = self.book.lock().await;
        let mut next = book.accounts.clone();
        let place = next.iter().position(|a| a.id == cell.id).ok_or(Failure::NoSuchAccount)?;
        let mut account = next.remove(place);
        change(&mut account, &next)?;
        let shown = Arc::new(account.clone());
        next.insert(place, account);
        if next != book.accounts {
            book.store(next).await?;
        }
        let former = cell.snapshot().account.clone();
        let published = shown.clone();
        cell.publish(|snapshot| snapshot.account = published);
        if former.name != shown.name {
            self.index_mut().rename(&cell.id, &shown.name);
        }
        Ok(shown)
    }

    /// Adds an account's entry and its cell.
    pub(crate) async fn add(
        &self,
        id: AccountId,
        make: impl FnOnce(AccountId, &[Account]) -> Result<Account, Failure>,
    ) -> Result<Arc<Cell>, Failure> {
        let mut book = self.book.lock().await;
        let mut next = book.accounts.clone();
        let account = make(id, &next)?;
        next.push(account.clone());
        book.store(next).await?;
        let cell = Arc::new(Cell::new(account));
        self.index_mut().insert(cell.clone());
        Ok(cell)
    }

    /// Removes an account's entry and its cell.
    pub(crate) async fn remove(&self, id: &AccountId) -> Result<(), Failure> {
        let mut book = self.book.lock().await;
        let next = book.accounts.iter().filter(|a| a.id != *id).cloned().collect();
        book.store(next).await?;
        self.index_mut().remove(id);
        Ok(())
    }

    /// Notes on disk that an account needs a person. When the disk fails the mark holds until the next start, which asks the
    /// issuer once more.
    pub(crate) async fn mark(&self, cell: &Cell, reason: Option<&Reason>) -> Arc<Account> {
        let generation = cell.snapshot().generation;
        let at = self.clock.now().unix();
        let mark = reason.map(|reason| Mark { code: reason.word().to_owned(), generation, at });
        let edited = self
            .edit(cell, |account, _| {
                let known = account.mark.as_ref().is_some_and(|mark| mark.generation == generation);
                if reason == Some(&Reason::InvalidGrant) && !known {
                    let signed_in_at = account.signed_in_at;
                    account.ending.ended(signed_in_at, at);
                }
                account.mark = mark;
                Ok(())
            })
            .await;
        self.or_as_it_is(cell, edited)
    }

    /// Notes what a refresh changed in the entry; as a rule nothing, and nothing is written.
    pub(crate) async fn note_scope(&self, cell: &Cell, tokens: &TokenSet) -> Arc<Account> {
        let (scope, ends) = (tokens.scope.clone(), tokens.ends);
        let now = self.clock.now().unix();
        let edited = self
            .edit(cell, |account, _| {
                account.mark = None;
                account.scope = scope;
                account.ending.renewed(ends, now);
                Ok(())
            })
            .await;
        self.or_as_it_is(cell, edited)
    }

    pub(super) fn or_as_it_is(&self, cell: &Cell, edited: Result<Arc<Account>, Failure>) -> Arc<Account> {
        edited.unwrap_or_else(|failure| {
            tracing::error!(account = %cell.id, %failure, "the account's entry could not be written");
            cell.snapshot().account.clone()
        })
    }
}
