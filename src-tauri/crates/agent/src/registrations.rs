//! Our client identities, by issuer and redirect: records in a file, secrets in the vault. The record, marked as begun, comes
//! before its secrets and goes after them: whatever a crash cuts off, no secret lies in the vault that nobody knows of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcp_login_oauth::client_auth::{AuthMethod, Client};
use mcp_login_oauth::{ClientId, ClientSecret};
use mcp_login_vault::{ExposeSecret as _, Key};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::accounts::{Accepted, RedirectKind, Registration, RegistrationsFile, Standing};
use crate::disk::StateFile;
use crate::failure::Failure;
use crate::id::{self, RegistrationId};
use crate::keep::Keep;
use crate::ledger::Ledger;

/// Secrets of a registration.
#[derive(Clone, Debug, Default)]
pub struct RegistrationSecrets {
    /// RFC 6749 §2.3.1.
    pub client_secret: Option<SecretString>,
    /// RFC 7592.
    pub registration_token: Option<SecretString>,
}

/// The registrations. A handle: clones are the same.
#[derive(Clone)]
pub struct Registrations(Arc<Shelf>);

struct Shelf {
    keep: Keep,
    ledger: Ledger<RegistrationsFile>,
    users: Mutex<Users>,
}

/// Who keeps a registration from being deleted, and which are past that. An account does too, once it is there; until then
/// it is the sign-in, whose person may sit before the consent page of that very client.
#[derive(Default)]
struct Users {
    held: BTreeMap<RegistrationId, usize>,
    leaving: BTreeSet<RegistrationId>,
}

/// While it lives, the registration is not deleted.
#[derive(Debug)]
pub struct Hold {
    registrations: Registrations,
    id: RegistrationId,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut users = self.registrations.users();
        if let Some(count) = users.held.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                users.held.remove(&self.id);
            }
        }
    }
}

impl fmt::Debug for Registrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrations").finish_non_exhaustive()
    }
}

impl Registrations {
    pub(crate) fn new(keep: Keep, file: StateFile, mut now: RegistrationsFile) -> Self {
        for registration in now.registrations.iter_mut().filter(|r| r.standing == Standing::Begun) {
            registration.standing = Standing::Leaving;
        }
        Self(Arc::new(Shelf { keep, ledger: Ledger::new(file, now), users: Mutex::default() }))
    }

    /// An identifier for a new record.
    ///
    /// # Errors
    /// [`Failure::Random`].
    pub fn new_id(&self) -> Result<RegistrationId, Failure> {
        Ok(RegistrationId::from_random(id::random()?))
    }

    /// The newest usable one at this issuer for this redirect. Whether its secret has expired is the caller's to see.
    #[must_use]
    pub fn find(&self, issuer: &str, redirect: RedirectKind) -> Option<Registration> {
        self.read(|now| {
            let fits = |r: &&Registration| {
                r.issuer == issuer && r.redirect == redirect && r.standing == Standing::Current
            };
            now.registrations.iter().rev().find(fits).cloned()
        })
    }

    /// All usable ones at this issuer, newest first.
    #[must_use]
    pub fn all(&self, issuer: &str) -> Vec<Registration> {
        self.read(|now| {
            let fits = |r: &&Registration| r.issuer == issuer && r.standing == Standing::Current;
            now.registrations.iter().rev().filter(fits).cloned().collect()
        })
    }

    /// Any, usable or not.
    #[must_use]
    pub fn get(&self, id: &RegistrationId) -> Option<Registration> {
        self.read(|now| now.registrations.iter().find(|r| r.id == *id).cloned())
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps it from being deleted; none when that has begun.
    #[must_use]
    pub fn hold(&self, id: &RegistrationId) -> Option<Hold> {
        let mut users = self.users();
        if users.leaving.contains(id) {
            return None;
        }
        *users.held.entry(id.clone()).or_default() += 1;
        Some(Hold { registrations: self.clone(), id: id.clone() })
    }

    /// Nobody may hold it from here on; false when somebody does.
    pub(crate) fn begin_leaving(&self, id: &RegistrationId) -> bool {
        let mut users = self.users();
        let free = !users.held.contains_key(id);
        if free {
            users.leaving.insert(id.clone());
        }
        free
    }

    /// It stays after all, unless its record says that it leaves.
    pub(crate) fn end_leaving(&self, id: &RegistrationId) {
        if self.get(id).is_none_or(|registration| registration.standing != Standing::Leaving) {
            self.users().leaving.remove(id);
        }
    }

    /// Those that are to be deleted at their issuer.
    pub(crate) fn leaving(&self) -> Vec<Registration> {
        self.read(|now| {
            now.registrations.iter().filter(|r| r.standing == Standing::Leaving).cloned().collect()
        })
    }

    /// Its secrets.
    ///
    /// # Errors
    /// [`Failure::Vault`].
    pub async fn secrets(&self, id: &RegistrationId) -> Result<RegistrationSecrets, Failure> {
        Ok(RegistrationSecrets {
            client_secret: self.secret(&Key::ClientSecret(id.clone())).await?,
            registration_token: self.secret(&Key::RegistrationToken(id.clone())).await?,
        })
    }

    async fn secret(&self, key: &Key) -> Result<Option<SecretString>, Failure> {
        let Some(item) = self.0.keep.load(key).await? else { return Ok(None) };
        let text = std::str::from_utf8(item.secret.expose_secret()).map_err(|_| Failure::Unreadable)?;
        Ok(Some(SecretString::from(text)))
    }

    /// Who we are at the token endpoint; none when the record is gone, or the issuer no longer knows it.
    pub(crate) async fn client(&self, id: &RegistrationId) -> Result<Option<Client>, Failure> {
        match self.get(id) {
            Some(registration) if registration.standing != Standing::Forgotten => {
                self.client_of(&registration).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(crate) async fn client_of(&self, registration: &Registration) -> Result<Client, Failure> {
        let secret = match registration.auth_method {
            AuthMethod::None => None, // the vault is not asked on every refresh of a public client
            _ => self.secret(&Key::ClientSecret(registration.id.clone())).await?,
        };
        Ok(Client {
            id: ClientId::new(registration.client_id.clone()),
            secret: secret.map(|secret| ClientSecret::new(secret.expose_secret())),
            method: registration.auth_method,
        })
    }

    /// Keeps a registration and its secrets. One with the same id is replaced.
    ///
    /// # Errors
    /// [`Failure::Vault`], [`Failure::Disk`].
    pub async fn save(
        &self,
        registration: Registration,
        secrets: RegistrationSecrets,
    ) -> Result<(), Failure> {
        let id = &registration.id;
        let secrets = [
            (Key::ClientSecret(id.clone()), secrets.client_secret),
            (Key::RegistrationToken(id.clone()), secrets.registration_token),
        ];
        if secrets.iter().any(|(_, secret)| secret.is_some()) && self.get(id).is_none() {
            self.put(Registration { standing: Standing::Begun, ..registration.clone() }).await?;
        }
        for (key, secret) in secrets {
            if let Some(secret) = secret {
                self.0
                    .keep
                    .replace(&key, &Zeroizing::new(secret.expose_secret().as_bytes().to_vec()))
                    .await?;
            }
        }
        self.put(registration).await
    }

    async fn put(&self, registration: Registration) -> Result<(), Failure> {
        self.edit(|file| {
            file.registrations.retain(|r| r.id != registration.id);
            file.registrations.push(registration);
        })
        .await
    }

    /// The issuer does not know it any more: never used again. The record stays while something hangs on it.
    ///
    /// # Errors
    /// [`Failure::Disk`].
    pub async fn forget(&self, id: &RegistrationId) -> Result<(), Failure> {
        self.set_standing(id, Standing::Forgotten).await
    }

    pub(crate) async fn set_standing(&self, id: &RegistrationId, standing: Standing) -> Result<(), Failure> {
        self.edit(|file| {
            if let Some(registration) = file.registrations.iter_mut().find(|r| r.id == *id) {
                registration.standing = standing;
            }
        })
        .await
    }

    /// Secrets first, then the record, which alone tells that there may be secrets. It must not be in use any more.
    pub(crate) async fn remove(&self, id: &RegistrationId) -> Result<(), Failure> {
        self.0.keep.delete(&Key::ClientSecret(id.clone())).await?;
        self.0.keep.delete(&Key::RegistrationToken(id.clone())).await?;
        self.edit(|file| file.registrations.retain(|r| r.id != *id)).await
    }

    /// Which redirect this issuer accepted last.
    #[must_use]
    pub fn accepted(&self, issuer: &str) -> Option<Accepted> {
        self.read(|now| now.accepted.iter().find(|a| a.issuer == issuer).cloned())
    }

    /// Remembers it.
    ///
    /// # Errors
    /// [`Failure::Disk`].
    pub async fn remember(&self, accepted: Accepted) -> Result<(), Failure> {
        self.edit(|file| {
            file.accepted.retain(|a| a.issuer != accepted.issuer);
            file.accepted.push(accepted);
        })
        .await
    }

    fn read<T>(&self, look: impl FnOnce(&RegistrationsFile) -> T) -> T {
        self.0.ledger.read(look)
    }

    async fn edit(&self, change: impl FnOnce(&mut RegistrationsFile)) -> Result<(), Failure> {
        self.0.ledger.edit(change).await
    }
}
