//! `doctor URL`: a server's whole sign-in life, tested by the agent, told to whoever runs the server: each part with its
//! verdict and clause, what was found with what to do, and a trace that can be handed on.

use super::add::redirect;
use super::approvals::split;
use super::doctor;
use super::waiting::{Aim, Front, Over, Waiting};
use crate::args::Doctor;
use crate::domain;
use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::{Ink, Out};
use crate::progress::Progress;
use crate::surroundings;
use crate::text::{self, visible};
use mcp_login_ipc::api::{Examination, Examine, ExaminedPart, Exchange, Finding, Part, PartVerdict, Weight};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Code, Exit, Fault};
use serde_json::json;
use std::path::Path;

pub(super) fn run(out: &Out, url: &str, doctor: &Doctor) -> Result<(), Failure> {
    let browser = &doctor.browser;
    let front = Front::of(browser);
    let person = !doctor.no_sign_in && (doctor.sign_in || surroundings::stdin_is_terminal());
    let examine = Examine {
        url: url.to_owned(),
        sign_in: person,
        thorough: doctor.thorough,
        redirect: Some(redirect(browser.redirect, front.screen)),
        scopes: (!browser.scopes.is_empty()).then(|| split(&browser.scopes)),
        prompt: browser.select_account.then(|| "select_account".to_owned()),
        login_hint: browser.login_hint.clone(),
    };
    if let Some(file) = &doctor.trace {
        // Before anybody signs in for it.
        write(file, "")?;
    }
    let progress = Progress::new(out, &format!("Looking at {}", domain::host(url)));
    let mut link = Link::open(Start::IfNeeded)?;
    link.call(&call::ServerExamine(examine))?;
    let aim = Aim::Examination { sign_in: None, given_up: 0 };
    let Over::Examined(report) = Waiting::new(out, front, link, aim, progress).run()? else {
        return Err(Fault::new(Code::ConnectionLost).into());
    };
    if let Some(file) = &doctor.trace {
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        write(file, &format!("{text}\n"))?;
    }
    let problems =
        report.parts.iter().flat_map(|part| &part.findings).filter(|f| f.weight > Weight::Note).count();
    if out.json() {
        let mut value = json!(report);
        value["event"] = "report".into();
        value["problems"] = problems.into();
        out.value(&value);
    } else {
        out.line(&render(out, &report, person));
        if doctor.trace.is_none() {
            out.line("");
            out.line(&trace(out, &report.trace));
        }
        out.line("");
        out.line(&doctor::sum(out, problems, "Nothing here stands in the way of desktop clients."));
    }
    doctor::found(
        problems,
        "Each says what to do about it at the server; docs/for-servers.md shows how it should be.",
    )
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|error| {
        Failure::own(
            "not_written",
            Exit::Failed,
            format!("The trace could not be written to {}: {error}.", file.display()),
            "Name a file that you may write to.",
        )
    })
}

fn render(out: &Out, report: &Examination, person: bool) -> String {
    let mut rows = vec![("Server", visible(&report.server))];
    if let Some(issuer) = &report.issuer {
        rows.push(("Issuer", visible(issuer)));
    }
    if let Some(profile) = &report.profile {
        rows.push(("Profile", format!("{} (known to need exceptions)", visible(&profile.title))));
    }
    if !report.left.is_empty() {
        let clients: Vec<String> = report.left.iter().map(|client| visible(client)).collect();
        rows.push(("Left behind", format!("the registration of {}", clients.join(", "))));
    }
    let mut lines = vec![out.facts(&rows)];
    for part in &report.parts {
        lines.push(String::new());
        lines.push(examined(out, part));
    }
    if !person {
        lines.push(String::new());
        let hint =
            "Nobody signed in: what needs tokens was not run. Run it in a terminal, or with --sign-in.";
        lines.extend(text::wrap(hint, out.measure()).iter().map(|line| out.paint(Ink::Faint, line)));
    }
    lines.join("\n")
}

fn examined(out: &Out, part: &ExaminedPart) -> String {
    let (ink, mark, verdict) = match part.verdict {
        PartVerdict::Ok => (Ink::Good, "✓", ""),
        PartVerdict::Warning => (Ink::Attention, "!", ""),
        PartVerdict::Failed => (Ink::Bad, "✗", ": failed"),
        PartVerdict::NotRun => (Ink::Faint, "·", ": not run"),
    };
    let mut text = format!("{} {}{verdict}", out.paint(ink, mark), out.paint(Ink::Strong, name(part.part)));
    text.push_str(&format!("  {}", out.paint(Ink::Faint, &visible(&part.clause))));
    let seen: Vec<(String, String)> =
        part.seen.iter().map(|(what, said)| (visible(what), visible(said))).collect();
    let seen: Vec<(&str, String)> = seen.iter().map(|(what, said)| (what.as_str(), said.clone())).collect();
    if !seen.is_empty() {
        text.push('\n');
        text.push_str(&out.facts(&seen));
    }
    for finding in &part.findings {
        text.push('\n');
        text.push_str(&told(out, finding));
    }
    text
}

fn told(out: &Out, finding: &Finding) -> String {
    let (ink, mark) = match finding.weight {
        Weight::Note => (Ink::Faint, "·"),
        Weight::Warning => (Ink::Attention, "!"),
        Weight::Failed => (Ink::Bad, "✗"),
    };
    let inner = out.narrower(2);
    let said =
        format!("{} [{}, {}]", visible(&finding.fact), visible(&finding.code), visible(&finding.clause));
    let mut lines: Vec<String> =
        inner.marked(ink, mark, &said).lines().map(|line| format!("  {line}")).collect();
    let room = out.measure().saturating_sub(4);
    for line in text::wrap(&visible(&finding.next), room) {
        let ink = if finding.weight == Weight::Note { Ink::Faint } else { Ink::Plain };
        lines.push(format!("    {}", out.paint(ink, &line)));
    }
    lines.join("\n")
}

/// Request by request: nothing in it is a secret, so that it can be handed on.
fn trace(out: &Out, trace: &[Exchange]) -> String {
    let mut lines = vec![out.paint(Ink::Strong, "Trace")];
    for exchange in trace {
        let came = match (exchange.status, &exchange.failure) {
            (Some(status), _) => status.to_string(),
            (None, Some(failure)) => visible(failure),
            (None, None) => "no answer".to_owned(),
        };
        let kind = exchange.content_type.as_deref().unwrap_or("no type");
        let to = exchange.redirect.as_ref().map(|to| format!(" to {}", visible(to))).unwrap_or_default();
        let said = format!(
            "  {:<6} {}  {came}{to}, {}, {} bytes, {} ms",
            visible(&exchange.method),
            visible(&exchange.url),
            visible(kind),
            exchange.bytes,
            exchange.millis
        );
        lines.push(out.paint(Ink::Faint, &said));
    }
    lines.join("\n")
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Discovery => "Discovery",
        Part::Registration => "Registration",
        Part::Authorization => "Authorization",
        Part::Token => "Token",
        Part::Server => "Server",
        Part::Refresh => "Refresh",
        Part::Revocation => "Revocation",
    }
}

/// What is said while a part is on.
pub(super) fn busy(part: Part) -> &'static str {
    match part {
        Part::Discovery => "Reading what the server and its issuer say",
        Part::Registration => "Registering, once for each way back",
        Part::Authorization => "Asking the authorization endpoint",
        Part::Token => "Exchanging the code for tokens",
        Part::Server => "Using the token at the server",
        Part::Refresh => "Renewing the tokens",
        Part::Revocation => "Revoking the tokens, and trying them",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use mcp_login_ipc::finding::Find;

    #[test]
    fn a_part_is_told_with_clause_and_next_step() {
        let finding = Find::LoopbackPortFixed.found().with("status", 400).finding();
        let part = ExaminedPart {
            part: Part::Authorization,
            verdict: PartVerdict::Warning,
            clause: Part::Authorization.clause().to_owned(),
            seen: std::iter::once(("Comes back by".to_owned(), "127.0.0.1".to_owned())).collect(),
            findings: vec![finding],
        };
        let said = examined(&Out::plain(Some(100)), &part);
        assert_eq!(
            said,
            "! Authorization  RFC 6749 §4.1; RFC 7636; RFC 8707; RFC 9207\n  Comes back by  127.0.0.1\n  \
             ! The authorization endpoint takes the registered port of a loopback redirect, and answers 400 to\n    \
             another. [loopback_port_fixed, RFC 8252 §7.3]\n    \
             Compare loopback redirects without their port: a client takes the port that is free."
        );
    }
}
