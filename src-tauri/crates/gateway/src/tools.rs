//! Arguments of tools that are mirrored in headers (MCP 2026-07-28, Streamable HTTP, Custom Headers from Tool Parameters).
//!
//! Problem: a tool's schema says which arguments go into `Mcp-Param-…`, and a schema that says it wrongly must not be used.
//! Invariant: a mirrored argument has a place that only `properties` lead to; a tool that breaks a rule is left out of the list.

use std::collections::{BTreeSet, HashSet};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::learnt::Learnt;

/// The largest integer that JavaScript holds exactly.
const SAFE: i64 = (1 << 53) - 1;

/// One mirrored argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirrored {
    header: HeaderName,
    /// The keys that lead to it in the arguments.
    path: Vec<String>,
}

/// What is wrong with a tool's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Wrong {
    #[error("x-mcp-header is no header name")]
    Name,
    #[error("x-mcp-header is used twice")]
    Twice,
    #[error("x-mcp-header is at something that is no string, integer or boolean")]
    Type,
    #[error("x-mcp-header is where not only properties lead")]
    Place,
}

const KEY: &str = "x-mcp-header";

/// The mirrored arguments of a schema.
pub(crate) fn mirrored(schema: &Value) -> Result<Vec<Mirrored>, Wrong> {
    let mut found = Vec::new();
    walk(schema, &mut Vec::new(), &mut found)?;
    if annotations(schema) != found.len() {
        return Err(Wrong::Place);
    }
    let names: HashSet<&HeaderName> = found.iter().map(|one| &one.header).collect();
    if names.len() != found.len() {
        return Err(Wrong::Twice);
    }
    Ok(found)
}

fn walk(schema: &Value, path: &mut Vec<String>, found: &mut Vec<Mirrored>) -> Result<(), Wrong> {
    if let Some(name) = schema.get(KEY) {
        if path.is_empty() {
            return Err(Wrong::Place);
        }
        let name = name.as_str().filter(|name| !name.is_empty()).ok_or(Wrong::Name)?;
        let header = HeaderName::try_from(format!("mcp-param-{name}")).map_err(|_| Wrong::Name)?;
        if !matches!(schema.get("type").and_then(Value::as_str), Some("string" | "integer" | "boolean")) {
            return Err(Wrong::Type);
        }
        found.push(Mirrored { header, path: path.clone() });
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, below) in properties {
            path.push(name.clone());
            walk(below, path, found)?;
            path.pop();
        }
    }
    Ok(())
}

/// Annotations anywhere in the schema, also where they may not be. What stands in `properties` is named by its author: a
/// property that is called `x-mcp-header` is none.
fn annotations(schema: &Value) -> usize {
    match schema {
        Value::Array(all) => all.iter().map(annotations).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, below)| match (key.as_str(), below) {
                (KEY, _) => 1,
                ("properties" | "$defs" | "definitions" | "patternProperties", Value::Object(named)) => {
                    named.values().map(annotations).sum()
                }
                // values, not schemas
                ("const" | "enum" | "default" | "examples", _) => 0,
                _ => annotations(below),
            })
            .sum(),
        _ => 0,
    }
}

/// Sets the headers for a call's arguments.
pub(crate) fn mirror(tool: &[Mirrored], arguments: &Value, headers: &mut HeaderMap) {
    for one in tool {
        let value = one.path.iter().try_fold(arguments, |value, key| value.get(key));
        let text = match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Bool(value)) => value.to_string(),
            Some(Value::Number(number)) => {
                let whole = number.as_i64().or_else(|| {
                    // 42.0 is an integer to JSON Schema.
                    let float = number.as_f64()?;
                    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
                    (float.fract() == 0.0 && float.abs() <= SAFE as f64).then_some(float as i64)
                });
                match whole.filter(|whole| (-SAFE..=SAFE).contains(whole)) {
                    Some(whole) => whole.to_string(),
                    None => continue,
                }
            }
            _ => continue,
        };
        if let Some(value) = encode(&text) {
            headers.insert(one.header.clone(), value);
        }
    }
}

/// A header value, in Base64 where plain text could not be told from it or cannot be sent (Value Encoding).
pub(crate) fn encode(text: &str) -> Option<HeaderValue> {
    use base64::Engine as _;
    let plain = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte) || byte == b'\t')
        && text.trim_matches([' ', '\t']).len() == text.len()
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    if plain {
        return HeaderValue::from_str(text).ok();
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    HeaderValue::from_str(&format!("=?base64?{encoded}?=")).ok()
}

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    tools: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Tool {
    name: String,
    #[serde(default, rename = "inputSchema")]
    schema: Value,
}

/// Learns from the result of `tools/list`. Returns the result without the tools that must not be used, when there are any.
pub(crate) fn learn(learnt: &Learnt, result: &RawValue) -> Option<String> {
    // Nothing to learn is the rule. The word can be written in other ways; then the list is read.
    if memchr::memmem::find(result.get().as_bytes(), KEY.as_bytes()).is_none()
        && !result.get().contains("\\u")
    {
        return None;
    }
    let listed: Listed<'_> = serde_json::from_str(result.get()).ok()?;
    let mut wrong = BTreeSet::new();
    for (place, raw) in listed.tools.iter().enumerate() {
        let Ok(tool) = serde_json::from_str::<Tool>(raw.get()) else { continue };
        match mirrored(&tool.schema) {
            Ok(mirrored) => learnt.learn_tool(tool.name, mirrored),
            Err(why) => {
                tracing::warn!(tool = tool.name, %why, "a tool is left out");
                wrong.insert(place);
            }
        }
    }
    if wrong.is_empty() {
        return None;
    }
    let kept: Vec<&str> = (listed.tools.iter().enumerate())
        .filter(|(place, _)| !wrong.contains(place))
        .map(|(_, raw)| raw.get())
        .collect();
    crate::splice::set(result.get(), "tools", &format!("[{}]", kept.join(",")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(properties: Value) -> Value {
        json!({"type": "object", "properties": properties})
    }

    #[test]
    fn values_as_the_specification_shows_them() {
        for (text, value) in [
            ("us-west1", "us-west1"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
            ("a\tb", "a\tb"),
            ("", ""),
        ] {
            assert_eq!(encode(text).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn arguments_become_headers() {
        let schema = schema(json!({
            "region": {"type": "string", "x-mcp-header": "Region"},
            "deep": {"type": "object", "properties": {"n": {"type": "integer", "x-mcp-header": "N"}}},
            "dry": {"type": "boolean", "x-mcp-header": "Dry"},
            "x-mcp-header": {"type": "string"},
        }));
        let tool = mirrored(&schema).unwrap();
        let mut headers = HeaderMap::new();
        mirror(&tool, &json!({"region": "eu\r\nX: y", "deep": {"n": 42.0}, "dry": null}), &mut headers);
        assert_eq!(headers["mcp-param-region"], "=?base64?ZXUNClg6IHk=?=");
        assert_eq!(headers["mcp-param-n"], "42");
        assert_eq!(headers.len(), 2);
        let mut headers = HeaderMap::new();
        mirror(&tool, &json!({"deep": {"n": 9_007_199_254_740_993_i64}, "dry": false}), &mut headers);
        assert_eq!(headers["mcp-param-dry"], "false");
        assert_eq!(headers.len(), 1);
    }

    #[test]
    fn wrong_schemas() {
        let string = |name: &str| json!({"type": "string", "x-mcp-header": name});
        for (properties, wrong) in [
            (json!({"a": string("")}), Wrong::Name),
            (json!({"a": string("a b")}), Wrong::Name),
            (json!({"a": string("a\r\n")}), Wrong::Name),
            (json!({"a": {"type": "string", "x-mcp-header": 1}}), Wrong::Name),
            (json!({"a": string("X"), "b": string("x")}), Wrong::Twice),
            (json!({"a": {"type": "number", "x-mcp-header": "A"}}), Wrong::Type),
            (json!({"a": {"type": "object", "x-mcp-header": "A"}}), Wrong::Type),
            (json!({"a": {"x-mcp-header": "A"}}), Wrong::Type),
            (json!({"a": {"type": "array", "items": string("A")}}), Wrong::Place),
            (json!({"a": {"oneOf": [string("A")]}}), Wrong::Place),
        ] {
            assert_eq!(mirrored(&schema(properties.clone())), Err(wrong), "{properties}");
        }
        assert_eq!(mirrored(&json!({"$defs": {"a": string("A")}})), Err(Wrong::Place));
        assert_eq!(mirrored(&string("A")), Err(Wrong::Place));
    }

    #[test]
    fn a_wrong_tool_is_left_out_and_the_rest_stays_as_it_is() {
        let learnt = Learnt::new();
        let text = r#"{"x": 1.0,  "tools":[{"name":"good","k":1.50,"inputSchema":{"properties":{"r":{"type":"string","x-mcp-header":"R"}}}}, {"name":"bad","inputSchema":{"properties":{"r":{"type":"null","x-mcp-header":"R"}}}},{"name":"plain"}],"nextCursor":"c"}"#;
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        let kept = learn(&learnt, raw).unwrap();
        assert_eq!(
            kept,
            r#"{"x": 1.0,  "tools":[{"name":"good","k":1.50,"inputSchema":{"properties":{"r":{"type":"string","x-mcp-header":"R"}}}},{"name":"plain"}],"nextCursor":"c"}"#
        );
        assert!(learnt.mirrored("good").is_some() && learnt.mirrored("bad").is_none());
        let raw: &RawValue = serde_json::from_str(r#"{"tools":[{"name":"good"}]}"#).unwrap();
        assert_eq!(learn(&learnt, raw), None);
    }
}
