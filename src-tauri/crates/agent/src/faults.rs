//! From our errors to the one table of codes that people and programs see.
//!
//! Invariant: every error ends in a row of the table, with what its sentences need filled in; what a server said goes in
//! as bounded text, and nothing secret goes in at all.

use crate::accounts::NameError;
use crate::approvals::ApprovalError;
use crate::disk;
use crate::failure::{Failure, Reason};
use crate::login::LoginError;
use crate::view::http_code;
use mcp_login_ipc::{Code, Fault};
use mcp_login_oauth::error::{CallbackFault, Error as OauthError, IdTokenFault, Refusal, RegistrationRemedy};
use mcp_login_oauth::http::{HttpFailure, Unknown};
use mcp_login_oauth::token::{Oddity, TokenOutcome};
use mcp_login_vault::Error as VaultError;

/// A network failure; the caller knows the host.
fn http(failure: &HttpFailure) -> Fault {
    let code = match failure {
        // Nothing was at stake here, and nobody asks again by himself.
        HttpFailure::Unknown(Unknown::Closed | Unknown::Protocol) => Code::OddAnswer,
        other => http_code(*other),
    };
    let fault = Fault::new(code);
    match failure {
        HttpFailure::NotSent(why) => fault.detail("reason", why.to_string()),
        HttpFailure::Unknown(why) => fault.detail("reason", why.to_string()),
        HttpFailure::TooLarge { limit } => fault.detail("limit", format!("{limit} bytes")),
        HttpFailure::AddressRefused => fault,
    }
}

/// "Not now".
fn later(status: u16, retry_after: Option<std::time::Duration>) -> Fault {
    if status != 429 {
        return Fault::new(Code::ServerTrouble).detail("status", status);
    }
    let fault = Fault::new(Code::RateLimited);
    match retry_after {
        Some(wait) => fault.detail("retry_after", format!("{} seconds", wait.as_secs())),
        None => fault,
    }
}

/// What a server said, under its own code when that is one of the RFCs', else under `otherwise`.
fn refusal(refusal: &Refusal, otherwise: Code) -> Fault {
    let said = refusal.code.as_str();
    let known = Code::from_server(said);
    let mut fault = Fault::new(known.unwrap_or(otherwise));
    let reason = match &refusal.description {
        Some(description) => format!("{said} ({})", description.as_str()),
        None => said.to_owned(),
    };
    fault = fault.detail("reason", reason).detail("error", said);
    if let Some(description) = &refusal.description {
        fault = fault.detail("error_description", description.as_str());
    }
    if let Some(uri) = &refusal.uri {
        fault = fault.detail("error_uri", uri.as_str());
    }
    fault
}

fn oauth(error: &OauthError) -> Fault {
    match error {
        OauthError::ServerUrl(why) => Fault::new(Code::BadUrl).detail("reason", why.to_string()),
        OauthError::Random => Fault::new(Code::Internal).detail("reason", "the system gave no random bytes"),
        OauthError::Http { host, failure, .. } => http(failure).detail("host", host.as_str()),
        OauthError::Later { host, status, retry_after, .. } => {
            later(*status, *retry_after).detail("host", host.as_str())
        }
        OauthError::Malformed { .. } => Fault::new(Code::BadMetadata).detail("reason", error.to_string()),
        OauthError::ResourceMismatch { server, resource } => Fault::new(Code::ResourceMismatch)
            .detail("server", server.as_str())
            .detail("resource", resource.as_str()),
        OauthError::NoAuthorizationServer { server } => {
            Fault::new(Code::NoAuthorizationServer).detail("server", server.as_str())
        }
        OauthError::NoSignInOffered { server } => {
            Fault::new(Code::NoSignInNeeded).detail("server", server.as_str())
        }
        OauthError::NoMetadata { issuer } => Fault::new(Code::NoMetadata).detail("issuer", issuer.as_str()),
        OauthError::IssuerMismatch { asked, found } => Fault::new(Code::MetadataMismatch)
            .detail("issuer", asked.as_str())
            .detail("found", found.as_str()),
        OauthError::EndpointRefused { .. } => {
            Fault::new(Code::BadMetadata).detail("reason", error.to_string())
        }
        OauthError::PkceNotAnnounced { issuer } => {
            Fault::new(Code::PkceMissing).detail("issuer", issuer.as_str())
        }
        OauthError::RegistrationNotOffered { issuer } => {
            Fault::new(Code::RegistrationNeeded).detail("issuer", issuer.as_str())
        }
        OauthError::RegistrationElsewhere { issuer, registered_at } => {
            Fault::new(Code::RegistrationElsewhere)
                .detail("issuer", issuer.as_str())
                .detail("registered_at", registered_at.as_str())
        }
        OauthError::RegistrationRefused {
            remedy: RegistrationRemedy::NextRedirect, refusal: said, ..
        } => {
            let known = Code::from_server(said.code.as_str());
            refusal(said, known.unwrap_or(Code::RedirectRefused))
        }
        // Its code would be `invalid_token`, as if it were about an account's.
        OauthError::RegistrationRefused {
            remedy: RegistrationRemedy::InitialAccessToken,
            refusal: said,
            ..
        } => Fault::new(Code::RegistrationTokenNeeded).detail("error", said.code.as_str()),
        OauthError::RegistrationRefused { refusal: said, .. } => refusal(said, Code::RegistrationRefused),
        OauthError::RegistrationAnswer(why) => {
            Fault::new(Code::RegistrationRefused).detail("reason", why.to_string())
        }
        OauthError::Callback(why) => callback(*why),
        OauthError::AuthorizationRefused(said) => refusal(said, Code::AccessDenied),
        OauthError::IdToken(why) => id_token(*why),
        OauthError::Settings(why) => Fault::new(Code::BadSettings).detail("reason", why.to_string()),
    }
}

fn callback(why: CallbackFault) -> Fault {
    match why {
        CallbackFault::Unmatched => Fault::new(Code::CallbackUnmatched),
        CallbackFault::Expired => Fault::new(Code::SignInExpired),
        CallbackFault::IssuerMismatch | CallbackFault::IssuerMissing => Fault::new(Code::CallbackIssuer),
        other => Fault::new(Code::CallbackMalformed).detail("reason", other.to_string()),
    }
}

fn id_token(why: IdTokenFault) -> Fault {
    Fault::new(Code::BadIdToken).detail("reason", why.to_string())
}

fn exchange(outcome: &TokenOutcome) -> Fault {
    match outcome {
        TokenOutcome::Granted(_) => Fault::new(Code::Internal),
        TokenOutcome::NotSent(failure) => http(failure),
        TokenOutcome::Unknown(_) => Fault::new(Code::OutcomeUnknown),
        TokenOutcome::Refused(said) | TokenOutcome::ClientGone(said) => refusal(said, Code::InvalidGrant),
        TokenOutcome::Later { status, retry_after } => later(*status, *retry_after),
        TokenOutcome::Odd(odd) => oddity(odd),
    }
}

fn oddity(odd: &Oddity) -> Fault {
    match odd {
        Oddity::Error(said) => refusal(said, Code::TokenAnswer),
        Oddity::Status(status) => {
            Fault::new(Code::TokenAnswer).detail("reason", format!("status {status}, no reason"))
        }
        Oddity::Body(what) => Fault::new(Code::TokenAnswer).detail("reason", what.to_string()),
        Oddity::TokenType => Fault::new(Code::TokenAnswer).detail("reason", "a token type other than Bearer"),
        Oddity::TooLarge => Fault::new(Code::AnswerTooLarge),
    }
}

impl LoginError {
    /// The row of the table, filled in.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            LoginError::Oauth(error) => oauth(error),
            LoginError::Discovery(failure) => {
                let trace = failure
                    .trace
                    .iter()
                    .filter_map(|step| serde_json::to_value(step).ok())
                    .collect::<Vec<_>>();
                oauth(&failure.error).detail("trace", trace)
            }
            LoginError::Exchange(outcome) => exchange(outcome),
            LoginError::Core(error) => failure(error),
            LoginError::IssuerChanged { old, new } => {
                Fault::new(Code::IssuerChanged).detail("old", old.as_str()).detail("new", new.as_str())
            }
            LoginError::AnotherPerson { was, now } => {
                Fault::new(Code::AnotherPerson).detail("old", was.as_str()).detail("new", now.as_str())
            }
            LoginError::Listener(error) => {
                Fault::new(Code::ListenerFailed).detail("reason", error.to_string())
            }
            LoginError::NoRedirect => Fault::new(Code::RedirectRefused),
            LoginError::RedirectNotOurs { uri } => {
                Fault::new(Code::RedirectNotOurs).detail("redirect_uri", uri.as_str())
            }
            LoginError::Cancelled => Fault::new(Code::SignInCancelled),
            LoginError::Expired => Fault::new(Code::SignInExpired),
            LoginError::TooMany => Fault::new(Code::TooManySignIns),
            LoginError::Forbidden(why) => Fault::new(Code::NotAllowedHere).detail("reason", why.to_string()),
            LoginError::NoSuchSignIn => Fault::new(Code::NoSuchSignIn),
        }
    }
}

/// A failure of the state, without the account's name; [`about`] puts it in.
#[must_use]
pub fn failure(failure: &Failure) -> Fault {
    match failure {
        Failure::NoSuchAccount => Fault::new(Code::NoSuchAccount),
        Failure::Ambiguous(names) => Fault::new(Code::AmbiguousAccount).detail("reason", names.join(", ")),
        Failure::Name(NameError::Taken) => Fault::new(Code::NameTaken),
        Failure::Name(NameError::Unsafe) => Fault::new(Code::BadName),
        Failure::NeedsSignIn(reason) => needs_sign_in(reason),
        Failure::ServerRefuses => Fault::new(Code::ServerRefuses),
        Failure::Leaving => Fault::new(Code::Leaving),
        Failure::IssuerChanged => Fault::new(Code::IssuerChanged),
        Failure::Unsaved(_) => Fault::new(Code::Unsaved),
        Failure::Vault(error) => vault(error),
        Failure::Unreadable => Fault::new(Code::KeychainCorrupt),
        Failure::Disk(error) => state_file(error),
        Failure::NotSent(error) => http(error),
        Failure::NoAnswer(_) => Fault::new(Code::OutcomeUnknown),
        Failure::Later { status, retry_after } => later(*status, *retry_after),
        Failure::Odd(odd) => oddity(odd),
        Failure::Waiting => Fault::new(Code::TimedOut),
        Failure::Random => Fault::new(Code::Internal).detail("reason", "the system gave no random bytes"),
        other => Fault::new(Code::Internal).detail("reason", other.to_string()),
    }
}

fn needs_sign_in(reason: &Reason) -> Fault {
    let code = match reason {
        Reason::NoRefreshToken => Code::TokenExpired,
        Reason::Damaged => Code::KeychainCorrupt,
        _ => Code::NeedsSignIn,
    };
    Fault::new(code).detail("reason", reason.to_string()).detail("cause", reason.word())
}

fn vault(error: &VaultError) -> Fault {
    let code = match error {
        VaultError::Locked => Code::KeychainLocked,
        VaultError::Dismissed => Code::KeychainDismissed,
        VaultError::Denied => Code::KeychainDenied,
        VaultError::Absent { .. } => Code::KeychainAbsent,
        VaultError::Corrupt { .. } => Code::KeychainCorrupt,
        VaultError::TooLong { .. } => Code::KeychainTooLong,
        VaultError::Stale { .. } => Code::KeychainStale,
        VaultError::Deadline { .. } => Code::KeychainDeadline,
        _ => Code::KeychainFailed,
    };
    Fault::new(code).detail("reason", error.to_string())
}

/// A file in the data directory.
#[must_use]
pub fn state_file(error: &disk::Error) -> Fault {
    match error {
        disk::Error::Newer { path, .. } => {
            Fault::new(Code::FileNewer).detail("file", path.display().to_string())
        }
        disk::Error::Io { path, source } => Fault::new(Code::FileUnwritable)
            .detail("file", path.display().to_string())
            .detail("reason", source.to_string()),
    }
}

/// A decision that was not taken.
#[must_use]
pub fn approval(error: &ApprovalError) -> Fault {
    match error {
        ApprovalError::NotThere { .. } => Fault::new(Code::NoSuchApproval),
        ApprovalError::NoProgram { program } => {
            Fault::new(Code::ProgramNotFound).detail("program", program.display().to_string())
        }
        ApprovalError::NotRunning | ApprovalError::NoAccount => Fault::new(Code::BadParameters)
            .detail("method", "approval.grant")
            .detail("reason", error.to_string()),
        ApprovalError::TooMany => Fault::new(Code::Busy).detail("reason", error.to_string()),
        ApprovalError::Disk(error) => state_file(error),
    }
}

/// Fills in which account it is about.
#[must_use]
pub fn about(fault: Fault, name: &str, server: &str, issuer: &str) -> Fault {
    let host = url::Url::parse(issuer).ok().and_then(|u| u.host_str().map(str::to_owned)).unwrap_or_default();
    let fault = fault.detail("account", name).detail("server", server).detail("issuer", issuer);
    if fault.data.detail.contains_key("host") || host.is_empty() { fault } else { fault.detail("host", host) }
}
