//! The schema agrees with the types, both ways, and what is committed is what they say.
#![allow(clippy::unwrap_used)]

#[path = "../examples/docs/pages.rs"]
mod pages;
#[path = "../examples/docs/sample.rs"]
mod sample;
#[path = "../examples/docs/schema.rs"]
mod schema;

use mcp_login_ipc::Method;
use mcp_login_ipc::api::Notification;
use serde_json::{Value, json};

#[test]
fn what_is_committed_is_what_the_types_say() {
    let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    for (path, content) in pages::all(&schema::schema()) {
        let committed = std::fs::read_to_string(top.join(path)).unwrap_or_default().replace("\r\n", "\n");
        assert!(committed == content, "{path} is not up to date; renew it with: {}", pages::RENEW);
    }
}

#[test]
fn every_method_is_in_the_schema_and_no_other() {
    let schema = schema::schema();
    let names: Vec<&str> =
        schema["methods"].as_array().unwrap().iter().map(|method| method["name"].as_str().unwrap()).collect();
    assert_eq!(names, Method::ALL.iter().map(|method| method.name()).collect::<Vec<_>>());
    for (method, entry) in Method::ALL.iter().zip(schema["methods"].as_array().unwrap()) {
        assert_eq!(entry["x-class"], method.class().as_str(), "{}", method.name());
        assert!(entry["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{}", method.name());
    }
}

/// A field that only the schema has does not come back; one that only the type requires is missed when reading.
#[test]
fn samples_of_the_schema_go_through_the_types_unchanged() {
    let root = schema::schema();
    for entry in root["methods"].as_array().unwrap() {
        let method = Method::from_name(entry["name"].as_str().unwrap()).unwrap();
        let params = sample::samples(&root, &entry["params"]);
        let results = sample::samples(&root, &entry["result"]);
        for turn in 0..params.len().max(results.len()) {
            let (params, result) = (&params[turn % params.len()], &results[turn % results.len()]);
            let (again, result_again) = method
                .reread(params, result)
                .unwrap_or_else(|error| panic!("{}: {error}: {params} {result}", method.name()));
            assert_eq!(&again, params, "{}", method.name());
            assert_eq!(&result_again, result, "{}", method.name());
        }
    }
}

#[test]
fn notifications_go_through_the_types_unchanged() {
    let root = schema::schema();
    for entry in root["x-notifications"].as_array().unwrap() {
        for params in sample::samples(&root, &entry["params"]) {
            let note = json!({ "method": entry["name"], "params": params });
            let read: Notification =
                serde_json::from_value(note.clone()).unwrap_or_else(|error| panic!("{error}: {note}"));
            assert_eq!(serde_json::to_value(read).unwrap(), note);
        }
    }
}

/// Optional fields too: whatever a full value writes, the schema knows.
#[test]
fn every_type_that_is_referred_to_is_there_and_every_one_is_used() {
    let root = schema::schema();
    let text = serde_json::to_string(&root).unwrap();
    for name in root["components"]["schemas"].as_object().unwrap().keys() {
        let used = text.contains(&format!("#/components/schemas/{name}\""));
        assert!(used, "{name} goes nowhere");
    }
    fn walk(root: &Value, value: &Value) {
        if let Some(reference) = value["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            assert!(root["components"]["schemas"][name].is_object(), "{name}");
        }
        match value {
            Value::Object(map) => map.values().for_each(|value| walk(root, value)),
            Value::Array(list) => list.iter().for_each(|value| walk(root, value)),
            _ => {}
        }
    }
    walk(&root, &root);
}
