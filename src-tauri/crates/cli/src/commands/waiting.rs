//! Waiting for a person at the browser: we open it, show what goes on, take a pasted address at any time, and cancel in the
//! agent when the person has had enough.
//!
//! Three sources speak at once (the agent, the keyboard, Ctrl-C), each on a thread of its own, and one loop listens.

use crate::accounts::with_domain;
use crate::args::Browser;
use crate::failure::Failure;
use crate::keys::{self, Terminal, Typed};
use crate::link::{Link, Start};
use crate::opener::Address;
use crate::out::{Ink, Out};
use crate::progress::Progress;
use crate::surroundings::{self, Screen};
use crate::text::{self, visible};
use crate::{domain, words};
use mcp_login_ipc::api::{
    BrowserStep, DoneStep, Examination, ExaminationStage, Notification, RedirectChoice, RedirectKind,
    RegistrationKind, SignInCallback, SignInProgress, SignInRedirect, SignInRef, Step,
};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Code, Exit, Fault};
use serde_json::json;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// After this long without a callback the other way is offered: signing in by hand takes less, mostly.
const DOUBT: Duration = Duration::from_secs(60);

/// How long a test may still take when its sign-in was given up: it deletes what it registered, request by request.
const LAST_WORDS: Duration = Duration::from_secs(120);

/// What can happen while we wait.
#[derive(Debug)]
enum Event {
    Progress(Box<SignInProgress>),
    Examination(ExaminationStage),
    Gone(Failure),
    Typed(Typed),
    Interrupted,
}

/// The next line that is typed; `None` at the end of the input and on Ctrl-C.
fn typed_line(told: &Receiver<Event>) -> Option<String> {
    loop {
        match told.recv() {
            Ok(Event::Typed(Typed::Line(line))) => return Some(line),
            Ok(Event::Typed(Typed::End) | Event::Interrupted) | Err(_) => return None,
            Ok(Event::Progress(_) | Event::Examination(_) | Event::Gone(_)) => {}
        }
    }
}

fn listen(mut link: Link, tell: Sender<Event>) {
    let _ = std::thread::Builder::new().name("agent".into()).spawn(move || {
        loop {
            let event = match link.told() {
                Ok(Notification::SignInProgress(progress)) => Event::Progress(Box::new(progress)),
                Ok(Notification::ExaminationProgress(progress)) => Event::Examination(progress.stage),
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

/// What is waited for.
pub(super) enum Aim {
    /// The end of this sign-in.
    SignIn(String),
    /// The report of an examination; its sign-in, when there is one, and how often the person gave it up.
    Examination { sign_in: Option<String>, given_up: u32 },
}

/// What came of it.
pub(super) enum Over {
    /// An account.
    SignedIn(Box<DoneStep>),
    /// A report.
    Examined(Box<Examination>),
}

/// The person's screen and browser.
pub(super) struct Front {
    pub(super) screen: Screen,
    program: Option<String>,
    timeout: Duration,
}

impl Front {
    /// By the options and the environment.
    pub(super) fn of(browser: &Browser) -> Self {
        let program = browser
            .browser
            .clone()
            .or_else(|| std::env::var("MCP_LOGIN_BROWSER").ok().filter(|b| !b.is_empty()));
        let screen =
            if browser.no_browser { Screen::Elsewhere } else { surroundings::screen(program.is_some()) };
        Self { screen, program, timeout: Duration::from_secs(browser.timeout) }
    }
}

pub(super) struct Waiting<'a> {
    out: &'a Out,
    front: Front,
    aim: Aim,
    tell: Sender<Event>,
    told: Receiver<Event>,
    until: Instant,
    progress: Option<Progress>,
    terminal: Option<Terminal>,
    reading: bool,
    browser: Option<(Address, BrowserStep)>,
    doubt: Option<Instant>,
}

impl<'a> Waiting<'a> {
    /// Listens to the agent and to Ctrl-C from here on.
    pub(super) fn new(out: &'a Out, front: Front, link: Link, aim: Aim, progress: Progress) -> Self {
        let (tell, told) = mpsc::channel();
        listen(link, tell.clone());
        interrupts(&tell);
        Self {
            out,
            aim,
            tell,
            told,
            until: Instant::now() + front.timeout,
            front,
            progress: Some(progress),
            terminal: None,
            reading: false,
            browser: None,
            doubt: None,
        }
    }

    /// What is typed after the end.
    pub(super) fn lines(self) -> impl FnMut() -> Option<String> {
        let Self { told, reading, .. } = self;
        move || if reading { typed_line(&told) } else { surroundings::stdin_line() }
    }

    pub(super) fn run(&mut self) -> Result<Over, Failure> {
        loop {
            let now = Instant::now();
            let wake = self.doubt.map_or(self.until, |d| d.min(self.until));
            match self.told.recv_timeout(wake.saturating_duration_since(now)) {
                Ok(Event::Progress(progress)) if self.is_ours(&progress.sign_in) => {
                    if let Some(done) = self.step(progress.step)? {
                        return Ok(Over::SignedIn(Box::new(done)));
                    }
                }
                Ok(Event::Progress(_)) => {}
                Ok(Event::Examination(ExaminationStage::Looking { part })) => {
                    self.busy(super::examine::busy(part))
                }
                Ok(Event::Examination(ExaminationStage::Done(examination))) => {
                    self.quiet();
                    self.progress = None;
                    return Ok(Over::Examined(examination));
                }
                Ok(Event::Gone(failure)) => return Err(failure),
                Ok(Event::Typed(Typed::Line(line))) => self.typed(&line)?,
                Ok(Event::Typed(Typed::End)) => {}
                Ok(Event::Interrupted) => self.give_up(Code::Interrupted)?,
                Err(RecvTimeoutError::Timeout) if Instant::now() >= self.until => {
                    self.give_up(Code::SignInExpired)?;
                }
                Err(RecvTimeoutError::Timeout) => self.doubt(),
                Err(RecvTimeoutError::Disconnected) => return Err(Fault::new(Code::ConnectionLost).into()),
            }
        }
    }

    /// Whether it is the sign-in that is waited for. An examination has one, and says which when it begins.
    fn is_ours(&mut self, sign_in: &str) -> bool {
        match &mut self.aim {
            Aim::SignIn(ours) => ours == sign_in,
            Aim::Examination { sign_in: ours, .. } => {
                ours.get_or_insert_with(|| sign_in.to_owned()) == sign_in
            }
        }
    }

    fn sign_in(&self) -> Option<&str> {
        match &self.aim {
            Aim::SignIn(ours) => Some(ours),
            Aim::Examination { sign_in, .. } => sign_in.as_deref(),
        }
    }

    /// The person has had enough, or the time is over. An examination then still reports what it has seen.
    fn give_up(&mut self, why: Code) -> Result<(), Failure> {
        self.quiet();
        self.progress = None;
        let _ = self.tell_agent_to_cancel();
        match &mut self.aim {
            Aim::Examination { sign_in, given_up }
                if *given_up == 0 && (sign_in.is_some() || why == Code::SignInExpired) =>
            {
                *given_up += 1;
                self.until = Instant::now() + LAST_WORDS;
                self.busy("Taking back what the test left");
                Ok(())
            }
            _ => Err(Fault::new(why).into()),
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
            // the report says what became of it
            Step::Tried => self.quiet(),
            Step::Failed { .. } if matches!(self.aim, Aim::Examination { .. }) => self.quiet(),
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
        let opened = match self.front.screen {
            Screen::Here => address.open(self.front.program.as_deref()).is_ok(),
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
                if self.front.screen == Screen::Here {
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
        if self.out.json() || matches!(self.aim, Aim::Examination { .. }) {
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
                if self.front.screen == Screen::Here && surroundings::stdin_is_terminal() && address.open(self.front.program.as_deref()).is_ok() {
                    self.hint(&["Opened again."]);
                }
            }
            "c" | "C" => self.out.note(address.as_str()),
            "o" | "O" if matches!(self.aim, Aim::Examination { .. }) => {
                self.hint(&["A test has one way back; `--redirect` chooses it."]);
            }
            "o" | "O" => {
                if let Some((kind, _)) = other_way(step.redirect_kind) {
                    let mut link = Link::open(Start::Never)?;
                    self.busy("Starting again the other way");
                    let sign_in = self.sign_in().unwrap_or_default().to_owned();
                    link.call(&call::SignInRedirect(SignInRedirect { sign_in, kind }))?;
                } else {
                    self.hint(&["This client was registered with one way back; there is no other."]);
                }
            }
            line if line.contains("://") || line.contains(":/") => {
                self.busy("Reading the address");
                let mut link = Link::open(Start::Never)?;
                let answer = link.call(&call::SignInCallback(SignInCallback { url: line.to_owned(), sign_in: self.sign_in().map(str::to_owned) }));
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
        let Some(sign_in) = self.sign_in() else { return Ok(()) };
        let sign_in = sign_in.to_owned();
        Link::open(Start::Never)?.call(&call::SignInCancel(SignInRef { sign_in })).map(|_| ())
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
