//! `WWW-Authenticate` (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1).
use crate::error::{RefusalCode, ScopeDemand};
use crate::text::ServerText;
use crate::values::ScopeSet;

/// What a server's `Bearer` (or `DPoP`) challenges say, taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// `resource_metadata` (RFC 9728 §5.1).
    pub resource_metadata: Option<String>,
    /// `scope` (RFC 6750 §3).
    pub scope: Option<ScopeSet>,
    /// `error` (RFC 6750 §3.1).
    pub error: Option<RefusalCode>,
    /// `error_description`.
    pub error_description: Option<ServerText>,
    /// `realm`.
    pub realm: Option<ServerText>,
}

impl Challenge {
    /// Reads all `WWW-Authenticate` fields of an answer; `None` if none of them is a bearer challenge.
    #[must_use]
    pub fn from_headers(headers: &::http::HeaderMap) -> Option<Self> {
        let _ = headers;
        todo!()
    }

    /// Reads one field value.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let _ = value;
        todo!()
    }

    /// `insufficient_scope` with the scopes it asks for.
    #[must_use]
    pub fn scope_demand(&self) -> Option<ScopeDemand> {
        todo!()
    }
}
