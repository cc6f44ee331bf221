//! The MCP server's door: a token in the header, good, for us, with the scope that is needed (RFC 6750, RFC 8707,
//! MCP authorization). Each refusal has its own word in the log.

use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::options::Guise;
use crate::problem::noted;
use crate::site::Site;
use crate::user::User;
use crate::wire::{Answer, Ask, json, with};
use serde_json::json;

const AT: Endpoint = Endpoint::Mcp;

/// Who is calling, as far as the token tells.
#[derive(Debug, Clone)]
pub(crate) struct Bearer {
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) client: Option<String>,
    pub(crate) scope: Vec<String>,
}

/// Why a token was refused: `error` of RFC 6750 §3.1 with a reason for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No token at all: the challenge carries no error code.
    NoToken,
    InQuery,
    Unknown,
    Inactive,
    Expired,
    Audience,
    Issuer,
    Fault,
    /// The issuer behind us did not answer.
    Upstream,
}

impl Refusal {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::InQuery => "token_in_query",
            Self::Unknown => "unknown",
            Self::Inactive => "inactive",
            Self::Expired => "expired",
            Self::Audience => "audience",
            Self::Issuer => "issuer",
            Self::Fault => "fault",
            Self::Upstream => "upstream",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::NoToken => "a bearer token is needed",
            Self::InQuery => "tokens are taken from the Authorization header only",
            Self::Unknown => "the token is none of ours",
            Self::Inactive => "the token was revoked",
            Self::Expired => "the token has expired",
            Self::Audience => "the token is for another resource",
            Self::Issuer => "the token is from another issuer",
            Self::Fault => "a fault switch refuses every token",
            Self::Upstream => "the authorization server cannot be asked about the token",
        }
    }
}

/// The audience a token must name: the MCP endpoint or its origin, of which it is a part.
pub(crate) fn audience_fits(site: &Site, audience: &[String]) -> bool {
    audience.iter().any(|a| *a == site.mcp() || a.trim_end_matches('/') == site.origin)
}

/// Looks at the token.
pub(crate) async fn bearer(site: &Site, ask: &Ask) -> Result<Bearer, Refusal> {
    if ask.query.all("access_token").next().is_some() {
        return Err(Refusal::InQuery);
    }
    let token = ask.bearer().ok_or(Refusal::NoToken)?;
    if site.on(Fault::Endless401, AT) {
        return Err(Refusal::Fault);
    }
    if let Some(upstream) = &site.upstream {
        return upstream.bearer(site, token).await;
    }
    let now = site.now();
    let grants = site.grants();
    let access = match grants.find(token) {
        Some(crate::grant::Found::Access(access)) => access,
        // A refresh token is no access token.
        _ => return Err(Refusal::Unknown),
    };
    if access.expires_at <= now {
        return Err(Refusal::Expired);
    }
    let Some((access, family)) = grants.live_access(token, now) else { return Err(Refusal::Inactive) };
    // Providers that know no `resource` name the client or nothing.
    let provider = matches!(site.options.guise, Guise::Entra | Guise::Cognito);
    if !provider && !audience_fits(site, &access.audience) {
        return Err(Refusal::Audience);
    }
    let user = User::named(family.user);
    Ok(Bearer {
        subject: user.subject().to_owned(),
        email: Some(user.email().to_owned()),
        client: Some(family.client.clone()),
        scope: access.scope.clone(),
    })
}

/// The challenge (RFC 6750 §3, RFC 9728 §5.1).
fn challenge(site: &Site, error: Option<&str>, description: &str, scope: &str) -> Option<String> {
    if site.on(Fault::NoChallenge, AT) {
        return None;
    }
    let mut parts = Vec::new();
    if let Some(error) = error {
        parts.push(format!("error=\"{error}\", error_description=\"{description}\""));
    }
    let legacy = matches!(site.options.guise, Guise::Legacy202503 | Guise::Legacy202503Endpoints);
    if !legacy && !site.on(Fault::NoChallengeMetadata, AT) {
        let url =
            site.fault(Fault::ChallengeMetadata, AT).unwrap_or_else(|| site.at(crate::metadata::PRM_PATH));
        parts.push(format!("resource_metadata=\"{url}\""));
    }
    if !legacy && !scope.is_empty() && !site.on(Fault::NoChallengeScope, AT) {
        parts.push(format!("scope=\"{scope}\""));
    }
    Some(if parts.is_empty() { "Bearer".to_owned() } else { format!("Bearer {}", parts.join(", ")) })
}

/// 401, or 400 for a token in the query (RFC 6750 §3.1).
pub(crate) fn refuse(site: &Site, refusal: Refusal) -> Answer {
    let (status, error) = match refusal {
        Refusal::NoToken => (401, None),
        Refusal::InQuery => (400, Some("invalid_request")),
        Refusal::Upstream => (503, Some("temporarily_unavailable")),
        _ => (401, Some("invalid_token")),
    };
    let body = json!({"error": error.unwrap_or("unauthorized"), "error_description": refusal.description()});
    let answer = noted(json(status, &body), "refused", refusal.reason());
    match challenge(site, error, refusal.description(), crate::metadata::MCP_SCOPES[0]) {
        Some(value) if status != 503 => with(answer, "www-authenticate", &value),
        _ => answer,
    }
}

/// 403 for a token that is good but may not do this (RFC 6750 §3.1, MCP's step-up).
pub(crate) fn insufficient(site: &Site, scope: &str) -> Answer {
    let description = "the token has not the scope that this needs";
    let body = json!({"error": "insufficient_scope", "error_description": description, "scope": scope});
    let answer = noted(json(403, &body), "refused", "scope");
    match challenge(site, Some("insufficient_scope"), description, scope) {
        Some(value) => with(answer, "www-authenticate", &value),
        None => answer,
    }
}
