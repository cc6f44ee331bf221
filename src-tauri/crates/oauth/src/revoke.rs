//! Revocation (RFC 7009).
use crate::client_auth::Client;
use crate::error::Refusal;
use crate::http::{Http, HttpFailure, ReachRule};
use crate::secret::{AccessToken, RefreshToken};
use crate::server_metadata::ServerMetadata;
use std::time::Duration;

/// A token to revoke.
#[derive(Clone, Copy, Debug)]
pub enum Revocable<'a> {
    /// First: many servers take the access tokens with it.
    Refresh(&'a RefreshToken),
    /// Then this one.
    Access(&'a AccessToken),
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
    /// 408, 425, 429, 5xx.
    Later {
        /// The status.
        status: u16,
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// No whole answer: safe to repeat, as revoking twice is revoking once.
    Failed(HttpFailure),
    /// `invalid_client`: the registration is gone, and its tokens most likely with it.
    ClientGone(Refusal),
    /// Another definite error.
    Refused(Refusal),
    /// A status that RFC 7009 does not know.
    Odd {
        /// The status.
        status: u16,
    },
}

/// Revokes one token.
pub async fn revoke<H: Http>(
    http: &H,
    reach: &ReachRule,
    metadata: &ServerMetadata,
    client: &Client,
    token: Revocable<'_>,
) -> RevocationOutcome {
    let _ = (http, reach, metadata, client, token);
    todo!()
}
