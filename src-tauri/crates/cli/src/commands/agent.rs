//! `agent`, `pause` and `resume`.

use crate::args::AgentAction;
use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::{Ink, Out};
use crate::progress::Progress;
use crate::text::{self, visible};
use crate::{when, words};
use mcp_login_ipc::api::{AgentStatus, ApprovalsMode, Display, Empty, Pause, VaultState};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Code, Fault};
use serde_json::json;
use std::time::{Duration, Instant};

/// How long a stop may take: the agent finishes writes and answers first.
const STOP: Duration = Duration::from_secs(15);

pub(super) fn run(out: &Out, action: AgentAction) -> Result<(), Failure> {
    match action {
        AgentAction::Start => start(out, "Running"),
        AgentAction::Stop => stop(out),
        AgentAction::Restart => {
            end(out)?;
            start(out, "Started anew")
        }
        AgentAction::Status => show(out, Start::Never, None),
    }
}

fn start(out: &Out, word: &str) -> Result<(), Failure> {
    show(out, Start::IfNeeded, Some(word))
}

fn show(out: &Out, start: Start, word: Option<&str>) -> Result<(), Failure> {
    let progress = Progress::new(out, "Starting the agent");
    let status = Link::open(start).and_then(|mut link| link.call(&call::AgentStatus(Empty {})));
    progress.end();
    let status = status?;
    if out.json() {
        out.value(&json!(status));
        return Ok(());
    }
    if let Some(word) = word {
        out.done(&format!("{word}: process {}, version {}", status.pid, visible(&status.version)));
    } else {
        out.line(&summary(out, &status, when::now()));
    }
    Ok(())
}

fn stop(out: &Out) -> Result<(), Failure> {
    let was = end(out)?;
    if out.json() {
        out.value(&json!({"stopped": was}));
    } else if was {
        out.done("The agent has ended. It starts again by itself when something needs it.");
    } else {
        out.line("The agent was not running.");
    }
    Ok(())
}

/// Ends the agent and waits until it has gone; whether there was one.
fn end(out: &Out) -> Result<bool, Failure> {
    let mut link = match Link::open(Start::Never) {
        Ok(link) => link,
        Err(failure) if failure.code == Code::AgentNotRunning.row().code => return Ok(false),
        Err(failure) => return Err(failure),
    };
    let this = link.welcome().map(|welcome| welcome.instance.clone());
    let progress = Progress::new(out, "The agent finishes what it does");
    link.call(&call::AgentStop(Empty {}))?;
    let until = Instant::now() + STOP;
    while Instant::now() < until {
        // the connection of one that is about to end breaks, or is refused
        match Link::open(Start::Never) {
            Err(failure) if failure.code == Code::AgentNotRunning.row().code => {
                progress.end();
                return Ok(true);
            }
            // somebody who needed one has started the next
            Ok(next) if next.welcome().map(|next| &next.instance) != this.as_ref() => {
                progress.end();
                return Ok(true);
            }
            _ => std::thread::sleep(Duration::from_millis(30)),
        }
    }
    Err(Fault::new(Code::AgentSilent).into())
}

pub(super) fn pause(out: &Out, paused: bool) -> Result<(), Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    link.call(&call::AgentPause(Pause { paused }))?;
    if out.json() {
        out.value(&json!({"paused": paused}));
    } else if paused {
        out.done("Paused: no tokens are handed out or renewed until `mcp-login resume`.");
    } else {
        out.done("Tokens are handed out and renewed again.");
    }
    Ok(())
}

/// The agent in a few lines.
pub(super) fn summary(out: &Out, status: &AgentStatus, now: u64) -> String {
    let head =
        if status.paused { out.paint(Ink::Attention, "paused") } else { out.paint(Ink::Good, "running") };
    let mut rows = vec![
        (
            "Process",
            format!(
                "{}, version {}, up {}",
                status.pid,
                visible(&status.version),
                when::length(now.saturating_sub(status.started_at))
            ),
        ),
        ("Tokens in", words::vault_view(&status.vault)),
        (
            "Approvals",
            match (status.approvals, status.display) {
                (ApprovalsMode::Window, Display::Known) => "a window asks",
                (ApprovalsMode::Window, Display::Unknown) => "a window asks, once a display is known",
                (ApprovalsMode::Terminal, _) => "answered with `mcp-login approvals`",
                (ApprovalsMode::Policy, _) => "only what policy.toml allows",
            }
            .to_owned(),
        ),
        ("Scheme", words::scheme(&status.scheme)),
    ];
    let accounts: Vec<String> = status
        .accounts
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(s, n)| format!("{n} {}", s.replace('_', " ")))
        .collect();
    rows.push(("Accounts", if accounts.is_empty() { "none".to_owned() } else { accounts.join(", ") }));
    if status.revocations_queued > 0 {
        rows.push((
            "To revoke",
            format!("{} waiting for the issuer", text::count(u64::from(status.revocations_queued), "token")),
        ));
    }
    rows.push(("Settings", visible(&status.paths.config)));
    rows.push(("Data", visible(&status.paths.data)));
    rows.push(("Socket", visible(&status.paths.socket)));
    if let Some(log) = &status.paths.log {
        rows.push(("Log", visible(log)));
    }
    let mut text = format!("{}  {head}\n{}", out.paint(Ink::Strong, "Agent"), out.facts(&rows));
    if status.vault.state != VaultState::Ready && status.vault.state != VaultState::Unknown {
        text.push_str("\n\n");
        text.push_str(&out.marked(
            Ink::Attention,
            "!",
            "The keychain is not usable now; `mcp-login doctor` says what to do.",
        ));
    }
    text
}
