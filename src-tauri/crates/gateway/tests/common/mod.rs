//! A real HTTP client, a source of tokens, and a link over them.
#![allow(dead_code, unreachable_pub, missing_docs)] // each test program uses its part

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::{FutureExt as _, TryStreamExt as _};
use http::{Request, Response};
use mcp_login_gateway::http::{Body, BodyStream, Http, HttpFailure};
use mcp_login_gateway::learnt::Learnt;
use mcp_login_gateway::limits::Limits;
use mcp_login_gateway::link::{Ended, Opening, serve};
use mcp_login_gateway::token_source::{Bearer, Denied, TokenSource};
use mcp_login_gateway::upstream::Upstream;
use mcp_login_oauth::ServerUrl;
use mcp_login_oauth::challenge::Challenge;
use mcp_login_oauth::http::NotSent;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

/// The network: as the agent's, no redirects, no proxy.
pub struct Network(reqwest::Client);

impl Default for Network {
    fn default() -> Self {
        // The process has one provider; a second call finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        Self(client.build().expect("a client"))
    }
}

impl Http for Network {
    fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<BodyStream>, HttpFailure>> {
        let (parts, body) = request.into_parts();
        let mut request = self.0.request(parts.method, parts.uri.to_string()).headers(parts.headers);
        if let Body::Bytes(bytes) = body {
            request = request.body(bytes);
        }
        async move {
            let answer = request.send().await.map_err(|error| {
                if error.is_connect() { HttpFailure::NotSent(NotSent::Connect) } else { HttpFailure::Lost }
            })?;
            let mut response = Response::new(());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            let body: BodyStream = Box::pin(answer.bytes_stream().map_err(|_| HttpFailure::Lost));
            Ok(response.map(|()| body))
        }
        .boxed()
    }
}

/// `PREFIX-1`, and after a refusal `PREFIX-2` …; or always the same.
pub struct Tokens {
    pub generation: AtomicU64,
    pub prefix: String,
    pub steps: AtomicU64,
}

impl Tokens {
    pub fn new(prefix: &str) -> Arc<Self> {
        Arc::new(Self { generation: AtomicU64::new(1), prefix: prefix.into(), steps: AtomicU64::new(0) })
    }
}

impl TokenSource for Tokens {
    fn token(&self, refused: Option<u64>) -> BoxFuture<'_, Result<Bearer, Denied>> {
        if let Some(refused) = refused {
            let _ =
                self.generation.compare_exchange(refused, refused + 1, Ordering::SeqCst, Ordering::SeqCst);
        }
        let generation = self.generation.load(Ordering::SeqCst);
        let access = if self.prefix.starts_with("sbx") {
            self.prefix.clone()
        } else {
            format!("{}-{generation}", self.prefix)
        };
        async move { Ok(Bearer { access: access.into(), generation }) }.boxed()
    }

    fn step_up<'a>(&'a self, _: &'a Challenge, _: u64) -> BoxFuture<'a, Result<(), Denied>> {
        self.steps.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }.boxed()
    }

    fn signed_in(&self, _: Duration) -> BoxFuture<'_, Result<(), Denied>> {
        async { Ok(()) }.boxed()
    }
}

pub fn upstream(url: &str, tokens: Arc<Tokens>) -> Arc<Upstream> {
    let server = ServerUrl::parse(url).expect("an address");
    Arc::new(Upstream::new(server, Arc::new(Network::default()), tokens, Arc::new(Learnt::new())))
}

/// The client's end of a link to this server.
pub fn link(upstream: Arc<Upstream>) -> (DuplexStream, JoinHandle<Ended>) {
    let (client, gateway) = tokio::io::duplex(64 * 1024);
    let (reader, writer) = tokio::io::split(gateway);
    (client, tokio::spawn(serve(reader, writer, upstream, Opening::default(), Limits::default())))
}

/// A client that speaks lines.
pub struct Lines {
    write: WriteHalf<DuplexStream>,
    read: BufReader<ReadHalf<DuplexStream>>,
}

impl Lines {
    pub fn new(client: DuplexStream) -> Self {
        let (read, write) = tokio::io::split(client);
        Self { write, read: BufReader::new(read) }
    }

    pub async fn say(&mut self, line: &str) {
        self.write.write_all(format!("{line}\n").as_bytes()).await.expect("the link reads");
    }

    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.read.read_line(&mut line);
        tokio::time::timeout(Duration::from_secs(120), read).await.expect("a line").expect("text");
        line
    }

    pub async fn hears(&mut self) -> serde_json::Value {
        let line = self.line().await;
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    pub async fn ask(&mut self, line: &str) -> serde_json::Value {
        self.say(line).await;
        self.hears().await
    }

    /// `initialize` and `initialized`.
    pub async fn initialize(&mut self) -> serde_json::Value {
        let answer = self
            .ask(r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#)
            .await;
        self.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        answer
    }

    pub async fn leave(mut self) {
        self.write.shutdown().await.expect("the link reads");
    }
}
