//! After a sign-in nobody may use the account yet. Where the settings let a terminal answer, the person is asked
//! about the program that this terminal belongs to: the agent says which that is, by being asked for a token.

use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::{Ink, Out};
use crate::records;
use crate::text::visible;
use mcp_login_ipc::api::{Account, ApprovalGrant, Empty, PendingApproval, TokenGet, Until};
use mcp_login_ipc::method::call;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

/// How long the question may take to appear; it is made before the first answer.
const QUESTION: Duration = Duration::from_secs(2);

/// Asks, and does what is answered. Nothing is said when the program is allowed already, or nothing can be asked.
pub(super) fn this_terminal(out: &Out, account: &Account) {
    let Ok(mut link) = Link::open(Start::Never) else { return };
    let known: Vec<String> = waiting(&mut link, account).into_iter().map(|p| p.id).collect();
    let id = account.id.clone();
    // the agent may hold the request until it is answered, so it has a thread and a connection of its own
    let asking = std::thread::spawn(move || -> Result<(), Failure> {
        Link::open(Start::Never)?
            .call(&call::TokenGet(TokenGet { account: id, newer_than: None, min_ttl: None }))
            .map(drop)
    });
    let until = Instant::now() + QUESTION;
    let question = loop {
        if let Some(new) = waiting(&mut link, account).into_iter().find(|p| !known.contains(&p.id)) {
            break Some(new);
        }
        if asking.is_finished() && waiting(&mut link, account).is_empty() || Instant::now() > until {
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let Some(question) = question else { return };
    let Some(period) = ask(out, &question) else { return };
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

fn waiting(link: &mut Link, account: &Account) -> Vec<PendingApproval> {
    let list = link.call(&call::ApprovalList(Empty {})).map(|l| l.pending).unwrap_or_default();
    list.into_iter().filter(|p| p.account == account.name || p.account == account.id).collect()
}

fn ask(out: &Out, question: &PendingApproval) -> Option<Until> {
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
    let mut line = String::new();
    let _ = std::io::stdin().lock().read_line(&mut line);
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Some(Until::TwelveHours),
        "a" | "always" => Some(Until::Always),
        _ => None,
    }
}
