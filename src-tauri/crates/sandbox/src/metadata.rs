//! The authorization server's metadata (RFC 8414, OpenID Connect Discovery) and the resource's (RFC 9728).

use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::guise;
use crate::options::Guise;
use crate::site::Site;
use crate::wire::{Answer, empty, json, with};
use serde_json::{Value, json};

/// Scopes of the MCP server's tools, from the weakest up.
pub(crate) const MCP_SCOPES: [&str; 3] = ["mcp:read", "mcp:write", "mcp:admin"];
/// Scopes that the issuer knows besides.
pub(crate) const ISSUER_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

const AT: Endpoint = Endpoint::Metadata;

/// The sandbox's own metadata, before guise and faults.
fn own(site: &Site) -> Value {
    let places = &site.places;
    let scopes: Vec<_> = MCP_SCOPES.iter().chain(&ISSUER_SCOPES).collect();
    json!({
        "issuer": site.issuer,
        "authorization_endpoint": site.at(&places.authorize),
        "token_endpoint": site.at(&places.token),
        "registration_endpoint": site.at(&places.register),
        "revocation_endpoint": site.at(&places.revoke),
        "introspection_endpoint": site.at(&places.introspect),
        "userinfo_endpoint": site.at(&places.userinfo),
        "jwks_uri": site.at(&places.jwks),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "email", "email_verified", "name"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "service_documentation": "https://github.com/mcp-login/mcp-login/blob/main/docs/sandbox.md",
    })
}

/// The metadata as it is served now.
pub(crate) fn document(site: &Site) -> Value {
    let mut doc = guise::document(site).unwrap_or_else(|| own(site));
    let Some(members) = doc.as_object_mut() else { return doc };
    if matches!(site.options.guise, Guise::Legacy202503 | Guise::Legacy202506) {
        members.remove("authorization_response_iss_parameter_supported");
        members.remove("client_id_metadata_document_supported");
    }
    for (fault, name) in [
        (Fault::NoRegistration, "registration_endpoint"),
        (Fault::NoRevocation, "revocation_endpoint"),
        (Fault::NoIntrospection, "introspection_endpoint"),
        (Fault::NoCimd, "client_id_metadata_document_supported"),
    ] {
        if site.on(fault, AT) {
            members.remove(name);
        }
    }
    if let Some(url) = site.fault(Fault::WrongIssuer, AT) {
        members.insert("issuer".into(), url.into());
    }
    if site.on_with(Fault::TrailingSlash, AT, &["metadata"]) {
        members.insert("issuer".into(), format!("{}/", site.issuer).into());
    }
    match site.fault(Fault::NoS256, AT).as_deref() {
        Some("plain") => {
            members.insert("code_challenge_methods_supported".into(), json!(["plain"]));
        }
        Some(_) => {
            members.remove("code_challenge_methods_supported");
        }
        None => {}
    }
    if site.on_with(Fault::NoIss, AT, &["both"]) {
        members.remove("authorization_response_iss_parameter_supported");
    }
    if let Some(methods) = site.fault(Fault::AuthMethods, AT) {
        let methods: Vec<_> = methods.split_whitespace().collect();
        members.insert("token_endpoint_auth_methods_supported".into(), json!(methods));
    }
    if let Some(value) = site.fault(Fault::AuthorizationEndpoint, AT) {
        members.insert("authorization_endpoint".into(), value.into());
    }
    if let Some(origin) = site.fault(Fault::PrivateAddress, AT) {
        for name in ["token_endpoint", "registration_endpoint", "revocation_endpoint"] {
            let path = members
                .get(name)
                .and_then(Value::as_str)
                .map(|u| u.strip_prefix(site.origin.as_str()).unwrap_or("/").to_owned());
            if let Some(path) = path {
                members.insert(name.into(), format!("{}{path}", origin.trim_end_matches('/')).into());
            }
        }
    }
    if let Some(setting) = site.fault(Fault::MetadataField, AT) {
        let (name, value) = setting.split_once('=').unwrap_or((&setting, "null"));
        match serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)) {
            Value::Null => {
                members.remove(name);
            }
            value => {
                members.insert(name.to_owned(), value);
            }
        }
    }
    doc
}

/// Which form of the metadata a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Oauth,
    Oidc,
}

/// The form that a path is, when it is one of this issuer's.
pub(crate) fn form(site: &Site, path: &str) -> Option<Form> {
    let tail = &site.places.issuer;
    let is = |form: &str| path == form;
    let oauth = is(&format!("/.well-known/oauth-authorization-server{tail}"));
    let oidc = is(&format!("/.well-known/openid-configuration{tail}"))
        || is(&format!("{tail}/.well-known/openid-configuration"));
    match site.options.guise {
        Guise::Sandbox => oauth.then_some(Form::Oauth).or(oidc.then_some(Form::Oidc)),
        Guise::Legacy202503 | Guise::Legacy202506 => oauth.then_some(Form::Oauth),
        Guise::Legacy202503Endpoints => None,
        // Both serve OpenID's form behind the issuer's path and nothing else.
        Guise::Entra | Guise::Cognito => {
            is(&format!("{tail}/.well-known/openid-configuration")).then_some(Form::Oidc)
        }
    }
}

/// Serves the metadata.
pub(crate) fn serve(site: &Site, form: Form) -> Answer {
    let word = match form {
        Form::Oauth => "oauth",
        Form::Oidc => "oidc",
    };
    let gone = site.on_with(Fault::MetadataMissing, AT, &["all", word]);
    if gone { empty(404) } else { with(json(200, &document(site)), "cache-control", "max-age=60") }
}

/// The two places of RFC 9728 §3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PrmForm {
    Path,
    Root,
}

/// Where the metadata of the MCP server lies.
pub(crate) const PRM_PATH: &str = "/.well-known/oauth-protected-resource/mcp";
/// Where that of the whole origin lies.
pub(crate) const PRM_ROOT: &str = "/.well-known/oauth-protected-resource";

/// Serves the protected resource metadata.
pub(crate) fn serve_prm(site: &Site, form: PrmForm) -> Answer {
    let at = Endpoint::Prm;
    let word = match form {
        PrmForm::Path => "path",
        PrmForm::Root => "root",
    };
    let gone = matches!(site.options.guise, Guise::Legacy202503 | Guise::Legacy202503Endpoints)
        || site.on_with(Fault::PrmMissing, at, &["all", word]);
    if gone {
        return empty(404);
    }
    let mut issuer = site.upstream.as_ref().map_or_else(|| site.issuer.clone(), |u| u.issuer().to_owned());
    if site.on_with(Fault::TrailingSlash, at, &["prm"]) {
        issuer.push('/');
    }
    if let Some(other) = site.fault(Fault::PrmIssuer, at) {
        issuer = other;
    }
    // RFC 9728 §3.3: the identifier from which the metadata's address was made.
    let resource = match form {
        PrmForm::Path => site.mcp(),
        PrmForm::Root => site.origin.clone(),
    };
    let resource = site.fault(Fault::PrmResource, at).unwrap_or(resource);
    let mut doc = json!({
        "resource": resource,
        "authorization_servers": [issuer],
        "bearer_methods_supported": ["header"],
        "scopes_supported": MCP_SCOPES,
        "resource_name": "MCP Login's sandbox",
        "resource_documentation": "https://github.com/mcp-login/mcp-login/blob/main/docs/sandbox.md",
    });
    if site.on(Fault::PrmNoScopes, at)
        && let Some(members) = doc.as_object_mut()
    {
        members.remove("scopes_supported");
    }
    with(json(200, &doc), "cache-control", "max-age=60")
}
