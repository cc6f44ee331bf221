//! The consent window: the one place where a person lets a program in.
//!
//! Problem: who may say yes for a person? Whoever the agent itself started and asked. Invariants: the link is standard
//! input and output, which only the agent holds the other ends of, and nothing else is written there; the window lives as
//! long as the link, which the agent ends when nothing waits any more; a window that is closed has answered nothing.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mcp_login_address::domain;
use mcp_login_ipc::api::{
    ApprovalDeny, ApprovalGrant, Approvals, Empty, Event, Notification, PendingApproval, Until,
};
use mcp_login_ipc::client::ClientError;
use mcp_login_ipc::envelope::{self, Answer, MAX_LINE};
use mcp_login_ipc::method::{Call, call};
use mcp_login_ipc::{Code, Exit, Fault, Paths};
use serde::Deserialize;
use serde_json::{Value, json};
use tauri::{AppHandle, Manager as _, command};

use crate::refusal::Refusal;
use crate::subscribers::Subscribers;
use crate::{display, shell, subscribers, windows};

#[cfg(target_os = "linux")]
mod drawing;
mod icon;
mod pipe;

/// How long the agent may take to answer; it has everything at hand.
const PATIENCE: Duration = Duration::from_secs(10);
/// Notifications that wait to be shown. The agent sends one a question.
const MAX_NOTES: usize = 64;

/// The agent's answer: the result, or its fault.
type Said = Result<Value, ClientError>;

/// Our end of the link. One thread reads; whoever asks writes, and waits for the answer with its number.
pub(crate) struct Link {
    out: Mutex<Box<dyn Write + Send>>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    asked: HashMap<u64, SyncSender<Said>>,
    lost: bool,
}

impl Link {
    /// Reads `input` on a thread of its own until it ends; what comes unasked goes to the receiver.
    ///
    /// # Errors
    /// When there can be no thread.
    fn open(
        input: impl Read + Send + 'static,
        out: impl Write + Send + 'static,
    ) -> std::io::Result<(Arc<Self>, Receiver<Notification>)> {
        let link = Arc::new(Self { out: Mutex::new(Box::new(out)), waiting: Mutex::default() });
        let (notes, heard) = sync_channel(MAX_NOTES);
        let reader = Arc::clone(&link);
        let run = move || {
            let mut input = BufReader::new(input);
            let mut line = Vec::new();
            while reader.next(&mut input, &mut line, &notes).is_some() {}
            reader.end();
        };
        std::thread::Builder::new().name("link".to_owned()).spawn(run)?;
        Ok((link, heard))
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a line and brings it to who wants it; nothing when the link is of no more use.
    fn next(
        &self,
        input: &mut impl std::io::BufRead,
        line: &mut Vec<u8>,
        notes: &SyncSender<Notification>,
    ) -> Option<()> {
        line.clear();
        let read = input.take(MAX_LINE as u64).read_until(b'\n', line).ok()?;
        if read == 0 || line.pop() != Some(b'\n') {
            return None;
        }
        let (id, said) = match envelope::read_answer(line).ok()? {
            Answer::Notification(Some(note)) => return notes.send(note).ok(),
            Answer::Notification(None) => return Some(()),
            Answer::Result { id, result } => {
                (Some(id), serde_json::from_str(result.get()).map_err(ClientError::Garbled))
            }
            Answer::Error { id, fault } => (id, Err(fault.into())),
        };
        if let Some(asked) = id.and_then(|id| self.waiting().asked.remove(&id)) {
            let _ = asked.send(said);
        }
        Some(())
    }

    /// Nobody answers any more.
    fn end(&self) {
        let mut waiting = self.waiting();
        waiting.lost = true;
        waiting.asked.clear();
    }

    /// Asks and waits.
    ///
    /// # Errors
    /// What the agent says, or that it has gone.
    fn call<C: Call>(&self, question: &C) -> Result<C::Result, ClientError> {
        let gone = || ClientError::Lost(std::io::ErrorKind::UnexpectedEof.into());
        let (id, answer) = {
            let mut waiting = self.waiting();
            if waiting.lost {
                return Err(gone());
            }
            waiting.last += 1;
            let (asked, answer) = sync_channel(1);
            let id = waiting.last;
            waiting.asked.insert(id, asked);
            (id, answer)
        };
        let line = envelope::write_request(id, question).map_err(ClientError::Garbled)?;
        {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            out.write_all(line.as_bytes()).and_then(|()| out.flush()).map_err(ClientError::Lost)?;
        }
        let said = answer.recv_timeout(PATIENCE).map_err(|error| match error {
            std::sync::mpsc::RecvTimeoutError::Timeout => ClientError::Silent,
            std::sync::mpsc::RecvTimeoutError::Disconnected => gone(),
        })??;
        serde_json::from_value(said).map_err(ClientError::Garbled)
    }

    fn questions(&self) -> Result<Vec<PendingApproval>, ClientError> {
        let Approvals { pending, .. } = self.call(&call::ApprovalList(Empty {}))?;
        Ok(pending)
    }
}

/// Runs until nothing waits any more.
pub(crate) fn run() -> ExitCode {
    // before there are threads
    #[cfg(target_os = "linux")]
    drawing::plainly();
    let opened = pipe::take().and_then(|(input, out)| Link::open(input, out));
    let (link, heard) = match opened {
        Ok(opened) => opened,
        Err(error) => return crate::fail(&format!("there is no link to the agent: {error}"), Exit::Agent),
    };
    match subscribe_first(&link) {
        Ok(questions) if questions.is_empty() => return ExitCode::SUCCESS,
        Ok(_) => {}
        Err(error) => return crate::fail(&error.to_string(), Exit::Agent),
    }
    if !display::is_there() {
        return crate::fail("there is no display to ask on.", Exit::Failed);
    }
    let Ok(paths) = Paths::find() else {
        return crate::fail("this user has no home directory.", Exit::Failed);
    };
    let built = tauri::Builder::default()
        .manage(Arc::clone(&link))
        .manage(Subscribers::default())
        .invoke_handler(tauri::generate_handler![subscribers::subscribe, consent_questions, consent_decide])
        .setup(move |app| {
            windows::consent(app.handle(), &paths.data_dir)?;
            let app = app.handle().clone();
            std::thread::Builder::new().name("questions".to_owned()).spawn(move || attend(&app, &heard))?;
            Ok(())
        })
        .build(shell::context());
    match built {
        Ok(app) => {
            // the one window was closed, or there is nothing left to ask: the program ends
            app.run(|_, _| {});
            ExitCode::SUCCESS
        }
        Err(error) => crate::fail(&format!("the window system does not let us in: {error}"), Exit::Failed),
    }
}

/// What waits, with nothing lost between the question and the subscription.
fn subscribe_first(link: &Link) -> Result<Vec<PendingApproval>, ClientError> {
    link.call(&call::EventsSubscribe(Empty {}))?;
    link.questions()
}

/// Passes on what the agent says, and ends the program with the link.
fn attend(app: &AppHandle, heard: &Receiver<Notification>) {
    while let Ok(note) = heard.recv() {
        let Notification::Event(event) = note else { continue };
        let about_questions =
            matches!(event, Event::ApprovalAsked { .. } | Event::ApprovalsChanged | Event::Missed);
        if !about_questions {
            continue;
        }
        app.state::<Subscribers>().tell(&json!({"type": "event", "event": event}));
    }
    app.exit(0);
}

/// The questions that wait; with each the program's icon, and whose the server's host is.
#[command]
pub(crate) async fn consent_questions(app: AppHandle) -> Result<Value, Refusal> {
    aside(move || {
        let questions = app.state::<Arc<Link>>().questions()?;
        let shown = questions.iter().map(|question| {
            let mut shown = json!(question);
            shown["icon"] = json!(icon::of(&question.subject));
            shown["domain"] = json!(domain::of(&question.server));
            shown
        });
        Ok(shown.collect())
    })
    .await
}

/// What a person can answer. Twelve hours are for the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// Yes, this once.
    Once,
    /// Yes, while the program runs.
    Process,
    /// Yes.
    Always,
    /// No, for good.
    Never,
    /// No, this time.
    Denied,
}

/// Answers a question.
#[command]
pub(crate) async fn consent_decide(app: AppHandle, pending: String, until: Reply) -> Result<Value, Refusal> {
    aside(move || {
        let link = app.state::<Arc<Link>>();
        decide(&link, &pending, until)?;
        Ok(json!({}))
    })
    .await
}

fn decide(link: &Link, pending: &str, reply: Reply) -> Result<(), ClientError> {
    let until = match reply {
        Reply::Denied => {
            link.call(&call::ApprovalDeny(ApprovalDeny { pending: pending.to_owned() }))?;
            return Ok(());
        }
        Reply::Once => Until::Once,
        Reply::Process => Until::Process,
        Reply::Always => Until::Always,
        Reply::Never => Until::Never,
    };
    let question = link.questions()?.into_iter().find(|question| question.id == pending);
    let account = question.ok_or_else(|| Fault::new(Code::NoSuchApproval))?.account;
    let grant =
        ApprovalGrant { pending: Some(pending.to_owned()), program: None, account, scopes: None, until };
    link.call(&call::ApprovalGrant(grant))?;
    Ok(())
}

async fn aside(work: impl FnOnce() -> Result<Value, Refusal> + Send + 'static) -> Result<Value, Refusal> {
    tauri::async_runtime::spawn_blocking(work).await.unwrap_or_else(|_| Err(Code::Internal.into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// An agent that answers from a list: what it was asked is kept.
    fn agent(
        answers: &'static [&'static str],
    ) -> (Arc<Link>, Receiver<Notification>, std::thread::JoinHandle<Vec<String>>) {
        let (theirs, ours) = (std::io::pipe().unwrap(), std::io::pipe().unwrap());
        let (input, mut output) = theirs;
        let (asked, out) = ours;
        let played = std::thread::spawn(move || {
            let mut asked = BufReader::new(asked);
            let mut heard = Vec::new();
            for answer in answers {
                let mut line = String::new();
                asked.read_line(&mut line).unwrap();
                let id = serde_json::from_str::<Value>(&line).unwrap()["id"].to_string();
                heard.push(line);
                writeln!(output, "{}", answer.replace("$id", &id)).unwrap();
            }
            heard
        });
        let (link, notes) = Link::open(input, out).unwrap();
        (link, notes, played)
    }

    const NONE: &str = r#"{"jsonrpc":"2.0","id":$id,"result":{"standing":[],"pending":[]}}"#;

    #[test]
    fn answers_and_notes_find_their_way() {
        let (link, notes, played) = agent(&[
            r#"{"jsonrpc":"2.0","method":"event","params":{"kind":"approvals_changed"}}
{"jsonrpc":"2.0","id":$id,"result":{}}"#,
            NONE,
        ]);
        assert_eq!(subscribe_first(&link).unwrap(), []);
        assert_eq!(notes.recv().unwrap(), Notification::Event(Event::ApprovalsChanged));
        played.join().unwrap();
        assert!(notes.recv().is_err(), "the link is lost, and that is heard");
        assert!(matches!(link.questions(), Err(ClientError::Lost(_))));
    }

    #[test]
    fn a_question_that_is_gone_is_not_answered() {
        let (link, _notes, played) = agent(&[NONE]);
        let refused = decide(&link, "7", Reply::Always).unwrap_err().fault();
        assert_eq!(refused.known(), Some(Code::NoSuchApproval));
        assert!(!played.join().unwrap().iter().any(|line| line.contains("approval.grant")));
    }

    #[test]
    fn a_no_names_only_the_question() {
        let (link, _notes, played) = agent(&[r#"{"jsonrpc":"2.0","id":$id,"result":{}}"#]);
        decide(&link, "7", Reply::Denied).unwrap();
        let asked = played.join().unwrap();
        assert!(asked[0].contains(r#""method":"approval.deny","params":{"pending":"7"}"#), "{asked:?}");
    }

    #[test]
    fn twelve_hours_are_no_reply() {
        assert!(serde_json::from_str::<Reply>("\"twelve_hours\"").is_err());
        assert_eq!(serde_json::from_str::<Reply>("\"never\"").unwrap(), Reply::Never);
    }
}
