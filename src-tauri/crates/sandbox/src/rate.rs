//! A limit on requests a second: a window of one second, counted.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The limiter; a limit of 0 lets everything through.
#[derive(Debug)]
pub(crate) struct Rate {
    limit: u32,
    window: Mutex<(Instant, u32)>,
}

impl Rate {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, window: Mutex::new((Instant::now(), 0)) }
    }

    /// Counts one request; false when there were too many in this second.
    pub(crate) fn admits(&self) -> bool {
        if self.limit == 0 {
            return true;
        }
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.0.elapsed().as_secs() >= 1 {
            *window = (Instant::now(), 0);
        }
        window.1 = window.1.saturating_add(1);
        window.1 <= self.limit
    }
}
