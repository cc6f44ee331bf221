//! Authorization server metadata (RFC 8414, OpenID Connect Discovery).
use crate::client_auth::AuthMethod;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::values::{Issuer, ScopeSet};

/// RFC 8414 §2, what of it we use.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ServerMetadata {
    /// `issuer`, byte for byte.
    pub issuer: Issuer,
    /// `authorization_endpoint`.
    pub authorization_endpoint: Endpoint,
    /// `token_endpoint`.
    pub token_endpoint: Endpoint,
    /// `registration_endpoint` (RFC 7591).
    pub registration_endpoint: Option<Endpoint>,
    /// `revocation_endpoint` (RFC 7009).
    pub revocation_endpoint: Option<Endpoint>,
    /// `introspection_endpoint` (RFC 7662).
    pub introspection_endpoint: Option<Endpoint>,
    /// `scopes_supported`.
    pub scopes_supported: Option<ScopeSet>,
    /// `token_endpoint_auth_methods_supported`; `None` means `client_secret_basic` (RFC 8414 §2).
    pub token_endpoint_auth_methods: Option<Vec<String>>,
    /// `revocation_endpoint_auth_methods_supported`.
    pub revocation_endpoint_auth_methods: Option<Vec<String>>,
    /// `introspection_endpoint_auth_methods_supported`.
    pub introspection_endpoint_auth_methods: Option<Vec<String>>,
    /// `grant_types_supported`.
    pub grant_types: Option<Vec<String>>,
    /// Whether `code_challenge_methods_supported` lists `S256`.
    pub pkce: PkceSupport,
    /// Whether `authorization_response_iss_parameter_supported` is `true` (RFC 9207 §3).
    pub iss: IssSupport,
    /// Whether `client_id_metadata_document_supported` is `true`.
    pub metadata_document: MetadataDocumentSupport,
}

/// What the metadata says of PKCE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PkceSupport {
    /// `S256` is listed.
    S256,
    /// The member is absent.
    Unannounced,
    /// The member is there without `S256`.
    WithoutS256,
    /// Nothing was announced, and a provider profile or the person vouches for it.
    Vouched,
}

/// Whether callbacks must name their issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssSupport {
    /// Announced: a callback without `iss` is refused.
    Announced,
    /// Not announced: `iss` is compared when it comes.
    Unannounced,
}

/// Whether a Client ID Metadata Document may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetadataDocumentSupport {
    /// Announced.
    Announced,
    /// Not announced.
    Unannounced,
}

impl ServerMetadata {
    /// Reads a document. The caller compares `issuer`.
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::EndpointRefused`].
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let _ = body;
        todo!()
    }

    /// Whether the token endpoint lists the method.
    #[must_use]
    pub fn lists(&self, method: AuthMethod) -> bool {
        let _ = method;
        todo!()
    }
}
