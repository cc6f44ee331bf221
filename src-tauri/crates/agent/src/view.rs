//! The core's state in the local API's words.

use mcp_login_ipc::api;
use mcp_login_ipc::codes::Code;
use mcp_login_oauth::http::{HttpFailure, NotSent, TlsFault, Unknown};
use mcp_login_oauth::registration::RegistrationKind;
use mcp_login_vault::Error as VaultError;

use crate::accounts::{NameError, RedirectKind};
use crate::core::{Core, Inner};
use crate::disk;
use crate::failure::{Failure, Reason};
use crate::id::AccountId;
use crate::state::{Snapshot, Standing};

impl Failure {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Failure::NoSuchAccount => Code::NoSuchAccount,
            Failure::Ambiguous(_) => Code::AmbiguousAccount,
            Failure::Name(NameError::Unsafe) => Code::BadName,
            Failure::Name(NameError::Taken) => Code::NameTaken,
            Failure::NeedsSignIn(Reason::NoRefreshToken) => Code::TokenExpired,
            Failure::NeedsSignIn(_) => Code::NeedsSignIn,
            Failure::ServerRefuses => Code::ServerRefuses,
            Failure::Leaving => Code::Leaving,
            Failure::IssuerChanged => Code::IssuerChanged,
            Failure::Unsaved(_) => Code::Unsaved,
            Failure::Vault(error) => vault_code(error),
            Failure::Unreadable => Code::KeychainCorrupt,
            Failure::Disk(error) => match **error {
                disk::Error::Newer { .. } => Code::FileNewer,
                disk::Error::Io { .. } => Code::FileUnwritable,
            },
            Failure::NotSent(failure) | Failure::NoAnswer(failure) => http_code(*failure),
            Failure::Later { status: 429, .. } => Code::RateLimited,
            Failure::Later { .. } => Code::ServerTrouble,
            Failure::Odd(_) => Code::TokenAnswer,
            Failure::Waiting => Code::TimedOut,
            Failure::Random | Failure::Broken => Code::Internal,
        }
    }
}

impl Reason {
    /// The code that says why a sign-in is needed.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Reason::InvalidGrant => Code::InvalidGrant,
            Reason::AnswerLost => Code::OutcomeUnknown,
            Reason::InvalidClient => Code::InvalidClient,
            Reason::NoRefreshToken => Code::TokenExpired,
            Reason::OddAnswers => Code::TokenAnswer,
            Reason::NoTokens | Reason::Damaged => Code::KeychainCorrupt,
            Reason::OtherIssuer => Code::IssuerChanged,
        }
    }
}

/// The code of a vault error.
#[must_use]
pub fn vault_code(error: &VaultError) -> Code {
    match error {
        VaultError::Locked => Code::KeychainLocked,
        VaultError::Dismissed => Code::KeychainDismissed,
        VaultError::Denied => Code::KeychainDenied,
        VaultError::Absent { .. } => Code::KeychainAbsent,
        VaultError::Corrupt { .. } => Code::KeychainCorrupt,
        VaultError::Newer { .. } => Code::FileNewer,
        VaultError::TooLong { .. } => Code::KeychainTooLong,
        VaultError::Stale { .. } => Code::KeychainStale,
        VaultError::Deadline { .. } => Code::KeychainDeadline,
        _ => Code::KeychainFailed,
    }
}

/// The code of a request without an answer.
#[must_use]
pub fn http_code(failure: HttpFailure) -> Code {
    match failure {
        HttpFailure::NotSent(NotSent::Tls(TlsFault::Expired)) => Code::CertificateExpired,
        HttpFailure::NotSent(NotSent::Tls(TlsFault::WrongHost)) => Code::CertificateWrongHost,
        HttpFailure::NotSent(NotSent::Tls(TlsFault::Untrusted)) => Code::CertificateUntrusted,
        HttpFailure::NotSent(NotSent::Tls(TlsFault::Handshake)) => Code::TlsFailed,
        HttpFailure::NotSent(NotSent::Proxy) => Code::ProxyFailed,
        HttpFailure::NotSent(NotSent::Timeout) | HttpFailure::Unknown(Unknown::Timeout) => Code::TimedOut,
        HttpFailure::NotSent(_) => Code::Offline,
        HttpFailure::Unknown(_) => Code::OutcomeUnknown,
        HttpFailure::TooLarge { .. } => Code::AnswerTooLarge,
        HttpFailure::AddressRefused => Code::AddressRefused,
    }
}

impl Core {
    /// One account, as the local API shows it.
    ///
    /// # Errors
    /// [`Failure::NoSuchAccount`].
    pub fn view(&self, id: &AccountId) -> Result<api::Account, Failure> {
        let cell = self.0.cell(id)?;
        let now = self.0.clock.now();
        let next = if self.paused() { None } else { cell.due(now).map(|wait| now.unix() + wait.as_secs()) };
        Ok(self.0.show(&cell.snapshot(), next))
    }

    /// All accounts, by name.
    #[must_use]
    pub fn views(&self) -> Vec<api::Account> {
        self.accounts().iter().filter_map(|snapshot| self.view(&snapshot.account.id).ok()).collect()
    }
}

impl Inner {
    fn show(&self, snapshot: &Snapshot, next_rotation_at: Option<u64>) -> api::Account {
        let account = &snapshot.account;
        let (state, code) = self.state(snapshot);
        let ends = match state {
            // It has ended.
            api::AccountState::NeedsSignIn | api::AccountState::Leaving => None,
            _ => account.ending.end(account.signed_in_at, self.clock.now().unix()),
        };
        let registration = self.registrations.get(&account.registration);
        api::Account {
            id: account.id.as_str().to_owned(),
            name: account.name.clone(),
            server: account.server.to_string(),
            resource: account.resource.clone().unwrap_or_else(|| account.server.to_string()),
            issuer: account.issuer().to_owned(),
            label: account.label.clone(),
            scope: account.scope.clone(),
            asked_scope: account.asked_scope.clone(),
            state,
            code: code.map(|code| code.row().code.to_owned()),
            generation: snapshot.generation,
            expires_at: snapshot.tokens.as_ref().and_then(|tokens| tokens.life.expires_at()),
            next_rotation_at,
            last_rotation_at: snapshot.last_rotation_at,
            signed_in_at: account.signed_in_at,
            ends_at: ends.map(|(at, _)| at),
            ends_by: ends.map(|(_, by)| by),
            registration: api::RegistrationView {
                kind: match registration.as_ref().map(|r| r.kind) {
                    Some(RegistrationKind::Preregistered) => api::RegistrationKind::PreRegistered,
                    Some(RegistrationKind::MetadataDocument) => api::RegistrationKind::MetadataDocument,
                    Some(RegistrationKind::Dynamic) | None => api::RegistrationKind::Dynamic,
                },
                client_id: registration.as_ref().map(|r| r.client_id.clone()).unwrap_or_default(),
            },
            redirect_kind: match registration.as_ref().map(|r| r.redirect) {
                Some(RedirectKind::Scheme) => api::RedirectKind::Scheme,
                Some(RedirectKind::Localhost) => api::RedirectKind::Localhost,
                Some(RedirectKind::Exact) => api::RedirectKind::Exact,
                Some(RedirectKind::Loopback) | None => api::RedirectKind::Loopback,
            },
            revocation: match account.metadata.revocation_endpoint {
                Some(_) => api::Revocation::Offered,
                None => api::Revocation::NotOffered,
            },
            issuer_change: account
                .issuer_change
                .as_ref()
                .map(|change| api::IssuerChange { old: change.old.clone(), new: change.new.clone() }),
        }
    }

    /// The one word for what holds, the gravest first.
    fn state(&self, snapshot: &Snapshot) -> (api::AccountState, Option<Code>) {
        use api::AccountState as State;
        match &snapshot.standing {
            Standing::Leaving => return (State::Leaving, None),
            Standing::NeedsSignIn(Failure::NeedsSignIn(reason)) => {
                return (State::NeedsSignIn, Some(reason.code()));
            }
            Standing::NeedsSignIn(failure) => return (State::NeedsSignIn, Some(failure.code())),
            Standing::ServerRefuses => return (State::ServerRefuses, Some(Code::ServerRefuses)),
            Standing::NotLoaded(failure) => {
                return (State::VaultUnavailable, failure.as_ref().map(Failure::code));
            }
            Standing::Good => {}
        }
        if let Some(trouble) = &snapshot.trouble {
            let code = Some(trouble.failure.code());
            return match trouble.failure {
                Failure::Unsaved(_) => (State::Unsaved, code),
                Failure::Vault(_) => (State::VaultUnavailable, code),
                _ => (State::Offline, code),
            };
        }
        if snapshot.account.issuer_change.is_some() {
            return (State::IssuerChanged, Some(Code::IssuerChanged));
        }
        let expired = snapshot.tokens.as_ref().is_some_and(|tokens| {
            tokens.refresh.is_none() && !tokens.life.usable(self.clock.now(), std::time::Duration::ZERO)
        });
        // Without a refresh token nothing but a sign-in helps once it has expired.
        if expired { (State::NeedsSignIn, Some(Code::TokenExpired)) } else { (State::Ready, None) }
    }
}
