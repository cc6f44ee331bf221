//! The types of the local API as TypeScript declarations, for the window's pages, which are checked against them.
//!
//! Invariant: what the schema says and is not understood here is a panic, never `any`.

use std::fmt::Write as _;

use serde_json::Value;

use super::{RENEW, description, quoted, required, words};

/// The whole file.
pub(super) fn declarations(schema: &Value) -> String {
    let mut text = format!("// Generated from the types in src-tauri/crates/ipc. Renew with: {RENEW}\n\n");
    for (name, schema) in schema["components"]["schemas"].as_object().into_iter().flatten() {
        let shape = of(schema, 0);
        let space = if shape.starts_with('\n') { "" } else { " " };
        let _ = writeln!(text, "/** {} */\nexport type {name} ={space}{shape};\n", description(schema));
    }
    text.push_str("/** Every method, with what goes in and what comes out. */\nexport interface Methods {\n");
    for method in schema["methods"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "  /** {} Class: {}. */\n  {}: {{ params: {}; result: {} }};",
            method["summary"].as_str().unwrap_or_default(),
            method["x-class"].as_str().unwrap_or_default(),
            method["name"],
            of(&method["params"], 0),
            of(&method["result"], 0),
        );
    }
    text.push_str(
        "}\n\n/** What the agent sends without being asked again. */\nexport interface Notifications {\n",
    );
    for note in schema["x-notifications"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "  /** {} */\n  {}: {};",
            note["summary"].as_str().unwrap_or_default(),
            note["name"],
            of(&note["params"], 0),
        );
    }
    text.push_str("}\n");
    text
}

/// One type, as deep in the braces as `depth` says.
fn of(schema: &Value, depth: usize) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if schema["const"].is_string() {
        return schema["const"].to_string();
    }
    if let Some(words) = words(schema) {
        return if words.is_empty() { "string".into() } else { quoted(&words).join(" | ") };
    }
    if let Some(shapes) = schema["oneOf"].as_array() {
        return shapes.iter().map(|shape| format!("\n  | {}", of(shape, depth + 1))).collect();
    }
    match schema["type"].as_str() {
        Some("integer") => "number".into(),
        Some("boolean") => "boolean".into(),
        Some("array") => {
            let item = of(&schema["items"], depth);
            if item.contains(' ') { format!("({item})[]") } else { format!("{item}[]") }
        }
        Some("object") => object(schema, depth),
        _ => panic!("not understood: {schema}"),
    }
}

fn object(schema: &Value, depth: usize) -> String {
    match &schema["additionalProperties"] {
        Value::Bool(true) => return "Record<string, unknown>".into(),
        inner @ Value::Object(_) => return format!("Record<string, {}>", of(inner, depth)),
        _ => {}
    }
    let indent = "  ".repeat(depth);
    let mut text = String::from("{");
    for (field, property) in schema["properties"].as_object().into_iter().flatten() {
        let said = description(property);
        if !said.is_empty() {
            let _ = write!(text, "\n{indent}  /** {said} */");
        }
        let mark = if required(schema, field) { "" } else { "?" };
        let _ = write!(text, "\n{indent}  {field}{mark}: {};", of(property, depth + 1));
    }
    if text.len() > 1 {
        let _ = write!(text, "\n{indent}");
    }
    text.push('}');
    for inner in schema["allOf"].as_array().into_iter().flatten() {
        let _ = write!(text, " & {}", of(inner, depth));
    }
    text
}
