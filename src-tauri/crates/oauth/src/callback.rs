//! The callback (RFC 6749 §4.1.2, RFC 9207).
use crate::UnixSeconds;
use crate::authorize::PendingAuthorization;
use crate::error::Error;
use crate::secret::{AuthorizationCode, State};
use crate::text::ServerText;

/// How long a sign-in waits for its callback: long enough for a password reset and a second factor, short enough
/// that a leaked address is stale (OAuth 2.1 §4.1.2 recommends ten minutes for the code).
pub const LIFE_SECONDS: u64 = 600;

/// A callback that is well formed; nothing in it is believed yet.
#[derive(Debug)]
pub struct Callback {
    state: State,
    iss: Option<String>,
    outcome: CallbackOutcome,
    address: Option<String>,
}

#[derive(Debug)]
enum CallbackOutcome {
    Code(AuthorizationCode),
    Error { code: String, description: Option<ServerText>, uri: Option<ServerText> },
}

impl Callback {
    /// Reads the whole address, from a deep link, the loopback listener or a paste.
    ///
    /// # Errors
    /// [`Error::Callback`].
    pub fn parse(address: &str) -> Result<Self, Error> {
        let _ = address;
        todo!()
    }

    /// Whether it belongs to this sign-in, in constant time. Says nothing about its issuer.
    #[must_use]
    pub fn is_for(&self, pending: &PendingAuthorization) -> bool {
        let _ = (pending, &self.state, &self.iss, &self.outcome, &self.address);
        todo!()
    }

    /// Checks state, age, address, issuer, then error or code, in that order.
    ///
    /// # Errors
    /// [`Error::Callback`], [`Error::AuthorizationRefused`].
    pub fn accept(
        self,
        pending: &PendingAuthorization,
        now: UnixSeconds,
    ) -> Result<AuthorizationCode, Error> {
        let _ = (pending, now);
        todo!()
    }
}
