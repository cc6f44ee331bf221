//! An error as it goes over the wire: a fact, a next step, a stable code.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::codes::{Code, Exit};

/// JSON-RPC 2.0 §5.1: the line is no JSON.
pub const PARSE_ERROR: i32 = -32700;
/// JSON-RPC 2.0 §5.1: the line is no request.
pub const INVALID_REQUEST: i32 = -32600;
/// JSON-RPC 2.0 §5.1.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// JSON-RPC 2.0 §5.1.
pub const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC 2.0 §5.1.
pub const INTERNAL_ERROR: i32 = -32603;
/// Everything else: switch on `data.code`. In the range that JSON-RPC 2.0 §5.1 leaves to implementations.
pub const APPLICATION_ERROR: i32 = -32000;

/// The `error` member of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// JSON-RPC's number.
    pub code: i32,
    /// The fact, one sentence for people.
    pub message: String,
    /// The rest.
    pub data: FaultData,
}

/// What a program switches on, and what a person does next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultData {
    /// A word of the table in `docs/errors.md`. A newer agent may know more of them.
    pub code: String,
    /// The next step, for people.
    pub next: String,
    /// Whether the same request may work later with nothing changed.
    pub retryable: bool,
    /// What the sentences were filled with, and a word more.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub detail: Map<String, Value>,
}

impl Fault {
    /// The table's sentences without anything filled in.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self::with(code, Map::new())
    }

    /// The table's sentences, their placeholders filled from `detail`. Values must hold no secret; long ones are cut
    /// and control characters replaced, since much of it is what a server said.
    #[must_use]
    pub fn with(code: Code, detail: Map<String, Value>) -> Self {
        let row = code.row();
        Self {
            code: code.number(),
            message: fill(row.fact, &detail),
            data: FaultData {
                code: row.code.to_owned(),
                next: fill(row.next, &detail),
                retryable: row.retryable,
                detail,
            },
        }
    }

    /// One value more, and the sentences filled anew.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::String(text) => Value::String(tame(&text)),
            other => other,
        };
        self.data.detail.insert(key.to_owned(), value);
        match self.known() {
            Some(code) => Self::with(code, self.data.detail),
            None => self,
        }
    }

    /// The row of the table, unless the agent is newer than we are.
    #[must_use]
    pub fn known(&self) -> Option<Code> {
        Code::from_code(&self.data.code)
    }

    /// The exit status for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.known().map_or(Exit::Failed, Code::exit)
    }
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// Characters of one value: a URL fits, a page does not.
const MAX_VALUE: usize = 300;

pub(crate) fn tame(text: &str) -> String {
    let mut tame: String = text
        .chars()
        .take(MAX_VALUE)
        .map(|c| if c.is_control() || is_bidi(c) { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(MAX_VALUE).is_some() {
        tame.push('…');
    }
    tame
}

/// Characters that turn the reading direction: what stands there is not what is shown.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}')
}

/// A placeholder without a value becomes plain words, never braces.
pub(crate) fn fill(sentence: &str, detail: &Map<String, Value>) -> String {
    let mut filled = String::with_capacity(sentence.len() + 32);
    let mut rest = sentence;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}') else { break };
        filled.push_str(&rest[..open]);
        let key = &rest[open + 1..open + close];
        match detail.get(key) {
            Some(Value::String(text)) => filled.push_str(&tame(text)),
            Some(other) => filled.push_str(&tame(&other.to_string())),
            None => filled.push_str(crate::codes::plain(key)),
        }
        rest = &rest[open + close + 1..];
    }
    filled.push_str(rest);
    // a sentence that begins with a plain word begins with a capital
    if filled.starts_with(|c: char| c.is_lowercase())
        && sentence.starts_with('{')
        && !detail_begins(sentence, detail)
    {
        let mut letters = filled.chars();
        if let Some(first) = letters.next() {
            return first.to_uppercase().chain(letters).collect();
        }
    }
    filled
}

fn detail_begins(sentence: &str, detail: &Map<String, Value>) -> bool {
    sentence
        .strip_prefix('{')
        .and_then(|s| s.split_once('}'))
        .is_some_and(|(key, _)| detail.contains_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_filled_and_never_show_braces() {
        let fault = Fault::new(Code::NoSuchAccount);
        assert!(!fault.message.contains('{'), "{}", fault.message);
        let fault = fault.detail("account", "work");
        assert!(fault.message.contains("work"), "{}", fault.message);
        for code in Code::ALL {
            let fault = Fault::new(*code);
            assert!(!fault.message.contains('{') && !fault.data.next.contains('{'), "{fault:?}");
        }
    }

    #[test]
    fn what_a_server_said_is_tamed() {
        let fault =
            Fault::new(Code::NoSuchAccount).detail("account", format!("a\n\u{202e}b{}", "x".repeat(1000)));
        assert!(!fault.message.contains('\n') && !fault.message.contains('\u{202e}'));
        assert!(fault.message.len() < 1000);
    }
}
