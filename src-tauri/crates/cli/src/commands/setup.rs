//! `setup`: move in. The remote servers that the clients have already are found, each is signed in to once, and the
//! entries are rewired, all in one change that can be taken back.
//!
//! Each sign-in is a run of `add` of its own: it reads the keyboard, and what is typed after it is for the next question.

use super::connect;
use crate::args::Setup;
use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::{Ink, Out};
use crate::text::{self, visible};
use crate::wirings::{self, Came};
use crate::{domain, surroundings};
use mcp_login_ipc::api::Empty;
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Code, Fault};
use mcp_login_wiring::{Account, RemoteServer, Written, same_server};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

pub(super) fn run(out: &Out, setup: &Setup) -> Result<(), Failure> {
    let wirings = wirings::open()?;
    let (mut servers, unread) = wirings.remotes()?;
    for unread in &unread {
        Failure::from(unread.error.fault()).print(out);
    }
    servers.retain(|server| {
        setup.only.is_empty() || setup.only.iter().any(|only| same_server(only, &server.url))
    });
    let accounts = accounts()?;
    if !out.json() {
        show(out, &servers, &accounts);
    }
    if servers.is_empty() {
        if out.json() {
            out.value(&json!({"servers": [], "changes": [], "made": false, "copies": []}));
        }
        return Ok(());
    }
    if !setup.consent.yes && !setup.consent.dry_run {
        if out.json() || !surroundings::stdin_is_terminal() {
            return Err(Failure {
                next: "Nothing was changed. Run it in a terminal, or add `--yes`.".to_owned(),
                ..Fault::new(Code::NoTerminal).into()
            });
        }
        let question = "Sign in where you have to, and show me what is changed?";
        if !surroundings::ask(out, question) {
            return Ok(());
        }
    }
    let mut wired: Vec<(RemoteServer, Account)> = Vec::new();
    for server in servers {
        let known = find(&accounts, &server.url);
        let account = match known {
            Some(account) => Some(account),
            None if setup.consent.dry_run => None,
            None => sign_in(out, setup, &server.url)?,
        };
        wired.extend(account.map(|account| (server, account)));
    }
    let (plan, left_out) = wirings.move_in(wired.iter().map(|(server, account)| (server, account)))?;
    for error in &left_out {
        Failure::from(error.fault()).print(out);
    }
    let clients = wired.iter().flat_map(|(server, _)| &server.known).map(|known| known.client.name.as_str());
    let mut names: Vec<&str> = clients.collect();
    names.sort_unstable();
    names.dedup();
    let question = format!("Write this, and let {} use what you signed in to?", names.join(", "));
    let more = json!({"servers": wired.iter().map(said).collect::<Vec<_>>()});
    let came = wirings::settle(out, plan, setup.consent, &question, more)?;
    if came != Came::Made {
        return Ok(());
    }
    if !out.json() {
        out.done("Everything goes through MCP Login now. `mcp-login undo` puts it back.");
        let mut told: Vec<&str> = Vec::new();
        for (server, _) in &wired {
            for known in server.known.iter().filter(|known| !told.contains(&known.client.id.as_str())) {
                out.line(&format!("  {}: {}", known.client.name, known.client.after));
            }
            told.extend(server.known.iter().map(|known| known.client.id.as_str()));
        }
    }
    for (server, account) in &wired {
        for known in &server.known {
            connect::approve(out, &wirings, known.client, account);
        }
    }
    Ok(())
}

fn said((server, account): &(RemoteServer, Account)) -> Value {
    let known: Vec<Value> = server
        .known
        .iter()
        .map(|known| json!({"client": known.client.id, "entry": known.entry, "file": known.file.display().to_string()}))
        .collect();
    json!({"url": server.url, "account": account.name, "entries": known})
}

fn show(out: &Out, servers: &[RemoteServer], accounts: &[Account]) {
    if servers.is_empty() {
        out.line("No remote server was found in the MCP clients of this computer.");
        out.line("Sign in to one with:  mcp-login add https://…/mcp");
        return;
    }
    let found = text::count(servers.len() as u64, "remote server");
    out.line(&format!("Your MCP clients have {found}:"));
    for server in servers {
        out.line("");
        let state = match find(accounts, &server.url) {
            Some(account) => format!("signed in, as {}", visible(&account.name)),
            None => "not signed in".to_owned(),
        };
        let url = visible(&server.url);
        out.line(&format!("  {}  {}", out.paint(Ink::Strong, &url), out.paint(Ink::Faint, &state)));
        for known in &server.known {
            let how = match known.written {
                Written::Address => "",
                Written::McpRemote => ", by mcp-remote",
            };
            out.line(&format!("    {}: {}{how}", known.client.name, visible(&known.entry)));
        }
    }
    out.line("");
}

fn accounts() -> Result<Vec<Account>, Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    let accounts = link.call(&call::AccountList(Empty {}))?.accounts;
    Ok(accounts.into_iter().map(|a| Account { id: a.id, name: a.name, server: a.server }).collect())
}

fn find(accounts: &[Account], url: &str) -> Option<Account> {
    accounts.iter().find(|account| same_server(&account.server, url)).cloned()
}

/// One sign-in; none when it did not come about, and then its server stays as it is.
fn sign_in(out: &Out, setup: &Setup, url: &str) -> Result<Option<Account>, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Fault::new(Code::Internal).detail("reason", error.to_string()))?;
    let mut command = Command::new(own);
    command.args(["add", url]);
    if setup.no_browser {
        command.arg("--no-browser");
    }
    if out.json() {
        command.arg("--json");
    }
    let status = command.stderr(Stdio::inherit()).status();
    if status.is_ok_and(|status| status.success())
        && let Some(account) = find(&accounts()?, url)
    {
        return Ok(Some(account));
    }
    if !out.json() {
        out.line(&out.marked(Ink::Attention, "!", &format!("{} stays as it is.", domain::host(url))));
        out.line("");
    }
    Ok(None)
}
