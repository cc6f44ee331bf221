//! Revocation (RFC 7009).
//!
//! Problem: "signed out" is said too easily: a server answers 200 for tokens that it never knew (§2.2). Invariant: the
//! outcome says what the server did, no more; [`RevocationOutcome::Accepted`] is not yet a proof. Revoking twice is
//! revoking once, so every failure may be repeated.

use std::time::Duration;

use crate::client_auth::Client;
use crate::error::{Refusal, RefusalCode};
use crate::http::{Http, HttpFailure, Purpose, ReachRule, is_later, retry_after};
use crate::secret::{AccessToken, RefreshToken};
use crate::server_metadata::ServerMetadata;

/// A token to revoke.
#[derive(Clone, Copy, Debug)]
pub enum Revocable<'a> {
    /// First: many servers take the access tokens with it (RFC 7009 §2.1).
    Refresh(&'a RefreshToken),
    /// Then this one.
    Access(&'a AccessToken),
}

impl Revocable<'_> {
    pub(crate) fn expose(&self) -> &str {
        match self {
            Revocable::Refresh(token) => token.expose(),
            Revocable::Access(token) => token.expose(),
        }
    }

    /// `token_type_hint` (RFC 7009 §2.1).
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Revocable::Refresh(_) => "refresh_token",
            Revocable::Access(_) => "access_token",
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationOutcome {
    /// 200: the server took it. It also says so for a token that it does not know (RFC 7009 §2.2).
    Accepted,
    /// The issuer has no revocation endpoint.
    NotOffered,
    /// `unsupported_token_type` (RFC 7009 §2.2.1).
    UnsupportedTokenType,
    /// 408, 425, 429, 5xx (RFC 7009 §2.2.1 names 503 with `Retry-After`).
    Later {
        /// The status.
        status: u16,
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// No whole answer: safe to repeat, as revoking twice is revoking once.
    Failed(HttpFailure),
    /// `invalid_client` or `unauthorized_client`: the registration is gone, and its tokens most likely with it.
    ClientGone(Refusal),
    /// Another definite error.
    Refused(Refusal),
    /// A status that RFC 7009 does not know.
    Odd {
        /// The status.
        status: u16,
    },
}

/// Revokes one token. A public client names itself with `client_id` (RFC 7009 §2.1).
pub async fn revoke<H: Http>(
    http: &H,
    reach: &ReachRule,
    metadata: &ServerMetadata,
    client: &Client,
    token: Revocable<'_>,
) -> RevocationOutcome {
    let Some(endpoint) = &metadata.revocation_endpoint else { return RevocationOutcome::NotOffered };
    let listed = metadata.revocation_endpoint_auth_methods.as_deref();
    let parameters = [("token", token.expose()), ("token_type_hint", token.hint())];
    let response = match client.request(Purpose::Revocation, reach, endpoint, listed, &parameters) {
        Ok(request) => match http.send(request).await {
            Ok(response) => response,
            Err(failure) => return RevocationOutcome::Failed(failure),
        },
        Err(failure) => return RevocationOutcome::Failed(failure),
    };
    let status = response.status();
    if is_later(status) {
        return RevocationOutcome::Later { status: status.as_u16(), retry_after: retry_after(&response) };
    }
    match Refusal::from_json(response.body()) {
        Some(refusal) if !status.is_redirection() => match refusal.code {
            RefusalCode::UnsupportedTokenType => RevocationOutcome::UnsupportedTokenType,
            RefusalCode::InvalidClient | RefusalCode::UnauthorizedClient => {
                RevocationOutcome::ClientGone(refusal)
            }
            _ => RevocationOutcome::Refused(refusal),
        },
        _ if status.is_success() => RevocationOutcome::Accepted,
        _ => RevocationOutcome::Odd { status: status.as_u16() },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::authorize::tests::metadata;
    use crate::client_auth::AuthMethod;
    use crate::http::Unknown;
    use crate::secret::ClientSecret;
    use crate::testing::{Answer, Scripted, answer, answer_with, run};
    use crate::values::{ClientId, ServerUrl};

    fn try_it(
        client: &Client,
        extra: serde_json::Value,
        token: Revocable<'_>,
        reply: impl Fn() -> Answer + Send + Sync,
    ) -> (RevocationOutcome, Vec<crate::testing::Seen>) {
        let http = Scripted::new(|_| reply());
        let reach = ReachRule::new(&ServerUrl::parse("https://mcp.example").unwrap());
        let outcome = run(revoke(&http, &reach, &metadata(extra), client, token));
        (outcome, http.seen())
    }

    fn public() -> Client {
        Client { id: ClientId::new("client"), secret: None, method: AuthMethod::None }
    }

    #[test]
    fn both_tokens_by_their_bytes() {
        let endpoint = serde_json::json!({"revocation_endpoint": "https://as.example/revoke"});
        let (refresh, access) = (RefreshToken::new("r t"), AccessToken::new("a+t"));
        for (token, body) in [
            (Revocable::Refresh(&refresh), "token=r+t&token_type_hint=refresh_token&client_id=client"),
            (Revocable::Access(&access), "token=a%2Bt&token_type_hint=access_token&client_id=client"),
        ] {
            let (outcome, seen) = try_it(&public(), endpoint.clone(), token, || answer(200, ""));
            assert_eq!(outcome, RevocationOutcome::Accepted);
            assert_eq!(
                (seen[0].line().as_str(), seen[0].body.as_str(), seen[0].purpose),
                ("POST https://as.example/revoke", body, Purpose::Revocation)
            );
        }
        let confidential =
            Client { secret: Some(ClientSecret::new("s")), method: AuthMethod::Post, ..public() };
        let basic = serde_json::json!({"revocation_endpoint": "https://as.example/revoke", "revocation_endpoint_auth_methods_supported": ["client_secret_basic"]});
        let (_, seen) = try_it(&confidential, basic, Revocable::Access(&access), || answer(200, ""));
        assert_eq!(seen[0].header("authorization"), Some("Basic Y2xpZW50OnM="));
        assert_eq!(seen[0].body, "token=a%2Bt&token_type_hint=access_token");
    }

    #[test]
    fn every_answer_has_its_place() {
        use RevocationOutcome as O;
        let refusal = |code: &str| Refusal::new(code, None, None);
        for (status, body, expected) in [
            (200, "", O::Accepted),
            (204, "", O::Accepted),
            (200, "<html>", O::Accepted),
            (400, r#"{"error":"unsupported_token_type"}"#, O::UnsupportedTokenType),
            (401, r#"{"error":"invalid_client"}"#, O::ClientGone(refusal("invalid_client"))),
            (400, r#"{"error":"invalid_request"}"#, O::Refused(refusal("invalid_request"))),
            (400, "", O::Odd { status: 400 }),
            (404, "", O::Odd { status: 404 }),
            (302, "", O::Odd { status: 302 }),
            (500, "", O::Later { status: 500, retry_after: None }),
            (429, "", O::Later { status: 429, retry_after: None }),
        ] {
            let endpoint = serde_json::json!({"revocation_endpoint": "https://as.example/revoke"});
            let token = RefreshToken::new("t");
            let (outcome, _) =
                try_it(&public(), endpoint, Revocable::Refresh(&token), || answer(status, body));
            assert_eq!(outcome, expected, "{status} {body}");
        }
        let endpoint = serde_json::json!({"revocation_endpoint": "https://as.example/revoke"});
        let token = RefreshToken::new("t");
        let (outcome, _) = try_it(&public(), endpoint.clone(), Revocable::Refresh(&token), || {
            answer_with(503, &[("retry-after", "7")], "")
        });
        assert_eq!(outcome, O::Later { status: 503, retry_after: Some(Duration::from_secs(7)) });
        let (outcome, _) = try_it(&public(), endpoint, Revocable::Refresh(&token), || {
            Err(HttpFailure::Unknown(Unknown::Closed))
        });
        assert_eq!(outcome, O::Failed(HttpFailure::Unknown(Unknown::Closed)));
    }

    #[test]
    fn no_endpoint_no_request() {
        let token = RefreshToken::new("t");
        let (outcome, seen) =
            try_it(&public(), serde_json::json!({}), Revocable::Refresh(&token), || answer(200, ""));
        assert_eq!((outcome, seen.len()), (RevocationOutcome::NotOffered, 0));
    }
}
