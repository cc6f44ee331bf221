//! A decision that stands, and for whom and how long it holds.
//!
//! Invariant: it holds for the file that was approved (or the next one of the same verified signer), for at least the
//! account's scopes, and by both clocks: setting one back gives no more time.

use crate::accounts::Account;
use crate::approvals::Subject;
use crate::approvals::file::FileIdentity;
use crate::clock::Moment;
use crate::id::AccountId;
use mcp_login_ipc::api::{self, Until};
use mcp_login_ipc::provenance;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// [`Until::TwelveHours`].
pub(super) const TWELVE_HOURS: Duration = Duration::from_secs(12 * 60 * 60);

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Names it to people.
    pub id: u64,
    /// Which program.
    pub subject: api::Subject,
    /// Its file when it was decided, or when the same signer's was last let in.
    pub file: Option<FileIdentity>,
    /// Of its verified signer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Which account.
    pub account: AccountId,
    /// At most these; none for whatever the account has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// How long.
    pub until: Until,
    /// Unix seconds.
    pub granted_at: u64,
    /// Unix seconds; when it ends by the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// Unix seconds; when it last let somebody in.
    #[serde(skip)]
    pub last_used_at: Option<u64>,
    /// For [`Until::Process`].
    #[serde(skip)]
    pub(super) process: Option<(u32, u64)>,
    /// When it was decided by the clock that cannot be set; none after a restart.
    #[serde(skip)]
    pub(super) decided: Option<Moment>,
}

impl Approval {
    pub(super) fn holds(&self, subject: &Subject, account: &Account, now: Moment) -> bool {
        let covered = |allowed: &Vec<String>| account.scope.iter().all(|s| allowed.contains(s));
        self.in_time(subject, now) && self.is_for_file(subject) && self.scopes.as_ref().is_none_or(covered)
    }

    pub(super) fn in_time(&self, subject: &Subject, now: Moment) -> bool {
        match self.until {
            Until::Never => false,
            Until::Once | Until::Always => true,
            Until::Process => self.process == Some(subject.process),
            // By both clocks: setting one back gives no more time.
            Until::TwelveHours => {
                self.expires_at.is_some_and(|end| now.unix() < end && now.unix() + 1 >= self.granted_at)
                    && self.decided.is_none_or(|at| now.since(at) < TWELVE_HOURS)
            }
        }
    }

    /// The file that was approved, or another one by the same verified signer.
    pub(super) fn is_for_file(&self, subject: &Subject) -> bool {
        self.file.is_some_and(|then| then.still(subject.file))
            || self.signature.is_some() && self.signature == subject.signature
    }

    /// Whether it can never hold again.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        match self.until {
            Until::TwelveHours => self.expires_at.is_some_and(|end| now.unix() >= end),
            Until::Process => !self.process.is_some_and(|(pid, started)| provenance::lives(pid, started)),
            Until::Once | Until::Always | Until::Never => false,
        }
    }
}
