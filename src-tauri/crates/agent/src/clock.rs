//! Two clocks, because neither alone is true on a laptop. The boot-time clock counts suspend and cannot jump, but
//! says nothing across a restart; the wall clock lasts, but a person or NTP may set it. A token is due when either
//! says so. Both come in through [`Clock`], so that tests own time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Time since the machine started (or any fixed point in this process's life), suspend included.
    pub boot: Duration,
    /// Time since 1970-01-01 UTC.
    pub wall: Duration,
}

impl Moment {
    /// Unix time in whole seconds, as it goes over the wire.
    #[must_use]
    pub fn unix(self) -> u64 {
        self.wall.as_secs()
    }

    /// Time that certainly passed since `earlier`, by the clock that cannot jump.
    #[must_use]
    pub fn since(self, earlier: Moment) -> Duration {
        self.boot.saturating_sub(earlier.boot)
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Both clocks, now.
    fn now(&self) -> Moment;
}

/// The system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: boot_time::Instant,
}

impl SystemClock {
    /// Reads from now on.
    #[must_use]
    pub fn new() -> Self {
        Self { start: boot_time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment {
            boot: self.start.elapsed(),
            // A clock set before 1970 reads as 1970: everything is due then, which is the safe side.
            wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }
}

/// A clock for tests: follows tokio's (paused) time, and can be made to jump.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use std::sync::Mutex;

    pub(crate) struct Manual {
        start: tokio::time::Instant,
        state: Mutex<(Duration, i64)>, // slept, wall offset in seconds
    }

    /// 2026-01-01, so that wall and boot are never mistaken for one another.
    pub(crate) const EPOCH: u64 = 1_767_225_600;

    impl Manual {
        pub(crate) fn new() -> Self {
            Self { start: tokio::time::Instant::now(), state: Mutex::new((Duration::ZERO, 0)) }
        }

        /// The machine slept: both clocks move on, tokio's timers do not.
        pub(crate) fn suspend(&self, by: Duration) {
            self.state.lock().expect("test clock").0 += by;
        }

        /// Somebody set the wall clock.
        pub(crate) fn set_wall(&self, by_seconds: i64) {
            self.state.lock().expect("test clock").1 += by_seconds;
        }
    }

    impl Clock for Manual {
        fn now(&self) -> Moment {
            let (slept, offset) = *self.state.lock().expect("test clock");
            let boot = self.start.elapsed() + slept;
            let wall = Duration::from_secs(EPOCH.saturating_add_signed(offset)) + boot;
            Moment { boot, wall }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_does_not_go_back() {
        let clock = SystemClock::new();
        let one = clock.now();
        let two = clock.now();
        assert!(two.boot >= one.boot);
        assert!(one.unix() > 1_700_000_000);
    }
}
