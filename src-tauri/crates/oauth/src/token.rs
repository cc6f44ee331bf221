//! The token endpoint (RFC 6749 §4.1.3, §5, §6).
use crate::authorize::PendingAuthorization;
use crate::client_auth::Client;
use crate::endpoint::Endpoint;
use crate::error::{Malformed, Refusal};
use crate::http::{Http, HttpFailure, ReachRule};
use crate::secret::{AccessToken, AuthorizationCode, IdToken, RefreshToken};
use crate::values::{ResourceUri, ScopeSet};
use std::time::Duration;

/// What a token endpoint gave (RFC 6749 §5.1).
#[derive(Clone, Debug)]
pub struct TokenSet {
    /// `access_token`.
    pub access_token: AccessToken,
    /// `token_type` as the server spelled it; always a bearer.
    pub token_type: String,
    /// Seconds; `None` if the server does not say.
    pub expires_in: Option<u64>,
    /// The refresh token that counts from now on: a new one, or the old one if none came.
    pub refresh_token: Option<RefreshToken>,
    /// Whether it is new.
    pub rotation: Rotation,
    /// `refresh_expires_in` or `refresh_token_expires_in`, seconds.
    pub refresh_expires_in: Option<u64>,
    /// `scope`; `None` means: as asked (RFC 6749 §5.1).
    pub scope: Option<ScopeSet>,
    /// `id_token`.
    pub id_token: Option<IdToken>,
}

/// Where the refresh token of a [`TokenSet`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// From this answer.
    New,
    /// From the request (RFC 6749 §6): none came.
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

/// Sends the code.
pub async fn exchange<H: Http>(
    http: &H,
    reach: &ReachRule,
    endpoint: &Endpoint,
    client: &Client,
    pending: &PendingAuthorization,
    code: &AuthorizationCode,
) -> TokenOutcome {
    let _ = (http, reach, endpoint, client, pending, code);
    todo!()
}

/// What a refresh needs.
#[derive(Clone, Copy, Debug)]
pub struct Refresh<'a> {
    /// Newest refresh token.
    pub refresh_token: &'a RefreshToken,
    /// The same as in the authorization request, byte for byte.
    pub resource: Option<&'a ResourceUri>,
    /// Only to narrow; left out otherwise (RFC 6749 §6: same as granted).
    pub scopes: Option<&'a ScopeSet>,
}

/// Sends the refresh token.
pub async fn refresh<H: Http>(
    http: &H,
    reach: &ReachRule,
    endpoint: &Endpoint,
    client: &Client,
    request: &Refresh<'_>,
) -> TokenOutcome {
    let _ = (http, reach, endpoint, client, request);
    todo!()
}
