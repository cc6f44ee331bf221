//! Asking the person: the window, its link, and the time that it has.
//!
//! Problem: a decision must be the person's, and everything that runs as the person can reach the agent's socket. Invariant:
//! decisions come only from the window that the agent itself started, over pipes that nobody else has. One window shows all
//! questions; it is closed when nothing waits; one that dies leaves its questions unanswered and is started again only for
//! the next that is asked, less and less often when it keeps dying. A question that nobody answers within [`ANSWER_TIME`] is
//! a no.

mod window;

use crate::approvals::{Approvals, Shown, Unshown as NotShown};
use crate::audit;
use crate::methods::{Doors, Peer};
use crate::serve;
use crate::session::Session;
use mcp_login_ipc::Code;
use mcp_login_ipc::api::{AuditAction, AuditEntry, AuditOutcome, Display};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
pub use window::{BesideAgent, Link, Process, Started, Window};

/// How long a question is before the person. Long enough to read it twice; whoever is away is asked again next time.
pub const ANSWER_TIME: Duration = Duration::from_secs(120);
/// How long a window with nothing left to ask stays: for the answer to its last word, and for requests that ask again after
/// a `once`, which would else make it close and open.
const LINGER: Duration = Duration::from_millis(500);
/// The second death in a row is followed by this rest, each further one by twice as long.
const FIRST_REST: Duration = Duration::from_secs(2);
/// And no longer than this: whoever mended what was broken should not have to restart the agent.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// Why a question is not before the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unshown {
    /// No program to start.
    #[error("mcp-login-desktop is not beside the agent")]
    Missing,
    /// Nobody has said where.
    #[error("no display is known")]
    NoDisplay,
    /// It died again and again.
    #[error("it ended by itself several times")]
    Resting,
    /// There are many already.
    #[error("too many questions are shown already")]
    TooMany,
    /// The question was answered or given up meanwhile.
    #[error("there is no such question")]
    NotThere,
}

/// The window, open or not. Clones are the same.
#[derive(Clone)]
pub struct Consent(Arc<Inner>);

struct Inner {
    window: Box<dyn Window>,
    session: Session,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: bool,
    /// In a row, with questions before the person.
    deaths: u32,
    rest_until: Option<Instant>,
}

/// How a window came to its end.
enum End {
    /// Nothing was left to ask.
    Done,
    /// It went with questions open.
    Died(Heard),
}

/// Whether a window ever said anything that was understood: else it did not even come up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Yes,
    No,
}

impl Consent {
    /// Nothing is started yet.
    #[must_use]
    pub fn new(window: impl Window, session: Session) -> Self {
        Self(Arc::new(Inner { window: Box::new(window), session, state: Mutex::default() }))
    }

    /// Whether there is a program to start.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.0.window.is_there()
    }

    /// Where windows are opened.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.0.session
    }

    /// Puts a question before the person, in a window that is opened when there is none.
    ///
    /// # Errors
    /// [`Unshown`]: nothing is shown, and nothing was started.
    pub fn show(&self, doors: &Arc<Doors>, id: u64) -> Result<(), Unshown> {
        if !self.is_there() {
            return Err(Unshown::Missing);
        }
        let mut state = self.state();
        if !state.open && self.session().display() == Display::Unknown {
            return Err(Unshown::NoDisplay);
        }
        if !state.open && state.rest_until.is_some_and(|until| Instant::now() < until) {
            return Err(Unshown::Resting);
        }
        let until = doors.now().unix() + ANSWER_TIME.as_secs();
        match doors.approvals.show(id, until) {
            Ok(Shown::Now) => drop(tokio::spawn(time_out(doors.clone(), id, until))),
            Ok(Shown::Already) => {}
            Err(NotShown::NotThere) => return Err(Unshown::NotThere),
            Err(NotShown::TooMany) => return Err(Unshown::TooMany),
        }
        if !state.open {
            state.open = true;
            tokio::spawn(self.clone().run(doors.clone()));
        }
        Ok(())
    }

    /// Opens a window and serves it, until nothing is left to ask.
    async fn run(self, doors: Arc<Doors>) {
        loop {
            let end = match self.0.window.start(&self.session().environment()) {
                Ok(started) => serve(&doors, started).await,
                Err(error) => {
                    tracing::warn!(%error, "the consent window could not be started");
                    End::Died(Heard::No)
                }
            };
            let mut state = self.state();
            match end {
                End::Done => {
                    state.deaths = 0;
                    state.rest_until = None;
                    // Asked while it closed: once more.
                    if !doors.approvals.shows() {
                        state.open = false;
                        return;
                    }
                }
                End::Died(heard) => {
                    tracing::warn!("the consent window ended with questions open");
                    state.deaths = state.deaths.saturating_add(1);
                    state.rest_until = Some(Instant::now() + rest(state.deaths));
                    state.open = false;
                    if heard == Heard::No {
                        self.session().forget();
                    }
                    doors.approvals.give_up();
                    return;
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A single death is no reason to make a person wait.
fn rest(deaths: u32) -> Duration {
    match deaths.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_REST.saturating_mul(1 << doublings.min(16)).min(LONGEST_REST),
    }
}

/// Serves one window to its end.
async fn serve(doors: &Arc<Doors>, started: Started) -> End {
    let Started { link, mut process } = started;
    let heard = Arc::new(AtomicBool::new(false));
    let peer = Arc::new(Peer::window(process.as_ref().and_then(Process::id), heard.clone()));
    let left = tokio::select! {
        () = serve::connection(link, peer, doors.clone()) => doors.approvals.shows(),
        () = ended(&mut process) => doors.approvals.shows(),
        () = nothing_left(&doors.approvals) => false,
    };
    // The link is closed by now: the window ends.
    if let Some(process) = process {
        process.finish().await;
    }
    match left {
        false => End::Done,
        true if heard.load(Ordering::Relaxed) => End::Died(Heard::Yes),
        true => End::Died(Heard::No),
    }
}

async fn ended(process: &mut Option<Process>) {
    match process {
        Some(process) => process.ended().await,
        None => std::future::pending().await,
    }
}

/// Returns when no question has been before the person for [`LINGER`].
async fn nothing_left(approvals: &Approvals) {
    let mut changes = approvals.changes();
    loop {
        changes.borrow_and_update();
        if approvals.shows() {
            // The sender lives in the approvals, which live as long as we look.
            let _ = changes.changed().await;
            continue;
        }
        tokio::time::sleep(LINGER).await;
        if !approvals.shows() {
            return;
        }
    }
}

/// Nobody answered: that is a no, and in the record.
async fn time_out(doors: Arc<Doors>, id: u64, until: u64) {
    tokio::time::sleep(ANSWER_TIME).await;
    let Some(pending) = doors.approvals.time_out(id, until, doors.now()) else { return };
    let account = doors.core.account(&pending.account).ok();
    let entry = AuditEntry {
        account: account.as_ref().map(|s| s.account.name.clone()),
        server: account.as_ref().map(|s| s.account.server.as_str().to_owned()),
        caller: Some(pending.caller),
        code: Some(Code::ApprovalTimedOut.as_str().to_owned()),
        ..audit::entry(doors.now().unix(), AuditAction::ApprovalDenied, AuditOutcome::Denied)
    };
    if doors.audit.write(entry).await.is_err() {
        tracing::warn!("a question that nobody answered is missing in the record");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
