//! After a sign-in nobody may use the account yet. Where the settings let a terminal answer, the person is asked
//! about the program that this terminal belongs to: the agent says which that is, by being asked for a token.

use crate::link::{Link, Start};
use crate::out::{Ink, Out};
use crate::records;
use crate::text::visible;
use mcp_login_ipc::api::{Account, ApprovalGrant, Empty, PendingApproval, TokenGet, Until};
use mcp_login_ipc::method::call;
use std::io::Write;

/// Asks, and does what is answered. Nothing is said when the program is allowed already, or nothing can be asked.
/// `answer` gives the next line that is typed.
pub(super) fn this_terminal(out: &Out, account: &Account, answer: &mut dyn FnMut() -> Option<String>) {
    let Ok(mut link) = Link::open(Start::Never) else { return };
    let wish = TokenGet { account: account.id.clone(), newer_than: None, min_ttl: None, helper: false };
    let Err(refused) = link.call(&call::TokenGet(wish)) else { return };
    let Some(id) = refused.detail.get("pending").and_then(|id| id.as_str()) else { return };
    let Ok(list) = link.call(&call::ApprovalList(Empty {})) else { return };
    let Some(question) = list.pending.into_iter().find(|p| p.id == id) else { return };
    let Some(period) = ask(out, &question, answer) else { return };
    let granted = link.call(&call::ApprovalGrant(ApprovalGrant {
        pending: Some(question.id),
        program: None,
        account: account.id.clone(),
        scopes: None,
        until: period,
    }));
    match granted {
        Ok(done) => out.done(&format!(
            "{} may use {} ({})",
            records::subject(&done.approval.subject),
            visible(&account.name),
            records::until(period)
        )),
        Err(failure) => failure.print(out),
    }
}

fn ask(out: &Out, question: &PendingApproval, answer: &mut dyn FnMut() -> Option<String>) -> Option<Until> {
    out.line("");
    out.line(&out.marked(
        Ink::Attention,
        "?",
        &format!(
            "No program may use {} yet. You are in {}; it was started as {}.",
            visible(&question.account),
            records::subject(&question.subject),
            records::chain(&question.caller)
        ),
    ));
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "  Allow everything that runs in it? [y] for 12 hours, [a]lways, [N]o ");
    let _ = err.flush();
    drop(err);
    let line = answer().unwrap_or_default();
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Some(Until::TwelveHours),
        "a" | "always" => Some(Until::Always),
        _ => None,
    }
}
