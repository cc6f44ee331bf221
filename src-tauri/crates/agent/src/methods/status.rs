//! `hello` and `agent.status`: which agent this is, and how it stands.
//!
//! Invariant: they are answered whatever else is broken, and soon: a keychain that waits for a person does not hang them.

use super::Doors;
use crate::{faults, show};
use mcp_login_ipc::{Code, api, identity};
use mcp_login_vault::{Error as VaultError, Kind as VaultKind};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long `agent.status` waits for the keychain.
const VAULT_PATIENCE: Duration = Duration::from_secs(2);

impl Doors {
    pub(super) fn welcome(&self) -> api::Welcome {
        api::Welcome {
            version: identity::SOFTWARE_VERSION.to_owned(),
            protocol: identity::PROTOCOL,
            pid: std::process::id(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            instance: self.instance.clone(),
        }
    }

    pub(super) async fn status(&self) -> api::AgentStatus {
        let mut accounts = BTreeMap::new();
        for account in self.core.views() {
            let word = serde_json::to_value(account.state).ok().and_then(|v| v.as_str().map(str::to_owned));
            *accounts.entry(word.unwrap_or_default()).or_insert(0) += 1;
        }
        api::AgentStatus {
            version: identity::SOFTWARE_VERSION.to_owned(),
            pid: std::process::id(),
            started_at: self.started_at,
            vault: self.vault().await,
            accounts,
            revocations_queued: u32::try_from(self.core.queued()).unwrap_or(u32::MAX),
            approvals: self.mode(),
            managed: show::managed(&self.sign_ins.parts().settings.last().managed),
            policy_mistake: self.approvals.policy_fault().map(|mistake| mistake.to_string()),
            paths: api::PathsView {
                config: self.paths.config_dir.display().to_string(),
                data: self.paths.data_dir.display().to_string(),
                socket: self.paths.socket.display().to_string(),
                log: Some(self.paths.data_dir.join(crate::log::FILE_NAME).display().to_string()),
            },
            paused: self.core.paused(),
            links: Some(self.gateway.links.count()),
            display: self.consent.session().display(),
            consent_window: match self.consent.is_there() {
                true => api::ConsentWindow::There,
                false => api::ConsentWindow::Missing,
            },
            scheme: show::scheme(crate::scheme::opener(identity::SCHEME)),
            update: self.last_update(),
        }
    }

    async fn vault(&self) -> api::VaultView {
        let vault = self.core.vault();
        let kind = match vault.kind() {
            VaultKind::Memory => api::VaultKind::Memory,
            _ => api::VaultKind::Keychain,
        };
        // A keychain that waits for a person must not hang a question about the agent.
        let (state, code) = match tokio::time::timeout(VAULT_PATIENCE, vault.probe()).await {
            Ok(Ok(())) => (api::VaultState::Ready, None),
            Ok(Err(error)) => {
                let locked = matches!(error, VaultError::Locked | VaultError::Dismissed);
                let code = faults::failure(&crate::failure::Failure::Vault(error)).data.code;
                (if locked { api::VaultState::Locked } else { api::VaultState::Unavailable }, Some(code))
            }
            Err(_) => (api::VaultState::Unknown, Some(Code::KeychainDeadline.as_str().to_owned())),
        };
        api::VaultView { kind, state, code }
    }
}
