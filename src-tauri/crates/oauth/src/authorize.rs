//! The authorization request (RFC 6749 §4.1.1, RFC 7636, RFC 8707).
use crate::UnixSeconds;
use crate::error::Error;
use crate::random::Random;
use crate::registration::Registration;
use crate::secret::{CodeVerifier, Nonce, State};
use crate::server_metadata::{IssSupport, ServerMetadata};
use crate::values::{Issuer, RedirectUri, ResourceUri, ScopeSet};

/// What goes into the address.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizationRequest<'a> {
    /// The issuer's metadata.
    pub metadata: &'a ServerMetadata,
    /// Who we are there.
    pub registration: &'a Registration,
    /// `resource`; `None` where the profile says that it breaks.
    pub resource: Option<&'a ResourceUri>,
    /// `scope`; left out when empty.
    pub scopes: &'a ScopeSet,
    /// `prompt` (OpenID Connect Core §3.1.2.1).
    pub prompt: Option<&'a str>,
    /// `login_hint`.
    pub login_hint: Option<&'a str>,
}

/// A sign-in that waits for its callback. Serves once, for ten minutes.
#[derive(Clone, Debug)]
pub struct PendingAuthorization {
    /// Ties the callback to it.
    pub state: State,
    /// Proves to the token endpoint that the code is ours.
    pub verifier: CodeVerifier,
    /// Only with `openid`.
    pub nonce: Option<Nonce>,
    /// Recorded before the browser opens (RFC 9207 §2.4).
    pub issuer: Issuer,
    /// Whether a callback must name its issuer.
    pub iss: IssSupport,
    /// Sent again with the code.
    pub redirect_uri: RedirectUri,
    /// Sent again with the code.
    pub resource: Option<ResourceUri>,
    /// What was asked for.
    pub scopes: ScopeSet,
    /// When it began.
    pub created: UnixSeconds,
}

impl AuthorizationRequest<'_> {
    /// Makes the address for the browser and what must be remembered.
    ///
    /// # Errors
    /// [`Error::PkceNotAnnounced`], [`Error::EndpointRefused`], [`Error::RegistrationElsewhere`], [`Error::Random`].
    pub fn begin(
        &self,
        random: &mut dyn Random,
        now: UnixSeconds,
    ) -> Result<(url::Url, PendingAuthorization), Error> {
        let _ = (random, now);
        todo!()
    }
}
