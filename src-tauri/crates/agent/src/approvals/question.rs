//! A question that waits for a person, and the requests that wait with it.
//!
//! Problem: fifty requests may wait for one answer, and some of them go away before it comes. Invariant: one answer reaches
//! all that wait; `once` reaches exactly one, the first that asked and is still there; whoever leaves changes nothing for
//! the others, and a question that is dropped without an answer says so.

use crate::approvals::Subject;
use crate::id::AccountId;
use mcp_login_ipc::api::{self, Caller};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A question that nobody answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Names it to people.
    pub id: u64,
    /// Who asked.
    pub subject: Subject,
    /// Through whom.
    pub caller: Caller,
    /// For which account.
    pub account: AccountId,
    /// With these scopes.
    pub scopes: Vec<String>,
    /// Unix seconds.
    pub first_asked: u64,
    /// Unix seconds.
    pub last_asked: u64,
    /// How often.
    pub times: u64,
    /// Unix seconds; while a person is shown it: when it is denied for want of an answer.
    pub shown_until: Option<u64>,
    /// Why an approval that there was does not hold any more.
    pub changed: Option<api::Changed>,
    /// What was answered before, the newest first.
    pub before: Vec<api::Before>,
}

/// What becomes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It waits.
    Open,
    /// Yes, by a decision that stands.
    Allowed,
    /// Yes, for the one request with this ticket; the others ask again.
    Once(u64),
    /// No.
    Denied,
    /// Nobody answered in time.
    TimedOut,
    /// Nobody can answer any more: the window is gone, or the account.
    GivenUp,
}

/// Whether a request's caller is still there.
pub type Alive = Arc<dyn Fn() -> bool + Send + Sync>;

/// A request in the row.
struct Place {
    ticket: u64,
    alive: Alive,
}

#[derive(Default)]
struct Row {
    next: u64,
    places: Vec<Place>,
}

/// A question with those who wait for its answer.
pub(super) struct Question {
    pub(super) pending: Pending,
    fate: watch::Sender<Fate>,
    row: Arc<Mutex<Row>>,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("pending", &self.pending).finish_non_exhaustive()
    }
}

impl Question {
    pub(super) fn new(pending: Pending) -> Self {
        Self { pending, fate: watch::channel(Fate::Open).0, row: Arc::default() }
    }

    /// A place in the row.
    pub(super) fn wait(&self, alive: Alive) -> Waiter {
        let mut row = lock(&self.row);
        let ticket = row.next;
        row.next += 1;
        row.places.push(Place { ticket, alive });
        Waiter { ticket, fate: self.fate.subscribe(), row: self.row.clone() }
    }

    /// The first in the row that is still there: whom `once` is for.
    pub(super) fn first(&self) -> Option<u64> {
        lock(&self.row).places.iter().find(|place| (place.alive)()).map(|place| place.ticket)
    }

    /// The answer.
    pub(super) fn end(self, fate: Fate) {
        self.fate.send_replace(fate);
    }

    /// Nobody answers those who wait now; the question stays.
    pub(super) fn give_up(&mut self) {
        self.pending.shown_until = None;
        self.fate = watch::channel(Fate::Open).0;
        self.row = Arc::default();
    }
}

/// A request that waits for the answer. Dropped, it has left.
pub struct Waiter {
    ticket: u64,
    fate: watch::Receiver<Fate>,
    row: Arc<Mutex<Row>>,
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

impl Waiter {
    /// What becomes of the question; never [`Fate::Open`].
    pub async fn fate(&mut self) -> Fate {
        // The sender is gone: the question was dropped without an answer.
        self.fate.wait_for(|fate| *fate != Fate::Open).await.map_or(Fate::GivenUp, |fate| *fate)
    }

    /// Whether `once` means this request.
    #[must_use]
    pub fn is(&self, ticket: u64) -> bool {
        self.ticket == ticket
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        lock(&self.row).places.retain(|place| place.ticket != self.ticket);
    }
}

fn lock(row: &Mutex<Row>) -> MutexGuard<'_, Row> {
    row.lock().unwrap_or_else(PoisonError::into_inner)
}
