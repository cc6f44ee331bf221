//! What the core tells those who listen, and what it has to tell of its start.

use crate::failure::Failure;
use crate::id::AccountId;
use crate::receipt::Receipt;
use std::path::PathBuf;

/// Something to tell a person at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A broken state file was put aside under this name.
    KeptAside(PathBuf),
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// An account came, changed or went; ask for it.
    Account(AccountId),
    /// An account is gone.
    Removed {
        /// Which it was.
        account: AccountId,
        /// Its name.
        name: String,
    },
    /// A sign-in is about to end; said once.
    Ends(AccountId),
    /// Hand-out and rotation were paused, or go on; ask which.
    HandOut,
    /// The schedule has rotated an account's tokens.
    Rotated {
        /// Which.
        account: AccountId,
        /// Of the new set.
        generation: u64,
    },
    /// The schedule wanted to, and only a sign-in helps.
    Refused {
        /// Which.
        account: AccountId,
        /// Why.
        failure: Failure,
    },
    /// A sign-out that a crash had cut off is done.
    SignedOut(Box<Receipt>),
    /// What a sign-out had left in the queue has come to its end, good or bad.
    Revoked(Box<Receipt>),
}
