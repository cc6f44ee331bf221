//! Managing a dynamic registration: its deletion (RFC 7592 §2.3).
//!
//! Invariant: the registration access token goes to the address that came with it, over `https`, and nowhere else.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::http::{Http, HttpFailure, Purpose, ReachRule, Request, bearer, build, is_later, retry_after};
use crate::secret::RegistrationAccessToken;

/// RFC 7592 §3: where and how a registration is managed.
#[derive(Clone, Debug)]
pub struct Management {
    /// `registration_client_uri`.
    pub uri: Endpoint,
    /// `registration_access_token`.
    pub token: RegistrationAccessToken,
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
    use crate::testing::{Scripted, answer, run};
    use crate::values::ServerUrl;

    fn reach() -> ReachRule {
        ReachRule::new(&ServerUrl::parse("https://mcp.example").unwrap())
    }

    #[test]
    fn deletion() {
        let uri = Endpoint::check("https://as.example/register/c").unwrap();
        let management = Management { uri, token: RegistrationAccessToken::new("rat") };
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
    }
}
