//! `add` and `login`: the sign-in lives in the agent; here we open the browser, show what goes on, take a pasted
//! address at any time, and cancel in the agent when the person has had enough.
//!
//! Three sources speak at once (the agent, the keyboard, Ctrl-C), each on a thread of its own, and one loop listens.

use super::approvals::split;
use crate::accounts::{missing, next_step, with_domain};
use crate::args::{Add, Browser, Login, Redirect};
use crate::failure::Failure;
use crate::keys::{self, Terminal, Typed};
use crate::link::{Link, Start};
use crate::opener::Address;
use crate::out::{Ink, Out};
use crate::progress::Progress;
use crate::surroundings::{self, Screen};
use crate::text::{self, quoted, visible};
use crate::{domain, receipt, when, words};
use mcp_login_ipc::api::{
    AccountStatus, ApprovalsMode, BrowserStep, DoneStep, Empty, IssuerChange, IssuerChangeChoice,
    Notification, RedirectChoice, RedirectKind, RegistrationKind, Revocation, SignInCallback, SignInProgress,
    SignInRedirect, SignInRef, SignInStart, Step, VaultKind,
};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Code, Exit, Fault, Secret};
use serde_json::json;
use std::io::BufRead;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// After this long without a callback the other way is offered: signing in by hand takes less, mostly.
const DOUBT: Duration = Duration::from_secs(60);

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

/// What can happen while we wait.
#[derive(Debug)]
enum Event {
    Progress(Box<SignInProgress>),
    Gone(Failure),
    Typed(Typed),
    Interrupted,
}

fn sign_in(out: &Out, browser: &Browser, mut start: SignInStart) -> Result<(), Failure> {
    let program =
        browser.browser.clone().or_else(|| std::env::var("MCP_LOGIN_BROWSER").ok().filter(|b| !b.is_empty()));
    let screen = if browser.no_browser { Screen::Elsewhere } else { surroundings::screen(program.is_some()) };
    start.redirect = Some(redirect(browser.redirect, screen));
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
    let (tell, told) = mpsc::channel();
    listen(link, tell.clone());
    interrupts(&tell);
    let mut waiting = Waiting {
        out,
        screen,
        program,
        sign_in: started.sign_in,
        tell,
        told,
        until: Instant::now() + Duration::from_secs(browser.timeout),
        progress: Some(progress),
        terminal: None,
        reading: false,
        browser: None,
        doubt: None,
    };
    let done = waiting.run()?;
    let Waiting { told, reading, .. } = waiting;
    // the thread that reads the keyboard cannot be called back: what is typed from now on comes through it too
    let mut answer = || if reading { typed_line(&told) } else { surroundings::stdin_line() };
    finish(out, &done, &mut answer)
}

/// Over SSH a scheme would open an app on the wrong computer, while a dead local address stays in the address bar
/// to be copied: so `auto` there means the local port.
fn redirect(choice: Redirect, screen: Screen) -> RedirectChoice {
    match (choice, screen) {
        (Redirect::Auto, Screen::Elsewhere) => RedirectChoice::Loopback,
        (Redirect::Auto, Screen::Here) => RedirectChoice::Auto,
        (Redirect::Scheme, _) => RedirectChoice::Scheme,
        (Redirect::Loopback, _) => RedirectChoice::Loopback,
        (Redirect::Localhost, _) => RedirectChoice::Localhost,
    }
}

/// The next line that is typed; `None` at the end of the input and on Ctrl-C.
fn typed_line(told: &Receiver<Event>) -> Option<String> {
    loop {
        match told.recv() {
            Ok(Event::Typed(Typed::Line(line))) => return Some(line),
            Ok(Event::Typed(Typed::End) | Event::Interrupted) | Err(_) => return None,
            Ok(Event::Progress(_) | Event::Gone(_)) => {}
        }
    }
}

fn listen(mut link: Link, tell: Sender<Event>) {
    let _ = std::thread::Builder::new().name("agent".into()).spawn(move || {
        loop {
            let event = match link.told() {
                Ok(Notification::SignInProgress(progress)) => Event::Progress(Box::new(progress)),
                Ok(_) => continue,
                Err(failure) => Event::Gone(failure),
            };
            let last = matches!(event, Event::Gone(_));
            if tell.send(event).is_err() || last {
                return;
            }
        }
    });
}

fn interrupts(tell: &Sender<Event>) {
    let tell = tell.clone();
    // fails only when a handler is set already, and then Ctrl-C ends us the ordinary way
    let _ = ctrlc::set_handler(move || {
        let _ = tell.send(Event::Interrupted);
    });
}

struct Waiting<'a> {
    out: &'a Out,
    screen: Screen,
    program: Option<String>,
    sign_in: String,
    tell: Sender<Event>,
    told: Receiver<Event>,
    until: Instant,
    progress: Option<Progress>,
    terminal: Option<Terminal>,
    reading: bool,
    browser: Option<(Address, BrowserStep)>,
    doubt: Option<Instant>,
}

impl Waiting<'_> {
    fn run(&mut self) -> Result<DoneStep, Failure> {
        loop {
            let now = Instant::now();
            let wake = self.doubt.map_or(self.until, |d| d.min(self.until));
            match self.told.recv_timeout(wake.saturating_duration_since(now)) {
                Ok(Event::Progress(progress)) if progress.sign_in == self.sign_in => {
                    if let Some(done) = self.step(progress.step)? {
                        return Ok(done);
                    }
                }
                Ok(Event::Progress(_)) => {}
                Ok(Event::Gone(failure)) => return Err(failure),
                Ok(Event::Typed(Typed::Line(line))) => self.typed(&line)?,
                Ok(Event::Typed(Typed::End)) => {}
                Ok(Event::Interrupted) => return Err(self.cancel(Code::Interrupted)),
                Err(RecvTimeoutError::Timeout) if Instant::now() >= self.until => {
                    return Err(self.cancel(Code::SignInExpired));
                }
                Err(RecvTimeoutError::Timeout) => self.doubt(),
                Err(RecvTimeoutError::Disconnected) => return Err(Fault::new(Code::ConnectionLost).into()),
            }
        }
    }

    fn step(&mut self, step: Step) -> Result<Option<DoneStep>, Failure> {
        match step {
            Step::Discovering => {}
            Step::Registering { issuer } => self.busy(&format!("Registering at {}", domain::host(&issuer))),
            Step::Browser(mut step) => {
                let refused = step.refused.take();
                let known =
                    self.browser.as_ref().is_some_and(|(_, b)| b.authorization_url == step.authorization_url);
                if !known {
                    self.show(*step)?;
                }
                if let Some(fault) = refused {
                    self.refused(fault);
                }
            }
            Step::Exchanging => {
                self.quiet();
                self.busy("Exchanging the code for tokens");
            }
            Step::Storing => self.busy("Storing the tokens"),
            Step::Done(done) => {
                self.quiet();
                self.progress = None;
                return Ok(Some(*done));
            }
            Step::Failed { error } => {
                self.quiet();
                self.progress = None;
                return Err(error.into());
            }
        }
        Ok(None)
    }

    /// Something came back that is not to be believed. What the person began still waits for the right answer.
    fn refused(&self, fault: Fault) {
        let failure = Failure::from(fault);
        if self.out.json() {
            let mut event = failure.for_programs();
            event["event"] = "answer_refused".into();
            self.out.value(&event);
        } else {
            failure.print(self.out);
            self.hint(&[
                "Nothing was changed, and the sign-in still waits for the right answer. Ctrl-C gives it up.",
            ]);
        }
    }

    fn busy(&mut self, text: &str) {
        match &self.progress {
            Some(progress) => progress.step(text),
            None => self.progress = Some(Progress::new(self.out, text)),
        }
    }

    fn quiet(&mut self) {
        self.terminal = None;
        self.doubt = None;
    }

    /// The person's turn: the browser, or the address.
    fn show(&mut self, step: BrowserStep) -> Result<(), Failure> {
        self.progress = None;
        let address = Address::new(&step.authorization_url).map_err(|why| {
            let _ = self.tell_agent_to_cancel();
            Failure::own(
                "authorization_address_refused",
                Exit::Refused,
                format!("The server's sign-in address is not opened: {why}."),
                "Do not sign in there; tell whoever runs the server.",
            )
        })?;
        if self.out.json() {
            self.out.value(&json!({
                "event": "browser",
                "authorization_url": address.as_str(),
                "redirect_uri": step.redirect_uri,
                "redirect_kind": step.redirect_kind,
                "issuer": step.issuer,
                "server": step.server,
                "scopes": step.scopes,
                "registration": step.registration,
                "expires_at": step.expires_at,
            }));
        } else {
            self.out.line(&self.out.facts(&[
                ("Server", visible(&step.server)),
                ("Sign in at", with_domain(&step.issuer)),
                ("Asks for", words::scope_list(&step.scopes)),
                ("Known as", registration(step.registration).to_owned()),
            ]));
            self.out.line("");
        }
        let opened = match self.screen {
            Screen::Here => address.open(self.program.as_deref()).is_ok(),
            Screen::Elsewhere => false,
        };
        if !self.out.json() {
            if opened {
                self.out.line(&format!("Your browser opens  {}", address.short()));
                self.hint(&[
                    "Enter opens it again, c shows the whole address, Ctrl-C gives up.",
                    "If the browser could not come back, paste the address that it ended at here.",
                ]);
            } else {
                if self.screen == Screen::Here {
                    self.out.line(&self.out.marked(Ink::Attention, "!", "No browser could be started here."));
                }
                let here = url::Url::parse(address.as_str())
                    .is_ok_and(|u| u.host().as_ref().is_some_and(crate::opener::is_loopback));
                let place = if here { "on this computer" } else { "on any computer" };
                self.out.line(&format!("Open this address in a browser {place}:"));
                self.out.line("");
                // whole, on a line of its own and unwrapped, so that it can be copied
                self.out.line(address.as_str());
                self.out.line("");
                self.elsewhere(&step);
            }
        }
        self.browser = Some((address, step));
        if !self.reading {
            self.reading = true;
            keys::read(self.tell.clone(), Event::Typed);
        }
        if self.terminal.is_none() && surroundings::stdin_is_terminal() {
            self.terminal = Some(Terminal::listen());
        }
        self.doubt = Some(Instant::now() + DOUBT);
        Ok(())
    }

    fn elsewhere(&self, step: &BrowserStep) {
        let mut lines = vec!["When you have signed in, paste the address that the browser ended at here, even if the page shows an error.".to_owned()];
        if matches!(step.redirect_kind, RedirectKind::Loopback | RedirectKind::Localhost)
            && let Some(port) = url::Url::parse(&step.redirect_uri)
                .ok()
                .and_then(|u| u.port())
                .filter(|_| surroundings::over_ssh())
        {
            lines.push(format!("Or let it come back by itself: ssh -L {port}:127.0.0.1:{port} to this computer, in another terminal."));
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        self.hint(&lines);
    }

    fn hint(&self, lines: &[&str]) {
        for line in lines.iter().flat_map(|l| text::wrap(l, self.out.measure())) {
            self.out.line(&self.out.paint(Ink::Faint, &line));
        }
    }

    fn doubt(&mut self) {
        self.doubt = None;
        if self.out.json() {
            return;
        }
        if let Some((_, step)) = &self.browser
            && let Some((_, way)) = other_way(step.redirect_kind)
        {
            self.hint(&[&format!("Nothing has come back yet. Type o and Enter to start again with {way}.")]);
        }
    }

    fn typed(&mut self, line: &str) -> Result<(), Failure> {
        let Some((address, step)) = &self.browser else { return Ok(()) };
        match line {
            "" => {
                if self.screen == Screen::Here && surroundings::stdin_is_terminal() && address.open(self.program.as_deref()).is_ok() {
                    self.hint(&["Opened again."]);
                }
            }
            "c" | "C" => self.out.note(address.as_str()),
            "o" | "O" => {
                if let Some((kind, _)) = other_way(step.redirect_kind) {
                    let mut link = Link::open(Start::Never)?;
                    self.busy("Starting again the other way");
                    link.call(&call::SignInRedirect(SignInRedirect { sign_in: self.sign_in.clone(), kind }))?;
                } else {
                    self.hint(&["This client was registered with one way back; there is no other."]);
                }
            }
            line if line.contains("://") || line.contains(":/") => {
                self.busy("Reading the address");
                let mut link = Link::open(Start::Never)?;
                let answer = link.call(&call::SignInCallback(SignInCallback { url: line.to_owned(), sign_in: Some(self.sign_in.clone()) }));
                self.progress = None;
                if let Err(failure) = answer {
                    // a wrong paste must not end a sign-in that is still good; if it is not, the agent says so
                    failure.print(self.out);
                    self.hint(&["The sign-in that was started here still waits for its own address."]);
                }
            }
            _ => self.hint(&["That is no address. Copy all of the browser's address bar, from http to the end, and paste it here."]),
        }
        Ok(())
    }

    fn tell_agent_to_cancel(&self) -> Result<(), Failure> {
        Link::open(Start::Never)?
            .call(&call::SignInCancel(SignInRef { sign_in: self.sign_in.clone() }))
            .map(|_| ())
    }

    fn cancel(&mut self, why: Code) -> Failure {
        self.quiet();
        self.progress = None;
        let _ = self.tell_agent_to_cancel();
        Fault::new(why).into()
    }
}

/// The other way back, and what to call it.
fn other_way(kind: RedirectKind) -> Option<(RedirectChoice, &'static str)> {
    match kind {
        RedirectKind::Scheme => Some((RedirectChoice::Loopback, "a local port")),
        RedirectKind::Loopback => Some((RedirectChoice::Localhost, "a local port called localhost")),
        RedirectKind::Localhost => Some((RedirectChoice::Loopback, "a local port called 127.0.0.1")),
        RedirectKind::Exact => None,
    }
}

fn registration(kind: RegistrationKind) -> &'static str {
    match kind {
        RegistrationKind::PreRegistered => "the client that you named",
        RegistrationKind::MetadataDocument => "MCP Login, by its metadata document",
        RegistrationKind::Dynamic => "MCP Login, registered there for this computer",
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
