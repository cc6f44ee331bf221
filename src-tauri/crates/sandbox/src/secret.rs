//! Random values, and the short hash by which the log names a secret: the same secret has the same name
//! everywhere, and nobody gets from the name back to the secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// What the stores keep instead of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }
}

/// `#` and the first twelve hexadecimal digits of the SHA-256: what the log shows of a secret.
#[must_use]
pub fn short_hash(secret: &str) -> String {
    let hash = Sha256::digest(secret.as_bytes());
    let mut out = String::from("#");
    for byte in &hash[..6] {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

/// `S256` of RFC 7636 §4.2.
pub(crate) fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// 256 bits from the operating system, as base64url behind a prefix that says what it is.
pub(crate) fn random(prefix: &str) -> String {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).expect("the operating system has randomness once it has started a process");
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_hash_is_stable_and_short() {
        assert_eq!(short_hash("abc"), "#ba7816bf8f01");
        assert_ne!(random("x"), random("x"));
    }

    #[test]
    fn s256_is_that_of_the_rfc() {
        assert_eq!(
            s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
