//! What a person answered before.
//!
//! Problem: a person who is asked wants to know what they said the last time, and a program that is told no may ask again
//! until somebody clicks yes to be rid of it. Invariant: answers are remembered with their account and no longer, a bounded
//! number of them; who was refused [`TOO_OFTEN`] times within [`A_WHILE`] is refused without a question for the rest of it.

use crate::approvals::question::Fate;
use crate::clock::Moment;
use crate::id::AccountId;
use mcp_login_ipc::api::{self, Before, FormerAnswer, Until};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// Answers that are kept: years of a person's.
const MAX_ANSWERS: usize = 256;
/// Of one program and account, what a window has room for.
const MAX_SHOWN: usize = 5;
/// Refusals that are remembered, for [`A_WHILE`].
const MAX_REFUSALS: usize = 64;
/// A mistake, and a second one; the third time it is meant.
const TOO_OFTEN: usize = 3;
/// How long a program that was refused too often is not asked about.
const A_WHILE: Duration = Duration::from_secs(10 * 60);

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    program: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    account: AccountId,
    until: FormerAnswer,
    at: u64,
}

/// All of them, the oldest first.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Answers {
    #[serde(default)]
    list: VecDeque<Answer>,
    #[serde(skip)]
    refusals: VecDeque<Refusal>,
}

/// There was no yes: by word, or by silence.
#[derive(Debug, Clone)]
struct Refusal {
    program: String,
    script: Option<String>,
    account: AccountId,
    fate: Fate,
    at: Moment,
}

impl Refusal {
    fn is_about(&self, face: &api::Subject, account: &AccountId) -> bool {
        self.program == face.program && self.script == face.script && self.account == *account
    }
}

/// A yes or a lasting no, as it is remembered.
pub(super) fn of(until: Until) -> FormerAnswer {
    match until {
        Until::Once => FormerAnswer::Once,
        Until::Process => FormerAnswer::Process,
        Until::TwelveHours => FormerAnswer::TwelveHours,
        Until::Always => FormerAnswer::Always,
        Until::Never => FormerAnswer::Never,
    }
}

impl Answers {
    /// Remembers an answer.
    pub(super) fn add(&mut self, face: &api::Subject, account: &AccountId, until: FormerAnswer, now: Moment) {
        if self.list.len() == MAX_ANSWERS {
            self.list.pop_front();
        }
        self.list.push_back(Answer {
            program: face.program.clone(),
            script: face.script.clone(),
            account: account.clone(),
            until,
            at: now.unix(),
        });
    }

    /// Remembers for a while that there was no yes, by word or by silence.
    pub(super) fn refused(&mut self, face: &api::Subject, account: &AccountId, fate: Fate, at: Moment) {
        if self.refusals.len() == MAX_REFUSALS {
            self.refusals.pop_front();
        }
        let (program, script) = (face.program.clone(), face.script.clone());
        self.refusals.push_back(Refusal { program, script, account: account.clone(), fate, at });
    }

    /// What a program is told that was refused so often that a person is left in peace.
    pub(super) fn refused_too_often(
        &self,
        face: &api::Subject,
        account: &AccountId,
        now: Moment,
    ) -> Option<Fate> {
        let lately = |refusal: &&Refusal| refusal.is_about(face, account) && now.since(refusal.at) < A_WHILE;
        let mut found = self.refusals.iter().rev().filter(lately);
        let last = found.next()?;
        (found.count() + 1 >= TOO_OFTEN).then_some(last.fate)
    }

    /// A yes ends that.
    pub(super) fn allowed(&mut self, face: &api::Subject, account: &AccountId) {
        self.refusals.retain(|refusal| !refusal.is_about(face, account));
    }

    /// About this program and account, the newest first.
    pub(super) fn before(&self, face: &api::Subject, account: &AccountId) -> Vec<Before> {
        let same = |answer: &&Answer| {
            let asked = (&answer.program, &answer.script, &answer.account);
            asked == (&face.program, &face.script, account)
        };
        let found = self.list.iter().rev().filter(same).take(MAX_SHOWN);
        found.map(|answer| Before { until: answer.until, at: answer.at }).collect()
    }

    /// They go with their account.
    pub(super) fn forget(&mut self, account: &AccountId) -> bool {
        let before = self.list.len();
        self.list.retain(|answer| answer.account != *account);
        self.refusals.retain(|refusal| refusal.account != *account);
        self.list.len() != before
    }
}
