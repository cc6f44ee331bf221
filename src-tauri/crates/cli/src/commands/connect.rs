//! `connect`, `disconnect` and `undo`: an account goes into an MCP client's own configuration, and out again. The exact
//! change is shown first; what is wired may use the account, so the person is asked about that in the same breath.

use crate::args::{Connect, Disconnect, Undo, Via};
use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::{Ink, Out};
use crate::table::{self, Column, Fit, cell, inked};
use crate::text::{quoted, visible};
use crate::wirings::{self, Came};
use crate::{surroundings, words};
use mcp_login_ipc::api::{
    AccountStatus, Announce, ApprovalGrant, ApprovalRequest, ApprovalsMode, DoorForgetKey, DoorMakeKey,
    Empty, RequestedState, Until,
};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Code, Fault};
use mcp_login_wiring::{Account, Client, Door, Occupied, Scope, Wirings, Wish};
use serde_json::{Value, json};
use std::path::Path;

const COLUMNS: &[Column] = &[
    Column { title: "CLIENT", fit: Fit::Whole },
    Column { title: "NAME", fit: Fit::Whole },
    Column { title: "CONNECTED", fit: Fit::Cut },
    Column { title: "FILE", fit: Fit::Cut },
];

pub(super) fn connect(out: &Out, connect: &Connect) -> Result<(), Failure> {
    let wirings = wirings::open()?;
    let (Some(name), Some(client)) = (&connect.name, &connect.client) else { return list(out, &wirings) };
    let client = wirings.client(client)?;
    let account = account(name)?;
    let via = match connect.via {
        Via::Proxy => mcp_login_wiring::Via::Proxy,
        Via::Headers => mcp_login_wiring::Via::Headers,
        Via::Door => mcp_login_wiring::Via::Door,
    };
    let door = match connect.via {
        Via::Door if connect.consent.dry_run => Some(Door { url: "unix://…".into(), ..Door::default() }),
        Via::Door => Some(new_key(client, &account)?),
        Via::Proxy | Via::Headers => None,
    };
    let key = door.as_ref().map(|door| door.id.clone()).filter(|id| !id.is_empty());
    let wish = Wish {
        client: &client.id,
        account: &account,
        via,
        scope: scope(connect.project.as_deref()),
        entry: connect.entry.as_deref(),
        occupied: if connect.replace { Occupied::Replace } else { Occupied::Refuse },
        door,
    };
    let what = format!("connect {} to {}", client.name, account.name);
    let question = format!("Write this, and let {} use {}?", client.name, visible(&account.name));
    let plan = wirings.connect(&what, &[wish]).map_err(Failure::from);
    let came = plan.and_then(|plan| wirings::settle(out, plan, connect.consent, &question, json!({})));
    if !matches!(came, Ok(Came::Made)) {
        forget(key.as_slice())?;
    }
    let came = came?;
    match came {
        Came::Shown => return Ok(()),
        Came::Made if !out.json() => {
            out.done(&format!(
                "{} is connected to {}. {}",
                client.name,
                visible(&account.name),
                client.after
            ));
        }
        Came::Nothing if !out.json() => {
            out.done(&format!("{} is connected to {} already", client.name, visible(&account.name)));
        }
        Came::Made | Came::Nothing => {}
    }
    if connect.via == Via::Door {
        if !out.json() {
            out.line(&format!("  You are asked once, when {} first comes with its key.", client.name));
        }
    } else {
        approve(out, &wirings, client, &account);
    }
    Ok(())
}

/// A key for the client, and the address that it opens.
fn new_key(client: &Client, account: &Account) -> Result<Door, Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    if !link.call(&call::DoorStatus(Empty {}))?.open {
        let fault = Fault::new(Code::NoSuchWay).detail("client", client.name.as_str());
        return Err(Failure {
            next: "Open it with `mcp-login door on`, and try again.".to_owned(),
            ..fault.detail("reason", "the agent's door is closed").into()
        });
    }
    let wish = DoorMakeKey { account: account.id.clone(), client: client.name.clone() };
    let new = link.call(&call::DoorMakeKey(wish))?;
    let url = new.made.local_url.or(new.made.url);
    let key = format!("Bearer {}", new.key.expose());
    let no_door = || Fault::new(Code::Internal).detail("reason", "the agent names no address for its door");
    Ok(Door { url: url.ok_or_else(no_door)?, key, id: new.made.id })
}

/// Keys that no entry uses any more open nothing any more.
fn forget(keys: &[String]) -> Result<(), Failure> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut link = Link::open(Start::IfNeeded)?;
    for id in keys {
        // forgotten by hand already
        let _ = link.call(&call::DoorForgetKey(DoorForgetKey { id: id.clone() }));
    }
    Ok(())
}

pub(super) fn disconnect(out: &Out, disconnect: &Disconnect) -> Result<(), Failure> {
    let wirings = wirings::open()?;
    let client = wirings.client(&disconnect.client)?;
    let scope = scope(disconnect.project.as_deref());
    let plan = wirings.disconnect(&client.id, &disconnect.name, &scope)?;
    let question = format!("Take {} out of {}?", visible(&disconnect.name), client.name);
    let keys = plan.keys.clone();
    let came = wirings::settle(out, plan, disconnect.consent, &question, json!({}))?;
    if came == Came::Made {
        forget(&keys)?;
    }
    if came == Came::Made && !out.json() {
        out.done(&format!("{} is not connected to {} any more", client.name, visible(&disconnect.name)));
        let hint = "What you allowed it stays allowed: `mcp-login approvals` shows it.";
        out.line(&out.paint(Ink::Faint, &format!("  {hint}")));
    }
    Ok(())
}

pub(super) fn undo(out: &Out, undo: &Undo) -> Result<(), Failure> {
    let plan = wirings::open()?.undo()?;
    let (what, keys) = (plan.what.clone(), plan.keys.clone());
    let came = wirings::settle(out, plan, undo.consent, "Put this back?", json!({}))?;
    if came == Came::Made {
        forget(&keys)?;
    }
    match came {
        Came::Made if !out.json() => out.done(&format!("Done: {}", visible(&what))),
        Came::Nothing if !out.json() => out.done("Everything is as it was already"),
        Came::Made | Came::Nothing | Came::Shown => {}
    }
    Ok(())
}

fn scope(project: Option<&Path>) -> Scope {
    project.map_or(Scope::Person, |directory| Scope::Project(directory.to_owned()))
}

/// The account, as the agent knows it.
fn account(name: &str) -> Result<Account, Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    let question = AccountStatus { account: name.to_owned(), verify: false };
    let account = link.call(&call::AccountStatus(question))?.account;
    Ok(Account { id: account.id, name: account.name, server: account.server })
}

/// The clients that are here, and what is wired for them.
fn list(out: &Out, wirings: &Wirings) -> Result<(), Failure> {
    let found = wirings.installed()?;
    let wired = wirings.wired()?;
    let drift = wirings.drift()?;
    let of = |client: &Client| wired.iter().filter(|wired| wired.client == client.id).collect::<Vec<_>>();
    if out.json() {
        let clients: Vec<Value> = found
            .iter()
            .map(|found| {
                let wired: Vec<Value> = of(found.client)
                    .into_iter()
                    .map(|w| {
                        let drifted = drift.iter().find(|drift| drift.wired == *w);
                        json!({
                            "account": w.account,
                            "server": w.server,
                            "entry": w.place.name,
                            "via": w.via,
                            "file": w.file.display().to_string(),
                            "changed": drifted.map(|drift| words::drifted(&drift.drifted)),
                        })
                    })
                    .collect();
                let ways: Vec<&str> =
                    found.client.ways().into_iter().map(mcp_login_wiring::Via::as_str).collect();
                json!({
                    "client": found.client.id,
                    "name": found.client.name,
                    "seen": found.seen.display().to_string(),
                    "file": found.file.display().to_string(),
                    "ways": ways,
                    "connected": wired,
                })
            })
            .collect();
        out.value(&json!({"clients": clients}));
        return Ok(());
    }
    if found.is_empty() {
        let known: Vec<&str> = wirings.known()?.iter().map(|c| c.name.as_str()).collect();
        out.line("No MCP client was found here.");
        for line in crate::text::wrap(&format!("Known are {}.", known.join(", ")), out.measure()) {
            out.line(&line);
        }
        return Ok(());
    }
    let rows: Vec<_> = found
        .iter()
        .map(|found| {
            let wired: Vec<String> = of(found.client).into_iter().map(|w| visible(&w.account)).collect();
            vec![
                inked(Ink::Strong, &found.client.id),
                cell(&found.client.name),
                cell(if wired.is_empty() { "–".to_owned() } else { wired.join(", ") }),
                cell(visible(&found.file.display().to_string())),
            ]
        })
        .collect();
    out.line(&table::render(out, COLUMNS, &rows));
    for drift in &drift {
        out.line(&out.marked(Ink::Attention, "!", &words::drift(drift)));
    }
    out.line("");
    out.line("Connect one with:  mcp-login connect ACCOUNT --client CLIENT");
    Ok(())
}

/// What is wired may use the account: the one question about this client's program and this account, answered where
/// decisions are. A program that is not known yet asks when it first comes.
pub(super) fn approve(out: &Out, wirings: &Wirings, client: &Client, account: &Account) {
    let said = match wirings.program(client) {
        None => {
            format!(
                "{} asks once, when it first uses {}; you answer then.",
                client.name,
                visible(&account.name)
            )
        }
        Some(program) => match request(&program, account) {
            Ok(said) => said(client, account),
            Err(failure) => {
                failure.print(out);
                return;
            }
        },
    };
    if !out.json() {
        for line in crate::text::wrap(&said, out.measure().saturating_sub(2)) {
            out.line(&format!("  {line}"));
        }
    }
}

type Said = fn(&Client, &Account) -> String;

fn request(program: &Path, account: &Account) -> Result<Said, Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    let question = call::ApprovalRequest(ApprovalRequest {
        program: program.display().to_string(),
        account: account.id.clone(),
    });
    let mut answer = link.call(&question);
    let no_window = |f: &Failure| f.code == Code::NoConsentWindow.row().code;
    if answer.as_ref().is_err_and(no_window)
        && let Some(environment) = surroundings::session()
    {
        link.call(&call::SessionAnnounce(Announce { environment }))?;
        answer = link.call(&question);
    }
    let first_use: Said = |client, account| {
        format!(
            "{} may not use {} yet: you are asked when it first does.",
            client.name,
            visible(&account.name)
        )
    };
    let requested = match answer {
        Err(failure) if no_window(&failure) => return Ok(first_use),
        other => other?,
    };
    let status = link.call(&call::AgentStatus(Empty {}))?;
    Ok(match (requested.state, status.approvals) {
        (RequestedState::Allowed, _) => {
            |client, account| format!("{} may use {}.", client.name, visible(&account.name))
        }
        (RequestedState::Refused, _) => |client, account| {
            format!(
                "You said never to {} for {}; `mcp-login approvals` takes that back.",
                client.name,
                visible(&account.name)
            )
        },
        (RequestedState::Asked, _) => |client, account| {
            format!("A window asks whether {} may use {}.", client.name, visible(&account.name))
        },
        // the yes to this change was the yes to that, and the settings let a terminal say it
        (RequestedState::Waiting, ApprovalsMode::Terminal) => {
            link.call(&call::ApprovalGrant(ApprovalGrant {
                pending: requested.pending,
                program: None,
                account: account.id.clone(),
                scopes: None,
                until: Until::Always,
            }))?;
            |client, account| {
                format!(
                    "{} may use {} from now on; `mcp-login approvals` takes that back.",
                    client.name,
                    visible(&account.name)
                )
            }
        }
        (RequestedState::Waiting, ApprovalsMode::Policy) => |client, account| {
            format!(
                "{} may use {} only if policy.toml allows it: there is no window that could ask.",
                client.name,
                quoted(&visible(&account.name))
            )
        },
        (RequestedState::Waiting, ApprovalsMode::Window) => first_use,
    })
}
