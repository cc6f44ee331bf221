//! What a person pinned for a server.
use crate::endpoint::Endpoint;
use crate::values::{Issuer, ResourceUri};

/// Whether `resource` is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinnedResource {
    /// Never.
    Omit,
    /// This, byte for byte.
    Value(ResourceUri),
}

/// What a person set for a server whose documents are missing or wrong. Every field wins over documents.
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
