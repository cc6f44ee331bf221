//! One attempt to end a sign-in at its issuer: newest refresh token first, then the access token, and for each a look whether
//! it worked. What is said of it is what was seen. An issuer calls "inactive" whatever it does not know, so introspection
//! proves something only of a token that it called active before.

use std::time::Duration;

use mcp_login_ipc::api::Verdict;
use mcp_login_oauth::client_auth::Client;
use mcp_login_oauth::http::ReachRule;
use mcp_login_oauth::revoke::{self, Revocable, RevocationOutcome};
use mcp_login_oauth::server_metadata::ServerMetadata;
use mcp_login_oauth::token::{self, Refresh, TokenOutcome};
use mcp_login_oauth::values::{ResourceUri, ServerUrl};
use mcp_login_oauth::{AccessToken, RefreshToken};
use mcp_login_vault::{ExposeSecret as _, fault};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::accounts::{Network, SeenActive};
use crate::core::Inner;
use crate::failure::Failure;
use crate::id::RegistrationId;
use crate::receipt::{self, Credential, Outcome, Proof, ReceiptLine};
use crate::tokens::TokenSet;

/// How long the issuer may take to say what it knows of a token before it is revoked. Short: the answer only serves as a
/// proof for later, and until the revocation the tokens live.
const LOOK: Duration = Duration::from_secs(3);

/// What a revocation needs. Serialised into the vault, nowhere else.
pub(crate) struct Material {
    pub(crate) refresh: Option<SecretString>,
    pub(crate) access: SecretString,
    pub(crate) metadata: ServerMetadata,
    pub(crate) resource: Option<String>,
    pub(crate) server: ServerUrl,
    pub(crate) network: Network,
    pub(crate) registration: RegistrationId,
    /// Unix seconds.
    pub(crate) expires_at: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    v: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<Zeroizing<String>>,
    access: Zeroizing<String>,
    metadata: ServerMetadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    server: ServerUrl,
    network: Network,
    registration: RegistrationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

impl Material {
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let stored = Stored {
            v: 1,
            refresh: self.refresh.as_ref().map(|secret| Zeroizing::new(secret.expose_secret().to_owned())),
            access: Zeroizing::new(self.access.expose_secret().to_owned()),
            metadata: self.metadata.clone(),
            resource: self.resource.clone(),
            server: self.server.clone(),
            network: self.network,
            registration: self.registration.clone(),
            expires_at: self.expires_at,
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(32 * 1024));
        serde_json::to_writer(&mut *bytes, &stored).expect("strings and numbers always serialise");
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(|_| Failure::Unreadable)?;
        Ok(Self {
            refresh: stored.refresh.map(|text| SecretString::from(text.as_str())),
            access: SecretString::from(stored.access.as_str()),
            metadata: stored.metadata,
            resource: stored.resource,
            server: stored.server,
            network: stored.network,
            registration: stored.registration,
            expires_at: stored.expires_at,
        })
    }
}

/// What an attempt achieved.
pub(crate) struct Attempt {
    pub(crate) refresh: ReceiptLine,
    pub(crate) access: ReceiptLine,
    /// The longest wait that the issuer asked for (RFC 7009 §2.2.1).
    pub(crate) retry_after: Duration,
}

impl Attempt {
    /// Everything is to be tried again.
    pub(crate) fn queued(material: &Material, code: &str) -> Self {
        Self {
            refresh: material.refresh.as_ref().map_or_else(
                || receipt::line(Credential::RefreshToken, Outcome::None),
                |_| receipt::queued(Credential::RefreshToken, code, None),
            ),
            access: receipt::queued(Credential::AccessToken, code, material.expires_at),
            retry_after: Duration::ZERO,
        }
    }

    /// Nothing will be tried again.
    pub(crate) fn failed(tokens: &TokenSet, code: &str) -> Self {
        Self {
            refresh: tokens.refresh.as_ref().map_or_else(
                || receipt::line(Credential::RefreshToken, Outcome::None),
                |_| receipt::failed(Credential::RefreshToken, code, None),
            ),
            access: receipt::failed(Credential::AccessToken, code, tokens.life.expires_at()),
            retry_after: Duration::ZERO,
        }
    }

    pub(crate) fn is_final(&self) -> bool {
        self.refresh.outcome != Outcome::Queued && self.access.outcome != Outcome::Queued
    }
}

impl Inner {
    /// Revokes at the issuer that the tokens came from, newest refresh token first, and looks whether it worked. What the
    /// issuer knew of them before is added to `seen`, also when the attempt is cut off.
    pub(crate) async fn attempt(&self, material: &Material, seen: &mut SeenActive) -> Attempt {
        let client = match self.registrations.get(&material.registration) {
            Some(registration) => self.registrations.client_of(&registration).await,
            None => Err(Failure::Unreadable),
        };
        let client = match client {
            Ok(client) => client,
            Err(Failure::Vault(_)) => return Attempt::queued(material, "keychain_failed"),
            Err(_) => {
                let gone = |what, until| receipt::failed(what, "invalid_client", until);
                return Attempt {
                    refresh: gone(Credential::RefreshToken, None),
                    access: gone(Credential::AccessToken, material.expires_at),
                    retry_after: Duration::ZERO,
                };
            }
        };
        let rule = material.network.rule(&material.server, &self.allowed_hosts);
        self.look(material, &rule, &client, seen).await;
        let mut retry_after = Duration::ZERO;
        let refresh = match &material.refresh {
            None => receipt::line(Credential::RefreshToken, Outcome::None),
            Some(refresh) => {
                let (line, wait) = self.revoke_refresh(material, &rule, &client, refresh, *seen).await;
                retry_after = wait;
                line
            }
        };
        fault::point("signout.refresh-revoked");
        let (access, wait) = self.revoke_access(material, &rule, &client, *seen).await;
        fault::point("signout.access-revoked");
        Attempt { refresh, access, retry_after: retry_after.max(wait) }
    }

    /// Which of the tokens the issuer calls active now: only of those does a later "inactive" say that they have ended.
    async fn look(&self, material: &Material, rule: &ReachRule, client: &Client, seen: &mut SeenActive) {
        if material.metadata.introspection_endpoint.is_none() {
            return;
        }
        let refresh = material.refresh.as_ref().map(|token| RefreshToken::new(token.expose_secret()));
        let access = AccessToken::new(material.access.expose_secret());
        let is_active = |token| async move {
            let asked = self.introspect_token(rule, &material.metadata, client, token);
            tokio::time::timeout(LOOK, asked).await.is_ok_and(|verdict| verdict == Verdict::Active)
        };
        let refresh_is_active = async {
            match &refresh {
                Some(token) => seen.refresh || is_active(Revocable::Refresh(token)).await,
                None => false,
            }
        };
        let access_is_active = async { seen.access || is_active(Revocable::Access(&access)).await };
        let (refresh, access) = tokio::join!(refresh_is_active, access_is_active);
        *seen = SeenActive { refresh, access };
    }

    async fn revoke_refresh(
        &self,
        material: &Material,
        rule: &ReachRule,
        client: &Client,
        refresh: &SecretString,
        seen: SeenActive,
    ) -> (ReceiptLine, Duration) {
        let what = Credential::RefreshToken;
        let refresh = RefreshToken::new(refresh.expose_secret());
        let outcome =
            revoke::revoke(&self.http, rule, &material.metadata, client, Revocable::Refresh(&refresh)).await;
        if let Some(line) = not_accepted(what, &outcome, None) {
            return (line, wished(&outcome));
        }
        (self.prove_refresh(material, rule, client, &refresh, seen).await, Duration::ZERO)
    }

    /// The old refresh token is used once more: it must be refused.
    async fn prove_refresh(
        &self,
        material: &Material,
        rule: &ReachRule,
        client: &Client,
        refresh: &RefreshToken,
        seen: SeenActive,
    ) -> ReceiptLine {
        let what = Credential::RefreshToken;
        let resource = material.resource.as_deref().map(ResourceUri::new);
        let request = Refresh { refresh_token: refresh, resource: resource.as_ref(), scopes: None };
        let endpoint = &material.metadata.token_endpoint;
        let at = self.clock.now().unix();
        match token::refresh(&self.http, rule, endpoint, client, &request).await {
            TokenOutcome::Refused(_) => receipt::confirmed(what, Proof::ServerRefused, at),
            TokenOutcome::Granted(granted) => {
                // Its revocation does nothing. What came is given back the same way, for what that is worth.
                tracing::warn!(issuer = %material.metadata.issuer, "a revoked refresh token was honoured");
                if let Some(newer) = &granted.refresh_token {
                    let _ = revoke::revoke(
                        &self.http,
                        rule,
                        &material.metadata,
                        client,
                        Revocable::Refresh(newer),
                    )
                    .await;
                }
                let newer = Revocable::Access(&granted.access_token);
                let _ = revoke::revoke(&self.http, rule, &material.metadata, client, newer).await;
                receipt::failed(what, "revocation_failed", None)
            }
            _ if seen.refresh => {
                let token = Revocable::Refresh(refresh);
                match self.introspect_token(rule, &material.metadata, client, token).await {
                    Verdict::Inactive => receipt::confirmed(what, Proof::IntrospectionInactive, at),
                    _ => receipt::accepted(what, at, None),
                }
            }
            _ => receipt::accepted(what, at, None),
        }
    }

    async fn revoke_access(
        &self,
        material: &Material,
        rule: &ReachRule,
        client: &Client,
        seen: SeenActive,
    ) -> (ReceiptLine, Duration) {
        let what = Credential::AccessToken;
        let until = material.expires_at;
        let token = AccessToken::new(material.access.expose_secret());
        let outcome =
            revoke::revoke(&self.http, rule, &material.metadata, client, Revocable::Access(&token)).await;
        let line = not_accepted(what, &outcome, until);
        if let Some(line) = line.clone().filter(|line| line.outcome == Outcome::Queued) {
            return (line, wished(&outcome));
        }
        (self.prove_access(material, rule, client, seen, line).await, Duration::ZERO)
    }

    /// The old access token is used once more. Also when its revocation was not accepted: revoking the refresh token, or time,
    /// may have ended it.
    async fn prove_access(
        &self,
        material: &Material,
        rule: &ReachRule,
        client: &Client,
        seen: SeenActive,
        line: Option<ReceiptLine>,
    ) -> ReceiptLine {
        let what = Credential::AccessToken;
        let at = self.clock.now().unix();
        if self.ask_server(rule, &material.server, &material.access).await == Verdict::Inactive {
            return receipt::confirmed(what, Proof::ServerRefused, at);
        }
        let introspected =
            async { self.introspect(rule, &material.metadata, client, &material.access).await };
        if seen.access && introspected.await == Verdict::Inactive {
            return receipt::confirmed(what, Proof::IntrospectionInactive, at);
        }
        line.unwrap_or_else(|| receipt::accepted(what, at, material.expires_at))
    }
}

/// The line of a revocation that was not accepted; none when it was.
fn not_accepted(what: Credential, outcome: &RevocationOutcome, until: Option<u64>) -> Option<ReceiptLine> {
    Some(match outcome {
        RevocationOutcome::Accepted => return None,
        RevocationOutcome::NotOffered | RevocationOutcome::UnsupportedTokenType => {
            ReceiptLine { valid_until: until, ..receipt::line(what, Outcome::NotOffered) }
        }
        RevocationOutcome::Later { .. } => receipt::queued(what, "server_trouble", until),
        RevocationOutcome::Failed(_) => receipt::queued(what, "offline", until),
        RevocationOutcome::ClientGone(_) => receipt::failed(what, "invalid_client", until),
        RevocationOutcome::Refused(refusal) => receipt::failed(what, refusal.code.as_str(), until),
        RevocationOutcome::Odd { .. } => receipt::failed(what, "odd_answer", until),
    })
}

/// How long the issuer wants to be left alone.
fn wished(outcome: &RevocationOutcome) -> Duration {
    match outcome {
        RevocationOutcome::Later { retry_after, .. } => retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    }
}
