//! Which program may use which account: a person's decisions.
//!
//! Problem: every program of the user can reach the socket. Invariant: nothing is handed out unless a person said so, in
//! a policy file or by a decision for this program (path *and* file), this account and at least its scopes; "never" beats
//! everything; a program's file that changed is another program unless the system's owner changed it; approvals fall with
//! their account. Decided from memory. What was refused is remembered as pending, once, however often it is asked.

use crate::accounts::Account;
use crate::clock::Moment;
use crate::disk::{self, StateFile};
use crate::id::AccountId;
use crate::policy::{Policy, PolicyError};
use mcp_login_ipc::api::{self, Caller, SubjectKind, Until};
use mcp_login_ipc::provenance;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;

/// The file's name in the data directory.
const FILE_NAME: &str = "approvals.json";
/// The format that this program writes.
const VERSION: u64 = 1;
/// Questions that are remembered. More programs than that do not ask by themselves.
const MAX_PENDING: usize = 64;
/// Decisions that are kept. A person makes a few dozen.
const MAX_STANDING: usize = 1024;
/// How long a question waits. Whoever asked has long gone away; a person who comes back from lunch may still answer it.
pub const QUESTION_SECONDS: u64 = 24 * 60 * 60;
/// [`Until::TwelveHours`].
const TWELVE_HOURS: Duration = Duration::from_secs(12 * 60 * 60);
/// How often a refusal looks whether the policy file changed, so that editing it needs no restart.
const POLICY_LOOK: Duration = Duration::from_secs(2);

/// What tells one file from another of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    /// Device; 0 where there is none.
    pub device: u64,
    /// Inode; 0 where there is none.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Last change, nanoseconds since 1970.
    pub modified: u64,
    /// Whether the system's owner (root) owns it: then who changed it could change anything.
    pub owner: Owner,
}

/// Who owns a program's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// root.
    System,
    /// A person.
    Person,
}

impl From<provenance::FileIdentity> for FileIdentity {
    fn from(file: provenance::FileIdentity) -> Self {
        let provenance::FileIdentity { device, inode, size, modified, owner } = file;
        let owner = match owner {
            provenance::FileOwner::System => Owner::System,
            provenance::FileOwner::Person => Owner::Person,
        };
        Self { device, inode, size, modified, owner }
    }
}

impl FileIdentity {
    /// Of a file, links followed.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        provenance::FileIdentity::of(path).ok().map(Self::from)
    }

    /// Whether `now` is still the program that was approved as `self`.
    fn still(&self, now: Option<FileIdentity>) -> bool {
        now.is_some_and(|now| now == *self || self.owner == Owner::System && now.owner == Owner::System)
    }
}

/// For whom a decision is made: the caller's first ancestor that is not ours, not a shell, not an interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Program, name, kind, script: what a person is shown, and what a decision is bound to.
    pub face: api::Subject,
    /// The running process, for decisions "while it runs": its id and when it started, which together are not reused.
    pub process: (u32, u64),
    /// Its file when the connection was accepted.
    pub file: Option<FileIdentity>,
}

/// Whether two are the same program, as far as decisions go.
fn same_program(a: &api::Subject, b: &api::Subject) -> bool {
    a.program == b.program && a.script == b.script
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Names it to people.
    pub id: u64,
    /// Which program.
    pub subject: api::Subject,
    /// Its file when it was decided.
    pub file: Option<FileIdentity>,
    /// Which account.
    pub account: AccountId,
    /// At most these; none for whatever the account has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// How long.
    pub until: Until,
    /// Unix seconds.
    pub granted_at: u64,
    /// Unix seconds; when it ends by the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// Unix seconds; when it last let somebody in.
    #[serde(skip)]
    pub last_used_at: Option<u64>,
    /// For [`Until::Process`].
    #[serde(skip)]
    process: Option<(u32, u64)>,
    /// When it was decided by the clock that cannot be set; none after a restart.
    #[serde(skip)]
    decided: Option<Moment>,
}

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
}

/// What is said to a program that asks for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes, and by what.
    Allowed(By),
    /// A person said never.
    Never {
        /// The decision.
        id: u64,
    },
    /// Nobody said anything: the question with this number waits for a person.
    Unanswered {
        /// The question.
        pending: u64,
        /// Whether it is new.
        asked: Asked,
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
}

#[derive(Debug)]
struct State {
    next: u64,
    standing: Vec<Approval>,
    pending: VecDeque<Pending>,
    policy: Policy,
    policy_fault: Option<Arc<PolicyError>>,
    policy_stamp: Option<FileIdentity>,
    policy_looked: Option<Moment>,
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
    asked: watch::Sender<u64>,
    kept_aside: Option<PathBuf>,
}

impl Approvals {
    /// Reads decisions and policy. A policy with a mistake counts as empty until it is mended; [`Approvals::policy_fault`]
    /// says what is wrong.
    ///
    /// # Errors
    /// When the decisions were written by a newer version or cannot be read.
    pub fn open(data_dir: &Path, config_dir: &Path) -> Result<Self, disk::Error> {
        let file = StateFile::new(data_dir.join(FILE_NAME), VERSION);
        let loaded = file.load::<ApprovalsFile>()?;
        if let Some(aside) = &loaded.kept_aside {
            tracing::error!(kept = %aside.display(), "the approvals could not be read and start empty");
        }
        let ApprovalsFile { next, approvals } = loaded.value;
        let highest = approvals.iter().map(|a| a.id).max().unwrap_or(0);
        let state = State {
            next: next.max(highest + 1),
            standing: approvals,
            pending: VecDeque::new(),
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
            asked: watch::channel(0).0,
            kept_aside: loaded.kept_aside,
        };
        let this = Self { inner: Arc::new(inner) };
        this.read_policy(&mut this.state());
        Ok(this)
    }

    /// Decides. Takes microseconds; touches the disk only when the answer would be no and the policy was not looked at for
    /// [`POLICY_LOOK`].
    #[must_use]
    pub fn decide(&self, subject: &Subject, caller: &Caller, account: &Account, now: Moment) -> Decision {
        let mut state = self.state();
        if let Some(decision) = state.decided(subject, account, now) {
            return decision;
        }
        let looked = state.policy_looked.is_some_and(|at| now.since(at) < POLICY_LOOK);
        if !looked {
            state.policy_looked = Some(now);
            if FileIdentity::of(&self.inner.config_dir.join(crate::policy::FILE_NAME)) != state.policy_stamp {
                self.read_policy(&mut state);
                if let Some(decision) = state.decided(subject, account, now) {
                    return decision;
                }
            }
        }
        let decision = state.ask(subject, caller, account, now);
        drop(state);
        if matches!(decision, Decision::Unanswered { asked: Asked::First, .. }) {
            self.inner.asked.send_modify(|n| *n += 1);
        }
        decision
    }

    /// Takes a person's decision.
    ///
    /// # Errors
    /// [`ApprovalError`]; nothing changes then.
    pub async fn grant(&self, grant: Grant, now: Moment) -> Result<Approval, ApprovalError> {
        let _turn = self.inner.storing.lock().await;
        let approval = {
            let mut state = self.state();
            if state.standing.len() >= MAX_STANDING {
                return Err(ApprovalError::TooMany);
            }
            let approval = state.approval(grant, now)?;
            state.next += 1;
            // A new decision replaces the old one about the same thing.
            state
                .standing
                .retain(|a| !(same_program(&a.subject, &approval.subject) && a.account == approval.account));
            state.standing.push(approval.clone());
            state.pending.retain(|p| {
                !(same_program(&p.subject.face, &approval.subject) && p.account == approval.account)
            });
            approval
        };
        self.store().await.inspect_err(|_| {
            self.state().standing.retain(|a| a.id != approval.id);
        })?;
        Ok(approval)
    }

    /// Answers a question with no, this time.
    ///
    /// # Errors
    /// [`ApprovalError::NotThere`].
    pub fn deny(&self, id: u64) -> Result<Pending, ApprovalError> {
        let mut state = self.state();
        let at = state.pending.iter().position(|p| p.id == id);
        at.and_then(|at| state.pending.remove(at)).ok_or(ApprovalError::NotThere { what: "question", id })
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
        self.store().await?;
        Ok(removed)
    }

    /// Everything about an account falls with it. Answers how many decisions there were.
    ///
    /// # Errors
    /// [`ApprovalError::Disk`]: they are gone now and may be back after a restart, for an account that is not.
    pub async fn forget(&self, account: &AccountId) -> Result<usize, ApprovalError> {
        let _turn = self.inner.storing.lock().await;
        let fell = {
            let mut state = self.state();
            let before = state.standing.len();
            state.standing.retain(|a| a.account != *account);
            state.pending.retain(|p| p.account != *account);
            before - state.standing.len()
        };
        if fell > 0 {
            self.store().await?;
        }
        Ok(fell)
    }

    /// The decisions that stand.
    #[must_use]
    pub fn standing(&self) -> Vec<Approval> {
        self.state().standing.clone()
    }

    /// The questions that wait.
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        self.state().pending.iter().cloned().collect()
    }

    /// Goes up with every new question.
    #[must_use]
    pub fn asked(&self) -> watch::Receiver<u64> {
        self.inner.asked.subscribe()
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
                state.policy = policy;
                state.policy_fault = None;
            }
            Err(error) => {
                tracing::error!(%error, "the policy allows nothing until it is mended");
                state.policy = Policy::default();
                state.policy_fault = Some(Arc::new(error));
            }
        }
    }

    async fn store(&self) -> Result<(), ApprovalError> {
        let contents = {
            let state = self.state();
            let lasting = |a: &&Approval| !matches!(a.until, Until::Once | Until::Process);
            ApprovalsFile {
                next: state.next,
                approvals: state.standing.iter().filter(lasting).cloned().collect(),
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

impl State {
    fn decided(&mut self, subject: &Subject, account: &Account, now: Moment) -> Option<Decision> {
        let about = |a: &Approval| a.account == account.id && same_program(&a.subject, &subject.face);
        // A "never" holds for the path, whatever became of the file: an update must not turn a no into a question.
        if let Some(never) = self.standing.iter().find(|a| about(a) && a.until == Until::Never) {
            return Some(Decision::Never { id: never.id });
        }
        let found = self.standing.iter_mut().position(|a| about(a) && a.holds(subject, account, now));
        if let Some(at) = found {
            let id = self.standing[at].id;
            self.standing[at].last_used_at = Some(now.unix());
            if self.standing[at].until == Until::Once {
                self.standing.remove(at);
            }
            return Some(Decision::Allowed(By::Approval(id)));
        }
        let names = [account.id.as_str(), account.name.as_str(), account.server.as_str()];
        let allowed = self.policy.allows(Path::new(&subject.face.program), names, &account.scope, now.unix());
        allowed.then_some(Decision::Allowed(By::Policy))
    }

    fn ask(&mut self, subject: &Subject, caller: &Caller, account: &Account, now: Moment) -> Decision {
        let same = |p: &&mut Pending| same_program(&p.subject.face, &subject.face) && p.account == account.id;
        if let Some(known) = self.pending.iter_mut().find(same) {
            known.last_asked = now.unix();
            known.times += 1;
            // The newest process is the one that a decision "while it runs" is for.
            known.subject = subject.clone();
            known.caller = caller.clone();
            known.scopes.clone_from(&account.scope);
            return Decision::Unanswered { pending: known.id, asked: Asked::Again };
        }
        self.pending.retain(|p| now.unix() < p.first_asked + QUESTION_SECONDS);
        if self.pending.len() == MAX_PENDING {
            self.pending.pop_front();
        }
        let id = self.next;
        self.next += 1;
        self.pending.push_back(Pending {
            id,
            subject: subject.clone(),
            caller: caller.clone(),
            account: account.id.clone(),
            scopes: account.scope.clone(),
            first_asked: now.unix(),
            last_asked: now.unix(),
            times: 1,
        });
        Decision::Unanswered { pending: id, asked: Asked::First }
    }

    fn approval(&self, grant: Grant, now: Moment) -> Result<Approval, ApprovalError> {
        let (subject, file, process, account) = match grant.whom {
            Whom::Pending(id) => {
                let found = self.pending.iter().find(|p| p.id == id);
                let found = found.ok_or(ApprovalError::NotThere { what: "question", id })?.clone();
                (found.subject.face, found.subject.file, Some(found.subject.process), found.account)
            }
            Whom::Program(named) => {
                let account = grant.account.as_ref().ok_or(ApprovalError::NoAccount)?;
                if grant.until == Until::Process {
                    return Err(ApprovalError::NotRunning);
                }
                let real = std::fs::canonicalize(&named).ok().filter(|_| named.is_absolute());
                let Some((program, file)) = real.and_then(|p| FileIdentity::of(&p).map(|file| (p, file)))
                else {
                    return Err(ApprovalError::NoProgram { program: named });
                };
                let name = program.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                let program = program.to_string_lossy().into_owned();
                let face =
                    api::Subject { program, name, kind: SubjectKind::Program, script: None, signer: None };
                (face, Some(file), None, account.id.clone())
            }
        };
        Ok(Approval {
            id: self.next,
            subject,
            file,
            account,
            scopes: grant.scopes,
            until: grant.until,
            granted_at: now.unix(),
            expires_at: (grant.until == Until::TwelveHours).then(|| now.unix() + TWELVE_HOURS.as_secs()),
            last_used_at: None,
            process,
            decided: Some(now),
        })
    }
}

impl Approval {
    fn holds(&self, subject: &Subject, account: &Account, now: Moment) -> bool {
        let in_time = match self.until {
            Until::Never => false,
            Until::Once | Until::Always => true,
            Until::Process => self.process == Some(subject.process),
            // By both clocks: setting one back gives no more time.
            Until::TwelveHours => {
                self.expires_at.is_some_and(|end| now.unix() < end && now.unix() + 1 >= self.granted_at)
                    && self.decided.is_none_or(|at| now.since(at) < TWELVE_HOURS)
            }
        };
        let same_file = self.file.is_some_and(|then| then.still(subject.file));
        let covered = |allowed: &Vec<String>| account.scope.iter().all(|s| allowed.contains(s));
        in_time && same_file && self.scopes.as_ref().is_none_or(covered)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing;

    struct House {
        dir: tempfile::TempDir,
        approvals: Approvals,
        account: Account,
    }

    fn house() -> House {
        let dir = tempfile::tempdir().unwrap();
        let approvals = Approvals::open(&dir.path().join("data"), &dir.path().join("config")).unwrap();
        House { approvals, account: testing::account("work"), dir }
    }

    fn at(seconds: u64) -> Moment {
        let boot = Duration::from_secs(seconds);
        Moment { boot, wall: Duration::from_secs(1_800_000_000) + boot }
    }

    impl House {
        fn program(&self, name: &str) -> PathBuf {
            let path = self.dir.path().join(name);
            if !path.exists() {
                std::fs::write(&path, name).unwrap();
            }
            std::fs::canonicalize(path).unwrap()
        }

        fn subject(&self, name: &str, pid: u32) -> Subject {
            let program = self.program(name);
            let file = FileIdentity::of(&program);
            let program = program.to_str().unwrap().to_owned();
            let face = api::Subject {
                program,
                name: name.into(),
                kind: SubjectKind::Program,
                script: None,
                signer: None,
            };
            // Tests may run as root, whose files are vouched for.
            let file = file.map(|f| FileIdentity { owner: Owner::Person, ..f });
            Subject { face, process: (pid, 1), file }
        }

        fn ask(&self, name: &str, now: Moment) -> Decision {
            self.approvals.decide(&self.subject(name, 7), &caller(), &self.account, now)
        }

        async fn grant(&self, name: &str, until: Until) -> Approval {
            let Decision::Unanswered { pending, .. } = self.ask(name, at(0)) else {
                panic!("decided already")
            };
            let grant = Grant { whom: Whom::Pending(pending), account: None, scopes: None, until };
            self.approvals.grant(grant, at(0)).await.unwrap()
        }
    }

    fn caller() -> Caller {
        Caller { subject: None, chain: Vec::new(), strength: api::Strength::Pinned }
    }

    fn allowed(decision: &Decision) -> bool {
        matches!(decision, Decision::Allowed(_))
    }

    #[tokio::test]
    async fn default_is_no_and_fifty_askings_are_one_question() {
        let house = house();
        assert!(matches!(house.ask("a", at(0)), Decision::Unanswered { asked: Asked::First, .. }));
        for _ in 0..49 {
            assert!(matches!(house.ask("a", at(1)), Decision::Unanswered { asked: Asked::Again, .. }));
        }
        let pending = house.approvals.pending();
        assert_eq!((pending.len(), pending[0].times), (1, 50));
        for n in 0..200 {
            house.ask(&format!("p{n}"), at(2));
        }
        assert_eq!(house.approvals.pending().len(), MAX_PENDING);
    }

    #[tokio::test]
    async fn until() {
        let house = house();
        house.grant("once", Until::Once).await;
        assert!(allowed(&house.ask("once", at(1))) && !allowed(&house.ask("once", at(1))));
        house.grant("always", Until::Always).await;
        assert!(allowed(&house.ask("always", at(1_000_000))));
        house.grant("hours", Until::TwelveHours).await;
        assert!(allowed(&house.ask("hours", at(43_199))) && !allowed(&house.ask("hours", at(43_200))));
        // the wall clock set back a day
        let set_back = Moment { wall: Duration::from_secs(1_800_000_000 - 86_400), ..at(50_000) };
        assert!(!allowed(&house.ask("hours", set_back)));
        house.grant("process", Until::Process).await;
        assert!(allowed(&house.ask("process", at(1))));
        let other = house.subject("process", 8);
        assert!(!allowed(&house.approvals.decide(&other, &caller(), &house.account, at(1))));
        house.grant("never", Until::Never).await;
        assert!(matches!(house.ask("never", at(1)), Decision::Never { .. }));
    }

    #[tokio::test]
    async fn another_file_scope_account_or_script_is_another_question() {
        let mut house = house();
        house.account.scope = vec!["read".into()];
        let Decision::Unanswered { pending, .. } = house.ask("app", at(0)) else { panic!() };
        let scopes = Some(vec!["read".to_owned()]);
        let grant = Grant { whom: Whom::Pending(pending), account: None, scopes, until: Until::Always };
        house.approvals.grant(grant, at(0)).await.unwrap();
        assert!(allowed(&house.ask("app", at(1))));
        let mut script = house.subject("app", 7);
        script.face.script = Some("/x.js".into());
        assert!(!allowed(&house.approvals.decide(&script, &caller(), &house.account, at(1))));
        let other = Account { id: AccountId::from_random([8; 10]), ..house.account.clone() };
        assert!(!allowed(&house.approvals.decide(&house.subject("app", 7), &caller(), &other, at(1))));
        house.account.scope.push("write".into());
        assert!(!allowed(&house.ask("app", at(1))), "the account can do more now");
        house.account.scope.pop();
        std::fs::write(house.program("app"), "another program").unwrap();
        assert!(!allowed(&house.ask("app", at(1))), "the file changed");
    }

    #[test]
    fn the_system_owner_may_update_a_program() {
        let one = FileIdentity { device: 1, inode: 1, size: 1, modified: 1, owner: Owner::System };
        let two = FileIdentity { inode: 2, ..one };
        assert!(one.still(Some(two)));
        assert!(!one.still(Some(FileIdentity { owner: Owner::Person, ..two })));
        assert!(!FileIdentity { owner: Owner::Person, ..one }.still(Some(two)));
        assert!(!one.still(None));
    }

    #[tokio::test]
    async fn decisions_last_and_fall_with_their_account() {
        let house = house();
        house.grant("app", Until::Always).await;
        house.grant("fleeting", Until::Once).await;
        let reopen =
            || Approvals::open(&house.dir.path().join("data"), &house.dir.path().join("config")).unwrap();
        let again = reopen();
        assert_eq!(again.standing().len(), 1);
        assert!(allowed(&again.decide(&house.subject("app", 9), &caller(), &house.account, at(5))));
        assert_eq!(again.forget(&house.account.id).await.unwrap(), 1);
        assert!(reopen().standing().is_empty());
        assert!(matches!(again.remove(99).await, Err(ApprovalError::NotThere { .. })));
    }

    #[tokio::test]
    async fn a_program_can_be_let_in_beforehand() {
        let house = house();
        let account = Some(Arc::new(house.account.clone()));
        let whom = Whom::Program(house.program("app"));
        let grant = Grant { whom, account, scopes: None, until: Until::Always };
        for (whom, until) in [
            (Whom::Program("app".into()), Until::Always),
            (Whom::Program("/not/there".into()), Until::Always),
            (grant.whom.clone(), Until::Process),
            (Whom::Pending(77), Until::Always),
        ] {
            assert!(house.approvals.grant(Grant { whom, until, ..grant.clone() }, at(0)).await.is_err());
        }
        house.approvals.grant(grant, at(0)).await.unwrap();
        let file = FileIdentity::of(&house.program("app"));
        let subject = Subject { file, ..house.subject("app", 7) };
        assert!(allowed(&house.approvals.decide(&subject, &caller(), &house.account, at(1))));
    }

    #[tokio::test]
    async fn an_edited_policy_counts_without_a_restart_and_a_broken_one_allows_nothing() {
        let house = house();
        assert!(!allowed(&house.ask("app", at(0))));
        let config = house.dir.path().join("config");
        disk::private_dir(&config).unwrap();
        let rule = |accounts: &str| {
            format!("[[allow]]\nprogram = {:?}\naccounts = {accounts}\n", house.program("app"))
        };
        disk::replace(&config.join(crate::policy::FILE_NAME), rule("\"work\"").as_bytes()).unwrap();
        assert!(!allowed(&house.ask("app", at(1))), "not looked at again yet");
        assert_eq!(house.ask("app", at(3)), Decision::Allowed(By::Policy));
        disk::replace(&config.join(crate::policy::FILE_NAME), rule("7").as_bytes()).unwrap();
        let again = Approvals::open(&house.dir.path().join("data"), &config).unwrap();
        assert!(again.policy_fault().unwrap().to_string().contains(":3: `accounts`"));
        assert!(!allowed(&again.decide(&house.subject("app", 7), &caller(), &house.account, at(9))));
    }
}
