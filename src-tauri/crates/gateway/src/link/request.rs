//! A request of the client, as it was read.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::frame::{Frame, Id, Text};
use crate::learnt::Era;
use crate::limits::Permit;

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) id: Id,
    pub(super) id_json: String,
    pub(super) method: String,
    pub(super) bytes: Bytes,
    /// How the client speaks, by what the request itself says.
    pub(super) era: Era,
    /// `_meta.progressToken`, as JSON.
    pub(super) progress: Option<String>,
    /// `requestState` (MCP 2026-07-28, Multi Round-Trip Requests).
    pub(super) state: Option<String>,
    _permit: Option<Arc<Permit>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Params<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    uri: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) arguments: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "requestState")]
    state: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "inputResponses")]
    pub(super) responses: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "_meta")]
    pub(super) meta: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Meta<'a> {
    #[serde(borrow, default, rename = "progressToken")]
    progress: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/protocolVersion")]
    pub(super) version: Option<Text<'a>>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/clientInfo")]
    pub(super) client: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/clientCapabilities")]
    pub(super) capabilities: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/logLevel")]
    pub(super) log_level: Option<Text<'a>>,
}

impl<'a> Params<'a> {
    pub(super) fn read(raw: Option<&'a RawValue>) -> Self {
        raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    pub(super) fn meta(&self) -> Meta<'a> {
        self.meta.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// What `Mcp-Name` says (MCP 2026-07-28, Standard Request Headers).
    pub(super) fn name(&self, method: &str) -> Option<String> {
        let raw = match method {
            "tools/call" | "prompts/get" => self.name,
            "resources/read" => self.uri,
            _ => None,
        };
        text(raw?)
    }
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

impl Request {
    pub(super) fn new(id: Id, frame: &Frame<'_>, bytes: Bytes, permit: Option<Arc<Permit>>) -> Self {
        let method = frame.method().unwrap_or_default().to_owned();
        let mut request = Self {
            id_json: id.to_json(),
            id,
            era: if method == "server/discover" { Era::Stateless } else { Era::Sessions },
            method,
            bytes,
            progress: None,
            state: None,
            _permit: permit,
        };
        // Most requests of the older form have neither, and their parameters are not looked at.
        let has = |word: &[u8]| {
            frame.params.is_some_and(|raw| memchr::memmem::find(raw.get().as_bytes(), word).is_some())
        };
        if has(b"\"_meta\"") || has(b"\\u") {
            let params = Params::read(frame.params);
            let meta = params.meta();
            request.progress = meta.progress.map(|raw| raw.get().to_owned());
            request.state = params.state.and_then(text);
            if meta.version.is_some() {
                request.era = Era::Stateless;
            }
        }
        request
    }

    /// The message's frame again; it was one when it was read.
    pub(super) fn frame(&self) -> Option<Frame<'_>> {
        Frame::read(&self.bytes)
    }
}

/// The request that `notifications/cancelled` names.
pub(super) fn cancelled(params: &RawValue) -> Option<Id> {
    #[derive(Deserialize)]
    struct Cancelled<'a> {
        #[serde(borrow, rename = "requestId")]
        id: &'a RawValue,
    }
    let cancelled: Cancelled<'_> = serde_json::from_str(params.get()).ok()?;
    Id::read(cancelled.id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn request(text: &'static str) -> Request {
        let frame = Frame::read(text.as_bytes()).unwrap();
        Request::new(Id::read(frame.id.unwrap()).unwrap(), &frame, Bytes::from_static(text.as_bytes()), None)
    }

    #[test]
    fn the_form_is_in_the_request() {
        for (text, era) in [
            (r#"{"id":1,"method":"tools/list"}"#, Era::Sessions),
            (r#"{"id":1,"method":"server/discover"}"#, Era::Stateless),
            (
                r#"{"id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
                Era::Stateless,
            ),
            (
                r#"{"id":1,"method":"tools/call","params":{"arguments":{"_meta":{"io.modelcontextprotocol/protocolVersion":"x"}}}}"#,
                Era::Sessions,
            ),
            (r#"{"id":1,"method":"tools/list","params":[1,"_meta"]}"#, Era::Sessions),
        ] {
            assert_eq!(request(text).era, era, "{text}");
        }
        let with =
            request(r#"{"id":1,"method":"a","params":{"_meta":{"progressToken":7},"requestState":"s"}}"#);
        assert_eq!((with.progress.as_deref(), with.state.as_deref()), (Some("7"), Some("s")));
    }
}
