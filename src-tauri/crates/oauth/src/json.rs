//! JSON from the network, read with tolerance and bounds.
//!
//! Invariant: nesting is bounded (by `serde_json`, at 128 levels), size was bounded by the one who read the body,
//! and a member of a wrong type is as good as absent: only its reader decides whether that is a fault.

use serde_json::{Map, Value};

use crate::error::Malformed;

/// A JSON object.
pub(crate) struct Object(Map<String, Value>);

impl Object {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Malformed> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Object(map)),
            Ok(_) => Err(Malformed::NotAnObject),
            Err(_) => Err(Malformed::NotJson),
        }
    }

    /// A text member; empty counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|s| !s.is_empty())
    }

    /// Takes a text member out, so that no copy of a secret stays behind.
    pub(crate) fn take_text(&mut self, name: &str) -> Option<String> {
        match self.0.remove(name) {
            Some(Value::String(s)) if !s.is_empty() => Some(s),
            _ => None,
        }
    }

    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    /// `true` only for the JSON value `true`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.boolean(name).unwrap_or(false)
    }

    /// A whole number of seconds: an integer, a float (cut), or a string with digits. Negative is 0.
    pub(crate) fn seconds(&self, name: &str) -> Option<u64> {
        match self.0.get(name)? {
            Value::Number(n) => n.as_u64().or_else(|| n.as_f64().map(|f| f.max(0.0) as u64)),
            Value::String(s) => {
                let s = s.trim();
                s.parse::<u64>()
                    .ok()
                    .or_else(|| s.parse::<f64>().ok().filter(|f| f.is_finite()).map(|f| f.max(0.0) as u64))
            }
            _ => None,
        }
    }

    /// A list of texts; `None` if it is absent or no list. Members of other types are left out. At most 256 kept.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let list = self.0.get(name)?.as_array()?;
        // More than a few hundred entries is no honest metadata.
        Some(list.iter().filter_map(Value::as_str).take(256).map(str::to_owned).collect())
    }

    /// A text, or a list of texts.
    pub(crate) fn text_or_texts(&self, name: &str) -> Vec<String> {
        match self.text(name) {
            Some(text) => vec![text.to_owned()],
            None => self.texts(name).unwrap_or_default(),
        }
    }
}
