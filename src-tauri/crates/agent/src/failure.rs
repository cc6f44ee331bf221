//! Why the core did not do what it was asked. Each kind has one stable code; the words for people are in the local API's table.

use std::sync::Arc;
use std::time::Duration;

use mcp_login_oauth::http::HttpFailure;
use mcp_login_oauth::token::Oddity;

use crate::accounts::NameError;
use crate::disk;

/// Each maps to a stable code of the local API.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No account of this name, id or address.
    #[error("no such account")]
    NoSuchAccount,
    /// An address with several accounts.
    #[error("several accounts are at this server: {0:?}")]
    Ambiguous(Vec<String>),
    /// A name that cannot be had.
    #[error("{0}")]
    Name(#[from] NameError),
    /// Only a sign-in helps.
    #[error("the account needs a sign-in: {0}")]
    NeedsSignIn(Reason),
    /// It refused two fresh tokens in a row.
    #[error("the server refuses fresh tokens")]
    ServerRefuses,
    /// A sign-out has begun.
    #[error("the account is being signed out")]
    Leaving,
    /// The server names another issuer now.
    #[error("the server names another issuer")]
    IssuerChanged,
    /// A new token set could not be stored; it is kept in memory and tried again.
    #[error("a new token could not be stored yet: {0}")]
    Unsaved(mcp_login_vault::Error),
    /// The vault.
    #[error("{0}")]
    Vault(#[from] mcp_login_vault::Error),
    /// A stored token set that cannot be read.
    #[error("the stored token set cannot be read")]
    Unreadable,
    /// A state file.
    #[error("{0}")]
    Disk(Arc<disk::Error>),
    /// The issuer could not be reached.
    #[error("{0}")]
    NotSent(HttpFailure),
    /// The issuer was asked and gave no answer.
    #[error("{0}")]
    NoAnswer(HttpFailure),
    /// The issuer said: not now.
    #[error("the issuer answered {status}")]
    Later {
        /// HTTP status.
        status: u16,
        /// Its wish.
        retry_after: Option<Duration>,
    },
    /// The issuer's answer is neither a token nor a refusal.
    #[error("the issuer's answer makes no sense")]
    Odd(Oddity),
    /// The attempt goes on; the caller has waited long enough.
    #[error("the issuer has not answered yet")]
    Waiting,
    /// The answer would be another person's.
    #[error("no random numbers from the system")]
    Random,
    /// An attempt ended by a panic. A bug of ours; the account is left as it was.
    #[error("the attempt ended unexpectedly")]
    Broken,
}

impl Failure {
    /// Whether a new sign-in that ended so has certainly left nothing in the vault.
    #[must_use]
    pub(crate) fn kept_nothing(&self) -> bool {
        match self {
            Failure::Name(_) | Failure::Leaving | Failure::NoSuchAccount => true,
            Failure::Vault(error) => error.written() == mcp_login_vault::Written::No,
            _ => false,
        }
    }

    /// Whether only a person's sign-in helps.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        matches!(self, Failure::NeedsSignIn(_) | Failure::IssuerChanged)
    }

    /// Whether it lies between us and the issuer, and may pass by itself.
    #[must_use]
    pub fn is_the_networks(&self) -> bool {
        matches!(self, Failure::NotSent(_) | Failure::NoAnswer(_) | Failure::Later { .. } | Failure::Odd(_))
    }
}

/// Why a sign-in is needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// `invalid_grant`.
    #[error("the issuer no longer accepts the sign-in")]
    InvalidGrant,
    /// `invalid_grant` to a refresh token that an earlier request, whose answer never came, may have spent.
    #[error("the answer to a renewal was lost on the way, and the issuer takes no refresh token twice")]
    AnswerLost,
    /// `invalid_client`, `unauthorized_client`.
    #[error("the issuer no longer knows this program")]
    InvalidClient,
    /// The issuer gave no refresh token, and the access token is of no use any more.
    #[error("the issuer gave no refresh token")]
    NoRefreshToken,
    /// Three odd answers in ten minutes.
    #[error("the issuer's answers made no sense three times")]
    OddAnswers,
    /// The vault has no tokens for it.
    #[error("the keychain has no tokens for it")]
    NoTokens,
    /// The vault's tokens are another issuer's.
    #[error("the stored tokens are another issuer's")]
    OtherIssuer,
    /// The vault's item is damaged.
    #[error("the stored tokens are damaged")]
    Damaged,
}

impl Reason {
    /// The stable word, kept in `accounts.json`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Reason::InvalidGrant => "invalid_grant",
            Reason::AnswerLost => "answer_lost",
            Reason::InvalidClient => "invalid_client",
            Reason::NoRefreshToken => "no_refresh_token",
            Reason::OddAnswers => "odd_answers",
            Reason::NoTokens => "no_tokens",
            Reason::OtherIssuer => "other_issuer",
            Reason::Damaged => "damaged",
        }
    }

    /// Reads what [`Reason::word`] wrote; whatever a later version may have written needs a sign-in all the same.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "answer_lost" => Reason::AnswerLost,
            "invalid_client" => Reason::InvalidClient,
            "no_refresh_token" => Reason::NoRefreshToken,
            "odd_answers" => Reason::OddAnswers,
            "no_tokens" => Reason::NoTokens,
            "other_issuer" => Reason::OtherIssuer,
            "damaged" => Reason::Damaged,
            _ => Reason::InvalidGrant,
        }
    }
}

impl From<disk::Error> for Failure {
    fn from(error: disk::Error) -> Self {
        Failure::Disk(Arc::new(error))
    }
}
