//! A scripted server, a scripted person, and a client that speaks lines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::{HeaderMap, Method, Request, Response};
use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use mcp_login_oauth::ServerUrl;
use mcp_login_oauth::challenge::Challenge;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::http::{Body, BodyStream, Http, HttpFailure};
use crate::learnt::Learnt;
use crate::limits::Limits;
use crate::link::{Ended, Opening, serve};
use crate::token_source::{Bearer, Denied, DeniedKind, TokenSource};
use crate::upstream::Upstream;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) n: usize,
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The JSON-RPC method, or the one of HTTP.
    pub(crate) fn what(&self) -> String {
        self.json().get("method").and_then(Value::as_str).map_or(self.method.to_string(), str::to_owned)
    }

    /// An answer with this result.
    pub(crate) fn result(&self, result: &str) -> Answer {
        json(200, &format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, self.json()["id"]))
    }

    pub(crate) fn error(&self, status: u16, code: i64, data: &str) -> Answer {
        let error = format!(r#"{{"code":{code},"message":"no","data":{data}}}"#);
        json(status, &format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, self.json()["id"]))
    }
}

pub(crate) type Answer = Result<Response<BodyStream>, HttpFailure>;
type Script = dyn Fn(&Seen) -> Answer + Send + Sync;

/// What comes of a body: chunks, then the end or a failure.
pub(crate) fn body(chunks: Vec<Result<Bytes, HttpFailure>>) -> BodyStream {
    stream::iter(chunks).boxed()
}

pub(crate) fn answer(status: u16, kind: &str, body: BodyStream) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = ::http::StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert("content-type", kind.parse().expect("a type"));
    Ok(response)
}

pub(crate) fn json(status: u16, text: &str) -> Answer {
    answer(status, "application/json", body(vec![Ok(Bytes::from(text.to_owned()))]))
}

pub(crate) fn empty(status: u16) -> Answer {
    answer(status, "text/plain", body(vec![]))
}

pub(crate) fn events(text: &str) -> Answer {
    answer(200, "text/event-stream", body(vec![Ok(Bytes::from(text.to_owned()))]))
}

pub(crate) fn with(answer: Answer, name: &'static str, value: &str) -> Answer {
    answer.map(|mut response| {
        response.headers_mut().insert(name, value.parse().expect("a value"));
        response
    })
}

/// An event stream that stays open, and what writes into it.
pub(crate) fn open() -> (Answer, Feed) {
    let (feed, chunks) = mpsc::unbounded_channel();
    let stream = stream::unfold(chunks, |mut chunks: mpsc::UnboundedReceiver<Bytes>| async move {
        chunks.recv().await.map(|chunk| (Ok(chunk), chunks))
    });
    (answer(200, "text/event-stream", stream.boxed()), Feed(feed))
}

#[derive(Clone)]
pub(crate) struct Feed(mpsc::UnboundedSender<Bytes>);

impl Feed {
    pub(crate) fn event(&self, data: &str) {
        let _ = self.0.send(Bytes::from(format!("data: {data}\n\n")));
    }

    pub(crate) fn raw(&self, text: &str) {
        let _ = self.0.send(Bytes::from(text.to_owned()));
    }

    /// Until nobody reads it any more.
    pub(crate) async fn closed(&self) {
        self.0.closed().await;
    }
}

pub(crate) struct Server {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    arrived: Notify,
}

impl Http for Server {
    fn send(&self, request: Request<Body>) -> BoxFuture<'_, Answer> {
        let (parts, body) = request.into_parts();
        async move {
            let body = match body {
                Body::Bytes(bytes) => String::from_utf8(bytes.to_vec()).expect("JSON"),
                _ => String::new(),
            };
            let seen = {
                let mut all = self.seen.lock().expect("no panic");
                let n = all.len();
                all.push(Seen {
                    n,
                    method: parts.method,
                    uri: parts.uri.to_string(),
                    headers: parts.headers,
                    body,
                });
                all[all.len() - 1].clone()
            };
            self.arrived.notify_waiters();
            // As the network does: not at once.
            tokio::task::yield_now().await;
            (self.script)(&seen)
        }
        .boxed()
    }
}

/// Tokens `token-1`, `token-2` …; what a person does is scripted.
pub(crate) struct Tokens {
    pub(crate) generation: AtomicU64,
    pub(crate) refused: Mutex<Vec<u64>>,
    pub(crate) steps: Mutex<Vec<Challenge>>,
    /// How long the person takes for more scopes.
    pub(crate) step_takes: Duration,
    pub(crate) signed_out: Mutex<bool>,
    /// Whether the person signs in when asked.
    pub(crate) signs_in: bool,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            generation: AtomicU64::new(1),
            refused: Mutex::default(),
            steps: Mutex::default(),
            step_takes: Duration::ZERO,
            signed_out: Mutex::new(false),
            signs_in: false,
        }
    }
}

fn denied() -> Denied {
    Denied {
        kind: DeniedKind::NeedsSignIn,
        code: "needs_sign_in",
        fact: "you are signed out".into(),
        next: "Sign in.".into(),
    }
}

impl TokenSource for Tokens {
    fn token(&self, refused: Option<u64>) -> BoxFuture<'_, Result<Bearer, Denied>> {
        async move {
            if *self.signed_out.lock().expect("no panic") {
                return Err(denied());
            }
            if let Some(refused) = refused {
                self.refused.lock().expect("no panic").push(refused);
                let _ = self.generation.compare_exchange(
                    refused,
                    refused + 1,
                    Ordering::SeqCst,
                    Ordering::SeqCst,
                );
            }
            let generation = self.generation.load(Ordering::SeqCst);
            Ok(Bearer { access: format!("token-{generation}").into(), generation })
        }
        .boxed()
    }

    fn step_up<'a>(&'a self, challenge: &'a Challenge, _refused: u64) -> BoxFuture<'a, Result<(), Denied>> {
        async move {
            self.steps.lock().expect("no panic").push(challenge.clone());
            tokio::time::sleep(self.step_takes).await;
            self.generation.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
        .boxed()
    }

    fn signed_in(&self, patience: Duration) -> BoxFuture<'_, Result<(), Denied>> {
        async move {
            if self.signs_in {
                *self.signed_out.lock().expect("no panic") = false;
                return Ok(());
            }
            tokio::time::sleep(patience).await;
            Err(denied())
        }
        .boxed()
    }
}

/// A client, its link, and the server behind it.
pub(crate) struct Scene {
    write: Option<WriteHalf<DuplexStream>>,
    read: BufReader<ReadHalf<DuplexStream>>,
    pub(crate) server: Arc<Server>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) learnt: Arc<Learnt>,
    link: Option<JoinHandle<Ended>>,
}

pub(crate) struct Setting {
    pub(crate) tokens: Tokens,
    pub(crate) limits: Limits,
    pub(crate) opening: Opening,
    pub(crate) learnt: Arc<Learnt>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            tokens: Tokens::default(),
            limits: Limits::default(),
            opening: Opening::default(),
            learnt: Arc::new(Learnt::new()),
        }
    }
}

impl Setting {
    pub(crate) fn start(self, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Scene {
        let (client, gateway) = tokio::io::duplex(64 * 1024);
        let (read, write) = tokio::io::split(client);
        let (reader, writer) = tokio::io::split(gateway);
        let server =
            Arc::new(Server { script: Box::new(script), seen: Mutex::default(), arrived: Notify::new() });
        let tokens = Arc::new(self.tokens);
        let url = ServerUrl::parse("https://mcp.example/mcp").expect("an address");
        let upstream = Upstream::new(url, server.clone(), tokens.clone(), self.learnt.clone());
        let link = tokio::spawn(serve(reader, writer, Arc::new(upstream), self.opening, self.limits));
        let read = BufReader::new(read);
        Scene { write: Some(write), read, server, tokens, learnt: self.learnt, link: Some(link) }
    }
}

pub(crate) fn start(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Scene {
    Setting::default().start(script)
}

impl Scene {
    pub(crate) async fn say(&mut self, line: &str) {
        let write = self.write.as_mut().expect("the client is there");
        write.write_all(format!("{line}\n").as_bytes()).await.expect("the link reads");
    }

    /// The next line.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.read.read_line(&mut line);
        tokio::time::timeout(Duration::from_secs(300), read).await.expect("a line").expect("text");
        line.trim_end_matches('\n').to_owned()
    }

    pub(crate) async fn hears(&mut self) -> Value {
        let line = self.line().await;
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    pub(crate) async fn ask(&mut self, line: &str) -> Value {
        self.say(line).await;
        self.hears().await
    }

    /// `initialize` and `initialized`.
    pub(crate) async fn initialize(&mut self) -> Value {
        let answer = self.ask(INITIALIZE).await;
        self.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        answer
    }

    /// The client goes; what it still hears, and how the link ended.
    pub(crate) async fn leave(&mut self) -> (String, Ended) {
        drop(
            self.write
                .take()
                .map(|mut write| async move { write.shutdown().await }.boxed())
                .expect("once")
                .await,
        );
        let mut rest = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut self.read, &mut rest).await.expect("text");
        (rest, self.link.take().expect("once").await.expect("no panic"))
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.server.seen.lock().expect("no panic").clone()
    }

    pub(crate) fn what(&self) -> Vec<String> {
        self.seen().iter().map(Seen::what).collect()
    }

    /// Until the server has seen what is wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&[Seen]) -> bool) {
        let wait = async {
            loop {
                let arrived = self.server.arrived.notified();
                tokio::pin!(arrived);
                arrived.as_mut().enable();
                if wanted(&self.seen()) {
                    return;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(300), wait)
            .await
            .unwrap_or_else(|_| panic!("the server saw {:?}", self.what()));
    }
}

pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"test","version":"1"}}}"#;

/// A server with sessions, as far as it needs no thought; `None` for the rest.
pub(crate) fn sessions(seen: &Seen) -> Option<Answer> {
    match seen.what().as_str() {
        "initialize" => {
            let result = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"logging":{}},"serverInfo":{"name":"s","version":"1"},"instructions":"hi"}"#;
            Some(with(seen.result(result), "mcp-session-id", &format!("session-{}", seen.n)))
        }
        "notifications/initialized" | "notifications/cancelled" => Some(empty(202)),
        "GET" => Some(empty(405)),
        "DELETE" => Some(empty(204)),
        _ => None,
    }
}
