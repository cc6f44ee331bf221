//! What can go wrong, each with its own next step, and whether something may have been written all the same.
//!
//! A rotated refresh token whose store failed exists only in the caller's memory: the caller keeps it and asks
//! again. Storing the same bytes under the same generation again is always safe.

use crate::Generation;

/// Whether a call that failed may have changed what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The stored value is what it was before.
    No,
    /// The new value may be stored now, or may be stored later: the call goes on without its caller.
    Maybe,
}

/// What the platform said, in its own words and number. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct PlatformFailure {
    /// The platform's description.
    pub text: String,
    /// The platform's number: an `OSStatus` on macOS, a Win32 error on Windows.
    pub code: Option<i64>,
}

/// Why the vault did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The keychain is locked and nobody can be asked to unlock it here.
    #[error("the keychain is locked")]
    Locked,
    /// The person closed the prompt that asked to unlock the keychain, or none could be shown: GNOME Keyring says the
    /// same in both cases.
    #[error("the request to unlock the keychain was dismissed")]
    Dismissed,
    /// The system or the person does not let this program use the item.
    #[error("access to the keychain was denied")]
    Denied,
    /// There is no keychain here: no service that offers one, no session bus, no default collection.
    #[error("there is no keychain here: {failure}")]
    Absent {
        /// What the platform said.
        #[source]
        failure: PlatformFailure,
        /// `Maybe` if it vanished in the middle of a write.
        written: Written,
    },
    /// What is stored is not whole. It cannot be used; delete the key and sign in again.
    #[error("the stored item {key} is damaged")]
    Corrupt {
        /// The item.
        key: String,
    },
    /// A newer version of this program wrote the item. It is left as it is.
    #[error("the stored item {key} was written by a newer version")]
    Newer {
        /// The item.
        key: String,
    },
    /// The secret is longer than we store (64 KiB) or than the platform can hold in any way.
    #[error("the secret has {bytes} bytes, more than the {limit} that can be stored")]
    TooLong {
        /// Length of the secret.
        bytes: usize,
        /// What would have fitted.
        limit: usize,
    },
    /// Somebody stored a newer value meanwhile, or the one that was to be replaced is gone.
    #[error("the stored item {key} is not of the expected generation")]
    Stale {
        /// The item.
        key: String,
        /// What is stored now; nothing if `None`.
        stored: Option<Generation>,
    },
    /// No answer in time, most likely because the keychain is waiting for a person. The call stays in the queue
    /// and completes when it can.
    #[error("the keychain did not answer in time")]
    Deadline {
        /// `Maybe` for whatever writes.
        written: Written,
    },
    /// The platform failed in some other way.
    #[error("the keychain failed: {failure}")]
    Platform {
        /// What the platform said.
        #[source]
        failure: PlatformFailure,
        /// Whether it may have written before it failed.
        written: Written,
    },
}

impl Error {
    /// Whether the stored value may have changed although the call failed.
    pub fn written(&self) -> Written {
        match self {
            Error::Deadline { written } | Error::Absent { written, .. } | Error::Platform { written, .. } => {
                *written
            }
            _ => Written::No,
        }
    }

    /// The same error, with what is known better above: whether it wrote.
    pub(crate) fn having_written(mut self, known: Written) -> Self {
        if let Error::Deadline { written } | Error::Absent { written, .. } | Error::Platform { written, .. } =
            &mut self
        {
            *written = known;
        }
        self
    }
}
