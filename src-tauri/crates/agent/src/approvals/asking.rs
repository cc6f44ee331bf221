//! How a question comes, and how a person gets to see it.
//!
//! Invariant: a program that asks again asks the same question; a person sees a bounded number of questions at a time; and
//! when the window is gone those who wait hear so, while the questions stay.

use super::question::Question;
use super::{Alive, Approvals, Fate, FileIdentity, NO_PROCESS, Pending, Subject, Waiter, same_program};
use crate::accounts::Account;
use crate::clock::Moment;
use mcp_login_ipc::api::{Caller, Until};
use std::path::Path;

/// Questions before a person at a time. More than that nobody reads; the others wait unseen.
pub(super) const MAX_SHOWN: usize = 16;

/// A question, when nothing was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// It has this number.
    pub pending: u64,
    /// Whether it is new.
    pub asked: Asked,
    /// An approval that fell now, because the program's file is another one.
    pub fell: Option<u64>,
    /// Set when a person was asked too often already, and by what they are left in peace.
    pub enough: Option<Fate>,
}

/// Whether a question is new: only then anybody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// For the first time.
    First,
    /// It waits already.
    Again,
}

/// Whether a question was shown before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It was not.
    Now,
    /// It is.
    Already,
}

/// Why a question cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unshown {
    /// There is no such question, any more or yet.
    NotThere,
    /// There are too many before the person.
    TooMany,
}

impl Approvals {
    /// Makes a question of it, or finds the one that waits.
    #[must_use]
    pub fn ask(&self, subject: &Subject, caller: &Caller, account: &Account, now: Moment) -> Asking {
        let asking = self.state().ask(subject, caller, account, now);
        if asking.asked == Asked::First || asking.fell.is_some() {
            self.inner.changes.send_modify(|n| {
                n.asked += u64::from(asking.asked == Asked::First);
                n.ended += u64::from(asking.fell.is_some());
            });
        }
        if asking.fell.is_some() {
            self.store_soon();
        }
        asking
    }

    /// A place among those who wait for the answer; none when the question is there no more.
    #[must_use]
    pub fn wait(&self, id: u64, alive: Alive) -> Option<Waiter> {
        self.state().questions.iter().find(|q| q.pending.id == id).map(|question| question.wait(alive))
    }

    /// A person is shown the question from now on, until it is denied for want of an answer.
    ///
    /// # Errors
    /// [`Unshown`]; nothing changes then.
    pub fn show(&self, id: u64, until: u64) -> Result<Shown, Unshown> {
        let mut state = self.state();
        let shown = state.questions.iter().filter(|q| q.pending.shown_until.is_some()).count();
        let question = state.questions.iter_mut().find(|q| q.pending.id == id).ok_or(Unshown::NotThere)?;
        if question.pending.shown_until.is_some() {
            return Ok(Shown::Already);
        }
        if shown >= MAX_SHOWN {
            return Err(Unshown::TooMany);
        }
        question.pending.shown_until = Some(until);
        drop(state);
        self.inner.changes.send_modify(|n| n.asked += 1);
        Ok(Shown::Now)
    }

    /// Makes a question of a `never`, so that a person can say something else.
    #[must_use]
    pub fn ask_again(&self, id: u64, caller: &Caller, now: Moment) -> Option<u64> {
        let mut state = self.state();
        let never = state.standing.iter().find(|a| a.id == id && a.until == Until::Never)?.clone();
        let of_account =
            |p: &Pending| p.account == never.account && same_program(&p.subject.face, &never.subject);
        if let Some(waits) = state.questions.iter().find(|q| of_account(&q.pending)) {
            return Some(waits.pending.id);
        }
        let file = FileIdentity::of(Path::new(&never.subject.program));
        // It may not even run: no process, so no "while it runs".
        let signature = never.signature.clone();
        let subject = Subject { face: never.subject, process: NO_PROCESS, file, signature };
        let scopes = never.scopes.unwrap_or_default();
        let pending = state.question(&subject, caller, &never.account, &scopes, None, now);
        drop(state);
        self.inner.changes.send_modify(|n| n.asked += 1);
        Some(pending)
    }

    /// The window is gone: those who wait for what it showed wait in vain, and the questions are there unseen.
    pub fn give_up(&self) {
        let mut state = self.state();
        let shown = state.questions.iter_mut().filter(|q| q.pending.shown_until.is_some());
        shown.for_each(Question::give_up);
        drop(state);
        self.ended();
    }

    /// Whether a person is shown anything.
    #[must_use]
    pub fn shows(&self) -> bool {
        self.state().questions.iter().any(|q| q.pending.shown_until.is_some())
    }
}
