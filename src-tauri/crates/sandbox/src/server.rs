//! The loop that accepts connections and the way of a request: read, logged, disturbed, answered, logged again.

use crate::endpoint::Endpoint;
use crate::metadata::{self, PRM_PATH, PRM_ROOT, PrmForm};
use crate::problem::Facts;
use crate::site::Site;
use crate::wire::{Answer, Ask, MAX_REQUEST, Outcome, Params, empty, json, with};
use crate::{
    authorize, clock, control, cors, disturbance, introspection, mcp, registration, revocation, token,
};
use axum::body::Body;
use axum::http::{Method, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The connection is closed without an answer: hyper does so when the service fails.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a fault switch dropped the connection")
    }
}

impl std::error::Error for Dropped {}

/// Accepts until the listener's task is ended.
pub(crate) async fn serve(site: Arc<Site>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: let some connections end.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        // An answer is one write, but SSE and small bodies must not wait for a delayed ACK either.
        let _ = stream.set_nodelay(true);
        tokio::spawn(connection(site.clone(), stream, tls.clone()));
    }
}

async fn connection(site: Arc<Site>, stream: TcpStream, tls: Option<TlsAcceptor>) {
    match tls {
        None => talk(site, TokioIo::new(stream)).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                talk(site, TokioIo::new(stream)).await;
            }
        }
    }
}

async fn talk<I>(site: Arc<Site>, io: I)
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    let service = service_fn(move |request| {
        let site = site.clone();
        async move { one(&site, request).await }
    });
    // An error here is a client that went away or a fault that dropped the connection.
    let _ = hyper::server::conn::http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(io, service)
        .await;
}

async fn one(site: &Site, request: Request<Incoming>) -> Result<Answer, Dropped> {
    let (head, body) = request.into_parts();
    let date = |answer: Answer| with(answer, "date", &clock::http_date(site.now()));
    let Ok(body) = axum::body::to_bytes(Body::new(body), MAX_REQUEST).await else {
        return Ok(date(empty(413)));
    };
    let ask = Ask {
        path: head.uri.path().to_owned(),
        query: Params::parse(head.uri.query().unwrap_or_default().as_bytes()),
        method: head.method,
        headers: head.headers,
        body,
    };
    let at = endpoint(site, &ask);
    let n = site.log.arrived(at, &ask);
    match answered(site, &ask, at).await {
        Outcome::Drop => {
            site.log.ended(n, &json!("dropped"), Map::new());
            Err(Dropped)
        }
        Outcome::Hang => {
            site.log.ended(n, &json!("hung"), Map::new());
            std::future::pending().await
        }
        Outcome::Reply(mut answer) => {
            let facts = answer.extensions_mut().remove::<Facts>().unwrap_or_default();
            site.log.ended(n, &Value::from(answer.status().as_u16()), facts.0);
            Ok(date(answer))
        }
    }
}

/// What a path is for.
fn endpoint(site: &Site, ask: &Ask) -> Endpoint {
    let path = ask.path.as_str();
    let places = &site.places;
    if path == "/health" {
        return Endpoint::Health;
    }
    if path == "/sandbox/trap" {
        return Endpoint::Trap;
    }
    if path.starts_with("/sandbox/") {
        return Endpoint::Control;
    }
    if site.has_resource() {
        match path {
            "/mcp" => return Endpoint::Mcp,
            PRM_PATH | PRM_ROOT => return Endpoint::Prm,
            _ => {}
        }
    }
    if !site.has_issuer() {
        return Endpoint::Other;
    }
    if path == places.authorize || path == places.consent {
        return Endpoint::Authorize;
    }
    if path == places.token {
        return match ask.form().get("grant_type") {
            Some("authorization_code") => Endpoint::Code,
            Some("refresh_token") => Endpoint::Refresh,
            _ => Endpoint::Token,
        };
    }
    if path == places.register {
        return Endpoint::Register;
    }
    // A provider without registration has an empty place for it, which every path would begin with.
    if !places.register.is_empty()
        && path.strip_prefix(places.register.as_str()).is_some_and(|rest| rest.starts_with('/'))
    {
        return Endpoint::Registration;
    }
    if path == places.introspect {
        return Endpoint::Introspection;
    }
    if path == places.revoke {
        return Endpoint::Revocation;
    }
    if path == places.userinfo {
        return Endpoint::Userinfo;
    }
    if path == places.jwks {
        return Endpoint::Jwks;
    }
    if path.contains("/.well-known/") {
        return Endpoint::Metadata;
    }
    Endpoint::Other
}

/// Whether the `Host` is one by which we are known (against DNS rebinding).
fn known_host(site: &Site, ask: &Ask) -> bool {
    let Some(host) = ask.header("host") else { return true };
    let name = match host.strip_prefix('[').and_then(|h| h.split_once(']')) {
        Some((six, _)) => six,
        None => host.split(':').next().unwrap_or(host),
    };
    let ours = url::Url::parse(&site.origin).ok();
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        || ours.as_ref().and_then(url::Url::host_str).is_some_and(|h| h.eq_ignore_ascii_case(name))
}

async fn answered(site: &Site, ask: &Ask, at: Endpoint) -> Outcome {
    if !known_host(site, ask) {
        return json(
            421,
            &json!({"error": "unknown_host", "error_description": "this is no name of the sandbox"}),
        )
        .into();
    }
    match at {
        Endpoint::Control | Endpoint::Trap => return control::serve(site, ask).await.into(),
        Endpoint::Health => return control::health(site).into(),
        _ => {}
    }
    if let Some(answer) = cors::before(ask, at) {
        return cors::after(ask, at, answer).into();
    }
    if !site.rate.admits() {
        return cors::after(ask, at, with(empty(429), "retry-after", "1")).into();
    }
    if let Some(outcome) = disturbance::before(site, ask, at).await {
        return match outcome {
            Outcome::Reply(answer) => Outcome::Reply(cors::after(ask, at, answer)),
            other => other,
        };
    }
    let answer = cors::after(ask, at, routed(site, ask, at).await);
    disturbance::after(site, at, Outcome::Reply(answer)).await
}

async fn routed(site: &Site, ask: &Ask, at: Endpoint) -> Answer {
    let read_only = matches!(ask.method, Method::GET | Method::HEAD);
    match at {
        Endpoint::Metadata | Endpoint::Prm | Endpoint::Jwks if !read_only => with(empty(405), "allow", "GET"),
        Endpoint::Metadata => match metadata::form(site, &ask.path) {
            Some(form) => metadata::serve(site, form),
            None => empty(404),
        },
        Endpoint::Prm => {
            let form = if ask.path == PRM_ROOT { PrmForm::Root } else { PrmForm::Path };
            metadata::serve_prm(site, form)
        }
        Endpoint::Jwks => json(200, &site.key.jwks()),
        Endpoint::Register => registration::register(site, ask),
        Endpoint::Registration => {
            let id = ask.path.rsplit('/').next().unwrap_or_default();
            registration::manage(site, ask, id)
        }
        Endpoint::Authorize if ask.path == site.places.consent => authorize::decide(site, ask),
        Endpoint::Authorize => authorize::authorize(site, ask).await,
        at if at.is_token() => token::token(site, ask, at),
        Endpoint::Introspection => introspection::introspect(site, ask),
        Endpoint::Revocation => revocation::revoke(site, ask),
        Endpoint::Userinfo => introspection::userinfo(site, ask),
        Endpoint::Mcp => mcp::serve(site, ask).await,
        _ => empty(404),
    }
}
