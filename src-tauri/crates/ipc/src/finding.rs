//! The one table of what a look at a server can find: code, part, weight, clause, fact, next step.
//!
//! Problem: the agent finds it, the command tells it, and `docs/for-servers.md` asks for it; they must mean the same.
//! Invariant: a code is never renamed and never changes its meaning; each names the clause that the server does not keep.
//! The sentences speak to whoever runs the server. Words in braces are filled from `detail`.

use serde_json::{Map, Value};

use crate::api::{Finding, Part, Weight};
use crate::fault::{fill, tame};

mod table;
pub use table::Find;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The word that programs switch on.
    pub code: &'static str,
    /// Where it can be found; `None` for what any request can show.
    pub part: Option<Part>,
    /// How bad it is.
    pub weight: Weight,
    /// RFC and section, or MCP revision and section; empty where it is the clause of the request that showed it.
    pub clause: &'static str,
    /// What is so, one sentence.
    pub fact: &'static str,
    /// What to do about it.
    pub next: &'static str,
}

impl Find {
    /// The word that programs switch on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().code
    }

    /// As it goes over the wire, with nothing filled in.
    #[must_use]
    pub fn found(self) -> Found {
        Found { find: self, clause: self.row().clause.to_owned(), detail: Map::new() }
    }
}

/// A finding that is being filled in.
#[derive(Clone, Debug)]
pub struct Found {
    find: Find,
    clause: String,
    detail: Map<String, Value>,
}

impl Found {
    /// One value more. It must hold no secret; long ones are cut and control characters replaced.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::String(text) => Value::String(tame(&text)),
            other => other,
        };
        self.detail.insert(key.to_owned(), value);
        self
    }

    /// The clause of the request that showed it.
    #[must_use]
    pub fn by(mut self, clause: &str) -> Self {
        clause.clone_into(&mut self.clause);
        self
    }

    /// Which row.
    #[must_use]
    pub fn find(&self) -> Find {
        self.find
    }

    /// As it goes over the wire.
    #[must_use]
    pub fn finding(self) -> Finding {
        let row = self.find.row();
        Finding {
            code: row.code.to_owned(),
            weight: row.weight,
            clause: self.clause,
            fact: fill(row.fact, &self.detail),
            next: fill(row.next, &self.detail),
            detail: self.detail,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sentences_are_sentences() {
        let mut seen = std::collections::HashSet::new();
        for find in Find::ALL {
            let row = find.row();
            assert!(seen.insert(row.code), "{} twice", row.code);
            for text in [row.fact, row.next] {
                assert!(
                    text.ends_with('.') && !text.contains("  ") && text.is_ascii(),
                    "{}: {text}",
                    row.code
                );
                let mut rest = text;
                while let Some((_, tail)) = rest.split_once('{') {
                    let (key, after) = tail.split_once('}').unwrap();
                    assert_ne!(crate::codes::plain(key), "it", "{}: {{{key}}} has no plain words", row.code);
                    rest = after;
                }
            }
            assert!(!row.clause.is_empty() || row.part.is_none(), "{}", row.code);
            let clause = row.clause;
            assert!(
                clause.is_empty()
                    || ["RFC ", "MCP ", "OpenID "].iter().any(|begin| clause.starts_with(begin)),
                "{}: {clause}",
                row.code
            );
        }
    }

    #[test]
    fn a_finding_is_filled_in_and_tamed() {
        let found = Find::IssuerMismatch.found().with("issuer", "https://a").with("found", "b\u{1b}[31m");
        let finding = found.finding();
        assert!(finding.fact.contains("https://a") && !finding.fact.contains('\u{1b}'), "{}", finding.fact);
        for find in Find::ALL {
            let finding = find.found().finding();
            assert!(!finding.fact.contains('{') && !finding.next.contains('{'), "{}", finding.code);
        }
    }
}
