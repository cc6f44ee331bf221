//! Which client is asking, at the endpoints that want to know (RFC 6749 §2.3).

use crate::client::{AuthMethod, Client};
use crate::endpoint::Endpoint;
use crate::problem::Problem;
use crate::secret::Digest;
use crate::site::Site;
use crate::wire::{Answer, Ask, Params, with};

/// The client, proven by the method with which it is registered.
pub(crate) fn client(site: &Site, ask: &Ask, form: &Params) -> Result<Client, Problem> {
    let no = |why: &str| Problem::new(401, "invalid_client", why);
    let (id, method, secret) = match (ask.basic(), form.get("client_secret")) {
        (Some(_), Some(_)) => {
            return Err(Problem::bad("invalid_request", "two ways of client authentication at once"));
        }
        (Some((id, secret)), None) => {
            if form.get("client_id").is_some_and(|other| other != id) {
                return Err(Problem::bad("invalid_request", "client_id is not that of the header"));
            }
            (id, AuthMethod::Basic, Some(secret))
        }
        (None, _) if ask.has_basic() => return Err(no("the Authorization header cannot be read")),
        (None, Some(secret)) => (form_id(form)?, AuthMethod::Post, Some(secret.to_owned())),
        (None, None) => (form_id(form)?, AuthMethod::None, None),
    };
    let client = site.clients().get(&id).cloned().ok_or_else(|| no("this server knows no such client"))?;
    if client.auth != method {
        return Err(no(&format!("this client is registered for {}", client.auth.name())));
    }
    if client.secret != secret.as_deref().map(Digest::of) {
        return Err(no("the secret is wrong"));
    }
    if client.secret_expires_at != 0 && client.secret_expires_at <= site.now() {
        return Err(no("the client secret has expired"));
    }
    Ok(client)
}

fn form_id(form: &Params) -> Result<String, Problem> {
    form.get("client_id")
        .map(str::to_owned)
        .ok_or_else(|| Problem::new(401, "invalid_client", "client_id is missing"))
}

/// The answer to a problem; one that used the header is challenged for it (RFC 6749 §5.2).
pub(crate) fn refused(site: &Site, ask: &Ask, problem: &Problem, at: Endpoint) -> Answer {
    let answer = problem.answer(site, at);
    if problem.error == "invalid_client" && ask.has_basic() {
        with(answer, "www-authenticate", "Basic realm=\"sandbox\"")
    } else {
        answer
    }
}
