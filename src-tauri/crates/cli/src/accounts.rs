//! How accounts are shown: as rows and in full. What the server chose is text only, with the registrable
//! domain beside it.

use crate::domain;
use crate::out::{Ink, Out};
use crate::table::{self, Column, Fit, cell, inked};
use crate::text::{self, visible};
use crate::{when, words};
use jiff::tz::TimeZone;
use mcp_login_ipc::api::{Account, AccountState, EndsBy, Revocation, Verdict, Verification};

const COLUMNS: &[Column] = &[
    Column { title: "ACCOUNT", fit: Fit::Cut },
    Column { title: "SERVER", fit: Fit::Cut },
    Column { title: "WHO", fit: Fit::Cut },
    Column { title: "STATE", fit: Fit::Whole },
    Column { title: "TOKENS", fit: Fit::Whole },
];

/// All accounts as a table; what needs the person is said below.
#[must_use]
pub fn list(out: &Out, accounts: &[Account], now: u64) -> String {
    if accounts.is_empty() {
        return "No accounts yet.\nSign in with:  mcp-login add https://…/mcp".to_owned();
    }
    let rows: Vec<_> = accounts
        .iter()
        .map(|a| {
            let (ink, state) = state(a.state);
            vec![
                inked(Ink::Strong, visible(&a.name)),
                cell(server(&a.server)),
                cell(a.label.as_deref().map(visible).unwrap_or_default()),
                inked(ink, state),
                cell(renewal(a, now)),
            ]
        })
        .collect();
    let mut text = table::render(out, COLUMNS, &rows);
    let needy: Vec<_> = accounts.iter().filter_map(|a| next_step(a).map(|n| (a, n))).collect();
    if !needy.is_empty() {
        text.push('\n');
    }
    for (account, next) in needy {
        text.push('\n');
        text.push_str(&out.marked(Ink::Attention, "!", &format!("{}: {next}", visible(&account.name))));
    }
    text
}

/// One account in full.
#[must_use]
pub fn full(
    out: &Out,
    account: &Account,
    verification: Option<&Verification>,
    now: u64,
    zone: &TimeZone,
) -> String {
    let (ink, word) = state(account.state);
    let mut text = format!("{}  {}\n", out.paint(Ink::Strong, &visible(&account.name)), out.paint(ink, word));
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(label) = &account.label {
        rows.push(("Who", visible(label)));
    }
    rows.push(("Server", visible(&account.server)));
    rows.push(("Issuer", with_domain(&account.issuer)));
    if let Some(change) = &account.issuer_change {
        rows.push(("Moved to", format!("{} (was {})", with_domain(&change.new), domain::of(&change.old))));
    }
    rows.push(("May do", words::scope_list(&account.scope)));
    let missing = missing(&account.asked_scope, &account.scope);
    if !missing.is_empty() {
        rows.push(("Not granted", words::scope_list(&missing)));
    }
    rows.push(("Tokens", tokens(account, now)));
    rows.push(("Signed in", when::clock(account.signed_in_at, now, zone)));
    if let Some(at) = account.ends_at {
        rows.push(("Sign-in ends", format!("{}, {}", when::distance(at, now), ends_by(account.ends_by))));
    }
    rows.push((
        "Sign-out",
        match account.revocation {
            Revocation::Offered => "revokes the tokens at the issuer".to_owned(),
            Revocation::NotOffered => "deletes them here; this issuer offers no revocation".to_owned(),
        },
    ));
    if let Some(v) = verification {
        rows.push((
            "Asked issuer",
            verdict(
                v.introspection,
                "it says that the token is good",
                "it says that the token is dead",
                "it offers no introspection",
            ),
        ));
        rows.push((
            "Asked server",
            verdict(v.server, "it takes the token", "it refuses the token", "it was not asked"),
        ));
        if let Some(fault) = &v.fault {
            rows.push(("Because", format!("{} [{}]", visible(&fault.message), visible(&fault.data.code))));
        }
    }
    text.push_str(&out.facts(&rows));
    if let Some(next) = next_step(account) {
        text.push_str("\n\n");
        text.push_str(&out.marked(Ink::Attention, "!", &next));
    }
    text
}

fn ends_by(how: Option<EndsBy>) -> &'static str {
    match how {
        Some(EndsBy::Announced) => "says the issuer",
        Some(EndsBy::Profile) => "as is usual at this provider",
        Some(EndsBy::History) | None => "as it did before",
    }
}

fn verdict(verdict: Verdict, good: &str, bad: &str, none: &str) -> String {
    match verdict {
        Verdict::Active => good,
        Verdict::Inactive => bad,
        Verdict::Refused => "we may not ask",
        Verdict::NotOffered => none,
        Verdict::Unreachable => "no answer",
    }
    .to_owned()
}

/// The issuer with its registrable domain, when that is not plain to see.
#[must_use]
pub fn with_domain(issuer: &str) -> String {
    let domain = domain::of(issuer);
    if domain == domain::host(issuer) { visible(issuer) } else { format!("{} ({domain})", visible(issuer)) }
}

/// The server's address without what every address has.
fn server(address: &str) -> String {
    visible(address.strip_prefix("https://").unwrap_or(address))
}

/// What was asked for and not granted.
#[must_use]
pub fn missing(asked: &[String], granted: &[String]) -> Vec<String> {
    asked.iter().filter(|s| !granted.contains(s)).cloned().collect()
}

fn state(state: AccountState) -> (Ink, &'static str) {
    match state {
        AccountState::Ready => (Ink::Good, "ready"),
        AccountState::NeedsSignIn => (Ink::Attention, "needs sign-in"),
        AccountState::Offline => (Ink::Attention, "offline"),
        AccountState::ServerRefuses => (Ink::Attention, "server refuses"),
        AccountState::Leaving => (Ink::Faint, "signing out"),
        AccountState::Unsaved => (Ink::Attention, "not saved yet"),
        AccountState::IssuerChanged => (Ink::Attention, "issuer changed"),
        AccountState::VaultUnavailable => (Ink::Attention, "keychain closed"),
    }
}

fn renewal(account: &Account, now: u64) -> String {
    match (account.state, account.next_rotation_at, account.expires_at) {
        (AccountState::NeedsSignIn | AccountState::Leaving, _, _) => String::new(),
        (_, Some(at), _) if at > now => format!("renew {}", when::distance(at, now)),
        (_, Some(_), _) => "renew now".to_owned(),
        (_, None, Some(at)) if at > now => format!("end {}", when::distance(at, now)),
        (_, None, Some(_)) => "ended".to_owned(),
        (_, None, None) => "no end known".to_owned(),
    }
}

fn tokens(account: &Account, now: u64) -> String {
    if account.state == AccountState::NeedsSignIn {
        return format!("ended; generation {}", account.generation);
    }
    let mut text = match (account.next_rotation_at, account.expires_at) {
        (Some(at), _) => format!("renew by themselves, next {}", when::distance(at.max(now), now)),
        (None, Some(at)) if at > now => format!("end {}, and cannot be renewed", when::distance(at, now)),
        (None, Some(at)) => format!("ended {}", when::distance(at, now)),
        (None, None) => "the issuer does not say when they end".to_owned(),
    };
    if let Some(at) = account.last_rotation_at {
        text.push_str(&format!("; last {}", when::distance(at.min(now), now)));
    }
    text.push_str(&format!("; generation {}", account.generation));
    text
}

/// What the person should do about an account that is not ready.
#[must_use]
pub fn next_step(account: &Account) -> Option<String> {
    let name = text::quoted(&visible(&account.name));
    Some(match account.state {
        AccountState::Ready | AccountState::Leaving => return None,
        AccountState::NeedsSignIn => format!("sign in again with `mcp-login login {name}`"),
        AccountState::Offline => "the issuer cannot be reached; it is tried again by itself".to_owned(),
        AccountState::ServerRefuses => {
            format!("the server refuses fresh tokens; ask whoever runs it, then `mcp-login refresh {name}`")
        }
        AccountState::Unsaved => {
            "the newest tokens are not in the keychain yet; unlock it, and do not end the agent".to_owned()
        }
        AccountState::IssuerChanged => match &account.issuer_change {
            Some(change) => format!(
                "the server now names the issuer {} instead of {}; if that is right, `mcp-login login {name}`",
                domain::of(&change.new),
                domain::of(&change.old)
            ),
            None => format!("the server now names another issuer; see `mcp-login login {name}`"),
        },
        AccountState::VaultUnavailable => {
            "the keychain cannot be read; unlock it, then see `mcp-login doctor`".to_owned()
        }
    })
}
