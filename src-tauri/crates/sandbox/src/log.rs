//! The request log: what came, in order, with every secret replaced by its short hash, so that a test can say
//! "exactly one refresh" or "the same token as before" and no canary is ever found in it. An entry is written when
//! the request has arrived, so that a request that is never answered is seen too.

use crate::clock::unix_millis;
use crate::endpoint::Endpoint;
use crate::secret::short_hash;
use crate::wire::{Ask, Params};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Entries that are kept: a test of 1,000 callers makes some thousands.
const KEPT: usize = 20_000;
/// Longest parameter that is kept; what is longer is cut.
const LONGEST: usize = 512;

/// Parameters, JSON members and headers whose value is replaced by its short hash.
const SECRET: &[&str] = &[
    "access_token",
    "refresh_token",
    "id_token",
    "id_token_hint",
    "token",
    "code",
    "code_verifier",
    "client_secret",
    "client_assertion",
    "registration_access_token",
    "initial_access_token",
    "state",
    "nonce",
    "password",
    "assertion",
    "request",
];

/// Headers that are kept.
const HEADERS: &[&str] = &[
    "accept",
    "content-type",
    "host",
    "origin",
    "user-agent",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "mcp-session-id",
];

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    kept: VecDeque<(u64, Value)>,
    file: Option<std::fs::File>,
}

/// The log. Waiting for an entry is by a counter that goes up with every change.
#[derive(Debug)]
pub(crate) struct Log {
    entries: Mutex<Entries>,
    changed: watch::Sender<u64>,
}

impl Log {
    pub(crate) fn new(file: Option<std::fs::File>) -> Self {
        Self {
            entries: Mutex::new(Entries { next: 1, file, ..Entries::default() }),
            changed: watch::channel(0).0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down that a request has arrived.
    pub(crate) fn arrived(&self, endpoint: Endpoint, ask: &Ask) -> u64 {
        let mut entry = json!({
            "endpoint": endpoint.name(),
            "method": ask.method.as_str(),
            "path": ask.path,
            "query": redacted_params(&ask.query),
            "params": body_params(ask),
            "headers": headers(ask),
            "status": null,
            "at": unix_millis(),
        });
        if let Some(rpc) = rpc(endpoint, ask) {
            entry["rpc"] = rpc;
        }
        let mut all = self.lock();
        let n = all.next;
        all.next += 1;
        entry["n"] = n.into();
        if all.kept.len() == KEPT {
            all.kept.pop_front();
        }
        all.kept.push_back((n, entry));
        drop(all);
        self.changed.send_modify(|n| *n += 1);
        n
    }

    /// Adds how it ended: a status, `dropped` or `hung`; what was issued, hashed; an OAuth error.
    pub(crate) fn ended(&self, n: u64, end: &Value, facts: Map<String, Value>) {
        let mut all = self.lock();
        let all = &mut *all;
        if let Some((_, entry)) = all.kept.iter_mut().rev().find(|(m, _)| *m == n) {
            entry["status"] = end.clone();
            entry["ended"] = unix_millis().into();
            for (key, value) in facts {
                entry[key] = value;
            }
            let control = entry["endpoint"] == Endpoint::Control.name();
            if let Some(file) = all.file.as_mut().filter(|_| !control) {
                // A log file that cannot be written must not change what the server does.
                let _ = writeln!(file, "{entry}");
            }
        }
        self.changed.send_modify(|n| *n += 1);
    }

    pub(crate) fn clear(&self) {
        self.lock().kept.clear();
    }

    /// Entries after `after`, of this endpoint if one is named, that have ended if `ended`.
    pub(crate) fn entries(&self, after: u64, endpoint: Option<&str>, ended: bool) -> Vec<Value> {
        let wanted = |entry: &Value| {
            let name = entry["endpoint"].as_str().unwrap_or_default();
            let fits = match endpoint {
                None => name != Endpoint::Control.name(),
                Some("all") => true,
                Some("token") => matches!(name, "token" | "code" | "refresh"),
                Some(other) => name == other,
            };
            fits && (!ended || !entry["status"].is_null())
        };
        let all = self.lock();
        all.kept.iter().filter(|(n, e)| *n > after && wanted(e)).map(|(_, e)| e.clone()).collect()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn redacted_params(params: &Params) -> Value {
    let mut out = Map::new();
    for (name, value) in &params.0 {
        let shown =
            if SECRET.contains(&name.as_str()) { Value::from(short_hash(value)) } else { cut(value).into() };
        match out.get_mut(name) {
            None => {
                out.insert(cut(name), shown);
            }
            Some(Value::Array(many)) => many.push(shown),
            Some(one) => *one = json!([one.take(), shown]),
        }
    }
    Value::Object(out)
}

fn redacted_json(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, v)| match v {
                Value::String(s) if SECRET.contains(&name.as_str()) => (name.clone(), short_hash(s).into()),
                other => (name.clone(), redacted_json(other)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(redacted_json).collect(),
        Value::String(s) => cut(s).into(),
        other => other.clone(),
    }
}

fn body_params(ask: &Ask) -> Value {
    match ask.content_type().as_str() {
        "application/x-www-form-urlencoded" => redacted_params(&ask.form()),
        // MCP messages can be long and hold anything; `rpc` has what matters of them.
        "application/json" => match ask.json() {
            Some(value) if value.get("jsonrpc").is_none() && value.is_object() => redacted_json(&value),
            _ => json!({}),
        },
        _ => json!({}),
    }
}

fn headers(ask: &Ask) -> Value {
    let mut out = Map::new();
    for name in HEADERS {
        if let Some(value) = ask.header(name) {
            out.insert((*name).to_owned(), cut(value).into());
        }
    }
    if let Some(value) = ask.header("authorization") {
        let (scheme, rest) = value.split_once(' ').unwrap_or(("", value));
        let shown = match ask.basic() {
            Some((id, secret)) => format!("{scheme} {id}:{}", short_hash(&secret)),
            None => format!("{scheme} {}", short_hash(rest.trim())),
        };
        out.insert("authorization".to_owned(), shown.into());
    }
    Value::Object(out)
}

fn rpc(endpoint: Endpoint, ask: &Ask) -> Option<Value> {
    if endpoint != Endpoint::Mcp {
        return None;
    }
    let body = ask.json()?;
    Some(json!({
        "method": body.get("method"),
        "id": body.get("id"),
        "name": body.pointer("/params/name"),
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hashed_and_doubles_are_lists() {
        let params = Params::parse(b"code=canary&client_id=c&resource=a&resource=b");
        let shown = redacted_params(&params);
        assert_eq!(shown["code"], short_hash("canary"));
        assert_eq!(shown["client_id"], "c");
        assert_eq!(shown["resource"], json!(["a", "b"]));
        let nested = redacted_json(&json!({"a": [{"client_secret": "canary"}]}));
        assert!(!nested.to_string().contains("canary"));
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(cut(&"ä".repeat(600)).chars().count(), LONGEST + 1);
    }
}
