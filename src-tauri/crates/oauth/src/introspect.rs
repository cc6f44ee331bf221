//! Introspection (RFC 7662): what the issuer itself says of a token.
//!
//! Invariant: "inactive" is said only when the issuer said `"active": false`; everything else, also a refusal to tell,
//! is an outcome of its own. The request always authenticates (§2.1): with the client's own method, or by naming a
//! public client, which many issuers refuse.

use std::time::Duration;

use crate::UnixSeconds;
use crate::client_auth::Client;
use crate::error::{Malformed, Refusal};
use crate::http::{Http, HttpFailure, Purpose, ReachRule, is_later, retry_after};
use crate::json::Object;
use crate::revoke::Revocable;
use crate::server_metadata::ServerMetadata;
use crate::text::ServerText;
use crate::values::ScopeSet;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntrospectionOutcome {
    /// `active` is `true`.
    Active(Box<Active>),
    /// `active` is `false`: expired, revoked, or not ours to ask about (RFC 7662 §2.2).
    Inactive,
    /// The issuer has no introspection endpoint.
    NotOffered,
    /// We may not ask (401, 403, or an error body).
    Refused(Refusal),
    /// 408, 425, 429, 5xx.
    Later {
        /// The status.
        status: u16,
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// No whole answer.
    Failed(HttpFailure),
    /// Not what RFC 7662 §2.2 asks for.
    Odd(Malformed),
}

/// What an issuer says of an active token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Active {
    /// `scope`.
    pub scope: Option<ScopeSet>,
    /// `exp`.
    pub expires_at: Option<UnixSeconds>,
    /// `username`.
    pub username: Option<ServerText>,
    /// `aud`.
    pub audience: Vec<ServerText>,
}

/// Asks the issuer about a token.
pub async fn introspect<H: Http>(
    http: &H,
    reach: &ReachRule,
    metadata: &ServerMetadata,
    client: &Client,
    token: Revocable<'_>,
) -> IntrospectionOutcome {
    let Some(endpoint) = &metadata.introspection_endpoint else { return IntrospectionOutcome::NotOffered };
    let listed = metadata.introspection_endpoint_auth_methods.as_deref();
    let parameters = [("token", token.expose()), ("token_type_hint", token.hint())];
    let response = match client.request(Purpose::Introspection, reach, endpoint, listed, &parameters) {
        Ok(request) => match http.send(request).await {
            Ok(response) => response,
            Err(failure) => return IntrospectionOutcome::Failed(failure),
        },
        Err(failure) => return IntrospectionOutcome::Failed(failure),
    };
    let status = response.status();
    if is_later(status) {
        return IntrospectionOutcome::Later { status: status.as_u16(), retry_after: retry_after(&response) };
    }
    if !status.is_success() {
        return match Refusal::from_json(response.body()) {
            Some(refusal) if status.is_client_error() => IntrospectionOutcome::Refused(refusal),
            _ if matches!(status.as_u16(), 401 | 403) => {
                IntrospectionOutcome::Refused(Refusal::new("", None, None))
            }
            _ => IntrospectionOutcome::Odd(Malformed::Status(status.as_u16())),
        };
    }
    let object = match Object::parse(response.body()) {
        Ok(object) => object,
        Err(fault) => return IntrospectionOutcome::Odd(fault),
    };
    match object.boolean("active") {
        Some(false) => IntrospectionOutcome::Inactive,
        Some(true) => IntrospectionOutcome::Active(Box::new(Active {
            scope: object.text("scope").map(ScopeSet::parse),
            expires_at: object.seconds("exp"),
            username: object.text("username").and_then(ServerText::non_empty),
            audience: object.text_or_texts("aud").iter().filter_map(|a| ServerText::non_empty(a)).collect(),
        })),
        None => IntrospectionOutcome::Odd(Malformed::Member("active")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::authorize::tests::metadata;
    use crate::client_auth::AuthMethod;
    use crate::secret::{AccessToken, ClientSecret};
    use crate::testing::{Scripted, Seen, answer, run};
    use crate::values::{ClientId, ServerUrl};

    fn ask(status: u16, body: &str) -> (IntrospectionOutcome, Vec<Seen>) {
        let http = Scripted::new(|_| answer(status, body));
        let reach = ReachRule::new(&ServerUrl::parse("https://mcp.example").unwrap());
        let metadata =
            metadata(serde_json::json!({"introspection_endpoint": "https://as.example/introspect"}));
        let client = Client {
            id: ClientId::new("client"),
            secret: Some(ClientSecret::new("s")),
            method: AuthMethod::Basic,
        };
        let token = AccessToken::new("at");
        let outcome = run(introspect(&http, &reach, &metadata, &client, Revocable::Access(&token)));
        (outcome, http.seen())
    }

    #[test]
    fn asks_with_client_authentication() {
        let (outcome, seen) = ask(
            200,
            r#"{"active":true,"scope":"a b","exp":"1700000000","username":"alice","aud":["x","y"]}"#,
        );
        assert_eq!(seen[0].line(), "POST https://as.example/introspect");
        assert_eq!(seen[0].body, "token=at&token_type_hint=access_token");
        assert_eq!(seen[0].header("authorization"), Some("Basic Y2xpZW50OnM="));
        let IntrospectionOutcome::Active(active) = outcome else { panic!("{outcome:?}") };
        assert_eq!((active.expires_at, active.scope), (Some(1_700_000_000), Some(ScopeSet::parse("a b"))));
        assert_eq!((active.username.unwrap().as_str(), active.audience.len()), ("alice", 2));
    }

    #[test]
    fn inactive_only_when_the_issuer_says_so() {
        use IntrospectionOutcome as O;
        for (status, body, expected) in [
            (200, r#"{"active":false}"#, O::Inactive),
            (200, r#"{"active":"false"}"#, O::Odd(Malformed::Member("active"))),
            (200, "{}", O::Odd(Malformed::Member("active"))),
            (200, "", O::Odd(Malformed::NotJson)),
            (400, r#"{"active":false}"#, O::Odd(Malformed::Status(400))),
            (404, "", O::Odd(Malformed::Status(404))),
            (302, "", O::Odd(Malformed::Status(302))),
            (401, r#"{"error":"invalid_client"}"#, O::Refused(Refusal::new("invalid_client", None, None))),
            (403, "", O::Refused(Refusal::new("", None, None))),
            (503, r#"{"active":false}"#, O::Later { status: 503, retry_after: None }),
        ] {
            assert_eq!(ask(status, body).0, expected, "{status} {body}");
        }
    }
}
