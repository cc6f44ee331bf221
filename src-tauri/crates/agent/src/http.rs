//! The one HTTP client. What it must get right is the difference between a request that certainly did not go out and one
//! that perhaps did: a refresh token may be spent by the second. Hence one connection a request, over HTTP/1.1: a pooled
//! connection that the server closed meanwhile, or an HTTP/2 stream that was reset, would make "was it sent?" a guess. A
//! failure in the connect phase (name, address, TCP, proxy, TLS) is [`NotSent`]; everything after it is [`Unknown`].
//! No redirect is followed, except by hand, for documents without credentials, within one origin. No cookies, no retries.
//! MCP messages alone go over connections that are kept, see [`stream`].

pub mod stream;

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, Method, Response, StatusCode, header};
use hyper_util::client::proxy::matcher::Matcher;
use mcp_login_oauth::http::{Http, HttpFailure, NotSent, Reach, Redirects, Request, TlsFault, Unknown};
use url::Url;

use crate::address::{self, Literal, Refused};

/// Name, address, TCP, proxy and TLS together. Past it an issuer counts as unreachable; well below the 30 s that a token
/// request may take, so that a connection that never comes is told from an answer that never comes.
const CONNECT: Duration = Duration::from_secs(10);

/// Redirects of a metadata document: more is a loop.
const MOST_REDIRECTS: usize = 3;

/// Names the program and nothing of the person's machine.
const USER_AGENT: &str = concat!("mcp-login/", env!("CARGO_PKG_VERSION"));

type Answer = Result<Response<Vec<u8>>, HttpFailure>;

/// [`Http`] behind a pointer, so that the core is one type, whoever carries its requests.
trait Carrier: Send + Sync {
    fn carry(&self, request: Request) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>>;
}

impl<H: Http> Carrier for H {
    fn carry(&self, request: Request) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(self.send(request))
    }
}

/// A shared HTTP client.
#[derive(Clone)]
pub struct Wire(Arc<dyn Carrier>);

impl Wire {
    /// Wraps any client.
    #[must_use]
    pub fn new(http: impl Http + 'static) -> Self {
        Self(Arc::new(http))
    }
}

impl Http for Wire {
    fn send(&self, request: Request) -> impl Future<Output = Answer> + Send {
        self.0.carry(request)
    }
}

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
        let uri: http::Uri = url.as_str().parse().map_err(|_| HttpFailure::NotSent(NotSent::Invalid))?;
        if !loopback && self.proxies.intercept(&uri).is_some() {
            return Ok(Route::Proxied);
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

/// The system's resolver with the address rule behind it: what it lets through is what is connected to.
struct Resolver {
    reach: Reach,
}

/// The name has no address. A type of its own, found in the client's error.
#[derive(Debug, thiserror::Error)]
#[error("the name did not resolve")]
struct NoAddress;

impl Resolver {
    fn filter(
        reach: Reach,
        found: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Box<dyn StdError + Send + Sync>> {
        let kept = match reach {
            Reach::Public => address::public_only(found.into_iter())?,
            Reach::Private => found,
        };
        if kept.is_empty() { Err(Box::new(NoAddress)) } else { Ok(kept) }
    }
}

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| NoAddress)?;
            let kept = Self::filter(reach, found.collect())?;
            Ok(Box::new(kept.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// Reads a client error by type, never by text.
fn classify(error: &reqwest::Error, route: Route) -> HttpFailure {
    if error.is_builder() {
        return HttpFailure::NotSent(NotSent::Invalid);
    }
    if error.is_connect() {
        return if holds::<Refused>(error) {
            HttpFailure::AddressRefused
        } else if let Some(tls) = find::<rustls::Error>(error) {
            HttpFailure::NotSent(NotSent::Tls(tls_fault(tls)))
        } else if error.is_timeout() {
            HttpFailure::NotSent(NotSent::Timeout)
        } else if route == Route::Proxied {
            HttpFailure::NotSent(NotSent::Proxy)
        } else if holds::<NoAddress>(error) {
            HttpFailure::NotSent(NotSent::Resolve)
        } else {
            HttpFailure::NotSent(NotSent::Connect)
        };
    }
    if error.is_timeout() {
        HttpFailure::Unknown(Unknown::Timeout)
    } else {
        HttpFailure::Unknown(Unknown::Closed)
    }
}

/// What a person can do something about, told apart; the variants with a context say the same as those without.
fn tls_fault(error: &rustls::Error) -> TlsFault {
    use rustls::CertificateError as Certificate;
    let rustls::Error::InvalidCertificate(error) = error else { return TlsFault::Handshake };
    match error {
        Certificate::Expired
        | Certificate::ExpiredContext { .. }
        | Certificate::NotValidYet
        | Certificate::NotValidYetContext { .. } => TlsFault::Expired,
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => TlsFault::WrongHost,
        // Revoked, unknown issuer, wrong purpose, or the system's own word for "no".
        _ => TlsFault::Untrusted,
    }
}

fn holds<T: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    find::<T>(error).is_some()
}

/// The error of this type that lies somewhere below. `io::Error` hides what it wraps from `source()`.
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
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
mod tests {
    use super::*;
    use mcp_login_oauth::http::Purpose;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    fn request(method: &str, url: &str, purpose: Purpose, reach: Reach) -> Request {
        let inner = http::Request::builder().method(method).uri(url).body(Vec::new()).unwrap();
        Request { purpose, reach, inner }
    }

    /// Answers each connection with the next text, then closes it. Returns the address.
    async fn serve(answers: Vec<String>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                    let mut buffer = [0; 1024];
                    match stream.read(&mut buffer).await.unwrap() {
                        0 => break,
                        read => head.extend_from_slice(&buffer[..read]),
                    }
                }
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        address
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }

    fn moved(to: &str) -> String {
        format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    }

    #[tokio::test]
    async fn nobody_listening_is_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let answer = SystemHttp::new()
            .send(request("POST", &format!("http://{address}/token"), Purpose::Token, Reach::Private))
            .await;
        assert_eq!(answer.unwrap_err(), HttpFailure::NotSent(NotSent::Connect));
    }

    #[tokio::test]
    async fn closed_after_the_request_is_unknown() {
        for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access", "not http\r\n\r\n"] {
            let address = serve(vec![answer.to_owned()]).await;
            let answer = SystemHttp::new()
                .send(request("POST", &format!("http://{address}/token"), Purpose::Token, Reach::Private))
                .await;
            assert!(matches!(answer.unwrap_err(), HttpFailure::Unknown(_)));
        }
    }

    #[tokio::test]
    async fn a_body_is_cut_off_at_its_bound() {
        let limit = Purpose::Metadata.max_body();
        let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 1_u64 << 30);
        let endless = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(limit + 1));
        let fits = ok(&"x".repeat(limit));
        for (answer, expected) in [(announced, None), (endless, None), (fits, Some(limit))] {
            let address = serve(vec![answer]).await;
            let answer = SystemHttp::new()
                .send(request("GET", &format!("http://{address}/x"), Purpose::Metadata, Reach::Private))
                .await;
            match expected {
                None => assert_eq!(answer.unwrap_err(), HttpFailure::TooLarge { limit }),
                Some(length) => assert_eq!(answer.unwrap().body().len(), length),
            }
        }
    }

    #[tokio::test]
    async fn documents_follow_within_the_origin_only() {
        let http = SystemHttp::new();
        let inside = serve(vec![moved("/b"), ok("there")]).await;
        let url = format!("http://{inside}/a");
        let answer = http.send(request("GET", &url, Purpose::Metadata, Reach::Private)).await.unwrap();
        assert_eq!(answer.body(), b"there");

        let other = serve(vec![ok("stolen")]).await;
        let outside = serve(vec![moved(&format!("http://{other}/"))]).await;
        let url = format!("http://{outside}/a");
        let answer = http.send(request("GET", &url, Purpose::Metadata, Reach::Private)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::FOUND);

        let credential = serve(vec![moved("/b"), ok("stolen")]).await;
        let url = format!("http://{credential}/a");
        let answer = http.send(request("POST", &url, Purpose::Token, Reach::Private)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::FOUND);

        let round = serve(vec![moved("/a"); 5]).await;
        let url = format!("http://{round}/a");
        let answer = http.send(request("GET", &url, Purpose::Metadata, Reach::Private)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::FOUND);
    }

    #[tokio::test]
    async fn addresses_that_a_document_named_are_checked() {
        let http = SystemHttp::new();
        for url in [
            "https://127.0.0.1/x",
            "https://localhost/x",
            "https://2130706433/x",
            "https://[::ffff:169.254.169.254]/x",
            "https://169.254.169.254/latest/meta-data",
            "https://10.0.0.1/x",
        ] {
            let answer = http.send(request("GET", url, Purpose::Metadata, Reach::Public)).await;
            assert_eq!(answer.unwrap_err(), HttpFailure::AddressRefused, "{url}");
        }
        for url in ["http://example.com/x", "ftp://example.com/", "https://user:pw@example.com/"] {
            let answer = http.send(request("GET", url, Purpose::Metadata, Reach::Public)).await;
            assert_eq!(answer.unwrap_err(), HttpFailure::NotSent(NotSent::Invalid), "{url}");
        }
    }

    #[test]
    fn the_resolver_lets_through_what_it_checked() {
        let inside: SocketAddr = "192.168.1.1:0".parse().unwrap();
        let outside: SocketAddr = "1.1.1.1:0".parse().unwrap();
        let kept = Resolver::filter(Reach::Public, vec![inside, outside]).unwrap();
        assert_eq!(kept, [outside]);
        let refused = Resolver::filter(Reach::Public, vec![inside]).unwrap_err();
        assert!(holds::<Refused>(&*refused));
        assert!(holds::<Refused>(&io::Error::other(io::Error::other(Refused))), "found below io errors too");
        assert_eq!(Resolver::filter(Reach::Private, vec![inside]).unwrap(), [inside]);
        assert!(Resolver::filter(Reach::Private, vec![]).is_err());
    }
}
