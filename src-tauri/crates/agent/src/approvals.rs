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
use mcp_login_ipc::api::{self, Caller, Until};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;

mod answers;
mod file;
mod question;
mod standing;
mod state;

use answers::Answers;
pub use file::{FileIdentity, Owner};
use question::Question;
pub use question::{Alive, Fate, Pending, Waiter};
pub use standing::Approval;
use state::State;

/// The file's name in the data directory.
const FILE_NAME: &str = "approvals.json";
/// The format that this program writes.
const VERSION: u64 = 1;
/// Questions that are remembered. More programs than that do not ask by themselves.
const MAX_PENDING: usize = 64;
/// Decisions that are kept. A person makes a few dozen.
const MAX_STANDING: usize = 1024;
/// Questions before a person at a time. More than that nobody reads; the others wait unseen.
const MAX_SHOWN: usize = 16;
/// How long a question waits unseen. Whoever asked has long gone away; a person who comes back from lunch may still answer it.
pub const QUESTION_SECONDS: u64 = 24 * 60 * 60;
/// [`Until::TwelveHours`].
const TWELVE_HOURS: Duration = Duration::from_secs(12 * 60 * 60);
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

/// What allowed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// This decision.
    Approval(u64),
    /// `policy.toml`.
    Policy,
}

/// Whether a question is new: only then anybody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// For the first time.
    First,
    /// It waits already.
    Again,
}

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

#[derive(Debug, Default, Serialize, Deserialize)]
struct ApprovalsFile {
    #[serde(default)]
    next: u64,
    approvals: Vec<Approval>,
    #[serde(default)]
    answers: Answers,
}

/// What changed, as counters for those who look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Goes up with every new question, and every one that a person is shown.
    pub asked: u64,
    /// Goes up when a question ends, and when a decision comes or goes.
    pub ended: u64,
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

    /// Stores what nobody waits for. When the disk fails it holds until the next start.
    fn store_soon(&self) {
        let this = self.clone();
        tokio::spawn(async move {
            let _turn = this.inner.storing.lock().await;
            if let Err(error) = this.store().await {
                tracing::warn!(%error, "what changed in the approvals holds until the next start");
            }
        });
    }

    async fn store(&self) -> Result<(), ApprovalError> {
        let contents = {
            let state = self.state();
            let lasting = |a: &&Approval| !matches!(a.until, Until::Once | Until::Process);
            ApprovalsFile {
                next: state.next,
                approvals: state.standing.iter().filter(lasting).cloned().collect(),
                answers: state.answers.clone(),
            }
        };
        let file = self.inner.file.clone();
        let stored = tokio::task::spawn_blocking(move || file.store(&contents)).await;
        stored.unwrap_or_else(|gone| {
            let path = self.inner.file.path().to_owned();
            Err(disk::Error::Io { path, source: std::io::Error::other(gone) })
        })?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
