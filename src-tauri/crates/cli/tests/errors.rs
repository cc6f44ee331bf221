//! Every code has a fact and a next step, and a next step that names a command names one that there is.
#![allow(clippy::unwrap_used)]

use clap::{CommandFactory, Parser};
use mcp_login_cli::args::Cli;
use mcp_login_cli::failure::Failure;
use mcp_login_cli::manual::EXIT;
use mcp_login_cli::out::Out;
use mcp_login_ipc::{Code, Exit, Fault};

/// Words that the table leaves to be filled in, as a person would type them.
fn typed(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut quoted: Option<String> = None;
    for word in command.split_whitespace() {
        let word = match word {
            "URL" => "https://mcp.example.com/mcp".to_owned(),
            "ID" | "NAME" => "work".to_owned(),
            "N" => "4711".to_owned(),
            w if w.starts_with('{') && w.ends_with('}') => "work".to_owned(),
            w => w.to_owned(),
        };
        match (&mut quoted, word.starts_with('"'), word.ends_with('"')) {
            (None, true, false) => quoted = Some(word),
            (Some(open), _, end) => {
                open.push(' ');
                open.push_str(&word);
                if end {
                    words.extend(quoted.take());
                }
            }
            _ => words.push(word.trim_matches('"').to_owned()),
        }
    }
    words
}

fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_code_has_a_fact_and_a_next_step() {
    let out = Out::plain(Some(80));
    for code in Code::ALL {
        let failure = Failure::from(Fault::new(*code));
        assert!(!failure.fact.is_empty() && !failure.next.is_empty(), "{code:?}");
        let text = failure.for_people(&out);
        assert!(text.starts_with("mcp-login: "), "{text}");
        assert!(text.contains(&format!("[{}]", code.row().code)), "{text}");
        assert!(text.lines().count() >= 2, "{text}");
        assert_eq!(failure.exit, code.row().exit.status(), "{code:?}");
        assert!(failure.exit != 0, "{code:?}: an error is never a success");
        let json = failure.for_programs();
        assert_eq!(json["error"]["code"], code.row().code);
        assert!(json["error"]["next"].as_str().is_some_and(|n| !n.is_empty()));
    }
}

#[test]
fn commands_that_a_next_step_names_can_be_typed() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let row = code.row();
        for span in spans(row.next).chain(spans(row.fact)).chain(spans(row.cause)) {
            if span == "mcp-login" || !span.starts_with("mcp-login ") {
                continue;
            }
            if let Err(e) = Cli::try_parse_from(typed(span))
                && e.use_stderr()
                && !span.ends_with("add")
            {
                wrong.push(format!("{}: `{span}`", row.code));
            }
        }
    }
    assert!(wrong.is_empty(), "these cannot be typed:\n{}", wrong.join("\n"));
}

#[test]
fn options_that_a_next_step_names_are_there() {
    let mut known: Vec<String> = Vec::new();
    for sub in Cli::command().get_subcommands() {
        known.extend(sub.get_arguments().filter_map(|a| a.get_long()).map(|l| format!("--{l}")));
    }
    let mut wrong = Vec::new();
    for code in Code::ALL {
        for span in spans(code.row().next).filter(|s| s.starts_with("--")) {
            let option = span.split_whitespace().next().unwrap_or_default();
            if !known.iter().any(|k| k == option) {
                wrong.push(format!("{}: `{span}`", code.row().code));
            }
        }
    }
    assert!(wrong.is_empty(), "there are no such options:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_of_exit_statuses_is_whole() {
    let ours: Vec<u8> = EXIT.iter().map(|(n, _)| *n).collect();
    let all: Vec<u8> = Exit::ALL.iter().map(|e| e.status()).collect();
    assert_eq!(ours, all);
}

#[test]
fn what_a_server_said_cannot_move_the_cursor() {
    let fault = Fault::new(Code::RegistrationRefused)
        .detail("issuer", "https://a.example")
        .detail("reason", "no\u{1b}[2J\r\nway\u{202e}")
        .detail("error_uri", "javascript:alert(1)\u{1b}]8;;x");
    let text = Failure::from(fault).for_people(&Out::plain(Some(80)));
    assert!(!text.contains('\u{1b}') && !text.contains('\r') && !text.contains('\u{202e}'), "{text:?}");
}
