//! A secret on the wire.
//!
//! Invariant: it has no `Display` and no `Serialize`, and its `Debug` says nothing. A field that must go out says so
//! itself, with `serialize_with = "secret::expose"`: grep for that and you have every place.

use secrecy::zeroize::Zeroize as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serializer};

/// A token or client secret, zeroised when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes it over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// The one door out.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// As the `secrecy` type that the other crates use.
    #[must_use]
    pub fn into_inner(self) -> SecretString {
        self.0
    }
}

impl From<SecretString> for Secret {
    fn from(secret: SecretString) -> Self {
        Self(secret)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// For `serialize_with`.
///
/// # Errors
/// The serializer's.
pub fn expose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// For `serialize_with` on an `Option<Secret>`.
///
/// # Errors
/// The serializer's.
pub fn expose_some<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => serializer.serialize_some(secret.expose()),
        None => serializer.serialize_none(),
    }
}

/// A line that may hold a secret: wiped when dropped. It only ever grew, so there is nothing behind its end to wipe.
#[derive(Default)]
pub struct Line(Vec<u8>);

impl Line {
    /// Takes it over. It must not have been shortened.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, the line feed included.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // A Vec's own wiping takes in its whole room of 8 KiB, byte by byte, for a line of a few hundred.
        self.0.as_mut_slice().zeroize();
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line({} bytes)", self.0.len())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn debug_says_nothing() {
        let secret: Secret = serde_json::from_str("\"canary\"").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret([redacted])");
        assert_eq!(secret.expose(), "canary");
        assert!(!format!("{:?}", Line::new(b"canary".to_vec())).contains("canary"));
    }
}
