//! Signing out. From the first step nothing is handed out, whatever happens after; what the issuer must still be told is in
//! the vault before anything is deleted; and the receipt says only what was seen. A crash anywhere is carried on with at the
//! next start, from the entry's `leaving`.

use std::sync::Arc;

use mcp_login_vault::{Key, fault};

use crate::accounts::{self, Account, PendingRevocation, SeenActive, Storing};
use crate::core::{Core, Event, Inner};
use crate::failure::Failure;
use crate::id::{AccountId, RevocationId};
use crate::queue::PATIENCE;
use crate::receipt::{self, Credential, Outcome, Proof, Receipt};
use crate::revocation::{Attempt, Material};
use crate::state::{Cell, Standing, TurnGuard};
use crate::tokens::TokenSet;

/// What became of the queue's entry.
enum Revocation {
    /// The issuer has answered for good.
    Done(RevocationId),
    /// It is to be tried again.
    Queued,
    /// The tokens are gone already: if a crash cut an earlier attempt off, the entry is all that knows of them.
    FromBefore(RevocationId),
}

impl Core {
    /// Signs an account out. Goes on if the caller goes away.
    ///
    /// # Errors
    /// [`Failure::Vault`] and [`Failure::Disk`]: the account stays `leaving`, hands nothing out, and the sign-out may be
    /// asked for again. What the issuer says is no error but a line of the receipt.
    pub async fn sign_out(&self, id: &AccountId) -> Result<Receipt, Failure> {
        let cell = self.0.cell(id)?;
        let core = self.0.clone();
        self.0.own(async move { core.sign_out(&cell).await }).await.unwrap_or(Err(Failure::Broken))
    }
}

impl Inner {
    /// Carries on with sign-outs that a crash cut off.
    pub(crate) async fn finish_leaving(self: &Arc<Self>) {
        for cell in self.cells() {
            let snapshot = cell.snapshot();
            if snapshot.account.storing == Storing::Leaving && cell.try_turn().is_some() {
                match self.sign_out(&cell).await {
                    Ok(receipt) => self.tell(Event::SignedOut(Box::new(receipt))),
                    Err(failure) => tracing::warn!(account = %cell.id, %failure, "a sign-out waits"),
                }
            }
        }
    }

    pub(crate) async fn sign_out(self: &Arc<Self>, cell: &Arc<Cell>) -> Result<Receipt, Failure> {
        cell.publish(|snapshot| snapshot.standing = Standing::Leaving);
        let signed_out_at = self.clock.now().unix();
        self.changed(&cell.id);
        let leaving = |account: &mut Account, _: &[Account]| {
            account.storing = Storing::Leaving;
            Ok(())
        };
        let account = self.edit(cell, leaving).await?;
        fault::point("signout.leaving");

        let turn = cell.turn().await;
        self.cell(&cell.id)?; // somebody else's sign-out may have come first
        let id = revocation_id(&cell.id);
        let (mut lines, revocation) = match self.newest(cell, &turn).await? {
            None => {
                let none = |what| receipt::line(what, Outcome::None);
                let lines = vec![none(Credential::RefreshToken), none(Credential::AccessToken)];
                (lines, Revocation::FromBefore(id))
            }
            Some(tokens) => {
                let attempt = self.revoke(id.clone(), &account, &tokens, signed_out_at).await?;
                let outcome = if attempt.is_final() { Revocation::Done(id) } else { Revocation::Queued };
                (vec![attempt.refresh, attempt.access], outcome)
            }
        };
        fault::point("signout.revoked");
        self.keep.delete(&Key::Tokens(cell.id.clone())).await?;
        fault::point("signout.deleted");
        self.give_up_registration(&account).await?;
        self.remove(&cell.id).await?;
        match revocation {
            Revocation::Done(id) => self.dequeue(&id).await?,
            // It waited for us to be through with the account.
            Revocation::FromBefore(id) => self.revocations.hasten(&id),
            Revocation::Queued => {}
        }
        lines.push(self.end_registration(&account.registration).await);
        lines.push(receipt::confirmed(Credential::KeychainItem, Proof::Deleted, self.clock.now().unix()));
        self.tell(Event::Removed { account: cell.id.clone(), name: account.name.clone() });
        self.wake.notify_one();
        Ok(Receipt {
            account: account.name.clone(),
            server: account.server.to_string(),
            issuer: account.issuer().to_owned(),
            signed_out_at,
            lines,
        })
    }

    /// Notes that the registration is to be deleted when no other account uses it: before the entry goes, since after a
    /// crash between the two nobody would think of it.
    async fn give_up_registration(&self, account: &Account) -> Result<(), Failure> {
        let id = &account.registration;
        let Some(registration) = self.registrations.get(id) else { return Ok(()) };
        if !registration.is_ours_to_delete() || !self.registrations.begin_leaving(id) {
            return Ok(());
        }
        let cells = self.cells();
        let mut others = cells.iter().filter(|cell| cell.id != account.id);
        if others.any(|cell| cell.snapshot().account.registration == *id) {
            self.registrations.end_leaving(id);
            return Ok(());
        }
        self.registrations.set_standing(id, accounts::Standing::Leaving).await
    }

    /// The newest tokens there are: granted and not stored yet, or in memory, or in the vault.
    async fn newest(&self, cell: &Cell, turn: &TurnGuard) -> Result<Option<Arc<TokenSet>>, Failure> {
        if let Some(unsaved) = &turn.unsaved {
            return Ok(Some(unsaved.tokens.clone()));
        }
        match self.keep.tokens(&cell.id).await {
            Ok(kept) => Ok(kept.map(|kept| Arc::new(kept.tokens))),
            Err(Failure::Unreadable | Failure::Vault(mcp_login_vault::Error::Corrupt { .. })) => {
                Ok(cell.snapshot().tokens.clone())
            }
            Err(failure) => Err(failure),
        }
    }

    /// Queues, then tries at once for as long as a person waits.
    pub(crate) async fn revoke(
        &self,
        id: RevocationId,
        account: &Account,
        tokens: &TokenSet,
        since: u64,
    ) -> Result<Attempt, Failure> {
        let material = Material {
            refresh: tokens.refresh.clone(),
            access: tokens.access.clone(),
            metadata: account.metadata.clone(),
            resource: account.resource.clone(),
            server: account.server.clone(),
            network: account.network,
            registration: account.registration.clone(),
            expires_at: tokens.life.expires_at(),
        };
        // The tokens are another issuer's than the entry says: they go nowhere.
        if tokens.issuer != account.issuer() {
            return Ok(Attempt::failed(tokens, "issuer_changed"));
        }
        let entry = PendingRevocation {
            id,
            account: account.name.clone(),
            server: account.server.to_string(),
            issuer: account.issuer().to_owned(),
            registration: account.registration.clone(),
            since,
            valid_until: material.expires_at,
            attempts: 0,
            seen_active: SeenActive::default(),
        };
        let id = entry.id.clone();
        self.enqueue(entry, &material).await?;
        let mut seen = SeenActive::default();
        let attempt = tokio::time::timeout(PATIENCE, self.attempt(&material, &mut seen))
            .await
            .unwrap_or_else(|_| Attempt::queued(&material, "timed_out"));
        if !attempt.is_final() {
            self.leave_to_queue(&id, attempt.retry_after, seen).await;
        }
        Ok(attempt)
    }
}

/// One account has one sign-out, however often it is begun.
fn revocation_id(account: &AccountId) -> RevocationId {
    account.as_str().parse().expect("both have the same form")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
