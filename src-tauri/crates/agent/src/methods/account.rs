//! `account.*`: the accounts, their tokens renewed, their names, their end.
//!
//! Problem: a sign-out of all accounts is many requests, and some of them fail. Invariant: what worked is done whatever
//! became of the others, and the decisions about an account fall with it.

use super::{Doors, Peer};
use crate::audit;
use crate::id::AccountId;
use mcp_login_ipc::api::{self, AuditAction, AuditEntry, AuditOutcome};
use mcp_login_ipc::{Code, Fault};

impl Doors {
    pub(super) fn account_list(&self) -> api::Accounts {
        api::Accounts { accounts: self.core.views() }
    }

    pub(super) async fn account_status(
        &self,
        params: api::AccountStatus,
    ) -> Result<api::AccountStatusResult, Fault> {
        let id = self.find(&params.account)?;
        let verification = match params.verify {
            true => Some(self.core.verify(&id).await.map_err(|e| self.failed(&id, &e))?),
            false => None,
        };
        Ok(api::AccountStatusResult { account: self.account(&id)?, verification })
    }

    pub(super) async fn account_refresh(
        &self,
        peer: &Peer,
        params: &api::AccountRefresh,
    ) -> Result<api::Refreshed, Fault> {
        let id = self.find(&params.account)?;
        let result = self.core.refresh(&id).await.map_err(|e| self.failed(&id, &e));
        let outcome = if result.is_ok() { AuditOutcome::Ok } else { AuditOutcome::Failed };
        self.record(peer, AuditAction::Refresh, outcome, Some(&id)).await?;
        let snapshot = result?;
        let expires_at = snapshot.tokens.as_ref().and_then(|tokens| tokens.life.expires_at());
        Ok(api::Refreshed { generation: snapshot.generation, expires_at })
    }

    pub(super) async fn sign_out(&self, peer: &Peer, params: api::SignOut) -> Result<api::Receipts, Fault> {
        let ids: Vec<AccountId> = match (&params.account, params.all) {
            (Some(account), false) => vec![self.find(account)?],
            (None, true) => self.core.accounts().iter().map(|s| s.account.id.clone()).collect(),
            _ => {
                let fault = Fault::new(Code::BadParameters).detail("method", "account.sign_out");
                return Err(fault.detail("reason", "either `account` or `all` is needed"));
            }
        };
        let decisions: Vec<usize> = ids.iter().map(|id| self.decisions_about(id)).collect();
        // All issuers at once: one that hangs must not keep the others' tokens alive.
        let mut under_way = tokio::task::JoinSet::new();
        for (place, id) in ids.iter().cloned().enumerate() {
            let core = self.core.clone();
            under_way.spawn(async move { (place, core.sign_out(&id).await) });
        }
        let mut done: Vec<_> = ids.iter().map(|_| None).collect();
        while let Some(joined) = under_way.join_next().await {
            if let Ok((place, result)) = joined {
                done[place] = Some(result);
            }
        }
        let mut receipts = Vec::new();
        let mut first_fault = None;
        for ((id, decisions), result) in ids.iter().zip(decisions).zip(done) {
            match result {
                Some(Ok(mut receipt)) => {
                    receipt.lines.push(self.fell(id, decisions).await);
                    let entry = AuditEntry {
                        account: Some(receipt.account.clone()),
                        server: Some(receipt.server.clone()),
                        caller: Some(peer.caller.clone()),
                        ..audit::entry(self.now().unix(), AuditAction::SignOut, AuditOutcome::Ok)
                    };
                    self.write(entry).await?;
                    receipts.push(receipt);
                }
                Some(Err(failure)) => first_fault = first_fault.or(Some(self.failed(id, &failure))),
                None => first_fault = first_fault.or(Some(Fault::new(Code::Internal))),
            }
        }
        match first_fault {
            // Those that worked are done and in the record; the fault is what a person must see.
            Some(fault) => Err(fault),
            None => Ok(api::Receipts { receipts }),
        }
    }

    fn decisions_about(&self, id: &AccountId) -> usize {
        self.approvals.standing().iter().filter(|a| a.account == *id).count()
    }

    /// The receipt's line about the decisions that fell with an account, of which there were `before`: whoever hears of
    /// the account's end first takes them away.
    async fn fell(&self, id: &AccountId, before: usize) -> api::ReceiptLine {
        let (outcome, proof) = match self.approvals.forget(id).await {
            Ok(_) if before == 0 => (api::Outcome::None, None),
            Ok(_) => (api::Outcome::Confirmed, Some(api::Proof::Deleted)),
            Err(_) => (api::Outcome::Failed, None),
        };
        let at = proof.map(|_| self.now().unix());
        api::ReceiptLine {
            what: api::Credential::Approvals,
            outcome,
            proof,
            at,
            valid_until: None,
            code: None,
        }
    }

    pub(super) async fn rename(
        &self,
        peer: &Peer,
        params: api::AccountRename,
    ) -> Result<api::AccountResult, Fault> {
        let id = self.find(&params.account)?;
        let renamed = self.core.rename(&id, &params.name).await;
        renamed.map_err(|e| self.failed(&id, &e).detail("name", params.name.as_str()))?;
        self.record(peer, AuditAction::Rename, AuditOutcome::Ok, Some(&id)).await?;
        Ok(api::AccountResult { account: self.account(&id)? })
    }
}
