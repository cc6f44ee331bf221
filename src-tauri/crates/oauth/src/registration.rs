//! Getting a client identity at an issuer (MCP client registration; RFC 7591, RFC 7592).
//!
//! Problem: one redirect URI that a server dislikes sinks the whole registration, and an identity shown to another
//! issuer leaks it. Invariant: one redirect URI a registration; an identity belongs to one issuer; what the server
//! answers is the registration (RFC 7591 §3.2.1), not what we asked for; a refusal says what to do next.

use std::time::Duration;

use crate::UnixSeconds;
use crate::client_auth::{AuthMethod, Client};
use crate::endpoint::Endpoint;
use crate::error::{Error, Malformed, Refusal, RefusalCode, RegistrationFault, RegistrationRemedy};
use crate::http::{Http, HttpFailure, Purpose, ReachRule, Request, build, is_later, retry_after};
use crate::json::Object;
use crate::secret::{ClientSecret, InitialAccessToken, RegistrationAccessToken};
use crate::server_metadata::{MetadataDocumentSupport, ServerMetadata};
use crate::values::{ClientId, Issuer, MAX_IDENTIFIER, RedirectUri, ScopeSet};
use zeroize::Zeroize;

/// A secret this close to its end is not begun with: a sign-in may take ten minutes.
const EXPIRY_MARGIN: u64 = 600;

/// The longest client secret kept: some servers hand out a signed token for it.
const MAX_SECRET: usize = 8 * 1024;

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

/// What we say about ourselves (RFC 7591 §2).
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
    /// From the person's client. `redirect_uri` is taken unless the person named the registered one.
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
            redirect_uri: client.redirect_uri.clone().unwrap_or(redirect_uri),
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
fn with_secret(metadata: &ServerMetadata) -> AuthMethod {
    if !metadata.lists(AuthMethod::Basic) && metadata.lists(AuthMethod::Post) {
        AuthMethod::Post
    } else {
        AuthMethod::Basic
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

/// RFC 7591 §2, as MCP asks for it: `application_type` is `native` for a desktop program, `grant_types` names
/// `refresh_token`.
fn client_metadata(
    identity: &Identity<'_>,
    redirects: &[&RedirectUri],
    method: AuthMethod,
) -> serde_json::Value {
    let redirects: Vec<&str> = redirects.iter().map(|r| r.as_str()).collect();
    serde_json::json!({
        "client_name": identity.client_name,
        "client_uri": identity.client_uri,
        "software_id": identity.software_id,
        "software_version": identity.software_version,
        "application_type": "native",
        "redirect_uris": redirects,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method.as_str(),
    })
}

/// The document to publish at the `client_id`'s address (MCP, Client ID Metadata Documents).
#[must_use]
pub fn metadata_document(
    id: &ClientId,
    identity: &Identity<'_>,
    redirects: &[&RedirectUri],
) -> serde_json::Value {
    let mut document = client_metadata(identity, redirects, AuthMethod::None);
    document["client_id"] = id.as_str().into();
    document
}

/// The methods to ask for, the best first. A public client has no secret to keep, so it comes first where it is
/// listed. Where nothing is listed RFC 8414 §2 means basic, but many such servers know only public clients.
fn methods(metadata: &ServerMetadata) -> &'static [AuthMethod] {
    match &metadata.token_endpoint_auth_methods {
        None => &[AuthMethod::Basic, AuthMethod::None],
        Some(_) if metadata.lists(AuthMethod::None) => &[AuthMethod::None],
        Some(_) if metadata.lists(AuthMethod::Basic) => &[AuthMethod::Basic],
        Some(_) if metadata.lists(AuthMethod::Post) => &[AuthMethod::Post],
        Some(_) => &[AuthMethod::None],
    }
}

/// Registers dynamically (RFC 7591 §3).
///
/// # Errors
/// [`Error::RegistrationRefused`] with what to do next, [`Error::RegistrationAnswer`] (a wrong redirect URI in the
/// answer is as good as a refused one), [`Error::RegistrationNotOffered`], [`Error::Http`], [`Error::Later`],
/// [`Error::Malformed`].
pub async fn register<H: Http>(
    http: &H,
    reach: &ReachRule,
    metadata: &ServerMetadata,
    request: &DynamicRequest<'_>,
) -> Result<Registration, Error> {
    let Some(endpoint) = &metadata.registration_endpoint else {
        return Err(Error::RegistrationNotOffered { issuer: metadata.issuer.clone() });
    };
    let (last, first) = methods(metadata).split_last().expect("each list above has a method");
    for method in first {
        match register_as(http, reach, metadata, endpoint, request, *method).await {
            Err(Error::RegistrationRefused { remedy: RegistrationRemedy::NextRedirect, refusal, .. })
                if refusal.code != RefusalCode::InvalidRedirectUri => {}
            other => return other,
        }
    }
    register_as(http, reach, metadata, endpoint, request, *last).await
}

async fn register_as<H: Http>(
    http: &H,
    reach: &ReachRule,
    metadata: &ServerMetadata,
    endpoint: &Endpoint,
    request: &DynamicRequest<'_>,
    method: AuthMethod,
) -> Result<Registration, Error> {
    let purpose = Purpose::Registration;
    let failed = |failure| Error::Http { purpose, failure };
    let mut document = client_metadata(&request.identity, &[request.redirect_uri], method);
    if !request.scopes.is_empty() {
        document["scope"] = request.scopes.to_string().into();
    }
    let mut builder = ::http::Request::post(endpoint.url().as_str())
        .header(::http::header::CONTENT_TYPE, "application/json")
        .header(::http::header::ACCEPT, "application/json");
    if let Some(token) = request.initial_access_token {
        builder = builder.header(::http::header::AUTHORIZATION, bearer(token.expose()).map_err(failed)?);
    }
    let inner = build(builder, document.to_string().into_bytes()).map_err(failed)?;
    let response =
        http.send(Request { purpose, reach: reach.for_url(endpoint.url()), inner }).await.map_err(failed)?;
    let status = response.status();
    match status.as_u16() {
        // 201 is asked for (RFC 7591 §3.2.1); 200 is common.
        200 | 201 => {
            let mut body = response.into_body();
            let read = read_back(&body, metadata, request.redirect_uri, method);
            body.zeroize();
            read
        }
        // Not implemented is a no, not a "later".
        501 => Err(refused(status, response.body())),
        _ if is_later(status) => {
            Err(Error::Later { purpose, status: status.as_u16(), retry_after: retry_after(&response) })
        }
        _ if status.is_client_error() => Err(refused(status, response.body())),
        other => Err(Error::Malformed { purpose, fault: Malformed::Status(other) }),
    }
}

/// Servers differ in how they refuse a redirect URI (RFC 7591 §3.2.2): some name it, some call all metadata invalid,
/// some answer a plain 400 or 422. Each means: try the next kind.
fn refused(status: ::http::StatusCode, body: &[u8]) -> Error {
    let refusal = Refusal::from_json(body).unwrap_or_else(|| Refusal::new("", None, None));
    let remedy = match (status.as_u16(), &refusal.code) {
        (_, RefusalCode::InvalidRedirectUri) => RegistrationRemedy::NextRedirect,
        (401 | 403, _) | (_, RefusalCode::InvalidToken) => RegistrationRemedy::InitialAccessToken,
        (400 | 422, RefusalCode::UnapprovedSoftwareStatement | RefusalCode::InvalidSoftwareStatement) => {
            RegistrationRemedy::Preregister
        }
        (400 | 422, _) => RegistrationRemedy::NextRedirect,
        _ => RegistrationRemedy::Preregister,
    };
    Error::RegistrationRefused { remedy, status: status.as_u16(), refusal }
}

/// The answer is the registration (RFC 7591 §3.2.1).
fn read_back(
    body: &[u8],
    metadata: &ServerMetadata,
    redirect_uri: &RedirectUri,
    asked: AuthMethod,
) -> Result<Registration, Error> {
    let fault = Error::RegistrationAnswer;
    let mut object =
        Object::parse(body).map_err(|fault| Error::Malformed { purpose: Purpose::Registration, fault })?;
    let id = object.text("client_id").filter(|id| {
        // RFC 6749 Appendix A.1: visible ASCII and blank.
        id.len() <= MAX_IDENTIFIER && id.bytes().all(|b| (0x20..=0x7e).contains(&b))
    });
    let id = ClientId::new(id.ok_or(fault(RegistrationFault::ClientId))?);
    if object.texts("redirect_uris").is_some_and(|list| !list.iter().any(|r| r == redirect_uri.as_str())) {
        return Err(fault(RegistrationFault::RedirectUri));
    }
    // Null and empty mean none: servers send them with public clients.
    let secret = object.take_text("client_secret").filter(|s| s.len() <= MAX_SECRET).map(ClientSecret::new);
    let method = match object.text("token_endpoint_auth_method") {
        Some(word) => AuthMethod::from_word(word).ok_or(fault(RegistrationFault::AuthMethod))?,
        None if asked != AuthMethod::None => asked,
        // We asked for a public client, the server says nothing and gives a secret: it wants to see it.
        None if secret.is_some() => with_secret(metadata),
        None => AuthMethod::None,
    };
    let (secret, method) = match (secret, method) {
        (Some(secret), AuthMethod::Basic | AuthMethod::Post) => (Some(secret), method),
        _ => (None, AuthMethod::None),
    };
    let management = match (
        object.text("registration_client_uri").and_then(Endpoint::check),
        object.take_text("registration_access_token"),
    ) {
        (Some(uri), Some(token)) => Some(Management { uri, token: RegistrationAccessToken::new(token) }),
        _ => None,
    };
    Ok(Registration {
        kind: RegistrationKind::Dynamic,
        issuer: metadata.issuer.clone(),
        redirect_uri: redirect_uri.clone(),
        // 0 means never (RFC 7591 §3.2.1).
        secret_expires_at: secret
            .as_ref()
            .and(object.seconds("client_secret_expires_at"))
            .filter(|at| *at > 0),
        client: Client { id, secret, method },
        management,
    })
}

fn bearer(token: &str) -> Result<::http::HeaderValue, HttpFailure> {
    let mut text = format!("Bearer {token}");
    let value = ::http::HeaderValue::from_str(&text);
    text.zeroize();
    let mut value = value.map_err(|_| HttpFailure::NotSent(crate::http::NotSent::Invalid))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What came of a deletion (RFC 7592 §2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeletionOutcome {
    /// 204.
    Deleted,
    /// The server does not know it, or its token, any more (401, 404, 410).
    AlreadyGone,
    /// The server does not delete (403, 405, 501).
    NotOffered,
    /// Not now.
    Later {
        /// The status.
        status: u16,
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// No whole answer: safe to repeat.
    Failed(HttpFailure),
    /// Something else.
    Odd {
        /// The status.
        status: u16,
    },
}

/// Deletes a registration (RFC 7592 §2.3).
pub async fn delete<H: Http>(http: &H, reach: &ReachRule, management: &Management) -> DeletionOutcome {
    let request = bearer(management.token.expose()).and_then(|token| {
        let builder = ::http::Request::delete(management.uri.url().as_str())
            .header(::http::header::AUTHORIZATION, token);
        let inner = build(builder, Vec::new())?;
        Ok(Request {
            purpose: Purpose::RegistrationDeletion,
            reach: reach.for_url(management.uri.url()),
            inner,
        })
    });
    let response = match request {
        Ok(request) => match http.send(request).await {
            Ok(response) => response,
            Err(failure) => return DeletionOutcome::Failed(failure),
        },
        Err(failure) => return DeletionOutcome::Failed(failure),
    };
    match response.status().as_u16() {
        200 | 202 | 204 => DeletionOutcome::Deleted,
        401 | 404 | 410 => DeletionOutcome::AlreadyGone,
        403 | 405 | 501 => DeletionOutcome::NotOffered,
        status if is_later(response.status()) => {
            DeletionOutcome::Later { status, retry_after: retry_after(&response) }
        }
        status => DeletionOutcome::Odd { status },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::authorize::tests::metadata;
    use crate::testing::{Answer, Scripted, Seen, answer, answer_with, run};
    use crate::values::ServerUrl;

    const REDIRECT: &str = "io.github.mcp-login:/oauth/callback";
    const IDENTITY: Identity<'static> = Identity {
        client_name: "MCP Login",
        client_uri: "https://mcp-login.example",
        software_id: "io.github.mcp-login",
        software_version: "0.1.0",
    };

    fn reach() -> ReachRule {
        ReachRule::new(&ServerUrl::parse("https://mcp.example").unwrap())
    }

    fn try_it(
        extra: serde_json::Value,
        token: Option<&str>,
        reply: impl Fn(&Seen) -> Answer + Send + Sync,
    ) -> (Result<Registration, Error>, Vec<Seen>) {
        let mut document = serde_json::json!({"registration_endpoint": "https://as.example/register"});
        document.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let http = Scripted::new(reply);
        let token = token.map(InitialAccessToken::new);
        let request = DynamicRequest {
            identity: IDENTITY,
            redirect_uri: &RedirectUri::new(REDIRECT),
            scopes: &ScopeSet::parse("a b"),
            initial_access_token: token.as_ref(),
        };
        let result = run(register(&http, &reach(), &metadata(document), &request));
        (result, http.seen())
    }

    fn public() -> serde_json::Value {
        serde_json::json!({"token_endpoint_auth_methods_supported": ["client_secret_basic", "none"]})
    }

    #[test]
    fn the_request_by_its_bytes() {
        let (result, seen) = try_it(public(), Some("iat"), |_| answer(201, r#"{"client_id":"c1"}"#));
        assert_eq!(result.unwrap().client.id.as_str(), "c1");
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].line(), "POST https://as.example/register");
        assert_eq!(
            (seen[0].purpose, seen[0].header("authorization"), seen[0].header("content-type")),
            (Purpose::Registration, Some("Bearer iat"), Some("application/json"))
        );
        let body: serde_json::Value = serde_json::from_str(&seen[0].body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({"client_name": "MCP Login", "client_uri": "https://mcp-login.example", "software_id": "io.github.mcp-login",
                "software_version": "0.1.0", "application_type": "native", "redirect_uris": [REDIRECT],
                "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
                "token_endpoint_auth_method": "none", "scope": "a b"})
        );
        let (_, seen) = try_it(public(), None, |_| answer(201, r#"{"client_id":"c1"}"#));
        assert_eq!(seen[0].header("authorization"), None);
    }

    #[test]
    fn asks_for_a_listed_method() {
        for (listed, asked) in [
            (serde_json::json!(["client_secret_post"]), "client_secret_post"),
            (serde_json::json!(["client_secret_post", "client_secret_basic"]), "client_secret_basic"),
            (serde_json::json!(["client_secret_post", "none"]), "none"),
            (serde_json::json!(["private_key_jwt"]), "none"),
            (serde_json::Value::Null, "client_secret_basic"),
        ] {
            let (_, seen) =
                try_it(serde_json::json!({"token_endpoint_auth_methods_supported": listed}), None, |_| {
                    answer(201, r#"{"client_id":"c"}"#)
                });
            assert_eq!(seen.len(), 1);
            assert!(
                seen[0].body.contains(&format!("\"token_endpoint_auth_method\":\"{asked}\"")),
                "{listed}: {}",
                seen[0].body
            );
        }
        // nothing listed, and basic refused: a public client
        let (result, seen) = try_it(serde_json::json!({}), None, |seen| {
            if seen.body.contains("basic") {
                answer(400, r#"{"error":"invalid_client_metadata"}"#)
            } else {
                answer(201, r#"{"client_id":"c"}"#)
            }
        });
        assert_eq!((result.unwrap().client.method, seen.len()), (AuthMethod::None, 2));
        let (result, seen) =
            try_it(serde_json::json!({}), None, |_| answer(400, r#"{"error":"invalid_redirect_uri"}"#));
        assert!(result.is_err());
        assert_eq!(seen.len(), 1, "a refused redirect is refused with every method");
    }

    #[test]
    fn the_answer_is_the_registration() {
        use AuthMethod::{Basic, None as Public, Post};
        for (listed, members, method, secret, expires) in [
            ("none", "", Public, None, None),
            ("none", r#","client_secret":null"#, Public, None, None),
            ("none", r#","client_secret":"""#, Public, None, None),
            ("none", r#","client_secret":"s","token_endpoint_auth_method":"none""#, Public, None, None),
            (
                "none",
                r#","client_secret":"s","token_endpoint_auth_method":"client_secret_post""#,
                Post,
                Some("s"),
                None,
            ),
            ("none", r#","client_secret":"s","client_secret_expires_at":0"#, Basic, Some("s"), None),
            (
                "client_secret_post",
                r#","client_secret":"s","client_secret_expires_at":99"#,
                Post,
                Some("s"),
                Some(99),
            ),
            (
                "client_secret_basic",
                r#","client_secret":"s","client_secret_expires_at":"99""#,
                Basic,
                Some("s"),
                Some(99),
            ),
            ("client_secret_basic", "", Public, None, None),
            (
                "client_secret_basic",
                r#","token_endpoint_auth_method":"client_secret_basic","client_secret_expires_at":99"#,
                Public,
                None,
                None,
            ),
        ] {
            let body = format!(r#"{{"client_id":"c","redirect_uris":["x:/","{REDIRECT}"]{members}}}"#);
            let listed = serde_json::json!({"token_endpoint_auth_methods_supported": [listed]});
            let registration = try_it(listed, None, |_| answer(201, &body)).0.unwrap();
            assert_eq!(registration.client.method, method, "{members}");
            assert_eq!(registration.client.secret.as_ref().map(ClientSecret::expose), secret, "{members}");
            assert_eq!(registration.secret_expires_at, expires, "{members}");
            assert_eq!(registration.issuer.as_str(), "https://as.example");
            assert!(registration.management.is_none());
        }
    }

    #[test]
    fn answers_that_cannot_be_used() {
        for (body, fault) in [
            ("{}".to_owned(), RegistrationFault::ClientId),
            (r#"{"client_id":""}"#.to_owned(), RegistrationFault::ClientId),
            (r#"{"client_id":"a\nb"}"#.to_owned(), RegistrationFault::ClientId),
            (
                r#"{"client_id":"c","redirect_uris":["io.github.mcp-login:///oauth/callback"]}"#.to_owned(),
                RegistrationFault::RedirectUri,
            ),
            (r#"{"client_id":"c","redirect_uris":[]}"#.to_owned(), RegistrationFault::RedirectUri),
            (
                r#"{"client_id":"c","token_endpoint_auth_method":"private_key_jwt"}"#.to_owned(),
                RegistrationFault::AuthMethod,
            ),
        ] {
            assert_eq!(
                try_it(public(), None, |_| answer(201, &body)).0.unwrap_err(),
                Error::RegistrationAnswer(fault),
                "{body}"
            );
        }
        assert!(matches!(
            try_it(public(), None, |_| answer(201, "<html>")).0,
            Err(Error::Malformed { fault: Malformed::NotJson, .. })
        ));
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        use RegistrationRemedy::{InitialAccessToken, NextRedirect, Preregister};
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_redirect_uri","error_description":"no"}"#, NextRedirect),
            (400, r#"{"error":"invalid_client_metadata"}"#, NextRedirect),
            (400, "", NextRedirect),
            (400, "<html>", NextRedirect),
            (422, r#"{"detail":[]}"#, NextRedirect),
            (403, r#"{"error":"invalid_redirect_uri"}"#, NextRedirect),
            (401, "", InitialAccessToken),
            (403, "", InitialAccessToken),
            (400, r#"{"error":"invalid_token"}"#, InitialAccessToken),
            (400, r#"{"error":"unapproved_software_statement"}"#, Preregister),
            (404, "", Preregister),
            (405, "", Preregister),
            (501, "", Preregister),
        ] {
            match try_it(public(), None, |_| answer(status, body)).0 {
                Err(Error::RegistrationRefused { remedy, status: found, .. }) => {
                    assert_eq!((remedy, found), (expected, status), "{status} {body}")
                }
                other => panic!("{status} {body}: {other:?}"),
            }
        }
        let later = try_it(public(), None, |_| answer_with(429, &[("retry-after", "3")], "")).0.unwrap_err();
        assert_eq!(
            later,
            Error::Later {
                purpose: Purpose::Registration,
                status: 429,
                retry_after: Some(Duration::from_secs(3))
            }
        );
        assert!(matches!(
            try_it(public(), None, |_| answer(302, "")).0,
            Err(Error::Malformed { fault: Malformed::Status(302), .. })
        ));
    }

    #[test]
    fn deletion() {
        let body = format!(
            r#"{{"client_id":"c","redirect_uris":["{REDIRECT}"],"registration_client_uri":"https://as.example/register/c","registration_access_token":"rat"}}"#
        );
        let management = try_it(public(), None, |_| answer(201, &body)).0.unwrap().management.unwrap();
        for (status, expected) in [
            (204, DeletionOutcome::Deleted),
            (401, DeletionOutcome::AlreadyGone),
            (404, DeletionOutcome::AlreadyGone),
            (405, DeletionOutcome::NotOffered),
            (501, DeletionOutcome::NotOffered),
            (503, DeletionOutcome::Later { status: 503, retry_after: None }),
            (302, DeletionOutcome::Odd { status: 302 }),
        ] {
            let http = Scripted::new(|_| answer(status, ""));
            assert_eq!(run(delete(&http, &reach(), &management)), expected, "{status}");
            let seen = http.only();
            assert_eq!(
                (seen.line().as_str(), seen.header("authorization")),
                ("DELETE https://as.example/register/c", Some("Bearer rat"))
            );
        }
        let elsewhere = body.replace("https://as.example/register/c", "http://as.example/register/c");
        assert!(
            try_it(public(), None, |_| answer(201, &elsewhere)).0.unwrap().management.is_none(),
            "no token over http"
        );
    }

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
            redirect_uri: Some(RedirectUri::new("http://localhost:1/cb")),
            method: None,
        };
        let post_only =
            metadata(serde_json::json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]}));
        let registration =
            Registration::preregistered(&client, &post_only, RedirectUri::new(REDIRECT)).unwrap();
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

    #[test]
    fn our_document_names_itself() {
        let id = ClientId::new("https://mcp-login.example/client.json");
        let redirect = RedirectUri::new(REDIRECT);
        let document = metadata_document(&id, &IDENTITY, &[&redirect]);
        assert_eq!(
            (&document["client_id"], &document["redirect_uris"][0], &document["application_type"]),
            (&id.as_str().into(), &REDIRECT.into(), &"native".into())
        );
    }
}
