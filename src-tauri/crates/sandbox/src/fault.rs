//! The one table of faults. It is what the switches accept, what `--help` and docs/sandbox.md print, and what the
//! rest of the crate asks; a fault that is not here does not exist.

use crate::endpoint::Endpoint;

/// A way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each one's meaning is its row's `what`, below
pub enum Fault {
    Slow,
    Hang,
    Drop,
    Status,
    TooMany,
    Empty400,
    Html,
    Giant,
    DeepJson,
    Drip,
    Redirect,
    EndlessRedirect,
    Refuse,
    Truncated,
    WrongType,
    LostAnswer,
    HostileText,
    WrongIssuer,
    TrailingSlash,
    NoS256,
    NoIss,
    WrongIss,
    MetadataMissing,
    NoRegistration,
    NoRevocation,
    NoIntrospection,
    NoCimd,
    AuthMethods,
    AuthorizationEndpoint,
    PrivateAddress,
    MetadataField,
    PrmMissing,
    PrmIssuer,
    PrmResource,
    PrmNoScopes,
    NoChallenge,
    NoChallengeMetadata,
    NoChallengeScope,
    ChallengeMetadata,
    SchemeRefused,
    LoopbackRefused,
    LiteralLoopbackRefused,
    MixedRefused,
    StrictPort,
    ForcedSecret,
    NullSecret,
    EditedRegistration,
    ClientsForgotten,
    WrongState,
    NoState,
    DoubledParameters,
    Error200,
    NoRefreshToken,
    NoExpiresIn,
    ExpiresIn,
    TokenType,
    NoScope,
    NarrowScope,
    BadIdToken,
    RevocationLies,
    Endless401,
    Endless403,
    SessionLost,
    Clock,
}

/// What a fault takes after `=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg {
    /// Nothing.
    None,
    /// A whole number; this much when none is given.
    Number {
        /// What is counted.
        unit: &'static str,
        /// When none is given.
        default: i64,
    },
    /// One of these words; the first when none is given.
    Word(&'static [&'static str]),
    /// Any text; this when none is given.
    Text {
        /// What it is.
        name: &'static str,
        /// When none is given; `ISSUER` and `TRAP` stand for the sandbox's own addresses.
        default: &'static str,
    },
}

/// Which endpoints a fault can be narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The fault lies where it lies: `NAME[=VALUE]`.
    Fixed,
    /// `NAME[=[ENDPOINT:]VALUE]`; everywhere (`None`) or at this endpoint when none is named.
    Endpoint(Option<Endpoint>),
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Which.
    pub fault: Fault,
    /// Its name on the command line and in the control interface.
    pub name: &'static str,
    /// Its group, as the page prints it.
    pub group: &'static str,
    /// Where it can be put.
    pub scope: Scope,
    /// What it takes.
    pub arg: Arg,
    /// What it does, for people.
    pub what: &'static str,
}

const ANSWERS: &str = "Answers of any endpoint";
const METADATA: &str = "Authorization server metadata";
const PRM: &str = "Protected resource metadata and the challenge";
const REGISTRATION: &str = "Registration and redirects";
const AUTHORIZATION: &str = "The authorization response";
const TOKENS: &str = "Tokens";
const RESOURCE: &str = "The MCP server";

const ANY: Scope = Scope::Endpoint(None);
const AT_TOKEN: Scope = Scope::Endpoint(Some(Endpoint::Token));

const fn row(
    fault: Fault,
    name: &'static str,
    group: &'static str,
    scope: Scope,
    arg: Arg,
    what: &'static str,
) -> Row {
    Row { fault, name, group, scope, arg, what }
}

const fn number(unit: &'static str, default: i64) -> Arg {
    Arg::Number { unit, default }
}

const fn text(name: &'static str, default: &'static str) -> Arg {
    Arg::Text { name, default }
}

/// All faults, in the order in which the page prints them.
#[rustfmt::skip] // one fault a line: it is read as a table
pub const TABLE: &[Row] = &[
    row(Fault::Slow, "slow", ANSWERS, ANY, number("milliseconds", 1000), "waits before the request is looked at"),
    row(Fault::Hang, "hang", ANSWERS, ANY, Arg::None, "takes the request and never answers"),
    row(Fault::Drop, "drop", ANSWERS, ANY, Arg::None, "takes the request, does nothing, closes the connection"),
    row(Fault::Status, "status", ANSWERS, ANY, number("HTTP status", 503), "answers with this status and no body"),
    row(Fault::TooMany, "too-many", ANSWERS, ANY, number("seconds", 1), "answers 429 with `Retry-After`"),
    row(Fault::Empty400, "empty-400", ANSWERS, AT_TOKEN, Arg::None, "answers 400 without a body"),
    row(Fault::Html, "html", ANSWERS, AT_TOKEN, number("HTTP status", 200), "answers with a page of HTML, as a captive portal does"),
    row(Fault::Giant, "giant", ANSWERS, ANY, number("MiB", 1024), "streams a JSON body of this size"),
    row(Fault::DeepJson, "deep-json", ANSWERS, ANY, number("levels", 100_000), "answers with JSON nested this deep"),
    row(Fault::Drip, "drip", ANSWERS, ANY, number("milliseconds", 1000), "sends an endless body, one byte each so often"),
    row(Fault::Redirect, "redirect", ANSWERS, ANY, text("URL", "TRAP"), "answers 307 to another origin; without a URL to this port under another name, where the log shows what arrived (`trap`)"),
    row(Fault::EndlessRedirect, "endless-redirect", ANSWERS, ANY, Arg::None, "answers 307 to itself with a counter, for ever"),
    row(Fault::Refuse, "refuse", ANSWERS, AT_TOKEN, text("OAuth error", "invalid_grant"), "answers 400 with this OAuth error and changes nothing; at `authorize` it goes to the redirect URI"),
    row(Fault::Truncated, "truncated", ANSWERS, AT_TOKEN, Arg::None, "does the work, then announces more body than it sends"),
    row(Fault::WrongType, "wrong-type", ANSWERS, ANY, Arg::None, "calls its JSON text/plain"),
    row(Fault::LostAnswer, "lost-answer", ANSWERS, AT_TOKEN, Arg::None, "does the work (rotates, revokes), then closes the connection without an answer"),
    row(Fault::HostileText, "hostile-text", ANSWERS, Scope::Fixed, Arg::None, "puts markup, control characters and a `javascript:` link into error_description and error_uri"),
    row(Fault::WrongIssuer, "wrong-issuer", METADATA, Scope::Fixed, text("URL", "https://attacker.example"), "names this `issuer` in the metadata"),
    row(Fault::TrailingSlash, "trailing-slash", METADATA, Scope::Fixed, Arg::Word(&["prm", "metadata", "iss"]), "puts a slash behind the issuer, in that place only"),
    row(Fault::NoS256, "no-s256", METADATA, Scope::Fixed, Arg::Word(&["absent", "plain"]), "leaves code_challenge_methods_supported out, or lists `plain` alone"),
    row(Fault::NoIss, "no-iss", METADATA, Scope::Fixed, Arg::Word(&["parameter", "both"]), "sends no `iss` with the authorization response (`parameter`: although the metadata promises it; `both`: nor promises it)"),
    row(Fault::WrongIss, "wrong-iss", METADATA, Scope::Fixed, text("URL", "https://attacker.example"), "sends this `iss` with the authorization response"),
    row(Fault::MetadataMissing, "metadata-missing", METADATA, Scope::Fixed, Arg::Word(&["all", "oauth", "oidc"]), "answers 404 for the metadata: all forms, RFC 8414's, or OpenID's"),
    row(Fault::NoRegistration, "no-registration", METADATA, Scope::Fixed, Arg::None, "offers no registration_endpoint"),
    row(Fault::NoRevocation, "no-revocation", METADATA, Scope::Fixed, Arg::None, "offers no revocation_endpoint"),
    row(Fault::NoIntrospection, "no-introspection", METADATA, Scope::Fixed, Arg::None, "offers no introspection_endpoint"),
    row(Fault::NoCimd, "no-cimd", METADATA, Scope::Fixed, Arg::None, "takes no Client ID Metadata Document"),
    row(Fault::AuthMethods, "auth-methods", METADATA, Scope::Fixed, text("methods", "client_secret_post"), "lists these token_endpoint_auth_methods (space between) and registers clients with the first of them"),
    row(Fault::AuthorizationEndpoint, "authorization-endpoint", METADATA, Scope::Fixed, text("value", "javascript:alert(1)"), "names this authorization_endpoint: `file:`, `javascript:`, `$(…)`, a leading dash …"),
    row(Fault::PrivateAddress, "private-address", METADATA, Scope::Fixed, text("origin", "http://169.254.169.254"), "puts the token, registration and revocation endpoints at this address"),
    row(Fault::MetadataField, "metadata-field", METADATA, Scope::Fixed, text("NAME=JSON", "token_endpoint=null"), "sets any member of the metadata; `null` takes it out"),
    row(Fault::PrmMissing, "prm-missing", PRM, Scope::Fixed, Arg::Word(&["all", "path", "root"]), "answers 404 for the protected resource metadata: both forms, or one"),
    row(Fault::PrmIssuer, "prm-issuer", PRM, Scope::Fixed, text("URL", "https://attacker.example"), "names another authorization server (the issuer swap)"),
    row(Fault::PrmResource, "prm-resource", PRM, Scope::Fixed, text("URL", "https://other.example/mcp"), "names another `resource`"),
    row(Fault::PrmNoScopes, "prm-no-scopes", PRM, Scope::Fixed, Arg::None, "leaves scopes_supported out"),
    row(Fault::NoChallenge, "no-challenge", PRM, Scope::Fixed, Arg::None, "answers 401 without `WWW-Authenticate`"),
    row(Fault::NoChallengeMetadata, "no-challenge-metadata", PRM, Scope::Fixed, Arg::None, "leaves `resource_metadata` out of the challenge"),
    row(Fault::NoChallengeScope, "no-challenge-scope", PRM, Scope::Fixed, Arg::None, "leaves `scope` out of the challenge"),
    row(Fault::ChallengeMetadata, "challenge-metadata", PRM, Scope::Fixed, text("URL", "http://169.254.169.254/prm"), "points `resource_metadata` elsewhere"),
    row(Fault::SchemeRefused, "scheme-refused", REGISTRATION, Scope::Endpoint(Some(Endpoint::Register)), Arg::None, "refuses private-use schemes at `register`, or first at `authorize`"),
    row(Fault::LoopbackRefused, "loopback-refused", REGISTRATION, Scope::Endpoint(Some(Endpoint::Register)), Arg::None, "refuses every loopback redirect at `register`, or first at `authorize`"),
    row(Fault::LiteralLoopbackRefused, "literal-loopback-refused", REGISTRATION, Scope::Endpoint(Some(Endpoint::Register)), Arg::None, "knows `http://localhost` only and refuses 127.0.0.1 and [::1]"),
    row(Fault::MixedRefused, "mixed-refused", REGISTRATION, Scope::Fixed, Arg::None, "refuses a registration whose redirect URIs are of different kinds"),
    row(Fault::StrictPort, "strict-port", REGISTRATION, Scope::Fixed, Arg::None, "compares the port of loopback redirects too, against RFC 8252 §7.3"),
    row(Fault::ForcedSecret, "forced-secret", REGISTRATION, Scope::Fixed, Arg::None, "gives a client_secret and client_secret_basic to clients that asked for none"),
    row(Fault::NullSecret, "null-secret", REGISTRATION, Scope::Fixed, Arg::Word(&["null", "empty"]), "answers a public client's registration with client_secret null or empty"),
    row(Fault::EditedRegistration, "edited-registration", REGISTRATION, Scope::Fixed, text("URI", "https://other.example/callback"), "answers with another redirect URI than the one asked for"),
    row(Fault::ClientsForgotten, "clients-forgotten", REGISTRATION, Scope::Fixed, Arg::None, "forgets, at this moment, every client that is registered"),
    row(Fault::WrongState, "wrong-state", AUTHORIZATION, Scope::Fixed, text("value", "forged"), "sends another `state` back"),
    row(Fault::NoState, "no-state", AUTHORIZATION, Scope::Fixed, Arg::None, "sends no `state` back"),
    row(Fault::DoubledParameters, "doubled-parameters", AUTHORIZATION, Scope::Fixed, Arg::None, "sends `code` and `state` twice, the second time with other values"),
    row(Fault::Error200, "error-200", TOKENS, AT_TOKEN, text("OAuth error", "invalid_grant"), "answers 200 with the body of an error"),
    row(Fault::NoRefreshToken, "no-refresh-token", TOKENS, Scope::Endpoint(Some(Endpoint::Refresh)), Arg::None, "gives no refresh token; at `refresh` the old one stays good"),
    row(Fault::NoExpiresIn, "no-expires-in", TOKENS, AT_TOKEN, Arg::None, "leaves expires_in out"),
    row(Fault::ExpiresIn, "expires-in", TOKENS, AT_TOKEN, text("JSON", "\"3600\""), "says this expires_in: a string, 0, -1, a huge number"),
    row(Fault::TokenType, "token-type", TOKENS, AT_TOKEN, text("type", "mac"), "says this token_type"),
    row(Fault::NoScope, "no-scope", TOKENS, AT_TOKEN, Arg::None, "leaves `scope` out of the token answer"),
    row(Fault::NarrowScope, "narrow-scope", TOKENS, Scope::Fixed, text("scopes", "mcp:read"), "grants these scopes at most"),
    row(Fault::BadIdToken, "bad-id-token", TOKENS, Scope::Fixed, Arg::Word(&["nonce", "aud", "iss", "exp", "signature"]), "spoils that part of the id_token"),
    row(Fault::RevocationLies, "revocation-lies", TOKENS, Scope::Fixed, Arg::None, "answers 200 to a revocation and revokes nothing"),
    row(Fault::Clock, "clock", TOKENS, Scope::Fixed, number("seconds", 600), "puts the sandbox's clock off by this much (`iat`, `exp`, `Date`, expiry)"),
    row(Fault::Endless401, "endless-401", RESOURCE, Scope::Fixed, Arg::None, "answers 401 invalid_token to every token, fresh ones too"),
    row(Fault::Endless403, "endless-403", RESOURCE, Scope::Fixed, text("scope", "mcp:admin"), "answers 403 insufficient_scope to every token"),
    row(Fault::SessionLost, "session-lost", RESOURCE, Scope::Fixed, Arg::None, "answers 404 to every session id"),
];

impl Fault {
    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        TABLE.iter().find(|r| r.fault == self).expect("a test holds every fault against the table")
    }

    /// The fault of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        TABLE.iter().find(|r| r.name == name).map(|r| r.fault)
    }
}

impl Row {
    /// How it is written, for example `slow=[ENDPOINT:]MILLISECONDS`.
    #[must_use]
    pub fn usage(&self) -> String {
        let value = match self.arg {
            Arg::None => None,
            Arg::Number { unit, .. } => Some(unit.to_ascii_uppercase().replace(' ', "_")),
            Arg::Word(words) => Some(words.join("|")),
            Arg::Text { name, .. } => Some(name.to_ascii_uppercase().replace(' ', "_")),
        };
        match (self.scope, value) {
            (Scope::Fixed, None) => self.name.to_owned(),
            (Scope::Fixed, Some(v)) => format!("{}[={v}]", self.name),
            (Scope::Endpoint(_), None) => format!("{}[=ENDPOINT]", self.name),
            (Scope::Endpoint(_), Some(v)) => format!("{}[=[ENDPOINT:]{v}]", self.name),
        }
    }

    /// What holds when nothing is said after the name.
    #[must_use]
    pub fn default_text(&self) -> String {
        let value = match self.arg {
            Arg::None => String::new(),
            Arg::Number { default, .. } => default.to_string(),
            Arg::Word(words) => words.first().copied().unwrap_or_default().to_owned(),
            Arg::Text { default, .. } => default.to_owned(),
        };
        match self.scope {
            Scope::Fixed => value,
            Scope::Endpoint(at) => {
                let at = at.map_or("all", Endpoint::name);
                if value.is_empty() { at.to_owned() } else { format!("{at}:{value}") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_faults_are_unique() {
        for (i, row) in TABLE.iter().enumerate() {
            assert!(TABLE[..i].iter().all(|r| r.name != row.name && r.fault != row.fault), "{}", row.name);
            assert_eq!(row.fault.row().name, row.name);
        }
    }

    #[test]
    fn usage_shows_scope_and_value() {
        assert_eq!(Fault::Slow.row().usage(), "slow[=[ENDPOINT:]MILLISECONDS]");
        assert_eq!(Fault::Html.row().default_text(), "token:200");
        assert_eq!(Fault::StrictPort.row().usage(), "strict-port");
    }
}
