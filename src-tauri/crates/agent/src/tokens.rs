//! A token set: what one answer of a token endpoint brought, with the clocks' reading. In memory the secrets are
//! zeroised when dropped and never printed; in the vault it is one compact JSON item. The item names its issuer, so that
//! a refresh token goes nowhere but where it came from, whatever the files beside it say.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::clock::Moment;
use crate::schedule::Life;

/// What the issuer gave, in memory.
#[derive(Clone)]
pub struct TokenSet {
    /// The access token.
    pub access: SecretString,
    /// The refresh token; none when the issuer gave none.
    pub refresh: Option<SecretString>,
    /// As the issuer spelled it; `Bearer` for every MCP server (RFC 6750).
    pub token_type: String,
    /// What was granted.
    pub scope: Vec<String>,
    /// Whence it came: nothing of this set is ever sent to another issuer.
    pub issuer: String,
    /// When it came and how long it lives.
    pub life: Life,
    /// Unix seconds; when the refresh token ends, as the answer said. Kept with the account, not with the tokens.
    pub ends: Option<u64>,
}

impl fmt::Debug for TokenSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSet")
            .field("access", &"[redacted]")
            .field("refresh", &self.refresh.as_ref().map(|_| "[redacted]"))
            .field("token_type", &self.token_type)
            .field("scope", &self.scope)
            .field("issuer", &self.issuer)
            .field("life", &self.life)
            .finish()
    }
}

/// The item's form. One-letter names: a Windows credential holds 2,560 bytes, and chunks cost a write each.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    v: u8,
    #[serde(borrow)]
    a: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    r: Option<Cow<'a, str>>,
    #[serde(borrow)]
    t: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    s: String,
    #[serde(borrow)]
    i: Cow<'a, str>,
    /// Obtained, unix milliseconds.
    o: u64,
    /// Lifetime in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x: Option<u64>,
}

/// The item in the vault is not a token set.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("the stored token set cannot be read")]
pub struct Unreadable;

impl TokenSet {
    /// The vault item.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let stored = Stored {
            v: 1,
            a: self.access.expose_secret().into(),
            r: self.refresh.as_ref().map(|refresh| refresh.expose_secret().into()),
            t: self.token_type.as_str().into(),
            s: self.scope.join(" "),
            i: self.issuer.as_str().into(),
            o: u64::try_from(self.life.obtained_wall.as_millis()).unwrap_or(u64::MAX),
            x: self.life.lifetime.map(|lifetime| lifetime.as_secs()),
        };
        // Grown in one piece: a Vec that moves while growing leaves copies behind that nobody wipes.
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
        serde_json::to_writer(&mut *bytes, &stored).expect("strings and numbers always serialise");
        bytes
    }

    /// Reads a vault item. The boot-time clock says nothing about it: it may be from before a restart.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let stored: Stored<'_> = serde_json::from_slice(bytes).map_err(|_| Unreadable)?;
        if stored.v != 1 {
            return Err(Unreadable);
        }
        Ok(Self {
            access: secret(stored.a),
            refresh: stored.r.map(secret),
            token_type: stored.t.into_owned(),
            scope: stored.s.split_ascii_whitespace().map(str::to_owned).collect(),
            issuer: stored.i.into_owned(),
            life: Life {
                obtained_wall: Duration::from_millis(stored.o),
                obtained_boot: None,
                lifetime: stored.x.map(Duration::from_secs),
            },
            ends: None,
        })
    }

    /// The life of a token whose answer came at `now`.
    #[must_use]
    pub fn life(now: Moment, lifetime: Option<Duration>) -> Life {
        Life { obtained_wall: now.wall, obtained_boot: Some(now.boot), lifetime }
    }
}

/// Escapes in JSON make an owned copy: wiped here. The borrowed form lies in the caller's buffer.
fn secret(text: Cow<'_, str>) -> SecretString {
    let secret = SecretString::from(&*text);
    if let Cow::Owned(mut owned) = text {
        owned.zeroize();
    }
    secret
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn set() -> TokenSet {
        TokenSet {
            access: "canary-\"access\\".into(),
            refresh: Some("canary-refresh".into()),
            token_type: "Bearer".into(),
            scope: vec!["a".into(), "b:c".into()],
            issuer: "https://as.example/t/".into(),
            life: Life {
                obtained_wall: Duration::from_secs(1_767_225_600),
                obtained_boot: Some(Duration::from_secs(3)),
                lifetime: Some(Duration::from_secs(3_600)),
            },
            ends: None,
        }
    }

    #[test]
    fn round_trip_forgets_the_boot_clock_only() {
        let back = TokenSet::decode(&set().encode()).unwrap();
        assert_eq!(back.access.expose_secret(), "canary-\"access\\");
        assert_eq!(back.refresh.unwrap().expose_secret(), "canary-refresh");
        assert_eq!(back.scope, ["a", "b:c"]);
        assert_eq!(back.issuer, "https://as.example/t/");
        assert_eq!(back.life, Life { obtained_boot: None, ..set().life });
    }

    #[test]
    fn never_printed() {
        assert!(!format!("{:?}", set()).contains("canary"));
    }

    #[test]
    fn rubbish_is_unreadable() {
        for bytes in [&b""[..], b"{}", b"[1]", br#"{"v":2,"a":"x","t":"Bearer","i":"x","o":1}"#] {
            assert_eq!(TokenSet::decode(bytes).unwrap_err(), Unreadable);
        }
    }
}
