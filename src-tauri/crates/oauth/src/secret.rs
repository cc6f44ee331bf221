//! Secret protocol values.
//!
//! Problem: one `{:?}` in a log line gives an account away. Invariant: a secret has no `Display` and no
//! `Serialize`, its `Debug` shows only its kind, it is wiped on drop, and [`expose`](AccessToken::expose) is
//! the one door, easy to search for.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Compares without telling by its time where the first difference is: equal digests, compared whole.
pub(crate) fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    // Hashing first makes the compared bytes unpredictable, so that even an early exit would tell nothing.
    let (a, b) = (Sha256::digest(a), Sha256::digest(b));
    a.iter().zip(b.iter()).fold(0u8, |acc, (x, y)| acc | (x ^ y)) == 0
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Takes the value; the string it came in is gone.
            #[must_use]
            pub fn new(value: impl Into<String>) -> Self {
                Self(SecretString::from(value.into()))
            }

            /// The value itself.
            #[must_use]
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }

            /// Equality in constant time.
            #[must_use]
            pub fn matches(&self, other: &str) -> bool {
                constant_time_eq(self.expose().as_bytes(), other.as_bytes())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }
    };
}

secret!(
    /// RFC 6749 §1.4.
    AccessToken
);
secret!(
    /// RFC 6749 §1.5.
    RefreshToken
);
secret!(
    /// RFC 6749 §2.3.1.
    ClientSecret
);
secret!(
    /// RFC 7592 §3: manages a dynamic registration.
    RegistrationAccessToken
);
secret!(
    /// RFC 7591 §3: lets a client register where registration is not open.
    InitialAccessToken
);
secret!(
    /// RFC 6749 §4.1.2.
    AuthorizationCode
);
secret!(
    /// RFC 6749 §10.12: ties the callback to the request.
    State
);
secret!(
    /// OpenID Connect Core §3.1.2.1.
    Nonce
);
secret!(
    /// RFC 7636 §4.1.
    CodeVerifier
);
secret!(
    /// OpenID Connect Core §2.
    IdToken
);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_value() {
        let token = AccessToken::new("canary-1");
        assert_eq!(
            format!("{token:?} {:?}", Some(&token)),
            "AccessToken([redacted]) Some(AccessToken([redacted]))"
        );
    }

    #[test]
    fn matches_is_equality() {
        let state = State::new("abc");
        assert!(state.matches("abc"));
        for other in ["", "ab", "abcd", "abd", "ABC"] {
            assert!(!state.matches(other), "{other}");
        }
    }
}
