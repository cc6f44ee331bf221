//! `/sandbox/…`: what a test reads and turns. On the same port, for whoever can reach loopback, but not for a web
//! page: changes need `Content-Type: application/json`, no CORS header is sent, and the host must be ours.

use crate::fault::{Fault, TABLE};
use crate::options::Approve;
use crate::problem::Problem;
use crate::registration;
use crate::secret::{Digest, random};
use crate::site::Site;
use crate::user::User;
use crate::wire::{Answer, Ask, empty, json, with};
use axum::http::Method;
use clap::ValueEnum as _;
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait for a log entry.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

fn bad(why: impl Into<String>) -> Answer {
    json(400, &json!({"error": "bad_request", "error_description": why.into()}))
}

/// Any request below `/sandbox/`.
pub(crate) async fn serve(site: &Site, ask: &Ask) -> Answer {
    let what = ask.path.strip_prefix("/sandbox/").unwrap_or_default();
    let changes = matches!(ask.method, Method::POST | Method::DELETE);
    if changes && ask.method == Method::POST && ask.content_type() != "application/json" {
        return json(
            415,
            &json!({"error": "bad_request", "error_description": "Content-Type is application/json"}),
        );
    }
    if changes && ask.header("origin").is_some_and(|o| o != site.origin) {
        return json(403, &json!({"error": "foreign_origin", "error_description": "not for web pages"}));
    }
    let body = if ask.body.is_empty() { json!({}) } else { ask.json().unwrap_or(Value::Null) };
    let Some(members) = body.as_object() else { return bad("the body is a JSON object") };
    match (ask.method.as_str(), what) {
        ("GET", "log") => log(site, ask).await,
        ("DELETE", "log") => {
            site.log.clear();
            empty(204)
        }
        ("GET", "faults") => json(200, &json!({"on": site.faults.to_json(), "table": table()})),
        ("DELETE", "faults") => {
            site.faults.clear();
            site.clock.set_offset(0);
            json(200, &json!({"on": []}))
        }
        ("POST", "faults") => match site.faults.set(members) {
            Ok(on) => {
                if members.contains_key("clock") && !on.contains(&Fault::Clock) {
                    site.clock.set_offset(0);
                }
                apply(site, &on);
                json(200, &json!({"on": site.faults.to_json()}))
            }
            Err(why) => bad(why.to_string()),
        },
        ("POST", "expire") => expire(site, &body),
        ("POST", "clock") => match body.get("offset").and_then(Value::as_i64) {
            Some(offset) => {
                site.clock.set_offset(offset);
                json(200, &json!({"offset": offset, "now": site.now()}))
            }
            None => bad("offset is a whole number of seconds"),
        },
        ("GET", "clock") => json(200, &json!({"offset": site.clock.offset(), "now": site.now()})),
        ("GET", "tokens") => json(200, &tokens(site)),
        ("POST", "lifetimes") => lifetimes(site, &body),
        ("POST", "approve") => approve(site, &body),
        ("POST", "clients") => add_client(site, &body),
        ("GET" | "POST" | "PUT", "trap") => json(200, &json!({"trapped": true})),
        _ => json(
            404,
            &json!({"error": "not_found", "error_description": "there are: log, faults, expire, clock, tokens, lifetimes, approve, clients"}),
        ),
    }
}

/// What some faults do at the moment when they are turned on.
pub(crate) fn apply(site: &Site, on: &[Fault]) {
    if on.contains(&Fault::ClientsForgotten) {
        site.clients().clear();
        site.faults.remove(Fault::ClientsForgotten);
    }
    if on.contains(&Fault::Clock)
        && let Some(offset) =
            site.faults.take(Fault::Clock, crate::endpoint::Endpoint::Other).and_then(|v| v.parse().ok())
    {
        site.clock.set_offset(offset);
    }
}

async fn log(site: &Site, ask: &Ask) -> Answer {
    let number = |name: &str| ask.query.get(name).and_then(|v| v.parse::<u64>().ok());
    let after = number("after").unwrap_or(0);
    let least = usize::try_from(number("count").unwrap_or(1)).unwrap_or(1);
    let wait = Duration::from_millis(number("wait").unwrap_or(0)).min(LONGEST_WAIT);
    let ended = ask.query.get("ended").is_some_and(|v| v == "true" || v == "1");
    let endpoint = ask.query.get("endpoint");
    let mut changed = site.log.watch();
    let enough = async {
        loop {
            let entries = site.log.entries(after, endpoint, ended);
            if entries.len() >= least || changed.changed().await.is_err() {
                return;
            }
        }
    };
    // A deadline that passes is an answer too: whatever there is.
    let _ = tokio::time::timeout(wait, enough).await;
    let entries = site.log.entries(after, endpoint, ended);
    let next = entries.iter().filter_map(|e| e["n"].as_u64()).max().unwrap_or(after);
    json(200, &json!({"entries": entries, "next": next}))
}

fn table() -> Value {
    TABLE
        .iter()
        .map(|r| json!({"name": r.name, "usage": r.usage(), "default": r.default_text(), "what": r.what, "group": r.group}))
        .collect()
}

fn expire(site: &Site, body: &Value) -> Answer {
    let what = body.get("what").and_then(Value::as_str).unwrap_or("all");
    if !["access", "refresh", "all"].contains(&what) {
        return bad("what is access, refresh or all");
    }
    let now = site.now();
    let mut grants = site.grants();
    let (mut access, mut refresh) = (0, 0);
    if what != "refresh" {
        for token in grants.access.values_mut().filter(|t| t.expires_at > now) {
            token.expires_at = now;
            access += 1;
        }
    }
    if what != "access" {
        for token in grants.refresh.values_mut().filter(|t| t.expires_at > now && t.used.is_none()) {
            token.expires_at = now;
            refresh += 1;
        }
    }
    json(200, &json!({"access": access, "refresh": refresh}))
}

fn tokens(site: &Site) -> Value {
    let now = site.now();
    let grants = site.grants();
    let lives = |family: &u64| grants.families.get(family).is_some_and(|f| !f.revoked);
    let access =
        grants.access.values().filter(|t| !t.revoked && t.expires_at > now && lives(&t.family)).count();
    let refresh = grants
        .refresh
        .values()
        .filter(|t| !t.revoked && t.used.is_none() && t.expires_at > now && lives(&t.family))
        .count();
    let used = grants.refresh.values().filter(|t| t.used.is_some()).count();
    let revoked = grants.families.values().filter(|f| f.revoked).count();
    json!({
        "access": {"issued": grants.access.len(), "live": access},
        "refresh": {"issued": grants.refresh.len(), "live": refresh, "used": used},
        "grants": {"opened": grants.families.len(), "revoked": revoked},
        "codes": grants.codes.len(),
        "clients": site.clients().len(),
        "sessions": site.sessions().len(),
    })
}

fn lifetimes(site: &Site, body: &Value) -> Answer {
    let mut all = site.lifetimes();
    let read = |name: &str, old: u64| body.get(name).and_then(Value::as_u64).unwrap_or(old);
    all.access = read("access", all.access);
    all.refresh = read("refresh", all.refresh);
    all.grace = read("grace", all.grace);
    site.set_lifetimes(all);
    json(200, &json!({"access": all.access, "refresh": all.refresh, "grace": all.grace}))
}

fn approve(site: &Site, body: &Value) -> Answer {
    let how = match body.get("approve").and_then(Value::as_str) {
        None => site.approve().0,
        Some(name) => match Approve::from_str(name, true) {
            Ok(how) => how,
            Err(_) => return bad("approve is ask, auto or deny"),
        },
    };
    let user = match body.get("user").and_then(Value::as_str) {
        None => None,
        Some(name) => match User::parse(name) {
            Some(user) => Some(user),
            None => return bad("user is alice or bob"),
        },
    };
    site.set_approve(how, user);
    json(200, &json!({"ok": true}))
}

/// Adds a client as a server's owner would: with a name and perhaps a secret of the caller's choosing.
fn add_client(site: &Site, body: &Value) -> Answer {
    match configured(site, body) {
        Ok((client, shown)) => {
            site.clients().insert(client);
            json(201, &shown)
        }
        Err(problem) => bad(problem.description),
    }
}

/// A pre-registered client from its JSON, and what to show of it.
pub(crate) fn configured(site: &Site, body: &Value) -> Result<(crate::client::Client, Value), Problem> {
    use crate::client::{AuthMethod, Client, Origin};
    let mut body = body.clone();
    let text = |body: &Value, name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let secret = text(&body, "client_secret");
    if body.get("token_endpoint_auth_method").is_none() && body.is_object() {
        body["token_endpoint_auth_method"] =
            if secret.is_some() { "client_secret_basic" } else { "none" }.into();
    }
    let mut metadata = registration::checked(site, &body)?;
    let id = text(&body, "client_id").unwrap_or_else(|| random("configured-")[..26].to_owned());
    let auth = metadata
        .get("token_endpoint_auth_method")
        .and_then(Value::as_str)
        .and_then(AuthMethod::parse)
        .unwrap_or(AuthMethod::None);
    let secret = match auth {
        AuthMethod::None => None,
        _ => Some(secret.unwrap_or_else(|| random("sbx-secret-"))),
    };
    metadata.insert("client_id".into(), id.clone().into());
    let mut shown = Value::Object(metadata.clone());
    if let Some(secret) = &secret {
        shown["client_secret"] = secret.clone().into();
    }
    let redirects = metadata.get("redirect_uris").cloned().unwrap_or(Value::Null);
    let client = Client {
        name: text(&body, "client_name").unwrap_or_else(|| id.clone()),
        id,
        origin: Origin::Configured,
        auth,
        secret: secret.as_deref().map(Digest::of),
        secret_expires_at: 0,
        redirect_uris: serde_json::from_value(redirects).unwrap_or_default(),
        registration_token: None,
        metadata: Value::Object(metadata),
        number: 0,
    };
    Ok((client, shown))
}

/// `/health`.
pub(crate) fn health(site: &Site) -> Answer {
    let body = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "issuer": site.issuer, "mcp": site.has_resource().then(|| site.mcp())});
    with(json(200, &body), "cache-control", "no-store")
}
