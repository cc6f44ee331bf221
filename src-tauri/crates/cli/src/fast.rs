//! The short way. MCP clients start `mcp-login headers NAME` for every connection and scripts start
//! `mcp-login token NAME` in a loop, so for their plain forms a whole process may cost twice an empty one.
//! Reading those by hand, before the big reader is set up, keeps its tables and allocations out of the way.
//! What is not plain goes the long way; a test holds that both understand the same.

use crate::args::{Cli, Command, Headers, Token};
use std::ffi::OsString;

/// A plain `token` or `headers`.
#[derive(Debug, PartialEq, Eq)]
pub struct Ask {
    /// What to print.
    pub print: Print,
    /// The account, or the server's address.
    pub account: String,
    /// The token must be good for this many seconds more.
    pub min_ttl: Option<u64>,
    /// Get a newer one than this generation.
    pub newer_than: Option<u64>,
}

/// What to print of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Print {
    /// The token and a line end.
    Token,
    /// The token with its expiry and generation, as JSON.
    TokenJson,
    /// `{"Authorization":"Bearer …"}`
    Headers,
}

/// Reads the arguments after the program's name; `None` when they are not of the plain forms
/// `token NAME [--min-ttl N] [--newer-than N]` and `headers NAME`.
#[must_use]
pub fn read(args: &[OsString]) -> Option<Ask> {
    let [command, account, rest @ ..] = args else { return None };
    let print = match command.to_str()? {
        "token" => Print::Token,
        "headers" => Print::Headers,
        _ => return None,
    };
    let account = account.to_str()?;
    if account.is_empty() || account.starts_with('-') {
        return None;
    }
    let mut ask = Ask { print, account: account.to_owned(), min_ttl: None, newer_than: None };
    for pair in rest.chunks(2) {
        let [option, value] = pair else { return None };
        let value = value.to_str()?;
        // `u64::from_str` takes a leading plus; both readers do, but it is not plain
        if !value.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let slot = match (print, option.to_str()?) {
            (Print::Token, "--min-ttl") => &mut ask.min_ttl,
            (Print::Token, "--newer-than") => &mut ask.newer_than,
            _ => return None,
        };
        // said twice is the long way's business
        if slot.replace(value.parse().ok()?).is_some() {
            return None;
        }
    }
    Some(ask)
}

/// The account of a plain `proxy NAME`: clients start one for every window.
#[must_use]
pub fn proxy(args: &[OsString]) -> Option<&str> {
    let [command, account] = args else { return None };
    let account = account.to_str().filter(|name| !name.is_empty() && !name.starts_with('-'))?;
    (command.to_str()? == "proxy").then_some(account)
}

/// The same from what the big reader understood.
#[must_use]
pub fn from_cli(cli: &Cli) -> Option<Ask> {
    match &cli.command {
        Command::Token(Token { name, min_ttl, newer_than }) => Some(Ask {
            print: if cli.json { Print::TokenJson } else { Print::Token },
            account: name.clone(),
            min_ttl: *min_ttl,
            newer_than: *newer_than,
        }),
        Command::Headers(Headers { name }) => {
            Some(Ask { print: Print::Headers, account: name.clone(), min_ttl: None, newer_than: None })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn os(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn both_readers_understand_the_same() {
        let mut plain = 0;
        for line in [
            "token work",
            "headers work",
            "token https://mcp.example.com/mcp",
            "token work --min-ttl 60",
            "token work --newer-than 7",
            "token work --newer-than 7 --min-ttl 60",
            "token work --min-ttl 60 --newer-than 7",
            "token work --min-ttl 0",
            "token work --min-ttl 18446744073709551615",
            "headers über",
            // not plain, or wrong: the short way must leave them alone or agree
            "token",
            "headers",
            "token --help",
            "token -h",
            "token -- work",
            "token work --json",
            "--json token work",
            "token --min-ttl 60 work",
            "token work --min-ttl=60",
            "token work --min-ttl",
            "token work --min-ttl x",
            "token work --min-ttl -1",
            "token work --min-ttl +1",
            "token work --min-ttl 18446744073709551616",
            "token work --min-ttl 1 --min-ttl 2",
            "token work extra",
            "headers work --min-ttl 60",
            "headers work --json",
            "tokens work",
            "status work",
        ] {
            if let Some(short) = read(&os(line)) {
                plain += 1;
                let mut full = vec![OsString::from("mcp-login")];
                full.extend(os(line));
                let long = Cli::try_parse_from(full).ok().and_then(|cli| from_cli(&cli));
                assert_eq!(Some(short), long, "{line}");
            }
        }
        assert_eq!(plain, 10, "the plain forms go the short way");
    }

    #[test]
    fn the_empty_name_is_not_plain() {
        assert_eq!(read(&[OsString::from("token"), OsString::new()]), None);
    }
}
