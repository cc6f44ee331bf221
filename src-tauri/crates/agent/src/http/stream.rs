//! The same client for MCP messages: answers stream, and connections are kept, since a message that has to shake hands first
//! is three round trips late. A request that was perhaps sent is never sent again here; whoever sent it knows what it was.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use http_body::{Body as _, Frame};
use mcp_login_gateway::http::{Body, BodyStream, Http, HttpFailure};
use mcp_login_oauth::ServerUrl;
use mcp_login_oauth::http::{HttpFailure as OauthFailure, NotSent, ReachRule};
use url::Url;

use super::SystemHttp;

/// Idle connections a server: what a handful of clients have under way at a time over HTTP/1.1. HTTP/2 needs one.
pub(super) const MOST_IDLE: usize = 16;
/// How long one is kept: below the minute or more after which servers and routers forget them.
pub(super) const IDLE: Duration = Duration::from_secs(55);
/// A connection whose other side is silently gone is noticed by this, twice over; streams stay open for hours.
pub(super) const ALIVE: Duration = Duration::from_secs(30);

/// The network, for the messages of one server.
pub struct ServerHttp {
    system: std::sync::Arc<SystemHttp>,
    rule: ReachRule,
    /// The server's own address, read once: nearly every message goes there.
    own: Option<(http::Uri, Url)>,
}

impl ServerHttp {
    /// `system` keeps its connections ([`SystemHttp::pooled`]); what the person typed may lie anywhere, and nothing else is asked.
    #[must_use]
    pub fn new(system: std::sync::Arc<SystemHttp>, server: &ServerUrl) -> Self {
        let url = Url::parse(server.as_str()).ok();
        let own = url.and_then(|url| Some((url.as_str().parse().ok()?, url)));
        Self { system, rule: ReachRule::new(server), own }
    }

    fn url(&self, uri: &http::Uri) -> Result<Url, HttpFailure> {
        match &self.own {
            Some((own, url)) if own == uri => Ok(url.clone()),
            _ => Url::parse(&uri.to_string()).map_err(|_| HttpFailure::NotSent(NotSent::Invalid)),
        }
    }

    async fn exchange(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<BodyStream>, HttpFailure> {
        let (parts, body) = request.into_parts();
        let url = self.url(&parts.uri)?;
        let route = self.system.route(&url, self.rule.for_url(&url)).map_err(failure)?;
        let client = self.system.client(route).map_err(failure)?;
        let mut request = client.request(parts.method, url).headers(parts.headers);
        request = match body {
            Body::Empty => request,
            Body::Bytes(bytes) => request.body(bytes),
            Body::Stream(stream) => request.body(reqwest::Body::wrap(Outgoing(Mutex::new(stream)))),
        };
        let answer = request.send().await.map_err(|error| failure(super::classify(&error, route)))?;
        let answer = http::Response::<reqwest::Body>::from(answer);
        Ok(answer.map(|body| Box::pin(Incoming(body)) as BodyStream))
    }
}

impl Http for ServerHttp {
    fn send(
        &self,
        request: http::Request<Body>,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, HttpFailure>> {
        Box::pin(self.exchange(request))
    }
}

fn failure(failure: OauthFailure) -> HttpFailure {
    match failure {
        OauthFailure::NotSent(why) => HttpFailure::NotSent(why),
        OauthFailure::AddressRefused => HttpFailure::AddressRefused,
        OauthFailure::TooLarge { .. } => HttpFailure::TooLarge,
        OauthFailure::Unknown(_) => HttpFailure::Lost,
    }
}

/// A body that is sent as it comes. The client wants to share it among threads, which nobody does.
struct Outgoing(Mutex<BodyStream>);

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let stream = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let next = ready!(stream.as_mut().poll_next(cx));
        Poll::Ready(next.map(|chunk| chunk.map(Frame::data).map_err(Into::into)))
    }
}

/// A body that arrives. Trailers are left out: MCP knows none.
struct Incoming(reqwest::Body);

impl Stream for Incoming {
    type Item = Result<Bytes, HttpFailure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(_)) => return Poll::Ready(Some(Err(HttpFailure::Lost))),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
            }
        }
    }
}
