//! The local API's connections.
//!
//! Problem: any program of the user may connect, send rubbish, never read, or never leave. Invariant: every request gets
//! one answer; a line that is none costs its sender an error and nobody else anything; lines, requests at a time,
//! notifications waiting and connections are bounded, and whoever is over a bound waits. A token that is fresh goes out
//! in the same turn of the loop in which it was asked for: no task, no thread, no lock held across a wait.

use crate::gateway::{self, Granted};
use crate::methods::{Doors, Peer};
use mcp_login_ipc::Request;
use mcp_login_ipc::api::Notification;
use mcp_login_ipc::envelope::{self, Incoming, MAX_LINE};
use mcp_login_ipc::secret::Line;
use mcp_login_ipc::{Code, Fault};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections at a time; the next ones wait in the kernel's queue. Fifty clients with some windows each, ten times over.
pub const MAX_CONNECTIONS: usize = 512;
/// Requests of one connection that are being worked on; more of them stay unread.
const MAX_REQUESTS: usize = 32;
/// Notifications that wait for a reader; then whoever has more waits, and events are left out with a word about it.
const MAX_NOTES: usize = 128;
/// How long a peer may take to read an answer.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// How long a connection may be silent when nothing was asked and nothing subscribed. Clients connect again when they
/// have something to say.
const IDLE_TIME: Duration = Duration::from_secs(15 * 60);
/// How long answers are still worked on after the peer has said its last word.
const LAST_WORDS: Duration = Duration::from_secs(60);
/// What a read asks for: most requests fit.
const READ_SIZE: usize = 4 * 1024;

/// Serves one connection until it ends. `stream` is a Unix socket or a named pipe.
pub async fn connection<S>(mut stream: S, peer: Arc<Peer>, doors: Arc<Doors>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (notes, inbox) = mpsc::channel(MAX_NOTES);
    let connection = Connection { peer, doors, notes, inbox, working: JoinSet::new(), input: Vec::new() };
    match connection.run(&mut stream).await {
        // Nobody waits there for our last word; and closing says it as well.
        Ok(Hangs::Theirs) => return,
        Ok(Hangs::Ours) => {}
        Err(error) => tracing::debug!(%error, "a connection ended"),
    }
    let _ = timeout(WRITE_TIME, stream.shutdown()).await;
}

/// Who hung up.
enum Hangs {
    Ours,
    Theirs,
}

struct Connection {
    peer: Arc<Peer>,
    doors: Arc<Doors>,
    /// Boxed: a channel has room for 32 at once, which no connection that only asks for a token should pay for.
    notes: mpsc::Sender<Box<Notification>>,
    inbox: mpsc::Receiver<Box<Notification>>,
    working: JoinSet<Line>,
    input: Vec<u8>,
}

impl Connection {
    async fn run<S: AsyncRead + AsyncWrite + Unpin + Send>(mut self, stream: &mut S) -> io::Result<Hangs> {
        let mut stop = self.doors.stopping();
        loop {
            while self.working.len() < MAX_REQUESTS
                && let Some(line) = self.next_line()
            {
                if let Some(granted) = self.take(stream, &line).await? {
                    // In a box: who asks for a token should not carry what a link needs.
                    Box::pin(gateway::serve(stream, std::mem::take(&mut self.input), granted, &self.doors))
                        .await;
                    return Ok(Hangs::Ours);
                }
            }
            if self.input.len() >= MAX_LINE && !self.input.contains(&b'\n') {
                // What follows cannot be told from the rest of this line: the connection ends.
                send(
                    stream,
                    &envelope::write_error(None, &Fault::new(Code::LineTooLong).detail("limit", MAX_LINE)),
                )
                .await?;
                return Ok(Hangs::Ours);
            }
            let idle = self.is_free();
            self.input.reserve(READ_SIZE);
            tokio::select! {
                read = stream.read_buf(&mut self.input), if self.working.len() < MAX_REQUESTS => {
                    if read? == 0 {
                        self.last_words(stream).await?;
                        return Ok(Hangs::Theirs);
                    }
                }
                Some(done) = self.working.join_next() => send(stream, &line_of(done)).await?,
                Some(note) = self.inbox.recv() => send(stream, &envelope::write_notification(&note)).await?,
                () = tokio::time::sleep(IDLE_TIME), if idle => return Ok(Hangs::Ours),
                () = stopped(&mut stop) => {
                    self.goodbye(stream).await?;
                    return Ok(Hangs::Ours);
                }
            }
        }
    }

    /// The next whole line, without its line feed.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let end = self.input.iter().position(|b| *b == b'\n')?;
        let rest = self.input.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.input, rest);
        line.truncate(end);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }

    /// Answers a line, or has it answered. What it returns is what the connection is from now on.
    async fn take<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        line: &[u8],
    ) -> io::Result<Option<Granted>> {
        let (id, request) = match envelope::read_request(line) {
            Incoming::Request { id, request } => (id, request),
            Incoming::Bad { id, fault } => {
                send(stream, &envelope::write_error(id.as_ref(), &fault)).await?;
                return Ok(None);
            }
            Incoming::Ignored => return Ok(None),
        };
        let request = match request {
            Request::GatewayOpen(params) if self.is_free() => {
                let (line, granted) = match Box::pin(self.doors.link(&self.peer, &id, params)).await {
                    Ok((line, granted)) => (line, Some(granted)),
                    Err(line) => (line, None),
                };
                send(stream, &line).await?;
                return Ok(granted);
            }
            other => other,
        };
        let mut answer =
            Box::pin(self.doors.clone().answer(self.peer.clone(), id, request, self.notes.clone()));
        // Most answers are there at once; only those that are not cost a task.
        match std::future::poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
            Poll::Ready(line) => send(stream, &line).await?,
            Poll::Pending => {
                self.working.spawn(answer);
            }
        }
        Ok(None)
    }

    /// Whether nothing was asked that is not answered, and nothing subscribed.
    fn is_free(&self) -> bool {
        self.working.is_empty() && self.notes.strong_count() == 1
    }

    /// The peer said its last word (`printf … | nc`): it still gets its answers.
    async fn last_words<S: AsyncWrite + Unpin>(mut self, stream: &mut S) -> io::Result<()> {
        let rest = async {
            while let Some(done) = self.working.join_next().await {
                send(stream, &line_of(done)).await?;
            }
            Ok(())
        };
        timeout(LAST_WORDS, rest).await.unwrap_or(Ok(()))
    }

    /// The agent ends: what is under way is still answered, then the subscribers hear of it.
    async fn goodbye<S: AsyncWrite + Unpin>(mut self, stream: &mut S) -> io::Result<()> {
        let subscribed = self.notes.strong_count() > 1;
        let rest = async {
            while let Some(done) = self.working.join_next().await {
                send(stream, &line_of(done)).await?;
            }
            io::Result::Ok(())
        };
        timeout(crate::methods::STOP_TIME, rest).await.unwrap_or(Ok(()))?;
        if subscribed {
            let note = Notification::Event(mcp_login_ipc::api::Event::AgentStopping);
            send(stream, &envelope::write_notification(&note)).await?;
        }
        Ok(())
    }
}

/// Returns when the agent is told to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The sender lives in the doors, which live as long as we do.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn line_of(done: Result<Line, tokio::task::JoinError>) -> Line {
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "an answer was lost");
        envelope::write_error(None, &Fault::new(Code::Internal))
    })
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, line: &Line) -> io::Result<()> {
    timeout(WRITE_TIME, async {
        stream.write_all(line.as_bytes()).await?;
        stream.flush().await
    })
    .await
    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::approvals::Subject;
    use crate::config::ApprovalsChoice;
    use crate::consent::{BesideAgent, Consent};
    use crate::managed::{Managed, Switch};
    use crate::methods::Command;
    use crate::session::Session;
    use crate::testing::House;
    use mcp_login_ipc::api::{self, SubjectKind};
    use mcp_login_oauth::ServerUrl;
    use serde_json::Value;
    use tokio::io::{AsyncBufReadExt as _, BufReader, DuplexStream};

    struct Line {
        house: House,
        doors: Arc<Doors>,
    }

    async fn line(choice: ApprovalsChoice) -> Line {
        managed_line(choice, Managed::default()).await
    }

    async fn managed_line(choice: ApprovalsChoice, managed: Managed) -> Line {
        let house = House::new().await;
        let consent = Consent::new(BesideAgent::new(house.dir.path()), Session::default());
        let doors = house.managed_doors(choice, consent, managed);
        Line { house, doors }
    }

    impl Line {
        fn call(&self, command: Command) -> BufReader<DuplexStream> {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let face = api::Subject {
                program: "/usr/bin/env".into(),
                name: "env".into(),
                kind: SubjectKind::Program,
                script: None,
                signer: None,
            };
            let file = crate::approvals::FileIdentity::of(std::path::Path::new("/usr/bin/env"));
            let subject = Some(Subject { face, process: (1, 1), file, signature: None });
            let caller = api::Caller { subject: None, chain: Vec::new(), strength: api::Strength::Pinned };
            let peer = Arc::new(Peer { subject, ..Peer::new(caller, command) });
            tokio::spawn(connection(theirs, peer, self.doors.clone()));
            BufReader::new(ours)
        }
    }

    async fn hear(stream: &mut BufReader<DuplexStream>) -> Value {
        let mut text = String::new();
        timeout(Duration::from_secs(30), stream.read_line(&mut text)).await.unwrap().unwrap();
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    async fn ask(stream: &mut BufReader<DuplexStream>, method: &str, params: Value) -> Value {
        let request = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        stream.write_all(format!("{request}\n").as_bytes()).await.unwrap();
        hear(stream).await
    }

    fn code(answer: &Value) -> &str {
        answer["error"]["data"]["code"].as_str().unwrap_or("none")
    }

    #[tokio::test]
    async fn rubbish_gets_one_answer_a_line_and_the_connection_lives() {
        let line = line(ApprovalsChoice::Window).await;
        let mut stream = line.call(Command::Other);
        for rubbish in
            [&b"\n"[..], b"{\n", b"\xff\xfe\n", b"[1]\n", b"\0\0\n", b"{\"jsonrpc\":\"2.0\",\"id\":1}\n"]
        {
            stream.write_all(rubbish).await.unwrap();
            assert!(hear(&mut stream).await["error"]["code"].is_i64(), "{rubbish:?}");
        }
        assert_eq!(
            ask(&mut stream, "hello", serde_json::json!({"client": "t", "version": "0", "protocol": 1}))
                .await["result"]["instance"],
            "test"
        );
        // in pieces, and several in one
        let request = b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"account.list\"}\r\n";
        for byte in request {
            stream.write_all(&[*byte]).await.unwrap();
        }
        assert_eq!(hear(&mut stream).await["id"], 7);
        stream.write_all(&request.repeat(200)).await.unwrap();
        for _ in 0..200 {
            assert_eq!(hear(&mut stream).await["id"], 7);
        }
    }

    #[tokio::test]
    async fn a_line_without_an_end_ends_the_connection_only() {
        let line = line(ApprovalsChoice::Window).await;
        let mut stream = line.call(Command::Other);
        let mut sent = 0;
        while sent < 2 * MAX_LINE {
            match timeout(Duration::from_secs(5), stream.write_all(&[b'a'; 16 * 1024])).await {
                Ok(Ok(())) => sent += 16 * 1024,
                _ => break,
            }
        }
        assert_eq!(code(&hear(&mut stream).await), "line_too_long");
        assert_eq!(hear(&mut stream).await, Value::Null, "and then it is closed");
        assert!(
            ask(&mut line.call(Command::Other), "account.list", serde_json::json!({})).await["result"]
                .is_object()
        );
    }

    #[tokio::test]
    async fn no_token_without_a_decision_and_no_decision_from_strangers() {
        let line = line(ApprovalsChoice::Terminal).await;
        line.house.sign_in("work", Some(3_600)).await;
        let mut stranger = line.call(Command::Other);
        let get = serde_json::json!({"account": "work"});
        let denied = ask(&mut stranger, "token.get", get.clone()).await;
        assert_eq!(code(&denied), "not_approved");
        let pending = denied["error"]["data"]["detail"]["pending"].as_str().unwrap().to_owned();
        let grant = serde_json::json!({"pending": pending, "account": "work", "until": "always"});
        assert_eq!(code(&ask(&mut stranger, "approval.grant", grant.clone()).await), "not_permitted");
        let mut command = line.call(Command::Ours);
        assert!(ask(&mut command, "approval.grant", grant).await["result"]["approval"].is_object());
        assert_eq!(ask(&mut stranger, "token.get", get).await["result"]["access_token"], "access-1");
        let record = ask(&mut stranger, "audit.read", serde_json::json!({})).await.to_string();
        assert!(
            record.contains("approval_asked") && record.contains("denied") && !record.contains("access-1"),
            "{record}"
        );
    }

    /// Neither a token, nor a link, nor the door is a way around what an administrator set.
    #[tokio::test]
    async fn what_the_computer_does_not_allow() {
        let servers = Some(vec![ServerUrl::parse("https://elsewhere.example").unwrap()]);
        let managed = Managed { servers, http_door: Switch::Off, ..Managed::default() };
        let line = managed_line(ApprovalsChoice::Terminal, managed).await;
        line.house.sign_in("work", Some(3_600)).await;
        let account = serde_json::json!({"account": "work"});
        let mut stranger = line.call(Command::Other);
        assert_eq!(code(&ask(&mut stranger, "token.get", account.clone()).await), "not_allowed_here");
        let open = serde_json::json!({"open": true});
        assert_eq!(code(&ask(&mut stranger, "door.set", open).await), "not_allowed_here");
        let door = ask(&mut stranger, "door.status", serde_json::json!({})).await;
        assert_eq!(door["result"]["open"], false, "{door}");
        assert!(ask(&mut stranger, "gateway.open", account).await["result"]["link"].is_u64());
        let said = ask(&mut stranger, "tools/list", serde_json::json!({})).await;
        assert_eq!(said["error"]["data"]["code"], "not_allowed_here", "{said}");
        let record = ask(&mut line.call(Command::Other), "audit.read", serde_json::json!({})).await;
        assert_eq!(record.to_string().matches("not_allowed_here").count(), 2, "{record}");
    }

    #[tokio::test]
    async fn without_the_setting_nobody_decides_over_the_socket() {
        let line = line(ApprovalsChoice::Window).await;
        let mut command = line.call(Command::Ours);
        for (method, params) in [
            (
                "approval.grant",
                serde_json::json!({"program": "/bin/sh", "account": "work", "until": "always"}),
            ),
            ("approval.deny", serde_json::json!({"pending": "1"})),
        ] {
            assert_eq!(code(&ask(&mut command, method, params).await), "not_permitted", "{method}");
        }
    }

    /// Whoever has the answer hears of all that comes after it, however late the runtime turns to the subscription.
    #[tokio::test]
    async fn nothing_is_missed_between_the_answer_and_the_first_turn() {
        let line = line(ApprovalsChoice::Window).await;
        let (notes, mut heard) = tokio::sync::mpsc::channel(1);
        let forwarding =
            crate::events::forward(line.doors.clone(), notes, crate::events::Audience::Everybody);
        line.doors.wanted.send_modify(|times| *times += 1);
        tokio::spawn(forwarding);
        let told = tokio::time::timeout(Duration::from_secs(20), heard.recv()).await.expect("an event");
        let told = serde_json::to_value(told.unwrap()).unwrap();
        assert_eq!(told["params"]["kind"], "window_wanted", "{told}");
    }

    #[tokio::test]
    async fn a_subscriber_hears_of_the_end() {
        let line = line(ApprovalsChoice::Window).await;
        let mut stream = line.call(Command::Other);
        ask(&mut stream, "events.subscribe", serde_json::json!({})).await;
        line.doors.stop.send_replace(true);
        assert_eq!(hear(&mut stream).await["params"]["kind"], "agent_stopping");
        assert_eq!(hear(&mut stream).await, Value::Null);
    }
}
