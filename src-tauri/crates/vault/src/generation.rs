//! The number that goes up with every stored token set.
//!
//! It is in the vault's head, in the compare-and-set, in the wake-up and in the local API: the one idea
//! that keeps a late writer from clobbering a newer value.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Counts the values that were ever stored under one key, from [`Generation::FIRST`] up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(u64);

impl Generation {
    /// The generation of the first value stored under a key.
    pub const FIRST: Generation = Generation(1);

    /// The generation with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The generation that follows. At one a nanosecond it would take 584 years to run out of them.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
