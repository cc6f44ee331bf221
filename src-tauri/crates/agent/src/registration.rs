//! Which client identity a sign-in uses, and for which redirect.
//!
//! Problem: issuers differ in the redirects that they take, one bad redirect sinks a whole registration, and every needless
//! registration is litter at somebody's server. Invariant: one redirect a registration; a stored one is used again
//! as long as it is usable, and only at its own issuer; what counts is the issuer's answer, not what was asked.

use crate::accounts::{self, Network, RedirectKind, Standing};
use crate::failure::Failure;
use crate::id::RegistrationId;
use crate::listener::{HostForm, Listener, LoopbackUri, Port};
use crate::login::LoginError;
use crate::registrations::{Hold, RegistrationSecrets, Registrations};
use crate::scheme::Opener;
use mcp_login_ipc::identity;
use mcp_login_oauth::client_auth::Client;
use mcp_login_oauth::endpoint::Endpoint;
use mcp_login_oauth::error::{EndpointName, RegistrationFault, RegistrationRemedy};
use mcp_login_oauth::http::{Http, ReachRule};
use mcp_login_oauth::registration::{
    self, DynamicRequest, Identity, Management, Preregistered, Registration, RegistrationKind, Route,
};
use mcp_login_oauth::server_metadata::ServerMetadata;
use mcp_login_oauth::{
    ClientId, ClientSecret, Error as OauthError, InitialAccessToken, Issuer, RedirectUri,
    RegistrationAccessToken, ScopeSet, ServerUrl, UnixSeconds,
};
use secrecy::SecretString;

/// What the caller asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RedirectWish {
    /// What the issuer took before, else the scheme when our app opens it, else loopback.
    #[default]
    Auto,
    /// Only this one (and for loopback its `localhost` form when the first is refused).
    Only(RedirectKind),
}

/// The kinds to try, in order.
#[must_use]
pub fn order(wish: RedirectWish, accepted: Option<RedirectKind>, opener: &Opener) -> Vec<RedirectKind> {
    let mut kinds = match wish {
        RedirectWish::Only(RedirectKind::Loopback) => vec![RedirectKind::Loopback, RedirectKind::Localhost],
        RedirectWish::Only(kind) => vec![kind],
        RedirectWish::Auto => {
            let mut kinds = vec![RedirectKind::Loopback, RedirectKind::Localhost];
            if matches!(opener, Opener::Ours(_)) {
                kinds.insert(0, RedirectKind::Scheme);
            }
            // The scheme that was accepted once is of no use when nobody opens it any more.
            if let Some(at) = accepted.and_then(|before| kinds.iter().position(|kind| *kind == before)) {
                let first = kinds.remove(at);
                kinds.insert(0, first);
            }
            kinds
        }
    };
    // The one that was accepted comes first among the loopback forms too.
    if wish == RedirectWish::Only(RedirectKind::Loopback) && accepted == Some(RedirectKind::Localhost) {
        kinds.reverse();
    }
    kinds
}

/// Where an authorization response will come in. A loopback is bound before it is named to anybody.
#[derive(Debug)]
pub struct Home {
    /// Which kind.
    pub kind: RedirectKind,
    /// Byte for byte.
    pub uri: RedirectUri,
    /// Not for the scheme.
    pub listener: Option<Listener>,
}

impl Home {
    /// A place of the kind.
    ///
    /// # Errors
    /// [`LoginError::Listener`] when there is no port to be had.
    pub fn open(kind: RedirectKind, port: Port) -> Result<Self, LoginError> {
        let form = match kind {
            RedirectKind::Scheme => {
                let uri = RedirectUri::new(identity::redirect_uri());
                return Ok(Self { kind, uri, listener: None });
            }
            RedirectKind::Localhost => HostForm::Localhost,
            RedirectKind::Loopback | RedirectKind::Exact => HostForm::V4,
        };
        let listener = Listener::bind(form, port, identity::LOOPBACK_PATH).map_err(LoginError::Listener)?;
        Ok(Self { kind, uri: RedirectUri::new(listener.redirect_uri()), listener: Some(listener) })
    }

    /// For the redirect URI that the person registered somewhere: our scheme or a loopback, exactly.
    ///
    /// # Errors
    /// [`LoginError::RedirectNotOurs`], [`LoginError::Listener`].
    pub fn exactly(uri: &RedirectUri) -> Result<Self, LoginError> {
        if uri.as_str() == identity::redirect_uri() {
            return Ok(Self { kind: RedirectKind::Exact, uri: uri.clone(), listener: None });
        }
        let Some(parts) = LoopbackUri::parse(uri.as_str()) else {
            return Err(LoginError::RedirectNotOurs { uri: uri.as_str().to_owned() });
        };
        let listener = Listener::bind_exactly(uri.as_str()).map_err(LoginError::Listener)?;
        // With a port the string goes out as the person wrote it; without one the port is part of ours (RFC 8252 §7.3).
        let uri = if parts.port.is_some() { uri.clone() } else { RedirectUri::new(listener.redirect_uri()) };
        Ok(Self { kind: RedirectKind::Exact, uri, listener: Some(listener) })
    }

    /// The loopback port.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.listener.as_ref().map(Listener::port)
    }
}

/// What registering needs to know.
pub struct Wanted<'a> {
    /// The server whose sign-in it is for.
    pub server: &'a ServerUrl,
    /// The issuer.
    pub metadata: &'a ServerMetadata,
    /// The person's own client there.
    pub client: Option<&'a Preregistered>,
    /// Our document's address for a redirect kind, when one is configured.
    pub document: &'a (dyn Fn(RedirectKind) -> Option<ClientId> + Send + Sync),
    /// RFC 7591 §3.
    pub initial_access_token: Option<&'a InitialAccessToken>,
    /// Scopes that will be asked.
    pub scopes: &'a ScopeSet,
    /// Where connections may go.
    pub reach: &'a ReachRule,
    /// The same, as it is stored.
    pub network: Network,
    /// Kinds to try, in order.
    pub kinds: Vec<RedirectKind>,
    /// Whether a stored registration may be used.
    pub stored: Stored,
    /// Now.
    pub now: UnixSeconds,
}

/// Whether a registration that is there already may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Use it.
    Use,
    /// The issuer seems to have forgotten it: register anew.
    Renew,
}

/// A client identity with a place for the answer.
#[derive(Debug)]
pub struct Ready {
    /// The record's id.
    pub id: RegistrationId,
    /// What the protocol needs.
    pub registration: Registration,
    /// Where the answer comes in.
    pub home: Home,
    /// Another account's sign-out does not delete it meanwhile.
    pub hold: Hold,
}

/// Gets a client identity: stored, else pre-registered, document, dynamic; with the first redirect that is taken.
///
/// # Errors
/// What the last kind failed with.
pub async fn prepare<H: Http>(
    http: &H,
    registrations: &Registrations,
    wanted: &Wanted<'_>,
) -> Result<Ready, LoginError> {
    if let Some(client) = wanted.client {
        let (registration, home) = of_person(client, wanted)?;
        return save(registrations, wanted, registration, home).await;
    }
    let issuer = &wanted.metadata.issuer;
    let mut refused = None;
    for kind in &wanted.kinds {
        if wanted.stored == Stored::Use
            && let Some(ready) = reuse(registrations, issuer, *kind, wanted.now).await?
        {
            return Ok(ready);
        }
        let port =
            registrations.accepted(issuer.as_str()).and_then(|a| a.port).map_or(Port::Any, Port::Preferred);
        let home = Home::open(*kind, port)?;
        match fresh(http, wanted, &home).await {
            Ok(registration) => return save(registrations, wanted, registration, home).await,
            Err(error) if is_about_the_redirect(&error) => {
                tracing::info!(issuer = issuer.as_str(), ?kind, "the issuer refused this redirect");
                refused = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(refused.map_or(LoginError::NoRedirect, LoginError::from))
}

/// With the client that the person brought, at the redirect that was registered with it.
pub(crate) fn of_person(
    client: &Preregistered,
    wanted: &Wanted<'_>,
) -> Result<(Registration, Home), LoginError> {
    let home = match &client.redirect_uri {
        Some(uri) => Home::exactly(uri)?,
        None => Home::open(*wanted.kinds.first().unwrap_or(&RedirectKind::Loopback), Port::Any)?,
    };
    Ok((Registration::preregistered(client, wanted.metadata, home.uri.clone())?, home))
}

/// Whether another kind of redirect may be taken where this one was refused.
pub(crate) fn is_about_the_redirect(error: &OauthError) -> bool {
    matches!(
        error,
        OauthError::RegistrationRefused { remedy: RegistrationRemedy::NextRedirect, .. }
            | OauthError::RegistrationAnswer(RegistrationFault::RedirectUri)
    )
}

/// The person's client with its secret, when it was said at an earlier sign-in: it lies in the keychain, not in the settings.
///
/// # Errors
/// [`LoginError::Core`] when the keychain cannot be read.
pub async fn with_secret(
    registrations: &Registrations,
    client: Preregistered,
    issuer: &Issuer,
) -> Result<Preregistered, LoginError> {
    use secrecy::ExposeSecret as _;
    if client.secret.is_some() {
        return Ok(client);
    }
    for record in registrations.all(issuer.as_str()) {
        if record.kind == RegistrationKind::Preregistered
            && record.client_id == client.id.as_str()
            && let Some(secret) = registrations.secrets(&record.id).await?.client_secret
        {
            return Ok(Preregistered { secret: Some(ClientSecret::new(secret.expose_secret())), ..client });
        }
    }
    Ok(client)
}

/// By document or dynamically, whichever MCP's order says. Stores nothing.
pub(crate) async fn fresh<H: Http>(
    http: &H,
    wanted: &Wanted<'_>,
    home: &Home,
) -> Result<Registration, OauthError> {
    let document = (wanted.document)(home.kind);
    match registration::route(wanted.metadata, None, document.as_ref())? {
        Route::Preregistered(client) => {
            Registration::preregistered(client, wanted.metadata, home.uri.clone())
        }
        Route::MetadataDocument(id) => {
            Ok(Registration::metadata_document(id.clone(), wanted.metadata, home.uri.clone()))
        }
        Route::Dynamic(_) => {
            let request = DynamicRequest {
                identity: Identity {
                    client_name: identity::CLIENT_NAME,
                    client_uri: identity::CLIENT_URI,
                    software_id: identity::SOFTWARE_ID,
                    software_version: identity::SOFTWARE_VERSION,
                },
                redirect_uri: &home.uri,
                scopes: wanted.scopes,
                initial_access_token: wanted.initial_access_token,
            };
            registration::register(http, wanted.reach, wanted.metadata, &request).await
        }
    }
}

/// A stored registration of this issuer and kind, when it is usable and its port can be had.
async fn reuse(
    registrations: &Registrations,
    issuer: &Issuer,
    kind: RedirectKind,
    now: UnixSeconds,
) -> Result<Option<Ready>, LoginError> {
    let Some(record) = registrations.find(issuer.as_str(), kind) else { return Ok(None) };
    // The person's own client is taken from what the person says now, not from memory.
    if record.kind == RegistrationKind::Preregistered {
        return Ok(None);
    }
    if record.secret_expires_at.is_some_and(|end| end <= now) {
        registrations.forget(&record.id).await?;
        return Ok(None);
    }
    let home = match (kind, LoopbackUri::parse(&record.redirect_uri).and_then(|uri| uri.port)) {
        (RedirectKind::Scheme, _) => Home::open(kind, Port::Any)?,
        (_, Some(port)) => match Home::open(kind, Port::Exactly(port)) {
            Ok(home) => home,
            // Somebody has the port now. Another port would do at issuers that follow RFC 8252 §7.3, but who knows:
            // register anew for a port that can be had.
            Err(_) => return Ok(None),
        },
        (_, None) => return Ok(None),
    };
    if home.uri.as_str() != record.redirect_uri {
        return Ok(None);
    }
    let Some(hold) = registrations.hold(&record.id) else { return Ok(None) };
    let secrets = registrations.secrets(&record.id).await?;
    Ok(Some(Ready { id: record.id.clone(), registration: revive(&record, secrets), home, hold }))
}

async fn save(
    registrations: &Registrations,
    wanted: &Wanted<'_>,
    registration: Registration,
    home: Home,
) -> Result<Ready, LoginError> {
    let id = registrations.new_id()?;
    let (record, secrets) = record(&registration, id.clone(), home.kind, wanted);
    let hold = registrations.hold(&id).expect("nobody knows the id yet");
    registrations.save(record, secrets).await.map_err(LoginError::Core)?;
    Ok(Ready { id, registration, home, hold })
}

/// What is stored of a registration, and what of it is secret.
fn record(
    registration: &Registration,
    id: RegistrationId,
    redirect: RedirectKind,
    wanted: &Wanted<'_>,
) -> (accounts::Registration, RegistrationSecrets) {
    let secret = |text: &str| SecretString::from(text);
    let record = accounts::Registration {
        id,
        issuer: registration.issuer.as_str().to_owned(),
        server: wanted.server.clone(),
        kind: registration.kind,
        redirect,
        redirect_uri: registration.redirect_uri.as_str().to_owned(),
        client_id: registration.client.id.as_str().to_owned(),
        auth_method: registration.client.method,
        secret_expires_at: registration.secret_expires_at,
        management_uri: registration.management.as_ref().map(|m| m.uri.as_str().to_owned()),
        network: wanted.network,
        created_at: wanted.now,
        standing: Standing::Current,
    };
    let secrets = RegistrationSecrets {
        client_secret: registration.client.secret.as_ref().map(|s| secret(s.expose())),
        registration_token: registration.management.as_ref().map(|m| secret(m.token.expose())),
    };
    (record, secrets)
}

/// The way back.
fn revive(record: &accounts::Registration, secrets: RegistrationSecrets) -> Registration {
    use secrecy::ExposeSecret as _;
    let management =
        record.management_uri.as_deref().zip(secrets.registration_token).and_then(|(uri, token)| {
            let uri = Endpoint::parse(uri, EndpointName::RegistrationManagement).ok()?;
            Some(Management { uri, token: RegistrationAccessToken::new(token.expose_secret()) })
        });
    Registration {
        kind: record.kind,
        issuer: Issuer::new(record.issuer.as_str()),
        client: Client {
            id: ClientId::new(record.client_id.as_str()),
            secret: secrets.client_secret.map(|s| ClientSecret::new(s.expose_secret())),
            method: record.auth_method,
        },
        redirect_uri: RedirectUri::new(record.redirect_uri.as_str()),
        secret_expires_at: record.secret_expires_at,
        management,
    }
}

impl From<Failure> for LoginError {
    fn from(failure: Failure) -> Self {
        LoginError::Core(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RedirectKind::{Localhost, Loopback, Scheme};

    #[test]
    fn the_order_of_redirects() {
        let ours = Opener::Ours("/opt/app".into());
        let foreign = Opener::Foreign("/opt/evil".into());
        let auto = RedirectWish::Auto;
        for (wish, accepted, opener, wanted) in [
            (auto, None, &ours, vec![Scheme, Loopback, Localhost]),
            (auto, None, &foreign, vec![Loopback, Localhost]),
            (auto, None, &Opener::None, vec![Loopback, Localhost]),
            (auto, Some(Localhost), &ours, vec![Localhost, Scheme, Loopback]),
            (auto, Some(Scheme), &foreign, vec![Loopback, Localhost]),
            (RedirectWish::Only(Scheme), Some(Loopback), &foreign, vec![Scheme]),
            (RedirectWish::Only(Loopback), None, &ours, vec![Loopback, Localhost]),
            (RedirectWish::Only(Loopback), Some(Localhost), &ours, vec![Localhost, Loopback]),
        ] {
            assert_eq!(order(wish, accepted, opener), wanted, "{wish:?} {accepted:?} {opener:?}");
        }
    }

    #[test]
    fn a_redirect_that_is_not_ours_is_refused() {
        for uri in ["https://example.com/cb", "http://127.0.0.2:80/cb", "other:/cb"] {
            assert!(
                matches!(Home::exactly(&RedirectUri::new(uri)), Err(LoginError::RedirectNotOurs { .. })),
                "{uri}"
            );
        }
        let home = Home::exactly(&RedirectUri::new(identity::redirect_uri())).expect("our scheme");
        assert!(home.listener.is_none());
    }
}
