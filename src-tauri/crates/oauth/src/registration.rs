//! Getting a client identity at an issuer (MCP client registration).
//!
//! Problem: an identity shown to another issuer leaks it. Invariant: an identity belongs to one issuer and one redirect
//! URI; the ways to get one are tried in MCP's order: pre-registered, Client ID Metadata Document, dynamic, the person.

use crate::UnixSeconds;
use crate::client_auth::{AuthMethod, Client};
pub use crate::dynamic_registration::{DynamicRequest, Identity, metadata_document, register};
use crate::endpoint::Endpoint;
use crate::error::Error;
pub use crate::management::{DeletionOutcome, Management, delete};
use crate::secret::ClientSecret;
use crate::server_metadata::{MetadataDocumentSupport, ServerMetadata};
use crate::values::{ClientId, Issuer, RedirectUri};

/// A secret this close to its end, in seconds, is not begun with: a sign-in may take ten minutes.
const EXPIRY_MARGIN: u64 = 600;

/// How a client identity was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationKind {
    /// The person brought it.
    Preregistered,
    /// Our Client ID Metadata Document.
    MetadataDocument,
    /// RFC 7591.
    Dynamic,
}

/// A client identity at one issuer for one redirect URI.
#[derive(Clone, Debug)]
pub struct Registration {
    /// How it was got.
    pub kind: RegistrationKind,
    /// Whom it belongs to: never shown to another issuer.
    pub issuer: Issuer,
    /// The identity itself.
    pub client: Client,
    /// Its redirect URI, byte for byte as registered.
    pub redirect_uri: RedirectUri,
    /// When the secret stops working; `None` for never or no secret.
    pub secret_expires_at: Option<UnixSeconds>,
    /// RFC 7592, if the server offers it.
    pub management: Option<Management>,
}

/// A client that the person brought.
#[derive(Clone, Debug)]
pub struct Preregistered {
    /// Its issuer, if the person said so: it is used nowhere else.
    pub issuer: Option<Issuer>,
    /// `client_id`.
    pub id: ClientId,
    /// Its secret.
    pub secret: Option<ClientSecret>,
    /// The redirect URI that was registered with it, if the person said so.
    pub redirect_uri: Option<RedirectUri>,
    /// How it authenticates, if the person said so.
    pub method: Option<AuthMethod>,
}

/// Which way a client identity is to be got (MCP client registration).
#[derive(Clone, Debug)]
pub enum Route<'a> {
    /// With the person's client.
    Preregistered(&'a Preregistered),
    /// With our document at this address.
    MetadataDocument(&'a ClientId),
    /// RFC 7591 at this endpoint.
    Dynamic(&'a Endpoint),
}

/// Chooses in MCP's order: pre-registered, then document if the server announces it, then dynamic; else the person has
/// to be asked.
///
/// # Errors
/// [`Error::RegistrationNotOffered`]; [`Error::RegistrationElsewhere`] if the person's client belongs to another issuer.
pub fn route<'a>(
    metadata: &'a ServerMetadata,
    preregistered: Option<&'a Preregistered>,
    document: Option<&'a ClientId>,
) -> Result<Route<'a>, Error> {
    if let Some(client) = preregistered {
        client.check(metadata)?;
        return Ok(Route::Preregistered(client));
    }
    match (document, &metadata.registration_endpoint) {
        (Some(document), _) if metadata.metadata_document == MetadataDocumentSupport::Announced => {
            Ok(Route::MetadataDocument(document))
        }
        (_, Some(endpoint)) => Ok(Route::Dynamic(endpoint)),
        _ => Err(Error::RegistrationNotOffered { issuer: metadata.issuer.clone() }),
    }
}

impl Preregistered {
    fn check(&self, metadata: &ServerMetadata) -> Result<(), Error> {
        match &self.issuer {
            Some(issuer) if *issuer != metadata.issuer => Err(Error::RegistrationElsewhere {
                issuer: metadata.issuer.clone(),
                registered_at: issuer.clone(),
            }),
            _ => Ok(()),
        }
    }
}

impl Registration {
    /// From the person's client, for a redirect that fits the registered one: that one, or, where it leaves the port of a
    /// loopback open (RFC 8252 §7.3), with the port that could be had.
    ///
    /// # Errors
    /// [`Error::RegistrationElsewhere`].
    pub fn preregistered(
        client: &Preregistered,
        metadata: &ServerMetadata,
        redirect_uri: RedirectUri,
    ) -> Result<Self, Error> {
        client.check(metadata)?;
        let secret = client.secret.clone().filter(|s| !s.expose().is_empty());
        let method = match (&secret, client.method) {
            (None, _) => AuthMethod::None,
            (Some(_), Some(method)) => method,
            (Some(_), None) => with_secret(metadata),
        };
        Ok(Registration {
            kind: RegistrationKind::Preregistered,
            issuer: metadata.issuer.clone(),
            client: Client { id: client.id.clone(), secret, method },
            redirect_uri,
            secret_expires_at: None,
            management: None,
        })
    }

    /// From our document: its address is the `client_id`, and the client is public.
    #[must_use]
    pub fn metadata_document(
        document: ClientId,
        metadata: &ServerMetadata,
        redirect_uri: RedirectUri,
    ) -> Self {
        Registration {
            kind: RegistrationKind::MetadataDocument,
            issuer: metadata.issuer.clone(),
            client: Client { id: document, secret: None, method: AuthMethod::None },
            redirect_uri,
            secret_expires_at: None,
            management: None,
        }
    }

    /// Whether a sign-in may begin with it: a secret that has expired, or is about to, is of no use (RFC 7591 §3.2.1).
    #[must_use]
    pub fn is_usable(&self, now: UnixSeconds) -> bool {
        self.secret_expires_at.is_none_or(|at| at > now.saturating_add(EXPIRY_MARGIN))
    }
}

/// The method for a client with a secret: basic unless only post is listed (RFC 6749 §2.3.1 prefers it).
pub(crate) fn with_secret(metadata: &ServerMetadata) -> AuthMethod {
    if !metadata.lists(AuthMethod::Basic) && metadata.lists(AuthMethod::Post) {
        AuthMethod::Post
    } else {
        AuthMethod::Basic
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::authorize::tests::metadata;

    const REDIRECT: &str = "io.github.mcp-login:/oauth/callback";

    #[test]
    fn routes_in_order() {
        let brought = |issuer: Option<&str>| Preregistered {
            issuer: issuer.map(Issuer::new),
            id: ClientId::new("p"),
            secret: None,
            redirect_uri: None,
            method: None,
        };
        let document = ClientId::new("https://mcp-login.example/client.json");
        let word = |metadata: &ServerMetadata, client: Option<&Preregistered>| match route(
            metadata,
            client,
            Some(&document),
        ) {
            Ok(Route::Preregistered(_)) => "preregistered",
            Ok(Route::MetadataDocument(_)) => "document",
            Ok(Route::Dynamic(_)) => "dynamic",
            Err(Error::RegistrationNotOffered { .. }) => "ask",
            Err(Error::RegistrationElsewhere { .. }) => "elsewhere",
            Err(other) => panic!("{other:?}"),
        };
        let both = metadata(
            serde_json::json!({"registration_endpoint": "https://as.example/r", "client_id_metadata_document_supported": true}),
        );
        let dynamic = metadata(serde_json::json!({"registration_endpoint": "https://as.example/r"}));
        let none = metadata(serde_json::json!({}));
        assert_eq!(word(&both, Some(&brought(None))), "preregistered");
        assert_eq!(word(&both, Some(&brought(Some("https://as.example")))), "preregistered");
        assert_eq!(word(&both, Some(&brought(Some("https://as.example/")))), "elsewhere");
        assert_eq!(
            (word(&both, None), word(&dynamic, None), word(&none, None)),
            ("document", "dynamic", "ask")
        );
        assert!(
            matches!(route(&both, None, None), Ok(Route::Dynamic(_))),
            "no document of ours is published"
        );
    }

    #[test]
    fn what_a_person_brings() {
        let client = Preregistered {
            issuer: None,
            id: ClientId::new("p"),
            secret: Some(ClientSecret::new("s")),
            redirect_uri: Some(RedirectUri::new("http://localhost/cb")),
            method: None,
        };
        let post_only =
            metadata(serde_json::json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]}));
        let with_port = RedirectUri::new("http://localhost:1/cb");
        let registration = Registration::preregistered(&client, &post_only, with_port).unwrap();
        assert_eq!(
            (registration.client.method, registration.redirect_uri.as_str()),
            (AuthMethod::Post, "http://localhost:1/cb")
        );
        let unlisted = Registration::preregistered(
            &client,
            &metadata(serde_json::json!({})),
            RedirectUri::new(REDIRECT),
        )
        .unwrap();
        assert_eq!(unlisted.client.method, AuthMethod::Basic);
        let empty = Preregistered { secret: Some(ClientSecret::new("")), redirect_uri: None, ..client };
        let registration =
            Registration::preregistered(&empty, &post_only, RedirectUri::new(REDIRECT)).unwrap();
        assert_eq!(
            (registration.client.method, registration.redirect_uri.as_str()),
            (AuthMethod::None, REDIRECT)
        );
        assert!(registration.client.secret.is_none());
    }

    #[test]
    fn expired_secrets_are_of_no_use() {
        let mut registration = crate::authorize::tests::registration("https://as.example");
        assert!(registration.is_usable(u64::MAX));
        registration.secret_expires_at = Some(10_000);
        assert!(
            registration.is_usable(9_399)
                && !registration.is_usable(9_400)
                && !registration.is_usable(20_000)
        );
    }
}
