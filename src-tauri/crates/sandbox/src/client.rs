//! Who may ask for tokens: clients that were configured, that registered themselves, or whose name is the address
//! of their metadata document.

use crate::secret::Digest;
use serde_json::Value;
use std::collections::HashMap;

/// Registrations that are kept; the oldest dynamic one goes first.
const MOST: usize = 10_000;

/// How a client shows who it is at the token endpoint (RFC 7591 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthMethod {
    None,
    Basic,
    Post,
}

impl AuthMethod {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "client_secret_basic" => Some(Self::Basic),
            "client_secret_post" => Some(Self::Post),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
        }
    }
}

/// Where a client comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Configured,
    Dynamic,
    Document,
}

/// One client.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) auth: AuthMethod,
    pub(crate) secret: Option<Digest>,
    /// Seconds since 1970; 0 for never.
    pub(crate) secret_expires_at: u64,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) registration_token: Option<Digest>,
    /// What was registered, as it is read back (RFC 7592 §2.1), without secrets.
    pub(crate) metadata: Value,
    /// Order of arrival.
    pub(crate) number: u64,
}

/// All clients.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    by_id: HashMap<String, Client>,
    next: u64,
}

impl Clients {
    pub(crate) fn get(&self, id: &str) -> Option<&Client> {
        self.by_id.get(id)
    }

    pub(crate) fn insert(&mut self, mut client: Client) {
        if self.by_id.len() >= MOST {
            let oldest = self
                .by_id
                .values()
                .filter(|c| c.origin != Origin::Configured)
                .min_by_key(|c| c.number)
                .map(|c| c.id.clone());
            if let Some(id) = oldest {
                self.by_id.remove(&id);
            }
        }
        client.number = self.next;
        self.next += 1;
        self.by_id.insert(client.id.clone(), client);
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Client> {
        self.by_id.remove(id)
    }

    /// Forgets everybody.
    pub(crate) fn clear(&mut self) {
        self.by_id.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }
}
