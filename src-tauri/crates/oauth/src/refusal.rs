//! What a server says when it says no: the error answer of RFC 6749 §5.2 and of those that copy its form.
//!
//! Invariant: the code is an enum, so that nobody matches on text; the words around it are bounded and stripped
//! ([`ServerText`]), shown to people and never acted upon; `error_uri` is text, not a link.

use serde::Deserialize;

use crate::text::ServerText;
use crate::values::ScopeSet;

/// An error answer of RFC 6749 §5.2 (and those that copy its form: RFC 7009, 7591, 6750).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The `error` code.
    pub code: RefusalCode,
    /// `error_description`.
    pub description: Option<ServerText>,
    /// `error_uri`: shown as text, never opened.
    pub uri: Option<ServerText>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code.as_str())?;
        match &self.description {
            Some(description) => write!(f, " ({description})"),
            None => Ok(()),
        }
    }
}

macro_rules! refusal_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// The `error` codes of RFC 6749, 6750, 7009, 7591, 8707 and 9449 that we know; the rest as text.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum RefusalCode {
            $($(#[$doc])* $name,)*
            /// One that we do not know; empty if the server sent none.
            Other(ServerText),
        }

        impl RefusalCode {
            /// Every code that has a name here.
            pub const KNOWN: &'static [RefusalCode] = &[$(RefusalCode::$name),*];

            /// Reads the code.
            #[must_use]
            pub fn new(text: &str) -> Self {
                match text {
                    $($text => RefusalCode::$name,)*
                    other => RefusalCode::Other(ServerText::new(other)),
                }
            }

            /// The code as the RFC spells it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(RefusalCode::$name => $text,)*
                    RefusalCode::Other(text) => text.as_str(),
                }
            }
        }
    };
}

refusal_codes! {
    /// RFC 6749 §4.1.2.1, §5.2.
    InvalidRequest = "invalid_request",
    /// RFC 6749 §5.2.
    InvalidClient = "invalid_client",
    /// RFC 6749 §5.2.
    InvalidGrant = "invalid_grant",
    /// RFC 6749 §4.1.2.1, §5.2.
    UnauthorizedClient = "unauthorized_client",
    /// RFC 6749 §5.2.
    UnsupportedGrantType = "unsupported_grant_type",
    /// RFC 6749 §4.1.2.1, §5.2.
    InvalidScope = "invalid_scope",
    /// RFC 6749 §4.1.2.1: the person said no.
    AccessDenied = "access_denied",
    /// RFC 6749 §4.1.2.1.
    UnsupportedResponseType = "unsupported_response_type",
    /// RFC 6749 §4.1.2.1.
    ServerError = "server_error",
    /// RFC 6749 §4.1.2.1.
    TemporarilyUnavailable = "temporarily_unavailable",
    /// RFC 6750 §3.1.
    InvalidToken = "invalid_token",
    /// RFC 6750 §3.1.
    InsufficientScope = "insufficient_scope",
    /// RFC 7009 §2.2.1.
    UnsupportedTokenType = "unsupported_token_type",
    /// RFC 7591 §3.2.2.
    InvalidRedirectUri = "invalid_redirect_uri",
    /// RFC 7591 §3.2.2.
    InvalidClientMetadata = "invalid_client_metadata",
    /// RFC 7591 §3.2.2.
    InvalidSoftwareStatement = "invalid_software_statement",
    /// RFC 7591 §3.2.2.
    UnapprovedSoftwareStatement = "unapproved_software_statement",
    /// RFC 8707 §2.
    InvalidTarget = "invalid_target",
    /// OpenID Connect Core §3.1.2.6.
    InteractionRequired = "interaction_required",
    /// OpenID Connect Core §3.1.2.6.
    LoginRequired = "login_required",
    /// OpenID Connect Core §3.1.2.6.
    ConsentRequired = "consent_required",
    /// RFC 9449 §5.
    InvalidDpopProof = "invalid_dpop_proof",
}

impl Refusal {
    /// A refusal from its three members.
    #[must_use]
    pub fn new(code: &str, description: Option<&str>, uri: Option<&str>) -> Self {
        Refusal {
            code: RefusalCode::new(code),
            description: description.and_then(ServerText::non_empty),
            uri: uri.and_then(ServerText::non_empty),
        }
    }

    /// Reads the JSON form. `None` if the body is no JSON object with a text `error`.
    #[must_use]
    pub(crate) fn from_json(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Wire {
            error: String,
            #[serde(default)]
            error_description: serde_json::Value,
            #[serde(default)]
            error_uri: serde_json::Value,
        }
        let wire: Wire = serde_json::from_slice(body).ok()?;
        Some(Refusal::new(&wire.error, wire.error_description.as_str(), wire.error_uri.as_str()))
    }
}

/// A 403 that asks for more scopes (RFC 6750 §3.1; MCP, Step-Up Authorization Flow).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeDemand {
    /// What the server asks for, authoritative for this operation.
    pub scopes: ScopeSet,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        for code in RefusalCode::KNOWN {
            assert_eq!(&RefusalCode::new(code.as_str()), code);
        }
        let other = RefusalCode::new("Invalid_Grant\u{202e}");
        assert_eq!(
            (other.as_str(), matches!(other, RefusalCode::Other(_))),
            ("Invalid_Grant", true),
            "case counts"
        );
    }

    #[test]
    fn the_json_form() {
        let refusal = Refusal::from_json(
            br#"{"error":"invalid_scope","error_description":"a\nb","error_uri":"https://x.example"}"#,
        )
        .unwrap();
        assert_eq!(refusal.to_string(), "invalid_scope (a b)");
        assert_eq!(refusal.uri.unwrap().as_str(), "https://x.example");
        assert!(
            Refusal::from_json(br#"{"error":"x","error_description":[],"error_uri":{}}"#)
                .unwrap()
                .description
                .is_none()
        );
        for body in [
            &b""[..],
            b"[]",
            b"{}",
            br#"{"error":7}"#,
            br#"{"error":{"code":"invalid_grant"}}"#,
            b"invalid_grant",
        ] {
            assert_eq!(Refusal::from_json(body), None);
        }
    }
}
