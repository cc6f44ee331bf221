//! `mcp-login-desktop`: the window and the tray.
//!
//! Problem: a person wants to see and to decide, and a process that hosts a webview is no place for a token.
//! Invariants: it is a client of the agent, renders what the agent says and decides nothing; no method that hands out a
//! token is in its reach; what came by our scheme goes to the agent before a window exists, and is written nowhere.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

#[cfg(target_os = "linux")]
mod anew;
mod arguments;
mod automation;
mod autostart;
mod browsers;
mod clients;
mod clipboard;
mod command_line;
mod commands;
mod consent;
mod deep_link;
mod display;
mod front;
mod link;
mod lock;
mod notify;
mod picture;
mod refusal;
mod relay;
mod settings;
mod shell;
mod subscribers;
mod tray;
mod watch;
mod windows;
mod words;

use std::process::ExitCode;

use arguments::Opening;
use mcp_login_ipc::client::ClientError;
use mcp_login_ipc::{Exit, Fault, Paths};

fn main() -> ExitCode {
    if let Some(found) = automation::found(|name| std::env::var_os(name)) {
        return fail(
            &format!("{found} is set, and a program that is driven from outside shows no windows."),
            Exit::Usage,
        );
    }
    let opening = match arguments::read(std::env::args_os().skip(1)) {
        Ok(opening) => opening,
        Err(mistake) => return fail(&mistake.to_string(), Exit::Usage),
    };
    match opening {
        Opening::Consent => consent::run(),
        Opening::Nothing => ExitCode::SUCCESS,
        Opening::Callback(callback) => match deep_link::hand_over(&callback) {
            // whoever sent that is not answered, not even with a window
            deep_link::Handed::Stray => ExitCode::SUCCESS,
            deep_link::Handed::Over => open(Opening::Window),
        },
        Opening::Window | Opening::Background => open(opening),
    }
}

/// The first one shows itself; a later one has the first one do so.
fn open(opening: Opening) -> ExitCode {
    let paths = match Paths::find() {
        Ok(paths) => paths,
        Err(error) => return fault(&ClientError::from(error).fault()),
    };
    match lock::take(&paths.data_dir) {
        Ok(Some(lock)) => shell::run(&opening, paths, lock),
        Ok(None) if opening == Opening::Background => ExitCode::SUCCESS,
        Ok(None) => match front::raise_first() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fault(&error.fault()),
        },
        Err(error) => fault(&error),
    }
}

fn fault(fault: &Fault) -> ExitCode {
    fail(&format!("{} [{}]\n{}", fault.message, fault.data.code, fault.data.next), fault.exit())
}

/// One sentence for whoever started us from a terminal.
fn fail(text: &str, exit: Exit) -> ExitCode {
    eprintln!("mcp-login-desktop: {text}");
    ExitCode::from(exit.status())
}
