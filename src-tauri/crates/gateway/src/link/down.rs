//! A client with sessions at a server without: each request gets its `_meta`, and what the server wants to know is asked.
//!
//! Invariant: what has no counterpart is answered with an error that says so, never with silence.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use tokio::io::AsyncWrite;

use super::asking::Filter;
use super::flight::Reply;
use super::request::{Params, Request};
use super::stateless::{NEWEST_SESSION, STATELESS, supported};
use super::streamable::{error_answer, result_answer};
use super::{Gone, Landed, Link, Stop};
use crate::fault::Fault;
use crate::frame::Frame;
use crate::splice;
use crate::upstream::Waiting;

/// Rounds of questions in one request. A server that still asks has a mistake.
const MOST_ROUNDS: usize = 16;
/// Revisions with sessions; what a client asks for is what it gets.
const SESSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", NEWEST_SESSION];

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const CLIENT_KEY: &str = "io.modelcontextprotocol/clientInfo";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL_KEY: &str = "io.modelcontextprotocol/logLevel";
const SERVER_KEY: &str = "io.modelcontextprotocol/serverInfo";

#[derive(Deserialize)]
struct Discovered<'a> {
    #[serde(borrow)]
    capabilities: &'a RawValue,
    #[serde(borrow, default)]
    instructions: Option<&'a RawValue>,
    #[serde(default, rename = "_meta")]
    meta: Map<String, Value>,
}

/// A result that asks for more (Multi Round-Trip Requests).
#[derive(Deserialize)]
struct Wanted<'a> {
    #[serde(borrow, default, rename = "inputRequests")]
    requests: BTreeMap<String, Asked<'a>>,
    #[serde(borrow, default, rename = "requestState")]
    state: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Asked<'a> {
    method: String,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    /// What `initialize` asks, asked with `server/discover`; the result for `initialize`. Begins the mode.
    pub(super) async fn discover(&self, params: &str, waiting: &Waiting) -> Result<String, Stop> {
        let asked: Value = serde_json::from_str(params).unwrap_or_default();
        let mut version = STATELESS.to_owned();
        let (meta, answer) = loop {
            let meta = json!({
                VERSION_KEY: version,
                CLIENT_KEY: asked.get("clientInfo").cloned().unwrap_or_else(|| json!({"name": "unknown", "version": "0"})),
                CAPABILITIES_KEY: asked.get("capabilities").cloned().unwrap_or_else(|| json!({})),
            })
            .to_string();
            let id = self.own_id();
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":{},"method":"server/discover","params":{{"_meta":{meta}}}}}"#,
                id.to_json()
            );
            let answer = self.gather(&id, Box::pin(self.over_stateless(&id, text.into(), waiting))).await;
            self.table.forget(&id);
            match answer {
                Err(Stop::Refused(refusal)) => {
                    // A later revision is tried once: what is translated has the same form there, or the server says so.
                    let other = supported(&refusal)
                        .and_then(|all| all.into_iter().filter(|v| v.as_str() > NEWEST_SESSION).max());
                    match other {
                        Some(other) if version == STATELESS && other != version => version = other,
                        _ => return Err(Stop::Refused(refusal)),
                    }
                }
                answer => break (meta, answer?),
            }
        };
        let result = Frame::read(&answer).and_then(|frame| frame.result).ok_or(Fault::NoMessage)?;
        let found: Discovered<'_> = serde_json::from_str(result.get()).map_err(|_| Fault::NoMessage)?;
        let wanted = asked.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
        let version = SESSIONS.iter().find(|version| **version == wanted).unwrap_or(&NEWEST_SESSION);
        let name = self.upstream.server().host().to_owned();
        let info =
            found.meta.get(SERVER_KEY).cloned().unwrap_or_else(|| json!({"name": name, "version": "0"}));
        let mut text = json!({"protocolVersion": version, "serverInfo": info}).to_string();
        text = splice::add(text, "capabilities", found.capabilities.get());
        if let Some(instructions) = found.instructions {
            text = splice::add(text, "instructions", instructions.get());
        }
        let mut state = self.session.state();
        (state.meta, state.result) = (Some(meta), Some(text.clone()));
        Ok(text)
    }

    /// A request of a client with sessions to a server without.
    pub(super) async fn down(&self, request: &Request, waiting: &Waiting) -> Result<Reply, Stop> {
        let frame = request.frame().ok_or(Fault::NoMessage)?;
        let done = || Ok(Reply::Answer(result_answer(&request.id_json, "{}")));
        match request.method.as_str() {
            "ping" => done(),
            "logging/setLevel" => {
                #[derive(Deserialize)]
                struct Level {
                    level: String,
                }
                let level = frame.params.and_then(|raw| serde_json::from_str::<Level>(raw.get()).ok());
                self.session.state().log_level = level.map(|level| level.level);
                done()
            }
            "resources/subscribe" | "resources/unsubscribe" => {
                #[derive(Deserialize)]
                struct Resource {
                    uri: String,
                }
                let resource = frame.params.and_then(|raw| serde_json::from_str::<Resource>(raw.get()).ok());
                let resource = resource.ok_or_else(|| self.not_translated(request))?;
                self.session.watch_resource(resource.uri, request.method == "resources/subscribe");
                done()
            }
            "tools/list"
            | "tools/call"
            | "resources/list"
            | "resources/read"
            | "resources/templates/list"
            | "prompts/list"
            | "prompts/get"
            | "completion/complete" => {
                self.in_rounds(request, frame.params.map_or("{}", RawValue::get).to_owned(), waiting).await
            }
            _ => Err(self.not_translated(request).into()),
        }
    }

    fn not_translated(&self, request: &Request) -> Fault {
        Fault::NotTranslated { method: request.method.clone(), speaks: "MCP 2026-07-28, without sessions" }
    }

    /// A request, and again with what the server wanted to know.
    async fn in_rounds(&self, request: &Request, params: String, waiting: &Waiting) -> Result<Reply, Stop> {
        let mut params = self.with_meta(params);
        let mut id = request.id.clone();
        for _ in 0..MOST_ROUNDS {
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":{},"method":{},"params":{params}}}"#,
                id.to_json(),
                Value::from(request.method.as_str())
            );
            let answer =
                self.gather(&id, Box::pin(self.over_stateless(&id, Bytes::from(text), waiting))).await;
            if id != request.id {
                self.table.forget(&id);
            }
            let mut answer = answer?;
            if request.method == "tools/list" {
                answer = self.learn_tools(answer);
            }
            let frame = Frame::read(&answer).ok_or(Fault::NoMessage)?;
            let Some(result) = frame.result else {
                let error = frame.error.map_or("{}", RawValue::get);
                return Ok(Reply::Answer(error_answer(&request.id_json, error)));
            };
            let Some(wanted) = wanted(result) else {
                return Ok(Reply::Answer(result_answer(&request.id_json, result.get())));
            };
            let responses = match self.put(&wanted).await? {
                Ok(responses) => responses,
                Err(error) => return Ok(Reply::Answer(error_answer(&request.id_json, &error))),
            };
            params = splice::set(&params, "inputResponses", &responses).ok_or(Fault::NoMessage)?;
            if let Some(state) = wanted.state {
                params = splice::set(&params, "requestState", state.get()).ok_or(Fault::NoMessage)?;
            }
            // Each try is a request of its own.
            id = self.own_id();
        }
        Err(Fault::NoMessage.into())
    }

    /// The parameters with what a server without sessions has to be told each time.
    fn with_meta(&self, params: String) -> String {
        let state = self.session.state();
        let ours: HashMap<String, Value> =
            state.meta.as_deref().and_then(|meta| serde_json::from_str(meta).ok()).unwrap_or_default();
        let level = state.log_level.clone();
        drop(state);
        let raw: Option<&RawValue> = serde_json::from_str(&params).ok();
        let mut meta = Params::read(raw).meta.map_or("{}", RawValue::get).to_owned();
        for (key, value) in ours {
            meta = splice::set(&meta, &key, &value.to_string()).unwrap_or(meta);
        }
        if let Some(level) = level {
            meta = splice::set(&meta, LOG_LEVEL_KEY, &Value::from(level).to_string()).unwrap_or(meta);
        }
        splice::set(&params, "_meta", &meta).unwrap_or(params)
    }

    /// Puts the server's questions to the client, all at once. The inner error is the client's.
    async fn put(&self, wanted: &Wanted<'_>) -> Result<Result<String, String>, Gone> {
        let mut asked = Vec::new();
        for (key, one) in &wanted.requests {
            let id = self.own_id();
            let (entry, answer) = self.asking.ask(id.clone());
            let params = one.params.map_or("{}", RawValue::get);
            let method = Value::from(one.method.as_str());
            let text =
                format!(r#"{{"jsonrpc":"2.0","id":{},"method":{method},"params":{params}}}"#, id.to_json());
            self.outlet.line(text.into_bytes()).await?;
            asked.push((key, entry, answer));
        }
        let mut responses = String::from("{}");
        for (key, _entry, answer) in asked {
            let answer = answer.await.map_err(|_| Gone)?;
            let Some(frame) = Frame::read(&answer) else { continue };
            match (frame.result, frame.error) {
                (Some(result), _) => responses = splice::add(responses, key, result.get()),
                (None, Some(error)) => return Ok(Err(error.get().to_owned())),
                (None, None) => {}
            }
        }
        Ok(Ok(responses))
    }

    /// Hears of changes for a client that expects to (Subscriptions), until the session is another one.
    pub(super) async fn subscribe(&self) -> Result<Landed, Gone> {
        let mut epochs = self.session.epochs();
        let epoch = self.session.epoch();
        let ended = async {
            let _ = epochs.wait_for(|now| *now != epoch).await;
        };
        tokio::select! {
            outcome = self.subscribed() => outcome,
            () = ended => Ok(Landed::Stream),
        }
    }

    async fn subscribed(&self) -> Result<Landed, Gone> {
        let mut resources = self.session.resources();
        loop {
            let filter = self.filter(resources.borrow_and_update().iter().cloned().collect());
            let none = filter == json!({});
            let id = self.own_id();
            let params = self.with_meta(json!({"notifications": filter}).to_string());
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":{},"method":"subscriptions/listen","params":{params}}}"#,
                id.to_json()
            );
            let waiting = Waiting::default();
            let listening = async {
                if none {
                    std::future::pending::<()>().await;
                }
                let answered = self.session.answered.notified();
                match self.gather(&id, Box::pin(self.over_stateless(&id, text.into(), &waiting))).await {
                    Err(Stop::Gone) => return Err(Gone),
                    // It is not offered, or wants another token than requests do.
                    Err(Stop::Refused(_) | Stop::Fault(Fault::Refused | Fault::Scope)) => {
                        std::future::pending::<()>().await;
                    }
                    // There is no token: until a request of the client was answered.
                    Err(Stop::Fault(Fault::Denied(_))) => answered.await,
                    _ => tokio::time::sleep(std::time::Duration::from_secs(5)).await,
                }
                Ok(())
            };
            let outcome = tokio::select! {
                outcome = listening => outcome,
                _ = resources.changed() => Ok(()),
            };
            self.table.forget(&id);
            outcome?;
        }
    }

    /// What can be heard of: what the server says that it tells.
    fn filter(&self, resources: Vec<String>) -> Value {
        let result = self.session.state().result.clone().unwrap_or_default();
        let result: Value = serde_json::from_str(&result).unwrap_or_default();
        let tells =
            |what: &str| result.pointer(&format!("/capabilities/{what}/listChanged")) == Some(&true.into());
        let filter = Filter {
            tools_list_changed: tells("tools"),
            prompts_list_changed: tells("prompts"),
            resources_list_changed: tells("resources"),
            resource_subscriptions: resources,
        };
        serde_json::to_value(filter).unwrap_or_default()
    }
}

fn wanted(result: &RawValue) -> Option<Wanted<'_>> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(default, rename = "resultType")]
        kind: String,
    }
    // The word is looked for first: results can be large.
    memchr::memmem::find(result.get().as_bytes(), b"input_required")?;
    let kind: Kind = serde_json::from_str(result.get()).ok()?;
    (kind.kind == "input_required").then(|| serde_json::from_str(result.get()).ok()).flatten()
}
