//! The schema of the local API, read from the types' own source: their fields, their serde attributes, their words.
//!
//! Invariant: what is not understood is a panic, never left out.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The files whose types go over the wire.
const SOURCES: &[&str] = &[
    include_str!("../../src/api/account.rs"),
    include_str!("../../src/api/agent.rs"),
    include_str!("../../src/api/approval.rs"),
    include_str!("../../src/api/audit.rs"),
    include_str!("../../src/api/door.rs"),
    include_str!("../../src/api/event.rs"),
    include_str!("../../src/api/examination.rs"),
    include_str!("../../src/api/gateway.rs"),
    include_str!("../../src/api/receipt.rs"),
    include_str!("../../src/api/sign_in.rs"),
    include_str!("../../src/api/token.rs"),
    include_str!("../../src/api/update.rs"),
    include_str!("../../src/api.rs"),
    include_str!("../../src/fault.rs"),
];
const METHODS: &str = include_str!("../../src/method.rs");

#[derive(Default)]
struct Notes {
    doc: Vec<String>,
    serde: String,
    on_wire: bool,
}

impl Notes {
    fn text(&self) -> String {
        self.doc.join(" ")
    }

    fn value(&self, key: &str) -> Option<String> {
        let (_, rest) = self.serde.split_once(&format!("{key} = \""))?;
        Some(rest.split_once('"').expect("a closed string").0.to_owned())
    }

    fn has(&self, key: &str) -> bool {
        self.serde.split([',', ' ']).any(|word| word == key)
    }
}

/// The whole schema.
pub(crate) fn schema() -> Value {
    let mut schemas = BTreeMap::new();
    for source in SOURCES {
        read(source, &mut schemas);
    }
    let methods = methods();
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "MCP Login local API",
            "version": mcp_login_ipc::identity::PROTOCOL.to_string(),
            "description": "JSON-RPC 2.0, one message a line, UTF-8, over a socket that only its owner can reach."
        },
        "methods": methods,
        "x-notifications": schemas.remove("Notification").expect("notifications")["x-notifications"],
        "components": { "schemas": schemas },
    })
}

fn methods() -> Vec<Value> {
    let table = METHODS.split_once("\nmethods! {\n").expect("the table").1;
    let table = table.split_once("\n}\n").expect("its end").0;
    let mut methods = Vec::new();
    let mut doc = String::new();
    for line in table.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("#[doc = \"") {
            doc = text.strip_suffix("\"]").expect("a closed doc").replace("\\\"", "\"");
            continue;
        }
        if let Some(text) = line.strip_prefix("/// ") {
            doc = text.to_owned();
            continue;
        }
        let words: Vec<&str> = line.trim_end_matches(';').split(' ').collect();
        let [_, name, class, call, "->", result] = words[..] else { panic!("not understood: {line}") };
        let params = call.split_once("(api::").expect("parameters").1.trim_end_matches(')');
        let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        methods.push(json!({
            "name": name.trim_matches('"'),
            "summary": std::mem::take(&mut doc),
            "x-class": class.to_ascii_lowercase(),
            "paramStructure": "by-name",
            "params": reference(params),
            "result": reference(result.trim_start_matches("api::")),
        }));
    }
    methods
}

/// Reads the types of one file.
fn read(source: &str, schemas: &mut BTreeMap<String, Value>) {
    let source = source.split("#[cfg(test)]").next().expect("a first part");
    let mut lines = source.lines();
    let mut notes = Notes::default();
    while let Some(line) = lines.next() {
        if take_note(line, &mut notes) {
            continue;
        }
        let open = |rest: &str| rest.strip_suffix(" {").map(str::to_owned);
        if let Some(rest) = line.strip_prefix("pub struct ") {
            if let Some(name) = rest.strip_suffix(" {}") {
                insert(schemas, name, object(&notes, &[]), &notes);
            } else if let Some(name) = open(rest) {
                let body = body(&mut lines, "}");
                if notes.on_wire {
                    let fields = fields(&body);
                    insert(schemas, &name, object(&notes, &fields), &notes);
                }
            }
        } else if let Some(name) = line.strip_prefix("pub enum ").and_then(open) {
            let body = body(&mut lines, "}");
            if notes.on_wire {
                insert(schemas, &name, enumeration(&notes, &body), &notes);
            }
        }
        notes = Notes::default();
    }
}

fn insert(schemas: &mut BTreeMap<String, Value>, name: &str, mut schema: Value, notes: &Notes) {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".into(), notes.text().into());
    }
    assert!(schemas.insert(name.to_owned(), schema).is_none(), "{name} twice");
}

fn take_note(line: &str, notes: &mut Notes) -> bool {
    let line = line.trim();
    if let Some(text) = line.strip_prefix("/// ") {
        notes.doc.push(text.to_owned());
    } else if let Some(text) = line.strip_prefix("#[serde(") {
        notes.serde.push_str(text.strip_suffix(")]").expect("an attribute on one line"));
        notes.serde.push_str(", ");
    } else if let Some(text) = line.strip_prefix("#[derive(") {
        notes.on_wire = text.contains("Serialize");
    } else {
        return line.starts_with("#[");
    }
    true
}

fn body<'a>(lines: &mut impl Iterator<Item = &'a str>, end: &str) -> Vec<&'a str> {
    lines.take_while(|line| *line != end).collect()
}

struct Field {
    name: String,
    schema: Value,
    required: bool,
    flat: bool,
}

fn fields(body: &[&str]) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut notes = Notes::default();
    for line in body {
        if line.trim().is_empty() || take_note(line, &mut notes) {
            continue;
        }
        let line = line.trim().trim_start_matches("pub ").trim_end_matches(',');
        let (name, kind) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line}"));
        let mut schema = kind_schema(kind);
        if let Some(object) = schema.as_object_mut() {
            object.insert("description".into(), notes.text().into());
        }
        fields.push(Field {
            name: notes.value("rename").unwrap_or_else(|| name.to_owned()),
            schema,
            required: !notes.has("default"),
            flat: notes.has("flatten"),
        });
        notes = Notes::default();
    }
    fields
}

fn kind_schema(kind: &str) -> Value {
    let inner = |outer: &str| kind.strip_prefix(outer).and_then(|rest| rest.strip_suffix('>'));
    if let Some(inner) = inner("Option<").or_else(|| inner("Box<")) {
        return kind_schema(inner);
    }
    if let Some(inner) = inner("Vec<") {
        return json!({ "type": "array", "items": kind_schema(inner) });
    }
    match kind {
        "String" => json!({ "type": "string" }),
        "Secret" => json!({ "type": "string", "x-secret": true }),
        "bool" => json!({ "type": "boolean" }),
        "u64" | "u32" => json!({ "type": "integer", "minimum": 0 }),
        "i32" => json!({ "type": "integer" }),
        "BTreeMap<String, u32>" => {
            json!({ "type": "object", "additionalProperties": { "type": "integer", "minimum": 0 } })
        }
        "BTreeMap<String, String>" => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        "Map<String, Value>" => json!({ "type": "object", "additionalProperties": true }),
        name if name.chars().all(|c| c.is_ascii_alphabetic()) => {
            json!({ "$ref": format!("#/components/schemas/{name}") })
        }
        other => panic!("not understood: {other}"),
    }
}

fn object(notes: &Notes, fields: &[Field]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut flat = Vec::new();
    for field in fields {
        if field.flat {
            flat.push(json!({ "$ref": field.schema["$ref"] }));
            continue;
        }
        properties.insert(field.name.clone(), field.schema.clone());
        if field.required {
            required.push(field.name.clone());
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties, "required": required });
    if notes.has("deny_unknown_fields") {
        schema["additionalProperties"] = false.into();
    }
    if !flat.is_empty() {
        schema["allOf"] = flat.into();
    }
    schema
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Words, or objects told apart by a tag; or the notifications, told apart by their method.
fn enumeration(notes: &Notes, body: &[&str]) -> Value {
    let tag = notes.value("tag");
    let mut words = Vec::new();
    let mut shapes = Vec::new();
    let mut lines = body.iter();
    let mut said = Notes::default();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() || take_note(line, &mut said) {
            continue;
        }
        let line = line.trim();
        let end = line.find([',', ' ', '(', '{']).unwrap_or(line.len());
        let word = said.value("rename").unwrap_or_else(|| snake(&line[..end]));
        let rest = line[end..].trim();
        let Some(tag) = &tag else {
            assert!(rest == ",", "a word: {line}");
            words.push(json!({ "const": word, "description": said.text() }));
            said = Notes::default();
            continue;
        };
        let constant = json!({ "const": word });
        let mut shape = if rest == "," {
            json!({ "type": "object", "properties": {}, "required": [] })
        } else if rest == "{" {
            let body: Vec<&str> = lines.by_ref().map_while(|l| (l.trim() != "},").then_some(*l)).collect();
            object(&Notes::default(), &fields(&body))
        } else {
            let inner = rest.trim_end_matches(',').trim_start_matches('(').trim_end_matches(')');
            let inner = kind_schema(inner);
            if notes.value("content").is_some() {
                shapes.push(json!({ "name": word, "summary": said.text(), "params": inner }));
                said = Notes::default();
                continue;
            }
            json!({ "type": "object", "properties": {}, "required": [], "allOf": [inner] })
        };
        shape["properties"][tag] = constant;
        shape["required"].as_array_mut().expect("a list").push(tag.as_str().into());
        shape["description"] = said.text().into();
        shapes.push(shape);
        said = Notes::default();
    }
    match (tag, notes.value("content")) {
        (None, _) => json!({ "type": "string", "oneOf": words }),
        (Some(_), None) => json!({ "type": "object", "oneOf": shapes }),
        (Some(_), Some(_)) => json!({ "x-notifications": shapes }),
    }
}
