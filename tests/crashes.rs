//! `kill -9` at every step of a refresh, a sign-in and a sign-out, over a real keychain. The steps are not a list of ours:
//! an agent that is let through writes down every point that it passes, and then one agent after the other dies at each.
//! What must hold: nothing is lost that was not on the wire, what is lost says so, nothing is handed out once a sign-out
//! has begun, and nothing stays behind. The outcomes go into `target/e2e/crash-report.md`, and are held against
//! `docs/crashes.md` (`MCP_LOGIN_WRITE_DOCS=1` writes it).
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use mcp_login_ipc::identity::KEYCHAIN_SERVICE;
use mcp_login_tests::{Agent, Home, Person, Said, Sandbox, Session, artifacts, wait, workspace};
use serde_json::Value;

/// What the proof is worth at least.
const LEAST_ROUNDS: usize = 200;

/// Keyrings that may die in one round. They die of a race of their own, some one in a thousand rounds.
const MOST_KEYRINGS: usize = 3;

/// A token is longer, an item may not be: every set of tokens takes two chunks, as on Windows.
const ITEM_LIMIT: &str = "1200";
const TOKEN_BYTES: &str = "1500";

/// Every token of the sandbox begins like this.
const CANARIES: [&str; 2] = ["sbx-at-", "sbx-rt-"];

/// Killed from outside. Whether the server goes on with a request whose client is gone is its own business.
const ON_THE_WIRE: &str = "request on the wire";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Operation {
    Refresh,
    RefreshAfterCrash,
    SignIn,
    SignInAgain,
    SignOut,
    SignOutAfterCrash,
    SignOutOffline,
}

impl Operation {
    const ALL: [Operation; 7] = [
        Operation::Refresh,
        Operation::RefreshAfterCrash,
        Operation::SignIn,
        Operation::SignInAgain,
        Operation::SignOut,
        Operation::SignOutAfterCrash,
        Operation::SignOutOffline,
    ];

    fn title(self) -> &'static str {
        match self {
            Operation::Refresh => "Refresh",
            Operation::RefreshAfterCrash => "The refresh that the next agent makes after such a death",
            Operation::SignIn => "Sign-in",
            Operation::SignInAgain => "Sign-in at an account that is there",
            Operation::SignOut => "Sign-out",
            Operation::SignOutAfterCrash => "The sign-out that the next agent finishes after such a death",
            Operation::SignOutOffline => "Sign-out while the issuer is down",
        }
    }

    fn ends_the_account(self) -> bool {
        matches!(self, Operation::SignOut | Operation::SignOutAfterCrash | Operation::SignOutOffline)
    }
}

/// Where an agent dies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    point: String,
    /// The how manieth time it is passed, from 1.
    time: usize,
    /// For the vault's points: the last point before it that says what the agent was about.
    after: Option<String>,
    /// After the request left and before the answer is stored.
    in_doubt: bool,
}

impl Step {
    fn at(point: &str, in_doubt: bool) -> Step {
        Step { point: point.to_owned(), time: 1, after: None, in_doubt }
    }

    /// As the report has it.
    fn name(&self) -> String {
        let after = match &self.after {
            Some(after) => format!(", after `{after}`"),
            None if self.point.starts_with("vault.") => ", at the start".to_owned(),
            None => String::new(),
        };
        let doubt = if self.in_doubt { " (answer not stored yet)" } else { "" };
        format!("`{}`{after}{doubt}", self.point)
    }
}

/// How a round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The account works: a new refresh succeeds, and the server takes the token.
    Works,
    /// The account says `needs_sign_in`.
    SaysSo,
    /// There is no account, as before; the command that signed in has failed.
    NotSignedIn,
    /// The sign-out is complete.
    SignedOut,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Outcome::Works => "works",
            Outcome::SaysSo => "says `needs_sign_in`",
            Outcome::NotSignedIn => "no account, as before",
            Outcome::SignedOut => "signed out, both tokens refused",
        }
    }
}

/// A server, a keyring and a person's place.
struct Stage {
    session: Session,
    sandbox: Sandbox,
    home: Home,
    person: Person,
    grace: Grace,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grace {
    None,
    Some,
}

/// How tokens lie in the keychain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Whole,
    Chunks,
}

impl Stage {
    fn new(grace: Grace, form: Form) -> Stage {
        let mut options = vec!["--access-ttl", "3600"];
        match grace {
            Grace::None => {}
            Grace::Some => options.extend(["--grace", "3600"]),
        }
        if form == Form::Chunks {
            options.extend(["--token-bytes", TOKEN_BYTES]);
        }
        let session = Session::start();
        let home = Self::home(&session, form);
        Stage {
            session,
            sandbox: Sandbox::start_with(&options),
            home,
            person: Person::named("alice"),
            grace,
            form,
        }
    }

    fn home(session: &Session, form: Form) -> Home {
        let mut home = Home::with_fault_points();
        session.enter(&mut home);
        home.write_settings(""); // the keychain
        if form == Form::Chunks {
            home.set("MCP_LOGIN_FAULT_ITEM_LIMIT", ITEM_LIMIT);
        }
        home
    }

    /// After a round that went wrong: everything anew, so that the next one says something of its own.
    fn begin_anew(&mut self) {
        self.home = Self::home(&self.session, self.form);
        self.session.run("secret-tool", &["clear", "service", KEYCHAIN_SERVICE]);
        self.sandbox.heal("slow");
        self.sandbox.heal("lost-answer");
        self.sandbox.heal("status");
    }

    /// An agent that dies at this step, or only writes down the steps.
    fn agent(&self, step: Option<&Step>) -> Agent {
        for file in ["mark", "trace"] {
            let _ = fs::remove_file(self.home.path(file));
        }
        let path = |file: &str| self.home.path(file).display().to_string();
        let (mark, trace) = (path("mark"), path("trace"));
        match step {
            None => Agent::start_with(&self.home, &[("MCP_LOGIN_FAULT_TRACE", &trace)]),
            Some(step) => {
                let fault = format!("{}:{}", step.point, step.time);
                Agent::start_with(&self.home, &[("MCP_LOGIN_FAULT", &fault), ("MCP_LOGIN_FAULT_MARK", &mark)])
            }
        }
    }

    /// Waits until the agent has died where it should, and nowhere else.
    fn died(&self, agent: Agent, step: &Step) {
        let marked = wait::within(Duration::from_secs(20), || self.home.path("mark").exists().then_some(()));
        assert!(marked.is_some(), "{}:{} was not passed", step.point, step.time);
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(agent.ended().signal(), Some(9), "how it ended");
    }

    fn stop(&self) {
        self.home.run(&["agent", "stop"]).ok();
        wait::until("the agent to be gone", || self.home.agents().is_empty().then_some(()));
    }

    fn states(&self) -> BTreeMap<String, String> {
        let list = self.home.run(&["list", "--json"]).ok().json();
        let accounts = list["accounts"].as_array().cloned().unwrap_or_default();
        let member = |account: &Value, name: &str| account[name].as_str().unwrap_or_default().to_owned();
        accounts.iter().map(|account| (member(account, "name"), member(account, "state"))).collect()
    }

    /// Runs a command that signs in and plays the person, as far as either comes.
    fn sign_in(&self, line: &[&str]) -> Said {
        let before = self.home.opened().len();
        let mut command = self.home.start(line);
        let address = wait::until("the browser to be opened", || {
            let address = self.home.opened().into_iter().nth(before).map(Some);
            address.or_else(|| command.ended().is_some().then_some(None))
        });
        if let Some(address) = address {
            let _ = self.person.allow(&address).try_deliver();
        }
        let (status, lines, stderr) = command.finish();
        Said { line: line.join(" "), code: status.code().unwrap_or(-1), stdout: lines.join("\n"), stderr }
    }

    fn add(&self) -> Said {
        self.sign_in(&["add", self.sandbox.mcp(), "--name", "work", "--json"])
    }

    fn sign_in_again(&self) -> Said {
        self.sign_in(&["login", "work", "--json"])
    }

    /// What lies in the keychain, by name.
    fn items(&self) -> BTreeSet<String> {
        let said = self.session.run("secret-tool", &["search", "--all", "service", KEYCHAIN_SERVICE]);
        let lines = said.stdout.lines().chain(said.stderr.lines());
        lines.filter_map(|line| line.strip_prefix("attribute.username = ")).map(str::to_owned).collect()
    }

    /// No file of ours holds a token.
    fn nothing_in_the_clear(&self) {
        in_the_clear(self.home.dir());
    }

    /// There is an account that works, and an agent that is not running. Returns the access token.
    fn account_there(&self) -> String {
        match self.states().get("work").map(String::as_str) {
            Some("ready") => {}
            Some(_) => drop(self.sign_in_again().ok()),
            None => drop(self.add().ok()),
        }
        let token = self.home.run(&["token", "work"]).ok().text().to_owned();
        self.stop();
        token
    }

    /// There is none, nothing of one in the keychain, and no agent.
    fn nothing_there(&self) {
        if !self.states().contains_key("work") && !self.items().is_empty() {
            // The registration of a sign-in that came to nothing is kept for the next one, and goes with it.
            self.add().ok();
        }
        if self.states().contains_key("work") {
            self.home.run(&["logout", "work"]).ok();
        }
        self.all_is_cleared();
        self.stop();
    }

    /// The last account has gone: nothing is queued, and the keychain is empty.
    fn all_is_cleared(&self) {
        wait::until("the queue of revocations to be worked off", || {
            let status = self.home.run(&["agent", "status", "--json"]).ok().json();
            (status["revocations_queued"] == 0).then_some(())
        });
        let left = wait::within(Duration::from_secs(15), || self.items().is_empty().then_some(()));
        assert!(left.is_some(), "orphans in the keychain: {:?}", self.items());
    }

    /// Gets everything ready for an operation; returns the access token that a sign-out has to end.
    fn prepare(&self, operation: Operation) -> String {
        let token = match operation {
            Operation::SignIn => {
                self.nothing_there();
                String::new()
            }
            _ => self.account_there(),
        };
        match operation {
            Operation::RefreshAfterCrash => self.cut_off(Operation::Refresh, "refresh.commit"),
            Operation::SignOutAfterCrash => self.cut_off(Operation::SignOut, "signout.queued"),
            Operation::SignOutOffline => self.sandbox.fault("status", "revocation:503"),
            _ => {}
        }
        token
    }

    fn cut_off(&self, operation: Operation, point: &str) {
        let step = Step::at(point, false);
        let agent = self.agent(Some(&step));
        self.act(operation);
        self.died(agent, &step);
    }

    /// Does it, with an agent that may die at any moment; nobody counts on an answer.
    fn act(&self, operation: Operation) {
        match operation {
            Operation::Refresh => drop(self.home.run(&["refresh", "work", "--json"])),
            Operation::SignIn => drop(self.add()),
            Operation::SignInAgain => drop(self.sign_in_again()),
            Operation::SignOut | Operation::SignOutOffline => {
                drop(self.home.run(&["logout", "work", "--json"]))
            }
            // The agent does these by itself when it starts.
            Operation::RefreshAfterCrash | Operation::SignOutAfterCrash => {}
        }
    }

    /// Waits until the operation has come to its end in an agent that was let through.
    fn complete(&self, operation: Operation) {
        match operation {
            Operation::RefreshAfterCrash => drop(self.home.run(&["refresh", "work"]).ok()),
            Operation::SignOutAfterCrash => self.all_is_cleared(),
            _ => {}
        }
    }

    /// Every step of an operation, from an agent that was let through.
    fn steps(&self, operation: Operation) -> Vec<Step> {
        self.prepare(operation);
        let agent = self.agent(None);
        self.act(operation);
        self.complete(operation);
        let trace = fs::read_to_string(self.home.path("trace")).unwrap_or_default();
        self.sandbox.heal("status");
        drop(agent);
        let mut times = BTreeMap::new();
        let (mut sent, mut stored, mut about) = (false, false, None);
        let mut steps = Vec::new();
        for point in trace.lines() {
            let time = times.entry(point).and_modify(|time| *time += 1).or_insert(1);
            sent |= point == "refresh.sent";
            stored |= sent && point == "vault.head.written";
            let after = if point.starts_with("vault.") { about.clone() } else { None };
            if !point.starts_with("vault.") {
                about = Some(point.to_owned());
            }
            steps.push(Step { point: point.to_owned(), time: *time, after, in_doubt: sent && !stored });
            // What is refreshed after that is a refresh of the test's own.
            if operation == Operation::RefreshAfterCrash && point == "refresh.committed" {
                break;
            }
        }
        assert!(!steps.is_empty(), "{operation:?} passes no point");
        steps
    }

    /// One death, and what became of it.
    fn round(&self, operation: Operation, step: &Step, steps: &[Step]) -> Outcome {
        let old = self.prepare(operation);
        let agent = self.agent(Some(step));
        self.act(operation);
        self.died(agent, step);
        self.sandbox.heal("status");
        self.nothing_in_the_clear();
        let outcome = self.judge(operation, &old, stored_before(operation, step, steps));
        self.nothing_in_the_clear();
        outcome
    }

    /// What the next agent makes of it.
    fn judge(&self, operation: Operation, old: &str, signed_in: bool) -> Outcome {
        if operation.ends_the_account() {
            return self.judge_sign_out(old);
        }
        if operation == Operation::SignIn && !signed_in {
            wait::until("the sign-in that was cut off to be cleared away", || {
                self.states().is_empty().then_some(())
            });
            return Outcome::NotSignedIn;
        }
        self.judge_account()
    }

    /// Whether the account works for good: a token comes, the server takes it, and the refresh token brings the next.
    fn judge_account(&self) -> Outcome {
        let at_once = self.home.run(&["token", "work", "--json"]);
        assert!([0, 3].contains(&at_once.code), "`token` after the start: {at_once:?}");
        let refresh = self.home.run(&["refresh", "work", "--json"]);
        let token = self.home.run(&["token", "work", "--json"]);
        if refresh.code == 0 {
            let token = token.ok().json();
            let answer = self.sandbox.mcp_answers(token["access_token"].as_str().unwrap_or_default());
            assert_eq!(answer, 200, "the server's answer to the token");
            return Outcome::Works;
        }
        assert_eq!(refresh.exits(3).error()["code"], "needs_sign_in");
        // An access token that is not known to be refused may still be used up; the account says what it needs.
        assert!([0, 3].contains(&token.code), "`token`: {token:?}");
        assert_eq!(self.states()["work"], "needs_sign_in");
        Outcome::SaysSo
    }

    fn judge_sign_out(&self, old: &str) -> Outcome {
        let at_once = self.home.run(&["token", "work"]);
        assert!(at_once.code != 0 && at_once.stdout.is_empty(), "handed out after the sign-out had begun");
        wait::until("the sign-out to be finished", || self.states().is_empty().then_some(()));
        self.all_is_cleared();
        assert_eq!(self.sandbox.mcp_answers(old), 401, "the access token still works");
        assert_eq!(self.sandbox.tokens()["refresh"]["live"], 0, "a refresh token still works");
        assert_eq!(self.sandbox.tokens()["clients"], 0, "the registration is still there");
        Outcome::SignedOut
    }
}

/// Whether the tokens of a sign-in were in the keychain before this step: those are the first after the entry.
fn stored_before(operation: Operation, step: &Step, steps: &[Step]) -> bool {
    if operation != Operation::SignIn {
        return true;
    }
    let entry = steps.iter().position(|step| step.point == "signin.entry").expect("a sign-in makes an entry");
    let head =
        steps.iter().skip(entry).position(|step| step.point == "vault.head.written").map(|at| at + entry);
    let here = steps.iter().position(|other| other == step);
    here >= head
}

fn in_the_clear(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            in_the_clear(&path);
        } else if let Ok(bytes) = fs::read(&path) {
            for canary in CANARIES {
                let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
                assert!(!found, "a token in {}", path.display());
            }
        }
    }
}

/// A row of the report: outcomes by the server's grace.
type Row = BTreeMap<Grace, BTreeSet<Outcome>>;

/// What all rounds said.
#[derive(Default)]
struct Report {
    rounds: usize,
    rows: BTreeMap<Operation, BTreeMap<String, Row>>,
    /// In which order an operation passes its points when tokens take chunks, which is with the most.
    order: BTreeMap<Operation, Vec<String>>,
    hit: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Report {
    fn note(&mut self, operation: Operation, step: &Step, stage: &Stage, outcome: Result<Outcome, String>) {
        self.rounds += 1;
        self.hit.insert(step.point.clone());
        let row = self.rows.entry(operation).or_default().entry(step.name()).or_default();
        let what =
            format!("{operation:?} {}:{} ({:?} grace, {:?})", step.point, step.time, stage.grace, stage.form);
        match outcome {
            Ok(outcome) => {
                let outcomes = row.entry(stage.grace).or_default();
                outcomes.insert(outcome);
                if step.point == ON_THE_WIRE && stage.grace == Grace::None {
                    outcomes.extend([Outcome::Works, Outcome::SaysSo]);
                }
                if outcome == Outcome::SaysSo && !(step.in_doubt && stage.grace == Grace::None) {
                    self.wrong.push(format!("{what}: the sign-in was lost"));
                }
            }
            Err(why) => self.wrong.push(format!("{what}: {why}")),
        }
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# Deaths and what became of them\n\nWritten by a test (`tests/crashes.rs`), which kills the agent with \
             `kill -9` at every step at which it could die, over a real keychain, and looks at what the next agent makes \
             of it. \"Works\" means that the next refresh succeeds and the server takes the token. At no step does a token \
             lie in a file, and after a sign-out nothing is left in the keychain. The client registration of a sign-in that \
             was cut off is kept for the next one.\n\nA server that rotates voids the old \
             refresh token in the moment in which it answers. From there until the answer is stored, nobody on this side \
             can save it: it is saved only if the server gives the same answer again for a while (its grace). Then, and \
             only then, a sign-in can be lost, and the account says so.\n",
        );
        for operation in Operation::ALL {
            let Some(rows) = self.rows.get(&operation) else { continue };
            let graces: BTreeSet<Grace> = rows.values().flat_map(|row| row.keys().copied()).collect();
            let _ = write!(text, "\n## {}\n\n| killed at |", operation.title());
            for grace in &graces {
                text.push_str(match (graces.len(), grace) {
                    (1, Grace::None) => " outcome |",
                    (1, Grace::Some) => " outcome, with grace |",
                    (_, Grace::None) => " without grace |",
                    (_, Grace::Some) => " with grace |",
                });
            }
            let _ = writeln!(text, "\n|---|{}", "---|".repeat(graces.len()));
            let order = self.order.get(&operation).map(Vec::as_slice).unwrap_or_default();
            let mut rows: Vec<_> = rows.iter().collect();
            rows.sort_by_key(|(name, _)| order.iter().position(|other| other == *name));
            for (name, row) in rows {
                let _ = write!(text, "| {name} |");
                for grace in &graces {
                    let words: Vec<_> = row.get(grace).into_iter().flatten().map(|o| o.word()).collect();
                    let _ = write!(text, " {} |", words.join(", or "));
                }
                text.push('\n');
            }
        }
        text
    }
}

/// One after the other on one stage; what goes wrong is written down, and the next round begins anew.
fn play(report: &Mutex<Report>, grace: Grace, form: Form, operations: &[Operation]) {
    let mut stage = Stage::new(grace, form);
    for operation in operations {
        let steps = match played(&mut stage, |stage| stage.steps(*operation)) {
            Ok(steps) => steps,
            Err(why) => {
                let what = format!("{operation:?} without a death ({grace:?} grace, {form:?}): {why}");
                report.lock().expect("no panic holds it").wrong.push(what);
                continue;
            }
        };
        if form == Form::Chunks {
            let names = steps.iter().map(Step::name).collect();
            report.lock().expect("no panic holds it").order.insert(*operation, names);
        }
        for step in &steps {
            let outcome = played(&mut stage, |stage| stage.round(*operation, step, &steps));
            report.lock().expect("no panic holds it").note(*operation, step, &stage, outcome);
        }
    }
    on_the_wire(report, &mut stage);
    // The keyring's own files.
    if let Some(dir) = stage.session.get("MCP_LOGIN_SESSION") {
        let clear = caught(|| in_the_clear(Path::new(dir)));
        report.lock().expect("no panic holds it").wrong.extend(clear.err());
    }
}

/// Deaths while a request is on the wire: before the server has looked at it, and after it has rotated and its answer
/// was lost on the way.
fn on_the_wire(report: &Mutex<Report>, stage: &mut Stage) {
    for (name, fault, argument) in
        [(ON_THE_WIRE, "slow", "refresh:400"), ("rotated, answer lost", "lost-answer", "refresh")]
    {
        for time in 1..=3 {
            let step = Step { time, ..Step::at(name, true) };
            let outcome = played(stage, |stage| {
                stage.account_there();
                stage.sandbox.fault(fault, argument);
                let sent = stage.sandbox.at("refresh").len();
                if fault == "slow" {
                    let agent = stage.agent(None);
                    let command = stage.home.start(&["refresh", "work", "--json"]);
                    wait::until("the request", || (stage.sandbox.at("refresh").len() > sent).then_some(()));
                    agent.kill();
                    drop(command.finish());
                } else {
                    stage.cut_off(Operation::Refresh, "refresh.sent");
                }
                stage.sandbox.heal(fault);
                stage.nothing_in_the_clear();
                stage.judge_account()
            });
            report.lock().expect("no panic holds it").note(Operation::Refresh, &step, stage, outcome);
        }
    }
}

/// Plays a round; one that goes wrong leaves a clean stage. A round says nothing about us when the keyring itself died in it
/// (GNOME Keyring aborts when a client vanishes in the middle of its greeting): it is played again over a new keyring.
fn played<T>(stage: &mut Stage, work: impl Fn(&Stage) -> T) -> Result<T, String> {
    for _ in 0..MOST_KEYRINGS {
        let outcome = caught(|| work(stage));
        if stage.session.keyring_lives() {
            if outcome.is_err() {
                stage.begin_anew();
            }
            return outcome;
        }
        *stage = Stage::new(stage.grace, stage.form);
    }
    Err(format!("{MOST_KEYRINGS} keyrings died in a row"))
}

fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// The names of all points, from the programs' own lists.
fn all_points() -> BTreeSet<String> {
    let mut points = BTreeSet::new();
    for file in ["src-tauri/crates/agent/src/fault.rs", "src-tauri/crates/vault/src/fault.rs"] {
        let text = fs::read_to_string(workspace().join(file)).expect("a file of the project");
        let list = text.split_once("POINTS: &[&str] = &[").and_then(|(_, rest)| rest.split_once("];"));
        let (list, _) = list.unwrap_or_else(|| panic!("{file} has no list of points"));
        points.extend(list.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    points
}

#[test]
fn nothing_is_lost_wherever_the_agent_dies() {
    use Operation::{
        Refresh, RefreshAfterCrash, SignIn, SignInAgain, SignOut, SignOutAfterCrash, SignOutOffline,
    };
    let report = Mutex::new(Report::default());
    let accounts = [Refresh, SignInAgain, SignOut, SignOutAfterCrash, SignOutOffline, SignIn];
    let refreshes = [Refresh, RefreshAfterCrash];
    std::thread::scope(|scope| {
        for form in [Form::Whole, Form::Chunks] {
            let report = &report;
            scope.spawn(move || play(report, Grace::None, form, &accounts));
            scope.spawn(move || play(report, Grace::Some, form, &refreshes));
        }
    });
    let mut report = report.into_inner().expect("no panic holds it");
    let missed: Vec<_> = all_points().difference(&report.hit).cloned().collect();
    if !missed.is_empty() {
        report.wrong.push(format!("never killed at {missed:?}"));
    }
    if report.rounds < LEAST_ROUNDS {
        report.wrong.push(format!("only {} rounds", report.rounds));
    }
    let text = report.text();
    fs::write(artifacts().join("crash-report.md"), &text).expect("the report is written");
    assert!(
        report.wrong.is_empty(),
        "{} rounds, of these wrong:\n{}\n\n{text}",
        report.rounds,
        report.wrong.join("\n")
    );
    let page = workspace().join("docs/crashes.md");
    if std::env::var_os("MCP_LOGIN_WRITE_DOCS").is_some() {
        fs::write(&page, &text).expect("the page is written");
    }
    assert_eq!(
        fs::read_to_string(&page).unwrap_or_default(),
        text,
        "docs/crashes.md is not what the rounds say"
    );
}
