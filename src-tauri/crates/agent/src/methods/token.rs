//! `token.get`: an account's access token, for a program that may have it.
//!
//! Invariant: a token goes out only after the policy of this computer and a decision said yes, *and* the audit log took the
//! line about it; a refusal about an account that is there gets its line too.

use super::{Doors, Peer};
use crate::approvals::Decision;
use crate::fetch::Want;
use crate::login::LoginError;
use crate::{audit, faults, show};
use mcp_login_ipc::api::{self, AuditAction, AuditEntry, AuditOutcome};
use mcp_login_ipc::secret::Secret;
use mcp_login_ipc::{Code, Fault};
use mcp_login_oauth::ServerUrl;
use std::sync::Arc;
use std::time::Duration;

impl Doors {
    /// Whether the policy of this computer lets anybody use this server. An account from before the policy, or a link that is
    /// open, is no way around it.
    pub(crate) fn allowed_here(&self, server: &ServerUrl) -> Result<(), Fault> {
        let managed = &self.sign_ins.parts().settings.last().managed;
        managed.allows_server(server).map_err(|forbidden| LoginError::from(forbidden).fault())
    }

    pub(super) async fn token_get(
        self: &Arc<Self>,
        peer: &Peer,
        params: api::TokenGet,
    ) -> Result<api::TokenGrant, Fault> {
        let id = self.find(&params.account).inspect_err(|fault| {
            if params.helper && fault.known() == Some(Code::NoSuchAccount) {
                self.needs_account(peer, &params.account, None);
            }
        })?;
        let account = self.core.account(&id).map_err(|e| faults::failure(&e))?.account.clone();
        let subject = peer.subject.as_ref().ok_or(Fault::new(Code::CallerUnknown))?;
        let line = |outcome| AuditEntry {
            account: Some(account.name.clone()),
            server: Some(account.server.as_str().to_owned()),
            caller: Some(peer.caller.clone()),
            ..audit::entry(self.now().unix(), AuditAction::Token, outcome)
        };
        if let Err(fault) = self.allowed_here(&account.server) {
            self.write(AuditEntry { code: Some(fault.data.code.clone()), ..line(AuditOutcome::Denied) })
                .await?;
            return Err(show::about(fault, &account));
        }
        let decided = self.approvals.decided(subject, &account, self.now());
        if !matches!(decided, Some(Decision::Allowed(_))) {
            // In a box: who asks for a token every second should not carry what a question needs.
            let admitted = Box::pin(self.admit(peer, &id)).await;
            if let Err(fault) = admitted {
                let denied = AuditEntry { code: Some(fault.data.code.clone()), ..line(AuditOutcome::Denied) };
                self.write(denied).await?;
                return Err(fault);
            }
        }
        let want = Want { newer_than: params.newer_than, min_ttl: params.min_ttl.map(Duration::from_secs) };
        let fetched = match params.helper {
            // In a box, as above.
            true => Box::pin(self.helpers.fetch(&self.core, &id, want)).await,
            false => self.core.fetch(&id, want).await,
        };
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(failure) => {
                if params.helper && failure.needs_a_person() {
                    self.needs_sign_in(peer, &account);
                }
                let fault = show::about(faults::failure(&failure), &account);
                let failed = AuditEntry { code: Some(fault.data.code.clone()), ..line(AuditOutcome::Failed) };
                self.write(failed).await?;
                return Err(fault);
            }
        };
        self.write(AuditEntry { generation: Some(fetched.generation), ..line(AuditOutcome::Ok) }).await?;
        Ok(api::TokenGrant {
            access_token: Secret::from(fetched.access),
            token_type: fetched.token_type,
            expires_at: fetched.expires_at,
            generation: fetched.generation,
            account: fetched.account.name.clone(),
            server: fetched.account.server.as_str().to_owned(),
            scope: fetched.scope,
        })
    }
}
