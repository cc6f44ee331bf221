//! What a person pinned for a server whose documents are missing or wrong.
//!
//! Invariant: a pin wins over every document, and pinned endpoints come as a pair, so that a code is never sent to a
//! token endpoint that somebody else chose.

use crate::endpoint::Endpoint;
use crate::error::{Error, SettingsFault};
use crate::values::{Issuer, ResourceUri};

/// Whether `resource` is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinnedResource {
    /// Never.
    Omit,
    /// This, byte for byte.
    Value(ResourceUri),
}

/// What a person set for a server. Every field wins over documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// The issuer.
    pub issuer: Option<Issuer>,
    /// Goes together with `token_endpoint`.
    pub authorization_endpoint: Option<Endpoint>,
    /// Goes together with `authorization_endpoint`.
    pub token_endpoint: Option<Endpoint>,
    /// RFC 7591.
    pub registration_endpoint: Option<Endpoint>,
    /// RFC 7009.
    pub revocation_endpoint: Option<Endpoint>,
    /// RFC 7662.
    pub introspection_endpoint: Option<Endpoint>,
    /// Whether and which `resource` is sent.
    pub resource: Option<PinnedResource>,
    /// The person vouches that the issuer does PKCE with S256.
    pub pkce_s256: bool,
}

impl Pins {
    /// Both endpoints, or neither.
    ///
    /// # Errors
    /// [`SettingsFault::PinnedHalf`].
    pub fn endpoints(&self) -> Result<Option<(&Endpoint, &Endpoint)>, Error> {
        match (&self.authorization_endpoint, &self.token_endpoint) {
            (Some(authorization), Some(token)) => Ok(Some((authorization, token))),
            (None, None) => Ok(None),
            _ => Err(Error::Settings(SettingsFault::PinnedHalf)),
        }
    }

    /// Whether the person said where to sign in.
    pub(crate) fn says_where(&self) -> bool {
        self.issuer.is_some() || self.authorization_endpoint.is_some()
    }
}
