//! Sign-outs that their issuer has yet to answer. What a revocation needs lies in the vault, an index of it in the data
//! directory; both outlive restarts. An entry goes when the issuer has answered for good, or after 30 days.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError, RwLock};
use std::time::Duration;

use mcp_login_ipc::api::Verdict;
use mcp_login_oauth::client_auth::Client;
use mcp_login_oauth::http::ReachRule;
use mcp_login_oauth::registration::{self, DeletionOutcome, Management, RegistrationKind};
use mcp_login_oauth::revoke::{self, Revocable, RevocationOutcome};
use mcp_login_oauth::server_metadata::ServerMetadata;
use mcp_login_oauth::token::{self, Refresh, TokenOutcome};
use mcp_login_oauth::values::{ResourceUri, ServerUrl};
use mcp_login_oauth::{AccessToken, RefreshToken, RegistrationAccessToken};
use mcp_login_vault::{ExposeSecret as _, Key, Kind as VaultKind, fault};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::accounts::{Network, PendingRevocation, Registration, RevocationsFile, Standing};
use crate::clock::Moment;
use crate::core::{Event, Inner};
use crate::disk::StateFile;
use crate::failure::Failure;
use crate::id::{RegistrationId, RevocationId};
use crate::receipt::{self, Credential, Outcome, Proof, Receipt, ReceiptLine};

/// How long a revocation is tried. Longer than any refresh token that is not used lives at the issuers we know of.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// How long an attempt may take while a person waits for it; the rest is left to the queue.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The first wait of the queue, doubled each time. Short: until it worked the tokens live, and most outages are a network
/// that comes back or an issuer that starts anew.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// The longest: once an hour is often enough for a thing that nobody waits for.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

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
    fn encode(&self) -> Zeroizing<Vec<u8>> {
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

    fn decode(bytes: &[u8]) -> Result<Self, Failure> {
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

/// The index.
pub(crate) struct Revocations {
    file: Mutex<StateFile>,
    now: RwLock<RevocationsFile>,
    /// Boot-time clock of the next try; none means at once (after a restart).
    next: StdMutex<BTreeMap<RevocationId, Duration>>,
    /// The same for registrations that are leaving, all at once.
    registrations_next: StdMutex<(u32, Duration)>,
}

impl Revocations {
    pub(crate) fn new(file: StateFile, now: RevocationsFile) -> Self {
        Self {
            file: Mutex::new(file),
            now: RwLock::new(now),
            next: StdMutex::default(),
            registrations_next: StdMutex::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.read(|now| now.revocations.len())
    }

    fn read<T>(&self, look: impl FnOnce(&RevocationsFile) -> T) -> T {
        look(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn needs(&self, registration: &RegistrationId) -> bool {
        self.read(|now| now.revocations.iter().any(|entry| entry.registration == *registration))
    }

    /// When registrations that are leaving are to be deleted.
    fn registrations_due(&self, now: Moment) -> Duration {
        self.registrations_next.lock().unwrap_or_else(PoisonError::into_inner).1.saturating_sub(now.boot)
    }

    fn postpone_registrations(&self, now: Moment) {
        let mut next = self.registrations_next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (next.0.saturating_add(1), now.boot + back_off(next.0));
    }

    /// None is left that could be deleted: the next one is tried at once.
    fn no_registrations(&self) {
        *self.registrations_next.lock().unwrap_or_else(PoisonError::into_inner) = (0, Duration::ZERO);
    }

    /// When the next entry is due; `None`: never.
    fn due(&self, now: Moment) -> Option<Duration> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        self.read(|file| {
            let wait = |entry: &PendingRevocation| {
                next.get(&entry.id).map_or(Duration::ZERO, |at| at.saturating_sub(now.boot))
            };
            file.revocations.iter().map(wait).min()
        })
    }

    fn due_entries(&self, now: Moment) -> Vec<PendingRevocation> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        self.read(|file| {
            let is_due = |entry: &&PendingRevocation| next.get(&entry.id).is_none_or(|at| *at <= now.boot);
            file.revocations.iter().filter(is_due).cloned().collect()
        })
    }

    fn postpone(&self, id: &RevocationId, until: Duration) {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), until);
    }

    /// Lets a postponed entry be tried at once.
    pub(crate) fn hasten(&self, id: &RevocationId) {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    async fn edit(&self, change: impl FnOnce(&mut RevocationsFile)) -> Result<(), Failure> {
        let file = self.file.lock().await;
        let mut next = self.read(Clone::clone);
        change(&mut next);
        let stored = next.clone();
        let path = file.clone();
        tokio::task::spawn_blocking(move || path.store(&stored)).await.map_err(|_| Failure::Broken)??;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}

/// What an attempt achieved.
pub(crate) struct Attempt {
    pub(crate) refresh: ReceiptLine,
    pub(crate) access: ReceiptLine,
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
        }
    }

    pub(crate) fn is_final(&self) -> bool {
        self.refresh.outcome != Outcome::Queued && self.access.outcome != Outcome::Queued
    }
}

impl Inner {
    /// Puts what a revocation needs into the queue: index first, so that no secret lies in the vault that nobody knows of.
    pub(crate) async fn enqueue(&self, entry: PendingRevocation, material: &Material) -> Result<(), Failure> {
        let key = Key::Revocation(entry.id.clone());
        // Whoever enqueues also makes the first attempt; the queue leaves it alone meanwhile.
        self.revocations.postpone(&entry.id, self.clock.now().boot + PATIENCE + FIRST_WAIT);
        self.revocations
            .edit(|file| {
                file.revocations.retain(|other| other.id != entry.id);
                file.revocations.push(entry);
            })
            .await?;
        self.keep.replace(&key, &material.encode()).await?;
        fault::point("signout.queued");
        Ok(())
    }

    /// The issuer has answered for good: secret first, then the index.
    pub(crate) async fn dequeue(&self, id: &RevocationId) -> Result<(), Failure> {
        self.keep.delete(&Key::Revocation(id.clone())).await?;
        self.revocations.edit(|file| file.revocations.retain(|entry| entry.id != *id)).await
    }

    /// Tries what is due, one after the other: nobody waits for it.
    pub(crate) async fn work_queue(self: &Arc<Self>) {
        for entry in self.revocations.due_entries(self.clock.now()) {
            if let Err(failure) = self.retry(&entry).await {
                tracing::warn!(%failure, "a queued revocation could not be tried");
                self.postpone(&entry);
            }
        }
        if self.revocations.registrations_due(self.clock.now()).is_zero() {
            for registration in self.deletable() {
                self.end_registration(&registration.id).await;
            }
            let now = self.clock.now();
            if self.deletable().is_empty() {
                self.revocations.no_registrations();
            } else if self.revocations.registrations_due(now).is_zero() {
                // Whatever is still there waits, also when nobody foresaw why: a loop without a pause would be worse.
                self.revocations.postpone_registrations(now);
            }
        }
    }

    /// Registrations that are leaving and that nothing hangs on any more.
    fn deletable(&self) -> Vec<Registration> {
        let mut leaving = self.registrations.leaving();
        leaving.retain(|registration| !self.hangs_on(&registration.id));
        leaving
    }

    /// An account, or a queued revocation.
    fn hangs_on(&self, id: &RegistrationId) -> bool {
        let used = self.cells().iter().any(|cell| cell.snapshot().account.registration == *id);
        used || self.revocations.needs(id)
    }

    /// When the queue is to be worked off next; `None`: there is nothing in it.
    pub(crate) fn queue_due(&self, now: Moment) -> Option<Duration> {
        let registrations = (!self.deletable().is_empty()).then(|| self.revocations.registrations_due(now));
        self.revocations.due(now).into_iter().chain(registrations).min()
    }

    /// The first attempt has not done it.
    pub(crate) fn leave_to_queue(&self, id: &RevocationId) {
        self.revocations.postpone(id, self.clock.now().boot + FIRST_WAIT);
        self.wake.notify_one();
    }

    fn postpone(&self, entry: &PendingRevocation) {
        let wait = back_off(entry.attempts.saturating_add(1));
        self.revocations.postpone(&entry.id, self.clock.now().boot + wait);
    }

    async fn retry(self: &Arc<Self>, entry: &PendingRevocation) -> Result<(), Failure> {
        if self.cells().iter().any(|cell| cell.id.as_str() == entry.id.as_str()) {
            // The sign-out itself is carried on with, and enqueues anew: two at once would trip over each other.
            self.revocations.postpone(&entry.id, self.clock.now().boot + FIRST_WAIT);
            return Ok(());
        }
        let Some(item) = self.keep.load(&Key::Revocation(entry.id.clone())).await? else {
            // Cut off in the middle of the end: parts of it may still lie in the vault.
            self.dequeue(&entry.id).await?;
            let registration = self.end_registration(&entry.registration).await;
            if self.keep.vault().kind() == VaultKind::Memory {
                // Not the end but a restart: what was to be revoked is forgotten, and lives on at the issuer.
                let gone = |what, until| receipt::failed(what, "keychain_absent", until);
                let refresh = gone(Credential::RefreshToken, None);
                let access = gone(Credential::AccessToken, entry.valid_until);
                self.tell_revoked(entry, vec![refresh, access, registration]);
            }
            return Ok(());
        };
        let material = Material::decode(item.secret.expose_secret())?;
        let now = self.clock.now().unix();
        let attempt = self.attempt(&material).await;
        let given_up = now.saturating_sub(entry.since) > LONGEST.as_secs();
        if !attempt.is_final() && !given_up {
            self.revocations
                .edit(|file| {
                    for other in file.revocations.iter_mut().filter(|other| other.id == entry.id) {
                        other.attempts = other.attempts.saturating_add(1);
                    }
                })
                .await?;
            self.postpone(entry);
            return Ok(());
        }
        self.dequeue(&entry.id).await?;
        let registration = self.end_registration(&entry.registration).await;
        let give_up = |line: ReceiptLine| match line.outcome {
            Outcome::Queued => receipt::failed(line.what, "revocation_failed", line.valid_until),
            _ => line,
        };
        self.tell_revoked(entry, vec![give_up(attempt.refresh), give_up(attempt.access), registration]);
        Ok(())
    }

    fn tell_revoked(&self, entry: &PendingRevocation, lines: Vec<ReceiptLine>) {
        self.tell(Event::Revoked(Box::new(Receipt {
            account: entry.account.clone(),
            server: entry.server.clone(),
            issuer: entry.issuer.clone(),
            signed_out_at: entry.since,
            lines,
        })));
    }

    /// Revokes at the issuer that the tokens came from, newest refresh token first, and looks whether it worked.
    pub(crate) async fn attempt(&self, material: &Material) -> Attempt {
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
                };
            }
        };
        let rule = material.network.rule(&material.server, &self.allowed_hosts);
        let refresh = match &material.refresh {
            None => receipt::line(Credential::RefreshToken, Outcome::None),
            Some(refresh) => self.revoke_refresh(material, &rule, &client, refresh).await,
        };
        fault::point("signout.refresh-revoked");
        let access = self.revoke_access(material, &rule, &client).await;
        fault::point("signout.access-revoked");
        Attempt { refresh, access }
    }

    async fn revoke_refresh(
        &self,
        material: &Material,
        rule: &ReachRule,
        client: &Client,
        refresh: &SecretString,
    ) -> ReceiptLine {
        let what = Credential::RefreshToken;
        let refresh = RefreshToken::new(refresh.expose_secret());
        let outcome =
            revoke::revoke(&self.http, rule, &material.metadata, client, Revocable::Refresh(&refresh)).await;
        if let Some(line) = not_accepted(what, &outcome, None) {
            return line;
        }
        self.prove_refresh(material, rule, client, &refresh).await
    }

    /// The old refresh token is used once more: it must be refused.
    async fn prove_refresh(
        &self,
        material: &Material,
        rule: &ReachRule,
        client: &Client,
        refresh: &RefreshToken,
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
            _ => match self
                .introspect_token(rule, &material.metadata, client, Revocable::Refresh(refresh))
                .await
            {
                Verdict::Inactive => receipt::confirmed(what, Proof::IntrospectionInactive, at),
                _ => receipt::accepted(what, at, None),
            },
        }
    }

    async fn revoke_access(&self, material: &Material, rule: &ReachRule, client: &Client) -> ReceiptLine {
        let what = Credential::AccessToken;
        let until = material.expires_at;
        let token = AccessToken::new(material.access.expose_secret());
        let outcome =
            revoke::revoke(&self.http, rule, &material.metadata, client, Revocable::Access(&token)).await;
        let line = not_accepted(what, &outcome, until);
        if line.as_ref().is_some_and(|line| line.outcome == Outcome::Queued) {
            return receipt::queued(
                what,
                line.and_then(|line| line.code).as_deref().unwrap_or("offline"),
                until,
            );
        }
        // Also when it was not accepted: revoking the refresh token, or time, may have ended it.
        let at = self.clock.now().unix();
        if self.ask_server(rule, &material.server, &material.access).await == Verdict::Inactive {
            return receipt::confirmed(what, Proof::ServerRefused, at);
        }
        if self.introspect(rule, &material.metadata, client, &material.access).await == Verdict::Inactive {
            return receipt::confirmed(what, Proof::IntrospectionInactive, at);
        }
        line.unwrap_or_else(|| receipt::accepted(what, at, until))
    }

    /// Deletes a registration when nothing hangs on it any more: no account, no queued revocation.
    pub(crate) async fn end_registration(self: &Arc<Self>, id: &RegistrationId) -> ReceiptLine {
        let what = Credential::Registration;
        let none = receipt::line(what, Outcome::None);
        let Some(registration) = self.registrations.get(id) else { return none };
        // In this order: a sign-in lets go of it only when its account is there.
        if !self.registrations.begin_leaving(id) {
            return none;
        }
        if self.hangs_on(id) {
            self.registrations.end_leaving(id);
            return none;
        }
        let line = self.delete_registration(&registration).await.unwrap_or_else(|failure| {
            tracing::warn!(%failure, "a registration could not be ended");
            receipt::queued(what, "keychain_failed", None)
        });
        self.registrations.end_leaving(id);
        if line.outcome == Outcome::Queued {
            self.revocations.postpone_registrations(self.clock.now());
            self.wake.notify_one();
        }
        line
    }

    async fn delete_registration(&self, registration: &Registration) -> Result<ReceiptLine, Failure> {
        let what = Credential::Registration;
        let id = &registration.id;
        let at = self.clock.now().unix();
        if registration.kind != RegistrationKind::Dynamic {
            // The person's own client, or our document: nothing of it is at the issuer's to delete, and the person's secret
            // is not thrown away with an account.
            if registration.standing != Standing::Current {
                self.registrations.remove(id).await?;
            }
            return Ok(receipt::line(what, Outcome::None));
        }
        let secrets = self.registrations.secrets(id).await?;
        let management = match (&registration.management_uri, secrets.registration_token) {
            (Some(uri), Some(token)) => {
                let name = mcp_login_oauth::error::EndpointName::RegistrationManagement;
                mcp_login_oauth::endpoint::Endpoint::parse(uri, name)
                    .ok()
                    .map(|uri| Management { uri, token: RegistrationAccessToken::new(token.expose_secret()) })
            }
            _ => None,
        };
        let Some(management) = management else {
            // Not ours to delete. Kept for the next sign-in, so that issuers do not collect registrations of us. One that was
            // leaving lost its token to a crash just before its record was to go.
            if registration.standing != Standing::Current {
                self.registrations.remove(id).await?;
            }
            return Ok(receipt::line(what, Outcome::NotOffered));
        };
        self.registrations.set_standing(id, Standing::Leaving).await?;
        fault::point("signout.registration");
        let rule = registration.rule(&self.allowed_hosts);
        let outcome = registration::delete(&self.http, &rule, &management).await;
        match outcome {
            DeletionOutcome::Deleted | DeletionOutcome::AlreadyGone => {
                self.registrations.remove(id).await?;
                Ok(receipt::confirmed(what, Proof::Deleted, at))
            }
            DeletionOutcome::NotOffered => {
                self.registrations.remove(id).await?;
                Ok(receipt::line(what, Outcome::NotOffered))
            }
            DeletionOutcome::Later { .. } => Ok(receipt::queued(what, "server_trouble", None)),
            DeletionOutcome::Failed(_) => Ok(receipt::queued(what, "offline", None)),
            DeletionOutcome::Odd { .. } => {
                self.registrations.remove(id).await?;
                Ok(receipt::failed(what, "odd_answer", None))
            }
        }
    }
}

/// The wait after so many attempts.
fn back_off(attempts: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << attempts.min(10)).min(LONGEST_WAIT)
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
