//! What a person says to a question or about a program: yes, no, and no more.
//!
//! Invariant: a yes that could not be stored does not hold, and those who wait hear of it only when it is stored; a newer
//! decision takes the place of the older one about the same thing.

use super::question::Question;
use super::{Approval, Approvals, Fate, Pending, answers, same_program};
use crate::accounts::Account;
use crate::clock::Moment;
use crate::disk;
use crate::id::AccountId;
use mcp_login_ipc::api::{self, Until};
use std::path::PathBuf;
use std::sync::Arc;

/// Decisions that are kept. A person makes a few dozen.
const MAX_STANDING: usize = 1024;

/// What a person decides.
#[derive(Debug, Clone)]
pub struct Grant {
    /// A question, or a program by its path.
    pub whom: Whom,
    /// The account; for a question it is the question's.
    pub account: Option<Arc<Account>>,
    /// At most these; none for whatever the account has.
    pub scopes: Option<Vec<String>>,
    /// How long.
    pub until: Until,
}

/// Whom a decision is for.
#[derive(Debug, Clone)]
pub enum Whom {
    /// Who asked this question.
    Pending(u64),
    /// This program.
    Program(PathBuf),
}

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// No such question, or no such decision.
    #[error("there is no {what} {id}")]
    NotThere {
        /// What was looked for.
        what: &'static str,
        /// Its number.
        id: u64,
    },
    /// A path that is not whole, or leads to no file.
    #[error("{} is not a program", program.display())]
    NoProgram {
        /// As named.
        program: PathBuf,
    },
    /// "Until quit" for a program that is only named.
    #[error("only a program that asked can be allowed until it quits")]
    NotRunning,
    /// No account was named.
    #[error("an account is needed")]
    NoAccount,
    /// The bound.
    #[error("there are too many decisions")]
    TooMany,
    /// The decision could not be stored, and does not hold.
    #[error(transparent)]
    Disk(#[from] disk::Error),
}

impl Approvals {
    /// Takes a person's decision.
    ///
    /// # Errors
    /// [`ApprovalError`]; nothing changes then.
    pub async fn grant(&self, grant: Grant, now: Moment) -> Result<Approval, ApprovalError> {
        let _turn = self.inner.storing.lock().await;
        let (approval, answered, former) = {
            let mut state = self.state();
            if state.standing.len() >= MAX_STANDING {
                return Err(ApprovalError::TooMany);
            }
            let approval = state.approval(grant, now)?;
            state.next += 1;
            let former = state.answers.clone();
            state.answers.add(&approval.subject, &approval.account, answers::of(approval.until), now);
            let same = |face: &api::Subject, account: &AccountId| {
                same_program(face, &approval.subject) && *account == approval.account
            };
            // A new decision replaces the old one about the same thing.
            state.standing.retain(|a| !same(&a.subject, &a.account));
            let answered = state.take_questions(|p| same(&p.subject.face, &p.account));
            // Once goes to the first who waits; only when nobody does it is for the next who comes.
            if approval.until != Until::Once || answered.iter().all(|question| question.first().is_none()) {
                state.standing.push(approval.clone());
            }
            (approval, answered, former)
        };
        if let Err(error) = self.store().await {
            let mut state = self.state();
            state.standing.retain(|a| a.id != approval.id);
            state.answers = former;
            state.questions.extend(answered);
            return Err(error);
        }
        self.tell(&approval, answered);
        Ok(approval)
    }

    /// Those who wait hear of a decision that is stored.
    fn tell(&self, approval: &Approval, answered: Vec<Question>) {
        let mut state = self.state();
        if approval.until != Until::Never {
            state.answers.allowed(&approval.subject, &approval.account);
        }
        for question in answered {
            let first = question.first();
            question.end(match approval.until {
                Until::Never => Fate::Denied,
                Until::Once => first.map_or(Fate::GivenUp, Fate::Once),
                Until::Process | Until::TwelveHours | Until::Always => Fate::Allowed,
            });
        }
        drop(state);
        self.ended();
    }

    /// Answers a question with no, this time.
    ///
    /// # Errors
    /// [`ApprovalError::NotThere`].
    pub fn deny(&self, id: u64, now: Moment) -> Result<Pending, ApprovalError> {
        let denied = self.refuse(id, Fate::Denied, now)?;
        self.store_soon();
        Ok(denied)
    }

    /// Nobody answered in time, if the question is still shown until then: a no, and no person's.
    pub fn time_out(&self, id: u64, until: u64, now: Moment) -> Option<Pending> {
        let waits = |p: &Pending| p.id == id && p.shown_until == Some(until);
        let due = self.state().questions.iter().any(|q| waits(&q.pending));
        if due { self.refuse(id, Fate::TimedOut, now).ok() } else { None }
    }

    fn refuse(&self, id: u64, fate: Fate, now: Moment) -> Result<Pending, ApprovalError> {
        let mut state = self.state();
        let question = state.take_questions(|p| p.id == id).pop();
        let question = question.ok_or(ApprovalError::NotThere { what: "question", id })?;
        let pending = question.pending.clone();
        let (face, account) = (&pending.subject.face, &pending.account);
        if fate == Fate::Denied {
            state.answers.add(face, account, api::FormerAnswer::Denied, now);
        }
        state.answers.refused(face, account, fate, now);
        drop(state);
        question.end(fate);
        self.ended();
        Ok(pending)
    }

    /// Takes a decision back.
    ///
    /// # Errors
    /// [`ApprovalError::NotThere`]; [`ApprovalError::Disk`], and then it is back only until the next start.
    pub async fn remove(&self, id: u64) -> Result<Approval, ApprovalError> {
        let _turn = self.inner.storing.lock().await;
        let removed = {
            let mut state = self.state();
            let at = state.standing.iter().position(|a| a.id == id);
            at.map(|at| state.standing.remove(at)).ok_or(ApprovalError::NotThere { what: "approval", id })?
        };
        self.ended();
        self.store().await?;
        Ok(removed)
    }
}
