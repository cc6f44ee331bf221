//! What is known of providers that leave out what the specification asks for.
use crate::error::Error;
use crate::values::Issuer;

/// Whether `resource` (RFC 8707) is sent to this provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceUse {
    /// Everywhere, as MCP asks.
    Send,
    /// Nowhere: the provider refuses requests with it.
    Omit,
}

/// One provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its short name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Whether it is known to do PKCE with S256 although it does not say so.
    pub vouches_s256: bool,
    /// Whether `resource` is sent.
    pub resource: ResourceUse,
}

/// All profiles, those of the person first.
#[derive(Clone, Debug)]
pub struct Profiles(Vec<Profile>);

impl Profiles {
    /// Those that come with the program.
    #[must_use]
    pub fn builtin() -> Self {
        todo!()
    }

    /// Puts the person's own before them.
    ///
    /// # Errors
    /// [`Error::Settings`] with line and cause.
    pub fn with_overrides(self, toml: &str) -> Result<Self, Error> {
        let _ = toml;
        todo!()
    }

    /// The profile of an issuer.
    #[must_use]
    pub fn find(&self, issuer: &Issuer) -> Option<&Profile> {
        let _ = (issuer, &self.0);
        todo!()
    }
}
