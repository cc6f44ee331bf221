//! What lies in the vault, by name.
//!
//! Names are written where people and other programs can read them (Keychain Access, `secret-tool`), so they
//! hold nothing but a kind and a random identifier: no server, no person, no port. Identifiers are lower case
//! because Windows compares names without regard to case, and hold no `#`, which sets chunks apart.

use std::fmt;

use serde::{Deserialize, Serialize};

/// No longer than this, so that a name with its kind, chunk and service stays below every platform's limit
/// (Windows: 513 characters for the user name, 32,767 for the target).
const LONGEST_ID: usize = 64;

/// An identifier has between 1 and 64 characters of `a-z`, `0-9` and `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an identifier has 1 to {LONGEST_ID} characters of a-z, 0-9 and '-'")]
pub struct BadId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier spelled by ten random bytes: short enough to read out, and two that are alike
            /// are not to be expected before a trillion of them.
            pub fn from_random(bytes: [u8; 10]) -> Self {
                use std::fmt::Write as _;
                let mut text = String::with_capacity(20);
                for byte in bytes {
                    let _ = write!(text, "{byte:02x}"); // a String takes everything
                }
                Self(text)
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                if text.is_empty() || text.len() > LONGEST_ID || !text.bytes().all(fits) {
                    return Err(BadId);
                }
                Ok(Self(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// One person's sign-in at one server through one issuer.
    AccountId
}
id! {
    /// Our client identity at one issuer for one redirect.
    RegistrationId
}
id! {
    /// A revocation that has not been confirmed yet.
    RevocationId
}
id! {
    /// A door of the gateway: one local address with its key.
    DoorId
}

/// A place in the vault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Access and refresh token of an account.
    Tokens(AccountId),
    /// The note that a refresh token is about to be spent. Written by the journal.
    Intent(AccountId),
    /// The client secret of a confidential registration.
    ClientSecret(RegistrationId),
    /// The token for managing a registration (RFC 7592).
    RegistrationToken(RegistrationId),
    /// The key that a local client shows at an HTTP door.
    DoorKey(DoorId),
    /// What a pending revocation needs.
    Revocation(RevocationId),
}

impl Key {
    /// The name under which the platform keeps it.
    pub(crate) fn name(&self) -> String {
        match self {
            Key::Tokens(id) => format!("tokens/{id}"),
            Key::Intent(id) => format!("intent/{id}"),
            Key::ClientSecret(id) => format!("client-secret/{id}"),
            Key::RegistrationToken(id) => format!("registration-token/{id}"),
            Key::DoorKey(id) => format!("door-key/{id}"),
            Key::Revocation(id) => format!("revocation/{id}"),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_cannot_reach_into_another_name() {
        for bad in ["", "a/b", "a#1.0", "A", "a b", "é", "a\0", &"x".repeat(65)] {
            assert_eq!(bad.parse::<AccountId>(), Err(BadId), "{bad:?}");
        }
        assert_eq!("work-2".parse::<AccountId>().unwrap().as_str(), "work-2");
    }

    #[test]
    fn a_random_identifier_is_one_we_accept() {
        let id = AccountId::from_random([0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(id.as_str(), "ff000102030405060708");
        assert_eq!(id.as_str().parse::<AccountId>().unwrap(), id);
    }

    #[test]
    fn kinds_do_not_share_names() {
        let id = "a".parse::<AccountId>().unwrap();
        assert_ne!(Key::Tokens(id.clone()).name(), Key::Intent(id).name());
    }

    #[test]
    fn files_with_bad_identifiers_do_not_load() {
        assert!(serde_json::from_str::<AccountId>("\"../x\"").is_err());
        assert_eq!(serde_json::to_string(&"a".parse::<AccountId>().unwrap()).unwrap(), "\"a\"");
    }
}
