//! One value as it came out of the vault.

use secrecy::SecretSlice;

use crate::Generation;

/// A whole secret with its generation. Wiped from memory when dropped; `Debug` shows no byte of it.
#[derive(Clone, Debug)]
pub struct Item {
    /// Which of the values ever stored under this key it is.
    pub generation: Generation,
    /// The bytes that were given to `store` or `commit`.
    pub secret: SecretSlice<u8>,
}

/// Copies into a buffer of exactly the right size, so that no reallocation leaves a second copy behind.
pub(crate) fn seal(bytes: &[u8]) -> SecretSlice<u8> {
    SecretSlice::from(Box::<[u8]>::from(bytes))
}
