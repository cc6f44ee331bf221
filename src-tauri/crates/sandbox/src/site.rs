//! What all parts of a running sandbox share. Locks are held for a look or a change and never across an await.

use crate::cimd::Documents;
use crate::client::Clients;
use crate::clock::Clock;
use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::grant::Grants;
use crate::guise::Places;
use crate::keys::SigningKey;
use crate::log::Log;
use crate::options::{Approve, Mode, Options};
use crate::secret::Digest;
use crate::switchboard::Switchboard;
use crate::upstream::Upstream;
use crate::user::User;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Seconds that tokens live; changed at run time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    pub(crate) access: u64,
    pub(crate) refresh: u64,
    pub(crate) grace: u64,
}

/// An authorization request that waits for a person.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) challenge: String,
    pub(crate) scope: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) at: u64,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) options: Options,
    /// Scheme, host and port by which clients reach the sandbox; no slash at the end.
    pub(crate) origin: String,
    /// This same port under another name: another origin for a browser and for a client.
    pub(crate) other_origin: String,
    pub(crate) issuer: String,
    pub(crate) places: Places,
    pub(crate) clock: Clock,
    pub(crate) faults: Switchboard,
    pub(crate) log: Log,
    pub(crate) key: SigningKey,
    pub(crate) initial_access_token: Option<Digest>,
    pub(crate) introspection_client: Option<(String, Digest)>,
    pub(crate) documents: Documents,
    pub(crate) upstream: Option<Upstream>,
    pub(crate) rate: crate::rate::Rate,
    clients: Mutex<Clients>,
    grants: Mutex<Grants>,
    pending: Mutex<HashMap<String, Pending>>,
    sessions: Mutex<HashSet<String>>,
    lifetimes: Mutex<Lifetimes>,
    approve: Mutex<(Approve, Option<User>)>,
    trapped: AtomicU64,
}

/// What a site is made of besides its options.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) origin: String,
    pub(crate) other_origin: String,
    pub(crate) issuer: String,
    pub(crate) places: Places,
    pub(crate) log: Log,
    pub(crate) initial_access_token: Option<Digest>,
    pub(crate) introspection_client: Option<(String, Digest)>,
    pub(crate) documents: Documents,
    pub(crate) upstream: Option<Upstream>,
    pub(crate) clients: Clients,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Site {
    pub(crate) fn new(options: Options, parts: Parts) -> Self {
        let lifetimes = Lifetimes {
            access: options.tokens.access_ttl,
            refresh: options.tokens.refresh_ttl,
            grace: options.tokens.grace,
        };
        Self {
            rate: crate::rate::Rate::new(options.rate),
            approve: Mutex::new((options.approve, None)),
            lifetimes: Mutex::new(lifetimes),
            options,
            origin: parts.origin,
            other_origin: parts.other_origin,
            issuer: parts.issuer,
            places: parts.places,
            clock: Clock::default(),
            faults: Switchboard::default(),
            log: parts.log,
            key: SigningKey::generate(),
            initial_access_token: parts.initial_access_token,
            introspection_client: parts.introspection_client,
            documents: parts.documents,
            upstream: parts.upstream,
            clients: Mutex::new(parts.clients),
            grants: Mutex::default(),
            pending: Mutex::default(),
            sessions: Mutex::default(),
            trapped: AtomicU64::new(0),
        }
    }

    pub(crate) fn clients(&self) -> MutexGuard<'_, Clients> {
        locked(&self.clients)
    }

    pub(crate) fn grants(&self) -> MutexGuard<'_, Grants> {
        locked(&self.grants)
    }

    pub(crate) fn pending(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        locked(&self.pending)
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, HashSet<String>> {
        locked(&self.sessions)
    }

    pub(crate) fn lifetimes(&self) -> Lifetimes {
        *locked(&self.lifetimes)
    }

    pub(crate) fn set_lifetimes(&self, lifetimes: Lifetimes) {
        *locked(&self.lifetimes) = lifetimes;
    }

    pub(crate) fn approve(&self) -> (Approve, Option<User>) {
        *locked(&self.approve)
    }

    pub(crate) fn set_approve(&self, approve: Approve, user: Option<User>) {
        *locked(&self.approve) = (approve, user);
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Whether a fault takes this request; counts it.
    pub(crate) fn on(&self, fault: Fault, at: Endpoint) -> bool {
        self.faults.is_on(fault, at)
    }

    /// The value of a fault that takes this request; counts it.
    pub(crate) fn fault(&self, fault: Fault, at: Endpoint) -> Option<String> {
        let value = self.faults.take(fault, at)?;
        Some(match value.as_str() {
            "TRAP" => {
                let n = self.trapped.fetch_add(1, Ordering::Relaxed);
                format!("{}/sandbox/trap?n={n}", self.other_origin)
            }
            _ => value,
        })
    }

    /// Whether a fault is on with one of these words; with another it is not counted.
    pub(crate) fn on_with(&self, fault: Fault, at: Endpoint, words: &[&str]) -> bool {
        self.faults.take_where(fault, at, |value| words.contains(&value)).is_some()
    }

    pub(crate) fn has_issuer(&self) -> bool {
        self.options.mode != Mode::Resource
    }

    pub(crate) fn has_resource(&self) -> bool {
        self.options.mode != Mode::Issuer
    }

    /// The MCP server's address, which is also its resource identifier.
    pub(crate) fn mcp(&self) -> String {
        format!("{}/mcp", self.origin)
    }

    /// The issuer's address of a path.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}
