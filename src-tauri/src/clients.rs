//! What the main window's page may ask about MCP clients: which are here, what a change would be, and to make it.
//!
//! Invariants: a page names no file and no program, only clients, accounts, servers and entries that the shell itself has
//! shown; what is written is the change that was shown last, by its number; and lines of files come without what may be a
//! secret (`clients::masked`).

use std::sync::{Mutex, PoisonError};

use mcp_login_ipc::api::{ApprovalRequest, Empty, RequestedState};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Code, Fault, Paths, identity};
use mcp_login_wiring::{
    Account, Drift, Drifted, Here, Occupied, Plan, Scope, Sign, Via, Wired, WiringError, Wirings, Wish,
    same_server,
};
use serde_json::{Value, json};
use tauri::{AppHandle, Manager as _, command};

use crate::commands::{Answer, aside};
use crate::refusal::Refusal;
use crate::shell::Shell;

/// The change that was shown last, and who may use what when it is made.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<(u64, Option<Held>)>);

#[derive(Debug)]
struct Held {
    plan: Plan,
    wired: Vec<(String, Account)>,
}

impl From<WiringError> for Refusal {
    fn from(error: WiringError) -> Self {
        error.fault().into()
    }
}

/// What is wired on this computer.
///
/// # Errors
/// When our command is not beside us.
pub(crate) fn wirings(paths: &Paths) -> Result<Wirings, Refusal> {
    let name = format!("{}{}", identity::COMMAND_NAME, std::env::consts::EXE_SUFFIX);
    let missing = || Fault::new(Code::ProgramMissing).detail("program", identity::COMMAND_NAME);
    let own = std::env::current_exe().map_err(|_| missing())?.with_file_name(name);
    if !own.is_file() {
        return Err(missing().into());
    }
    Ok(Wirings::new(&paths.data_dir, Here::of_process(own)))
}

/// The clients that are here, what is wired for them, and the servers that they have from elsewhere.
#[command]
pub(crate) async fn clients(app: AppHandle) -> Answer {
    aside(move || {
        let wirings = wirings(&app.state::<Shell>().paths)?;
        let installed: Vec<Value> = wirings
            .installed()?
            .iter()
            .map(|found| {
                let ways: Vec<&str> =
                    found.client.ways().into_iter().filter(|via| *via != Via::Door).map(Via::as_str).collect();
                json!({
                    "id": found.client.id,
                    "name": found.client.name,
                    "file": found.file.display().to_string(),
                    "ways": ways,
                })
            })
            .collect();
        let drift = wirings.drift()?;
        let wired: Vec<Value> = wirings
            .wired()?
            .iter()
            .map(|wired| {
                let name = wirings.client(&wired.client).map(|client| client.name.clone());
                let drifted = drift.iter().find(|drift| drift.wired == *wired);
                json!({
                    "id": id(wired),
                    "client": wired.client,
                    "name": name.unwrap_or_else(|_| wired.client.clone()),
                    "account": wired.account,
                    "account_id": wired.account_id,
                    "entry": wired.place.name,
                    "via": wired.via,
                    "file": wired.file.display().to_string(),
                    "changed": drifted.map(|drift| changed(&drift.drifted)),
                })
            })
            .collect();
        let (servers, unread) = wirings.remotes()?;
        let accounts = app.state::<Shell>().ask(&call::AccountList(Empty {})).map(|list| list.accounts);
        let accounts = accounts.unwrap_or_default();
        let servers: Vec<Value> = servers
            .iter()
            .map(|server| {
                let account = accounts.iter().find(|account| same_server(&account.server, &server.url));
                let entries: Vec<Value> = server
                    .known
                    .iter()
                    .map(|known| json!({"client": known.client.name, "entry": known.entry}))
                    .collect();
                json!({"url": server.url, "account": account.map(|account| &account.name), "entries": entries})
            })
            .collect();
        let unread: Vec<Value> = unread.into_iter().map(|unread| json!(Refusal::from(unread.error))).collect();
        let undo = wirings.undo().is_ok();
        Ok(json!({
            "installed": installed,
            "wired": wired,
            "servers": servers,
            "unread": unread,
            "undo": if undo { "there" } else { "none" },
        }))
    })
    .await
}

/// Names an entry to the page.
fn id(wired: &Wired) -> String {
    format!("{}/{}/{}", wired.client, wired.place.name, wired.file.display())
}

fn changed(drifted: &Drifted) -> Value {
    let (kind, what) = match drifted {
        Drifted::Gone => ("gone", ""),
        Drifted::OtherAddress(url) => ("address", url.as_str()),
        Drifted::OtherCommand(command) => ("command", command.as_str()),
        Drifted::OtherAccount(account) => ("account", account.as_str()),
        Drifted::Otherwise => ("otherwise", ""),
        Drifted::NoProgram(command) => ("no_program", command.as_str()),
        Drifted::Unread(why) => ("unread", why.as_str()),
    };
    json!({"kind": kind, "what": what})
}

fn account(shell: &Shell, id: &str) -> Result<Account, Refusal> {
    let list = shell.ask(&call::AccountList(Empty {}))?.accounts;
    let found = list.into_iter().find(|account| account.id == id).ok_or(Code::NoSuchAccount)?;
    Ok(Account { id: found.id, name: found.name, server: found.server })
}

/// Shows what connecting a client would change.
#[command]
pub(crate) async fn plan_connect(app: AppHandle, client: String, account: String, via: Via) -> Answer {
    aside(move || {
        let shell = app.state::<Shell>();
        let wirings = wirings(&shell.paths)?;
        let account = self::account(&shell, &account)?;
        let wish = Wish {
            client: &client,
            account: &account,
            via,
            scope: Scope::Person,
            entry: None,
            occupied: Occupied::Refuse,
            door: None,
        };
        let plan = wirings.connect(&format!("connect {client} to {}", account.name), &[wish])?;
        Ok(show(&app, plan, vec![(client, account)]))
    })
    .await
}

/// Shows what taking an entry out would change.
#[command]
pub(crate) async fn plan_disconnect(app: AppHandle, wired: String) -> Answer {
    aside(move || {
        let wirings = wirings(&app.state::<Shell>().paths)?;
        let found = wirings.wired()?.into_iter().find(|known| id(known) == wired);
        let found = found
            .ok_or_else(|| Fault::new(Code::NotConnected).detail("client", "").detail("account", wired))?;
        let plan = wirings.disconnect_wired(&found)?;
        Ok(show(&app, plan, Vec::new()))
    })
    .await
}

/// Shows what moving in would change: the entries for servers that are signed in to.
#[command]
pub(crate) async fn plan_setup(app: AppHandle) -> Answer {
    aside(move || {
        let shell = app.state::<Shell>();
        let wirings = wirings(&shell.paths)?;
        let accounts = shell.ask(&call::AccountList(Empty {}))?.accounts;
        let (servers, _) = wirings.remotes()?;
        let (mut moves, mut wired) = (Vec::new(), Vec::new());
        for server in &servers {
            let account = accounts.iter().find(|account| same_server(&account.server, &server.url));
            if let Some(a) = account {
                let account = Account { id: a.id.clone(), name: a.name.clone(), server: a.server.clone() };
                wired.extend(server.known.iter().map(|known| (known.client.id.clone(), account.clone())));
                moves.push((server, account));
            }
        }
        // those that cannot be changed are named by `clients`, or stay as they are
        let (plan, _) = wirings.move_in(moves.iter().map(|(server, account)| (*server, account)))?;
        Ok(show(&app, plan, wired))
    })
    .await
}

/// Shows what taking the last change back would change.
#[command]
pub(crate) async fn plan_undo(app: AppHandle) -> Answer {
    aside(move || {
        let plan = wirings(&app.state::<Shell>().paths)?.undo()?;
        Ok(show(&app, plan, Vec::new()))
    })
    .await
}

fn show(app: &AppHandle, plan: Plan, wired: Vec<(String, Account)>) -> Value {
    let changes: Vec<Value> = plan
        .changes
        .iter()
        .map(|change| {
            let lines: Vec<Value> = change
                .hunks
                .iter()
                .flat_map(|hunk| &hunk.lines)
                .map(|line| {
                    let sign = match line.sign {
                        Sign::Stays => "stays",
                        Sign::Goes => "goes",
                        Sign::Comes => "comes",
                    };
                    json!({"sign": sign, "text": line.text})
                })
                .collect();
            let becomes = match (change.exists(), change.stays()) {
                (false, _) => "new",
                (true, false) => "removed",
                (true, true) => "changed",
            };
            json!({
                "client": change.client,
                "file": change.path.display().to_string(),
                "becomes": becomes,
                "starts": change.starts(),
                "lines": lines,
                "after": change.after_words,
                "exact": if change.entry_only { "entry_only" } else { "whole" },
            })
        })
        .collect();
    let shown = app.state::<Shown>();
    let mut held = shown.0.lock().unwrap_or_else(PoisonError::into_inner);
    held.0 += 1;
    held.1 = Some(Held { plan, wired });
    json!({"plan": held.0, "changes": changes})
}

/// Makes the change that was shown last, and has the person asked about the clients that are wired by it.
#[command]
pub(crate) async fn make_change(app: AppHandle, plan: u64) -> Answer {
    aside(move || {
        let held = {
            let shown = app.state::<Shown>();
            let mut held = shown.0.lock().unwrap_or_else(PoisonError::into_inner);
            if held.0 == plan { held.1.take() } else { None }
        };
        // another one was shown since
        let held = held.ok_or_else(|| Fault::new(Code::ClientFileChanged).detail("file", "The file"))?;
        held.plan.apply()?;
        let shell = app.state::<Shell>();
        let wirings = wirings(&shell.paths)?;
        let asked: Vec<Value> = held
            .wired
            .iter()
            .map(|(client, account)| {
                json!({"client": client, "account": account.name, "state": ask(&shell, &wirings, client, account)})
            })
            .collect();
        Ok(json!({"asked": asked}))
    })
    .await
}

/// The one question about a client and an account; a client whose program is not known asks when it first comes.
fn ask(shell: &Shell, wirings: &Wirings, client: &str, account: &Account) -> Value {
    let program = wirings.client(client).ok().and_then(|client| wirings.program(client));
    let requested = program.and_then(|program| {
        let program = program.display().to_string();
        shell.ask(&call::ApprovalRequest(ApprovalRequest { program, account: account.id.clone() })).ok()
    });
    json!(requested.map_or(RequestedState::Waiting, |requested| requested.state))
}

/// Whether a change of an entry is one that a person has to hear of, and not a sign that they took it out.
pub(crate) fn grave(drift: &Drift) -> bool {
    matches!(
        drift.drifted,
        Drifted::OtherAddress(_) | Drifted::OtherCommand(_) | Drifted::Otherwise | Drifted::NoProgram(_)
    )
}
