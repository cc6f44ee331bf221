//! The ID token, for the account's label only (OpenID Connect Core §3.1.3.7).
use crate::UnixSeconds;
use crate::error::IdTokenFault;
use crate::secret::{IdToken, Nonce};
use crate::text::ServerText;
use crate::values::{ClientId, Issuer};

/// What the token must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `iss`.
    pub issuer: &'a Issuer,
    /// `aud`, `azp`.
    pub client: &'a ClientId,
    /// `nonce`.
    pub nonce: Option<&'a Nonce>,
    /// For `exp`.
    pub now: UnixSeconds,
}

/// Who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// `sub`: unique at the issuer.
    pub subject: ServerText,
    /// `email`, `preferred_username`, `name` or `sub`, in this order.
    pub label: ServerText,
}

/// Reads and checks the claims.
///
/// # Errors
/// [`IdTokenFault`]: the sign-in goes on without a label.
pub fn read(token: &IdToken, expected: &Expected<'_>) -> Result<Person, IdTokenFault> {
    let _ = (token, expected);
    todo!()
}
