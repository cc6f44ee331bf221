//! Requests without an answer.
//!
//! Invariant: an answer is taken by the first who brings it, and goes either to the client as it is or to the flight that
//! asked for it; a second one finds nobody.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::AbortHandle;
use tokio::sync::oneshot;

use super::request::Request;
use crate::frame::Id;
use crate::learnt::Era;

#[derive(Debug, Default)]
pub(super) struct Table(Mutex<HashMap<Id, Entry>>);

#[derive(Debug)]
struct Entry {
    to: To,
    /// Fired when the answer came, for who waits for it on another stream; dropped when that stream ended.
    done: Option<oneshot::Sender<()>>,
    /// Which form of MCP it went out in, once it did.
    era: Option<Era>,
    abort: Option<AbortHandle>,
    endless: bool,
}

impl Entry {
    fn new(to: To) -> Self {
        Self { to, done: None, era: None, abort: None, endless: false }
    }
}

#[derive(Debug)]
enum To {
    /// As it is, to the client.
    Client,
    /// To the flight, which makes the answer for the client.
    Us(oneshot::Sender<Vec<u8>>),
    /// It came, and a flight makes the client's of it.
    Held,
    /// The client has it.
    Nobody,
}

/// Where an answer goes.
pub(super) enum Taken {
    ToClient,
    /// It was passed to the flight, or nobody waits for it.
    Done,
}

impl Table {
    fn entries(&self) -> MutexGuard<'_, HashMap<Id, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request of the client. False: one with this id is under way.
    pub(super) fn client_asks(&self, request: &Request) -> bool {
        let mut entries = self.entries();
        if entries.contains_key(&request.id) {
            return false;
        }
        entries.insert(request.id.clone(), Entry::new(To::Client));
        true
    }

    /// The answer to this request is wanted here, whoever asked.
    pub(super) fn want(&self, id: &Id) -> oneshot::Receiver<Vec<u8>> {
        let (to, answer) = oneshot::channel();
        let mut entries = self.entries();
        match entries.get_mut(id) {
            Some(entry) => entry.to = To::Us(to),
            None => {
                entries.insert(id.clone(), Entry::new(To::Us(to)));
            }
        }
        answer
    }

    /// Told when the answer is there; an error when the stream that should have brought it is gone.
    pub(super) fn done(&self, id: &Id) -> oneshot::Receiver<()> {
        let (done, told) = oneshot::channel();
        if let Some(entry) = self.entries().get_mut(id) {
            entry.done = Some(done);
        }
        told
    }

    /// The stream that brings answers to those who wait is gone.
    pub(super) fn lost(&self) {
        self.entries().values_mut().for_each(|entry| entry.done = None);
    }

    pub(super) fn set_abort(&self, id: &Id, abort: AbortHandle, endless: bool) {
        if let Some(entry) = self.entries().get_mut(id) {
            (entry.abort, entry.endless) = (Some(abort), endless);
        }
    }

    /// Ends the requests whose answer is a stream without end.
    pub(super) fn end_endless(&self) {
        let entries = self.entries();
        let endless = entries.values().filter(|entry| entry.endless);
        endless.filter_map(|entry| entry.abort.as_ref()).for_each(AbortHandle::abort);
    }

    pub(super) fn went_out(&self, id: &Id, era: Era) {
        if let Some(entry) = self.entries().get_mut(id) {
            entry.era = Some(era);
        }
    }

    /// Whether the request still waits for its answer.
    pub(super) fn waits(&self, id: &Id) -> bool {
        self.entries().get(id).is_some_and(|entry| matches!(entry.to, To::Client | To::Us(_)))
    }

    /// Whether an answer goes to the client as it is.
    pub(super) fn passes(&self, id: &Id) -> bool {
        self.entries().get(id).is_some_and(|entry| matches!(entry.to, To::Client))
    }

    /// Whether all answers go to the client as they are.
    pub(super) fn all_pass(&self) -> bool {
        self.entries().values().all(|entry| matches!(entry.to, To::Client))
    }

    /// An answer came. `message` is taken when a flight wants it.
    pub(super) fn take(&self, id: &Id, message: &mut Vec<u8>) -> Taken {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(id) else { return Taken::Done };
        if let Some(done) = entry.done.take() {
            let _ = done.send(());
        }
        match std::mem::replace(&mut entry.to, To::Held) {
            To::Client => {
                entry.to = To::Nobody;
                Taken::ToClient
            }
            To::Us(to) => {
                let _ = to.send(std::mem::take(message));
                Taken::Done
            }
            before => {
                entry.to = before;
                Taken::Done
            }
        }
    }

    /// The end of a request. True: the client has no answer.
    pub(super) fn forget(&self, id: &Id) -> bool {
        self.entries().remove(id).is_some_and(|entry| !matches!(entry.to, To::Nobody))
    }

    /// The client wants no answer any more.
    pub(super) fn cancel(&self, id: &Id) -> Option<(Option<Era>, Option<AbortHandle>)> {
        self.entries().remove(id).map(|entry| (entry.era, entry.abort))
    }
}
