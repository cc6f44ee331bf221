//! The token endpoint: a code, or a refresh token, against tokens (RFC 6749 §4.1.3, §6, RFC 7636 §4.6).

use crate::authentication;
use crate::authorize::resources;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::grant::{Access, Family, Grants, Refresh, Successor};
use crate::options::{Guise, Mode, TokenForm};
use crate::problem::{Problem, noted};
use crate::secret::{Digest, random, s256, short_hash};
use crate::site::Site;
use crate::user::User;
use crate::wire::{Answer, Ask, Params, empty, json, with};
use axum::http::Method;
use serde_json::{Map, Value, json};

/// `POST` to the token endpoint.
pub(crate) fn token(site: &Site, ask: &Ask, at: Endpoint) -> Answer {
    if ask.method != Method::POST {
        return with(empty(405), "allow", "POST");
    }
    let form = ask.form();
    let answered = authentication::client(site, ask, &form).and_then(|client| {
        if let Some(name) = form.doubled() {
            return Err(Problem::bad("invalid_request", format!("{name} came twice (RFC 6749 §3.2)")));
        }
        match form.get("grant_type") {
            Some("authorization_code") => code(site, &form, &client, at),
            Some("refresh_token") => refresh(site, &form, &client, at),
            Some(_) => {
                Err(Problem::bad("unsupported_grant_type", "authorization_code and refresh_token are known"))
            }
            None => Err(Problem::bad("invalid_request", "grant_type is missing")),
        }
    });
    answered.unwrap_or_else(|problem| authentication::refused(site, ask, &problem, at))
}

fn missing(name: &str) -> Problem {
    Problem::bad("invalid_request", format!("{name} is missing"))
}

fn code(site: &Site, form: &Params, client: &Client, at: Endpoint) -> Result<Answer, Problem> {
    let no = |why: &str| Problem::bad("invalid_grant", why);
    let now = site.now();
    let value = form.get("code").ok_or_else(|| missing("code"))?;
    let verifier = form.get("code_verifier").ok_or_else(|| missing("code_verifier"))?;
    let asked = resources(site, form)?;
    let mut grants = site.grants();
    let code = grants.codes.get(&Digest::of(value)).cloned().ok_or_else(|| no("no such code"))?;
    let family = grants.families.get(&code.family).cloned().ok_or_else(|| no("no such code"))?;
    if family.client != client.id {
        return Err(no("the code was given to another client"));
    }
    if code.used {
        // RFC 6749 §4.1.2: what the code gave before is taken back.
        grants.revoke_family(code.family);
        return Err(no("the code was used already; what it gave has been revoked"));
    }
    if code.expires_at <= now {
        return Err(no("the code has expired"));
    }
    if form.get("redirect_uri").is_some_and(|uri| uri != code.redirect_uri) {
        return Err(no("redirect_uri is not the one of the authorization request"));
    }
    let well_formed = (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    if !well_formed || s256(verifier) != code.challenge {
        return Err(no("code_verifier does not fit the challenge"));
    }
    // RFC 8707 §2.2: no more than the authorization request named.
    if !family.resources.is_empty() && asked.iter().any(|r| !family.resources.contains(r)) {
        return Err(Problem::bad("invalid_target", "the authorization was for another resource"));
    }
    if let Some(code) = grants.codes.get_mut(&Digest::of(value)) {
        code.used = true;
    }
    if family.resources.is_empty() && !asked.is_empty() {
        // What the authorization request left open is settled here, for the refreshes too.
        if let Some(family) = grants.families.get_mut(&code.family) {
            family.resources.clone_from(&asked);
        }
    }
    let audience = audience(site, &family, &asked);
    let access = issue_access(site, &mut grants, code.family, &family, family.scope.clone(), audience);
    let refresh =
        (!site.on(Fault::NoRefreshToken, at)).then(|| issue_refresh(site, &mut grants, code.family));
    drop(grants);
    Ok(answer(site, at, &family, family.nonce.as_deref(), &family.scope, &access, refresh.as_deref()))
}

fn refresh(site: &Site, form: &Params, client: &Client, at: Endpoint) -> Result<Answer, Problem> {
    let no = |why: &str| Problem::bad("invalid_grant", why);
    let now = site.now();
    let value = form.get("refresh_token").ok_or_else(|| missing("refresh_token"))?;
    let asked = resources(site, form)?;
    let digest = Digest::of(value);
    let mut grants = site.grants();
    let old = grants.refresh.get(&digest).cloned().ok_or_else(|| no("no such refresh token"))?;
    let family = grants.families.get(&old.family).cloned().ok_or_else(|| no("no such refresh token"))?;
    if family.client != client.id {
        return Err(no("the refresh token was given to another client"));
    }
    if family.revoked || old.revoked {
        return Err(no("the refresh token was revoked"));
    }
    if old.expires_at <= now {
        return Err(no("the refresh token has expired"));
    }
    if !family.resources.is_empty() && asked.iter().any(|r| !family.resources.contains(r)) {
        return Err(Problem::bad("invalid_target", "the authorization was for another resource"));
    }
    let scope = match form.get("scope") {
        None => family.scope.clone(),
        Some(text) => {
            let scope: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            if scope.iter().any(|s| !family.scope.contains(s)) {
                return Err(Problem::bad("invalid_scope", "more than was granted (RFC 6749 §6)"));
            }
            scope
        }
    };
    if let Some(successor) = &old.used {
        let grace = site.lifetimes().grace;
        if grace > 0 && now.saturating_sub(successor.at) <= grace {
            let again = successor.clone();
            drop(grants);
            let refresh = again.refresh_token.as_deref();
            let answer = answer(site, at, &family, None, &scope, &again.access_token, refresh);
            return Ok(noted(answer, "grace", true));
        }
        // RFC 9700 §4.14.2: one of the two who hold it has stolen it.
        grants.revoke_family(old.family);
        return Err(no("the refresh token was used already; the whole grant has been revoked"));
    }
    let audience = audience(site, &family, &asked);
    let access = issue_access(site, &mut grants, old.family, &family, scope.clone(), audience);
    // Cognito keeps the refresh token unless rotation is turned on in the app client.
    let keep = site.options.guise == Guise::Cognito || site.on(Fault::NoRefreshToken, at);
    let fresh = (!keep).then(|| issue_refresh(site, &mut grants, old.family));
    if !keep && let Some(used) = grants.refresh.get_mut(&digest) {
        used.used = Some(Successor { at: now, access_token: access.clone(), refresh_token: fresh.clone() });
    }
    grants.sweep(now);
    drop(grants);
    Ok(answer(site, at, &family, None, &scope, &access, fresh.as_deref()))
}

fn audience(site: &Site, family: &Family, asked: &[String]) -> Vec<String> {
    let named = if asked.is_empty() { &family.resources } else { asked };
    match (named.is_empty(), site.options.mode) {
        (false, _) => named.to_vec(),
        (true, Mode::All) => vec![site.mcp()],
        (true, _) => vec![family.client.clone()],
    }
}

fn issue_access(
    site: &Site,
    grants: &mut Grants,
    id: u64,
    family: &Family,
    scope: Vec<String>,
    audience: Vec<String>,
) -> String {
    let now = site.now();
    let expires_at = now + site.lifetimes().access;
    let jti = random("")[..22].to_owned();
    let least = site.options.tokens.token_bytes;
    let provider = matches!(site.options.guise, Guise::Entra | Guise::Cognito);
    let token = if site.options.tokens.form == TokenForm::Jwt || provider {
        let user = User::named(family.user);
        let mut claims = json!({
            "iss": site.issuer,
            "sub": user.subject(),
            "email": user.email(),
            "aud": if audience.len() == 1 { json!(audience[0]) } else { json!(audience) },
            "client_id": family.client,
            "scope": scope.join(" "),
            "jti": jti,
            "iat": now,
            "exp": expires_at,
        });
        if site.options.guise == Guise::Cognito
            && let Some(members) = claims.as_object_mut()
        {
            // Cognito's access tokens name the client and no audience.
            members.remove("aud");
            members.insert("token_use".into(), "access".into());
        }
        let token = site.key.sign("at+jwt", &claims);
        if token.len() < least {
            // Base64 makes four characters of three.
            claims["padding"] = "p".repeat((least - token.len()) * 3 / 4 + 3).into();
            site.key.sign("at+jwt", &claims)
        } else {
            token
        }
    } else {
        let mut token = random("sbx-at-");
        while token.len() < least {
            token.push('p');
        }
        token
    };
    grants.access.insert(
        Digest::of(&token),
        Access { family: id, scope, audience, issued_at: now, expires_at, id: jti, revoked: false },
    );
    token
}

fn issue_refresh(site: &Site, grants: &mut Grants, family: u64) -> String {
    let now = site.now();
    let token = random("sbx-rt-");
    let expires_at = now + site.lifetimes().refresh;
    grants.refresh.insert(
        Digest::of(&token),
        Refresh { family, issued_at: now, expires_at, used: None, revoked: false },
    );
    token
}

/// An id_token (OpenID Connect Core §2); faults spoil one part.
fn id_token(site: &Site, family: &Family, nonce: Option<&str>, at: Endpoint) -> String {
    let user = User::named(family.user);
    let now = site.now();
    let bad = site.fault(Fault::BadIdToken, at);
    let spoiled = |part: &str| bad.as_deref() == Some(part);
    let mut claims = json!({
        "iss": if spoiled("iss") { "https://attacker.example" } else { &site.issuer },
        "sub": user.subject(),
        "aud": if spoiled("aud") { "another-client" } else { &family.client },
        "exp": if spoiled("exp") { now.saturating_sub(3600) } else { now + 3600 },
        "iat": now,
        "auth_time": family.signed_in_at,
    });
    if family.scope.iter().any(|s| s == "email") || !family.scope.iter().any(|s| s == "profile") {
        claims["email"] = user.email().into();
        claims["email_verified"] = true.into();
    }
    claims["name"] = user.full_name().into();
    claims["preferred_username"] = user.name().into();
    if let Some(nonce) = nonce {
        claims["nonce"] = if spoiled("nonce") { "forged".into() } else { nonce.into() };
    }
    let mut token = site.key.sign("JWT", &claims);
    if spoiled("signature") {
        let last = if token.ends_with('A') { 'Q' } else { 'A' };
        token.pop();
        token.pop();
        token.push(last);
        token.push('A');
    }
    token
}

fn answer(
    site: &Site,
    at: Endpoint,
    family: &Family,
    nonce: Option<&str>,
    scope: &[String],
    access: &str,
    refresh: Option<&str>,
) -> Answer {
    let expires_at = site.grants().access.get(&Digest::of(access)).map_or(0, |t| t.expires_at);
    let mut out = Map::new();
    out.insert("access_token".into(), access.into());
    let token_type = site.fault(Fault::TokenType, at).unwrap_or_else(|| "Bearer".into());
    out.insert("token_type".into(), token_type.into());
    if let Some(text) = site.fault(Fault::ExpiresIn, at) {
        let value = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text));
        out.insert("expires_in".into(), value);
    } else if !site.on(Fault::NoExpiresIn, at) {
        out.insert("expires_in".into(), expires_at.saturating_sub(site.now()).into());
    }
    if !site.on(Fault::NoScope, at) {
        out.insert("scope".into(), scope.join(" ").into());
    }
    if let Some(refresh) = refresh {
        out.insert("refresh_token".into(), refresh.into());
    }
    if scope.iter().any(|s| s == "openid") {
        out.insert("id_token".into(), id_token(site, family, nonce, at).into());
    }
    let mut issued = json!({"access_token": short_hash(access)});
    if let Some(refresh) = refresh {
        issued["refresh_token"] = short_hash(refresh).into();
    }
    let answer = with(json(200, &Value::Object(out)), "pragma", "no-cache");
    noted(noted(answer, "issued", issued), "user", family.user)
}
