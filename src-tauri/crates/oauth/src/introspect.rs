//! Introspection (RFC 7662).
use crate::UnixSeconds;
use crate::client_auth::Client;
use crate::error::{Malformed, Refusal};
use crate::http::{Http, HttpFailure, ReachRule};
use crate::revoke::Revocable;
use crate::server_metadata::ServerMetadata;
use crate::text::ServerText;
use crate::values::ScopeSet;
use std::time::Duration;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntrospectionOutcome {
    /// `active` is `true`.
    Active(Box<Active>),
    /// `active` is `false`: expired, revoked, or not ours to ask about.
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
    let _ = (http, reach, metadata, client, token);
    todo!()
}
