//! Whom the sandbox plays: where its endpoints lie, and, for a provider, that provider's own metadata with the
//! hosts replaced by ours.

use crate::options::Guise;
use crate::site::Site;
use serde_json::Value;

/// The issuer's paths.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The issuer's path, empty for none.
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

impl Places {
    pub(crate) fn new(_guise: Guise, issuer_path: &str) -> Self {
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

pub(crate) fn document(_site: &Site) -> Value {
    Value::Null
}
