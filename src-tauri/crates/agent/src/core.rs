//! The state and its transactions in one handle.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::accounts::{Accepted, Account, Endpoints, Network, RedirectKind, Registration};
use crate::id::{AccountId, RegistrationId};

/// What a caller of `token.get` asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Want {
    /// The generation that a server refused: a newer one is wanted.
    pub newer_than: Option<u64>,
    /// What the token must have left.
    pub min_ttl: Option<Duration>,
}

/// A token handed out.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The account as it is now.
    pub account: Arc<Account>,
    /// The access token.
    pub access: SecretString,
    /// As the issuer spelled it.
    pub token_type: String,
    /// What was granted.
    pub scope: Vec<String>,
    /// Goes up with every token set.
    pub generation: u64,
    /// Unix seconds.
    pub expires_at: Option<u64>,
}

/// A sign-in that has come home: what is to be kept. Build it after the code was exchanged.
#[derive(Debug)]
pub struct NewSignIn {
    /// Sign in again at this account; none makes a new one.
    pub account: Option<AccountId>,
    /// The name that the person chose; none takes one from the host.
    pub name: Option<String>,
    /// Canonical.
    pub server: String,
    /// Sent as `resource`; none when it breaks there.
    pub resource: Option<String>,
    /// The metadata's string.
    pub issuer: String,
    /// Where tokens are had and given back.
    pub endpoints: Endpoints,
    /// Where connections may go.
    pub network: Network,
    /// Saved before.
    pub registration: RegistrationId,
    /// `sub` of the ID token.
    pub subject: Option<String>,
    /// For people.
    pub label: Option<String>,
    /// What was asked.
    pub asked_scope: Vec<String>,
    /// What was granted; the asked ones when the answer named none (RFC 6749 §5.1).
    pub scope: Vec<String>,
    /// The tokens.
    pub access: SecretString,
    /// The tokens.
    pub refresh: Option<SecretString>,
    /// As the issuer spelled it.
    pub token_type: String,
    /// `expires_in`.
    pub lifetime: Option<Duration>,
}

/// Whether the same person came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A new account.
    First,
    /// The same, as far as the issuer says.
    Same,
    /// The issuer does not say who it is, now or then.
    Unsaid,
    /// Somebody else: tell the person.
    Another {
        /// Label or subject of the former sign-in.
        was: String,
        /// And of this one.
        now: String,
    },
}

/// What became of a sign-in.
#[derive(Debug)]
pub struct Adopted {
    /// The account, new or renewed.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// Of the stored set.
    pub generation: u64,
    /// Who came.
    pub identity: Identity,
}

/// Secrets of a registration, as they lie in the vault.
#[derive(Clone, Debug, Default)]
pub struct RegistrationSecrets {
    /// RFC 6749 §2.3.1.
    pub client_secret: Option<SecretString>,
    /// RFC 7592.
    pub registration_token: Option<SecretString>,
}

/// The registrations, by issuer and redirect.
#[derive(Debug)]
pub struct Registrations {}

#[allow(
    clippy::unimplemented,
    missing_docs,
    unused_variables,
    clippy::unused_async,
    clippy::missing_errors_doc
)]
impl Registrations {
    pub fn find(&self, issuer: &str, redirect: RedirectKind) -> Option<Registration> {
        unimplemented!()
    }
    pub fn all(&self, issuer: &str) -> Vec<Registration> {
        unimplemented!()
    }
    pub fn get(&self, id: &RegistrationId) -> Option<Registration> {
        unimplemented!()
    }
    pub async fn secrets(&self, id: &RegistrationId) -> Result<RegistrationSecrets, crate::failure::Failure> {
        unimplemented!()
    }
    /// Secrets into the vault first, then the record. A record of the same issuer, redirect and client id is replaced.
    pub async fn save(
        &self,
        registration: Registration,
        secrets: RegistrationSecrets,
    ) -> Result<(), crate::failure::Failure> {
        unimplemented!()
    }
    /// Not used again (`invalid_client`, secret expired); deleted when nothing hangs on it.
    pub async fn forget(&self, id: &RegistrationId) -> Result<(), crate::failure::Failure> {
        unimplemented!()
    }
    pub fn accepted(&self, issuer: &str) -> Option<Accepted> {
        unimplemented!()
    }
    pub async fn remember(&self, accepted: Accepted) -> Result<(), crate::failure::Failure> {
        unimplemented!()
    }
    pub fn new_id(&self) -> RegistrationId {
        unimplemented!()
    }
}

/// An account changed; ask for it.
#[derive(Clone, Debug)]
pub struct Changed {
    /// Which.
    pub account: AccountId,
}

/// The state and its transactions. A handle: clones are the same core.
#[derive(Clone, Debug)]
pub struct Core {}

// Coming: open(Options{paths, config, clock, vault, http}), view()/list() as ipc::Account, sign_out() -> ipc Receipt.
#[allow(
    clippy::unimplemented,
    missing_docs,
    unused_variables,
    clippy::unused_async,
    clippy::missing_errors_doc
)]
impl Core {
    /// By name, id or server URL.
    pub fn find(&self, text: &str) -> Result<AccountId, crate::failure::Failure> {
        unimplemented!()
    }
    pub fn account(&self, id: &AccountId) -> Option<Arc<Account>> {
        unimplemented!()
    }
    pub fn accounts(&self) -> Vec<Arc<Account>> {
        unimplemented!()
    }
    pub async fn fetch(&self, id: &AccountId, want: Want) -> Result<Fetched, crate::failure::Failure> {
        unimplemented!()
    }
    /// A person's wish: clears `server_refuses`, always one request.
    pub async fn refresh(&self, id: &AccountId) -> Result<Fetched, crate::failure::Failure> {
        unimplemented!()
    }
    pub async fn adopt(&self, sign_in: NewSignIn) -> Result<Adopted, crate::failure::Failure> {
        unimplemented!()
    }
    pub async fn rename(&self, id: &AccountId, name: &str) -> Result<(), crate::failure::Failure> {
        unimplemented!()
    }
    /// The server names another issuer now: nothing stored goes there; the account says so.
    pub async fn issuer_changed(&self, id: &AccountId, new: &str) -> Result<(), crate::failure::Failure> {
        unimplemented!()
    }
    pub fn registrations(&self) -> Registrations {
        unimplemented!()
    }
    pub fn pause(&self, paused: bool) {
        unimplemented!()
    }
    pub fn paused(&self) -> bool {
        unimplemented!()
    }
    pub fn subscribe(&self) -> tokio::sync::broadcast::Receiver<Changed> {
        unimplemented!()
    }
    /// The schedule and the revocation queue, until `stop`; then waits for requests under way.
    pub async fn run(&self, stop: tokio::sync::watch::Receiver<bool>) {
        unimplemented!()
    }
}
