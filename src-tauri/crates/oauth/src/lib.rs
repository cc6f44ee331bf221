//! OAuth 2.1 and MCP authorization for a native client, pure.
//!
//! Problem: signing in to an MCP server touches a dozen RFCs, and each has a way to send a credential to
//! the wrong place. Invariant: nothing here reads a clock, a random source, a file or the network by itself;
//! they come in as parameters ([`http::Http`], [`random::Random`], unix seconds), so that every rule can be
//! shown by a test with exact bytes.
//!
//! The way through: [`discovery`] (server → issuer and its metadata) → [`registration`] → [`authorize`] →
//! [`callback`] → [`token`] → [`revoke`]. [`profile`] holds what is known of providers that leave out what the
//! specification asks for. Clauses named `MCP …` are those of the revision 2026-07-28.
#![forbid(unsafe_code)]

pub mod authorize;
pub mod callback;
pub mod challenge;
pub mod client_auth;
pub mod discovery;
pub mod dynamic_registration;
pub mod endpoint;
pub mod error;
pub mod http;
pub mod id_token;
pub mod introspect;
mod json;
mod knock;
pub mod management;
pub mod pins;
pub mod profile;
pub mod random;
pub mod refusal;
pub mod registration;
pub mod resource_metadata;
pub mod revoke;
pub mod scope;
pub mod secret;
pub mod server_metadata;
#[cfg(test)]
mod testing;
pub mod text;
pub mod token;
pub mod trace;
pub mod values;
pub mod well_known;

pub use error::{Error, ErrorKind};
pub use secret::{
    AccessToken, AuthorizationCode, ClientSecret, CodeVerifier, IdToken, InitialAccessToken, Nonce,
    RefreshToken, RegistrationAccessToken, State,
};
pub use text::ServerText;
pub use values::{ClientId, Issuer, RedirectUri, ResourceUri, Scope, ScopeSet, ServerUrl};

/// Unix time in whole seconds. Read by the caller, never here.
pub type UnixSeconds = u64;
