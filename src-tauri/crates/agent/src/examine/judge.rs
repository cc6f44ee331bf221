//! From what the engine met to what is told of it, with the clause.
//!
//! Invariant: decided by type, never by text; what a server said goes in as bounded text; nothing secret goes in at all.

use super::recorder::{Recorder, Seen};
use mcp_login_ipc::finding::{Find, Found};
use mcp_login_oauth::error::{CallbackFault, Error as OauthError, RefusalCode, RegistrationRemedy};
use mcp_login_oauth::http::{HttpFailure, Purpose};
use mcp_login_oauth::token::{Oddity, TokenOutcome};

/// Milliseconds after which a person wonders. Far above what a busy machine adds, and a third of what a client waits.
const SLOW: u64 = 5_000;
/// Seconds between two clocks that are set: more than any network adds, less than the shortest lifetimes bear.
const CLOCK: u64 = 300;

/// The clause of a request, for what any request can show.
pub(super) fn clause(purpose: Purpose, url: &str) -> &'static str {
    match purpose {
        Purpose::Challenge => "MCP 2026-07-28, Streamable HTTP",
        Purpose::Metadata => {
            let issuer = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
            if issuer.iter().any(|place| url.contains(place)) { "RFC 8414 §3.2" } else { "RFC 9728 §3.2" }
        }
        Purpose::Registration => "RFC 7591 §3.2",
        Purpose::Token => "RFC 6749 §5.1",
        Purpose::Revocation => "RFC 7009 §2.2",
        Purpose::Introspection => "RFC 7662 §2.2",
        Purpose::RegistrationDeletion => "RFC 7592 §2.3",
        Purpose::Authorization => "RFC 6749 §3.1",
        // No examination sends one.
        Purpose::Release => "",
    }
}

/// No whole answer.
pub(super) fn failure(failure: HttpFailure, host: &str, clause: &str) -> Found {
    let found = match failure {
        HttpFailure::NotSent(why) => Find::NotReachable.found().with("reason", why.to_string()),
        HttpFailure::Unknown(why) => Find::NoAnswer.found().with("reason", why.to_string()),
        HttpFailure::TooLarge { limit } => Find::TooLarge.found().with("limit", format!("{limit} bytes")),
        HttpFailure::AddressRefused => Find::AddressRefused.found(),
    };
    found.with("host", host).by(clause)
}

/// Not now.
pub(super) fn later(status: u16, host: &str, clause: &str) -> Found {
    Find::NotNow.found().with("status", status).with("host", host).by(clause)
}

/// What ended a step of the engine.
pub(super) fn error(error: &OauthError, recorder: &Recorder) -> Found {
    let by = |purpose| {
        let url = recorder.last(purpose).map(|seen| seen.exchange.url).unwrap_or_default();
        clause(purpose, &url)
    };
    let reason = |find: Find| find.found().with("reason", error.to_string());
    match error {
        OauthError::Http { purpose, host, failure } => self::failure(*failure, host, by(*purpose)),
        OauthError::Later { purpose, host, status, .. } => later(*status, host, by(*purpose)),
        OauthError::Malformed { purpose: Purpose::Registration, fault } => {
            Find::RegistrationUnusable.found().with("reason", fault.to_string())
        }
        OauthError::Malformed { fault, .. } => {
            Find::MetadataUnusable.found().with("reason", fault.to_string())
        }
        OauthError::ResourceMismatch { server, resource } => {
            Find::ResourceMismatch.found().with("server", server.as_str()).with("resource", resource.as_str())
        }
        OauthError::NoAuthorizationServer { .. } => Find::NoAuthorizationServer.found(),
        OauthError::NoSignInOffered { .. } => Find::NoSignInOffered.found(),
        OauthError::NoMetadata { issuer } => Find::NoMetadata.found().with("issuer", issuer.as_str()),
        OauthError::IssuerMismatch { asked, found } => {
            Find::IssuerMismatch.found().with("issuer", asked.as_str()).with("found", found.as_str())
        }
        OauthError::EndpointRefused { endpoint } => {
            Find::EndpointNotHttps.found().with("endpoint", endpoint.to_string())
        }
        OauthError::PkceNotAnnounced { issuer } => {
            Find::PkceNotAnnounced.found().with("issuer", issuer.as_str())
        }
        OauthError::RegistrationNotOffered { issuer } => {
            Find::RegistrationNotOffered.found().with("issuer", issuer.as_str())
        }
        OauthError::RegistrationRefused {
            remedy: RegistrationRemedy::InitialAccessToken, status, ..
        } => Find::RegistrationTokenNeeded.found().with("status", *status),
        OauthError::RegistrationRefused { status, refusal, .. } => {
            let said = refusal.code.as_str();
            let said = if said.is_empty() { format!("status {status}") } else { said.to_owned() };
            Find::RegistrationRefused.found().with("reason", said)
        }
        OauthError::RegistrationAnswer(mcp_login_oauth::error::RegistrationFault::RedirectUri) => {
            Find::RedirectNotRegistered.found()
        }
        OauthError::RegistrationAnswer(fault) => {
            Find::RegistrationUnusable.found().with("reason", fault.to_string())
        }
        OauthError::Callback(fault) => match fault {
            CallbackFault::IssuerMismatch => Find::CallbackIssuer.found(),
            CallbackFault::IssuerMissing => Find::CallbackIssuerMissing.found(),
            CallbackFault::StateMissing | CallbackFault::Unmatched => Find::CallbackState.found(),
            CallbackFault::Doubled(_) => Find::CallbackDoubled.found(),
            CallbackFault::Expired => Find::NobodyCame.found().with("reason", fault.to_string()),
            CallbackFault::NotAUrl | CallbackFault::CodeOrError | CallbackFault::WrongAddress => {
                Find::CallbackMalformed.found().with("reason", fault.to_string())
            }
        },
        // The person clicked on it.
        OauthError::AuthorizationRefused(refusal) if refusal.code == RefusalCode::AccessDenied => {
            Find::NobodyCame.found().with("reason", refusal.code.as_str())
        }
        OauthError::AuthorizationRefused(refusal) => {
            Find::AuthorizationRefused.found().with("error", refusal.code.as_str())
        }
        // The person's settings, the system's random bytes: not the server's doing.
        OauthError::RegistrationElsewhere { .. }
        | OauthError::ServerUrl(_)
        | OauthError::Random
        | OauthError::IdToken(_)
        | OauthError::Settings(_) => reason(Find::RegistrationRefused),
    }
}

/// What came of a token request that gave no tokens: `refused` for a definite no, `unusable` for an answer that is none.
pub(super) fn token(outcome: &TokenOutcome, refused: Find, unusable: Find, host: &str) -> Option<Found> {
    let by = clause(Purpose::Token, "");
    Some(match outcome {
        TokenOutcome::Granted(_) => return None,
        TokenOutcome::NotSent(failure) | TokenOutcome::Unknown(failure) => self::failure(*failure, host, by),
        TokenOutcome::Refused(refusal) | TokenOutcome::Odd(Oddity::Error(refusal)) => {
            refused.found().with("error", refusal.code.as_str())
        }
        TokenOutcome::ClientGone(refusal) => Find::ClientUnknown.found().with("error", refusal.code.as_str()),
        TokenOutcome::Later { status, .. } => later(*status, host, by),
        TokenOutcome::Odd(oddity) => unusable.found().with("reason", odd(oddity)),
    })
}

fn odd(oddity: &Oddity) -> String {
    match oddity {
        Oddity::Status(status) => format!("status {status} without an OAuth error"),
        Oddity::Body(fault) => fault.to_string(),
        Oddity::TokenType => "its token_type is not Bearer".to_owned(),
        Oddity::Error(refusal) => refusal.code.as_str().to_owned(),
        Oddity::TooLarge => "it is too large".to_owned(),
    }
}

/// What a request shows whatever it was for.
pub(super) fn exchange(seen: &Seen) -> Vec<Found> {
    let exchange = &seen.exchange;
    let by = clause(seen.purpose, &exchange.url);
    let mut found = Vec::new();
    if exchange.millis > SLOW && exchange.status.is_some() {
        let seconds = exchange.millis / 1000;
        found.push(Find::Slow.found().with("url", exchange.url.as_str()).with("seconds", seconds).by(by));
    }
    if let Some(skew) = seen.skew.filter(|skew| *skew > CLOCK) {
        let host = super::host(&exchange.url);
        found.push(Find::ClockOff.found().with("host", host).with("seconds", skew));
    }
    let status = exchange.status.unwrap_or_default();
    let json = matches!(seen.purpose, Purpose::Metadata | Purpose::Registration | Purpose::Token);
    let is_json = |kind: &str| kind == "application/json" || kind.ends_with("+json");
    if json
        && matches!(status, 200 | 201)
        && !exchange.content_type.as_deref().is_some_and(|kind| is_json(&kind.to_ascii_lowercase()))
    {
        let kind = exchange.content_type.as_deref().unwrap_or("nothing");
        let wrong = Find::WrongContentType.found().with("url", exchange.url.as_str()).with("type", kind);
        found.push(wrong.with("expected", "application/json").by(by));
    }
    // The sign-in page lies elsewhere as a rule; and a document may move within its origin.
    if let Some(to) = &exchange.redirect
        && seen.purpose != Purpose::Authorization
    {
        let moved = Find::Redirected.found().with("url", exchange.url.as_str()).with("status", status);
        found.push(moved.with("found", to.as_str()).by(by));
    }
    found
}
