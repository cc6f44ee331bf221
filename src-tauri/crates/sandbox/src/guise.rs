//! Whom the sandbox plays: where its endpoints lie, and, for a provider, that provider's own metadata (see
//! guises/README.md) with the hosts replaced by ours.

use crate::options::Guise;
use crate::site::Site;
use serde_json::{Value, json};

const ENTRA: &str = include_str!("../guises/entra.json");
const COGNITO: &str = include_str!("../guises/cognito.json");

/// The issuer's paths; empty for what this issuer does not have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// The issuer's own path.
    pub(crate) issuer: String,
    pub(crate) authorize: String,
    pub(crate) consent: String,
    pub(crate) token: String,
    pub(crate) register: String,
    pub(crate) revoke: String,
    pub(crate) introspect: String,
    pub(crate) userinfo: String,
    pub(crate) jwks: String,
}

fn published(guise: Guise) -> Option<Value> {
    let text = match guise {
        Guise::Entra => ENTRA,
        Guise::Cognito => COGNITO,
        _ => return None,
    };
    Some(serde_json::from_str(text).expect("a test reads both documents"))
}

/// The path of an absolute URL.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |at| &rest[at..])
}

impl Places {
    pub(crate) fn new(guise: Guise, issuer_path: &str) -> Self {
        if let Some(doc) = published(guise) {
            let at =
                |name: &str| doc.get(name).and_then(Value::as_str).map(path).unwrap_or_default().to_owned();
            let issuer = at("issuer");
            return Self {
                consent: format!("{issuer}/consent"),
                authorize: at("authorization_endpoint"),
                token: at("token_endpoint"),
                register: at("registration_endpoint"),
                revoke: at("revocation_endpoint"),
                introspect: at("introspection_endpoint"),
                userinfo: at("userinfo_endpoint"),
                jwks: at("jwks_uri"),
                issuer,
            };
        }
        let path = issuer_path.trim_end_matches('/');
        let path =
            if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let at = |name: &str| format!("{path}/{name}");
        Self {
            authorize: at("authorize"),
            consent: at("consent"),
            token: at("token"),
            register: at("register"),
            revoke: at("revoke"),
            introspect: at("introspect"),
            userinfo: at("userinfo"),
            jwks: at("jwks"),
            issuer: path,
        }
    }
}

/// The provider's document as ours; `None` when the guise is no provider.
pub(crate) fn document(site: &Site) -> Option<Value> {
    let mut doc = published(site.options.guise)?;
    for value in doc.as_object_mut()?.values_mut() {
        if let Value::String(text) = value
            && text.starts_with("https://")
        {
            *text = format!("{}{}", site.origin, path(text));
        }
    }
    // Ours are signed with ES256, and a client that checks must be able to.
    doc["id_token_signing_alg_values_supported"] = json!(["ES256"]);
    Some(doc)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn both_documents_are_read_and_leave_out_pkce() {
        for guise in [Guise::Entra, Guise::Cognito] {
            let doc = published(guise).unwrap();
            assert!(doc.get("code_challenge_methods_supported").is_none());
            assert!(doc.get("registration_endpoint").is_none());
        }
        // The length that the recorded answer announced: nobody has touched it.
        assert_eq!(ENTRA.len(), 1753);
    }

    #[test]
    fn places_follow_the_documents() {
        let places = Places::new(Guise::Entra, "");
        assert_eq!(places.issuer, "/12345678-1234-1234-1234-123456789012/v2.0");
        assert_eq!(places.token, "/12345678-1234-1234-1234-123456789012/oauth2/v2.0/token");
        assert_eq!(places.revoke, "");
        assert_eq!(Places::new(Guise::Sandbox, "tenant/").token, "/tenant/token");
    }
}
