//! Revocation (RFC 7009).

use crate::authentication;
use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::grant::Found;
use crate::problem::{Problem, noted};
use crate::site::Site;
use crate::wire::{Answer, Ask, empty, with};
use axum::http::Method;

const AT: Endpoint = Endpoint::Revocation;

/// `POST` to the revocation endpoint.
pub(crate) fn revoke(site: &Site, ask: &Ask) -> Answer {
    if site.on(Fault::NoRevocation, AT) {
        return empty(404);
    }
    if ask.method != Method::POST {
        return with(empty(405), "allow", "POST");
    }
    let form = ask.form();
    let client = match authentication::client(site, ask, &form) {
        Ok(client) => client,
        Err(problem) => return authentication::refused(site, ask, &problem, AT),
    };
    let Some(token) = form.get("token") else {
        return Problem::bad("invalid_request", "token is missing").answer(site, AT);
    };
    let lies = site.on(Fault::RevocationLies, AT);
    let mut grants = site.grants();
    let found = grants.find(token);
    let family = match &found {
        Some(Found::Access(access)) => grants.families.get(&access.family),
        Some(Found::Refresh(refresh)) => grants.families.get(&refresh.family),
        // §2.2: an unknown token is no error, it is as good as revoked.
        None => return noted(empty(200), "revoked", "unknown"),
    };
    if family.is_some_and(|f| f.client != client.id) {
        // §2.1: a token of another client is refused.
        let problem = Problem::bad("unauthorized_client", "the token was given to another client");
        drop(grants);
        return problem.answer(site, AT);
    }
    let sort = match found {
        Some(Found::Access(_)) => "access_token",
        _ => "refresh_token",
    };
    if !lies {
        grants.revoke(token);
    }
    noted(empty(200), "revoked", if lies { "nothing" } else { sort })
}
