//! What the doctor says of MCP clients: whether their entries are still what was written, and for accounts that there are.

use super::{Check, failed, note, ok, problem};
use crate::text::visible;
use crate::{wirings, words};
use mcp_login_ipc::api::Account;
use mcp_login_wiring::{Drift, Drifted};

/// What we wrote into clients' files is still what stands there; and the accounts that it names are still there.
pub(super) fn look(accounts: Option<&[Account]>) -> Vec<Check> {
    let (wired, drift) = match wirings::open().and_then(|w| Ok((w.wired()?, w.drift()?))) {
        Ok(both) => both,
        Err(failure) => return vec![failed("Clients", &failure)],
    };
    if wired.is_empty() {
        return Vec::new();
    }
    let mut checks: Vec<Check> = drift.iter().map(drifted).collect();
    for wired in &wired {
        let named = |account: &Account| account.name == wired.account;
        if accounts.is_some_and(|accounts| !accounts.iter().any(named)) {
            let said = format!(
                "the entry {} of {} is for {}, and there is no such account",
                visible(&wired.place.name),
                wired.client,
                visible(&wired.account)
            );
            let next = "If it was renamed, connect it again by its new name; else `mcp-login disconnect`.";
            checks.push(problem("Clients", said, next));
        }
    }
    if checks.is_empty() {
        let mut names: Vec<&str> = wired.iter().map(|wired| wired.client.as_str()).collect();
        names.dedup();
        checks.push(ok("Clients", format!("{}: as they were connected", names.join(", "))));
    }
    checks
}

fn drifted(drift: &Drift) -> Check {
    let said = words::drift(drift);
    let again = format!(
        "`mcp-login connect {} --client {} --as {} --replace`",
        visible(&drift.wired.account),
        drift.wired.client,
        visible(&drift.wired.place.name)
    );
    match drift.drifted {
        Drifted::Gone => note("Clients", said, format!("Nothing to do, if you took it out; else {again}.")),
        Drifted::OtherAccount(_) => {
            note("Clients", said, format!("Nothing to do, if you did that; else {again}."))
        }
        Drifted::Unread(_) => problem("Clients", said, "Mend the file, and run the doctor again."),
        Drifted::OtherAddress(_) | Drifted::OtherCommand(_) | Drifted::Otherwise | Drifted::NoProgram(_) => {
            problem(
                "Clients",
                said,
                format!("If you did not do that, find out who did; {again} puts ours back."),
            )
        }
    }
}
