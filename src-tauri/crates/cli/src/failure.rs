//! What a person reads when something did not work: first the fact, with a stable code in brackets, then what to
//! do. Both sentences come from the one table (`ipc::codes`) or, for the few things that only a command line knows,
//! from here. For programs it is one JSON line. Nothing of it can be empty.

use crate::out::{Ink, Out};
use crate::text;
use mcp_login_ipc::{Exit, Fault};
use serde_json::{Map, Value, json};

/// Something that did not work.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Stable, for programs.
    pub code: String,
    /// What happened.
    pub fact: String,
    /// What to do.
    pub next: String,
    /// The exit status.
    pub exit: u8,
    /// Whether the same may work later with nothing changed.
    pub retryable: bool,
    /// What the sentences were filled with.
    pub detail: Map<String, Value>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let exit = fault.exit().status();
        Self {
            code: fault.data.code,
            fact: fault.message,
            next: fault.data.next,
            exit,
            retryable: fault.data.retryable,
            detail: fault.data.detail,
        }
    }
}

impl Failure {
    /// One that the table does not have.
    #[must_use]
    pub fn own(code: &str, exit_as: Exit, fact: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            fact: fact.into(),
            next: next.into(),
            exit: exit_as.status(),
            retryable: false,
            detail: Map::new(),
        }
    }

    /// The arguments make no sense together.
    #[must_use]
    pub fn usage(fact: impl Into<String>, next: impl Into<String>) -> Self {
        Self::own("usage", Exit::Usage, fact, next)
    }

    /// For people, on two lines (or more, where they are long).
    #[must_use]
    pub fn for_people(&self, out: &Out) -> String {
        let mut text = String::new();
        let fact = format!("{} [{}]", one_line(&self.fact), one_line(&self.code));
        for (n, line) in text::wrap(&fact, out.measure().saturating_sub(11)).iter().enumerate() {
            if n == 0 {
                text.push_str(&format!("{} {line}", out.paint_err(Ink::Bad, "mcp-login:")));
            } else {
                text.push_str(&format!("\n           {line}"));
            }
        }
        for line in text::wrap(&one_line(&self.next), out.measure().saturating_sub(11)) {
            text.push_str(&format!("\n           {line}"));
        }
        // RFC 6749 §5.2: an address that a server chose is text, never a link, and never opened
        if let Some(uri) = self.detail.get("error_uri").and_then(Value::as_str) {
            text.push_str(&format!("\n           The server refers to: {}", text::visible(uri)));
        }
        text
    }

    /// For programs.
    #[must_use]
    pub fn for_programs(&self) -> Value {
        let mut error = json!({
            "code": self.code,
            "fact": self.fact,
            "next": self.next,
            "retryable": self.retryable,
            "exit": self.exit,
        });
        if !self.detail.is_empty() {
            error["detail"] = Value::Object(self.detail.clone());
        }
        json!({ "error": error })
    }

    /// Prints it where it belongs.
    pub fn print(&self, out: &Out) {
        if out.json() {
            out.note(&self.for_programs().to_string());
        } else {
            out.note(&self.for_people(out));
        }
    }
}

/// The sentences are ours, what was filled into them is a server's: nothing invisible gets through, and nothing is cut.
fn one_line(text: &str) -> String {
    text.split_whitespace().map(text::visible_whole).collect::<Vec<_>>().join(" ")
}
