use super::window::{Started, Window};
use super::*;
use crate::approvals::FileIdentity;
use crate::approvals::Subject;
use crate::config::ApprovalsChoice;
use crate::methods::Command;
use crate::testing::House;
use mcp_login_ipc::api;
use mcp_login_ipc::envelope::{Id, Incoming};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};
use tokio::sync::mpsc;

/// A window that the test plays: each start hands it the other end of the link.
struct Stage(mpsc::UnboundedSender<DuplexStream>);

impl Window for Stage {
    fn is_there(&self) -> bool {
        true
    }

    fn start(&self, _: &BTreeMap<String, String>) -> io::Result<Started> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        self.0.send(theirs).map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Started { link: Box::new(ours), process: None })
    }
}

struct Play {
    doors: Arc<Doors>,
    windows: mpsc::UnboundedReceiver<DuplexStream>,
    _house: House,
}

async fn play() -> Play {
    let house = House::new().await;
    house.sign_in("work", Some(100_000)).await;
    let (opened, windows) = mpsc::unbounded_channel();
    let session = Session::of(|name| (name == "DISPLAY").then(|| ":7".to_owned()));
    let doors = house.doors(ApprovalsChoice::Window, Consent::new(Stage(opened), session));
    Play { doors, windows, _house: house }
}

fn program(name: &str) -> Subject {
    let face = api::Subject {
        program: format!("/opt/{name}"),
        name: name.into(),
        kind: api::SubjectKind::Program,
        script: None,
        signer: None,
    };
    let file = FileIdentity::of(Path::new("/usr/bin/env"));
    Subject { face, process: (1, 1), file, signature: None }
}

type Answer = tokio::task::JoinHandle<Value>;

impl Play {
    /// A request that waits in a task of its own; the answer when it is there.
    fn ask_as(&self, name: &str, command: Command, method: &str, params: Value) -> Answer {
        let caller = api::Caller { subject: None, chain: Vec::new(), strength: api::Strength::Pinned };
        let peer = Arc::new(Peer { subject: Some(program(name)), ..Peer::new(caller, command) });
        let doors = self.doors.clone();
        let line = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let Incoming::Request { request, .. } = mcp_login_ipc::envelope::read_request(line.as_bytes()) else {
            panic!("{line}")
        };
        tokio::spawn(async move {
            let line = doors.answer(peer, Id::Number(1), request, mpsc::channel(1).0).await;
            serde_json::from_slice(line.as_bytes()).unwrap()
        })
    }

    fn token(&self, name: &str) -> Answer {
        self.ask_as(name, Command::Other, "token.get", json!({"account": "work"}))
    }

    async fn window(&mut self) -> Seen {
        Seen(BufReader::new(self.windows.recv().await.unwrap()))
    }

    fn no_window(&mut self) {
        assert!(self.windows.try_recv().is_err(), "another window was opened");
    }

    /// Lets everything that can run do so.
    async fn settle(&self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}

/// The window's side of the link.
struct Seen(BufReader<DuplexStream>);

impl Seen {
    async fn ask(&mut self, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.0.write_all(format!("{request}\n").as_bytes()).await.unwrap();
        loop {
            let line = self.line().await.expect("the link is closed");
            if line["id"] == 1 {
                return line;
            }
        }
    }

    async fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.0.read_line(&mut line).await {
            Ok(1..) => Some(serde_json::from_str(&line).unwrap()),
            _ => None,
        }
    }

    async fn questions(&mut self) -> Vec<Value> {
        let list = self.ask("approval.list", json!({})).await;
        list["result"]["pending"].as_array().unwrap().clone()
    }

    async fn grant(&mut self, question: &Value, until: &str) -> Value {
        let params = json!({"pending": question["id"], "account": "work", "until": until});
        self.ask("approval.grant", params).await
    }
}

fn code(answer: &Value) -> &str {
    answer["error"]["data"]["code"].as_str().unwrap_or("none")
}

fn token(answer: &Value) -> &str {
    answer["result"]["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}"))
}

#[tokio::test(start_paused = true)]
async fn fifty_who_ask_are_one_question_and_one_answer() {
    let mut play = play().await;
    let answers: Vec<Answer> = (0..50).map(|_| play.token("client")).collect();
    let mut window = play.window().await;
    let questions = window.questions().await;
    assert_eq!(questions.len(), 1);
    assert_eq!(questions[0]["server"], crate::testing::SERVER);
    assert!(window.grant(&questions[0], "always").await["result"].is_object());
    for answer in answers {
        assert_eq!(token(&answer.await.unwrap()), "access-1");
    }
    play.no_window();
    assert_eq!(window.line().await, None, "nothing waits: the link is closed");
    assert_eq!(token(&play.token("client").await.unwrap()), "access-1");
    play.no_window();
}

#[tokio::test(start_paused = true)]
async fn once_lets_one_through_and_the_others_are_asked_about_again_in_the_same_window() {
    let mut play = play().await;
    let first = play.token("client");
    play.settle().await;
    let others: Vec<Answer> = (0..3).map(|_| play.token("client")).collect();
    let mut window = play.window().await;
    play.settle().await;
    let question = window.questions().await.remove(0);
    window.grant(&question, "once").await;
    assert_eq!(token(&first.await.unwrap()), "access-1");
    play.settle().await;
    assert!(others.iter().all(|other| !other.is_finished()), "once let more than one through");
    let next = window.questions().await;
    assert_eq!(next.len(), 1);
    assert_eq!(next[0]["before"][0]["until"], "once");
    window.ask("approval.deny", json!({"pending": next[0]["id"]})).await;
    for other in others {
        assert_eq!(code(&other.await.unwrap()), "approval_denied");
    }
    play.no_window();
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_no_and_the_window_is_told() {
    let mut play = play().await;
    let answer = play.token("client");
    let mut window = play.window().await;
    window.ask("events.subscribe", json!({})).await;
    let began = Instant::now();
    assert_eq!(code(&answer.await.unwrap()), "approval_timed_out");
    assert_eq!(began.elapsed().as_secs(), 90, "the caller waits no longer");
    assert_eq!(window.questions().await.len(), 1, "the person may still answer");
    let told = window.line().await.unwrap();
    assert_eq!(told["params"]["kind"], "approvals_changed");
    assert_eq!(began.elapsed(), ANSWER_TIME);
    assert!(play.doors.approvals.pending().is_empty());
    assert_eq!(window.line().await, None);
    let record = play.doors.audit.read(audit::Range::Newest, 9).await.unwrap();
    assert!(
        record
            .iter()
            .any(|e| e.action == AuditAction::ApprovalDenied
                && e.code.as_deref() == Some("approval_timed_out"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_changes_nothing() {
    let mut play = play().await;
    let gone = play.token("client");
    let stays = play.token("client");
    let mut window = play.window().await;
    play.settle().await;
    gone.abort();
    let question = window.questions().await.remove(0);
    window.grant(&question, "once").await;
    assert_eq!(token(&stays.await.unwrap()), "access-1", "once was for the first that is still there");
}

#[tokio::test(start_paused = true)]
async fn a_window_that_dies_answers_nothing_and_comes_back_only_for_the_next() {
    let mut play = play().await;
    for (death, rest) in [(1, 0), (2, 2), (3, 4)] {
        let answer = play.token("client");
        let mut window = play.window().await;
        assert_eq!(window.questions().await.len(), 1);
        drop(window);
        assert_eq!(code(&answer.await.unwrap()), "not_approved", "death {death}");
        play.settle().await;
        play.no_window();
        if rest > 0 {
            // Too soon: refused at once, and nothing is started.
            let refused = play.token("client").await.unwrap();
            assert_eq!(code(&refused), "not_approved");
            play.no_window();
            tokio::time::sleep(Duration::from_secs(rest)).await;
        }
    }
    let answer = play.token("client");
    let mut window = play.window().await;
    let question = window.questions().await.remove(0);
    window.grant(&question, "process").await;
    assert_eq!(token(&answer.await.unwrap()), "access-1");
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_display_where_no_window_comes_up_is_forgotten_until_one_is_announced() {
    let mut play = play().await;
    let answer = play.token("client");
    drop(play.window().await);
    assert_eq!(code(&answer.await.unwrap()), "not_approved");
    let refused = play.token("client").await.unwrap();
    assert_eq!(refused["error"]["data"]["detail"]["display"], "unknown", "{refused}");
    play.no_window();
    let display = json!({"environment": {"DISPLAY": ":8"}});
    let announce = |play: &Play, command| play.ask_as("x", command, "session.announce", display.clone());
    assert_eq!(code(&announce(&play, Command::Other).await.unwrap()), "not_permitted");
    assert!(announce(&play, Command::Ours).await.unwrap()["result"].is_object());
    let answer = play.token("client");
    let mut window = play.window().await;
    // Known by now: whoever starts our command changes nothing; the app may.
    let other = json!({"environment": {"DISPLAY": ":9"}});
    for (command, display) in [(Command::Ours, ":8"), (Command::Desktop, ":9")] {
        play.ask_as("x", command, "session.announce", other.clone()).await.unwrap();
        assert_eq!(play.doors.consent.session().environment()["DISPLAY"], display);
    }
    let question = window.questions().await.remove(0);
    window.ask("approval.deny", json!({"pending": question["id"]})).await;
    assert_eq!(code(&answer.await.unwrap()), "approval_denied");
}

#[tokio::test(start_paused = true)]
async fn the_link_is_for_questions_and_nothing_else() {
    let mut play = play().await;
    let unseen = {
        let account =
            play.doors.core.account(&play.doors.core.find("work").unwrap()).unwrap().account.clone();
        let caller = api::Caller { subject: None, chain: Vec::new(), strength: api::Strength::Pinned };
        play.doors.approvals.ask(&program("unseen"), &caller, &account, play.doors.now()).pending
    };
    let answer = play.token("client");
    let mut window = play.window().await;
    assert_eq!(window.questions().await.len(), 1, "only what is shown");
    for (method, params) in [
        ("token.get", json!({"account": "work"})),
        ("agent.status", json!({})),
        ("agent.stop", json!({})),
        ("audit.read", json!({})),
        ("account.sign_out", json!({"all": true})),
        ("session.announce", json!({"environment": {"DISPLAY": ":1"}})),
        ("approval.grant", json!({"program": "/bin/sh", "account": "work", "until": "always"})),
    ] {
        assert_eq!(code(&window.ask(method, params).await), "not_permitted", "{method}");
    }
    let grant = json!({"pending": unseen.to_string(), "account": "work", "until": "always"});
    assert_eq!(code(&window.ask("approval.grant", grant).await), "no_such_approval");
    for method in ["account.list", "events.subscribe"] {
        assert!(window.ask(method, json!({})).await["result"].is_object(), "{method}");
    }
    let question = window.questions().await.remove(0);
    window.grant(&question, "never").await;
    assert_eq!(code(&answer.await.unwrap()), "approval_denied");
}

#[tokio::test(start_paused = true)]
async fn nobody_at_the_socket_decides_and_a_never_stays() {
    let mut play = play().await;
    let answer = play.token("client");
    let mut window = play.window().await;
    let question = window.questions().await.remove(0);
    let grant = json!({"pending": question["id"], "account": "work", "until": "always"});
    for command in [Command::Other, Command::Ours, Command::Desktop] {
        for (method, params) in
            [("approval.grant", &grant), ("approval.deny", &json!({"pending": question["id"]}))]
        {
            let refused = play.ask_as("client", command, method, params.clone()).await.unwrap();
            assert_eq!(code(&refused), "not_permitted", "{method} {command:?}");
        }
    }
    let granted = window.grant(&question, "never").await;
    assert_eq!(code(&answer.await.unwrap()), "approval_denied");
    let id = granted["result"]["approval"]["id"].clone();
    let remove = |play: &Play| play.ask_as("x", Command::Desktop, "approval.remove", json!({"id": id}));
    assert_eq!(code(&remove(&play).await.unwrap()), "not_permitted");
    // But it can be asked about again, before the person.
    assert!(
        play.ask_as("x", Command::Desktop, "approval.ask", json!({"pending": id})).await.unwrap()["result"]
            .is_object()
    );
    let question = window.questions().await.remove(0);
    assert_eq!(question["before"][0]["until"], "never");
    let granted = window.grant(&question, "always").await;
    // A yes is taken back by everybody.
    let id = granted["result"]["approval"]["id"].clone();
    let removed = play.ask_as("x", Command::Other, "approval.remove", json!({"id": id})).await.unwrap();
    assert!(removed["result"].is_object(), "{removed}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_ends_keeps_nobody_waiting() {
    let mut play = play().await;
    let answer = play.token("client");
    let mut window = play.window().await;
    window.questions().await;
    play.doors.stop.send_replace(true);
    assert_eq!(code(&answer.await.unwrap()), "agent_stopping");
    while window.line().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_signed_out_takes_its_questions_along() {
    let mut play = play().await;
    let answer = play.token("client");
    let mut window = play.window().await;
    window.questions().await;
    let id = play.doors.core.find("work").unwrap();
    play.doors.approvals.forget(&id).await.unwrap();
    assert_eq!(code(&answer.await.unwrap()), "not_approved");
    assert_eq!(window.line().await, None, "the window has nothing left");
}
