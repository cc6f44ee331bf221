//! The commands: each asks the agent and prints what came of it. None holds more than one answer.

mod account;
mod add;
mod agent;
mod approvals;
mod callback;
mod connect;
mod doctor;
mod door;
mod examine;
mod log;
mod logout;
mod offer;
mod path;
mod setup;
mod token;
mod update;
mod waiting;

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::out::Out;
use crate::{fast, manual};
use mcp_login_ipc::Exit;
use std::io::Write;

pub(crate) use token::hand_out;

/// Does what was typed.
///
/// # Errors
/// What to tell the person.
pub(crate) fn run(cli: &Cli, out: &Out) -> Result<(), Failure> {
    match &cli.command {
        Command::Add(add) => add::add(out, add),
        Command::Login(login) => add::login(out, login),
        Command::List => account::list(out),
        Command::Status(status) => account::status(out, status),
        Command::Token(_) | Command::Headers(_) => match fast::from_cli(cli) {
            Some(ask) => token::hand_out(&ask),
            None => Ok(()),
        },
        Command::Proxy(proxy) => crate::proxy::run(&proxy.name),
        Command::Door(args) => door::run(out, args),
        Command::Refresh(name) => account::refresh(out, &name.name),
        Command::Logout(logout) => logout::run(out, logout),
        Command::Rename(rename) => account::rename(out, rename),
        Command::Pause => agent::pause(out, true),
        Command::Resume => agent::pause(out, false),
        Command::Connect(connect) => connect::connect(out, connect),
        Command::Disconnect(disconnect) => connect::disconnect(out, disconnect),
        Command::Undo(undo) => connect::undo(out, undo),
        Command::Setup(setup) => setup::run(out, setup),
        Command::Approvals(approvals) => approvals::run(out, approvals),
        Command::Log(log) => log::run(out, log),
        Command::Agent(agent) => agent::run(out, agent.action),
        Command::Doctor(doctor) => match &doctor.url {
            None => doctor::run(out),
            Some(url) => examine::run(out, url, doctor),
        },
        Command::Update => update::run(out),
        Command::Callback(callback) => callback::run(out, callback),
        Command::Demo(demo) => crate::demo::run(out, demo),
        Command::Path { action } => path::run(out, *action),
        Command::Completions { shell } => {
            write(&manual::completions(*shell));
            Ok(())
        }
        Command::Man { dir: None } => {
            write(&manual::page().unwrap_or_default());
            Ok(())
        }
        Command::Man { dir: Some(dir) } => match manual::pages(dir) {
            Ok(n) => {
                out.note(&format!("{} written into {}", crate::text::count(n as u64, "page"), dir.display()));
                Ok(())
            }
            Err(e) => Err(Failure::own(
                "not_written",
                Exit::Failed,
                format!("The pages could not be written into {}: {e}.", dir.display()),
                "Name a directory that you may write to.",
            )),
        },
    }
}

fn write(bytes: &[u8]) {
    // a reader that has gone away is no failure
    let _ = std::io::stdout().lock().write_all(bytes);
}
