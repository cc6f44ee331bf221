//! Getting a client identity at an issuer.
use crate::UnixSeconds;
use crate::client_auth::{AuthMethod, Client};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::http::{Http, HttpFailure, ReachRule};
use crate::secret::{ClientSecret, InitialAccessToken, RegistrationAccessToken};
use crate::server_metadata::ServerMetadata;
use crate::values::{ClientId, Issuer, RedirectUri, ScopeSet};
use std::time::Duration;

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

/// RFC 7592 §3: where and how a registration is managed.
#[derive(Clone, Debug)]
pub struct Management {
    /// `registration_client_uri`.
    pub uri: Endpoint,
    /// `registration_access_token`.
    pub token: RegistrationAccessToken,
}

/// What we say about ourselves.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// `client_name`.
    pub client_name: &'a str,
    /// `client_uri`.
    pub client_uri: &'a str,
    /// `software_id`.
    pub software_id: &'a str,
    /// `software_version`.
    pub software_version: &'a str,
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

/// Chooses: pre-registered, then document, then dynamic.
///
/// # Errors
/// [`Error::RegistrationNotOffered`], [`Error::RegistrationElsewhere`].
pub fn route<'a>(
    metadata: &'a ServerMetadata,
    preregistered: Option<&'a Preregistered>,
    document: Option<&'a ClientId>,
) -> Result<Route<'a>, Error> {
    let _ = (metadata, preregistered, document);
    todo!()
}

impl Registration {
    /// From the person's client.
    ///
    /// # Errors
    /// [`Error::RegistrationElsewhere`].
    pub fn preregistered(
        client: &Preregistered,
        metadata: &ServerMetadata,
        redirect_uri: RedirectUri,
    ) -> Result<Self, Error> {
        let _ = (client, metadata, redirect_uri);
        todo!()
    }

    /// From our document.
    #[must_use]
    pub fn metadata_document(
        document: ClientId,
        metadata: &ServerMetadata,
        redirect_uri: RedirectUri,
    ) -> Self {
        let _ = (document, metadata, redirect_uri);
        todo!()
    }

    /// Whether it may still be used: a secret that has expired is of no use.
    #[must_use]
    pub fn is_usable(&self, now: UnixSeconds) -> bool {
        let _ = now;
        todo!()
    }
}

/// What to register.
#[derive(Clone, Debug)]
pub struct DynamicRequest<'a> {
    /// Who we are.
    pub identity: Identity<'a>,
    /// The one redirect URI.
    pub redirect_uri: &'a RedirectUri,
    /// Scopes to be registered for, if any are known.
    pub scopes: &'a ScopeSet,
    /// RFC 7591 §3.
    pub initial_access_token: Option<&'a InitialAccessToken>,
}

/// Registers dynamically (RFC 7591).
///
/// # Errors
/// [`Error::RegistrationRefused`] with a remedy, [`Error::RegistrationAnswer`], [`Error::Http`], [`Error::Later`].
pub async fn register<H: Http>(
    http: &H,
    reach: &ReachRule,
    metadata: &ServerMetadata,
    request: &DynamicRequest<'_>,
) -> Result<Registration, Error> {
    let _ = (http, reach, metadata, request);
    todo!()
}

/// What came of a deletion (RFC 7592 §2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeletionOutcome {
    /// 204.
    Deleted,
    /// The server does not know it any more (401, 404, 410).
    AlreadyGone,
    /// The server does not delete (403, 405, 501).
    NotOffered,
    /// Not now.
    Later {
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// No whole answer.
    Failed(HttpFailure),
    /// Something else.
    Odd {
        /// The status.
        status: u16,
    },
}

/// Deletes a registration.
pub async fn delete<H: Http>(http: &H, reach: &ReachRule, management: &Management) -> DeletionOutcome {
    let _ = (http, reach, management);
    todo!()
}
