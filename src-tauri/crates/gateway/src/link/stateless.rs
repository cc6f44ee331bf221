//! MCP 2026-07-28: each request for itself, with headers that say what its body says (Streamable HTTP, Request Metadata).
//!
//! Invariant: the headers are made from the very bytes that are sent.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::AsyncWrite;

use super::flight::Reply;
use super::refusal::{Refusal, RpcError};
use super::request::{Params, Request};
use super::stream::{Origin, Reading};
use super::streamable::{VERSION, is_events, is_safe};
use super::{Link, Stop};
use crate::fault::{Executed, Fault};
use crate::frame::{Frame, Id};
use crate::http::{BodyStream, HttpFailure};
use crate::learnt::Era;
use crate::splice;
use crate::tools;
use crate::upstream::{Ask, Patience, Waiting};

/// The revision that we translate to and from.
pub(super) const STATELESS: &str = "2026-07-28";
/// The newest revision with sessions.
pub(super) const NEWEST_SESSION: &str = "2025-11-25";
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

const HEADER_MISMATCH: i64 = -32_020;
const UNSUPPORTED_VERSION: i64 = -32_022;
/// Pages of a list of tools that are read to learn headers.
const MOST_PAGES: usize = 50;

impl<W: AsyncWrite + Unpin + Send> Link<W> {
    /// A request of a client without sessions to a server without sessions.
    pub(super) async fn stateless(&self, request: &Request, waiting: &Waiting) -> Result<Reply, Stop> {
        let exchange = Box::pin(self.over_stateless(&request.id, request.bytes.clone(), waiting));
        match request.method.as_str() {
            "tools/list" => {
                let answer = self.gather(&request.id, exchange).await?;
                Ok(Reply::Answer(self.learn_tools(answer)))
            }
            "server/discover" => Ok(Reply::Answer(self.gather(&request.id, exchange).await?)),
            _ => exchange.await.map(|()| Reply::Passed),
        }
    }

    /// Sends a message of 2026-07-28 until its answer was passed on.
    pub(super) async fn over_stateless(&self, id: &Id, bytes: Bytes, waiting: &Waiting) -> Result<(), Stop> {
        self.table.went_out(id, Era::Stateless);
        let (mut again, mut listed) = (false, false);
        loop {
            let frame = Frame::read(&bytes).ok_or(Fault::NoMessage)?;
            let method = frame.method().unwrap_or_default();
            let ask = Ask {
                method: Method::POST,
                headers: self.stateless_headers(method, frame.params),
                body: bytes.clone(),
                at: None,
            };
            let response = match self.upstream.send(&ask, Patience::ForAPerson, waiting).await {
                Ok(response) => response,
                Err(Fault::Http(HttpFailure::Lost, _)) if is_safe(method) && !again => {
                    again = true;
                    continue;
                }
                Err(fault) => return Err(fault.into()),
            };
            if response.status().is_success() {
                match self.read_stateless(response, id).await {
                    Err(Stop::Fault(Fault::CutOff(_) | Fault::Http(HttpFailure::Lost, _)))
                        if is_safe(method) && !again && self.table.waits(id) =>
                    {
                        again = true;
                        continue;
                    }
                    outcome => return outcome,
                }
            }
            let refusal = self.refusal(response).await?;
            if method == "tools/call"
                && !listed
                && refusal.error().is_some_and(|error| error.code == HEADER_MISMATCH)
            {
                listed = true;
                let meta = Params::read(frame.params).meta.map(RawValue::get).unwrap_or("{}").to_owned();
                Box::pin(self.list_tools(&meta, waiting)).await?;
                continue;
            }
            return Err(Stop::Refused(refusal));
        }
    }

    async fn read_stateless(&self, response: Response<BodyStream>, id: &Id) -> Result<(), Stop> {
        let origin = Origin::Request(id);
        if !is_events(&response) {
            return self.read_json(response, origin).await;
        }
        self.read_events(&mut Reading::new(response), origin).await?;
        if self.table.waits(id) { Err(Fault::CutOff(Executed::Perhaps).into()) } else { Ok(()) }
    }

    /// The headers that mirror the body.
    fn stateless_headers(&self, method: &str, params: Option<&RawValue>) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        let params = Params::read(params);
        let meta = params.meta();
        let version = meta.version.as_ref().and_then(|version| HeaderValue::from_str(&version.0).ok());
        headers.insert(VERSION, version.unwrap_or(HeaderValue::from_static(STATELESS)));
        if let Ok(method) = HeaderValue::from_str(method) {
            headers.insert(METHOD, method);
        }
        let Some(name) = params.name(method) else { return headers };
        if let Some(value) = tools::encode(&name) {
            headers.insert(NAME, value);
        }
        if method == "tools/call"
            && let Some(mirrored) = self.upstream.learnt().mirrored(&name)
            && let Some(Ok(arguments)) = params.arguments.map(|raw| serde_json::from_str::<Value>(raw.get()))
        {
            tools::mirror(&mirrored, &arguments, &mut headers);
        }
        headers
    }

    /// Learns from an answer to `tools/list`, and takes the tools out that must not be used.
    pub(super) fn learn_tools(&self, answer: Vec<u8>) -> Vec<u8> {
        let changed = (|| {
            let text = std::str::from_utf8(&answer).ok()?;
            let result = tools::learn(self.upstream.learnt(), Frame::read(&answer)?.result?)?;
            splice::set(text, "result", &result)
        })();
        changed.map_or(answer, String::into_bytes)
    }

    /// Asks for the tools because a call was refused for its headers.
    async fn list_tools(&self, meta: &str, waiting: &Waiting) -> Result<(), Stop> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(rename = "nextCursor")]
            next: Option<String>,
        }
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let id = self.own_id();
            let mut params = format!(r#"{{"_meta":{}}}"#, without_progress(meta));
            if let Some(cursor) = &cursor {
                params = splice::set(&params, "cursor", &Value::from(cursor.as_str()).to_string())
                    .unwrap_or(params);
            }
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":{},"method":"tools/list","params":{params}}}"#,
                id.to_json()
            );
            let answer = self.gather(&id, Box::pin(self.over_stateless(&id, text.into(), waiting))).await;
            self.table.forget(&id);
            let answer = answer?;
            let result = Frame::read(&answer).and_then(|frame| frame.result);
            let Some(result) = result else { return Ok(()) };
            let _ = tools::learn(self.upstream.learnt(), result);
            cursor = serde_json::from_str::<Page>(result.get()).ok().and_then(|page| page.next);
            if cursor.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// `_meta` of another request, for a request of our own: a token for progress is that request's.
fn without_progress(meta: &str) -> String {
    let mut meta: serde_json::Map<String, Value> = serde_json::from_str(meta).unwrap_or_default();
    meta.retain(|key, _| key.starts_with("io.modelcontextprotocol/"));
    Value::from(meta).to_string()
}

/// Whether the server shows that it does not speak this revision, nor a later one (Backward Compatibility).
pub(super) fn is_legacy(request: &Request, outcome: &Result<Reply, Stop>) -> bool {
    match outcome {
        Err(Stop::Refused(refusal)) => match supported(refusal) {
            Some(versions) => !versions.iter().any(|version| version.as_str() > NEWEST_SESSION),
            None => matches!(refusal.status, 400 | 404 | 405 | 406 | 415 | 422) && !refusal.is_modern(),
        },
        // All servers of this revision have it. Some of the older ones that keep no sessions just do not know the method.
        Ok(Reply::Answer(answer)) if request.method == "server/discover" => {
            let error = Frame::read(answer).and_then(|frame| frame.error);
            let error = error.and_then(|error| serde_json::from_str::<RpcError<'_>>(error.get()).ok());
            error.is_some_and(|error| !(UNSUPPORTED_VERSION..=HEADER_MISMATCH).contains(&error.code))
        }
        _ => false,
    }
}

/// The versions that the server says it speaks.
pub(super) fn supported(refusal: &Refusal) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Supported {
        supported: Vec<String>,
    }
    let error = refusal.error().filter(|error| error.code == UNSUPPORTED_VERSION)?;
    serde_json::from_str::<Supported>(error.data?.get()).ok().map(|data| data.supported)
}
