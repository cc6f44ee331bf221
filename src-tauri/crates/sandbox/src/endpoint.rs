//! What a path is for. Faults are scoped by these names and the log carries them.

use std::fmt;

/// Where requests go. `Code` and `Refresh` are the token endpoint by grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The authorization server's metadata, all forms.
    Metadata,
    /// Protected resource metadata, both forms.
    Prm,
    /// The public keys.
    Jwks,
    /// Dynamic registration (RFC 7591).
    Register,
    /// Reading and deleting a registration (RFC 7592).
    Registration,
    /// The authorization endpoint and the consent page.
    Authorize,
    /// The token endpoint, whatever the grant.
    Token,
    /// The token endpoint with an authorization code.
    Code,
    /// The token endpoint with a refresh token.
    Refresh,
    /// RFC 7662.
    Introspection,
    /// RFC 7009.
    Revocation,
    /// OpenID Connect's user information.
    Userinfo,
    /// The MCP server.
    Mcp,
    /// Where faults redirect to; a request here with a credential is a leak.
    Trap,
    /// The control interface.
    Control,
    /// `/health`.
    Health,
    /// Everything else.
    Other,
}

impl Endpoint {
    /// Those that a fault may name.
    pub const SCOPES: [Self; 13] = [
        Self::Metadata,
        Self::Prm,
        Self::Jwks,
        Self::Register,
        Self::Registration,
        Self::Authorize,
        Self::Token,
        Self::Code,
        Self::Refresh,
        Self::Introspection,
        Self::Revocation,
        Self::Userinfo,
        Self::Mcp,
    ];

    /// The name in the log and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Prm => "prm",
            Self::Jwks => "jwks",
            Self::Register => "register",
            Self::Registration => "registration",
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::Code => "code",
            Self::Refresh => "refresh",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
            Self::Userinfo => "userinfo",
            Self::Mcp => "mcp",
            Self::Trap => "trap",
            Self::Control => "control",
            Self::Health => "health",
            Self::Other => "other",
        }
    }

    /// The endpoint of this name, among those that a fault may name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::SCOPES.into_iter().find(|e| e.name() == name)
    }

    /// Whether a fault scoped to `self` takes a request to `other`.
    pub(crate) fn covers(self, other: Self) -> bool {
        self == other || (self == Self::Token && matches!(other, Self::Code | Self::Refresh))
    }

    pub(crate) fn is_token(self) -> bool {
        Self::Token.covers(self)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
