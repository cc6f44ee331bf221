//! `list`, `status`, `refresh`, `rename`.

use crate::accounts;
use crate::args::{Rename, Status};
use crate::failure::Failure;
use crate::gateway;
use crate::link::{Link, Start};
use crate::out::{Ink, Out};
use crate::progress::Progress;
use crate::text::visible;
use crate::{when, wirings, words};
use jiff::tz::TimeZone;
use mcp_login_ipc::api::{AccountRefresh, AccountRename, AccountStatus, Empty, Gateway};
use mcp_login_ipc::method::call;
use serde_json::json;

pub(super) fn list(out: &Out) -> Result<(), Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    let list = link.call(&call::AccountList(Empty {}))?;
    let gateway = waiting(&mut link);
    if out.json() {
        out.value(&json!({"accounts": list.accounts, "attention": gateway.attention}));
        return Ok(());
    }
    out.line(&accounts::list(out, &list.accounts, when::now()));
    if let Some(attention) = gateway::attention(out, &gateway.attention) {
        out.line("");
        out.line(&attention);
    }
    Ok(())
}

/// What is connected and what waits; nothing from an agent that knows no links.
fn waiting(link: &mut Link) -> Gateway {
    link.call(&call::GatewayList(Empty {})).unwrap_or_default()
}

pub(super) fn status(out: &Out, status: &Status) -> Result<(), Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    let now = when::now();
    let names = match &status.name {
        Some(name) => vec![name.clone()],
        None => link.call(&call::AccountList(Empty {}))?.accounts.into_iter().map(|a| a.id).collect(),
    };
    let mut shown = Vec::new();
    for name in &names {
        let progress = status.verify.then(|| Progress::new(out, "Asking issuer and server"));
        let one =
            link.call(&call::AccountStatus(AccountStatus { account: name.clone(), verify: status.verify }))?;
        drop(progress);
        if !out.json() {
            if !shown.is_empty() {
                out.line("");
            }
            out.line(&accounts::full(out, &one.account, one.verification.as_ref(), now, &TimeZone::system()));
        }
        shown.push(one);
    }
    if status.name.is_some() {
        if out.json() {
            out.value(&json!(shown.first()));
        }
        return Ok(());
    }
    let agent = link.call(&call::AgentStatus(Empty {}))?;
    let gateway = waiting(&mut link);
    // what cannot be looked at is the doctor's business
    let drift = wirings::open().and_then(|wirings| Ok(wirings.drift()?)).unwrap_or_default();
    if out.json() {
        let drift: Vec<_> = drift.iter().map(words::drift).collect();
        out.value(&json!({"agent": agent, "accounts": shown, "gateway": gateway, "clients_changed": drift}));
        return Ok(());
    }
    if shown.is_empty() {
        out.line(&accounts::list(out, &[], now));
    }
    out.line("");
    out.line(&super::agent::summary(out, &agent, now));
    for drift in &drift {
        out.line(&out.marked(Ink::Attention, "!", &words::drift(drift)));
    }
    let parts = [gateway::links(out, &gateway, now), gateway::attention(out, &gateway.attention)];
    for part in parts.into_iter().flatten() {
        out.line("");
        out.line(&part);
    }
    Ok(())
}

pub(super) fn refresh(out: &Out, name: &str) -> Result<(), Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    let progress = Progress::new(out, "Fetching new tokens");
    let done = link.call(&call::AccountRefresh(AccountRefresh { account: name.to_owned() }));
    progress.end();
    let done = done?;
    if out.json() {
        out.value(&json!(done));
        return Ok(());
    }
    let end = done
        .expires_at
        .map(|at| format!("; they end {}", when::distance(at, when::now())))
        .unwrap_or_default();
    out.done(&format!("{}: new tokens, generation {}{end}", visible(name), done.generation));
    Ok(())
}

pub(super) fn rename(out: &Out, rename: &Rename) -> Result<(), Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    let done = link.call(&call::AccountRename(AccountRename {
        account: rename.name.clone(),
        name: rename.new_name.clone(),
    }))?;
    if out.json() {
        out.value(&json!(done));
    } else {
        out.done(&format!(
            "{} is now called {}",
            visible(&rename.name),
            out.paint(Ink::Strong, &visible(&done.account.name))
        ));
        let wired = wirings::open().and_then(|wirings| Ok(wirings.wired()?)).unwrap_or_default();
        for wired in wired.iter().filter(|wired| wired.account_id == done.account.id) {
            let again = format!(
                "{} still asks for {}. Tell it with:  mcp-login connect {} --client {} --as {}",
                wired.client,
                visible(&wired.account),
                visible(&done.account.name),
                wired.client,
                visible(&wired.place.name)
            );
            out.line(&out.marked(Ink::Attention, "!", &again));
        }
    }
    Ok(())
}
