//! Which scopes to ask for (MCP authorization, Scope Selection Strategy, Step-Up Authorization Flow, Refresh Tokens).
//!
//! Invariant: the challenge wins over the resource's metadata, and without either `scope` is left out; the issuer's
//! metadata is a source for `offline_access` only; `openid` is never added unasked; a step-up never asks for less
//! than before.

use crate::challenge::Challenge;
use crate::resource_metadata::ResourceMetadata;
use crate::server_metadata::ServerMetadata;
use crate::values::{Scope, ScopeSet};

/// What the choice is made of.
#[derive(Clone, Copy, Debug)]
pub struct ScopeSources<'a> {
    /// What the person asked for: taken instead of what the server's documents say.
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
    let challenged = sources.challenge.and_then(|c| c.scope.as_ref());
    let listed = sources.resource.and_then(|r| r.scopes_supported.as_ref());
    let mut scopes = match sources.before {
        // The challenge is authoritative for the operation; the union keeps what worked before (SEP-2350).
        Some(before) => {
            [challenged, sources.asked].into_iter().flatten().fold(before.clone(), |all, s| all.union(s))
        }
        None => sources.asked.or(challenged).or(listed).cloned().unwrap_or_default(),
    };
    // Alone it would be all that is granted: without any other scope the issuer's default is wanted (RFC 6749 §3.3).
    if !scopes.is_empty()
        && sources.server.scopes_supported.as_ref().is_some_and(|s| s.contains("offline_access"))
        && let Some(offline) = Scope::new("offline_access")
    {
        scopes.insert(offline);
    }
    scopes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pick(
        asked: Option<&str>,
        challenge: Option<&str>,
        listed: Option<&str>,
        issuer: Option<&str>,
        before: Option<&str>,
    ) -> String {
        let set = |text: Option<&str>| text.map(ScopeSet::parse);
        let (asked, before) = (set(asked), set(before));
        let challenge = Challenge { scope: set(challenge), ..Challenge::default() };
        let list: Vec<&str> = listed.unwrap_or_default().split_whitespace().collect();
        let resource =
            serde_json::json!({"resource": "https://h.example", "scopes_supported": list}).to_string();
        let resource = ResourceMetadata::parse(resource.as_bytes()).unwrap();
        let list: Vec<&str> = issuer.unwrap_or_default().split_whitespace().collect();
        let server = serde_json::json!({"issuer": "https://as.example", "authorization_endpoint": "https://as.example/a",
            "token_endpoint": "https://as.example/t", "scopes_supported": list}).to_string();
        let server = ServerMetadata::parse(server.as_bytes()).unwrap();
        select(&ScopeSources {
            asked: asked.as_ref(),
            challenge: Some(&challenge),
            resource: Some(&resource),
            server: &server,
            before: before.as_ref(),
        })
        .to_string()
    }

    #[test]
    fn by_the_specification() {
        // asked, challenge, resource metadata, issuer metadata, before → scope
        for (asked, challenge, listed, issuer, before, expected) in [
            (None, Some("a b"), Some("c d"), Some("e"), None, "a b"),
            (None, None, Some("c d"), Some("e"), None, "c d"),
            (None, None, None, Some("e openid"), None, ""),
            (Some("x"), Some("a b"), Some("c"), None, None, "x"),
            (None, Some("a"), None, Some("openid offline_access"), None, "a offline_access"),
            (None, None, None, Some("offline_access"), None, ""),
            (None, None, Some("offline_access c"), None, None, "offline_access c"),
            (None, Some("write"), Some("profile"), None, Some("basic"), "basic write"),
            (
                Some("x"),
                Some("write"),
                Some("profile"),
                Some("offline_access"),
                Some("basic x"),
                "basic x write offline_access",
            ),
            (None, None, Some("profile"), None, Some("basic"), "basic"),
        ] {
            assert_eq!(
                pick(asked, challenge, listed, issuer, before),
                expected,
                "{asked:?} {challenge:?} {listed:?} {before:?}"
            );
        }
    }
}
