//! When a token is due, as pure functions, and the one loop that asks them. The loop never sleeps longer than a
//! tick: timers stand still in suspend on Linux and macOS, so "wake me in an hour" is not to be believed.
//! A token is due when either clock says so; one whose life is too short to be worth a schedule, or that did not
//! say how long it lives, is rotated on demand only, so no lifetime can make a loop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Moment;
use crate::core::{Core, Event, Inner};
use crate::failure::Failure;
use crate::refresh::{self, Why, Wish};
use crate::state::{Cell, Standing};

/// The longest sleep of the loop. A prime, so that it does not fall into step with other programs' minutes;
/// short enough that a wake-up after suspend is not late by more than a person notices.
pub const TICK: Duration = Duration::from_secs(37);

/// The loop rotates one account at most this often. Tokens that would need it oftener are rotated when asked for.
pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(30);

/// Under this age a token is handed out whatever its lifetime says: issuers that say `expires_in: 0` exist,
/// and a caller in a loop must not become a loop of token requests.
pub const ALWAYS_FRESH: Duration = Duration::from_secs(1);

/// After a jump (suspend, a clock set) everything is due at once: each account waits its own part of this first.
const SPREAD: Duration = Duration::from_secs(5);

/// How long an agent that was told to stop waits for requests under way. An answer that comes later is lost with the process,
/// and taken up from the journal at the next start.
const FAREWELL: Duration = Duration::from_secs(35);

/// How long before its end a token is rotated: a tenth of the lifetime, at least 30 s (the request takes time, clocks
/// differ), at most 5 min (longer gains nothing), and never over half, so that short tokens do not rotate at once.
#[must_use]
pub fn margin(lifetime: Duration) -> Duration {
    (lifetime / 10).clamp(Duration::from_secs(30), Duration::from_secs(300)).min(lifetime / 2)
}

/// What a token must have left to be handed out without a question: enough for the request it is fetched for.
#[must_use]
pub fn floor(lifetime: Duration) -> Duration {
    (lifetime / 10).min(Duration::from_secs(10))
}

/// The life of one token set, as far as the clocks are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Wall clock when the answer came.
    pub obtained_wall: Duration,
    /// Boot-time clock when the answer came; none after a restart of the agent.
    pub obtained_boot: Option<Duration>,
    /// `expires_in`; none when the issuer did not say (RFC 6749 §5.1 only recommends it).
    pub lifetime: Option<Duration>,
}

/// When the loop should rotate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Now, or overdue.
    Now,
    /// After this long.
    In(Duration),
    /// Never by schedule; only when a caller needs it.
    OnDemand,
}

impl Life {
    /// Time since the answer came: the larger of what the two clocks say. `None` when the wall clock stands before the
    /// moment the token was obtained and nothing else is known.
    fn age(&self, now: Moment) -> Option<Duration> {
        let wall = now.wall.checked_sub(self.obtained_wall);
        let boot = self.obtained_boot.map(|boot| now.boot.saturating_sub(boot));
        match (wall, boot) {
            (Some(wall), Some(boot)) => Some(wall.max(boot)),
            (one, other) => one.or(other),
        }
    }

    /// How long the token still works, by the clock that says less. Zero when expired. `None` when nobody knows.
    #[must_use]
    pub fn remaining(&self, now: Moment) -> Option<Duration> {
        let lifetime = self.lifetime?;
        Some(self.age(now).map_or(Duration::ZERO, |age| lifetime.saturating_sub(age)))
    }

    /// Whether the token may be handed out with at least `least` left. A token of unknown lifetime is good until a server
    /// refuses it.
    #[must_use]
    pub fn usable(&self, now: Moment, least: Duration) -> bool {
        match self.remaining(now) {
            None => true,
            Some(left) => left > least || self.age(now).is_some_and(|age| age < ALWAYS_FRESH),
        }
    }

    /// When the end comes, as unix seconds. For show; decisions use [`Life::remaining`].
    #[must_use]
    pub fn expires_at(&self) -> Option<u64> {
        self.lifetime.map(|lifetime| (self.obtained_wall + lifetime).as_secs())
    }
}

/// When the loop should rotate a token. `jitter` is 0..=255, fixed for an account, and moves the margin by up to a
/// tenth either way, so that accounts that were signed in together do not rotate together for ever.
#[must_use]
pub fn due_at(life: &Life, jitter: u8, now: Moment) -> Due {
    let Some(lifetime) = life.lifetime else { return Due::OnDemand };
    let nominal = margin(lifetime);
    let jittered = nominal.mul_f64(0.9 + 0.2 * f64::from(jitter) / 255.0).min(lifetime / 2);
    let wait = lifetime.saturating_sub(jittered);
    if wait < SHORTEST_INTERVAL {
        return Due::OnDemand;
    }
    if now.wall < life.obtained_wall {
        return Due::Now; // the wall clock was set back: whatever it says from here on is worth nothing
    }
    match life.age(now).and_then(|age| wait.checked_sub(age)) {
        None | Some(Duration::ZERO) => Due::Now,
        Some(left) => Due::In(left),
    }
}

impl Core {
    /// Rotates what is due, stores what could not be stored, works off the queue of revocations, until `stop` turns true (or
    /// its sender is gone); then waits for what is under way. Run it once.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let core = &self.0;
        core.start();
        let mut before = core.clock.now();
        let mut planned = TICK;
        loop {
            let now = core.clock.now();
            let jumped = now.since(before) > planned + planned / 2 + Duration::from_secs(1)
                || now.wall + Duration::from_secs(5) < before.wall;
            planned = core.tend_all(now, if jumped { SPREAD } else { Duration::ZERO });
            before = now;
            tokio::select! {
                () = tokio::time::sleep(planned) => {}
                () = core.wake.notified() => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        if tokio::time::timeout(FAREWELL, self.settle()).await.is_err() {
            tracing::warn!("requests are still under way; the journal knows of them");
        }
    }
}

impl Inner {
    /// What a former process left: tokens in the vault, sign-ins and sign-outs half done.
    fn start(self: &Arc<Self>) {
        let core = self.clone();
        drop(self.own(async move {
            core.wake_up().await;
            core.finish_leaving().await;
            core.wake.notify_one();
        }));
    }

    /// Begins whatever is due and returns how long nothing will be.
    fn tend_all(self: &Arc<Self>, now: Moment, spread: Duration) -> Duration {
        let mut next = TICK;
        let mut unavailable = false;
        for cell in self.cells() {
            unavailable |= matches!(cell.snapshot().standing, Standing::NotLoaded(Some(Failure::Vault(_))));
            self.look_for_end(&cell, now);
            if self.is_paused() {
                continue;
            }
            match cell.due(now) {
                None => {}
                Some(wait) if wait > Duration::ZERO => next = next.min(wait),
                Some(_) => self.tend(&cell, spread),
            }
        }
        if unavailable {
            self.look_for_vault();
        }
        match self.queue_due(now) {
            Some(wait) if wait > Duration::ZERO => next = next.min(wait),
            Some(_) => self.tend_queue(now),
            None => {}
        }
        next
    }

    /// One attempt for this account, unless one is under way.
    fn tend(self: &Arc<Self>, cell: &Arc<Cell>, spread: Duration) {
        let Some(tending) = cell.tend() else { return };
        let (core, cell) = (self.clone(), cell.clone());
        drop(self.own(async move {
            let _tending = tending;
            tokio::time::sleep(cell.part_of(spread)).await;
            let snapshot = cell.snapshot();
            let wish = Wish { why: Why::Due, seen: snapshot.generation, attempts: snapshot.attempts };
            match refresh::newer(&core, &cell, wish).await {
                Ok(newer) if newer.generation > wish.seen => {
                    core.tell(Event::Rotated { account: cell.id.clone(), generation: newer.generation });
                }
                Ok(_) => {}
                Err(failure) => {
                    tracing::info!(account = %cell.id, %failure, "a scheduled rotation did not happen");
                    if matches!(failure, Failure::NeedsSignIn(_)) {
                        core.tell(Event::Refused { account: cell.id.clone(), failure });
                    }
                }
            }
        }));
    }

    /// A keychain that was not there may be now. Asked without a prompt; the accounts are loaded only when it says yes.
    fn look_for_vault(self: &Arc<Self>) {
        let Some(looking) = self.vault_watch.begin() else { return };
        let core = self.clone();
        drop(self.own(async move {
            let _looking = looking;
            if core.keep.vault().probe().await.is_ok() {
                core.wake_up().await;
                core.finish_leaving().await;
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn at(boot: u64, wall: u64) -> Moment {
        Moment { boot: s(boot), wall: s(wall) }
    }

    fn life(lifetime: u64) -> Life {
        Life { obtained_wall: s(1_000_000), obtained_boot: Some(s(100)), lifetime: Some(s(lifetime)) }
    }

    #[test]
    fn margins() {
        for (lifetime, expected) in
            [(1, 0), (20, 10), (60, 30), (300, 30), (600, 60), (3_000, 300), (86_400, 300)]
        {
            let got = margin(s(lifetime));
            assert_eq!(got.as_secs(), expected, "lifetime {lifetime}");
            assert!(got <= s(lifetime) / 2);
        }
    }

    #[test]
    fn due_by_either_clock() {
        let life = life(3_600); // margin 300 s at jitter ~ middle
        assert!(matches!(due_at(&life, 128, at(100, 1_000_000)), Due::In(_)));
        assert_eq!(due_at(&life, 128, at(100 + 3_400, 1_000_000 + 10)), Due::Now, "boot clock alone");
        assert_eq!(due_at(&life, 128, at(100 + 10, 1_000_000 + 3_400)), Due::Now, "wall clock alone");
        assert_eq!(due_at(&life, 128, at(110, 999_999)), Due::Now, "wall clock set back");
    }

    #[test]
    fn short_and_silent_lifetimes_have_no_schedule() {
        for lifetime in [0, 1, 2, 29, 30, 45] {
            assert_eq!(due_at(&life(lifetime), 0, at(100_000, 2_000_000)), Due::OnDemand, "{lifetime}");
        }
        assert!(matches!(due_at(&life(90), 255, at(100, 1_000_000)), Due::In(_)));
        let silent = Life { lifetime: None, ..life(1) };
        assert_eq!(due_at(&silent, 0, at(9_999_999, 9_999_999)), Due::OnDemand);
        assert!(silent.usable(at(9_999_999, 9_999_999), s(600)));
    }

    #[test]
    fn jitter_spreads_and_stays_in_bounds() {
        let dues: Vec<_> = [0, 128, 255]
            .into_iter()
            .map(|jitter| match due_at(&life(3_600), jitter, at(100, 1_000_000)) {
                Due::In(left) => left,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(dues[0] > dues[1] && dues[1] > dues[2]);
        assert_eq!(dues[0], s(3_600 - 270));
        assert_eq!(dues[2], s(3_600 - 330));
    }

    #[test]
    fn remaining_takes_the_smaller() {
        let life = life(100);
        assert_eq!(life.remaining(at(150, 1_000_010)), Some(s(50)));
        assert_eq!(life.remaining(at(110, 1_000_050)), Some(s(50)));
        // Set back: the boot clock still knows.
        assert_eq!(life.remaining(at(110, 999_000)), Some(s(90)));
        // After a restart with the clock set back nobody knows: expired.
        let cold = Life { obtained_boot: None, ..life };
        assert_eq!(cold.remaining(at(5, 999_000)), Some(Duration::ZERO));
    }

    #[test]
    fn a_token_just_obtained_is_usable_whatever_it_says() {
        let zero = life(0);
        assert!(zero.usable(at(100, 1_000_000), s(10)));
        assert!(!zero.usable(at(101, 1_000_001), Duration::ZERO));
    }
}
