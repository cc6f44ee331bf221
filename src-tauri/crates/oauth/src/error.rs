//! What can go wrong, as one enum.
//!
//! Invariant: a caller decides by [`ErrorKind`], never by text; what a server said is kept apart as bounded
//! [`ServerText`] and no variant holds a secret or a whole body.

use std::time::Duration;

use crate::http::{HttpFailure, Purpose};
pub use crate::refusal::{Refusal, RefusalCode, ScopeDemand};
use crate::text::ServerText;
use crate::values::Issuer;

/// Everything that ends a step of a sign-in. Token, revocation, introspection and deletion answers have outcome
/// enums of their own, since most of their outcomes are no mistakes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address that the person typed.
    #[error("the address cannot be used: {0}")]
    ServerUrl(ServerUrlFault),
    /// The operating system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
    /// No whole answer.
    #[error("{purpose} request to {host}: {failure}")]
    Http {
        /// What the request was for.
        purpose: Purpose,
        /// Who was asked.
        host: String,
        /// How it failed.
        failure: HttpFailure,
    },
    /// The server says "not now" (408, 425, 429, 5xx).
    #[error("{purpose} request: {host} answered {status}, try later")]
    Later {
        /// What the request was for.
        purpose: Purpose,
        /// Who was asked.
        host: String,
        /// The status.
        status: u16,
        /// `Retry-After`, if there was one.
        retry_after: Option<Duration>,
    },
    /// An answer that is not what the clause asks for.
    #[error("{purpose} answer: {fault}")]
    Malformed {
        /// What the request was for.
        purpose: Purpose,
        /// What is wrong with it.
        fault: Malformed,
    },
    /// The protected resource metadata is about another resource (RFC 9728 §3.3).
    #[error("the metadata found for {server} is about {resource}")]
    ResourceMismatch {
        /// The server that was asked.
        server: String,
        /// What its metadata names.
        resource: ServerText,
    },
    /// The server asks for a sign-in but no authorization server was found.
    #[error("no authorization server was found for {server}")]
    NoAuthorizationServer {
        /// The server that was asked.
        server: String,
    },
    /// The server answered without a sign-in and names no authorization server.
    #[error("{server} answered without a sign-in and names no authorization server")]
    NoSignInOffered {
        /// The server that was asked.
        server: String,
    },
    /// No metadata of this issuer was found.
    #[error("no metadata of the issuer {issuer} was found")]
    NoMetadata {
        /// The issuer.
        issuer: Issuer,
    },
    /// The metadata names another issuer than was asked for (RFC 8414 §3.3).
    #[error("the metadata of {asked} names the issuer {found}")]
    IssuerMismatch {
        /// The issuer that was asked for.
        asked: Issuer,
        /// The one that the document names.
        found: ServerText,
    },
    /// An endpoint is not `https` (or `http` to loopback), or no URL.
    #[error("the {endpoint} is not an https address")]
    EndpointRefused {
        /// Which.
        endpoint: EndpointName,
    },
    /// The metadata does not announce PKCE with S256 (MCP authorization, Authorization Code Protection).
    #[error("{issuer} does not announce PKCE with S256")]
    PkceNotAnnounced {
        /// The issuer.
        issuer: Issuer,
    },
    /// No way to get a client identity at this issuer: ask the person for one.
    #[error("{issuer} offers no registration")]
    RegistrationNotOffered {
        /// The issuer.
        issuer: Issuer,
    },
    /// A pre-registered client belongs to another issuer (MCP client registration, Authorization Server Binding).
    #[error("the client is registered at {registered_at}, not at {issuer}")]
    RegistrationElsewhere {
        /// The issuer of the sign-in.
        issuer: Issuer,
        /// The issuer that the client belongs to.
        registered_at: Issuer,
    },
    /// The server refused the registration.
    #[error("the registration was refused: {refusal}")]
    RegistrationRefused {
        /// What is to be done about it.
        remedy: RegistrationRemedy,
        /// The status.
        status: u16,
        /// What the server said.
        refusal: Refusal,
    },
    /// The server registered something else than was asked for, which we cannot use.
    #[error("the registration answer cannot be used: {0}")]
    RegistrationAnswer(RegistrationFault),
    /// The callback.
    #[error("{0}")]
    Callback(CallbackFault),
    /// The server ended the sign-in with an error (RFC 6749 §4.1.2.1), and `iss` was right.
    #[error("the authorization server ended the sign-in: {0}")]
    AuthorizationRefused(Refusal),
    /// The ID token.
    #[error("the id token cannot be used: {0}")]
    IdToken(IdTokenFault),
    /// A provider profile or a pin that a person wrote.
    #[error("{0}")]
    Settings(SettingsFault),
}

/// [`Error`] without its contents: what a caller switches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // one to one with Error's variants, which say it
pub enum ErrorKind {
    ServerUrl,
    Random,
    NotSent,
    OutcomeUnknown,
    TooLarge,
    AddressRefused,
    Later,
    Malformed,
    ResourceMismatch,
    NoAuthorizationServer,
    NoSignInOffered,
    NoMetadata,
    IssuerMismatch,
    EndpointRefused,
    PkceNotAnnounced,
    RegistrationNotOffered,
    RegistrationElsewhere,
    RegistrationRefused,
    RegistrationAnswer,
    CallbackMalformed,
    CallbackUnmatched,
    CallbackExpired,
    CallbackIssuer,
    AuthorizationRefused,
    IdToken,
    Settings,
}

impl ErrorKind {
    /// A stable word for logs and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::ServerUrl => "server_url",
            ErrorKind::Random => "random",
            ErrorKind::NotSent => "not_sent",
            ErrorKind::OutcomeUnknown => "outcome_unknown",
            ErrorKind::TooLarge => "too_large",
            ErrorKind::AddressRefused => "address_refused",
            ErrorKind::Later => "later",
            ErrorKind::Malformed => "malformed",
            ErrorKind::ResourceMismatch => "resource_mismatch",
            ErrorKind::NoAuthorizationServer => "no_authorization_server",
            ErrorKind::NoSignInOffered => "no_sign_in_offered",
            ErrorKind::NoMetadata => "no_metadata",
            ErrorKind::IssuerMismatch => "issuer_mismatch",
            ErrorKind::EndpointRefused => "endpoint_refused",
            ErrorKind::PkceNotAnnounced => "pkce_not_announced",
            ErrorKind::RegistrationNotOffered => "registration_not_offered",
            ErrorKind::RegistrationElsewhere => "registration_elsewhere",
            ErrorKind::RegistrationRefused => "registration_refused",
            ErrorKind::RegistrationAnswer => "registration_answer",
            ErrorKind::CallbackMalformed => "callback_malformed",
            ErrorKind::CallbackUnmatched => "callback_unmatched",
            ErrorKind::CallbackExpired => "callback_expired",
            ErrorKind::CallbackIssuer => "callback_issuer",
            ErrorKind::AuthorizationRefused => "authorization_refused",
            ErrorKind::IdToken => "id_token",
            ErrorKind::Settings => "settings",
        }
    }
}

impl Error {
    /// What a caller switches on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::ServerUrl(_) => ErrorKind::ServerUrl,
            Error::Random => ErrorKind::Random,
            Error::Http { failure, .. } => match failure {
                HttpFailure::NotSent(_) => ErrorKind::NotSent,
                HttpFailure::Unknown(_) => ErrorKind::OutcomeUnknown,
                HttpFailure::TooLarge { .. } => ErrorKind::TooLarge,
                HttpFailure::AddressRefused => ErrorKind::AddressRefused,
            },
            Error::Later { .. } => ErrorKind::Later,
            Error::Malformed { .. } => ErrorKind::Malformed,
            Error::ResourceMismatch { .. } => ErrorKind::ResourceMismatch,
            Error::NoAuthorizationServer { .. } => ErrorKind::NoAuthorizationServer,
            Error::NoSignInOffered { .. } => ErrorKind::NoSignInOffered,
            Error::NoMetadata { .. } => ErrorKind::NoMetadata,
            Error::IssuerMismatch { .. } => ErrorKind::IssuerMismatch,
            Error::EndpointRefused { .. } => ErrorKind::EndpointRefused,
            Error::PkceNotAnnounced { .. } => ErrorKind::PkceNotAnnounced,
            Error::RegistrationNotOffered { .. } => ErrorKind::RegistrationNotOffered,
            Error::RegistrationElsewhere { .. } => ErrorKind::RegistrationElsewhere,
            Error::RegistrationRefused { .. } => ErrorKind::RegistrationRefused,
            Error::RegistrationAnswer(_) => ErrorKind::RegistrationAnswer,
            Error::Callback(fault) => match fault {
                CallbackFault::Unmatched => ErrorKind::CallbackUnmatched,
                CallbackFault::Expired => ErrorKind::CallbackExpired,
                CallbackFault::IssuerMismatch | CallbackFault::IssuerMissing => ErrorKind::CallbackIssuer,
                _ => ErrorKind::CallbackMalformed,
            },
            Error::AuthorizationRefused(_) => ErrorKind::AuthorizationRefused,
            Error::IdToken(_) => ErrorKind::IdToken,
            Error::Settings(_) => ErrorKind::Settings,
        }
    }
}

/// Why a typed address is no MCP server address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlFault {
    /// Not a URL with a host.
    #[error("it is not a URL with a host")]
    NotAUrl,
    /// `http` to a host that is not this machine.
    #[error("plain http is for this machine only")]
    PlainHttp,
    /// Neither `https` nor `http`.
    #[error("its scheme is not https")]
    Scheme,
    /// A user name or password in the URL.
    #[error("it holds a user name or password")]
    UserInfo,
    /// Above 2,048 bytes.
    #[error("it is longer than 2048 bytes")]
    TooLong,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or nested too deep.
    #[error("it is not JSON")]
    NotJson,
    /// JSON, but not an object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// A member that must be there is missing or of the wrong type.
    #[error("its member {0} is missing or of the wrong type")]
    Member(&'static str),
    /// A member is longer than any honest one.
    #[error("its member {0} is too long")]
    TooLong(&'static str),
    /// A status that the clause does not know.
    #[error("its status is {0}")]
    Status(u16),
}

/// Which endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[allow(missing_docs)] // the names of RFC 8414 §2
pub enum EndpointName {
    #[error("authorization endpoint")]
    Authorization,
    #[error("token endpoint")]
    Token,
    #[error("registration endpoint")]
    Registration,
    #[error("revocation endpoint")]
    Revocation,
    #[error("introspection endpoint")]
    Introspection,
    #[error("registration management address")]
    RegistrationManagement,
    #[error("redirect address")]
    Redirect,
    #[error("metadata address")]
    Metadata,
    #[error("issuer")]
    Issuer,
}

/// What to do about a refused registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegistrationRemedy {
    /// The redirect URI was refused, or may have been: register anew with the next kind.
    NextRedirect,
    /// The endpoint wants an initial access token, or another one (RFC 7591 §3).
    InitialAccessToken,
    /// Ask the person for a pre-registered client.
    Preregister,
}

/// What is wrong with the answer to a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationFault {
    /// No usable `client_id`.
    #[error("it holds no client_id")]
    ClientId,
    /// The redirect URI that we asked for is not among the registered ones.
    #[error("it does not hold our redirect address")]
    RedirectUri,
    /// A token endpoint authentication method that we cannot do.
    #[error("it asks for a client authentication method that is not supported")]
    AuthMethod,
}

/// What is wrong with a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackFault {
    /// No URL, or above the bound.
    #[error("that is not a callback address")]
    NotAUrl,
    /// A parameter came twice (RFC 6749 §3.1).
    #[error("the callback has the parameter {0} twice")]
    Doubled(CallbackParameter),
    /// No `state`.
    #[error("the callback has no state")]
    StateMissing,
    /// Neither `code` nor `error`, or both.
    #[error("the callback has neither one code nor one error")]
    CodeOrError,
    /// Another scheme, host, port or path than the redirect URI.
    #[error("the callback came to another address than the sign-in's")]
    WrongAddress,
    /// Its `state` belongs to no pending sign-in.
    #[error("the callback belongs to no pending sign-in")]
    Unmatched,
    /// The sign-in is older than ten minutes.
    #[error("the sign-in is older than ten minutes")]
    Expired,
    /// `iss` names another issuer (RFC 9207 §2.4).
    #[error("the callback came from another authorization server")]
    IssuerMismatch,
    /// The server announces `iss` and sent none (RFC 9207 §2.4).
    #[error("the callback does not say which authorization server it came from")]
    IssuerMissing,
}

/// A parameter of the callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[allow(missing_docs)] // the parameter names themselves
pub enum CallbackParameter {
    #[error("state")]
    State,
    #[error("code")]
    Code,
    #[error("iss")]
    Iss,
    #[error("error")]
    Error,
    #[error("error_description")]
    ErrorDescription,
    #[error("error_uri")]
    ErrorUri,
}

/// What is wrong with an ID token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenFault {
    /// Not three base64url parts with JSON claims.
    #[error("it is not a signed token with claims")]
    Malformed,
    /// `iss` is not the issuer.
    #[error("its iss is another issuer")]
    Issuer,
    /// `aud` or `azp` is not our client.
    #[error("it was made for another client")]
    Audience,
    /// `exp` has passed or is missing.
    #[error("it has expired")]
    Expired,
    /// `nonce` is not ours.
    #[error("its nonce is not ours")]
    Nonce,
    /// No `sub`.
    #[error("it names nobody")]
    Subject,
}

/// What is wrong with settings that a person wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsFault {
    /// Profile overrides that do not parse.
    #[error("the provider profiles cannot be read: {0}")]
    Profiles(String),
    /// A pinned endpoint that is no `https` address.
    #[error("the pinned {0} is not an https address")]
    PinnedEndpoint(EndpointName),
    /// An authorization endpoint is pinned and no token endpoint, or the other way round.
    #[error("a pinned authorization endpoint and a pinned token endpoint go together")]
    PinnedHalf,
}
