//! What a failed request was: certainly not sent, or perhaps.
//!
//! Invariant: read from the types of the errors, never from their texts; and what is not known to have failed before the
//! request went out counts as perhaps sent.

use super::Route;
use super::resolver::NoAddress;
use crate::address::Refused;
use mcp_login_oauth::http::{HttpFailure, NotSent, TlsFault, Unknown};
use std::error::Error as StdError;
use std::io;

/// Reads a client error by type, never by text.
pub(super) fn classify(error: &reqwest::Error, route: Route) -> HttpFailure {
    if error.is_builder() {
        return HttpFailure::NotSent(NotSent::Invalid);
    }
    if error.is_connect() {
        return if holds::<Refused>(error) {
            HttpFailure::AddressRefused
        } else if let Some(tls) = find::<rustls::Error>(error) {
            HttpFailure::NotSent(NotSent::Tls(tls_fault(tls)))
        } else if error.is_timeout() {
            HttpFailure::NotSent(NotSent::Timeout)
        } else if route == Route::Proxied {
            HttpFailure::NotSent(NotSent::Proxy)
        } else if holds::<NoAddress>(error) {
            HttpFailure::NotSent(NotSent::Resolve)
        } else {
            HttpFailure::NotSent(NotSent::Connect)
        };
    }
    if error.is_timeout() {
        HttpFailure::Unknown(Unknown::Timeout)
    } else {
        HttpFailure::Unknown(Unknown::Closed)
    }
}

/// What a person can do something about, told apart; the variants with a context say the same as those without.
fn tls_fault(error: &rustls::Error) -> TlsFault {
    use rustls::CertificateError as Certificate;
    let rustls::Error::InvalidCertificate(error) = error else { return TlsFault::Handshake };
    match error {
        Certificate::Expired
        | Certificate::ExpiredContext { .. }
        | Certificate::NotValidYet
        | Certificate::NotValidYetContext { .. } => TlsFault::Expired,
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => TlsFault::WrongHost,
        // Revoked, unknown issuer, wrong purpose, or the system's own word for "no".
        _ => TlsFault::Untrusted,
    }
}

pub(super) fn holds<T: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    find::<T>(error).is_some()
}

/// The error of this type that lies somewhere below. `io::Error` hides what it wraps from `source()`.
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}
