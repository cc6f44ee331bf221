//! `doctor`: everything that has to be right on this computer, one line each, and what to do about what is not.

mod clients;
mod update;

use crate::accounts::next_step;
use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::{Ink, Out};
use crate::progress::Progress;
use crate::surroundings::{self, Screen};
use crate::text::{self, visible};
use crate::{scheme, when, words};
use mcp_login_ipc::api::{
    Account, AgentStatus, ApprovalsMode, Attention, Display, Empty, Gateway, ManagedView, SchemeState,
    SchemeView, VaultKind, VaultState, Welcome,
};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Code, Exit, Fault, Paths, identity};
use serde::Serialize;
use serde_json::json;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// Right.
    Ok,
    /// Not wrong; good to know.
    Note,
    /// Wrong: something will not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    said: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

fn ok(name: &'static str, said: impl Into<String>) -> Check {
    Check { name, verdict: Verdict::Ok, said: said.into(), next: None }
}

fn note(name: &'static str, said: impl Into<String>, next: impl Into<String>) -> Check {
    Check { name, verdict: Verdict::Note, said: said.into(), next: Some(next.into()) }
}

fn problem(name: &'static str, said: impl Into<String>, next: impl Into<String>) -> Check {
    Check { name, verdict: Verdict::Problem, said: said.into(), next: Some(next.into()) }
}

fn failed(name: &'static str, failure: &Failure) -> Check {
    problem(name, format!("{} [{}]", failure.fact, failure.code), failure.next.clone())
}

pub(super) fn run(out: &Out) -> Result<(), Failure> {
    let progress = Progress::new(out, "Looking around");
    let checks = look();
    progress.end();
    let problems = checks.iter().filter(|c| c.verdict == Verdict::Problem).count();
    if out.json() {
        out.value(&json!({"checks": checks, "problems": problems}));
    } else {
        out.line(&render(out, &checks));
        out.line("");
        out.line(&sum(out, problems, "Everything that a sign-in needs is right."));
    }
    found(problems, "Do what stands below each of them, and run it again.")
}

/// The last line of what was looked at.
pub(super) fn sum(out: &Out, problems: usize, when_none: &str) -> String {
    match problems {
        0 => out.paint(Ink::Good, when_none),
        n => out.paint(Ink::Attention, &format!("{} to look at.", text::count(n as u64, "problem"))),
    }
}

/// How it ends.
///
/// # Errors
/// When there are problems, with what to do about them.
pub(super) fn found(problems: usize, next: &str) -> Result<(), Failure> {
    if problems == 0 {
        return Ok(());
    }
    let what = format!("The doctor found {}.", text::count(problems as u64, "problem"));
    Err(Failure::own("doctor_found_problems", Exit::Failed, what, next))
}

fn look() -> Vec<Check> {
    let mut checks = vec![programs(), clock()];
    checks.push(paths());
    let mut scheme = None;
    let mut accounts = None;
    match agent() {
        Err(failure) => {
            let name = if failure.code == Code::BadSettings.row().code { "Settings" } else { "Agent" };
            checks.push(failed(name, &failure));
        }
        Ok(seen) => {
            checks.push(version(&seen.welcome));
            checks.push(keychain(&seen.status));
            checks.push(settings(&seen.status));
            checks.push(approvals(&seen.status));
            checks.extend(seen.status.managed.as_ref().map(managed));
            checks.extend(update::look(&seen.status));
            if seen.status.paused {
                checks.push(problem(
                    "Paused",
                    "the agent hands out and renews nothing",
                    "Run `mcp-login resume`.",
                ));
            }
            if seen.status.revocations_queued > 0 {
                let n = text::count(u64::from(seen.status.revocations_queued), "token");
                checks.push(note(
                    "Sign-out",
                    format!("{n} could not be revoked yet"),
                    "Nothing to do: it is tried again when the issuer can be reached. `mcp-login log` shows it.",
                ));
            }
            checks.extend(seen.accounts.iter().filter_map(account));
            checks.extend(seen.gateway.attention.iter().map(waits));
            if !seen.gateway.links.is_empty() {
                let links = text::count(seen.gateway.links.len() as u64, "MCP client");
                checks.push(ok("Connected", format!("{links}; `mcp-login status` shows which")));
            }
            scheme = Some(seen.status.scheme);
            accounts = Some(seen.accounts);
        }
    }
    checks.extend(clients::look(accounts.as_deref()));
    checks.push(browser());
    checks.push(handler(scheme.as_ref()));
    checks
}

struct Seen {
    welcome: Welcome,
    status: AgentStatus,
    accounts: Vec<Account>,
    gateway: Gateway,
}

fn agent() -> Result<Seen, Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    let welcome = link.welcome().cloned().ok_or_else(|| Failure::from(Fault::new(Code::ConnectionLost)))?;
    let status = link.call(&call::AgentStatus(Empty {}))?;
    let accounts = link.call(&call::AccountList(Empty {}))?.accounts;
    // An agent from before links knows none.
    let gateway = link.call(&call::GatewayList(Empty {})).unwrap_or_default();
    Ok(Seen { welcome, status, accounts, gateway })
}

/// The agent's program has to lie beside ours.
fn programs() -> Check {
    let Ok(here) = std::env::current_exe() else {
        return problem("Programs", "where this program lies is not known", "Start it by its full path.");
    };
    let agent = here.with_file_name(format!("{}{}", identity::AGENT_NAME, std::env::consts::EXE_SUFFIX));
    if agent.is_file() {
        let dir = here.parent().unwrap_or(Path::new("/"));
        ok(
            "Programs",
            format!("{} and {} in {}", identity::COMMAND_NAME, identity::AGENT_NAME, dir.display()),
        )
    } else {
        problem(
            "Programs",
            format!("{} is not beside this program", identity::AGENT_NAME),
            format!(
                "Install both from the same release into {}.",
                here.parent().unwrap_or(Path::new("/")).display()
            ),
        )
    }
}

/// A clock before this program was made is wrong, and one far after it probably too.
fn clock() -> Check {
    /// Twenty years: nobody runs a sign-in program that old.
    const FAR: u64 = 20 * 365 * 86_400;
    let now = when::now();
    let made = std::env::current_exe()
        .and_then(std::fs::metadata)
        .and_then(|m| m.modified())
        .ok()
        .and_then(|t| t.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |d| d.as_secs());
    let shown = when::stamp(now, &jiff::tz::TimeZone::system());
    // a day's grace, for files that came from another time zone's archive
    if now + 86_400 < made || made > 0 && now > made + FAR {
        problem(
            "Clock",
            format!("it says {shown}"),
            "Set this computer's clock: tokens and certificates are judged by it.",
        )
    } else {
        ok("Clock", shown)
    }
}

/// The socket's directory must be ours alone.
fn paths() -> Check {
    let paths = match Paths::find() {
        Ok(paths) => paths,
        Err(e) => {
            return problem(
                "Socket",
                format!("there is no place for it: {e}"),
                "Set MCP_LOGIN_HOME to a directory of yours, as a whole path.",
            );
        }
    };
    #[cfg(unix)]
    match mcp_login_ipc::paths::check_run_dir(&paths.socket) {
        Ok(()) => {}
        Err(mcp_login_ipc::paths::PathError::Io { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            return ok("Socket", format!("{} is made when the agent starts", paths.socket.display()));
        }
        Err(e) => {
            return problem(
                "Socket",
                e.to_string(),
                "Make it a real directory of yours with mode 0700, or remove it.",
            );
        }
    }
    ok("Socket", format!("{}, only you can enter", paths.socket.display()))
}

fn version(welcome: &Welcome) -> Check {
    let ours = env!("CARGO_PKG_VERSION");
    let said = format!(
        "process {}, version {}, {} build",
        welcome.pid,
        visible(&welcome.version),
        visible(&welcome.build)
    );
    if welcome.protocol != identity::PROTOCOL || welcome.version != ours {
        problem(
            "Agent",
            format!("{said}; this command is version {ours}"),
            "Run `mcp-login agent restart`; if that does not help, install both from the same release.",
        )
    } else {
        ok("Agent", said)
    }
}

fn keychain(status: &AgentStatus) -> Check {
    let said = words::vault_view(&status.vault);
    match (status.vault.kind, status.vault.state) {
        (VaultKind::Memory, _) => note(
            "Keychain",
            said,
            "Chosen in the settings. Remove `vault = \"memory\"` to keep sign-ins over restarts.",
        ),
        (VaultKind::Keychain, VaultState::Ready | VaultState::Unknown) => ok("Keychain", said),
        (VaultKind::Keychain, VaultState::Locked | VaultState::Unavailable) => {
            let next = status
                .vault
                .code
                .as_deref()
                .and_then(Code::from_code)
                .unwrap_or(Code::KeychainLocked)
                .row()
                .next;
            problem("Keychain", said, next)
        }
    }
}

/// An agent that runs has read its settings whole: it refuses to start with a mistake in them.
fn settings(status: &AgentStatus) -> Check {
    ok("Settings", format!("read from {}", visible(&status.paths.config)))
}

/// What an administrator set goes over the settings, so a person should see it.
fn managed(view: &ManagedView) -> Check {
    let place = visible(&view.place);
    match &view.mistake {
        Some(mistake) => problem(
            "Managed",
            format!("nobody can sign in, because of a mistake: {}", visible(mistake)),
            "Ask whoever manages this computer to mend it; it counts at the next sign-in.",
        ),
        None => {
            let keys: Vec<String> = view.keys.iter().map(|key| visible(key)).collect();
            ok("Managed", format!("{} set in {place}; the settings do not change these", keys.join(", ")))
        }
    }
}

fn approvals(status: &AgentStatus) -> Check {
    if let Some(mistake) = &status.policy_mistake {
        let what = format!("the policy allows nothing, because of a mistake: {}", visible(mistake));
        return problem("Approvals", what, "Mend that line of policy.toml; it counts at once.");
    }
    match status.approvals {
        ApprovalsMode::Window if status.display == Display::Unknown => note(
            "Approvals",
            "a window asks, but the agent knows no display",
            "Nothing to do in a desktop session: the app, or a command that asks for a token there, says where it is.",
        ),
        ApprovalsMode::Window => ok("Approvals", "a window asks"),
        ApprovalsMode::Terminal => ok("Approvals", "answered with `mcp-login approvals`"),
        ApprovalsMode::Policy => note(
            "Approvals",
            "only what policy.toml allows; everything else is refused",
            "For a machine without a window, write `approvals = \"terminal\"` into the settings to answer with `mcp-login approvals`.",
        ),
    }
}

fn account(account: &Account) -> Option<Check> {
    next_step(account)
        .map(|next| problem("Account", format!("{} is not ready", visible(&account.name)), next))
}

/// A program that waits is no fault of the machine, but somebody has to act.
fn waits(attention: &Attention) -> Check {
    let (fact, next) = crate::gateway::waits(attention);
    problem("Waiting", fact, format!("Run `{next}`."))
}

fn browser() -> Check {
    match (surroundings::screen(false), scheme::browser()) {
        (Screen::Elsewhere, _) => note(
            "Browser",
            "there is no screen here (SSH, or no display)",
            "Nothing to do: `mcp-login add` prints the address, and takes the way back from you.",
        ),
        (Screen::Here, Some(browser)) => ok("Browser", visible(&browser)),
        (Screen::Here, None) => note(
            "Browser",
            "the system names none",
            "Set a default browser, or use `--browser PROGRAM` or `--no-browser`.",
        ),
    }
}

/// The agent knows best: it decides by that which way a sign-in comes back.
fn handler(seen: Option<&SchemeView>) -> Check {
    if let Some(view) = seen {
        let said = words::scheme(view);
        return match view.state {
            SchemeState::Ours => ok("Scheme", said),
            SchemeState::Foreign => note(
                "Scheme",
                said,
                "Sign-ins come back by a local port. If you did not choose that program, start the desktop app: it takes the scheme back.",
            ),
            SchemeState::None => note("Scheme", said, "Nothing to do: sign-ins come back by a local port."),
        };
    }
    let scheme = identity::SCHEME;
    match scheme::handler() {
        Ok(Some(program)) => ok("Scheme", format!("{scheme}: is opened by {}", visible(&program))),
        Ok(None) => note(
            "Scheme",
            format!("nothing opens {scheme}: here"),
            "Nothing to do: sign-ins come back by a local port.",
        ),
        Err(tool) => note(
            "Scheme",
            format!("not known: there is no {tool}"),
            "Nothing to do: sign-ins come back by a local port.",
        ),
    }
}

fn render(out: &Out, checks: &[Check]) -> String {
    let width = checks.iter().map(|c| text::width(c.name)).max().unwrap_or(0);
    let room = out.measure().saturating_sub(width + 6).max(24);
    let mut lines = Vec::new();
    for check in checks {
        let (ink, mark) = match check.verdict {
            Verdict::Ok => (Ink::Good, "✓"),
            Verdict::Note => (Ink::Faint, "·"),
            Verdict::Problem => (Ink::Attention, "!"),
        };
        let pad = " ".repeat(width - text::width(check.name));
        for (n, line) in text::wrap(&check.said, room).iter().enumerate() {
            if n == 0 {
                lines.push(format!("{} {}{pad}  {line}", out.paint(ink, mark), check.name));
            } else {
                lines.push(format!("  {}  {line}", " ".repeat(width)));
            }
        }
        for line in check.next.iter().flat_map(|n| text::wrap(n, room.saturating_sub(2))) {
            let ink = if check.verdict == Verdict::Problem { Ink::Strong } else { Ink::Faint };
            lines.push(format!("  {}  {}", " ".repeat(width), out.paint(ink, &line)));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_managed_is_shown_and_a_mistake_is_a_problem() {
        let set = ManagedView {
            place: "/etc/mcp-login/policy.toml".into(),
            keys: vec!["allowed_servers".into(), "redirect".into()],
            mistake: None,
        };
        let check = managed(&set);
        assert_eq!(check.verdict, Verdict::Ok);
        assert!(
            check.said.starts_with("allowed_servers, redirect set in /etc/mcp-login/policy.toml"),
            "{}",
            check.said
        );
        let broken = ManagedView { mistake: Some("redirect: \u{1b}[31m".into()), ..set };
        let check = managed(&broken);
        assert_eq!(check.verdict, Verdict::Problem);
        assert!(
            !check.said.contains('\u{1b}') && check.said.contains("nobody can sign in"),
            "{}",
            check.said
        );
    }

    #[test]
    fn a_newer_version_is_good_to_know_and_so_is_that_nobody_may_look() {
        let status = |over: serde_json::Value| -> AgentStatus {
            let mut whole = json!({
                "version": "0.1.0", "pid": 1, "started_at": 0, "vault": {"kind": "memory", "state": "ready"},
                "accounts": {}, "revocations_queued": 0, "approvals": "window", "paused": false,
                "paths": {"config": "", "data": "", "socket": ""}, "display": "known",
                "consent_window": "there", "scheme": {"state": "none"},
            });
            for (key, value) in over.as_object().expect("fields") {
                whole[key] = value.clone();
            }
            serde_json::from_value(whole).expect("a status")
        };
        let update = |newer: bool| {
            json!({"current": "0.1.0", "newest": "0.2.0", "newer": newer, "looked_at": 1,
                "page": "https://forge.example/releases/tag/v0.2.0"})
        };
        assert!(update::look(&status(json!({}))).is_none(), "nobody has looked");
        assert!(update::look(&status(json!({"update": update(false)}))).is_none());
        let known = update::look(&status(json!({"update": update(true)}))).expect("a line");
        assert_eq!(known.verdict, Verdict::Note);
        assert!(known.said.contains("0.2.0") && known.said.ends_with("/tag/v0.2.0"), "{}", known.said);
        let off = json!({"managed": {"place": "/etc/mcp-login/policy.toml", "keys": ["updates"]}});
        let off = update::look(&status(off)).expect("a line");
        assert!(off.verdict == Verdict::Ok && off.said.contains("policy"), "{}", off.said);
    }
}
