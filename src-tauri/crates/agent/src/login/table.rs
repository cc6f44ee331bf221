//! Which sign-in a callback belongs to.
//!
//! Invariant: bounded; found by `state` alone, compared in constant time; a state that served is remembered for as long as
//! it could be tried again, without its verifier.

use super::{Ended, LoginError, SignIn, SignInId, Step, Word};
use crate::landing::Landing;
use mcp_login_oauth::CodeVerifier;
use mcp_login_oauth::authorize::PendingAuthorization;
use mcp_login_oauth::callback::Callback;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Sign-ins at a time. A person has one or two; a program that starts more is refused, not served.
pub const MAX_WAITING: usize = 32;
/// Ended sign-ins and used states that are remembered.
const MAX_ENDED: usize = 64;

/// What became of a callback.
#[derive(Debug, Clone)]
pub enum Delivered {
    /// It belonged to this sign-in, which has looked at it.
    Matched {
        /// Which.
        id: SignInId,
        /// What the person is shown.
        landing: Landing,
        /// Its steps.
        watcher: watch::Receiver<Step>,
    },
    /// Its state served before, or its time is over.
    Used,
    /// No sign-in has this state.
    Unmatched,
    /// No callback at all, or one that is not to be believed: the sign-in that it was for, if any, waits on.
    Refused(Arc<mcp_login_oauth::Error>),
}

impl Delivered {
    /// The page for it.
    #[must_use]
    pub fn landing(&self) -> Landing {
        match self {
            Delivered::Matched { landing, .. } => *landing,
            Delivered::Used => Landing::Used,
            Delivered::Unmatched | Delivered::Refused(_) => Landing::Unmatched,
        }
    }
}

#[derive(Debug)]
struct Waiting {
    sign_in: SignIn,
    words: mpsc::Sender<Word>,
    watcher: watch::Receiver<Step>,
    /// While the browser is open.
    pending: Option<PendingAuthorization>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Table {
    waiting: Vec<Waiting>,
    ended: Ended<(SignIn, watch::Receiver<Step>)>,
    used: VecDeque<PendingAuthorization>,
}

impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Word::Callback { .. } => "Callback",
            Word::Redirect(_) => "Redirect",
            Word::Cancel => "Cancel",
        })
    }
}

impl Table {
    pub(super) fn add(
        &mut self,
        sign_in: SignIn,
        words: mpsc::Sender<Word>,
        watcher: watch::Receiver<Step>,
    ) -> Result<(), LoginError> {
        if self.waiting.len() >= MAX_WAITING {
            return Err(LoginError::TooMany);
        }
        self.waiting.push(Waiting { sign_in, words, watcher, pending: None });
        Ok(())
    }

    /// The sign-in whose state this is.
    pub(super) fn find(
        &self,
        callback: &Callback,
    ) -> Result<(mpsc::Sender<Word>, SignInId, watch::Receiver<Step>), Delivered> {
        let is_for = |pending: &PendingAuthorization| callback.is_for(pending);
        match self.waiting.iter().find(|w| w.pending.as_ref().is_some_and(is_for)) {
            Some(found) => Ok((found.words.clone(), found.sign_in.id.clone(), found.watcher.clone())),
            None if self.used.iter().any(is_for) => Err(Delivered::Used),
            None => Err(Delivered::Unmatched),
        }
    }

    /// From now on this state finds the sign-in.
    pub(super) fn expect(&mut self, id: &SignInId, pending: PendingAuthorization) {
        self.retire(id);
        if let Some(waiting) = self.waiting.iter_mut().find(|w| w.sign_in.id == *id) {
            waiting.pending = Some(pending);
        }
    }

    /// Its state has served, or will not be waited for any more.
    pub(super) fn retire(&mut self, id: &SignInId) {
        let Some(waiting) = self.waiting.iter_mut().find(|w| w.sign_in.id == *id) else { return };
        if let Some(mut pending) = waiting.pending.take() {
            pending.verifier = CodeVerifier::new("");
            if self.used.len() == MAX_ENDED {
                self.used.pop_front();
            }
            self.used.push_back(pending);
        }
    }

    pub(super) fn end(&mut self, id: &SignInId) {
        self.retire(id);
        if let Some(at) = self.waiting.iter().position(|w| w.sign_in.id == *id) {
            let waiting = self.waiting.remove(at);
            if self.ended.len() == MAX_ENDED {
                self.ended.pop_front();
            }
            self.ended.push_back((waiting.sign_in, waiting.watcher));
        }
    }

    pub(super) fn words(&self, id: &SignInId) -> Option<mpsc::Sender<Word>> {
        self.waiting.iter().find(|w| w.sign_in.id == *id).map(|w| w.words.clone())
    }

    pub(super) fn watcher(&self, id: &SignInId) -> Option<watch::Receiver<Step>> {
        let waiting = self.waiting.iter().map(|w| (&w.sign_in.id, &w.watcher));
        let ended = self.ended.iter().map(|(s, w)| (&s.id, w));
        waiting.chain(ended).find(|(found, _)| *found == id).map(|(_, watcher)| watcher.clone())
    }

    pub(super) fn list(&self) -> Vec<SignIn> {
        let waiting = self.waiting.iter().map(|w| (&w.sign_in, &w.watcher));
        let ended = self.ended.iter().map(|(s, w)| (s, w));
        waiting.chain(ended).map(|(s, w)| SignIn { step: w.borrow().clone(), ..s.clone() }).collect()
    }
}
