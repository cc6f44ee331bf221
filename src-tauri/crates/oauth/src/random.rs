//! Where randomness comes from.
//!
//! Invariant: `state`, `nonce` and the code verifier each take 32 bytes (256 bits) of their own, written as
//! base64url (43 characters, the least that RFC 7636 §4.1 allows for a verifier).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroize;

use crate::error::Error;

/// A source of random bytes.
pub trait Random {
    /// Fills the whole slice.
    ///
    /// # Errors
    /// [`Error::Random`] if the system has none to give: the sign-in must not go on.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error>;
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        getrandom::fill(bytes).map_err(|_| Error::Random)
    }
}

/// 43 characters of base64url with 256 bits of randomness.
pub(crate) fn unguessable(random: &mut dyn Random) -> Result<String, Error> {
    let mut bytes = [0u8; 32];
    random.fill(&mut bytes)?;
    let text = URL_SAFE_NO_PAD.encode(bytes);
    bytes.zeroize();
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn is_long_enough_and_new_each_time() {
        let (a, b) = (unguessable(&mut OsRandom).unwrap(), unguessable(&mut OsRandom).unwrap());
        assert_eq!(a.len(), 43);
        assert_ne!(a, b);
    }
}
