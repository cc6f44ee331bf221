//! The window's pages without the window: what they must never do, their types, and how they look to those who do not see.

use std::fs;
use std::path::Path;
use std::process::Command;

use mcp_login_tests::{Said, artifacts, kept_files, npm, workspace};

/// Ways to make markup, code or style of a text. What a server calls itself must stay a text.
const MAKES_MARKUP: &[&str] = &[
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "createContextualFragment",
    "DOMParser",
    "document.write",
    "setHTML",
    "srcdoc",
    "eval(",
    "new Function",
    "javascript:",
    "\"style\",",
    "cssText",
];

fn pages() -> Vec<(String, String)> {
    kept_files().into_iter().filter(|(name, _)| name.starts_with("ui/")).collect()
}

#[test]
fn a_text_never_becomes_markup() {
    let scripts: Vec<_> = pages().into_iter().filter(|(name, _)| name.ends_with(".js")).collect();
    assert!(scripts.len() > 15, "the pages' scripts are somewhere else");
    let mut found = Vec::new();
    for (name, text) in scripts {
        for (number, line) in text.lines().enumerate() {
            found.extend(
                MAKES_MARKUP
                    .iter()
                    .filter(|word| line.contains(*word))
                    .map(|word| format!("{name}:{}: {word}", number + 1)),
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The policy lets nothing of that through; a page that relied on it would be broken only in the window.
#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    let html: Vec<_> = pages().into_iter().filter(|(name, _)| name.ends_with(".html")).collect();
    assert!(html.len() >= 2, "the pages are somewhere else");
    for (name, text) in html {
        let tags = text.split('<').skip(1).filter_map(|rest| rest.split('>').next());
        for tag in tags {
            assert!(!tag.contains(" style=") && !tag.contains("://"), "{name}: <{tag}>");
            assert!(!tag.split(' ').any(|word| word.starts_with("on")), "{name}: <{tag}>");
            assert!(!tag.starts_with("style"), "{name}: <{tag}>");
            assert!(!tag.starts_with("script") || tag.contains(" src=\"js/"), "{name}: <{tag}>");
        }
    }
    for (name, text) in pages().into_iter().filter(|(name, _)| name.ends_with(".css")) {
        assert!(!text.contains("url(") && !text.contains("@import"), "{name} fetches something");
    }
}

/// Against declarations that are generated from the API's own types.
#[test]
fn types() {
    let compiler = npm::install("typescript").join("node_modules/typescript/bin/tsc");
    let mut tsc = Command::new("node");
    Said::of(tsc.arg(compiler).arg("--project").arg(workspace().join("tests/ui/tsconfig.json"))).ok();
}

fn copy(from: &Path, to: &Path, extension: &str) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("the pages' files").flatten() {
        if entry.path().extension().is_some_and(|known| known == extension) {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}

/// In a copy, since Node.js takes a script for a module only where a file beside it says so.
#[test]
fn names_and_times() {
    let place = tempfile::tempdir().expect("a temporary directory");
    fs::write(place.path().join("package.json"), r#"{"type":"module"}"#).expect("a file");
    copy(&workspace().join("ui/js"), &place.path().join("ui/js"), "js");
    copy(&workspace().join("tests/ui"), &place.path().join("tests/ui"), "mjs");
    let mut node = Command::new("node");
    Said::of(node.current_dir(place.path()).args(["--test", "tests/ui/names.test.mjs"])).ok();
}

/// Through lists, views and a decision, as somebody without a mouse goes.
#[test]
fn the_keyboard_alone() {
    Said::of(Command::new("node").arg(workspace().join("tests/ui/keys.mjs"))).ok();
}

/// Every view and state with fixtures, in light and dark. Pictures of all of them are left in the target directory.
#[test]
fn no_scene_breaks_a_rule_of_accessibility() {
    let axe = npm::install("ui").join("node_modules/axe-core/axe.min.js");
    let pictures = artifacts().join("screenshots/pages");
    let mut look = Command::new("node");
    look.arg(workspace().join("tests/ui/look.mjs")).arg(pictures).arg(axe);
    Said::of(&mut look).ok();
}
