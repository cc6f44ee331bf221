//! Errors as OAuth says them (RFC 6749 §5.2), with the facts that the log keeps of an answer.

use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::site::Site;
use crate::wire::{Answer, json};
use serde_json::{Map, Value, json};

/// What the log keeps of an answer; carried in its extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts(pub(crate) Map<String, Value>);

/// The same answer with one more fact for the log.
pub(crate) fn noted(mut answer: Answer, key: &str, value: impl Into<Value>) -> Answer {
    let facts = answer.extensions_mut().get_or_insert_default::<Facts>();
    facts.0.insert(key.to_owned(), value.into());
    answer
}

/// What a hostile server would write.
pub(crate) const HOSTILE: &str =
    "<script>alert(1)</script>\u{1b}[2J\u{202e}%s$(id)\r\nSet-Cookie: x=1 <a href=\"javascript:alert(1)\">";

/// An OAuth error.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) error: String,
    pub(crate) description: String,
}

impl Problem {
    pub(crate) fn new(status: u16, error: &str, description: impl Into<String>) -> Self {
        Self { status, error: error.to_owned(), description: description.into() }
    }

    /// Status 400.
    pub(crate) fn bad(error: &str, description: impl Into<String>) -> Self {
        Self::new(400, error, description)
    }

    /// As the body of an answer.
    pub(crate) fn body(&self, site: &Site, at: Endpoint) -> Value {
        if site.on(Fault::HostileText, at) {
            json!({"error": self.error, "error_description": HOSTILE, "error_uri": "javascript:alert(document.domain)"})
        } else {
            json!({"error": self.error, "error_description": self.description})
        }
    }

    pub(crate) fn answer(&self, site: &Site, at: Endpoint) -> Answer {
        noted(json(self.status, &self.body(site, at)), "error", self.error.clone())
    }
}
