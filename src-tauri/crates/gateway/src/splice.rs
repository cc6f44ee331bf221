//! Changes to a JSON object that leave the rest of its text as it is.
//!
//! Invariant: only the member that is set changes; numbers, order, unknown members and white space of all others survive.

use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// The object with the member set to this JSON: in its place where it is there, else as the first member. `None`: no object.
pub(crate) fn set(object: &str, key: &str, json: &str) -> Option<String> {
    let members: HashMap<String, &RawValue> = serde_json::from_str(object).ok()?;
    if let Some(old) = members.get(key) {
        let at = old.get().as_ptr() as usize - object.as_ptr() as usize;
        return Some([&object[..at], json, &object[at + old.get().len()..]].concat());
    }
    let inside = object.find('{')? + 1;
    let comma = if members.is_empty() { "" } else { "," };
    Some([&object[..inside], &Value::from(key).to_string(), ":", json, comma, &object[inside..]].concat())
}

/// The object with the member set, unless it is there.
pub(crate) fn add(object: String, key: &str, json: &str) -> String {
    let members: Option<HashMap<String, &RawValue>> = serde_json::from_str(&object).ok();
    match members {
        Some(members) if !members.contains_key(key) => set(&object, key, json).unwrap_or(object),
        _ => object,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_stays() {
        let text = r#" {"a" : 1.00, "b\u0061":{"a":2} ,"c":[ ]}"#;
        assert_eq!(set(text, "a", "null").as_deref(), Some(r#" {"a" : null, "b\u0061":{"a":2} ,"c":[ ]}"#));
        assert_eq!(set(text, "ba", "3").as_deref(), Some(r#" {"a" : 1.00, "b\u0061":3 ,"c":[ ]}"#));
        assert_eq!(
            set(text, "d\"", "3").as_deref(),
            Some(r#" {"d\"":3,"a" : 1.00, "b\u0061":{"a":2} ,"c":[ ]}"#)
        );
        assert_eq!(set("{}", "d", "3").as_deref(), Some(r#"{"d":3}"#));
        assert_eq!(set("[]", "d", "3"), None);
        assert_eq!(add("{\"d\":1}".into(), "d", "3"), "{\"d\":1}");
        assert_eq!(add("{ }".into(), "d", "3"), "{\"d\":3 }");
    }
}
