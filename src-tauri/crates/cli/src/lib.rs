//! `mcp-login`, the command. It holds no token longer than it takes to print one, speaks to nobody but the
//! agent (and, in the demo, to the sandbox on loopback), and opens a browser only because the person asked.
//!
//! Results go to standard output, all else to standard error; exit statuses are those of `ipc::codes`.

#![forbid(unsafe_code)]

pub mod accounts;
pub mod args;
mod commands;
mod demo;
pub mod failure;
pub mod fast;
pub mod gateway;
mod keys;
mod link;
pub mod manual;
pub mod out;
mod preview;
mod progress;
mod proxy;
pub mod receipt;
pub mod records;
mod scheme;
mod surroundings;
pub mod table;
pub mod text;
pub mod when;
mod wirings;
mod words;

pub use mcp_login_address::{domain, opener};

use clap::Parser;
use failure::Failure;
use out::{Format, Out};
use std::ffi::OsString;

/// Does what the arguments (after the program's name) say, and gives the exit status.
#[must_use]
pub fn run(args: &[OsString]) -> u8 {
    if let Some(ask) = fast::read(args) {
        return match commands::hand_out(&ask) {
            Ok(()) => 0,
            Err(failure) => report(&Out::new(Format::People), &failure),
        };
    }
    if let Some(account) = fast::proxy(args) {
        return match proxy::run(account) {
            Ok(()) => 0,
            Err(failure) => report(&Out::new(Format::People), &failure),
        };
    }
    let program = OsString::from("mcp-login");
    let cli = match args::Cli::try_parse_from(std::iter::once(&program).chain(args)) {
        Ok(cli) => cli,
        Err(error) => return usage(args, &error),
    };
    let out = Out::new(if cli.json { Format::Json } else { Format::People });
    match commands::run(&cli, &out) {
        Ok(()) => 0,
        Err(failure) => report(&out, &failure),
    }
}

fn report(out: &Out, failure: &Failure) -> u8 {
    failure.print(out);
    failure.exit
}

/// Help and version are no mistakes; a mistake has a code like everything else.
fn usage(args: &[OsString], error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        let _ = error.print();
        return 0;
    }
    if args.iter().any(|a| a == "--json") {
        let text = error.render().to_string();
        let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
        let fact = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        return report(&Out::new(Format::Json), &Failure::usage(fact, "See `mcp-login --help`."));
    }
    let _ = error.print();
    if args.is_empty() { 2 } else { mcp_login_ipc::Exit::Usage.status() }
}
