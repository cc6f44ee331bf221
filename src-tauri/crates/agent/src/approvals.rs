//! Which program may use which account: a person's decisions.
//!
//! Problem: every program of the user can reach the socket. Invariant: nothing is handed out unless a person said so, in
//! a policy file or by a decision for this program (path *and* file), this account and at least its scopes; "never" beats
//! everything; a program's file that changed is another program unless the system's owner changed it or the same verified
//! signer signed it; approvals fall with their account. Decided from memory. What nobody decided is a question, one however
//! often it is asked.

use crate::accounts::Account;
use crate::clock::Moment;
use crate::disk::{self, StateFile};
use crate::id::AccountId;
use crate::policy::{Policy, PolicyError, Rule};
use mcp_login_ipc::api;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;

mod answers;
mod asking;
mod file;
mod grant;
mod question;
mod standing;
mod state;
mod store;

pub use asking::{Asked, Asking, Shown, Unshown};
pub use file::{FileIdentity, Owner};
pub use grant::{ApprovalError, Grant, Whom};
pub use question::{Alive, Fate, Pending, Waiter};
pub use standing::Approval;
use state::State;
use store::{ApprovalsFile, FILE_NAME, VERSION};

/// How long a question waits unseen. Whoever asked has long gone away; a person who comes back from lunch may still answer it.
pub const QUESTION_SECONDS: u64 = 24 * 60 * 60;
/// Where there is no process: number 0 is none on every system.
pub(crate) const NO_PROCESS: (u32, u64) = (0, 0);
/// How often a refusal looks whether the policy file changed, so that editing it needs no restart.
const POLICY_LOOK: Duration = Duration::from_secs(2);

/// For whom a decision is made: the caller's first ancestor that is not ours, not a shell, not an interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Program, name, kind, script: what a person is shown, and what a decision is bound to.
    pub face: api::Subject,
    /// The running process, for decisions "while it runs": its id and when it started, which together are not reused.
    pub process: (u32, u64),
    /// Its file when the connection was accepted.
    pub file: Option<FileIdentity>,
    /// What stays the same when its verified signer signs another file; looked up only when somebody has to be asked.
    pub signature: Option<String>,
}

/// Whether two are the same program, as far as decisions go.
fn same_program(a: &api::Subject, b: &api::Subject) -> bool {
    a.program == b.program && a.script == b.script
}

/// What was decided about a program that asks for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes, and by what.
    Allowed(By),
    /// A person said never.
    Never {
        /// The decision.
        id: u64,
    },
}

/// What allowed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// This decision.
    Approval(u64),
    /// `policy.toml`.
    Policy,
}

/// What changed, as counters for those who look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Goes up with every new question, and every one that a person is shown.
    pub asked: u64,
    /// Goes up when a question ends, and when a decision comes or goes.
    pub ended: u64,
}

/// All decisions. Clones are the same.
#[derive(Debug, Clone)]
pub struct Approvals {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Held while storing, so that an older list cannot overwrite a newer one.
    storing: tokio::sync::Mutex<()>,
    file: StateFile,
    config_dir: PathBuf,
    managed: Vec<Rule>,
    changes: watch::Sender<Changes>,
    kept_aside: Option<PathBuf>,
}

impl Approvals {
    /// Reads decisions and policy. A policy with a mistake counts as empty until it is mended; [`Approvals::policy_fault`]
    /// says what is wrong.
    ///
    /// # Errors
    /// When the decisions were written by a newer version or cannot be read.
    pub fn open(data_dir: &Path, config_dir: &Path) -> Result<Self, disk::Error> {
        Self::open_with(data_dir, config_dir, Vec::new())
    }

    /// The same with the rules of the computer's own policy, which count whatever the file says.
    ///
    /// # Errors
    /// As [`Approvals::open`].
    pub fn open_with(data_dir: &Path, config_dir: &Path, managed: Vec<Rule>) -> Result<Self, disk::Error> {
        let file = StateFile::new(data_dir.join(FILE_NAME), VERSION);
        let loaded = file.load::<ApprovalsFile>()?;
        if let Some(aside) = &loaded.kept_aside {
            tracing::error!(kept = %aside.display(), "the approvals could not be read and start empty");
        }
        let ApprovalsFile { next, approvals, answers } = loaded.value;
        let highest = approvals.iter().map(|a| a.id).max().unwrap_or(0);
        let state = State {
            next: next.max(highest + 1),
            standing: approvals,
            questions: VecDeque::new(),
            answers,
            policy: Policy::default(),
            policy_fault: None,
            policy_stamp: None,
            policy_looked: None,
        };
        let inner = Inner {
            state: Mutex::new(state),
            storing: tokio::sync::Mutex::new(()),
            file,
            config_dir: config_dir.to_owned(),
            managed,
            changes: watch::channel(Changes::default()).0,
            kept_aside: loaded.kept_aside,
        };
        let this = Self { inner: Arc::new(inner) };
        this.read_policy(&mut this.state());
        Ok(this)
    }

    /// What was decided, if anything. Takes microseconds; touches the disk only when the answer would be no and the policy
    /// was not looked at for [`POLICY_LOOK`].
    #[must_use]
    pub fn decided(&self, subject: &Subject, account: &Account, now: Moment) -> Option<Decision> {
        let mut state = self.state();
        let mut found = state.decided(subject, account, now);
        let looked = state.policy_looked.is_some_and(|at| now.since(at) < POLICY_LOOK);
        if found.is_none() && !looked {
            state.policy_looked = Some(now);
            if FileIdentity::of(&self.inner.config_dir.join(crate::policy::FILE_NAME)) != state.policy_stamp {
                self.read_policy(&mut state);
                found = state.decided(subject, account, now);
            }
        }
        let (found, moved) = found?;
        drop(state);
        if moved {
            // The same signer's next file: noted, so that the next look is a quick one.
            self.store_soon();
        }
        Some(found)
    }

    /// Everything about an account falls with it. Answers how many decisions there were.
    ///
    /// # Errors
    /// [`ApprovalError::Disk`]: they are gone now and may be back after a restart, for an account that is not.
    pub async fn forget(&self, account: &AccountId) -> Result<usize, ApprovalError> {
        let _turn = self.inner.storing.lock().await;
        let (fell, questions, answers) = {
            let mut state = self.state();
            let before = state.standing.len();
            state.standing.retain(|a| a.account != *account);
            let questions = state.take_questions(|p| p.account == *account);
            (before - state.standing.len(), questions, state.answers.forget(account))
        };
        if fell > 0 || !questions.is_empty() {
            questions.into_iter().for_each(|question| question.end(Fate::GivenUp));
            self.ended();
        }
        if fell > 0 || answers {
            self.store().await?;
        }
        Ok(fell)
    }

    /// What has ended by itself goes: questions that nobody saw, hours that are over, processes that are gone.
    pub fn sweep(&self, now: Moment) {
        let mut state = self.state();
        let (standing, questions) = (state.standing.len(), state.questions.len());
        state.standing.retain(|a| !a.is_over(now));
        state.forget_old_questions(now);
        let ended = state.standing.len() != standing || state.questions.len() != questions;
        drop(state);
        if ended {
            self.ended();
            self.store_soon();
        }
    }

    /// The decisions that stand.
    #[must_use]
    pub fn standing(&self) -> Vec<Approval> {
        self.state().standing.clone()
    }

    /// The questions that wait.
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        self.state().questions.iter().map(|question| question.pending.clone()).collect()
    }

    /// Tells of new questions, and of what ended.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Changes> {
        self.inner.changes.subscribe()
    }

    fn ended(&self) {
        self.inner.changes.send_modify(|n| n.ended += 1);
    }

    /// Where the decisions were put aside when they could not be read at the start.
    #[must_use]
    pub fn kept_aside(&self) -> Option<&Path> {
        self.inner.kept_aside.as_deref()
    }

    /// What is wrong with the policy file: it counts as empty.
    #[must_use]
    pub fn policy_fault(&self) -> Option<Arc<PolicyError>> {
        self.state().policy_fault.clone()
    }

    fn read_policy(&self, state: &mut State) {
        state.policy_stamp = FileIdentity::of(&self.inner.config_dir.join(crate::policy::FILE_NAME));
        match Policy::load(&self.inner.config_dir) {
            Ok(policy) => {
                state.policy = policy.with(&self.inner.managed);
                state.policy_fault = None;
            }
            Err(error) => {
                tracing::error!(%error, "the policy allows nothing until it is mended");
                state.policy = Policy::default().with(&self.inner.managed);
                state.policy_fault = Some(Arc::new(error));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
