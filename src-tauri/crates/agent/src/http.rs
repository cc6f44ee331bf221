//! The one HTTP client. What it must get right is the difference between a request that certainly did not go out and one
//! that perhaps did: a refresh token may be spent by the second. Hence one connection a request, over HTTP/1.1: a pooled
//! connection that the server closed meanwhile, or an HTTP/2 stream that was reset, would make "was it sent?" a guess. A
//! failure in the connect phase (name, address, TCP, proxy, TLS) is [`NotSent`]; everything after it is [`Unknown`].
//! No redirect is followed, except by hand, for documents without credentials, within one origin. No cookies, no retries.
//! MCP messages alone go over connections that are kept, see [`stream`].

mod failure;
mod resolver;
pub mod stream;
mod wire;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use failure::{chain, classify};
use http::{HeaderMap, Method, Response, StatusCode, header};
use hyper_util::client::proxy::matcher::Matcher;
use mcp_login_oauth::http::{Http, HttpFailure, NotSent, Reach, Redirects, Request, TlsFault, Unknown};
use resolver::Resolver;
use url::Url;
pub use wire::Wire;

use crate::address::{self, Literal};

/// Name, address, TCP, proxy and TLS together. Past it an issuer counts as unreachable; well below the 30 s that a token
/// request may take, so that a connection that never comes is told from an answer that never comes.
const CONNECT: Duration = Duration::from_secs(10);

/// Redirects of a metadata document: more is a loop.
const MOST_REDIRECTS: usize = 3;

/// Names the program and nothing of the person's machine.
const USER_AGENT: &str = concat!("mcp-login/", env!("CARGO_PKG_VERSION"));

type Answer = Result<Response<Vec<u8>>, HttpFailure>;

/// The system's network: OS trust store, system proxies, rustls with ring.
pub struct SystemHttp {
    proxies: Matcher,
    connections: Connections,
    /// Connects by itself, to public addresses only.
    public: OnceLock<reqwest::Client>,
    /// Connects by itself, anywhere.
    private: OnceLock<reqwest::Client>,
    /// Lets the system's proxy connect.
    proxied: OnceLock<reqwest::Client>,
}

/// Whether a connection serves more than one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connections {
    /// One a request: what it carried is certain.
    Single,
    /// Kept and shared.
    Pooled,
}

/// Who connects, and what is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Public,
    Private,
    Proxied,
}

impl SystemHttp {
    /// Reads the system's proxy settings; opens nothing. A client costs a parsed trust store, so each of the three is made
    /// when first needed; most people need one.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Connections::Single)
    }

    /// The same with connections that are kept, for [`stream::ServerHttp`].
    #[must_use]
    pub fn pooled() -> Self {
        Self::with(Connections::Pooled)
    }

    fn with(connections: Connections) -> Self {
        Self {
            proxies: Matcher::from_system(),
            connections,
            public: OnceLock::new(),
            private: OnceLock::new(),
            proxied: OnceLock::new(),
        }
    }

    /// Which way a request goes, or why not. With a proxy, the proxy resolves and connects: what it reaches is its
    /// administrator's rule. Then the check is on what is written: an address or a `localhost` that only a document named
    /// goes nowhere, and names are the proxy's. Loopback never goes to a proxy: it would mean the proxy's own machine.
    fn route(&self, url: &Url, reach: Reach) -> Result<Route, HttpFailure> {
        let host = url.host().ok_or(HttpFailure::NotSent(NotSent::Invalid))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(HttpFailure::NotSent(NotSent::Invalid)),
        };
        let loopback = address::is_loopback(&host);
        // Credentials never cross a network in the clear; and user info in a URL would become a header.
        if (!secure && !loopback) || !url.username().is_empty() || url.password().is_some() {
            return Err(HttpFailure::NotSent(NotSent::Invalid));
        }
        if reach == Reach::Public
            && let Literal::Address(address) = address::literal(&host)
            && !address::is_public(address)
        {
            return Err(HttpFailure::AddressRefused);
        }
        if !loopback {
            let uri: http::Uri = url.as_str().parse().map_err(|_| HttpFailure::NotSent(NotSent::Invalid))?;
            if self.proxies.intercept(&uri).is_some() {
                return Ok(Route::Proxied);
            }
        }
        Ok(if reach == Reach::Public { Route::Public } else { Route::Private })
    }

    fn client(&self, route: Route) -> Result<&reqwest::Client, HttpFailure> {
        let slot = match route {
            Route::Public => &self.public,
            Route::Private => &self.private,
            Route::Proxied => &self.proxied,
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = build(route, self.connections).map_err(|error| {
            tracing::error!(error = %chain(&error), "no HTTP client could be made");
            HttpFailure::NotSent(NotSent::Tls(TlsFault::Handshake)) // what can fail here is the trust store
        })?;
        Ok(slot.get_or_init(|| client))
    }

    async fn exchange(&self, request: Request) -> Answer {
        let Request { purpose, reach, inner } = request;
        let (parts, mut body) = inner.into_parts();
        let mut url =
            Url::parse(&parts.uri.to_string()).map_err(|_| HttpFailure::NotSent(NotSent::Invalid))?;
        for hop in 0..=MOST_REDIRECTS {
            let answer = self
                .one(
                    &parts.method,
                    &url,
                    parts.headers.clone(),
                    std::mem::take(&mut body),
                    reach,
                    purpose.max_body(),
                )
                .await?;
            let next = match purpose.redirects() {
                Redirects::SameOrigin if parts.method == Method::GET && hop < MOST_REDIRECTS => {
                    redirect(&url, &answer)
                }
                _ => None,
            };
            match next {
                Some(next) => url = next,
                None => return Ok(answer),
            }
        }
        Err(HttpFailure::Unknown(Unknown::Protocol)) // not reached: the last hop never has a next
    }

    async fn one(
        &self,
        method: &Method,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
        reach: Reach,
        limit: usize,
    ) -> Answer {
        let route = self.route(url, reach)?;
        let request = self.client(route)?.request(method.clone(), url.clone()).headers(headers).body(body);
        let mut answer = request.send().await.map_err(|error| classify(&error, route))?;
        if answer.content_length().is_some_and(|length| length > limit as u64) {
            return Err(HttpFailure::TooLarge { limit });
        }
        let mut response = Response::new(Vec::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        loop {
            match answer.chunk().await {
                Ok(None) => return Ok(response),
                Ok(Some(chunk)) if response.body().len() + chunk.len() > limit => {
                    return Err(HttpFailure::TooLarge { limit });
                }
                Ok(Some(chunk)) => response.body_mut().extend_from_slice(&chunk),
                Err(_) => return Err(HttpFailure::Unknown(Unknown::Closed)),
            }
        }
    }
}

impl Default for SystemHttp {
    fn default() -> Self {
        Self::new()
    }
}

impl Http for SystemHttp {
    async fn send(&self, request: Request) -> Answer {
        let purpose = request.purpose;
        // Where the time ran out cannot be told from here; the connect phase has its own, shorter, bound.
        let answer = tokio::time::timeout(purpose.timeout(), self.exchange(request))
            .await
            .unwrap_or(Err(HttpFailure::Unknown(Unknown::Timeout)));
        match &answer {
            Ok(answer) => tracing::debug!(%purpose, status = answer.status().as_u16(), "answered"),
            Err(error) => tracing::debug!(%purpose, %error, "no answer"),
        }
        answer
    }
}

fn build(route: Route, connections: Connections) -> Result<reqwest::Client, reqwest::Error> {
    // The process has one provider, ring; a second call finds it there, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT);
    let builder = match connections {
        Connections::Single => builder.pool_max_idle_per_host(0).http1_only(),
        Connections::Pooled => builder
            .pool_max_idle_per_host(stream::MOST_IDLE)
            .pool_idle_timeout(stream::IDLE)
            .tcp_keepalive(stream::ALIVE)
            .http2_keep_alive_interval(stream::ALIVE),
    };
    match route {
        Route::Public => builder.no_proxy().dns_resolver(Arc::new(Resolver { reach: Reach::Public })),
        Route::Private => builder.no_proxy().dns_resolver(Arc::new(Resolver { reach: Reach::Private })),
        // Only the proxy's own name is resolved here, and that one lies in a private range as a rule.
        Route::Proxied => builder.dns_resolver(Arc::new(Resolver { reach: Reach::Private })),
    }
    .build()
}

/// Where a redirect within the origin leads.
fn redirect(from: &Url, answer: &Response<Vec<u8>>) -> Option<Url> {
    if !matches!(
        answer.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    ) {
        return None;
    }
    let to = from.join(answer.headers().get(header::LOCATION)?.to_str().ok()?).ok()?;
    (to.origin() == from.origin()).then_some(to)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
