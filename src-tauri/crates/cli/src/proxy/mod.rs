//! `mcp-login proxy`: a client's standard input and output, pumped over a link of the agent.
//!
//! Problem: MCP clients start it by the dozen, leave it running for days, and know of nothing between them and the server.
//! Invariant: it starts at once and holds no token; every request gets one answer, whatever becomes of the agent, which is
//! started again when somebody asks; messages pass as they are, whole lines up to [`HELD`] and longer ones in pieces; it
//! ends with its client's standard input. Two threads: [`client`] reads the client, this one reads the agent.

mod client;
mod requests;
mod scan;

use crate::failure::Failure;
use crate::link::{Link, Start, persist};
use crate::surroundings;
use mcp_login_ipc::Code;
use mcp_login_ipc::api::{Announce, GatewayOpen, GatewayOpened, GatewayResume};
use mcp_login_ipc::client::{LinkReader, LinkWriter};
use mcp_login_ipc::method::call;
use requests::{Requests, refusal};
use scan::Scan;
use std::io::{self, Read as _, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A message up to this length passes whole or not at all, so that a break in the middle of one can be mended.
const HELD: usize = 64 * 1024;
/// What a read asks for.
const CHUNK: usize = 64 * 1024;
/// What may wait for a link; then the client waits. All of it, with what is asked again, goes into a socket's buffer at once,
/// so that writing it never waits for the agent, whose answers nobody reads meanwhile.
const MOST_WAITING: usize = 64 * 1024;
/// How long answers are waited for after the client has said its last word: a script that ends its input wants them.
const LAST_WORDS: Duration = Duration::from_secs(60);
/// How often a connection may break before it carries anything, and the pause between two of them: longer than an agent takes
/// to die.
const TRIES: u32 = 5;
const BREATH: Duration = Duration::from_millis(100);
/// The pauses between two looks whether an agent is there again while nobody asks for anything: the first, and the longest.
const FIRST_LOOK: Duration = Duration::from_millis(200);
const LONGEST_LOOK: Duration = Duration::from_secs(30);

/// Carries messages until the client has gone.
///
/// # Errors
/// None: what goes wrong is told to the client, in answers, and on standard error.
pub(crate) fn run(account: &str) -> Result<(), Failure> {
    let shared = Arc::new(Shared::default());
    let reader = shared.clone();
    std::thread::spawn(move || client::read(&reader));
    let mut pump = Pump { account, shared: &shared, told: String::new() };
    pump.run();
    Ok(())
}

/// What both threads know. Locked in this order: outgoing, requests, output.
#[derive(Default)]
struct Shared {
    outgoing: Mutex<Outgoing>,
    /// Told when there is something to carry and no link, when there is a link, and at the end.
    changed: Condvar,
    requests: Mutex<Requests>,
    output: Output,
    /// When the client ended its input.
    ended: OnceLock<Instant>,
}

/// The way to the agent.
#[derive(Default)]
struct Outgoing {
    link: Option<LinkWriter>,
    /// Goes up with every link, so that a piece of a long message does not end up in another one.
    number: u64,
    /// Whole lines that wait for a link.
    waiting: Vec<u8>,
    /// A long line waits for a link.
    wanted: bool,
}

/// Standard output, which has whole lines written to it, or one long one at a time.
#[derive(Default)]
struct Output(Mutex<()>);

impl Shared {
    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes whole lines. A client that does not read any more has gone, and the program with it.
    fn write(&self, lines: &[u8]) {
        let _turn = self.output.0.lock().unwrap_or_else(PoisonError::into_inner);
        put(lines);
    }

    fn refuse(&self, ids: &[Vec<u8>], failure: &Failure) {
        for id in ids {
            self.write(&refusal(id, failure));
        }
    }

    /// Ends the program when the client has said its last word and everybody is answered. Takes no lock that is held while
    /// something is written to the agent.
    fn leave_when_done(&self) {
        let Some(at) = self.ended.get() else { return };
        if self.requests().is_empty() || at.elapsed() >= LAST_WORDS {
            std::process::exit(0);
        }
    }
}

fn put(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    if stdout.write_all(bytes).and_then(|()| stdout.flush()).is_err() {
        std::process::exit(0);
    }
}

/// For whoever reads the client's log of us: what happens, and never a message.
fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "mcp-login proxy: {text}");
}

/// The agent's side.
struct Pump<'a> {
    account: &'a str,
    shared: &'a Arc<Shared>,
    /// What was said last, which is not said twice in a row.
    told: String,
}

impl Pump<'_> {
    fn run(&mut self) {
        let mut start = Start::IfNeeded;
        let mut pause = FIRST_LOOK;
        loop {
            match self.open(start) {
                Ok((reader, writer)) => {
                    pause = FIRST_LOOK;
                    if self.take(writer) {
                        self.carry(reader);
                    }
                    self.broke();
                }
                Err(failure) if start == Start::IfNeeded => {
                    self.tell(&format!("{} {}", failure.fact, failure.next));
                    let mut outgoing = self.shared.outgoing();
                    outgoing.waiting.clear();
                    outgoing.wanted = false;
                    let ids = self.shared.requests().give_up();
                    drop(outgoing);
                    self.shared.refuse(&ids, &failure);
                    self.shared.changed.notify_all();
                }
                Err(_) => {}
            }
            start = self.wait(pause);
            pause = (pause * 2).min(LONGEST_LOOK);
        }
    }

    fn tell(&mut self, text: &str) {
        if self.told != text {
            say(text);
            text.clone_into(&mut self.told);
        }
    }

    /// A link of the agent's. One that dies takes connections for a moment yet, and says nothing on them.
    fn open(&mut self, start: Start) -> Result<(LinkReader, LinkWriter), Failure> {
        persist(TRIES, BREATH, || self.open_once(start))
    }

    fn open_once(&mut self, start: Start) -> Result<(LinkReader, LinkWriter), Failure> {
        let mut link = Link::brief(start)?;
        if let Some(environment) = surroundings::session() {
            // Where a window can be opened, should the agent not know. It may have its reasons to refuse.
            let _ = link.call(&call::SessionAnnounce(Announce { environment }));
        }
        let resume = self.shared.requests().resume().and_then(|(line, initialized)| {
            let initialize = String::from_utf8(line.to_vec()).ok()?.trim_end().to_owned();
            Some(GatewayResume { initialize, initialized })
        });
        let opened =
            link.call(&call::GatewayOpen(GatewayOpen { account: self.account.to_owned(), resume }))?;
        self.tell(&greeting(&opened));
        link.into_link()
    }

    /// From now on the client's messages go there; first those that had no answer from the last link, then those that
    /// waited. False when that one is gone already.
    fn take(&self, mut writer: LinkWriter) -> bool {
        let mut outgoing = self.shared.outgoing();
        let (mut first, lost) = {
            let mut requests = self.shared.requests();
            let parted = requests.after_a_break();
            requests.went();
            parted
        };
        self.shared.refuse(&lost, &broken());
        first.append(&mut outgoing.waiting);
        let written = first.is_empty() || writer.write_all(&first).is_ok();
        outgoing.number += 1;
        outgoing.wanted = false;
        outgoing.link = written.then_some(writer);
        drop(outgoing);
        self.shared.changed.notify_all();
        self.shared.leave_when_done();
        written
    }

    /// Carries the agent's messages to the client until the link ends.
    fn carry(&self, mut reader: LinkReader) {
        let mut scan = Scan::default();
        let mut held: Vec<u8> = Vec::new();
        // Held while a long line is under way.
        let mut long = None;
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = match reader.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(read) => read,
            };
            let mut rest = &chunk[..read];
            while let Some(end) = memchr::memchr(b'\n', rest) {
                let (line, after) = rest.split_at(end + 1);
                rest = after;
                scan.see(&line[..end]);
                let frame = scan.end();
                if long.is_some() {
                    put(line);
                    long = None;
                } else {
                    held.extend_from_slice(line);
                }
                self.shared.requests().answered(&frame);
                // The lines of one read go out in one write; but none waits for a longer one.
                if memchr::memchr(b'\n', rest).is_none() && !held.is_empty() {
                    self.shared.write(&held);
                    held.clear();
                }
            }
            scan.see(rest);
            if long.is_some() {
                put(rest);
            } else {
                held.extend_from_slice(rest);
                if held.len() > HELD {
                    long = Some(self.shared.output.0.lock().unwrap_or_else(PoisonError::into_inner));
                    put(&held);
                    // A long message must not cost its room for the rest of the day.
                    held = Vec::new();
                }
            }
            self.shared.leave_when_done();
        }
        if long.is_some() {
            // Half a message has gone out: its line is ended, and its request gets an answer of its own.
            put(b"\n");
        }
    }

    fn broke(&mut self) {
        let mut outgoing = self.shared.outgoing();
        if let Some(link) = outgoing.link.take() {
            link.hang_up();
        }
        drop(outgoing);
        self.tell("the agent has gone; the next message finds it again");
        self.shared.changed.notify_all();
    }

    /// Waits until somebody needs a link, which is worth starting an agent; or until it is time to look whether one is there.
    fn wait(&self, pause: Duration) -> Start {
        let until = Instant::now() + pause;
        let mut outgoing = self.shared.outgoing();
        loop {
            if outgoing.wanted || !outgoing.waiting.is_empty() || !self.shared.requests().is_empty() {
                return Start::IfNeeded;
            }
            if self.shared.ended.get().is_some() {
                std::process::exit(0);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Start::Never;
            }
            let woken = self.shared.changed.wait_timeout(outgoing, left);
            outgoing = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn greeting(opened: &GatewayOpened) -> String {
    let server = crate::text::visible(&opened.server);
    match &opened.account {
        Some(account) => format!("carries messages to {server} as {}", crate::text::visible(account)),
        None => format!("waits for a sign-in at {server}: mcp-login add {server}"),
    }
}

fn broken() -> Failure {
    mcp_login_ipc::Fault::new(Code::LinkBroken).into()
}
