//! Sign-outs that their issuer has yet to answer. What a revocation needs lies in the vault, an index of it in the data
//! directory; both outlive restarts. An entry goes when the issuer has answered for good, or after 30 days.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mcp_login_vault::{ExposeSecret as _, Key, Kind as VaultKind, fault};

use crate::accounts::{PendingRevocation, Registration, RevocationsFile, SeenActive};
use crate::clock::Moment;
use crate::core::{Event, Inner};
use crate::disk::StateFile;
use crate::failure::Failure;
use crate::id::{RegistrationId, RevocationId};
use crate::ledger::Ledger;
use crate::receipt::{self, Credential, Outcome, Receipt, ReceiptLine};
use crate::revocation::Material;

/// How long a revocation is tried. Longer than any refresh token that is not used lives at the issuers we know of.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// How long an attempt may take while a person waits for it; the rest is left to the queue.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The first wait of the queue, doubled each time. Short: until it worked the tokens live, and most outages are a network
/// that comes back or an issuer that starts anew.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// The longest: once an hour is often enough for a thing that nobody waits for.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// Issuers that are asked at a time. With fewer, a few that hang would hold up the rest; with more, the end of a long time
/// offline would be a burst.
const AT_ONCE: usize = 4;

/// The index.
pub(crate) struct Revocations {
    ledger: Ledger<RevocationsFile>,
    /// Boot-time clock of the next try; none means at once (after a restart).
    next: Mutex<BTreeMap<RevocationId, Duration>>,
    /// The same for the registrations that are leaving, by their issuer, with how often it was tried.
    registrations_next: Mutex<BTreeMap<String, (u32, Duration)>>,
    /// The issuers that are being asked.
    asked: Arc<Mutex<BTreeSet<String>>>,
}

/// The right to ask one issuer about what is queued: one attempt at a time for each, so that one that hangs holds up its own
/// entries and nobody else's.
struct IssuersTurn {
    issuer: String,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl Drop for IssuersTurn {
    fn drop(&mut self) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.issuer);
    }
}

impl Revocations {
    pub(crate) fn new(file: StateFile, now: RevocationsFile) -> Self {
        Self {
            ledger: Ledger::new(file, now),
            next: Mutex::default(),
            registrations_next: Mutex::default(),
            asked: Arc::default(),
        }
    }

    /// None while this issuer is being asked, or [`AT_ONCE`] others are.
    fn turn(&self, issuer: &str) -> Option<IssuersTurn> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let free = asked.len() < AT_ONCE && asked.insert(issuer.to_owned());
        free.then(|| IssuersTurn { issuer: issuer.to_owned(), asked: self.asked.clone() })
    }

    pub(crate) fn len(&self) -> usize {
        self.ledger.read(|now| now.revocations.len())
    }

    pub(crate) fn needs(&self, registration: &RegistrationId) -> bool {
        self.ledger.read(|now| now.revocations.iter().any(|entry| entry.registration == *registration))
    }

    /// When this issuer's registrations that are leaving are to be deleted.
    fn registrations_due(&self, issuer: &str, now: Moment) -> Duration {
        let next = self.registrations_next.lock().unwrap_or_else(PoisonError::into_inner);
        next.get(issuer).map_or(Duration::ZERO, |(_, at)| at.saturating_sub(now.boot))
    }

    pub(crate) fn postpone_registrations(&self, issuer: &str, now: Moment) {
        let mut next = self.registrations_next.lock().unwrap_or_else(PoisonError::into_inner);
        let (tries, at) = next.entry(issuer.to_owned()).or_default();
        *at = now.boot + back_off(*tries);
        *tries = tries.saturating_add(1);
    }

    /// None is left there that could be deleted: the next one is tried at once.
    fn no_registrations(&self, issuer: &str) {
        self.registrations_next.lock().unwrap_or_else(PoisonError::into_inner).remove(issuer);
    }

    /// When the next entry is due; `None`: never.
    fn due(&self, now: Moment) -> Option<Duration> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        self.ledger.read(|file| {
            let wait = |entry: &PendingRevocation| {
                next.get(&entry.id).map_or(Duration::ZERO, |at| at.saturating_sub(now.boot))
            };
            file.revocations.iter().map(wait).min()
        })
    }

    fn due_entries(&self, now: Moment) -> Vec<PendingRevocation> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        self.ledger.read(|file| {
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
}

impl Inner {
    /// Puts what a revocation needs into the queue: index first, so that no secret lies in the vault that nobody knows of.
    pub(crate) async fn enqueue(&self, entry: PendingRevocation, material: &Material) -> Result<(), Failure> {
        let key = Key::Revocation(entry.id.clone());
        // Whoever enqueues also makes the first attempt; the queue leaves it alone meanwhile.
        self.revocations.postpone(&entry.id, self.clock.now().boot + PATIENCE + FIRST_WAIT);
        self.revocations
            .ledger
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
        self.revocations.ledger.edit(|file| file.revocations.retain(|entry| entry.id != *id)).await?;
        self.revocations.hasten(id); // its wait means nothing any more
        Ok(())
    }

    /// Begins wherever something is due, unless that issuer is being asked already.
    pub(crate) fn tend_queue(self: &Arc<Self>, now: Moment) {
        for issuer in self.issuers_due(now) {
            let Some(turn) = self.revocations.turn(&issuer) else { continue };
            let core = self.clone();
            drop(self.own(async move {
                core.work_off(&turn.issuer).await;
                drop(turn);
                core.wake.notify_one(); // more may be due there by now, and others have waited for their turn
            }));
        }
    }

    /// Oldest entry first, each issuer once.
    fn issuers_due(&self, now: Moment) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let entries = self.revocations.due_entries(now).into_iter().map(|entry| entry.issuer);
        let registrations = self.deletable().into_iter().map(|registration| registration.issuer);
        let due = registrations.filter(|issuer| self.revocations.registrations_due(issuer, now).is_zero());
        entries.chain(due).filter(|issuer| seen.insert(issuer.clone())).collect()
    }

    /// Tries what is due at one issuer, one after the other: nobody waits for it.
    async fn work_off(self: &Arc<Self>, issuer: &str) {
        let mut entries = self.revocations.due_entries(self.clock.now());
        entries.retain(|entry| entry.issuer == issuer);
        for entry in entries {
            if let Err(failure) = self.retry(&entry).await {
                tracing::warn!(%failure, "a queued revocation could not be tried");
                self.postpone(&entry, Duration::ZERO);
            }
        }
        if self.revocations.registrations_due(issuer, self.clock.now()).is_zero() {
            for registration in self.deletable_at(issuer) {
                self.end_registration(&registration.id).await;
            }
            let now = self.clock.now();
            if self.deletable_at(issuer).is_empty() {
                self.revocations.no_registrations(issuer);
            } else if self.revocations.registrations_due(issuer, now).is_zero() {
                // Whatever is still there waits, also when nobody foresaw why: a loop without a pause would be worse.
                self.revocations.postpone_registrations(issuer, now);
            }
        }
    }

    /// Registrations that are leaving and that nothing hangs on any more.
    fn deletable(&self) -> Vec<Registration> {
        let mut leaving = self.registrations.leaving();
        leaving.retain(|registration| !self.hangs_on(&registration.id));
        leaving
    }

    fn deletable_at(&self, issuer: &str) -> Vec<Registration> {
        let mut deletable = self.deletable();
        deletable.retain(|registration| registration.issuer == issuer);
        deletable
    }

    /// An account, or a queued revocation.
    pub(crate) fn hangs_on(&self, id: &RegistrationId) -> bool {
        let used = self.cells().iter().any(|cell| cell.snapshot().account.registration == *id);
        used || self.revocations.needs(id)
    }

    /// When the queue is to be worked off next; `None`: there is nothing in it.
    pub(crate) fn queue_due(&self, now: Moment) -> Option<Duration> {
        let deletable = self.deletable().into_iter();
        let registrations = deletable.map(|r| self.revocations.registrations_due(&r.issuer, now));
        self.revocations.due(now).into_iter().chain(registrations).min()
    }

    /// The first attempt has not done it. What it learned serves the next one as proof.
    pub(crate) async fn leave_to_queue(&self, id: &RevocationId, wait: Duration, seen: SeenActive) {
        if seen != SeenActive::default() {
            let noted = self.revocations.ledger.edit(|file| {
                for entry in file.revocations.iter_mut().filter(|entry| entry.id == *id) {
                    entry.seen_active = seen;
                }
            });
            if let Err(failure) = noted.await {
                tracing::warn!(%failure, "what the issuer said of a token could not be noted");
            }
        }
        self.revocations.postpone(id, self.clock.now().boot + FIRST_WAIT.max(wait));
        self.wake.notify_one();
    }

    /// At least for as long as its issuer wishes.
    fn postpone(&self, entry: &PendingRevocation, wished: Duration) {
        let wait = back_off(entry.attempts.saturating_add(1)).max(wished);
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
        let mut seen = entry.seen_active;
        let attempt = self.attempt(&material, &mut seen).await;
        let given_up = now.saturating_sub(entry.since) > LONGEST.as_secs();
        if !attempt.is_final() && !given_up {
            self.revocations
                .ledger
                .edit(|file| {
                    for other in file.revocations.iter_mut().filter(|other| other.id == entry.id) {
                        other.attempts = other.attempts.saturating_add(1);
                        other.seen_active = seen;
                    }
                })
                .await?;
            self.postpone(entry, attempt.retry_after);
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
}

/// The wait after so many attempts.
fn back_off(attempts: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << attempts.min(10)).min(LONGEST_WAIT)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
