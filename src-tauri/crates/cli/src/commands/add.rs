//! `add` and `login`: the sign-in lives in the agent; [`super::waiting`] opens the browser and shows what goes on.

use super::approvals::split;
use super::waiting::{Aim, Front, Over, Waiting};
use crate::accounts::{missing, next_step, with_domain};
use crate::args::{Add, Browser, Login, Redirect};
use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::{Ink, Out};
use crate::progress::Progress;
use crate::surroundings::{self, Screen};
use crate::text::{self, quoted, visible};
use crate::{domain, receipt, when, words};
use mcp_login_ipc::api::{
    AccountStatus, ApprovalsMode, DoneStep, Empty, IssuerChange, IssuerChangeChoice, RedirectChoice,
    Revocation, SignInStart, VaultKind,
};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Code, Exit, Fault, Secret};
use serde_json::json;
use std::io::BufRead;

pub(super) fn add(out: &Out, add: &Add) -> Result<(), Failure> {
    // secrets before anything else, one a line, so that what follows on standard input is a pasted address
    let client_secret = add.client_secret_stdin.then(|| secret("client secret")).transpose()?;
    let registration_token =
        add.initial_access_token_stdin.then(|| secret("initial access token")).transpose()?;
    let start = SignInStart {
        url: Some(add.url.clone()),
        name: add.name.clone(),
        issuer: add.issuer.clone(),
        client_id: add.client_id.clone(),
        client_secret,
        redirect_uri: add.redirect_uri.clone(),
        registration_token,
        ..SignInStart::default()
    };
    sign_in(out, &add.browser, start)
}

pub(super) fn login(out: &Out, login: &Login) -> Result<(), Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    let account = link
        .call(&call::AccountStatus(AccountStatus { account: login.name.clone(), verify: false }))?
        .account;
    let issuer_change = match &account.issuer_change {
        Some(_) if login.accept_new_issuer => Some(IssuerChangeChoice::Accept),
        Some(change) => Some(agree(out, &account.name, change)?),
        None => None,
    };
    sign_in(
        out,
        &login.browser,
        SignInStart {
            account: Some(account.id),
            issuer_change,
            replace: login.replace,
            ..SignInStart::default()
        },
    )
}

/// The server has moved to another issuer: the person sees both, and says yes or no.
fn agree(out: &Out, name: &str, change: &IssuerChange) -> Result<IssuerChangeChoice, Failure> {
    let name = visible(name);
    if !out.json() {
        out.line(&out.marked(
            Ink::Attention,
            "!",
            &format!("The server of {name} now names another authorization server."),
        ));
        out.line(
            &out.facts(&[("Until now", with_domain(&change.old)), ("From now", with_domain(&change.new))]),
        );
        let what = "Nothing has been sent to the new one. If you go on, you sign in there, and the tokens of the old one are revoked.";
        for line in text::wrap(what, out.measure()) {
            out.line(&line);
        }
        if surroundings::stdin_is_terminal() && surroundings::ask(out, "Sign in at the new one?") {
            return Ok(IssuerChangeChoice::Accept);
        }
    }
    Err(Failure::own(
        "issuer_changed",
        Exit::NeedsSignIn,
        format!(
            "The server of {name} has moved from {} to {}.",
            domain::of(&change.old),
            domain::of(&change.new)
        ),
        format!("If that is right, run `mcp-login login {} --accept-new-issuer`.", quoted(&name)),
    ))
}

/// One line of standard input, which is nobody's argument and in no list of processes.
fn secret(what: &str) -> Result<Secret, Failure> {
    let mut line = String::new();
    let _ = std::io::stdin().lock().read_line(&mut line);
    let trimmed = line.trim_end_matches(['\r', '\n']);
    if trimmed.is_empty() {
        return Err(Failure::usage(
            format!("No {what} came on standard input."),
            "Pipe it in, one line, from where you keep it.",
        ));
    }
    let secret = Secret::new(trimmed.to_owned());
    secrecy::zeroize::Zeroize::zeroize(&mut line);
    Ok(secret)
}

fn sign_in(out: &Out, browser: &Browser, mut start: SignInStart) -> Result<(), Failure> {
    let front = Front::of(browser);
    start.redirect = Some(redirect(browser.redirect, front.screen));
    start.prompt = browser.select_account.then(|| "select_account".to_owned());
    start.login_hint.clone_from(&browser.login_hint);
    start.scopes = (!browser.scopes.is_empty()).then(|| split(&browser.scopes));
    let name = start
        .url
        .clone()
        .map(|u| domain::host(&u))
        .filter(|h| !h.is_empty())
        .unwrap_or_else(|| "the server".into());

    let progress = Progress::new(out, &format!("Looking at {name}"));
    let mut link = Link::open(Start::IfNeeded)?;
    let started = link.call(&call::SignInStart(start))?;
    let aim = Aim::SignIn(started.sign_in);
    let mut waiting = Waiting::new(out, front, link, aim, progress);
    let Over::SignedIn(done) = waiting.run()? else { return Err(Fault::new(Code::ConnectionLost).into()) };
    // the thread that reads the keyboard cannot be called back: what is typed from now on comes through it too
    let mut answer = waiting.lines();
    finish(out, &done, &mut answer)
}

/// Over SSH a scheme would open an app on the wrong computer, while a dead local address stays in the address bar
/// to be copied: so `auto` there means the local port.
pub(super) fn redirect(choice: Redirect, screen: Screen) -> RedirectChoice {
    match (choice, screen) {
        (Redirect::Auto, Screen::Elsewhere) => RedirectChoice::Loopback,
        (Redirect::Auto, Screen::Here) => RedirectChoice::Auto,
        (Redirect::Scheme, _) => RedirectChoice::Scheme,
        (Redirect::Loopback, _) => RedirectChoice::Loopback,
        (Redirect::Localhost, _) => RedirectChoice::Localhost,
    }
}

/// What happened, where the tokens lie, what comes next.
fn finish(out: &Out, done: &DoneStep, answer: &mut dyn FnMut() -> Option<String>) -> Result<(), Failure> {
    if out.json() {
        out.value(&json!({"event": "done", "account": done.account, "asked": done.asked, "granted": done.granted, "was": done.was, "former": done.former}));
        return Ok(());
    }
    let agent = Link::open(Start::Never).and_then(|mut link| link.call(&call::AgentStatus(Empty {}))).ok();
    out.line(&summary(out, done, agent.as_ref().map(|a| a.vault.kind), when::now()));
    if let Some(former) = &done.former {
        out.line("");
        out.line(&receipt::render(out, former, when::now(), &jiff::tz::TimeZone::system()));
    }
    let name = quoted(&visible(&done.account.name));
    let open =
        agent.is_some_and(|a| a.approvals == ApprovalsMode::Terminal) && surroundings::stdin_is_terminal();
    if open {
        super::offer::this_terminal(out, &done.account, answer);
    }
    out.line("");
    out.line(&format!("Next:  mcp-login token {name}      an access token"));
    out.line(&format!("       mcp-login headers {name}    for a client's header helper"));
    out.line(&format!("       mcp-login logout {name}     sign out, with a receipt"));
    Ok(())
}

/// The lines after a sign-in.
fn summary(out: &Out, done: &DoneStep, vault: Option<VaultKind>, now: u64) -> String {
    let account = &done.account;
    let who = account.label.as_deref().map(|l| format!(" as {}", visible(l))).unwrap_or_default();
    let head = format!(
        "Signed in to {}{who}; the account is called {}.",
        domain::host(&account.server),
        out.paint(Ink::Strong, &visible(&account.name))
    );
    let mut text = out.marked(Ink::Good, "✓", &head);
    let mut rows =
        vec![("Issuer", with_domain(&account.issuer)), ("May do", words::scope_list(&done.granted))];
    let refused = missing(&done.asked, &done.granted);
    if !refused.is_empty() {
        rows.push(("Not granted", words::scope_list(&refused)));
    }
    let more = missing(&done.granted, &done.asked);
    if !more.is_empty() && !done.asked.is_empty() {
        rows.push(("Unasked", format!("{} (granted without being asked for)", words::scope_list(&more))));
    }
    rows.push((
        "Tokens",
        match vault {
            Some(VaultKind::Memory) => "in the agent's memory; they are lost when it ends".to_owned(),
            Some(VaultKind::Keychain) => "in the keychain; only the agent reads them".to_owned(),
            None => "kept by the agent".to_owned(),
        },
    ));
    rows.push((
        "Renewal",
        match (account.next_rotation_at, account.expires_at) {
            (Some(at), _) => format!("by itself, next {}", when::distance(at.max(now), now)),
            (None, Some(at)) => format!(
                "none: the server gave no refresh token; they end {}",
                when::distance(at.max(now), now)
            ),
            (None, None) => "none needed: the issuer names no end".to_owned(),
        },
    ));
    if account.revocation == Revocation::NotOffered {
        rows.push(("Sign-out", "deletes them here; this issuer offers no revocation".to_owned()));
    }
    text.push('\n');
    text.push_str(&out.facts(&rows));
    if let Some(was) = &done.was {
        text.push_str(&format!(
            "\n{}",
            out.marked(
                Ink::Attention,
                "!",
                &format!("This account was signed in as {} before.", visible(was))
            )
        ));
    }
    if let Some(next) = next_step(account) {
        text.push_str(&format!("\n{}", out.marked(Ink::Attention, "!", &next)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_elsewhere_comes_back_by_port() {
        assert_eq!(redirect(Redirect::Auto, Screen::Elsewhere), RedirectChoice::Loopback);
        assert_eq!(redirect(Redirect::Auto, Screen::Here), RedirectChoice::Auto);
        assert_eq!(redirect(Redirect::Scheme, Screen::Elsewhere), RedirectChoice::Scheme);
    }
}
