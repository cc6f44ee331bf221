//! Dynamic registration (RFC 7591), reading and deleting a registration (RFC 7592).

use crate::client::{AuthMethod, Client, Origin};
use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::problem::{Problem, noted};
use crate::redirect::{self, Kind};
use crate::secret::{Digest, random, short_hash};
use crate::site::Site;
use crate::wire::{Answer, Ask, empty, json, with};
use axum::http::Method;
use serde_json::{Map, Value, json};

const AT: Endpoint = Endpoint::Register;
/// More redirect URIs than any client has.
const MOST_REDIRECTS: usize = 32;

/// `POST` to the registration endpoint.
pub(crate) fn register(site: &Site, ask: &Ask) -> Answer {
    if site.on(Fault::NoRegistration, AT) {
        return empty(404);
    }
    if ask.method != Method::POST {
        return with(empty(405), "allow", "POST");
    }
    if let Some(wanted) = site.initial_access_token
        && ask.bearer().map(Digest::of) != Some(wanted)
    {
        let problem = Problem::new(401, "invalid_token", "registration needs the initial access token");
        return with(problem.answer(site, AT), "www-authenticate", "Bearer error=\"invalid_token\"");
    }
    let body = ask.json().unwrap_or(Value::Null);
    match checked(site, &body) {
        Ok(metadata) => issue(site, metadata),
        Err(problem) => problem.answer(site, AT),
    }
}

fn strings(value: &Value, name: &str) -> Result<Option<Vec<String>>, Problem> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(list) => serde_json::from_value(list.clone())
            .map(Some)
            .map_err(|_| Problem::bad("invalid_client_metadata", format!("{name} is a list of strings"))),
    }
}

/// The metadata as it will be registered, or why not (RFC 7591 §2, §3.2.2).
pub(crate) fn checked(site: &Site, body: &Value) -> Result<Map<String, Value>, Problem> {
    let bad = |why: &str| Problem::bad("invalid_client_metadata", why);
    let members = body.as_object().ok_or_else(|| bad("the body is a JSON object"))?;
    let redirects = strings(body, "redirect_uris")?.unwrap_or_default();
    if redirects.is_empty() {
        return Err(Problem::bad("invalid_redirect_uri", "redirect_uris is needed"));
    }
    if redirects.len() > MOST_REDIRECTS {
        return Err(Problem::bad("invalid_redirect_uri", "too many redirect URIs"));
    }
    let kinds =
        redirects.iter().map(|uri| redirect::check(site, uri, AT)).collect::<Result<Vec<Kind>, _>>()?;
    if kinds.iter().any(|k| *k != kinds[0]) && site.on(Fault::MixedRefused, AT) {
        return Err(Problem::bad(
            "invalid_redirect_uri",
            "redirect URIs of different kinds in one registration",
        ));
    }
    let application = members.get("application_type").map_or(Some("web"), Value::as_str);
    match application {
        // OpenID Connect Registration §2: a web client has https redirects that are no loopback. Servers differ
        // in how hard they hold to it, so a client that says nothing is let through.
        Some("web") if members.contains_key("application_type") && kinds.iter().any(|k| *k != Kind::Web) => {
            return Err(Problem::bad(
                "invalid_redirect_uri",
                "application_type web takes https redirects only; register as native",
            ));
        }
        Some("web" | "native") => {}
        _ => return Err(bad("application_type is native or web")),
    }
    let grants = strings(body, "grant_types")?.unwrap_or_else(|| vec!["authorization_code".into()]);
    if !grants.iter().all(|g| g == "authorization_code" || g == "refresh_token") {
        return Err(bad("grant_types may hold authorization_code and refresh_token"));
    }
    let responses = strings(body, "response_types")?.unwrap_or_else(|| vec!["code".into()]);
    if responses != ["code"] {
        return Err(bad("response_types is [\"code\"]"));
    }
    let method = match members.get("token_endpoint_auth_method") {
        None | Some(Value::Null) => "client_secret_basic",
        Some(Value::String(name)) => name,
        Some(_) => return Err(bad("token_endpoint_auth_method is a string")),
    };
    if AuthMethod::parse(method).is_none() {
        return Err(bad("token_endpoint_auth_method is none, client_secret_basic or client_secret_post"));
    }
    let mut out = Map::new();
    for name in [
        "client_name",
        "client_uri",
        "logo_uri",
        "scope",
        "contacts",
        "tos_uri",
        "policy_uri",
        "software_id",
        "software_version",
    ] {
        if let Some(value) = members.get(name).filter(|v| !v.is_null()) {
            out.insert(name.into(), value.clone());
        }
    }
    out.insert("redirect_uris".into(), json!(redirects));
    out.insert("application_type".into(), application.into());
    out.insert("grant_types".into(), json!(grants));
    out.insert("response_types".into(), json!(responses));
    out.insert("token_endpoint_auth_method".into(), method.into());
    Ok(out)
}

fn issue(site: &Site, mut metadata: Map<String, Value>) -> Answer {
    let now = site.now();
    let id = random("sandbox-client-")[..31].to_owned();
    let asked = metadata.get("token_endpoint_auth_method").and_then(Value::as_str);
    let mut auth = asked.and_then(AuthMethod::parse).unwrap_or(AuthMethod::None);
    if auth == AuthMethod::None && site.on(Fault::ForcedSecret, AT) {
        auth = AuthMethod::Basic;
    }
    if let Some(first) = site
        .fault(Fault::AuthMethods, AT)
        .and_then(|m| m.split_whitespace().next().and_then(AuthMethod::parse))
    {
        auth = first;
    }
    metadata.insert("token_endpoint_auth_method".into(), auth.name().into());
    let secret = (auth != AuthMethod::None).then(|| random("sbx-secret-"));
    let ttl = site.options.clients.client_secret_ttl;
    let secret_expires_at = if ttl == 0 || secret.is_none() { 0 } else { now + ttl };
    let registration_token = random("sbx-reg-");
    let redirect_uris: Vec<String> = metadata
        .get("redirect_uris")
        .and_then(|v| serde_json::from_value(v.clone()).ok())
        .unwrap_or_default();
    if let Some(uri) = site.fault(Fault::EditedRegistration, AT) {
        metadata.insert("redirect_uris".into(), json!([uri]));
    }
    metadata.insert("client_id".into(), id.clone().into());
    metadata.insert("client_id_issued_at".into(), now.into());
    let client = Client {
        name: metadata
            .get("client_name")
            .and_then(Value::as_str)
            .unwrap_or("a client without a name")
            .to_owned(),
        origin: Origin::Dynamic,
        auth,
        secret: secret.as_deref().map(Digest::of),
        secret_expires_at,
        redirect_uris,
        registration_token: Some(Digest::of(&registration_token)),
        metadata: Value::Object(metadata.clone()),
        number: 0,
        id: id.clone(),
    };
    site.clients().insert(client);
    metadata.insert("registration_access_token".into(), registration_token.clone().into());
    metadata
        .insert("registration_client_uri".into(), format!("{}/{id}", site.at(&site.places.register)).into());
    if let Some(secret) = &secret {
        metadata.insert("client_secret".into(), secret.clone().into());
        metadata.insert("client_secret_expires_at".into(), secret_expires_at.into());
    } else if let Some(form) = site.fault(Fault::NullSecret, AT) {
        let value = if form == "empty" { Value::from("") } else { Value::Null };
        metadata.insert("client_secret".into(), value);
        metadata.insert("client_secret_expires_at".into(), 0.into());
    }
    let mut answer = json(201, &Value::Object(metadata));
    if let Some(secret) = &secret {
        answer = noted(answer, "client_secret", short_hash(secret));
    }
    let answer = noted(answer, "client_id", id);
    noted(answer, "registration_access_token", short_hash(&registration_token))
}

/// `GET` and `DELETE` of a registration with its own token (RFC 7592 §2.1, §2.3).
pub(crate) fn manage(site: &Site, ask: &Ask, id: &str) -> Answer {
    let at = Endpoint::Registration;
    let client = site.clients().get(id).cloned();
    let known = client
        .filter(|c| c.registration_token.is_some() && ask.bearer().map(Digest::of) == c.registration_token);
    // RFC 7592 §2.1, §2.3: a client that does not exist is answered like a wrong token.
    let Some(client) = known else {
        let problem = Problem::new(401, "invalid_token", "no such registration, or not its token");
        return with(problem.answer(site, at), "www-authenticate", "Bearer error=\"invalid_token\"");
    };
    if ask.method == Method::GET {
        let mut doc = client.metadata.clone();
        doc["registration_client_uri"] = format!("{}/{id}", site.at(&site.places.register)).into();
        // §3: the answer holds the token; the sandbox keeps none in clear, so it hands back the one it was shown.
        doc["registration_access_token"] = ask.bearer().unwrap_or_default().into();
        return json(200, &doc);
    }
    if ask.method == Method::DELETE {
        site.clients().remove(id);
        let mut grants = site.grants();
        for family in grants.families.values_mut().filter(|f| f.client == id) {
            family.revoked = true;
        }
        return empty(204);
    }
    with(empty(405), "allow", "GET, DELETE")
}
