//! Two programs' requests to the same kind of server, told apart: what went over the wire, without what chance decides.

use std::collections::{BTreeMap, BTreeSet};

use mcp_login_tests::Request;
use serde_json::Value;

/// Values that are another one each time.
const CHANCE: &[&str] = &["code_challenge", "client_id", "authorization", "mcp-session-id"];

/// One request without chance: what it is, and what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    line: String,
    facts: BTreeMap<String, String>,
}

/// What one program did and the other did not, each as a line: `only ours: GET /x`, `POST /register scope: ours a, theirs b`.
#[must_use]
pub fn differences(ours: &[Request], theirs: &[Request]) -> BTreeSet<String> {
    let (ours, theirs) = (shapes(ours), shapes(theirs));
    let mut found = BTreeSet::new();
    for (line, shape) in &ours {
        let Some(other) = theirs.get(line) else {
            found.insert(format!("only ours: {line}"));
            continue;
        };
        for name in shape.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
            let (a, b) = (shape.get(name), other.get(name));
            if a != b {
                let shown = |value: Option<&String>| value.map_or("nothing", String::as_str).to_owned();
                found.insert(format!("{line} {name}: ours {}, theirs {}", shown(a), shown(b)));
            }
        }
    }
    found.extend(
        theirs.keys().filter(|line| !ours.contains_key(*line)).map(|line| format!("only theirs: {line}")),
    );
    found
}

/// The requests by what they are; the second of a kind is another kind.
fn shapes(requests: &[Request]) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut shapes = BTreeMap::new();
    for request in requests {
        let shape = shape(request);
        let line = (1..)
            .map(|n| if n == 1 { shape.line.clone() } else { format!("{} ({n})", shape.line) })
            .find(|line| !shapes.contains_key(line))
            .expect("endless");
        shapes.insert(line, shape.facts);
    }
    shapes
}

fn shape(request: &Request) -> Shape {
    let mut facts = BTreeMap::new();
    for (prefix, values) in
        [("", Some(&request.query)), ("", Some(&request.params)), ("header ", request.rest.get("headers"))]
    {
        for (name, value) in values.and_then(Value::as_object).into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let chance = CHANCE.contains(&name.as_str()) || text.starts_with('#');
            // The kind of a credential is no chance.
            let kind = text.split_once(" #").map(|(scheme, _)| format!("{scheme} …"));
            let text = if chance { kind.unwrap_or_else(|| "…".to_owned()) } else { without_ports(&text) };
            facts.insert(format!("{prefix}{name}"), text);
        }
    }
    let grant = request.param("grant_type").map(|grant| format!(" {grant}")).unwrap_or_default();
    // Messages that are on their way at once arrive as they like.
    let said = request.rest.get("rpc").and_then(|rpc| rpc["method"].as_str());
    let said = said.filter(|_| request.header("authorization").is_some());
    let said = said.map(|method| format!(" {method}")).unwrap_or_default();
    Shape { line: format!("{} {}{grant}{said}", request.method, without_ports(&request.path)), facts }
}

/// The same with every port called PORT.
fn without_ports(text: &str) -> String {
    let mut out = String::new();
    for (number, part) in text.split("127.0.0.1:").enumerate() {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        out.push_str(if number == 0 { part } else { "127.0.0.1:PORT" });
        out.push_str(if number == 0 { "" } else { rest });
    }
    out
}
