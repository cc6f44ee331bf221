//! What was granted. A family is one sign-in of one person at one client: its code, every access token and every
//! refresh token that came from it. Using a code or a refresh token twice ends the whole family (RFC 9700 §2.2.2,
//! §4.14.2), unless a grace is configured for the refresh token.

use crate::secret::Digest;
use std::collections::HashMap;

/// Tokens of one sort that are kept; above it those that have expired are dropped.
const SWEEP_AT: usize = 20_000;

/// One sign-in.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    pub(crate) client: String,
    pub(crate) user: &'static str,
    pub(crate) scope: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) signed_in_at: u64,
    pub(crate) revoked: bool,
}

/// An authorization code.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) family: u64,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    pub(crate) expires_at: u64,
    pub(crate) used: bool,
}

/// An access token.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) family: u64,
    pub(crate) scope: Vec<String>,
    pub(crate) audience: Vec<String>,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: u64,
    pub(crate) id: String,
    pub(crate) revoked: bool,
}

/// What a refresh token gave when it was used; given again within the grace.
#[derive(Debug, Clone)]
pub(crate) struct Successor {
    pub(crate) at: u64,
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
}

/// A refresh token.
#[derive(Debug, Clone)]
pub(crate) struct Refresh {
    pub(crate) family: u64,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: u64,
    pub(crate) used: Option<Successor>,
    pub(crate) revoked: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    pub(crate) families: HashMap<u64, Family>,
    pub(crate) codes: HashMap<Digest, Code>,
    pub(crate) access: HashMap<Digest, Access>,
    pub(crate) refresh: HashMap<Digest, Refresh>,
    next: u64,
}

/// A token of either sort that was found.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    Access(Access),
    Refresh(Refresh),
}

impl Grants {
    pub(crate) fn open(&mut self, family: Family) -> u64 {
        self.next += 1;
        self.families.insert(self.next, family);
        self.next
    }

    /// Drops what has long expired, when there is much of it.
    pub(crate) fn sweep(&mut self, now: u64) {
        if self.access.len() > SWEEP_AT {
            self.access.retain(|_, t| t.expires_at > now);
        }
        if self.codes.len() > SWEEP_AT {
            self.codes.retain(|_, c| c.expires_at > now);
        }
        if self.refresh.len() > SWEEP_AT {
            self.refresh.retain(|_, r| r.expires_at > now);
        }
        if self.families.len() > SWEEP_AT {
            let live: std::collections::HashSet<u64> = self
                .access
                .values()
                .map(|t| t.family)
                .chain(self.refresh.values().map(|r| r.family))
                .chain(self.codes.values().map(|c| c.family))
                .collect();
            self.families.retain(|id, _| live.contains(id));
        }
    }

    pub(crate) fn revoke_family(&mut self, id: u64) {
        if let Some(family) = self.families.get_mut(&id) {
            family.revoked = true;
        }
    }

    fn family_lives(&self, id: u64) -> Option<&Family> {
        self.families.get(&id).filter(|f| !f.revoked)
    }

    /// An access token that is good at this moment.
    pub(crate) fn live_access(&self, token: &str, now: u64) -> Option<(&Access, &Family)> {
        let access = self.access.get(&Digest::of(token))?;
        let family = self.family_lives(access.family)?;
        (!access.revoked && access.expires_at > now).then_some((access, family))
    }

    /// A refresh token that is good and unused at this moment.
    pub(crate) fn live_refresh(&self, token: &str, now: u64) -> Option<(&Refresh, &Family)> {
        let refresh = self.refresh.get(&Digest::of(token))?;
        let family = self.family_lives(refresh.family)?;
        (!refresh.revoked && refresh.used.is_none() && refresh.expires_at > now).then_some((refresh, family))
    }

    /// Any token of ours, good or not.
    pub(crate) fn find(&self, token: &str) -> Option<Found> {
        let digest = Digest::of(token);
        let access = self.access.get(&digest).cloned().map(Found::Access);
        access.or_else(|| self.refresh.get(&digest).cloned().map(Found::Refresh))
    }

    /// RFC 7009 §2.1: a refresh token takes its whole grant with it, an access token only itself.
    pub(crate) fn revoke(&mut self, token: &str) {
        let digest = Digest::of(token);
        if let Some(access) = self.access.get_mut(&digest) {
            access.revoked = true;
        } else if let Some(family) = self.refresh.get(&digest).map(|r| r.family) {
            self.revoke_family(family);
        }
    }
}
