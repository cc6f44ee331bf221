//! Samples of everything the schema allows: each object once with all its fields and once with the required ones only,
//! each word of each list.

use serde_json::{Map, Value, json};

/// All samples of a schema.
pub(crate) fn samples(root: &Value, schema: &Value) -> Vec<Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().expect("a name");
        let target = &root["components"]["schemas"][name];
        assert!(target.is_object(), "{name} is not in the schema");
        return samples(root, target);
    }
    if let Some(constant) = schema.get("const") {
        return vec![constant.clone()];
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().flat_map(|choice| samples(root, choice)).collect();
    }
    match schema["type"].as_str() {
        Some("string") => vec![json!("text")],
        Some("integer") => vec![json!(1_763_690_000)],
        // false is left out on the wire, as if missing
        Some("boolean") => vec![json!(true)],
        Some("array") => vec![Value::Array(samples(root, &schema["items"]))],
        Some("object") if schema.get("properties").is_none() => {
            let inner = &schema["additionalProperties"];
            let inner = if inner.is_object() { samples(root, inner).remove(0) } else { json!("more") };
            vec![json!({ "word": inner })]
        }
        Some("object") => object(root, schema),
        other => panic!("no sample of {other:?}: {schema}"),
    }
}

fn object(root: &Value, schema: &Value) -> Vec<Value> {
    let required: Vec<&str> =
        schema["required"].as_array().expect("required").iter().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().expect("properties");
    let mut least = Map::new();
    let mut all = Vec::new();
    let mut choices = Vec::new();
    for (name, property) in properties {
        let values = samples(root, property);
        if required.contains(&name.as_str()) {
            least.insert(name.clone(), values[0].clone());
        }
        all.push((name.clone(), values[0].clone()));
        choices.extend(values.into_iter().skip(1).map(|value| (name.clone(), value)));
    }
    let full: Map<String, Value> = all.into_iter().collect();
    let mut found = vec![Value::Object(full.clone()), Value::Object(least)];
    for (name, value) in choices {
        let mut other = full.clone();
        other.insert(name, value);
        found.push(Value::Object(other));
    }
    for flat in schema["allOf"].as_array().into_iter().flatten() {
        let inner = samples(root, flat);
        found = found
            .iter()
            .flat_map(|outer| {
                inner.iter().map(|inner| {
                    let mut both = outer.as_object().expect("an object").clone();
                    both.extend(inner.as_object().expect("an object").clone());
                    Value::Object(both)
                })
            })
            .collect();
    }
    found
}
