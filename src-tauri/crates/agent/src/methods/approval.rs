//! `approval.*`: what waits for a person's decision, and the decisions.
//!
//! Invariant: a yes comes only from where a person decides; through the window nobody decides about what is not in it; and
//! to take a no away is to say yes.

use super::{Command, Doors, Peer};
use crate::approvals::{Grant, Whom};
use crate::config::ApprovalsChoice;
use crate::consent::Unshown;
use crate::{faults, show};
use mcp_login_ipc::api::{self, AuditAction, AuditOutcome};
use mcp_login_ipc::{Code, Fault};
use std::path::PathBuf;
use std::sync::Arc;

impl Doors {
    pub(super) fn approval_list(&self, peer: &Peer) -> api::Approvals {
        let standing = self.approvals.standing();
        let mut pending = self.approvals.pending();
        if peer.command == Command::Window {
            pending.retain(|question| question.shown_until.is_some());
        }
        api::Approvals {
            standing: standing.iter().map(|a| show::approval(&self.core, a)).collect(),
            pending: pending.iter().map(|p| show::pending(&self.core, p)).collect(),
        }
    }

    pub(super) async fn approval_ask(
        self: &Arc<Self>,
        peer: &Peer,
        params: &api::ApprovalAsk,
    ) -> Result<api::Empty, Fault> {
        if self.choice == ApprovalsChoice::Terminal {
            let fault = Fault::new(Code::NoConsentWindow);
            return Err(fault.detail("reason", "the settings say `approvals = \"terminal\"`"));
        }
        let named = number(&params.pending)?;
        // A `never` is asked about anew: only the person may change it.
        let id = self.approvals.ask_again(named, &peer.caller, self.now()).unwrap_or(named);
        self.consent.show(self, id).map_err(|why| match why {
            Unshown::NotThere => Fault::new(Code::NoSuchApproval),
            Unshown::TooMany => Fault::new(Code::Busy),
            Unshown::Missing | Unshown::NoDisplay | Unshown::Resting => {
                let fault = Fault::new(Code::NoConsentWindow).detail("reason", why.to_string());
                if why == Unshown::NoDisplay { fault.detail("display", "unknown") } else { fault }
            }
        })?;
        let asked = self.approvals.pending().into_iter().find(|p| p.id == id).map(|p| p.account);
        self.record(peer, AuditAction::ApprovalAsked, AuditOutcome::Ok, asked.as_ref()).await?;
        Ok(api::Empty {})
    }

    pub(super) async fn approval_grant(
        &self,
        peer: &Peer,
        params: api::ApprovalGrant,
    ) -> Result<api::ApprovalGranted, Fault> {
        let id = self.find(&params.account)?;
        let account = self.core.account(&id).map_err(|e| faults::failure(&e))?.account.clone();
        let wrong = |reason: &str| {
            Fault::new(Code::BadParameters).detail("method", "approval.grant").detail("reason", reason)
        };
        let whom = match (&params.pending, &params.program) {
            (Some(pending), None) => {
                let number = number(pending)?;
                let waits = self.approvals.pending().into_iter().any(|p| {
                    // Through the window nobody decides about what is not in it.
                    let seen = peer.command != Command::Window || p.shown_until.is_some();
                    p.id == number && p.account == id && seen
                });
                if !waits {
                    return Err(Fault::new(Code::NoSuchApproval));
                }
                Whom::Pending(number)
            }
            (None, Some(_)) if peer.command == Command::Window => {
                return Err(Fault::new(Code::NotPermitted).detail("method", "approval.grant"));
            }
            (None, Some(program)) => Whom::Program(PathBuf::from(program)),
            _ => return Err(wrong("either `pending` or `program` is needed")),
        };
        let grant = Grant { whom, account: Some(account), scopes: params.scopes, until: params.until };
        let approval = self.approvals.grant(grant, self.now()).await.map_err(|e| faults::approval(&e))?;
        let action = match approval.until {
            api::Until::Never => AuditAction::ApprovalDenied,
            _ => AuditAction::ApprovalGranted,
        };
        self.record_about(peer, action, &id, &approval.subject).await?;
        Ok(api::ApprovalGranted { approval: show::approval(&self.core, &approval) })
    }

    pub(super) async fn approval_deny(
        &self,
        peer: &Peer,
        params: &api::ApprovalDeny,
    ) -> Result<api::Empty, Fault> {
        let id = number(&params.pending)?;
        let denied = self.approvals.deny(id, self.now()).map_err(|e| faults::approval(&e))?;
        let action = AuditAction::ApprovalDenied;
        self.record_about(peer, action, &denied.account, &denied.subject.face).await?;
        Ok(api::Empty {})
    }

    pub(super) async fn approval_remove(
        &self,
        peer: &Peer,
        params: &api::ApprovalRemove,
    ) -> Result<api::Empty, Fault> {
        let id = number(&params.id)?;
        // Taking a right away needs none. Taking a no away is a yes.
        let never = self.approvals.standing().iter().any(|a| a.id == id && a.until == api::Until::Never);
        if never {
            self.may_decide(peer).map_err(|fault| fault.detail("method", "approval.remove"))?;
        }
        let removed = self.approvals.remove(id).await.map_err(|e| faults::approval(&e))?;
        let action = AuditAction::ApprovalRemoved;
        self.record_about(peer, action, &removed.account, &removed.subject).await?;
        Ok(api::Empty {})
    }
}

fn number(text: &str) -> Result<u64, Fault> {
    text.parse().map_err(|_| Fault::new(Code::NoSuchApproval))
}
