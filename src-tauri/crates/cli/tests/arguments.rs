//! What can be typed, as data: see `arguments.txt`.
#![allow(clippy::unwrap_used)]

use clap::Parser;
use mcp_login_cli::args::Cli;

#[test]
fn arguments_are_understood_as_the_table_says() {
    let mut wrong = Vec::new();
    let mut cases = 0;
    for line in include_str!("arguments.txt").lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty())
    {
        cases += 1;
        let mut parts = line.rsplitn(3, '|').map(str::trim);
        let (word, outcome, typed) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let args = std::iter::once("mcp-login").chain(typed.split_whitespace());
        let (got, said) = match Cli::try_parse_from(args) {
            Ok(_) => ("ok".to_owned(), String::new()),
            Err(e) => (e.exit_code().to_string(), e.render().to_string()),
        };
        if got != outcome || !said.contains(word) {
            wrong.push(format!("{typed}: expected {outcome} with {word:?}, got {got}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases > 60, "the table is read");
}
