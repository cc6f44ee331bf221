//! HTTP as this crate sees it: a trait that somebody else carries out.
//!
//! Problem: a refresh token may be spent by a request whose answer never came, so "it failed" is not enough.
//! Invariant: a failure says whether a byte of the request can have gone out ([`HttpFailure::NotSent`] is the
//! only one that is safe to repeat), and every request says what it is for, so that the one who carries it out
//! picks bounds, redirects and address rules without reading URLs.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use url::Url;
use zeroize::Zeroize;

use crate::values::{ServerUrl, is_loopback_host};

/// Carries out one request. Must not follow a redirect unless [`Purpose::redirects`] allows it, must stop
/// reading at [`Purpose::max_body`], and must apply [`Request::reach`] to the address it connects to.
pub trait Http: Send + Sync {
    /// Sends the request and returns the whole answer, whatever its status.
    fn send(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<::http::Response<Vec<u8>>, HttpFailure>> + Send;
}

/// What a request is for: picks bounds, redirect policy and the word in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// An unauthenticated request to the MCP server, to see its 401.
    Challenge,
    /// A well-known document.
    Metadata,
    /// RFC 7591.
    Registration,
    /// RFC 6749 §3.1, before the browser goes there: whether our redirect URI is taken.
    Authorization,
    /// RFC 6749 §3.2.
    Token,
    /// RFC 7009.
    Revocation,
    /// RFC 7662.
    Introspection,
    /// RFC 7592 §2.3.
    RegistrationDeletion,
    /// Which release of this program is the newest: none of the protocol's, but sent by the same client.
    Release,
}

/// Which redirects may be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// None: the request carries a credential, or its answer is one.
    None,
    /// At most three, and only to the same scheme, host and port.
    SameOrigin,
}

impl Purpose {
    /// The most bytes of an answer's body that are read.
    #[must_use]
    pub fn max_body(self) -> usize {
        match self {
            // Only status and headers count; what fits tells a person enough.
            Purpose::Challenge | Purpose::Authorization | Purpose::Release => 64 * 1024,
            // The largest published documents (Entra, Google) are below 4 KiB; RFC 9728 signed_metadata can be larger.
            Purpose::Metadata => 256 * 1024,
            // Token sets with several JWTs stay below 32 KiB; 256 KiB leaves room for group claims gone wild.
            Purpose::Token => 256 * 1024,
            Purpose::Registration | Purpose::Introspection => 128 * 1024,
            Purpose::Revocation | Purpose::RegistrationDeletion => 64 * 1024,
        }
    }

    /// Which redirects may be followed.
    #[must_use]
    pub fn redirects(self) -> Redirects {
        match self {
            Purpose::Metadata => Redirects::SameOrigin,
            _ => Redirects::None,
        }
    }

    /// The longest that the whole exchange may take.
    #[must_use]
    pub fn timeout(self) -> Duration {
        match self {
            // A person waits, and without an answer all is as if nobody had asked.
            Purpose::Authorization => Duration::from_secs(3),
            // A person may wait, and nothing of theirs hangs on the answer.
            Purpose::Release => Duration::from_secs(10),
            // A person waits.
            Purpose::Challenge | Purpose::Metadata => Duration::from_secs(15),
            // A rotation that is cut off may lose the sign-in: give a slow server its time.
            Purpose::Token | Purpose::Registration => Duration::from_secs(30),
            Purpose::Revocation | Purpose::Introspection | Purpose::RegistrationDeletion => {
                Duration::from_secs(20)
            }
        }
    }

    /// The word for logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Purpose::Challenge => "challenge",
            Purpose::Metadata => "metadata",
            Purpose::Registration => "registration",
            Purpose::Authorization => "authorization",
            Purpose::Token => "token",
            Purpose::Revocation => "revocation",
            Purpose::Introspection => "introspection",
            Purpose::RegistrationDeletion => "registration_deletion",
            Purpose::Release => "release",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whether the connection may go into loopback, private, link-local or otherwise unroutable ranges.
/// Checked against the address at connect time, not against the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Only addresses of the public internet.
    Public,
    /// Any address.
    Private,
}

/// Decides the [`Reach`] of each URL (MCP security best practices, SSRF).
///
/// The host that the person typed may lie anywhere. A host that only a remote document named may lie in a
/// private range only if the typed server does, or if policy names that host.
#[derive(Clone, Debug)]
pub struct ReachRule {
    server_host: String,
    named: Reach,
    hosts: Vec<String>,
}

impl ReachRule {
    /// The rule for a server: documents may name private hosts exactly if the server's own host is a literal
    /// private address or a loopback name.
    #[must_use]
    pub fn new(server: &ServerUrl) -> Self {
        let host = server.host();
        let named =
            if is_loopback_host(host) || is_private_literal(host) { Reach::Private } else { Reach::Public };
        ReachRule { server_host: host.to_owned(), named, hosts: Vec::new() }
    }

    /// Sets the reach of hosts that documents name: for a server whose *name* turned out to resolve into a
    /// private range.
    #[must_use]
    pub fn with_named(mut self, named: Reach) -> Self {
        self.named = named;
        self
    }

    /// Lets one more host lie anywhere, because policy names it.
    #[must_use]
    pub fn with_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into().to_ascii_lowercase());
        self
    }

    /// The reach of a request to this URL.
    #[must_use]
    pub fn for_url(&self, url: &Url) -> Reach {
        let host = url.host_str().unwrap_or_default();
        if host == self.server_host || self.hosts.iter().any(|h| h == host) {
            Reach::Private
        } else {
            self.named
        }
    }

    /// Whether this URL's host is written as a private or loopback address that may not be reached: for addresses that
    /// the browser opens, whose connection we do not see.
    #[must_use]
    pub fn refuses(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        self.for_url(url) == Reach::Public && (is_loopback_host(host) || is_private_literal(host))
    }

    /// The reach of a request to this address; an address that is no URL gets the narrow one.
    #[must_use]
    pub fn for_str(&self, url: &str) -> Reach {
        Url::parse(url).map_or(Reach::Public, |url| self.for_url(&url))
    }
}

fn is_private_literal(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    // An IPv4 address in IPv6's clothes is what it is underneath.
    match bare.parse::<std::net::IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(std::net::IpAddr::V4(ip)) => {
            // 100.64.0.0/10 is carrier-grade NAT, and what overlay networks use (RFC 6598).
            let shared = matches!(ip.octets(), [100, 64..=127, ..]);
            ip.is_private() || ip.is_link_local() || ip.is_loopback() || ip.is_unspecified() || shared
        }
        Ok(std::net::IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified()
        }
        Err(_) => false,
    }
}

/// One request, with what it is for and where it may go.
pub struct Request {
    /// What it is for.
    pub purpose: Purpose,
    /// Where the connection may go.
    pub reach: Reach,
    /// Method, URL, headers, body. The body may hold secrets: never log it.
    pub inner: ::http::Request<Vec<u8>>,
}

impl fmt::Debug for Request {
    /// Leaves out query, headers and body: each may hold a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.inner.uri();
        f.debug_struct("Request")
            .field("purpose", &self.purpose)
            .field("reach", &self.reach)
            .field("method", self.inner.method())
            .field("host", &uri.host().unwrap_or_default())
            .field("path", &uri.path())
            .finish_non_exhaustive()
    }
}

/// Why no whole answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpFailure {
    /// Not a byte of the request went out: safe to repeat.
    #[error("the request was not sent: {0}")]
    NotSent(NotSent),
    /// The request went out, or may have, and no whole answer came back.
    #[error("the request was sent, the answer is not known: {0}")]
    Unknown(Unknown),
    /// The answer was larger than [`Purpose::max_body`].
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// The address lies in a range that this request may not reach. Nothing was sent.
    #[error("the address lies in a private range that this server may not point to")]
    AddressRefused,
}

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The name did not resolve.
    #[error("the host name did not resolve")]
    Resolve,
    /// No connection.
    #[error("no connection to the host")]
    Connect,
    /// The certificate or the TLS handshake was refused.
    #[error("no trusted TLS connection: {0}")]
    Tls(TlsFault),
    /// The proxy refused.
    #[error("the proxy refused the connection")]
    Proxy,
    /// No connection in time.
    #[error("no connection in time")]
    Timeout,
    /// The request itself cannot be sent: no URL that HTTP knows.
    #[error("the address cannot be requested")]
    Invalid,
}

/// Why no TLS connection could be trusted. What a person does about it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// The certificate's time is over, or has not come.
    #[error("the certificate is not valid at this time")]
    Expired,
    /// The certificate is another host's.
    #[error("the certificate is for another host")]
    WrongHost,
    /// Nobody whom this computer trusts has signed it: self-signed, or by an authority that is not known here.
    #[error("the certificate is not from an authority that this computer trusts")]
    Untrusted,
    /// Any other failure of the handshake, or of this computer's trust store.
    #[error("the TLS handshake failed")]
    Handshake,
}

/// Why the answer to a sent request is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// No whole answer in time.
    #[error("no whole answer in time")]
    Timeout,
    /// The connection ended before the whole answer was there.
    #[error("the connection ended early")]
    Closed,
    /// What came back is not HTTP.
    #[error("the answer is not HTTP")]
    Protocol,
}

impl HttpFailure {
    /// Whether repeating the request cannot do it twice.
    #[must_use]
    pub fn is_safe_to_repeat(self) -> bool {
        matches!(self, HttpFailure::NotSent(_) | HttpFailure::AddressRefused)
    }
}

/// The longest wait that a server is granted. Longer ones are an outage, and the person should see one.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// `Retry-After` (RFC 9110 §10.2.3), bounded to a day. A date counts from the answer's own `Date`, so that it means the same
/// whatever our clock says; without one it is read as absent, and the caller's own back-off applies.
pub(crate) fn retry_after(response: &::http::Response<Vec<u8>>) -> Option<Duration> {
    let header = |name| response.headers().get(name)?.to_str().ok().map(str::trim);
    let text = header(::http::header::RETRY_AFTER)?;
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time.
        text.parse().map_or(LONGEST_WAIT, Duration::from_secs)
    } else {
        let until = httpdate::parse_http_date(text).ok()?;
        let now = httpdate::parse_http_date(header(::http::header::DATE)?).ok()?;
        until.duration_since(now).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(LONGEST_WAIT))
}

/// The server's clock as an answer tells it (RFC 9110 §6.6.1), in Unix seconds.
#[must_use]
pub fn date(response: &::http::Response<Vec<u8>>) -> Option<crate::UnixSeconds> {
    let text = response.headers().get(::http::header::DATE)?.to_str().ok()?;
    let date = httpdate::parse_http_date(text.trim()).ok()?;
    date.duration_since(std::time::UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// Statuses that mean "not now", never "no".
pub(crate) fn is_later(status: ::http::StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error()
}

/// A request whose parts are known to be well formed: the URL went through [`crate::endpoint::Endpoint`].
pub(crate) fn build(
    builder: ::http::request::Builder,
    body: Vec<u8>,
) -> Result<::http::Request<Vec<u8>>, HttpFailure> {
    // `http::Uri` is stricter than the URL standard in corners (length, rare characters).
    builder.body(body).map_err(|_| HttpFailure::NotSent(NotSent::Invalid))
}

/// `Authorization: Bearer` (RFC 6750 §2.1), marked as not to be logged.
///
/// # Errors
/// [`NotSent::Invalid`] when the token is no header value.
pub fn bearer(token: &str) -> Result<::http::HeaderValue, HttpFailure> {
    credential(format!("Bearer {token}"))
}

/// A header's value that is wiped and not logged.
///
/// # Errors
/// [`NotSent::Invalid`] when the text is no header value.
pub(crate) fn credential(mut text: String) -> Result<::http::HeaderValue, HttpFailure> {
    let value = ::http::HeaderValue::from_str(&text);
    text.zeroize();
    let mut value = value.map_err(|_| HttpFailure::NotSent(NotSent::Invalid))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_metadata_follows_redirects() {
        for purpose in [
            Purpose::Challenge,
            Purpose::Token,
            Purpose::Registration,
            Purpose::Revocation,
            Purpose::Introspection,
            Purpose::RegistrationDeletion,
            Purpose::Authorization,
        ] {
            assert_eq!(purpose.redirects(), Redirects::None, "{purpose}");
        }
        assert_eq!(Purpose::Metadata.redirects(), Redirects::SameOrigin);
    }

    #[test]
    fn where_documents_may_point() {
        let rule = |server: &str| ReachRule::new(&ServerUrl::parse(server).unwrap());
        let public = rule("https://mcp.example/mcp");
        for (url, reach) in [
            ("https://mcp.example/x", Reach::Private),
            ("https://as.example/x", Reach::Public),
            ("https://127.0.0.1/x", Reach::Public),
            ("https://sub.mcp.example/x", Reach::Public),
            ("no url", Reach::Public),
        ] {
            assert_eq!(public.for_str(url), reach, "{url}");
        }
        assert_eq!(public.clone().with_host("AS.example").for_str("https://as.example/"), Reach::Private);
        assert_eq!(public.with_named(Reach::Private).for_str("https://10.0.0.1/"), Reach::Private);
        for server in [
            "http://localhost:1",
            "http://127.0.0.1:1",
            "https://10.1.2.3",
            "https://[fd00::1]",
            "https://192.168.1.1",
        ] {
            assert_eq!(rule(server).for_str("https://10.0.0.1/"), Reach::Private, "{server}");
        }
        assert_eq!(rule("https://8.8.8.8").for_str("https://10.0.0.1/"), Reach::Public);
    }

    #[test]
    fn browsers_are_not_sent_into_private_ranges() {
        let public = ReachRule::new(&ServerUrl::parse("https://mcp.example/mcp").unwrap());
        let refuses = |rule: &ReachRule, url: &str| rule.refuses(&Url::parse(url).unwrap());
        for url in [
            "http://localhost:8080/a",
            "http://127.1/a",
            "https://[::1]/a",
            "https://10.0.0.1/a",
            "https://169.254.169.254/",
            "https://0x7f000001/",
            "https://[::ffff:169.254.169.254]/",
            "https://[::ffff:127.0.0.1]/",
            "https://100.64.0.1/",
        ] {
            assert!(refuses(&public, url), "{url}");
            assert!(!refuses(&public.clone().with_named(Reach::Private), url), "{url}");
        }
        assert!(!refuses(&public, "https://as.example/a") && !refuses(&public, "https://8.8.8.8/a"));
    }

    #[test]
    fn debug_shows_no_query_header_or_body() {
        let inner = ::http::Request::post("https://as.example/t?canary=1")
            .header("authorization", bearer("canary").unwrap())
            .body(b"canary".to_vec())
            .unwrap();
        let text = format!("{:?}", Request { purpose: Purpose::Token, reach: Reach::Public, inner });
        assert!(!text.contains("canary") && text.contains("/t"), "{text}");
    }

    #[test]
    fn retry_after_in_both_forms() {
        const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        let wait = |retry: &str, date: Option<&str>| {
            let mut response = ::http::Response::builder().header("retry-after", retry);
            if let Some(date) = date {
                response = response.header("date", date);
            }
            retry_after(&response.body(Vec::new()).unwrap()).map(|wait| wait.as_secs())
        };
        for (retry, date, expected) in [
            ("7", None, Some(7)),
            (" 7 ", Some(NOW), Some(7)),
            ("0", None, Some(0)),
            ("86401", None, Some(86_400)),
            ("99999999999999999999999", None, Some(86_400)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(NOW), Some(120)),
            ("Sunday, 06-Nov-94 08:51:37 GMT", Some(NOW), Some(120)),
            ("Sun Nov  6 08:51:37 1994", Some(NOW), Some(120)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(NOW), Some(0)),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(NOW), Some(86_400)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", None, None),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some("now"), None),
            ("soon", Some(NOW), None),
            ("-7", Some(NOW), None),
            ("+7", None, None),
            ("1.5", None, None),
            ("", Some(NOW), None),
        ] {
            assert_eq!(wait(retry, date), expected, "{retry:?} {date:?}");
        }
    }

    #[test]
    fn what_is_safe_to_repeat() {
        assert!(
            HttpFailure::NotSent(NotSent::Tls(TlsFault::Expired)).is_safe_to_repeat()
                && HttpFailure::AddressRefused.is_safe_to_repeat()
        );
        assert!(!HttpFailure::Unknown(Unknown::Closed).is_safe_to_repeat());
        assert!(!HttpFailure::TooLarge { limit: 1 }.is_safe_to_repeat());
    }
}
