//! Introspection (RFC 7662) and OpenID's user information.

use crate::authentication;
use crate::client::AuthMethod;
use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::problem::Problem;
use crate::secret::Digest;
use crate::site::Site;
use crate::user::User;
use crate::wire::{Answer, Ask, Params, empty, json, with};
use axum::http::Method;
use serde_json::{Value, json};

const AT: Endpoint = Endpoint::Introspection;

/// Whose tokens may be looked at.
enum Sees {
    /// A protected resource that the options name.
    All,
    /// A confidential client: those it was given itself.
    Own(String),
}

fn caller(site: &Site, ask: &Ask, form: &Params) -> Result<Sees, Problem> {
    if let Some((id, secret)) = &site.introspection_client {
        let shown = ask
            .basic()
            .or_else(|| Some((form.get("client_id")?.to_owned(), form.get("client_secret")?.to_owned())));
        if shown.is_some_and(|(i, s)| i == *id && Digest::of(&s) == *secret) {
            return Ok(Sees::All);
        }
    }
    let client = authentication::client(site, ask, form)?;
    if client.auth == AuthMethod::None {
        // RFC 7662 §2.1: the endpoint must not be open to whoever finds a token.
        return Err(Problem::new(401, "invalid_client", "introspection needs client authentication"));
    }
    Ok(Sees::Own(client.id))
}

/// `POST` to the introspection endpoint.
pub(crate) fn introspect(site: &Site, ask: &Ask) -> Answer {
    if site.on(Fault::NoIntrospection, AT) {
        return empty(404);
    }
    if ask.method != Method::POST {
        return with(empty(405), "allow", "POST");
    }
    let form = ask.form();
    let sees = match caller(site, ask, &form) {
        Ok(sees) => sees,
        Err(problem) => return authentication::refused(site, ask, &problem, AT),
    };
    let Some(token) = form.get("token") else {
        return Problem::bad("invalid_request", "token is missing").answer(site, AT);
    };
    json(200, &facts(site, token, &sees))
}

fn facts(site: &Site, token: &str, sees: &Sees) -> Value {
    let inactive = json!({"active": false});
    let now = site.now();
    let grants = site.grants();
    let may = |client: &str| match sees {
        Sees::All => true,
        Sees::Own(id) => id == client,
    };
    if let Some((access, family)) = grants.live_access(token, now) {
        if !may(&family.client) {
            return inactive;
        }
        let user = User::named(family.user);
        return json!({
            "active": true,
            "token_type": "Bearer",
            "iss": site.issuer,
            "sub": user.subject(),
            "username": user.name(),
            "email": user.email(),
            "aud": if access.audience.len() == 1 { json!(access.audience[0]) } else { json!(access.audience) },
            "client_id": family.client,
            "scope": access.scope.join(" "),
            "jti": access.id,
            "iat": access.issued_at,
            "exp": access.expires_at,
        });
    }
    if let Some((refresh, family)) = grants.live_refresh(token, now)
        && may(&family.client)
    {
        return json!({
            "active": true,
            "iss": site.issuer,
            "sub": User::named(family.user).subject(),
            "client_id": family.client,
            "scope": family.scope.join(" "),
            "iat": refresh.issued_at,
            "exp": refresh.expires_at,
        });
    }
    inactive
}

/// OpenID Connect Core §5.3.
pub(crate) fn userinfo(site: &Site, ask: &Ask) -> Answer {
    let now = site.now();
    let user = ask.bearer().and_then(|token| {
        let grants = site.grants();
        let (access, family) = grants.live_access(token, now)?;
        access.scope.iter().any(|s| s == "openid").then(|| User::named(family.user))
    });
    match user {
        Some(user) => json(
            200,
            &json!({
                "sub": user.subject(),
                "name": user.full_name(),
                "preferred_username": user.name(),
                "email": user.email(),
                "email_verified": true,
            }),
        ),
        None => {
            let problem = Problem::new(401, "invalid_token", "no token with the scope openid");
            with(
                problem.answer(site, Endpoint::Userinfo),
                "www-authenticate",
                "Bearer error=\"invalid_token\", scope=\"openid\"",
            )
        }
    }
}
