//! The callback (RFC 6749 §4.1.2; RFC 9207 §2.4; RFC 8252 §8.10).
//!
//! Problem: anybody can open our address with anything in it. Invariant: a callback is believed step by step: it is
//! well formed, its `state` is a pending sign-in's (compared in constant time), that sign-in is young enough, it came
//! to that sign-in's own address, `iss` fits, and only then is its `error` or `code` looked at. Until `iss` has passed
//! nothing of an error is acted upon or shown. A callback that fails changes nothing: the real one may still come.

use std::fmt;

use url::{Url, form_urlencoded};

use crate::UnixSeconds;
use crate::authorize::PendingAuthorization;
use crate::error::{CallbackFault, CallbackParameter, Error, Refusal};
use crate::secret::{AuthorizationCode, State};
use crate::server_metadata::IssSupport;

/// How long a sign-in waits for its callback: long enough for a password reset and a second factor, short enough
/// that a leaked address is stale (RFC 6749 §4.1.2 recommends at most ten minutes for the code).
pub const LIFE_SECONDS: u64 = 600;

/// The longest callback read. Codes of large providers reach 2 KiB; command lines and pastes hold 8 KiB everywhere.
const MAX_LENGTH: usize = 16 * 1024;

/// A callback that is well formed; nothing in it is believed yet.
pub struct Callback {
    state: State,
    iss: Option<String>,
    outcome: CallbackOutcome,
    /// The address without its query; `None` where the one who listened knows that it was the right one.
    address: Option<Url>,
}

enum CallbackOutcome {
    Code(AuthorizationCode),
    Error { code: String, description: Option<String>, uri: Option<String> },
}

impl fmt::Debug for Callback {
    /// Shows neither code nor state, nor the text of an error that nobody vouches for yet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            CallbackOutcome::Code(_) => "code",
            CallbackOutcome::Error { .. } => "error",
        };
        f.debug_struct("Callback").field("outcome", &outcome).finish_non_exhaustive()
    }
}

impl Callback {
    /// Reads the whole address, from a deep link, the loopback listener or a paste.
    ///
    /// # Errors
    /// [`Error::Callback`] with the fault of its form: no address, too long, a parameter doubled (RFC 6749 §3.1), no
    /// `state`, not exactly one of `code` and `error`.
    pub fn parse(address: &str) -> Result<Self, Error> {
        let address = address.trim();
        let no_url = || Error::Callback(CallbackFault::NotAUrl);
        if address.len() > MAX_LENGTH || address.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(no_url());
        }
        let mut url = Url::parse(address).map_err(|_| no_url())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(no_url());
        }
        // The fragment is no part of it (RFC 6749 §3.1.2); some servers add an empty one.
        url.set_fragment(None);
        let mut callback = Self::from_query(url.query().unwrap_or_default())?;
        url.set_query(None);
        callback.address = Some(url);
        Ok(callback)
    }

    /// Reads only the query: for a listener that has already compared host and path.
    ///
    /// # Errors
    /// As [`Callback::parse`].
    pub fn from_query(query: &str) -> Result<Self, Error> {
        let fault = |fault| Error::Callback(fault);
        if query.len() > MAX_LENGTH {
            return Err(fault(CallbackFault::NotAUrl));
        }
        let mut found: [Option<String>; 6] = Default::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let (slot, parameter) = match name.as_ref() {
                "state" => (0, CallbackParameter::State),
                "code" => (1, CallbackParameter::Code),
                "iss" => (2, CallbackParameter::Iss),
                "error" => (3, CallbackParameter::Error),
                "error_description" => (4, CallbackParameter::ErrorDescription),
                "error_uri" => (5, CallbackParameter::ErrorUri),
                // Unknown ones are ignored (RFC 6749 §4.1.2).
                _ => continue,
            };
            if found[slot].replace(value.into_owned()).is_some() {
                return Err(fault(CallbackFault::Doubled(parameter)));
            }
        }
        let [state, code, iss, error, description, uri] = found;
        let state = state.filter(|s| !s.is_empty()).ok_or(fault(CallbackFault::StateMissing))?;
        let outcome = match (code, error) {
            (Some(code), None) if !code.is_empty() => CallbackOutcome::Code(AuthorizationCode::new(code)),
            (None, Some(error)) if !error.is_empty() => {
                CallbackOutcome::Error { code: error, description, uri }
            }
            _ => return Err(fault(CallbackFault::CodeOrError)),
        };
        Ok(Callback { state: State::new(state), iss, outcome, address: None })
    }

    /// Whether it belongs to this sign-in, in constant time. Says nothing about its issuer.
    #[must_use]
    pub fn is_for(&self, pending: &PendingAuthorization) -> bool {
        pending.state.matches(self.state.expose())
    }

    /// Checks state, age, address, issuer, then error or code, in that order. The caller drops the pending sign-in
    /// when this gives a code or [`Error::AuthorizationRefused`], and on nothing else: a callback works once.
    ///
    /// # Errors
    /// [`Error::Callback`] if it is not to be believed, [`Error::AuthorizationRefused`] if the server ended the
    /// sign-in (RFC 6749 §4.1.2.1).
    pub fn accept(
        self,
        pending: &PendingAuthorization,
        now: UnixSeconds,
    ) -> Result<AuthorizationCode, Error> {
        if !self.is_for(pending) {
            return Err(Error::Callback(CallbackFault::Unmatched));
        }
        if is_expired(pending, now) {
            return Err(Error::Callback(CallbackFault::Expired));
        }
        if self.address.as_ref().is_some_and(|address| !same_place(address, pending.redirect_uri.as_str())) {
            return Err(Error::Callback(CallbackFault::WrongAddress));
        }
        // RFC 9207 §2.4 as MCP has it: present → the same string, even if it was not announced; absent → only if it was
        // not announced. No normalisation of any kind.
        match (&self.iss, pending.iss) {
            (Some(iss), _) if iss == pending.issuer.as_str() => {}
            (Some(_), _) => return Err(Error::Callback(CallbackFault::IssuerMismatch)),
            (None, IssSupport::Announced) => return Err(Error::Callback(CallbackFault::IssuerMissing)),
            (None, IssSupport::Unannounced) => {}
        }
        match self.outcome {
            CallbackOutcome::Code(code) => Ok(code),
            CallbackOutcome::Error { code, description, uri } => {
                Err(Error::AuthorizationRefused(Refusal::new(&code, description.as_deref(), uri.as_deref())))
            }
        }
    }
}

/// Whether a sign-in waits no longer. A clock that went backwards makes it young, never older.
#[must_use]
pub fn is_expired(pending: &PendingAuthorization, now: UnixSeconds) -> bool {
    now.saturating_sub(pending.created) > LIFE_SECONDS
}

/// Scheme, host, port and path the same. Systems hand `scheme:/path` over as `scheme:///path`, which is the same place.
fn same_place(address: &Url, redirect_uri: &str) -> bool {
    let Ok(redirect) = Url::parse(redirect_uri) else { return false };
    address.scheme() == redirect.scheme()
        && address.host_str().unwrap_or_default() == redirect.host_str().unwrap_or_default()
        && address.port_or_known_default() == redirect.port_or_known_default()
        && address.path() == redirect.path()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::RefusalCode;
    use crate::secret::CodeVerifier;
    use crate::values::{Issuer, RedirectUri, ScopeSet};

    const ISSUER: &str = "https://as.example";

    fn pending(iss: IssSupport, redirect: &str) -> PendingAuthorization {
        PendingAuthorization {
            state: State::new("STATE"),
            verifier: CodeVerifier::new("v"),
            nonce: None,
            issuer: Issuer::new(ISSUER),
            iss,
            redirect_uri: RedirectUri::new(redirect),
            resource: None,
            scopes: ScopeSet::new(),
            created: 1000,
        }
    }

    const SCHEME: &str = "io.github.mcp-login:/oauth/callback";

    fn accept(address: &str, iss: IssSupport) -> Result<String, Error> {
        Callback::parse(address)?.accept(&pending(iss, SCHEME), 1600).map(|code| code.expose().to_owned())
    }

    fn fault(address: &str, iss: IssSupport) -> CallbackFault {
        match accept(address, iss) {
            Err(Error::Callback(fault)) => fault,
            other => panic!("{address}: {other:?}"),
        }
    }

    #[test]
    fn the_table_of_rfc_9207() {
        let encoded = "https%3A%2F%2Fas.example";
        for (iss, support, expected) in [
            (Some(encoded), IssSupport::Announced, Ok("c")),
            (Some(encoded), IssSupport::Unannounced, Ok("c")),
            (Some("https://as.example"), IssSupport::Announced, Ok("c")),
            (None, IssSupport::Unannounced, Ok("c")),
            (None, IssSupport::Announced, Err(CallbackFault::IssuerMissing)),
            (Some(""), IssSupport::Unannounced, Err(CallbackFault::IssuerMismatch)),
            (Some("https%3A%2F%2Fevil.example"), IssSupport::Unannounced, Err(CallbackFault::IssuerMismatch)),
            (Some("https%3A%2F%2Fas.example%2F"), IssSupport::Announced, Err(CallbackFault::IssuerMismatch)),
            (Some("https%3A%2F%2FAS.example"), IssSupport::Announced, Err(CallbackFault::IssuerMismatch)),
            (
                Some("https%3A%2F%2Fas.example%3A443"),
                IssSupport::Announced,
                Err(CallbackFault::IssuerMismatch),
            ),
            (
                Some("https%253A%252F%252Fas.example"),
                IssSupport::Announced,
                Err(CallbackFault::IssuerMismatch),
            ),
        ] {
            let iss = iss.map(|i| format!("&iss={i}")).unwrap_or_default();
            let expected = expected.map(str::to_owned).map_err(Error::Callback);
            assert_eq!(
                accept(&format!("{SCHEME}?code=c&state=STATE{iss}"), support),
                expected,
                "{iss} {support:?}"
            );
            // on errors too, and then nothing of the error gets out
            let error = accept(
                &format!("{SCHEME}?error=access_denied&error_description=buy&state=STATE{iss}"),
                support,
            );
            match expected {
                Ok(_) => assert!(matches!(error, Err(Error::AuthorizationRefused(_))), "{iss}: {error:?}"),
                Err(fault) => assert_eq!(error, Err(fault), "{iss}"),
            }
        }
    }

    #[test]
    fn attacks() {
        use CallbackFault::{CodeOrError, Doubled, NotAUrl, StateMissing, Unmatched, WrongAddress};
        use CallbackParameter::{Code, Iss, State};
        for (address, expected) in [
            (format!("{SCHEME}?code=c&state=OTHER"), Unmatched),
            (format!("{SCHEME}?error=access_denied&state=OTHER"), Unmatched),
            (format!("{SCHEME}?code=c&state=STATE%00"), Unmatched),
            (format!("{SCHEME}?code=c&state=state"), Unmatched),
            (format!("{SCHEME}?code=c"), StateMissing),
            (format!("{SCHEME}?code=c&state="), StateMissing),
            (SCHEME.to_owned(), StateMissing),
            (format!("{SCHEME}?state=STATE"), CodeOrError),
            (format!("{SCHEME}?state=STATE&code="), CodeOrError),
            (format!("{SCHEME}?state=STATE&code=c&error=access_denied"), CodeOrError),
            (format!("{SCHEME}?state=STATE&code=c&code=d"), Doubled(Code)),
            (format!("{SCHEME}?state=STATE&state=STATE&code=c"), Doubled(State)),
            (format!("{SCHEME}?state=STATE&code=c&iss={ISSUER}&is%73={ISSUER}"), Doubled(Iss)),
            (format!("{SCHEME}#code=c&state=STATE"), StateMissing),
            ("io.github.mcp-login:/oauth/other?code=c&state=STATE".to_owned(), WrongAddress),
            ("io.github.mcp-login://evil/oauth/callback?code=c&state=STATE".to_owned(), WrongAddress),
            ("https://evil.example/oauth/callback?code=c&state=STATE".to_owned(), WrongAddress),
            ("io.github.mcp-login.dev:/oauth/callback?code=c&state=STATE".to_owned(), WrongAddress),
            (format!("{SCHEME}?code=c\u{0}&state=STATE"), NotAUrl),
            (format!("{SCHEME}?code=c&state=STATE\r\nX: y"), NotAUrl),
            ("code=c&state=STATE".to_owned(), NotAUrl),
            (format!("{SCHEME}?state=STATE&code={}", "c".repeat(20_000)), NotAUrl),
            (String::new(), NotAUrl),
        ] {
            assert_eq!(fault(&address, IssSupport::Unannounced), expected, "{address}");
        }
    }

    #[test]
    fn what_passes() {
        for address in [
            format!("{SCHEME}?code=c&state=STATE"),
            format!("  {SCHEME}?unknown=1&unknown=2&code=c&state=STATE#\n"),
            "io.github.mcp-login:///oauth/callback?code=c&state=STATE".to_owned(),
            "IO.github.MCP-login:/oauth/callback?code=c&state=STATE".to_owned(),
        ] {
            assert_eq!(accept(&address, IssSupport::Unannounced).unwrap(), "c", "{address}");
        }
        let loopback = pending(IssSupport::Unannounced, "http://127.0.0.1:4711/callback");
        let try_it = |address: &str| Callback::parse(address).unwrap().accept(&loopback, 1000).is_ok();
        assert!(try_it("http://127.0.0.1:4711/callback?code=c&state=STATE"));
        assert!(!try_it("http://127.0.0.1:4712/callback?code=c&state=STATE"));
        assert!(!try_it("http://localhost:4711/callback?code=c&state=STATE"));
        assert!(Callback::from_query("code=c&state=STATE").unwrap().accept(&loopback, 1000).is_ok());
    }

    #[test]
    fn lives_ten_minutes() {
        let query = "code=c&state=STATE";
        let at = |now| {
            Callback::from_query(query)
                .unwrap()
                .accept(&pending(IssSupport::Unannounced, SCHEME), now)
                .is_ok()
        };
        assert!(at(1000) && at(1600) && at(0));
        assert!(!at(1601) && !at(u64::MAX));
        let late = Callback::from_query("code=c&state=OTHER")
            .unwrap()
            .accept(&pending(IssSupport::Unannounced, SCHEME), 9999);
        assert_eq!(late.unwrap_err(), Error::Callback(CallbackFault::Unmatched), "state comes first");
    }

    #[test]
    fn errors_are_read_and_stripped() {
        let address = format!(
            "{SCHEME}?error=access_denied&error_description=%3Cb%3Eno%3C/b%3E%0A%1B%5B31m%E2%80%AE&state=STATE"
        );
        let Err(Error::AuthorizationRefused(refusal)) = accept(&address, IssSupport::Unannounced) else {
            panic!()
        };
        assert_eq!(refusal.code, RefusalCode::AccessDenied);
        assert_eq!(refusal.description.unwrap().as_str(), "<b>no</b> [31m");
        let callback =
            Callback::parse(&format!("{SCHEME}?error=canary&error_description=canary&state=canary")).unwrap();
        assert!(!format!("{callback:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn reads_anything(address in "\\PC{0,200}") {
            let _ = Callback::parse(&address);
            let _ = Callback::from_query(&address);
        }

        #[test]
        fn never_accepts_another_state(state in "[a-zA-Z0-9%+]{0,8}", code in "[a-z]{1,4}") {
            if let Ok(callback) = Callback::from_query(&format!("state={state}&code={code}")) {
                let decoded: String = form_urlencoded::parse(format!("s={state}").as_bytes()).map(|(_, v)| v.into_owned()).collect();
                let accepted = callback.accept(&pending(IssSupport::Unannounced, SCHEME), 1000).is_ok();
                prop_assert_eq!(accepted, decoded == "STATE");
            }
        }
    }
}
