//! Which scopes to ask for (MCP, Scope Selection Strategy and Step-Up).
use crate::challenge::Challenge;
use crate::resource_metadata::ResourceMetadata;
use crate::server_metadata::ServerMetadata;
use crate::values::ScopeSet;

/// What the choice is made of.
#[derive(Clone, Copy, Debug)]
pub struct ScopeSources<'a> {
    /// What the person asked for, on top of all others.
    pub asked: Option<&'a ScopeSet>,
    /// The challenge.
    pub challenge: Option<&'a Challenge>,
    /// The server's document.
    pub resource: Option<&'a ResourceMetadata>,
    /// The issuer's document.
    pub server: &'a ServerMetadata,
    /// What was asked for before, at a step-up.
    pub before: Option<&'a ScopeSet>,
}

/// The scopes to ask for; empty means: leave `scope` out.
#[must_use]
pub fn select(sources: &ScopeSources<'_>) -> ScopeSet {
    let _ = sources;
    todo!()
}
