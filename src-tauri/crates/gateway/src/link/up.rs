//! A client without sessions at a server with: a session of ours, and results with what the newer form has.
//!
//! Invariant: the server hears of a client that can do what this client can do, and is answered whatever it asks.

use bytes::Bytes;
use futures_util::future::AbortHandle;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::AsyncWrite;

use super::asking::Filter;
use super::flight::Reply;
use super::request::{Params, Request};
use super::session::Mode;
use super::stateless::{NEWEST_SESSION, STATELESS};
use super::stream::Origin;
use super::streamable::{error_answer, result_answer};
use super::{Link, Stop};
use crate::fault::Fault;
use crate::frame::{Frame, Id};
use crate::splice;
use crate::upstream::{Patience, Waiting};

/// Clients that ask for the newer form first and then use the older one, with all that it has: they are told to, since a
/// translation can only offer less. By the name that they give themselves, seen in Claude Code 2.1.
const SPEAK_BOTH: [&str; 1] = ["claude-code"];

/// How long a flight waits for the client to come back with what the server asked. Persons fill in forms.
const BACK: Duration = Duration::from_secs(15 * 60);

const SUBSCRIPTION_KEY: &str = "io.modelcontextprotocol/subscriptionId";

/// The answer that makes a client of both forms use the older one (stdio, Backward Compatibility).
pub(super) fn fall_back(request: &Request) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Client {
        name: String,
    }
    if request.method != "server/discover" {
        return None;
    }
    let frame = request.frame()?;
    let client: Client = serde_json::from_str(Params::read(frame.params).meta().client?.get()).ok()?;
    let error = r#"{"code":-32601,"message":"MCP Login: this server speaks MCP with sessions: initialize"}"#;
    SPEAK_BOTH.contains(&client.name.as_str()).then(|| error_answer(&request.id_json, error))
}

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    /// Sees to it that there is a session for this client.
    pub(super) async fn open_up(&self, request: &Request, waiting: &Waiting) -> Result<(), Stop> {
        if let Some(epoch) = self.session.is_shut() {
            return self.renew(epoch, waiting).await;
        }
        let _turn = self.session.turn.lock().await;
        if matches!(self.session.mode(), Mode::Up | Mode::Native) {
            return Ok(());
        }
        let frame = request.frame().ok_or(Fault::NoMessage)?;
        let meta = Params::read(frame.params).meta();
        let mut params = json!({"protocolVersion": NEWEST_SESSION}).to_string();
        params = splice::add(params, "capabilities", meta.capabilities.map_or("{}", RawValue::get));
        let unknown = r#"{"name":"unknown","version":"0"}"#;
        params = splice::add(params, "clientInfo", meta.client.map_or(unknown, RawValue::get));
        self.session.begin(Mode::Up, Some(params));
        self.session.state().initialized = true;
        let opened = self.open_again(waiting).await;
        if opened.is_err() {
            self.session.begin(Mode::None, None);
        }
        opened
    }

    /// A request of a client without sessions to a server with.
    pub(super) async fn up(
        &self,
        request: &Request,
        waiting: &Waiting,
        abort: AbortHandle,
    ) -> Result<Reply, Stop> {
        match request.method.as_str() {
            "server/discover" => Ok(Reply::Answer(result_answer(&request.id_json, &self.discovered()))),
            "tools/list"
            | "resources/list"
            | "resources/read"
            | "resources/templates/list"
            | "prompts/list" => self.converse(request, waiting, abort, Cached::Can).await,
            "tools/call" | "prompts/get" | "completion/complete" => {
                self.converse(request, waiting, abort, Cached::No).await
            }
            "subscriptions/listen" => self.listen_for(request, waiting).await,
            _ => Err(Fault::NotTranslated {
                method: request.method.clone(),
                speaks: "MCP 2025-11-25 or before, with sessions",
            }
            .into()),
        }
    }

    /// The result of `server/discover`, out of the one of `initialize`.
    fn discovered(&self) -> String {
        let result = self.session.state().result.clone().unwrap_or_default();
        let result: Value = serde_json::from_str(&result).unwrap_or_default();
        let mut found = json!({
            "resultType": "complete",
            "supportedVersions": [STATELESS],
            "capabilities": result.get("capabilities").cloned().unwrap_or_else(|| json!({})),
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": {"io.modelcontextprotocol/serverInfo": result.get("serverInfo").cloned().unwrap_or_default()},
        });
        if let Some(instructions) = result.get("instructions") {
            found["instructions"] = instructions.clone();
        }
        found.to_string()
    }

    /// One request, in which the server may ask back: then the client gets an answer that asks, comes back, and the same
    /// exchange goes on.
    async fn converse(
        &self,
        request: &Request,
        waiting: &Waiting,
        abort: AbortHandle,
        cached: Cached,
    ) -> Result<Reply, Stop> {
        self.set_log_level(request, waiting).await;
        let (_taker, mut asked) = self.asking.take(request.id.clone());
        let bytes = older(&request.bytes).unwrap_or_else(|| request.bytes.clone());
        let exchange = Box::pin(self.in_session(&request.id, &request.method, bytes, waiting));
        let mut exchange = std::pin::pin!(self.gather(&request.id, exchange));
        let mut later: Option<Request> = None;
        loop {
            let question = tokio::select! {
                answer = &mut exchange => return finish(later, answer, cached),
                Some(question) = asked.recv() => question,
            };
            let Some((server_id, wanted)) = question_of(&question) else { continue };
            let state = format!("mcp-login:{}", self.own_id().to_json().trim_matches('"'));
            let result = json!({
                "resultType": "input_required",
                "inputRequests": {"asked": wanted},
                "requestState": state,
            });
            let (_parked, back) = self.asking.park(state);
            let current = later.as_ref().unwrap_or(request);
            let mut early = None;
            // The first id stays taken as long as the server knows it.
            if current.id == request.id || self.table.forget(&current.id) {
                let line = self.outlet.line(result_answer(&current.id_json, &result.to_string()));
                alongside(line, exchange.as_mut(), &mut early).await?;
            }
            let mut back = std::pin::pin!(tokio::time::timeout(BACK, back));
            let next = loop {
                tokio::select! {
                    next = &mut back => break next,
                    answer = &mut exchange, if early.is_none() => early = Some(answer),
                }
            };
            let Ok(Ok(next)) = next else {
                // Nobody came back, and nobody waits for an answer.
                let error = r#"{"code":-32603,"message":"the client gave no answer"}"#;
                self.say(error_answer(&server_id, error).into(), Patience::None).await;
                return Ok(Reply::HandedOver);
            };
            self.table.set_abort(&next.id, abort.clone(), false);
            let response = response_in(&next);
            later = Some(next);
            if let Some(answer) = early {
                return finish(later, answer, cached);
            }
            let answer = match response {
                Some(response) => result_answer(&server_id, &response),
                None => error_answer(&server_id, r#"{"code":-32603,"message":"the client gave no answer"}"#),
            };
            alongside(self.say(answer.into(), Patience::ForAPerson), exchange.as_mut(), &mut early).await;
            if let Some(answer) = early {
                return finish(later, answer, cached);
            }
        }
    }

    /// `_meta` says with each request what `logging/setLevel` says once.
    async fn set_log_level(&self, request: &Request, waiting: &Waiting) {
        let Some(frame) = request.frame() else { return };
        let meta = Params::read(frame.params).meta();
        let Some(level) = meta.log_level.map(|level| level.0.into_owned()) else { return };
        {
            let mut state = self.session.state();
            let logs = state.result.as_deref().is_some_and(|result| {
                let result: Value = serde_json::from_str(result).unwrap_or_default();
                result.pointer("/capabilities/logging").is_some()
            });
            if !logs || state.log_level.as_deref() == Some(&level) {
                return;
            }
            state.log_level = Some(level.clone());
        }
        self.ask_server("logging/setLevel", &json!({"level": level}), waiting).await;
    }

    /// A request of our own, whose answer does not matter.
    async fn ask_server(&self, method: &str, params: &Value, waiting: &Waiting) {
        let id = self.own_id();
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{},"method":{},"params":{params}}}"#,
            id.to_json(),
            Value::from(method)
        );
        let _ = self.gather(&id, Box::pin(self.in_session(&id, method, text.into(), waiting))).await;
        self.table.forget(&id);
    }

    /// `subscriptions/listen`, out of what the server says by itself.
    async fn listen_for(&self, request: &Request, waiting: &Waiting) -> Result<Reply, Stop> {
        #[derive(Deserialize)]
        struct Listen {
            #[serde(default)]
            notifications: Filter,
        }
        let frame = request.frame().ok_or(Fault::NoMessage)?;
        let listen = frame.params.and_then(|raw| serde_json::from_str::<Listen>(raw.get()).ok());
        let filter = listen.map(|listen| listen.notifications).unwrap_or_default();
        for uri in &filter.resource_subscriptions {
            self.ask_server("resources/subscribe", &json!({"uri": uri}), waiting).await;
        }
        let params = json!({"notifications": filter}).to_string();
        let meta = format!(r#"{{"{SUBSCRIPTION_KEY}":{}}}"#, request.id_json);
        let params = splice::add(params, "_meta", &meta);
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{params}}}"#
        );
        self.outlet.line(text.into_bytes()).await?;
        let _subscription = self.asking.subscribe(request.id_json.clone(), filter);
        // Until the client cancels it.
        std::future::pending::<()>().await;
        Ok(Reply::HandedOver)
    }

    /// Whether a request of the server is answered here; then it has been.
    pub(super) async fn is_ours_to_answer(
        &self,
        asked: &Id,
        frame: &Frame<'_>,
        text: &[u8],
        origin: Origin<'_>,
    ) -> bool {
        if self.session.mode() != Mode::Up {
            return false;
        }
        let of = match origin {
            Origin::Request(id) => Some(id),
            Origin::Server => None,
        };
        let answer = match frame.method().unwrap_or_default() {
            "ping" => result_answer(&asked.to_json(), "{}"),
            "elicitation/create" | "sampling/createMessage" | "roots/list" if self.asking.give(of, text) => {
                return true;
            }
            method => {
                let message = format!("{method:?} cannot be put to this client, which speaks MCP 2026-07-28");
                error_answer(&asked.to_json(), &json!({"code": -32601, "message": message}).to_string())
            }
        };
        self.say(Bytes::from(answer), Patience::None).await;
        true
    }

    /// What a notification becomes; `None`: it passes as it is.
    pub(super) fn notification(&self, frame: &Frame<'_>, text: &[u8]) -> Option<Vec<Vec<u8>>> {
        #[derive(Default, Deserialize)]
        struct Resource {
            #[serde(default)]
            uri: Option<String>,
        }
        let method = frame.method()?;
        match self.session.mode() {
            Mode::Down if method == "notifications/subscriptions/acknowledged" => Some(Vec::new()),
            Mode::Up => {
                let resource: Resource =
                    frame.params.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
                let subscribers = self.asking.subscribers(method, resource.uri.as_deref())?;
                let text = std::str::from_utf8(text).ok()?;
                let params = frame.params.map_or("{}", RawValue::get);
                let meta = Params::read(frame.params).meta.map_or("{}", RawValue::get);
                let with = |id: String| {
                    let meta = splice::set(meta, SUBSCRIPTION_KEY, &id)?;
                    let params = splice::set(params, "_meta", &meta)?;
                    splice::set(text, "params", &params).map(String::into_bytes)
                };
                Some(subscribers.into_iter().filter_map(with).collect())
            }
            _ => None,
        }
    }
}

/// Does one thing while the exchange goes on. It must: what it waits for may be what the other waits for, too.
async fn alongside<T>(
    deed: impl Future<Output = T>,
    mut exchange: std::pin::Pin<&mut impl Future<Output = Result<Vec<u8>, Stop>>>,
    early: &mut Option<Result<Vec<u8>, Stop>>,
) -> T {
    let mut deed = std::pin::pin!(deed);
    loop {
        tokio::select! {
            done = &mut deed => return done,
            answer = exchange.as_mut(), if early.is_none() => *early = Some(answer),
        }
    }
}

/// Whether a result says for how long it holds (Caching).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cached {
    Can,
    No,
}

/// The server's answer, for whichever request of the client is the last.
fn finish(later: Option<Request>, answer: Result<Vec<u8>, Stop>, cached: Cached) -> Result<Reply, Stop> {
    let outcome = answer.map(|answer| modern(answer, cached));
    let Some(later) = later else { return outcome.map(Reply::Answer) };
    let id = &later.id_json;
    let answer = match outcome {
        Ok(answer) => String::from_utf8(answer)
            .ok()
            .and_then(|text| splice::set(&text, "id", id))
            .map_or_else(|| Fault::NoMessage.answer(id), String::into_bytes),
        Err(Stop::Fault(fault)) => fault.answer(id),
        Err(Stop::Refused(refusal)) => refusal.answer(id),
        Err(Stop::Gone) => return Err(Stop::Gone),
    };
    Ok(Reply::Instead(Box::new(later), answer))
}

/// A request without what only the newer form has in `_meta`: there are servers with sessions that hold it against their headers.
fn older(bytes: &[u8]) -> Option<Bytes> {
    let frame = Frame::read(bytes)?;
    let params = frame.params?.get();
    let meta = Params::read(frame.params).meta?.get();
    let mut members: BTreeMap<String, &RawValue> = serde_json::from_str(meta).ok()?;
    members.retain(|key, _| !key.starts_with("io.modelcontextprotocol/"));
    let params = splice::set(params, "_meta", &serde_json::to_string(&members).ok()?)?;
    splice::set(std::str::from_utf8(bytes).ok()?, "params", &params).map(Bytes::from)
}

/// A result with the members that the newer form asks for.
fn modern(answer: Vec<u8>, cached: Cached) -> Vec<u8> {
    let changed = (|| {
        let text = std::str::from_utf8(&answer).ok()?;
        let mut result = Frame::read(&answer)?.result?.get().to_owned();
        if cached == Cached::Can {
            result = splice::add(result, "cacheScope", "\"private\"");
            result = splice::add(result, "ttlMs", "0");
        }
        splice::set(text, "result", &splice::add(result, "resultType", "\"complete\""))
    })();
    changed.map_or(answer, String::into_bytes)
}

/// The server's id as JSON, and its request as one that is part of an answer.
fn question_of(message: &[u8]) -> Option<(String, Value)> {
    let frame = Frame::read(message)?;
    let params: Value =
        frame.params.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_else(|| json!({}));
    Some((frame.id?.get().to_owned(), json!({"method": frame.method()?, "params": params})))
}

/// What the client brought back.
fn response_in(request: &Request) -> Option<String> {
    #[derive(Deserialize)]
    struct Responses<'a> {
        #[serde(borrow)]
        asked: &'a RawValue,
    }
    let frame = request.frame()?;
    let responses = Params::read(frame.params).responses?;
    serde_json::from_str::<Responses<'_>>(responses.get()).ok().map(|one| one.asked.get().to_owned())
}
