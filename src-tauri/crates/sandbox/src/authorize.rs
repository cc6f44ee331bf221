//! The authorization endpoint (RFC 6749 §4.1.1, RFC 7636, RFC 8707, RFC 9207). Client and redirect URI are settled
//! first, and what is wrong with them is shown to the person; everything else goes back to the client.

use crate::client::Client;
use crate::consent;
use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::grant::{Code, Family};
use crate::metadata::{ISSUER_SCOPES, MCP_SCOPES};
use crate::options::{Approve, Guise, Mode};
use crate::problem::{Problem, noted};
use crate::redirect::{self, AnyPort};
use crate::secret::{Digest, random, short_hash};
use crate::site::{Pending, Site};
use crate::user::User;
use crate::wire::{Answer, Ask, Params, empty, with};
use axum::http::Method;

const AT: Endpoint = Endpoint::Authorize;
/// Seconds in which a person may decide.
const PATIENCE: u64 = 600;
/// Consent pages that may be open; the oldest goes first.
const MOST_PENDING: usize = 5_000;

/// `GET` or `POST` to the authorization endpoint.
pub(crate) async fn authorize(site: &Site, ask: &Ask) -> Answer {
    let params = match ask.method {
        Method::GET => ask.query.clone(),
        Method::POST => ask.form(),
        _ => return with(empty(405), "allow", "GET, POST"),
    };
    let (client, redirect_uri) = match settled(site, &params).await {
        Ok(settled) => settled,
        Err(problem) => {
            let page = consent::error_page(problem.status, &problem.error, &problem.description);
            return noted(page, "error", problem.error);
        }
    };
    let back = |problem: Problem| to_client_error(site, &redirect_uri, params.get("state"), &problem);
    if let Some(error) = site.fault(Fault::Refuse, AT) {
        return back(Problem::bad(&error, "the fault switch says so"));
    }
    let pending = match requested(site, &params, &client, &redirect_uri) {
        Ok(pending) => pending,
        Err(problem) => return back(problem),
    };
    let remembered = cookie_user(ask);
    let hint = params.get("login_hint").and_then(User::parse);
    let (approve, chosen) = site.approve();
    let user = hint.or(params.get("user").and_then(User::parse)).or(chosen);
    match approve {
        Approve::Auto => return allow(site, &pending, user.unwrap_or(User::Alice)),
        Approve::Deny => return back(Problem::bad("access_denied", "the person said no")),
        Approve::Ask => {}
    }
    let prompt: Vec<&str> = params.get("prompt").unwrap_or_default().split_whitespace().collect();
    if prompt.contains(&"none") {
        return back(Problem::bad("login_required", "nobody is asked with prompt=none"));
    }
    let fixed = match (hint, remembered) {
        (None, Some(user)) if !prompt.contains(&"select_account") && !prompt.contains(&"login") => Some(user),
        _ => None,
    };
    let id = random("req-");
    let page = consent::page(site, &client, &pending, &id, fixed, hint.or(remembered).unwrap_or(User::Alice));
    let mut waiting = site.pending();
    if waiting.len() >= MOST_PENDING
        && let Some(oldest) = waiting.iter().min_by_key(|(_, p)| p.at).map(|(k, _)| k.clone())
    {
        waiting.remove(&oldest);
    }
    waiting.insert(id, pending);
    page
}

/// Client and redirect URI, both of which must be right before anything is sent anywhere.
async fn settled(site: &Site, params: &Params) -> Result<(Client, String), Problem> {
    if let Some(name) = params.doubled() {
        return Err(Problem::bad("invalid_request", format!("{name} came twice (RFC 6749 §3.1)")));
    }
    let id =
        params.get("client_id").ok_or_else(|| Problem::bad("invalid_request", "client_id is missing"))?;
    let known = site.clients().get(id).cloned();
    let client = match known {
        Some(client) => client,
        None if crate::cimd::is_document(id) && !site.on(Fault::NoCimd, AT) => {
            let client =
                site.documents.client(id).await.map_err(|why| Problem::bad("invalid_client", why))?;
            site.clients().insert(client.clone());
            client
        }
        None => return Err(Problem::bad("invalid_client", "this server knows no such client")),
    };
    let asked = match params.get("redirect_uri") {
        Some(uri) => uri.to_owned(),
        None => match client.redirect_uris.as_slice() {
            [only] => only.clone(),
            _ => return Err(Problem::bad("invalid_request", "redirect_uri is missing")),
        },
    };
    let any_port = match site.options.guise {
        _ if site.on(Fault::StrictPort, AT) => AnyPort::Never,
        // Cognito compares whole texts.
        Guise::Cognito => AnyPort::Never,
        Guise::Entra => AnyPort::LocalhostToo,
        _ => AnyPort::Loopback,
    };
    if !client.redirect_uris.iter().any(|uri| redirect::matches(uri, &asked, any_port)) {
        return Err(Problem::bad(
            "invalid_redirect_uri",
            format!("{asked} is not among the redirect URIs of this client"),
        ));
    }
    redirect::check(site, &asked, AT)?;
    Ok((client, asked))
}

/// The request itself.
fn requested(site: &Site, params: &Params, client: &Client, redirect_uri: &str) -> Result<Pending, Problem> {
    let bad = |why: &str| Problem::bad("invalid_request", why);
    match params.get("response_type") {
        Some("code") => {}
        Some(_) => return Err(Problem::bad("unsupported_response_type", "response_type is code")),
        None => return Err(bad("response_type is missing")),
    }
    if params.get("request").is_some() || params.get("request_uri").is_some() {
        return Err(Problem::bad("request_not_supported", "request objects are not taken here"));
    }
    let challenge =
        params.get("code_challenge").ok_or_else(|| bad("code_challenge is missing: PKCE is required"))?;
    if params.get("code_challenge_method") != Some("S256") {
        return Err(bad("code_challenge_method is S256"));
    }
    if challenge.len() != 43
        || !challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    {
        return Err(bad("code_challenge is 43 characters of base64url (RFC 7636 §4.2)"));
    }
    Ok(Pending {
        client: client.id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        state: params.get("state").map(str::to_owned),
        challenge: challenge.to_owned(),
        scope: granted_scope(site, params.get("scope"))?,
        resources: resources(site, params)?,
        nonce: params.get("nonce").map(str::to_owned),
        at: site.now(),
    })
}

/// The scopes that are granted of those asked for: known ones; `mcp:read` when none is asked for (RFC 6749 §3.3).
fn granted_scope(site: &Site, asked: Option<&str>) -> Result<Vec<String>, Problem> {
    let provider = matches!(site.options.guise, Guise::Entra | Guise::Cognito);
    let known = |s: &str| {
        // An issuer alone does not know the scopes of the servers behind it, and a provider's look like api://…/x.
        site.options.mode == Mode::Issuer || provider || MCP_SCOPES.contains(&s) || ISSUER_SCOPES.contains(&s)
    };
    let narrow = site.fault(Fault::NarrowScope, AT);
    let allowed = |s: &str| narrow.as_deref().is_none_or(|most| most.split_whitespace().any(|m| m == s));
    let Some(asked) = asked else { return Ok(vec![MCP_SCOPES[0].to_owned()]) };
    let mut out: Vec<String> = Vec::new();
    for scope in asked.split_whitespace().filter(|s| known(s) && allowed(s)) {
        if !out.iter().any(|s| s == scope) {
            out.push(scope.to_owned());
        }
    }
    if out.is_empty() {
        return Err(Problem::bad("invalid_scope", "none of these scopes is known here"));
    }
    Ok(out)
}

/// RFC 8707 §2: absolute, without fragment, and one that this issuer serves.
pub(crate) fn resources(site: &Site, params: &Params) -> Result<Vec<String>, Problem> {
    let mut out = Vec::new();
    for resource in params.all("resource").filter(|r| !r.is_empty()) {
        if site.options.guise == Guise::Entra {
            return Err(Problem::bad(
                "invalid_target",
                "AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes.",
            ));
        }
        let absolute = url::Url::parse(resource).is_ok_and(|u| u.fragment().is_none());
        let ours = resource == site.mcp() || resource.trim_end_matches('/') == site.origin;
        if !absolute || (site.options.mode == Mode::All && !ours) {
            return Err(Problem::bad(
                "invalid_target",
                format!("{resource:?} is no resource of this server"),
            ));
        }
        out.push(resource.to_owned());
    }
    Ok(out)
}

/// What the person's form sends.
pub(crate) fn decide(site: &Site, ask: &Ask) -> Answer {
    if ask.method != Method::POST {
        return with(empty(405), "allow", "POST");
    }
    let form = ask.form();
    if ask.header("origin").is_some_and(|o| o != site.origin && o != "null") {
        return consent::error_page(403, "foreign_form", "This form was sent from another site.");
    }
    let pending = form.get("request").and_then(|id| site.pending().remove(id));
    let Some(pending) = pending.filter(|p| p.at.abs_diff(site.now()) < PATIENCE) else {
        return consent::error_page(400, "expired", "This page is too old or was used already. Start again.");
    };
    if form.get("decision") != Some("allow") {
        let problem = Problem::bad("access_denied", "the person said no");
        return to_client_error(site, &pending.redirect_uri, pending.state.as_deref(), &problem);
    }
    let user = form.get("user").and_then(User::parse).unwrap_or(User::Alice);
    let answer = allow(site, &pending, user);
    with(answer, "set-cookie", &format!("sandbox_user={}; Path=/; HttpOnly; SameSite=Lax", user.name()))
}

fn cookie_user(ask: &Ask) -> Option<User> {
    let cookies = ask.header("cookie")?;
    cookies.split(';').find_map(|c| c.trim().strip_prefix("sandbox_user=")).and_then(User::parse)
}

/// Opens the family, makes the code, sends it.
fn allow(site: &Site, pending: &Pending, user: User) -> Answer {
    let now = site.now();
    let code = random("sbx-code-");
    let mut grants = site.grants();
    grants.sweep(now);
    let family = grants.open(Family {
        client: pending.client.clone(),
        user: user.name(),
        scope: pending.scope.clone(),
        resources: pending.resources.clone(),
        nonce: pending.nonce.clone(),
        signed_in_at: now,
        revoked: false,
    });
    let expires_at = now + site.options.tokens.code_ttl;
    grants.codes.insert(
        Digest::of(&code),
        Code {
            family,
            redirect_uri: pending.redirect_uri.clone(),
            challenge: pending.challenge.clone(),
            expires_at,
            used: false,
        },
    );
    drop(grants);
    let mut params = vec![("code", code.clone())];
    if site.on(Fault::DoubledParameters, AT) {
        params.push(("code", random("sbx-code-")));
        params.push(("state", "forged".to_owned()));
    }
    let answer = to_client(site, &pending.redirect_uri, pending.state.as_deref(), params);
    noted(noted(answer, "code", short_hash(&code)), "user", user.name())
}

fn to_client_error(site: &Site, redirect_uri: &str, state: Option<&str>, problem: &Problem) -> Answer {
    let body = problem.body(site, AT);
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    let mut params = Vec::new();
    for name in ["error", "error_description", "error_uri"] {
        params.extend(text(name).map(|value| (name, value)));
    }
    noted(to_client(site, redirect_uri, state, params), "error", problem.error.clone())
}

/// The redirect with `state` and `iss` (RFC 9207 §2).
fn to_client(
    site: &Site,
    redirect_uri: &str,
    state: Option<&str>,
    mut params: Vec<(&str, String)>,
) -> Answer {
    match site.fault(Fault::WrongState, AT) {
        Some(forged) => params.push(("state", forged)),
        None if site.on(Fault::NoState, AT) => {}
        None => params.extend(state.map(|s| ("state", s.to_owned()))),
    }
    // Neither provider sends `iss`, nor did servers of the older revisions.
    if let Some(wrong) = site.fault(Fault::WrongIss, AT) {
        params.push(("iss", wrong));
    } else if site.options.guise == Guise::Sandbox && !site.on(Fault::NoIss, AT) {
        let slash = site.on_with(Fault::TrailingSlash, AT, &["iss"]);
        params.push(("iss", format!("{}{}", site.issuer, if slash { "/" } else { "" })));
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
    // The redirect URI is sent as it was registered; only the query is ours.
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    let answer = with(empty(302), "location", &format!("{redirect_uri}{joint}{query}"));
    with(with(answer, "cache-control", "no-store"), "referrer-policy", "no-referrer")
}
