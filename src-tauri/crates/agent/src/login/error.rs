//! Why a sign-in ended without tokens.

use crate::failure::Failure;
use crate::managed::Forbidden;
use mcp_login_oauth::discovery::DiscoveryFailure;
use mcp_login_oauth::token::TokenOutcome;
use mcp_login_oauth::{Error as OauthError, Issuer};

/// Each has a code of the local API, which has the words for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The protocol.
    #[error(transparent)]
    Oauth(#[from] OauthError),
    /// Discovery, with its steps.
    #[error(transparent)]
    Discovery(#[from] Box<DiscoveryFailure>),
    /// The token endpoint gave no tokens for the code.
    #[error("the token endpoint gave no tokens")]
    Exchange(Box<TokenOutcome>),
    /// The state or the keychain.
    #[error(transparent)]
    Core(Failure),
    /// The server names another issuer than the account's. Nothing stored was sent there.
    #[error("the server names another issuer")]
    IssuerChanged {
        /// The account's.
        old: Issuer,
        /// The server's.
        new: Issuer,
    },
    /// Somebody else came back.
    #[error("another person signed in")]
    AnotherPerson {
        /// The account's.
        was: String,
        /// The one who came.
        now: String,
    },
    /// No loopback port.
    #[error("no loopback port could be had")]
    Listener(#[source] std::io::Error),
    /// No kind of redirect is left to try.
    #[error("no redirect is left to try")]
    NoRedirect,
    /// A pre-registered client with a redirect that cannot come home here.
    #[error("the redirect URI {uri} leads elsewhere")]
    RedirectNotOurs {
        /// As the person wrote it.
        uri: String,
    },
    /// The person gave up.
    #[error("the sign-in was cancelled")]
    Cancelled,
    /// Ten minutes are over.
    #[error("nobody came back from the browser in time")]
    Expired,
    /// See [`super::MAX_WAITING`].
    #[error("too many sign-ins are waiting")]
    TooMany,
    /// The computer's policy says no.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It is over, or never was.
    #[error("no such sign-in")]
    NoSuchSignIn,
}
