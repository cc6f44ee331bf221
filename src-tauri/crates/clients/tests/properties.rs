//! Whatever a file looks like, out again leaves the bytes that were there; and what others wrote meanwhile stays.
#![allow(clippy::unwrap_used)]

use mcp_login_clients::{Document, Edit, Format, Occupied, Place, Splice, Tree};
use proptest::prelude::*;

/// How somebody writes.
#[derive(Clone, Debug)]
struct Hand {
    indent: &'static str,
    line_end: &'static str,
    mark: bool,
    trailing_comma: bool,
    comments: bool,
    one_line: bool,
    tail: &'static str,
}

fn hand(jsonc: bool) -> impl Strategy<Value = Hand> {
    let indent = prop_oneof![Just("  "), Just("    "), Just("\t"), Just("")];
    let line_end = prop_oneof![Just("\n"), Just("\r\n")];
    let tail = prop_oneof![Just(""), Just("\n"), Just("\n\n"), Just("  ")];
    let flag = any::<bool>();
    (indent, line_end, flag, flag, flag, flag, tail).prop_map(
        move |(indent, line_end, mark, trailing_comma, comments, one_line, tail)| Hand {
            indent,
            line_end,
            mark,
            trailing_comma: jsonc && trailing_comma,
            comments: jsonc && comments && !one_line,
            one_line,
            tail,
        },
    )
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,6}", "[ -~é]{0,8}", Just("mcpServers".to_owned()), Just("//,{".to_owned())]
}

fn value() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        (0..1000u32).prop_map(|n| Tree::Plain(n.to_string())),
        text().prop_map(Tree::Text),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Tree::List),
            prop::collection::vec((text(), inner), 0..4).prop_map(Tree::Map),
        ]
    })
}

/// A file: members before and after the one that holds the entries, which may be missing or empty.
fn root() -> impl Strategy<Value = Tree> {
    let members = || prop::collection::vec(("[a-f]{1,3}", value()), 0..3);
    let entries = prop::option::of(prop::collection::vec(("[g-k]{1,3}", value()), 0..3));
    (members(), entries, members()).prop_map(|(mut before, entries, after)| {
        before.extend(entries.map(|entries| ("servers".to_owned(), Tree::Map(entries))));
        before.extend(after);
        Tree::Map(before)
    })
}

fn json(tree: &Tree, hand: &Hand, indent: &str, out: &mut String) {
    let string = |text: &str| serde_json::to_string(text).unwrap();
    let inner = format!("{indent}{}", hand.indent);
    let (open, close, count) = match tree {
        Tree::Map(members) => ('{', '}', members.len()),
        Tree::List(list) => ('[', ']', list.len()),
        Tree::Text(text) => return out.push_str(&string(text)),
        Tree::Plain(text) => return out.push_str(text),
        Tree::Bool(value) => return out.push_str(&value.to_string()),
        Tree::Null => return out.push_str("null"),
    };
    out.push(open);
    for n in 0..count {
        if hand.one_line {
            out.push_str(if n > 0 { " " } else { "" });
        } else {
            if hand.comments && n == 1 {
                out.push_str(" // the one before, \"x\": {");
            }
            out.push_str(hand.line_end);
            if hand.comments && n == 0 {
                out.push_str(&format!("{inner}/* }} , */{}", hand.line_end));
            }
            out.push_str(&inner);
        }
        match tree {
            Tree::Map(members) => {
                out.push_str(&format!("{}: ", string(&members[n].0)));
                json(&members[n].1, hand, &inner, out);
            }
            Tree::List(list) => json(&list[n], hand, &inner, out),
            _ => {}
        }
        if n + 1 < count || hand.trailing_comma {
            out.push(',');
        }
    }
    if count > 0 && !hand.one_line {
        if hand.comments {
            out.push_str(" // last");
        }
        out.push_str(&format!("{}{indent}", hand.line_end));
    } else if count == 0 && hand.comments {
        out.push_str(&format!(" // none{}{indent}", hand.line_end));
    }
    out.push(close);
}

fn written(tree: &Tree, hand: &Hand) -> String {
    let mut out = String::from(if hand.mark { "\u{feff}" } else { "" });
    if hand.comments {
        out.push_str(&format!("// settings{}", hand.line_end));
    }
    json(tree, hand, "", &mut out);
    out + &hand.tail.replace('\n', hand.line_end)
}

fn place() -> Place {
    Place { keys: vec!["servers".into()], name: "work".into() }
}

fn entry() -> Tree {
    let text = |t: &str| Tree::Text(t.to_owned());
    Tree::Map(vec![
        ("command".into(), text(r"C:\Program Files\mcp-login.exe")),
        ("args".into(), Tree::List(vec![text("proxy"), text("work")])),
        ("env".into(), Tree::Map(Vec::new())),
    ])
}

/// In, and out again, in every way that must lead back.
fn there_and_back(format: Format, text: &str) -> Result<(), TestCaseError> {
    let document = Document::read(format, text).unwrap();
    let made = document.connect(&place(), &entry(), Occupied::Refuse).unwrap();
    let after = made.edit.apply(text).unwrap();
    let connected = Document::read(format, &after).unwrap();
    let removal = connected.disconnect(&place(), Some(&made)).unwrap();
    prop_assert_eq!(removal.edit().apply(&after).unwrap(), text, "with the record: {}", after);
    let removal = connected.disconnect(&place(), None).unwrap();
    let left = removal.edit().apply(&after).unwrap();
    let left = Document::read(format, &left).unwrap();
    let keys = place().keys;
    prop_assert_eq!(left.entries(&keys).unwrap(), document.entries(&keys).unwrap());
    // somebody wrote something at the end and at the beginning meanwhile
    let more = if format == Format::Toml { "# more\n" } else { " " };
    let moved = match after.strip_prefix('\u{feff}') {
        Some(rest) => format!("\u{feff}{more}{rest}"),
        None => format!("{more}{after}"),
    };
    let grown = Document::read(format, &moved).unwrap();
    let removal = grown.disconnect(&place(), Some(&made)).unwrap();
    let expected = match text.strip_prefix('\u{feff}') {
        Some(rest) => format!("\u{feff}{more}{rest}"),
        None => format!("{more}{text}"),
    };
    prop_assert_eq!(removal.edit().apply(&moved).unwrap(), expected);
    // another entry came after ours: it stays
    let other = Place { name: "other".into(), ..place() };
    let second = connected.connect(&other, &entry(), Occupied::Refuse).unwrap();
    let both = second.edit.apply(&after).unwrap();
    let both_read = Document::read(format, &both).unwrap();
    let removal = both_read.disconnect(&place(), Some(&made)).unwrap();
    let one = removal.edit().apply(&both).unwrap();
    let one_read = Document::read(format, &one).unwrap();
    let mut wanted = document.entries(&keys).unwrap();
    wanted.push(("other".to_owned(), entry()));
    prop_assert_eq!(one_read.entries(&keys).unwrap(), wanted, "{}", one);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_comes_back(tree in root(), hand in hand(false)) {
        there_and_back(Format::Json, &written(&tree, &hand))?;
    }

    #[test]
    fn json_with_comments_comes_back(tree in root(), hand in hand(true)) {
        there_and_back(Format::Jsonc, &written(&tree, &hand))?;
    }

    #[test]
    fn toml_comes_back(
        lines in prop::collection::vec(prop_oneof![
            Just("# a comment"), Just(""), Just("a = 1 # one"), Just("[x]"), Just("[[list]]"), Just("b.c = 'd'"),
            Just("[servers.one]"), Just("[servers.one.env]"), Just("[servers]"), Just("e = \"\"\"\n[servers.work]\n\"\"\""),
            Just("  [ servers . two ] # spaced"), Just("f = { g = [1,\n  2] }"),
        ], 0..9),
        windows in any::<bool>(), mark in any::<bool>(), ends in any::<bool>(),
    ) {
        let mut text = lines.join("\n") + if ends { "\n" } else { "" };
        if windows { text = text.replace('\n', "\r\n"); }
        if mark { text.insert(0, '\u{feff}'); }
        if Document::read(Format::Toml, &text).is_ok() {
            there_and_back(Format::Toml, &text)?;
        }
    }

    /// Anything at all: an answer or a refusal, and what is there stays there.
    #[test]
    fn no_text_is_too_odd(text in "[\\[\\]{}\",:/* \n\r\ta-c=#.é\u{feff}']{0,40}") {
        for format in [Format::Json, Format::Jsonc, Format::Toml] {
            if let Ok(document) = Document::read(format, &text)
                && let Ok(made) = document.connect(&place(), &entry(), Occupied::Replace)
            {
                let after = made.edit.apply(&text).unwrap();
                let back = Document::read(format, &after).unwrap().disconnect(&place(), Some(&made)).unwrap();
                prop_assert_eq!(back.edit().apply(&after).unwrap(), text.clone());
            }
        }
    }

    #[test]
    fn cuts_lead_back(text in "[a-c]{0,20}", cuts in prop::collection::vec((0usize..20, 0usize..4, "[a-c]{0,3}"), 0..4)) {
        let mut splices = Vec::new();
        let mut from = 0;
        let mut cuts = cuts;
        cuts.sort();
        for (at, length, new) in cuts {
            let at = at.max(from);
            let end = at + length;
            if end <= text.len() {
                splices.push(Splice { at, old: text[at..end].to_owned(), new });
                from = end + 1;
            }
        }
        let edit = Edit { splices };
        let after = edit.apply(&text).unwrap();
        prop_assert_eq!(edit.inverse().apply(&after), Some(text));
    }
}
