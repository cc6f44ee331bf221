//! House rules that no compiler knows.

use std::fs;

use mcp_login_tests::{Build, Programs, kept_files};

/// This file holds the words it looks for.
const THIS: &str = "tests/house.rs";

#[test]
fn nothing_is_left_to_do() {
    let words = ["TODO", "FIXME", "XXX:", "HACK:", "todo!(", "unimplemented!("];
    let mut found = Vec::new();
    for (name, text) in kept_files() {
        if name == THIS || name.ends_with("package-lock.json") || name.ends_with("Cargo.lock") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            found.extend(
                words
                    .iter()
                    .filter(|word| line.contains(*word))
                    .map(|word| format!("{name}:{}: {word}", number + 1)),
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Somebody's machine has no place in the project.
#[test]
fn no_path_of_a_machine() {
    let words = ["/root/", "/work/", "/Users/", "C:\\Users\\"];
    let mut found = Vec::new();
    for (name, text) in kept_files() {
        if name == THIS {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            // Where documentation or a test shows a path, it is of a person called ada or alex.
            let own =
                line.contains("/Users/ada") || line.contains("/Users/alex") || line.contains("\\Users\\ada");
            found.extend(
                words
                    .iter()
                    .filter(|word| line.contains(*word) && !own)
                    .map(|word| format!("{name}:{}: {word}", number + 1)),
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Every crate forbids `unsafe`, or allows it in leaf modules whose every block says why it is sound.
#[test]
fn unsafe_says_why() {
    let mut found = Vec::new();
    for (name, text) in kept_files() {
        if !name.ends_with(".rs") || name == THIS {
            continue;
        }
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code.contains("unsafe {") || code.contains("unsafe impl") {
                let before = lines[index.saturating_sub(12)..=index].join("\n");
                if !before.contains("SAFETY") {
                    found.push(format!("{name}:{}: no SAFETY line", index + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The name by which a fault point is chosen. It is what a shipped agent must not even know.
const FAULT_POINT: &[u8] = b"MCP_LOGIN_FAULT";

fn holds(program: &std::path::Path, word: &[u8]) -> bool {
    let bytes = fs::read(program).expect("a program that was built");
    bytes.windows(word.len()).any(|window| window == word)
}

#[test]
fn no_shipped_program_has_fault_points() {
    let plain = Programs::get(Build::Plain);
    for program in [&plain.command, &plain.agent, &plain.sandbox] {
        assert!(!holds(program, FAULT_POINT), "{} has fault points", program.display());
    }
    // So that this test can fail: the other build does have them.
    let faults = Programs::get(Build::FaultPoints);
    assert!(
        holds(&faults.agent, FAULT_POINT),
        "the build with fault points has none, or they have another name"
    );
}

/// A debug build and a shipped one are two different programs to the system: other scheme, other keychain items.
#[test]
fn a_debug_build_has_an_identity_of_its_own() {
    let scheme = mcp_login_ipc::identity::SCHEME;
    assert_eq!(scheme.ends_with(".dev"), cfg!(debug_assertions), "{scheme}");
    assert_eq!(mcp_login_ipc::identity::KEYCHAIN_SERVICE, scheme);
}
