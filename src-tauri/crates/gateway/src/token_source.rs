//! Whence the bearer comes.
//!
//! Problem: the gateway knows no accounts, approvals or sign-ins. Invariant: it asks for a token for each request, says
//! which generation the server refused, and keeps none.

use std::fmt;
use std::time::Duration;

use futures_core::future::BoxFuture;
use mcp_login_oauth::challenge::Challenge;
use secrecy::SecretString;

/// One account's tokens, for one client that may use them.
pub trait TokenSource: Send + Sync + 'static {
    /// The token to send now. `refused` is the generation that the server has just answered 401 to: a newer one is wanted.
    fn token(&self, refused: Option<u64>) -> BoxFuture<'_, Result<Bearer, Denied>>;

    /// The server wants more scopes (403 `insufficient_scope`; MCP authorization, Step-Up Authorization Flow) than the token of
    /// generation `refused` has. Announces that to the person and waits; `Ok`: there is a token with more scopes, try again.
    /// How long and how often is the implementation's to bound.
    fn step_up<'a>(&'a self, challenge: &'a Challenge, refused: u64) -> BoxFuture<'a, Result<(), Denied>>;

    /// Waits after [`DeniedKind::NeedsSignIn`] until it makes sense to ask [`TokenSource::token`] again, at most `patience`.
    fn signed_in(&self, patience: Duration) -> BoxFuture<'_, Result<(), Denied>>;
}

/// An access token and its generation. The scheme is always `Bearer`.
#[derive(Clone)]
pub struct Bearer {
    /// The access token.
    pub access: SecretString,
    /// The generation of the token set that it is of.
    pub generation: u64,
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeniedKind {
    /// A person has to sign in; waiting can help.
    NeedsSignIn,
    /// The person has not allowed this client to use the account.
    NotApproved,
    /// The server refuses fresh tokens.
    ServerRefuses,
    /// Offline, or the issuer is down: later it may work.
    Passing,
    /// Held up, by the person or to protect the account.
    Paused,
    /// The account is no more.
    Gone,
}

/// A refusal in words that go to the client.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{fact}")]
pub struct Denied {
    /// What can be done about it.
    pub kind: DeniedKind,
    /// A stable code, for programs.
    pub code: &'static str,
    /// What happened, in one sentence.
    pub fact: String,
    /// What to do, in one sentence.
    pub next: String,
}
