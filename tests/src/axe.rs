//! axe-core, the accessibility rules of Deque: run inside a page that is driven, by what the lock file in `tests/ui` names.

use std::fs;

use serde_json::{Value, json};

use crate::npm;
use crate::webdriver::WebDriver;

/// One broken rule, with the places that break it.
#[derive(Debug, Clone)]
pub struct Violation {
    /// The rule's name.
    pub rule: String,
    /// `minor`, `moderate`, `serious` or `critical`.
    pub impact: String,
    /// What it is about.
    pub help: String,
    /// The elements, as HTML.
    pub places: Vec<String>,
}

impl Violation {
    /// Whether it keeps somebody from using the page.
    pub fn is_serious(&self) -> bool {
        self.impact == "serious" || self.impact == "critical"
    }
}

/// Everything that axe finds on the page as it is now. Panics when it looked at nothing.
#[track_caller]
pub fn violations(window: &WebDriver) -> Vec<Violation> {
    let source = npm::install("ui").join("node_modules/axe-core/axe.min.js");
    let source = fs::read_to_string(source).expect("axe-core has its one file");
    if window.run("return typeof window.axe", &json!([])) != "object" {
        // The file is a program for pages, not the body of a function: its `this` must be the window.
        window.run(&format!("(function () {{ {source} }}).call(window); return null;"), &json!([]));
    }
    let script = "const told = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ['violations'] }).then(
            (found) => told({ violations: found.violations.map((v) => ({ rule: v.id, impact: v.impact, help: v.help,
                places: v.nodes.map((n) => n.html + ' — ' + (n.any.concat(n.all, n.none)[0]?.message ?? '')) })),
                passes: found.passes.length }),
            (error) => told({ error: String(error) }));";
    let told = window.run_until_called(script, &json!([]));
    assert!(told["passes"].as_u64().is_some_and(|passes| passes > 0), "axe looked at nothing: {told}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = told["violations"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|found| Violation {
            rule: text(&found["rule"]),
            impact: text(&found["impact"]),
            help: text(&found["help"]),
            places: found["places"].as_array().into_iter().flatten().map(text).collect(),
        })
        .collect()
}
