//! What is read of a JSON-RPC message: its frame, borrowed from its bytes.
//!
//! Invariant: what is not asked for is not parsed, and nothing here recurses, so that depth costs nothing. A message that
//! says a thing twice is no message: two readers could understand it differently.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A string, borrowed where it has no escapes.
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// One message's members, by name.
#[derive(Debug, Deserialize)]
pub(crate) struct Frame<'a> {
    /// Absent in notifications, and `null` where an error answers nothing that could be read.
    #[serde(borrow, default)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
}

/// An id as a key: numbers and strings are different ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    Number(serde_json::Number),
    Text(String),
}

/// What kind of message it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request(Id),
    Notification,
    /// An answer; without an id it answers what the other side could not read.
    Answer(Option<Id>),
}

impl Id {
    pub(crate) fn read(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        if text.starts_with('"') {
            serde_json::from_str(text).ok().map(Id::Text)
        } else {
            serde_json::from_str(text).ok().map(Id::Number)
        }
    }

    /// As JSON.
    pub(crate) fn to_json(&self) -> String {
        match self {
            Id::Number(number) => number.to_string(),
            Id::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
        }
    }
}

impl<'a> Frame<'a> {
    pub(crate) fn read(message: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(message).ok()
    }

    pub(crate) fn method(&self) -> Option<&str> {
        self.method.as_ref().map(|method| method.0.as_ref())
    }

    /// `None`: no JSON-RPC message.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match (self.method.is_some(), self.id) {
            (true, None) => Some(Kind::Notification),
            (true, Some(id)) => Id::read(id).map(Kind::Request),
            (false, _) if self.result.is_none() && self.error.is_none() => None,
            (false, None) => Some(Kind::Answer(None)),
            (false, Some(id)) => Id::read(id).map(|id| Kind::Answer(Some(id))),
        }
    }
}

/// The messages of a batch (JSON-RPC 2.0 §6, MCP 2025-03-26), or the one message that it is.
pub(crate) fn messages(text: &[u8]) -> Option<Vec<&[u8]>> {
    let text = text.trim_ascii();
    if text.first() != Some(&b'[') {
        return Some(vec![text]);
    }
    let all: Vec<&RawValue> = serde_json::from_slice(text).ok()?;
    Some(all.into_iter().map(|raw| raw.get().as_bytes()).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Option<Kind> {
        Frame::read(text.as_bytes())?.kind()
    }

    #[test]
    fn kinds() {
        let number = |n: i64| Id::Number(n.into());
        assert_eq!(kind(r#"{"id":1,"method":"a"}"#), Some(Kind::Request(number(1))));
        assert_eq!(kind(r#"{"id":"1","method":"a"}"#), Some(Kind::Request(Id::Text("1".into()))));
        assert_eq!(kind(r#"{"method":"a"}"#), Some(Kind::Notification));
        assert_eq!(kind(r#"{"result":{},"id":-7}"#), Some(Kind::Answer(Some(number(-7)))));
        assert_eq!(kind(r#"{"error":{},"id":null}"#), Some(Kind::Answer(None)));
        for none in
            [r#"{"id":1}"#, "[]", "1", "{", r#"{"id":{},"method":"a"}"#, r#"{"method":"a","method":"b"}"#]
        {
            assert_eq!(kind(none), None, "{none}");
        }
    }

    #[test]
    fn depth_costs_nothing() {
        let deep =
            format!(r#"{{"id":1,"method":"a","params":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
        assert!(matches!(kind(&deep), Some(Kind::Request(_))));
    }

    #[test]
    fn batches_are_taken_apart() {
        assert_eq!(messages(b" {\"a\":1} ").unwrap(), [b"{\"a\":1}"]);
        assert_eq!(messages(b"[{\"a\":1}, 2]").unwrap(), [&b"{\"a\":1}"[..], b"2"]);
        assert!(messages(b"[{]").is_none());
    }
}
