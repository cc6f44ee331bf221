//! An account at run time. What everybody may read is a snapshot behind a watch channel: reading it takes no lock across
//! I/O, so a hung issuer holds up nobody who can be answered from it. What only the one who refreshes, signs in or signs
//! out may touch is behind the account's turn, a mutex. Snapshots are published whole, after what they say is stored.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use crate::accounts::{Account, Storing};
use crate::clock::Moment;
use crate::failure::Failure;
use crate::id::AccountId;
use crate::schedule::{self, Due};
use crate::tokens::TokenSet;

/// The first wait after a passing failure, doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// The longest wait: an issuer that was down for an hour is found again within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What keeps an account from being handed out, if anything.
#[derive(Clone, Debug)]
pub enum Standing {
    /// Nothing.
    Good,
    /// The vault was not asked yet, or did not answer; the failure if it did not.
    NotLoaded(Option<Failure>),
    /// Only a sign-in helps; what is still valid may be used up.
    NeedsSignIn(Failure),
    /// It refused two fresh tokens.
    ServerRefuses,
    /// A sign-out has begun.
    Leaving,
}

/// A failure that may pass.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What callers are told.
    pub failure: Failure,
    /// When it happened (boot-time clock).
    pub since: Duration,
    /// Not tried again before by the schedule (boot-time clock). A caller who needs the token may shorten that.
    pub not_before: Duration,
    /// What nobody may go below (boot-time clock): the server's `Retry-After`.
    pub least: Duration,
}

/// What a crash, or answers that never came, left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journal {
    /// Nothing.
    Clean,
    /// The refresh token may be spent: to be tried at once.
    Unknown,
}

/// An account as everybody sees it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The entry in `accounts.json`.
    pub account: Arc<Account>,
    /// Of the stored token set; 0 before it is loaded.
    pub generation: u64,
    /// The stored token set.
    pub tokens: Option<Arc<TokenSet>>,
    /// Whether it may be handed out.
    pub standing: Standing,
    /// What went wrong last, until it goes right.
    pub trouble: Option<Trouble>,
    /// Whether the newest refresh token may be spent.
    pub journal: Journal,
    /// Unix seconds of the last rotation by this process.
    pub last_rotation_at: Option<u64>,
    /// Goes up when an attempt ends, well or not: tells waiters whether what they waited for has happened.
    pub attempts: u64,
}

impl Snapshot {
    /// The wish that a sign-out has begun is read on every path that hands something out.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.standing, Standing::Leaving)
    }
}

/// What only the holder of the turn touches.
#[derive(Default)]
pub(crate) struct Turn {
    /// How many fresh tokens in a row the server refused.
    pub(crate) fresh_refusals: u8,
    /// Boot-time clock of odd answers, the last few.
    pub(crate) odd: Vec<Duration>,
    /// Passing failures in a row.
    pub(crate) failures: u32,
    /// A token set that was granted and could not be stored yet.
    pub(crate) unsaved: Option<Unsaved>,
}

/// Granted, not stored: exists nowhere but here.
pub(crate) struct Unsaved {
    pub(crate) from: u64,
    pub(crate) tokens: Arc<TokenSet>,
    pub(crate) tries: u32,
}

/// Lets one at a time do something that the schedule begins.
#[derive(Clone, Default)]
pub(crate) struct Single(Arc<AtomicBool>);

/// While it lives, nobody else begins.
pub(crate) struct Busy(Arc<AtomicBool>);

impl Single {
    pub(crate) fn begin(&self) -> Option<Busy> {
        (!self.0.swap(true, Ordering::AcqRel)).then(|| Busy(self.0.clone()))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// One account.
pub(crate) struct Cell {
    pub(crate) id: AccountId,
    seed: [u8; 32],
    turn: Arc<Mutex<Turn>>,
    now: watch::Sender<Arc<Snapshot>>,
    tended: Single,
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The right to change one account.
pub(crate) type TurnGuard = OwnedMutexGuard<Turn>;

impl Cell {
    pub(crate) fn new(account: Account) -> Self {
        let standing = match account.storing {
            Storing::Leaving => Standing::Leaving,
            Storing::Settled | Storing::Begun => Standing::NotLoaded(None),
        };
        let id = account.id.clone();
        let snapshot = Snapshot {
            account: Arc::new(account),
            generation: 0,
            tokens: None,
            standing,
            trouble: None,
            journal: Journal::Clean,
            last_rotation_at: None,
            attempts: 0,
        };
        let seed = Sha256::digest(id.as_str().as_bytes()).into();
        let now = watch::Sender::new(Arc::new(snapshot));
        Self { id, seed, turn: Arc::default(), now, tended: Single::default() }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.now.borrow().clone()
    }

    pub(crate) async fn turn(&self) -> TurnGuard {
        self.turn.clone().lock_owned().await
    }

    /// The turn if nobody has it.
    pub(crate) fn try_turn(&self) -> Option<TurnGuard> {
        self.turn.clone().try_lock_owned().ok()
    }

    /// The schedule's attempt, if none is under way.
    pub(crate) fn tend(&self) -> Option<Busy> {
        self.tended.begin()
    }

    /// This account's part of a span over which all accounts spread.
    pub(crate) fn part_of(&self, span: Duration) -> Duration {
        span.mul_f64(f64::from(self.seed[1]) / 255.0)
    }

    /// Changes what everybody sees. A sign-out that has begun is never taken back by a late writer.
    pub(crate) fn publish(&self, change: impl FnOnce(&mut Snapshot)) -> Arc<Snapshot> {
        self.now.send_modify(|current| {
            let mut next = Snapshot::clone(current);
            let leaving = next.is_leaving();
            change(&mut next);
            if leaving {
                next.standing = Standing::Leaving;
            }
            *current = Arc::new(next);
        });
        self.snapshot()
    }

    /// How long to wait after the n-th passing failure: doubling, between half and all of it by the account's seed, so that
    /// accounts that failed together do not come back together.
    pub(crate) fn back_off(&self, failures: u32) -> Duration {
        let whole = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_WAIT);
        let spread = self.seed[usize::try_from(failures).unwrap_or(0) % self.seed.len()];
        whole / 2 + (whole / 2).mul_f64(f64::from(spread) / 255.0)
    }

    /// When the loop should see to this account; `None`: not by itself.
    pub(crate) fn due(&self, now: Moment) -> Option<Duration> {
        let snapshot = self.snapshot();
        if !matches!(snapshot.standing, Standing::Good) {
            return None;
        }
        let not_before =
            snapshot.trouble.as_ref().map_or(Duration::ZERO, |t| t.not_before.saturating_sub(now.boot));
        let pending = snapshot.journal == Journal::Unknown
            || snapshot.trouble.as_ref().is_some_and(|t| matches!(t.failure, Failure::Unsaved(_)));
        if pending {
            return Some(not_before);
        }
        let tokens = snapshot.tokens.as_ref()?;
        tokens.refresh.as_ref()?;
        // What failed on the network is tried until it goes right, due or not: else the account would be called offline
        // for as long as its token lives.
        if snapshot.trouble.as_ref().is_some_and(|trouble| trouble.failure.is_the_networks()) {
            return Some(not_before);
        }
        match schedule::due_at(&tokens.life, self.seed[0], now) {
            Due::Now => Some(not_before),
            Due::In(wait) => Some(wait.max(not_before)),
            Due::OnDemand => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn back_off_grows_to_its_bound() {
        let cell = Cell::new(testing::account("work"));
        let mut last = Duration::ZERO;
        for failures in 1..40 {
            let wait = cell.back_off(failures);
            assert!(wait >= FIRST_WAIT / 2 && wait <= LONGEST_WAIT);
            if failures > 12 {
                assert!(wait >= LONGEST_WAIT / 2);
            }
            last = wait.max(last);
        }
        assert!(last > LONGEST_WAIT / 2);
    }

    #[test]
    fn leaving_is_not_taken_back() {
        let cell = Cell::new(testing::account("work"));
        cell.publish(|snapshot| snapshot.standing = Standing::Leaving);
        let after = cell.publish(|snapshot| snapshot.standing = Standing::Good);
        assert!(after.is_leaving());
    }
}
