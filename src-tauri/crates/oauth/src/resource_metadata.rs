//! Protected resource metadata (RFC 9728).
use crate::error::{Error, Malformed};
use crate::text::ServerText;
use crate::values::{Issuer, ResourceUri, ScopeSet, ServerUrl};

/// RFC 9728 §2, what of it we use.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ResourceMetadata {
    /// `resource`, byte for byte.
    pub resource: ResourceUri,
    /// `authorization_servers`, at least one.
    pub authorization_servers: Vec<Issuer>,
    /// `scopes_supported`.
    pub scopes_supported: Option<ScopeSet>,
    /// `resource_name`, for people.
    #[serde(skip_deserializing)]
    pub resource_name: Option<ServerText>,
}

impl ResourceMetadata {
    /// Reads a document.
    ///
    /// # Errors
    /// [`Malformed`] if it is no such document.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let _ = body;
        todo!()
    }

    /// Checks that the document is about this server (RFC 9728 §3.3): its URL, its origin, or a path prefix of it.
    ///
    /// # Errors
    /// [`Error::ResourceMismatch`].
    pub fn check(&self, server: &ServerUrl) -> Result<(), Error> {
        let _ = server;
        todo!()
    }
}
