//! The token endpoint (RFC 6749 §4.1.3, §5, §6; RFC 7636 §4.5; RFC 8707 §2.2).
//!
//! Problem: a refresh token that rotates is spent by a request whether or not its answer is understood. Invariant:
//! every answer falls into one [`TokenOutcome`]; only a definite `invalid_grant` says that the grant is gone; a status
//! that means "not now" is read before the body; no error holds a body.
//!
//! The request is written here and not by `oauth2`: that crate drops status and headers before it parses (so a 503
//! page and a lost grant look the same, and `Retry-After` is gone), puts the raw body, tokens included, into its parse
//! error, wants exactly 200 and an integer `expires_in`, does not check `token_type`, and wipes nothing.

use std::time::Duration;

use zeroize::Zeroize;

use crate::authorize::PendingAuthorization;
use crate::client_auth::Client;
use crate::endpoint::Endpoint;
use crate::error::{Malformed, Refusal, RefusalCode};
use crate::http::{Http, HttpFailure, Purpose, ReachRule, is_later, retry_after};
use crate::json::Object;
use crate::secret::{AccessToken, AuthorizationCode, IdToken, RefreshToken};
use crate::values::{ResourceUri, ScopeSet};

/// The longest token kept. Entra's with many groups reach 16 KiB, which many servers' header limits already refuse.
const MAX_TOKEN: usize = 64 * 1024;

/// The longest lifetime believed, ten years in seconds: what is longer is a mistake of units, and sums must not overflow.
const MAX_LIFETIME: u64 = 315_360_000;

/// What a token endpoint gave (RFC 6749 §5.1).
#[derive(Clone, Debug)]
pub struct TokenSet {
    /// `access_token`.
    pub access_token: AccessToken,
    /// `token_type` as the server spelled it; always a bearer.
    pub token_type: String,
    /// Seconds from the answer on; `None` if the server does not say.
    pub expires_in: Option<u64>,
    /// The refresh token that counts from now on: a new one, or the old one if none came.
    pub refresh_token: Option<RefreshToken>,
    /// Whether it is new.
    pub rotation: Rotation,
    /// `refresh_expires_in` or `refresh_token_expires_in`, seconds; no RFC has it, Keycloak, Entra and others send it.
    pub refresh_expires_in: Option<u64>,
    /// `scope`; `None` means: as asked (RFC 6749 §5.1).
    pub scope: Option<ScopeSet>,
    /// `id_token`.
    pub id_token: Option<IdToken>,
}

/// Where the refresh token of a [`TokenSet`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// From this answer, another one than before.
    New,
    /// From the request (RFC 6749 §6): none came, or the same again.
    Kept,
    /// There is none.
    None,
}

/// What came of a token request.
#[derive(Clone, Debug)]
pub enum TokenOutcome {
    /// Tokens.
    Granted(Box<TokenSet>),
    /// Not a byte went out: the code or refresh token is unspent.
    NotSent(HttpFailure),
    /// It may have been spent, and what it gave is not known.
    Unknown(HttpFailure),
    /// A definite `invalid_grant`.
    Refused(Refusal),
    /// `invalid_client` or `unauthorized_client`: register anew at the next sign-in.
    ClientGone(Refusal),
    /// 408, 425, 429, 5xx.
    Later {
        /// The status.
        status: u16,
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// Neither tokens nor a definite refusal: keep what there is.
    Odd(Oddity),
}

/// What was odd about an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// A status with no error body.
    Status(u16),
    /// A body that is not what RFC 6749 §5.1 asks for.
    Body(Malformed),
    /// A `token_type` other than `Bearer`.
    TokenType,
    /// An error that says neither that the grant nor that the client is gone.
    Error(Refusal),
    /// Larger than the bound.
    TooLarge,
}

/// Sends the code (RFC 6749 §4.1.3) with the verifier, the redirect URI and `resource` of the authorization request.
pub async fn exchange<H: Http>(
    http: &H,
    reach: &ReachRule,
    endpoint: &Endpoint,
    client: &Client,
    pending: &PendingAuthorization,
    code: &AuthorizationCode,
) -> TokenOutcome {
    let mut parameters = vec![
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", pending.redirect_uri.as_str()),
        ("code_verifier", pending.verifier.expose()),
    ];
    parameters.extend(pending.resource.as_ref().map(|r| ("resource", r.as_str())));
    ask(http, reach, endpoint, client, &parameters, None).await
}

/// What a refresh needs.
#[derive(Clone, Copy, Debug)]
pub struct Refresh<'a> {
    /// Newest refresh token.
    pub refresh_token: &'a RefreshToken,
    /// The same as in the authorization request, byte for byte.
    pub resource: Option<&'a ResourceUri>,
    /// Only to narrow; left out otherwise (RFC 6749 §6: same as granted). Some servers refuse it.
    pub scopes: Option<&'a ScopeSet>,
}

/// Sends the refresh token (RFC 6749 §6).
pub async fn refresh<H: Http>(
    http: &H,
    reach: &ReachRule,
    endpoint: &Endpoint,
    client: &Client,
    request: &Refresh<'_>,
) -> TokenOutcome {
    let mut parameters =
        vec![("grant_type", "refresh_token"), ("refresh_token", request.refresh_token.expose())];
    let scope = request.scopes.filter(|s| !s.is_empty()).map(ScopeSet::to_string);
    parameters.extend(scope.as_deref().map(|s| ("scope", s)));
    parameters.extend(request.resource.map(|r| ("resource", r.as_str())));
    ask(http, reach, endpoint, client, &parameters, Some(request.refresh_token)).await
}

async fn ask<H: Http>(
    http: &H,
    reach: &ReachRule,
    endpoint: &Endpoint,
    client: &Client,
    parameters: &[(&str, &str)],
    old: Option<&RefreshToken>,
) -> TokenOutcome {
    let answer = match client.request(Purpose::Token, reach, endpoint, None, parameters) {
        Ok(request) => http.send(request).await,
        Err(failure) => Err(failure),
    };
    match answer {
        Ok(response) => read(response, old),
        Err(failure @ (HttpFailure::NotSent(_) | HttpFailure::AddressRefused)) => {
            TokenOutcome::NotSent(failure)
        }
        Err(failure @ HttpFailure::Unknown(_)) => TokenOutcome::Unknown(failure),
        Err(HttpFailure::TooLarge { .. }) => TokenOutcome::Odd(Oddity::TooLarge),
    }
}

fn read(response: ::http::Response<Vec<u8>>, old: Option<&RefreshToken>) -> TokenOutcome {
    let status = response.status();
    if is_later(status) {
        return TokenOutcome::Later { status: status.as_u16(), retry_after: retry_after(&response) };
    }
    let mut body = response.into_body();
    let outcome = match Refusal::from_json(&body) {
        // Some servers put an error into a 200 (GitHub's OAuth apps do).
        Some(refusal) if !status.is_redirection() => refused(refusal, status.as_u16()),
        _ if status.is_success() => match tokens(&body, old) {
            Ok(tokens) => TokenOutcome::Granted(Box::new(tokens)),
            Err(oddity) => TokenOutcome::Odd(oddity),
        },
        _ => TokenOutcome::Odd(Oddity::Status(status.as_u16())),
    };
    body.zeroize();
    outcome
}

fn refused(refusal: Refusal, status: u16) -> TokenOutcome {
    match refusal.code {
        RefusalCode::InvalidGrant => TokenOutcome::Refused(refusal),
        RefusalCode::InvalidClient | RefusalCode::UnauthorizedClient => TokenOutcome::ClientGone(refusal),
        RefusalCode::TemporarilyUnavailable | RefusalCode::ServerError => {
            TokenOutcome::Later { status, retry_after: None }
        }
        _ => TokenOutcome::Odd(Oddity::Error(refusal)),
    }
}

fn tokens(body: &[u8], old: Option<&RefreshToken>) -> Result<TokenSet, Oddity> {
    let mut object = Object::parse(body).map_err(Oddity::Body)?;
    let access =
        take_token(&mut object, "access_token")?.ok_or(Oddity::Body(Malformed::Member("access_token")))?;
    let token_type = match object.text("token_type") {
        Some(text) if text.eq_ignore_ascii_case("bearer") => text.to_owned(),
        Some(_) => return Err(Oddity::TokenType),
        // REQUIRED by RFC 6749 §5.1, yet left out by some; a token without a type is sent as a bearer everywhere.
        None => "Bearer".to_owned(),
    };
    let new = take_token(&mut object, "refresh_token")?;
    let rotation = match (&new, old) {
        (Some(new), Some(old)) if old.matches(new) => Rotation::Kept,
        (Some(_), _) => Rotation::New,
        (None, Some(_)) => Rotation::Kept,
        (None, None) => Rotation::None,
    };
    // Zero says that there is no such bound (Keycloak's offline sessions), never that the token is born dead.
    let lifetime = |name: &str| object.seconds(name).filter(|s| *s > 0).map(|s| s.min(MAX_LIFETIME));
    let (expires_in, refresh_expires_in) = (
        lifetime("expires_in"),
        lifetime("refresh_expires_in").or_else(|| lifetime("refresh_token_expires_in")),
    );
    let scope = object.text("scope").map(ScopeSet::parse);
    Ok(TokenSet {
        access_token: AccessToken::new(access),
        token_type,
        expires_in,
        refresh_token: new.map(RefreshToken::new).or_else(|| old.cloned()),
        rotation,
        refresh_expires_in,
        scope,
        // Only a label hangs on it: one that is too long is left out, not a reason to lose the tokens.
        id_token: object.take_text("id_token").filter(|t| t.len() <= MAX_TOKEN).map(IdToken::new),
    })
}

/// A token's characters are checked because it goes into a header and a line of the local API (RFC 6749 Appendix A.12:
/// visible ASCII and blank).
fn take_token(object: &mut Object, name: &'static str) -> Result<Option<String>, Oddity> {
    match object.take_text(name) {
        Some(token) if token.len() > MAX_TOKEN => Err(Oddity::Body(Malformed::TooLong(name))),
        Some(token) if !token.bytes().all(|b| (0x20..=0x7e).contains(&b)) => {
            Err(Oddity::Body(Malformed::Member(name)))
        }
        token => Ok(token),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::client_auth::AuthMethod;
    use crate::http::{NotSent, Reach, Unknown};
    use crate::secret::{ClientSecret, CodeVerifier, State};
    use crate::server_metadata::IssSupport;
    use crate::testing::{Answer, Scripted, answer, answer_with, run};
    use crate::values::{ClientId, Issuer, RedirectUri, ServerUrl};

    fn reach() -> ReachRule {
        ReachRule::new(&ServerUrl::parse("https://mcp.example/mcp").unwrap())
    }

    fn public() -> Client {
        Client { id: ClientId::new("client"), secret: None, method: AuthMethod::None }
    }

    fn endpoint() -> Endpoint {
        Endpoint::check("https://as.example/token").unwrap()
    }

    fn outcome(answer: impl Fn() -> Answer + Send + Sync) -> TokenOutcome {
        let http = Scripted::new(|_| answer());
        let (resource, token) = (ResourceUri::new("https://mcp.example"), RefreshToken::new("old"));
        let request = Refresh { refresh_token: &token, resource: Some(&resource), scopes: None };
        run(refresh(&http, &reach(), &endpoint(), &public(), &request))
    }

    fn granted(body: &str) -> TokenSet {
        match outcome(|| answer(200, body)) {
            TokenOutcome::Granted(tokens) => *tokens,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn the_exchange_by_its_bytes() {
        let pending = PendingAuthorization {
            state: State::new("s"),
            verifier: CodeVerifier::new("verifier"),
            nonce: None,
            issuer: Issuer::new("https://as.example"),
            iss: IssSupport::Unannounced,
            redirect_uri: RedirectUri::new("io.github.mcp-login:/oauth/callback"),
            resource: Some(ResourceUri::new("https://MCP.example:443")),
            scopes: ScopeSet::parse("a"),
            created: 0,
        };
        let http = Scripted::new(|_| answer(200, r#"{"access_token":"at","token_type":"bearer"}"#));
        let client = Client {
            id: ClientId::new("client"),
            secret: Some(ClientSecret::new("se:cret")),
            method: AuthMethod::Basic,
        };
        let code = AuthorizationCode::new("co de");
        let outcome = run(exchange(&http, &reach(), &endpoint(), &client, &pending, &code));
        assert!(
            matches!(outcome, TokenOutcome::Granted(t) if t.rotation == Rotation::None && t.refresh_token.is_none())
        );
        let seen = http.only();
        assert_eq!(seen.line(), "POST https://as.example/token");
        assert_eq!((seen.purpose, seen.reach), (Purpose::Token, Reach::Public));
        assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(seen.header("authorization"), Some("Basic Y2xpZW50OnNlJTNBY3JldA=="));
        assert_eq!(
            seen.body,
            "grant_type=authorization_code&code=co+de&redirect_uri=io.github.mcp-login%3A%2Foauth%2Fcallback\
             &code_verifier=verifier&resource=https%3A%2F%2FMCP.example%3A443"
        );
    }

    #[test]
    fn the_refresh_by_its_bytes() {
        let http = Scripted::new(|_| answer(200, r#"{"access_token":"at","token_type":"Bearer"}"#));
        let (resource, token, scopes) =
            (ResourceUri::new("https://mcp.example"), RefreshToken::new("r+t"), ScopeSet::parse("a b"));
        for (resource, scopes) in [(Some(&resource), None), (None, Some(&scopes))] {
            let request = Refresh { refresh_token: &token, resource, scopes };
            run(refresh(&http, &reach(), &endpoint(), &public(), &request));
        }
        let bodies: Vec<String> = http.seen().into_iter().map(|s| s.body).collect();
        assert_eq!(
            bodies,
            [
                "grant_type=refresh_token&refresh_token=r%2Bt&resource=https%3A%2F%2Fmcp.example&client_id=client",
                "grant_type=refresh_token&refresh_token=r%2Bt&scope=a+b&client_id=client",
            ]
        );
    }

    #[test]
    fn rotation_keeps_the_old_token_when_none_comes() {
        for (member, rotation, newest) in [
            (r#","refresh_token":"new""#, Rotation::New, "new"),
            ("", Rotation::Kept, "old"),
            (r#","refresh_token":null"#, Rotation::Kept, "old"),
            (r#","refresh_token":"""#, Rotation::Kept, "old"),
            (r#","refresh_token":"old""#, Rotation::Kept, "old"),
        ] {
            let tokens = granted(&format!(r#"{{"access_token":"at","token_type":"Bearer"{member}}}"#));
            assert_eq!(tokens.rotation, rotation, "{member}");
            assert_eq!(tokens.refresh_token.unwrap().expose(), newest, "{member}");
        }
    }

    #[test]
    fn lifetimes_are_read_with_tolerance() {
        for (value, seconds) in [
            ("3600", Some(3600)),
            ("\"3600\"", Some(3600)),
            ("3599.9", Some(3599)),
            ("\" 60 \"", Some(60)),
            ("0", None),
            ("-5", None),
            ("null", None),
            ("\"soon\"", None),
            ("true", None),
            ("1e300", Some(MAX_LIFETIME)),
            ("18446744073709551615", Some(MAX_LIFETIME)),
        ] {
            let tokens = granted(&format!(
                r#"{{"access_token":"at","token_type":"Bearer","expires_in":{value},"refresh_token_expires_in":{value}}}"#
            ));
            assert_eq!((tokens.expires_in, tokens.refresh_expires_in), (seconds, seconds), "{value}");
        }
        let tokens =
            granted(r#"{"access_token":"at","scope":"b a","refresh_expires_in":9,"id_token":"i.d.t"}"#);
        assert_eq!(
            (tokens.expires_in, tokens.refresh_expires_in, tokens.token_type.as_str()),
            (None, Some(9), "Bearer")
        );
        assert_eq!(tokens.scope, Some(ScopeSet::parse("a b")));
        assert_eq!(tokens.id_token.unwrap().expose(), "i.d.t");
    }

    #[test]
    fn every_answer_has_its_place() {
        let place = |outcome: TokenOutcome| match outcome {
            TokenOutcome::Granted(_) => "granted".to_owned(),
            TokenOutcome::NotSent(_) => "not sent".to_owned(),
            TokenOutcome::Unknown(_) => "unknown".to_owned(),
            TokenOutcome::Refused(_) => "refused".to_owned(),
            TokenOutcome::ClientGone(_) => "client gone".to_owned(),
            TokenOutcome::Later { status, .. } => format!("later {status}"),
            TokenOutcome::Odd(oddity) => format!("odd {oddity:?}"),
        };
        let good = r#"{"access_token":"at","token_type":"BEARER"}"#;
        for (status, body, expected) in [
            (200, good, "granted"),
            (201, good, "granted"),
            (400, r#"{"error":"invalid_grant"}"#, "refused"),
            (401, r#"{"error":"invalid_grant","error_description":7}"#, "refused"),
            (200, r#"{"error":"invalid_grant"}"#, "refused"),
            (401, r#"{"error":"invalid_client"}"#, "client gone"),
            (400, r#"{"error":"unauthorized_client"}"#, "client gone"),
            (400, r#"{"error":"temporarily_unavailable"}"#, "later 400"),
            (408, "", "later 408"),
            (425, "", "later 425"),
            (429, r#"{"error":"invalid_grant"}"#, "later 429"),
            (500, "", "later 500"),
            (503, "<html>", "later 503"),
            (400, "", "odd Status(400)"),
            (400, "<html>invalid_grant</html>", "odd Status(400)"),
            (400, r#"{"message":"invalid_grant"}"#, "odd Status(400)"),
            (401, "", "odd Status(401)"),
            (302, good, "odd Status(302)"),
            (302, r#"{"error":"invalid_grant"}"#, "odd Status(302)"),
            (404, "{}", "odd Status(404)"),
            (200, "", "odd Body(NotJson)"),
            (200, "<html>", "odd Body(NotJson)"),
            (200, "[]", "odd Body(NotAnObject)"),
            (200, r#"{"token_type":"Bearer"}"#, "odd Body(Member(\"access_token\"))"),
            (200, r#"{"access_token":"a\r\nb","token_type":"Bearer"}"#, "odd Body(Member(\"access_token\"))"),
            (
                200,
                r#"{"access_token":"at","token_type":"Bearer","refresh_token":"ü"}"#,
                "odd Body(Member(\"refresh_token\"))",
            ),
            (200, r#"{"access_token":"at","token_type":"DPoP"}"#, "odd TokenType"),
        ] {
            assert_eq!(place(outcome(|| answer(status, body))), expected, "{status} {body}");
        }
        let scope = place(outcome(|| answer(400, r#"{"error":"invalid_scope"}"#)));
        assert!(scope.starts_with("odd Error("), "{scope}");
        let long = format!(r#"{{"access_token":"{}"}}"#, "a".repeat(MAX_TOKEN + 1));
        assert_eq!(place(outcome(|| answer(200, &long))), "odd Body(TooLong(\"access_token\"))");
        let deep = format!("{{\"access_token\":{}", "[".repeat(200_000));
        assert_eq!(place(outcome(|| answer(200, &deep))), "odd Body(NotJson)");
        assert_eq!(place(outcome(|| Err(HttpFailure::NotSent(NotSent::Connect)))), "not sent");
        assert_eq!(place(outcome(|| Err(HttpFailure::AddressRefused))), "not sent");
        assert_eq!(place(outcome(|| Err(HttpFailure::Unknown(Unknown::Timeout)))), "unknown");
        assert_eq!(place(outcome(|| Err(HttpFailure::TooLarge { limit: 9 }))), "odd TooLarge");
    }

    #[test]
    fn retry_after_is_kept() {
        for (value, seconds) in
            [("120", Some(120)), ("999999999", Some(86_400)), ("Wed, 21 Oct 2026 07:28:00 GMT", None)]
        {
            let outcome = outcome(|| answer_with(503, &[("retry-after", value)], ""));
            assert!(
                matches!(outcome, TokenOutcome::Later { status: 503, retry_after } if retry_after == seconds.map(Duration::from_secs)),
                "{value}"
            );
        }
    }

    #[test]
    fn nothing_secret_in_debug() {
        let tokens = granted(
            r#"{"access_token":"canary1","token_type":"Bearer","refresh_token":"canary2","id_token":"canary3"}"#,
        );
        assert!(!format!("{tokens:?}").contains("canary"));
        let odd = outcome(|| answer(200, r#"{"access_token":"canary","token_type":"canary"}"#));
        assert!(!format!("{odd:?}").contains("canary"));
    }
}
