//! The way to the browser: the authorization request, and what is told of it.
//!
//! Invariant: what the program in front of the person is told and what is remembered come from the same request.

use super::BrowserStep;
use crate::accounts::RedirectKind;
use mcp_login_oauth::authorize::{AuthorizationRequest, PendingAuthorization};
use mcp_login_oauth::discovery::Discovered;
use mcp_login_oauth::random::OsRandom;
use mcp_login_oauth::registration::Registration;
use mcp_login_oauth::{Error as OauthError, ScopeSet, ServerUrl};

/// A way to the browser.
pub(crate) struct Departure<'a> {
    pub(crate) server: &'a ServerUrl,
    pub(crate) found: &'a Discovered,
    pub(crate) scopes: &'a ScopeSet,
    pub(crate) registration: &'a Registration,
    pub(crate) kind: RedirectKind,
    pub(crate) prompt: Option<&'a str>,
    pub(crate) login_hint: Option<&'a str>,
}

impl Departure<'_> {
    /// The address, what must be remembered, and what the program in front of the person is told.
    pub(crate) fn begin(&self, now: u64) -> Result<(BrowserStep, PendingAuthorization), OauthError> {
        let (url, pending) = self.request().begin(&mut OsRandom, now)?;
        let step = BrowserStep {
            authorization_url: url.into(),
            redirect_uri: self.registration.redirect_uri.as_str().to_owned(),
            redirect_kind: self.kind,
            issuer: self.found.metadata.issuer.as_str().to_owned(),
            server: self.server.as_str().to_owned(),
            scopes: words(self.scopes),
            registration: self.registration.kind,
            refused: None,
        };
        Ok((step, pending))
    }

    /// The request itself.
    pub(crate) fn request(&self) -> AuthorizationRequest<'_> {
        AuthorizationRequest {
            metadata: &self.found.metadata,
            registration: self.registration,
            profile: self.found.profile.as_ref(),
            resource: self.found.resource_parameter.as_ref(),
            scopes: self.scopes,
            prompt: self.prompt,
            login_hint: self.login_hint,
        }
    }
}

/// For a list.
pub(super) fn words(scopes: &ScopeSet) -> Vec<String> {
    scopes.iter().map(|s| s.as_str().to_owned()).collect()
}
