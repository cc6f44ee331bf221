//! Authorization server metadata (RFC 8414 §2; OpenID Connect Discovery 1.0 §3).
//!
//! Invariant: both kinds of document read the same way; strings stay as they were; every endpoint went through
//! [`Endpoint`], so no credential and no browser goes to another scheme. An optional endpoint that is no `https`
//! address counts as absent; without the two that a sign-in needs there is no metadata.

use serde::{Deserialize, Serialize};

use crate::client_auth::AuthMethod;
use crate::endpoint::Endpoint;
use crate::error::{EndpointName, Error, Malformed};
use crate::http::Purpose;
use crate::json::Object;
use crate::values::{Issuer, MAX_IDENTIFIER, Scope, ScopeSet};

/// RFC 8414 §2, what of it we use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// What is known of PKCE at an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PkceSupport {
    /// `S256` is listed.
    S256,
    /// The member is absent.
    Unannounced,
    /// The member is there without `S256`.
    WithoutS256,
    /// Not announced, but a provider profile or the person vouches for it.
    Vouched,
    /// There is no document that could announce it: MCP 2025-03-26, which requires PKCE of every server.
    NoMetadata,
}

impl PkceSupport {
    /// Whether a sign-in may begin (MCP authorization, Authorization Code Protection).
    #[must_use]
    pub fn suffices(self) -> bool {
        matches!(self, PkceSupport::S256 | PkceSupport::Vouched | PkceSupport::NoMetadata)
    }
}

/// Whether callbacks must name their issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssSupport {
    /// Announced: a callback without `iss` is refused.
    Announced,
    /// Not announced: `iss` is compared when it comes.
    Unannounced,
}

/// Whether a Client ID Metadata Document may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetadataDocumentSupport {
    /// Announced.
    Announced,
    /// Not announced.
    Unannounced,
}

impl ServerMetadata {
    /// Reads a document. The caller compares `issuer` with the one it asked for (RFC 8414 §3.3).
    ///
    /// # Errors
    /// [`Error::Malformed`] without `issuer` or a needed endpoint, [`Error::EndpointRefused`] if one of the two
    /// needed endpoints is no `https` address.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let malformed = |fault| Error::Malformed { purpose: Purpose::Metadata, fault };
        let object = Object::parse(body).map_err(malformed)?;
        let issuer = Self::issuer_of(&object).map_err(malformed)?;
        let needed = |member, name| match object.text(member) {
            Some(text) => Endpoint::parse(text, name),
            None => Err(malformed(Malformed::Member(member))),
        };
        let optional = |member| object.text(member).and_then(Endpoint::check);
        let pkce = match object.texts("code_challenge_methods_supported") {
            Some(list) if list.iter().any(|m| m == "S256") => PkceSupport::S256,
            Some(_) => PkceSupport::WithoutS256,
            None => PkceSupport::Unannounced,
        };
        let scopes: Option<ScopeSet> =
            object.texts("scopes_supported").map(|list| list.iter().filter_map(|s| Scope::new(s)).collect());
        Ok(ServerMetadata {
            authorization_endpoint: needed("authorization_endpoint", EndpointName::Authorization)?,
            token_endpoint: needed("token_endpoint", EndpointName::Token)?,
            registration_endpoint: optional("registration_endpoint"),
            revocation_endpoint: optional("revocation_endpoint"),
            introspection_endpoint: optional("introspection_endpoint"),
            scopes_supported: scopes,
            token_endpoint_auth_methods: object.texts("token_endpoint_auth_methods_supported"),
            revocation_endpoint_auth_methods: object.texts("revocation_endpoint_auth_methods_supported"),
            introspection_endpoint_auth_methods: object
                .texts("introspection_endpoint_auth_methods_supported"),
            grant_types: object.texts("grant_types_supported"),
            pkce,
            iss: if object.flag("authorization_response_iss_parameter_supported") {
                IssSupport::Announced
            } else {
                IssSupport::Unannounced
            },
            metadata_document: if object.flag("client_id_metadata_document_supported") {
                MetadataDocumentSupport::Announced
            } else {
                MetadataDocumentSupport::Unannounced
            },
            issuer,
        })
    }

    /// Only the `issuer` of a document, before anything else in it is read.
    pub(crate) fn parse_issuer(body: &[u8]) -> Result<Issuer, Malformed> {
        Self::issuer_of(&Object::parse(body)?)
    }

    fn issuer_of(object: &Object) -> Result<Issuer, Malformed> {
        let issuer = object.text("issuer").ok_or(Malformed::Member("issuer"))?;
        if issuer.len() > MAX_IDENTIFIER {
            return Err(Malformed::TooLong("issuer"));
        }
        Ok(Issuer::new(issuer))
    }

    /// What stands for a document where there is none: two endpoints, everything else unknown.
    pub(crate) fn bare(issuer: Issuer, authorization: Endpoint, token: Endpoint, pkce: PkceSupport) -> Self {
        ServerMetadata {
            issuer,
            authorization_endpoint: authorization,
            token_endpoint: token,
            registration_endpoint: None,
            revocation_endpoint: None,
            introspection_endpoint: None,
            scopes_supported: None,
            token_endpoint_auth_methods: None,
            revocation_endpoint_auth_methods: None,
            introspection_endpoint_auth_methods: None,
            grant_types: None,
            pkce,
            iss: IssSupport::Unannounced,
            metadata_document: MetadataDocumentSupport::Unannounced,
        }
    }

    /// Whether the token endpoint lists the method; a list that is absent means `client_secret_basic` (RFC 8414 §2).
    #[must_use]
    pub fn lists(&self, method: AuthMethod) -> bool {
        match &self.token_endpoint_auth_methods {
            Some(list) => list.iter().any(|m| m == method.as_str()),
            None => method == AuthMethod::Basic,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"issuer":"https://as.example/T","authorization_endpoint":"https://as.example/a?x=1",
        "token_endpoint":"https://as.example/t","registration_endpoint":"http://as.example/r","revocation_endpoint":"https://as.example/v",
        "code_challenge_methods_supported":["plain","S256"],"authorization_response_iss_parameter_supported":true,
        "client_id_metadata_document_supported":"true","scopes_supported":["a","offline_access"]}"#;

    #[test]
    fn reads_a_document() {
        let metadata = ServerMetadata::parse(DOCUMENT.as_bytes()).unwrap();
        assert_eq!(metadata.issuer.as_str(), "https://as.example/T");
        assert_eq!(metadata.authorization_endpoint.as_str(), "https://as.example/a?x=1");
        assert_eq!(metadata.registration_endpoint, None, "http is no place for a registration");
        assert_eq!(metadata.pkce, PkceSupport::S256);
        assert_eq!(metadata.iss, IssSupport::Announced);
        assert_eq!(metadata.metadata_document, MetadataDocumentSupport::Unannounced, "a text is not true");
        assert!(metadata.lists(AuthMethod::Basic) && !metadata.lists(AuthMethod::None));
        let json = serde_json::to_string(&metadata).unwrap();
        assert_eq!(serde_json::from_str::<ServerMetadata>(&json).unwrap(), metadata);
    }

    #[test]
    fn pkce_is_read_strictly() {
        for (member, pkce) in [
            ("\"code_challenge_methods_supported\":[\"plain\"],", PkceSupport::WithoutS256),
            ("\"code_challenge_methods_supported\":[\"s256\"],", PkceSupport::WithoutS256),
            ("\"code_challenge_methods_supported\":[],", PkceSupport::WithoutS256),
            ("\"code_challenge_methods_supported\":null,", PkceSupport::Unannounced),
            ("", PkceSupport::Unannounced),
        ] {
            let text = DOCUMENT.replace("\"code_challenge_methods_supported\":[\"plain\",\"S256\"],", member);
            let found = ServerMetadata::parse(text.as_bytes()).unwrap().pkce;
            assert_eq!(found, pkce, "{member}");
            assert!(!found.suffices());
        }
    }

    #[test]
    fn needed_endpoints_are_needed() {
        let scripted = DOCUMENT.replace("https://as.example/a?x=1", "javascript:alert(1)");
        let refused = Error::EndpointRefused { endpoint: EndpointName::Authorization };
        assert_eq!(ServerMetadata::parse(scripted.as_bytes()), Err(refused));
        let without = DOCUMENT.replace("token_endpoint\":", "x\":");
        assert!(matches!(
            ServerMetadata::parse(without.as_bytes()),
            Err(Error::Malformed { fault: Malformed::Member("token_endpoint"), .. })
        ));
    }
}
