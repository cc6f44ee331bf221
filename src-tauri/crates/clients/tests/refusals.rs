//! What is not edited, and what is said about it.
#![allow(clippy::unwrap_used)]

use mcp_login_clients::{Document, EditError, Format, Occupied, Place, Spot, Tree};

fn place() -> Place {
    Place { keys: vec!["mcpServers".into()], name: "work".into() }
}

fn entry() -> Tree {
    Tree::Map(vec![("command".into(), Tree::Text("/opt/mcp-login".into()))])
}

fn refused(format: Format, text: &str) -> EditError {
    let edit = Document::read(format, text).and_then(|d| d.connect(&place(), &entry(), Occupied::Refuse));
    match edit {
        Ok(made) => panic!("an edit for {text:?}: {made:?}"),
        Err(error) => error,
    }
}

#[test]
fn refusals_name_the_line_and_what_to_do() {
    let broken = |format, text: &str, line, word: &str| match refused(format, text) {
        EditError::Broken { spot, what } => {
            assert_eq!(spot.line, line, "{text}");
            assert!(what.contains(word), "{text}: {what}");
        }
        other => panic!("{text}: {other:?}"),
    };
    broken(Format::Json, "{\n  \"a\": 1,\n  // note\n  \"b\": 2\n}", 3, "comments are not allowed");
    broken(Format::Json, "{\n  \"a\": 1,\n}", 2, "railing comma");
    broken(Format::Jsonc, "{\n  \"a\": 1\n  \"b\": 2\n}", 2, "comma");
    broken(Format::Jsonc, "{\n  \"mcpServers\": {\n", 2, "nterminated object");
    broken(Format::Jsonc, "{\n  'a': 1\n}", 2, "ingle-quoted");
    broken(Format::Jsonc, "{} {}", 1, "ext cannot contain more than one");
    broken(Format::Jsonc, &"[".repeat(100_000), 1, "nesting");
    broken(Format::Toml, "a = 1\nb = \n", 2, "");
    broken(Format::Toml, "[mcpServers.a]\nx = 1\n[mcpServers.a]\n", 3, "duplicate");

    let text = "{\n  \"mcpServers\": {},\n  \"mcpServers\": {}\n}";
    let twice = EditError::Twice { spot: Spot { line: 3, column: 3 }, key: "mcpServers".into() };
    assert_eq!(refused(Format::Jsonc, text), twice);
    let text = "{\"mcpServers\": {\"work\": 1,\n\"work\": 2}}";
    assert!(matches!(refused(Format::Jsonc, text), EditError::Twice { spot: Spot { line: 2, .. }, .. }));

    let text = "{\n  \"mcpServers\": [\n  ]\n}";
    assert!(matches!(refused(Format::Json, text), EditError::WrongKind { spot: Spot { line: 2, .. }, .. }));
    assert!(matches!(refused(Format::Json, "[]"), EditError::WrongKind { .. }));
    assert!(matches!(
        refused(Format::Toml, "mcpServers = 3\n"),
        EditError::WrongKind { spot: Spot { line: 1, .. }, .. }
    ));
    assert!(matches!(
        refused(Format::Toml, "\nmcpServers = {}\n"),
        EditError::Form { spot: Spot { line: 2, .. }, .. }
    ));

    let text = "{\"mcpServers\": {\n\"work\": {}}}";
    assert!(matches!(refused(Format::Json, text), EditError::Occupied { spot: Spot { line: 2, .. }, .. }));
    let text = "\n[mcpServers.work]\n";
    assert!(matches!(refused(Format::Toml, text), EditError::Occupied { spot: Spot { line: 2, .. }, .. }));
    for error in [refused(Format::Json, "{"), refused(Format::Json, "{\"mcpServers\": {\"work\": {}}}")] {
        assert!(!error.next().is_empty() && error.spot().is_some_and(|spot| spot.line == 1), "{error}");
    }
}

#[test]
fn what_is_not_there_is_not_taken_out() {
    for text in ["", "{}", "{\"mcpServers\": {\"other\": {}}}"] {
        let document = Document::read(Format::Json, text).unwrap();
        assert!(matches!(document.disconnect(&place(), None), Err(EditError::NotThere { .. })), "{text}");
    }
}

#[test]
fn a_table_in_another_form_is_not_taken_apart() {
    for text in ["mcpServers.work.command = 'x'\n", "[mcpServers]\nwork = { command = 'x' }\n"] {
        let document = Document::read(Format::Toml, text).unwrap();
        let edit = document.connect(&place(), &entry(), Occupied::Replace);
        assert!(matches!(edit, Err(EditError::Form { .. })), "{text}: {edit:?}");
        assert!(matches!(document.disconnect(&place(), None), Err(EditError::Form { .. })), "{text}");
    }
}

/// A person's own settings of an entry outlive the change of its way; sub-tables too.
#[test]
fn settings_that_are_not_the_way_stay() {
    let text = "[mcpServers.work]\nurl = \"https://a.example\" # old\nenabled = true # keep\n\n[mcpServers.work.http_headers]\nA = \"b\"\n\n[mcpServers.work.tools.x]\napproval = \"prompt\"\n# for z\n[z]\n";
    let document = Document::read(Format::Toml, text).unwrap();
    let made = document.connect(&place(), &entry(), Occupied::Replace).unwrap();
    let after = made.edit.apply(text).unwrap();
    assert_eq!(
        after,
        "[mcpServers.work]\ncommand = \"/opt/mcp-login\"\nenabled = true # keep\n\n\n[mcpServers.work.tools.x]\napproval = \"prompt\"\n# for z\n[z]\n"
    );
    let out = Document::read(Format::Toml, &after).unwrap().disconnect(&place(), Some(&made)).unwrap();
    assert_eq!(out.edit().apply(&after).unwrap(), text);
}
