//! How the record and the approvals are shown: who asked, through which programs, and what came of it.

use crate::out::{Ink, Out};
use crate::table::{self, Cell, Column, Fit, cell, inked};
use crate::text::visible;
use crate::when;
use jiff::tz::TimeZone;
use mcp_login_ipc::api::{
    ApprovalSource, Approvals, AuditAction, AuditEntry, AuditOutcome, Caller, Subject, SubjectKind, Until,
};

/// One line of the record: when, who, what, for which account, and what came of it.
#[must_use]
pub fn entry(out: &Out, entry: &AuditEntry, now: u64, zone: &TimeZone) -> String {
    let (ink, mark) = match entry.outcome {
        AuditOutcome::Ok => (Ink::Good, "✓"),
        AuditOutcome::Denied => (Ink::Attention, "✗"),
        AuditOutcome::Failed => (Ink::Attention, "!"),
    };
    let mut said = action(entry.action, entry.outcome).to_owned();
    if let Some(account) = &entry.account {
        said.push_str(&format!(" · {}", visible(account)));
    }
    if let Some(generation) = entry.generation {
        said.push_str(&format!(" · generation {generation}"));
    }
    if let Some(caller) = &entry.caller {
        said.push_str(&format!(" · {}", chain(caller)));
    }
    if let Some(code) = &entry.code {
        said.push_str(&format!(" · [{}]", visible(code)));
    }
    if let Some(note) = &entry.note {
        said.push_str(&format!(" · {}", visible(note)));
    }
    format!("{}  {} {said}", out.paint(Ink::Faint, &when::clock(entry.at, now, zone)), out.paint(ink, mark))
}

fn action(action: AuditAction, outcome: AuditOutcome) -> &'static str {
    match (action, outcome) {
        (AuditAction::AgentStarted, _) => "agent started",
        (AuditAction::AgentStopped, _) => "agent stopped",
        (AuditAction::Token, AuditOutcome::Ok) => "token handed out",
        (AuditAction::Token, _) => "token refused",
        (AuditAction::Refresh, AuditOutcome::Ok) => "tokens rotated",
        (AuditAction::Refresh, _) => "rotation failed",
        (AuditAction::SignInStarted, _) => "sign-in begun",
        (AuditAction::SignIn, AuditOutcome::Ok) => "signed in",
        (AuditAction::SignIn, _) => "sign-in failed",
        (AuditAction::StrayCallback, _) => "callback that belongs to no sign-in",
        (AuditAction::SignOut, _) => "signed out",
        (AuditAction::Revocation, AuditOutcome::Ok) => "queued revocation done",
        (AuditAction::Revocation, _) => "queued revocation tried",
        (AuditAction::Gateway, AuditOutcome::Ok) => "messages carried",
        (AuditAction::Gateway, _) => "messages refused",
        (AuditAction::Door, _) => "HTTP door",
        (AuditAction::Rename, _) => "renamed",
        (AuditAction::ServerExamined, _) => "a server was tested",
        (AuditAction::ApprovalAsked, _) => "approval asked",
        (AuditAction::ApprovalGranted, _) => "approval given",
        (AuditAction::ApprovalDenied, _) => "approval denied",
        (AuditAction::ApprovalRemoved, _) => "approval taken back",
        (AuditAction::ConnectionRefused, _) => "connection refused",
        (AuditAction::FileKeptAside, _) => "unreadable file kept aside",
    }
}

/// The programs from the outside in: `Terminal › zsh › node`.
#[must_use]
pub fn chain(caller: &Caller) -> String {
    let names: Vec<String> = caller.chain.iter().rev().map(|p| visible(&p.name)).collect();
    if names.is_empty() {
        caller.subject.as_ref().map(subject).unwrap_or_default()
    } else {
        names.join(" › ")
    }
}

/// Whom an approval is for, in a few words.
#[must_use]
pub fn subject(subject: &Subject) -> String {
    let name = visible(&subject.name);
    match (&subject.kind, &subject.script) {
        (_, Some(script)) => format!("{name} {}", visible(script)),
        (SubjectKind::Program, None) => name,
        (SubjectKind::BareShell, None) => format!("{name} (whatever runs in this shell)"),
        (SubjectKind::BareInterpreter, None) => format!("{name} (whatever it runs)"),
    }
}

/// How long an approval holds.
#[must_use]
pub fn until(until: Until) -> &'static str {
    match until {
        Until::Once => "once",
        Until::Process => "while it runs",
        Until::TwelveHours => "12 hours",
        Until::Always => "always",
        Until::Never => "never: it is refused",
    }
}

const STANDING: &[Column] = &[
    Column { title: "ID", fit: Fit::Whole },
    Column { title: "PROGRAM", fit: Fit::Cut },
    Column { title: "ACCOUNT", fit: Fit::Cut },
    Column { title: "MAY DO", fit: Fit::Cut },
    Column { title: "UNTIL", fit: Fit::Whole },
    Column { title: "LAST USED", fit: Fit::Whole },
];

const PENDING: &[Column] = &[
    Column { title: "ID", fit: Fit::Whole },
    Column { title: "WHO ASKS", fit: Fit::Cut },
    Column { title: "ACCOUNT", fit: Fit::Cut },
    Column { title: "WANTS TO DO", fit: Fit::Cut },
    Column { title: "WAITS", fit: Fit::Whole },
];

/// What stands and what waits.
#[must_use]
pub fn approvals(out: &Out, list: &Approvals, now: u64) -> String {
    let mut text = String::new();
    if !list.pending.is_empty() {
        let rows: Vec<Vec<Cell>> = list
            .pending
            .iter()
            .map(|p| {
                vec![
                    inked(Ink::Attention, visible(&p.id)),
                    cell(chain(&p.caller)),
                    cell(visible(&p.account)),
                    cell(crate::words::scope_list(&p.scopes)),
                    cell(when::length(p.expires_at.saturating_sub(now))),
                ]
            })
            .collect();
        text.push_str(&out.paint(Ink::Strong, "Waiting for your answer"));
        text.push('\n');
        text.push_str(&table::render(out, PENDING, &rows));
        text.push_str("\n\nAnswer with `mcp-login approvals allow ID` or `deny ID`.\n\n");
    }
    if list.standing.is_empty() {
        text.push_str("Nothing is allowed: no program gets a token.");
        return text;
    }
    let rows: Vec<Vec<Cell>> = list
        .standing
        .iter()
        .map(|a| {
            let end = match (a.source, a.until, a.expires_at) {
                (ApprovalSource::Policy, _, None) => "policy file".to_owned(),
                (_, _, Some(at)) => when::distance(at.max(now), now),
                (_, kind, None) => until(kind).to_owned(),
            };
            vec![
                cell(visible(&a.id)),
                inked(Ink::Strong, subject(&a.subject)),
                cell(visible(&a.account)),
                cell(a.scopes.as_deref().map_or_else(|| "all of it".to_owned(), crate::words::scope_list)),
                cell(end),
                cell(
                    a.last_used_at
                        .map(|at| when::distance(at.min(now), now))
                        .unwrap_or_else(|| "never".into()),
                ),
            ]
        })
        .collect();
    text.push_str(&table::render(out, STANDING, &rows));
    text
}
