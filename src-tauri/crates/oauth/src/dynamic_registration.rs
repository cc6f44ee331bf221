//! Dynamic client registration (RFC 7591; MCP client registration).
//!
//! Problem: one redirect URI that a server dislikes sinks the whole registration, and servers refuse in a dozen ways.
//! Invariant: one redirect URI a registration, never a mixed list; what the server answers is the registration
//! (§3.2.1), not what we asked for; a refusal says what to do next.

use zeroize::Zeroize;

use crate::client_auth::{AuthMethod, Client};
use crate::endpoint::Endpoint;
use crate::error::{Error, Malformed, Refusal, RefusalCode, RegistrationFault, RegistrationRemedy};
use crate::http::{Http, Purpose, ReachRule, Request, bearer, build, is_later, retry_after};
use crate::json::Object;
use crate::management::Management;
use crate::registration::{Registration, RegistrationKind, with_secret};
use crate::secret::{ClientSecret, InitialAccessToken, RegistrationAccessToken};
use crate::server_metadata::ServerMetadata;
use crate::values::{ClientId, MAX_IDENTIFIER, RedirectUri, ScopeSet};

/// The longest client secret kept: some servers hand out a signed token for it.
const MAX_SECRET: usize = 8 * 1024;

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
    let host = endpoint.url().host_str().unwrap_or_default();
    let failed = |failure| Error::Http { purpose, host: host.to_owned(), failure };
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
            let retry_after = retry_after(&response);
            Err(Error::Later { purpose, host: host.to_owned(), status: status.as_u16(), retry_after })
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

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
                host: "as.example".to_owned(),
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
    fn our_document_names_itself() {
        let id = ClientId::new("https://mcp-login.example/client.json");
        let redirect = RedirectUri::new(REDIRECT);
        let document = metadata_document(&id, &IDENTITY, &[&redirect]);
        assert_eq!(
            (&document["client_id"], &document["redirect_uris"][0], &document["application_type"]),
            (&id.as_str().into(), &REDIRECT.into(), &"native".into())
        );
    }

    #[test]
    fn management_is_kept_if_it_is_safe() {
        let body = format!(
            r#"{{"client_id":"c","redirect_uris":["{REDIRECT}"],"registration_client_uri":"https://as.example/register/c","registration_access_token":"rat"}}"#
        );
        let management = try_it(public(), None, |_| answer(201, &body)).0.unwrap().management.unwrap();
        assert_eq!(
            (management.uri.as_str(), management.token.expose()),
            ("https://as.example/register/c", "rat")
        );
        let elsewhere = body.replace("https://as.example/register/c", "http://as.example/register/c");
        assert!(
            try_it(public(), None, |_| answer(201, &elsewhere)).0.unwrap().management.is_none(),
            "no token over http"
        );
    }
}
