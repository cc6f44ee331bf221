//! `logout`: sign out, and show the receipt.

use crate::args::Logout;
use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::Out;
use crate::progress::Progress;
use crate::{receipt, when};
use jiff::tz::TimeZone;
use mcp_login_ipc::api::SignOut;
use mcp_login_ipc::method::call;
use serde_json::json;

pub(super) fn run(out: &Out, logout: &Logout) -> Result<(), Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    let progress = Progress::new(out, "Signing out: revoking at the issuer, and asking whether it holds");
    let done = link.call(&call::AccountSignOut(SignOut { account: logout.name.clone(), all: logout.all }));
    progress.end();
    let done = done?;
    if out.json() {
        out.value(&json!(done));
        return Ok(());
    }
    if done.receipts.is_empty() {
        out.line("There was nothing to sign out of.");
    }
    let zone = TimeZone::system();
    for (n, one) in done.receipts.iter().enumerate() {
        if n > 0 {
            out.line("");
        }
        out.line(&receipt::render(out, one, when::now(), &zone));
    }
    Ok(())
}
