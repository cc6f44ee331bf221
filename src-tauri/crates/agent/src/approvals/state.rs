//! What is decided and what is asked, in memory: everything that is done under the one lock.
//!
//! Invariant: nothing here waits or touches a disk, but for a look at the file of a program that is let in beforehand.

use crate::accounts::Account;
use crate::approvals::answers::Answers;
use crate::approvals::file::FileIdentity;
use crate::approvals::question::{Pending, Question};
use crate::approvals::standing::{Approval, TWELVE_HOURS};
use crate::approvals::{
    ApprovalError, Asked, Asking, By, Decision, Grant, NO_PROCESS, QUESTION_SECONDS, Subject, Whom,
    same_program,
};
use crate::clock::Moment;
use crate::id::AccountId;
use crate::policy::{Policy, PolicyError};
use mcp_login_ipc::api::{self, Caller, SubjectKind, Until};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

/// Questions that are remembered. More programs than that do not ask by themselves.
pub(super) const MAX_PENDING: usize = 64;

#[derive(Debug)]
pub(super) struct State {
    pub(super) next: u64,
    pub(super) standing: Vec<Approval>,
    pub(super) questions: VecDeque<Question>,
    pub(super) answers: Answers,
    pub(super) policy: Policy,
    pub(super) policy_fault: Option<Arc<PolicyError>>,
    pub(super) policy_stamp: Option<FileIdentity>,
    pub(super) policy_looked: Option<Moment>,
}

impl State {
    /// The decision, and whether an approval moved to another file of the same signer.
    pub(super) fn decided(
        &mut self,
        subject: &Subject,
        account: &Account,
        now: Moment,
    ) -> Option<(Decision, bool)> {
        let about = |a: &Approval| a.account == account.id && same_program(&a.subject, &subject.face);
        // A "never" holds for the path, whatever became of the file: an update must not turn a no into a question.
        if let Some(never) = self.standing.iter().find(|a| about(a) && a.until == Until::Never) {
            return Some((Decision::Never { id: never.id }, false));
        }
        let found = self.standing.iter_mut().position(|a| about(a) && a.holds(subject, account, now));
        if let Some(at) = found {
            let approval = &mut self.standing[at];
            let decision = Decision::Allowed(By::Approval(approval.id));
            approval.last_used_at = Some(now.unix());
            let moved = approval.signature.is_some() && approval.file != subject.file;
            if moved {
                approval.file = subject.file;
            }
            if approval.until == Until::Once {
                self.standing.remove(at);
            }
            return Some((decision, moved));
        }
        let names = [account.id.as_str(), account.name.as_str(), account.server.as_str()];
        let allowed = self.policy.allows(Path::new(&subject.face.program), names, &account.scope, now.unix());
        allowed.then_some((Decision::Allowed(By::Policy), false))
    }

    pub(super) fn ask(
        &mut self,
        subject: &Subject,
        caller: &Caller,
        account: &Account,
        now: Moment,
    ) -> Asking {
        let fell = self.fall(subject, account, now);
        let enough = self.answers.refused_too_often(&subject.face, &account.id, now);
        let same = |p: &Pending| same_program(&p.subject.face, &subject.face) && p.account == account.id;
        if let Some(known) = self.questions.iter_mut().find(|q| same(&q.pending)) {
            let known = &mut known.pending;
            known.last_asked = now.unix();
            known.times += 1;
            // The newest process is the one that a decision "while it runs" is for.
            known.subject = subject.clone();
            known.caller = caller.clone();
            known.scopes.clone_from(&account.scope);
            known.changed = known.changed.or(fell.map(|_| api::Changed::File));
            return Asking { pending: known.id, asked: Asked::Again, fell, enough };
        }
        let changed = fell.map(|_| api::Changed::File);
        let pending = self.question(subject, caller, &account.id, &account.scope, changed, now);
        Asking { pending, asked: Asked::First, fell, enough }
    }

    pub(super) fn question(
        &mut self,
        subject: &Subject,
        caller: &Caller,
        account: &AccountId,
        scopes: &[String],
        changed: Option<api::Changed>,
        now: Moment,
    ) -> u64 {
        self.forget_old_questions(now);
        if self.questions.len() == MAX_PENDING {
            // What a person reads at the moment stays.
            let unseen = self.questions.iter().position(|q| q.pending.shown_until.is_none());
            self.questions.remove(unseen.unwrap_or(0));
        }
        let id = self.next;
        self.next += 1;
        self.questions.push_back(Question::new(Pending {
            id,
            subject: subject.clone(),
            caller: caller.clone(),
            account: account.clone(),
            scopes: scopes.to_vec(),
            first_asked: now.unix(),
            last_asked: now.unix(),
            times: 1,
            shown_until: None,
            changed,
            before: self.answers.before(&subject.face, account),
        }));
        id
    }

    /// An approval of this program whose file is another one now falls: it was for that file.
    pub(super) fn fall(&mut self, subject: &Subject, account: &Account, now: Moment) -> Option<u64> {
        let fallen = self.standing.iter().position(|a| {
            let about = a.account == account.id && same_program(&a.subject, &subject.face);
            about && a.until != Until::Never && a.in_time(subject, now) && !a.is_for_file(subject)
        })?;
        Some(self.standing.remove(fallen).id)
    }

    pub(super) fn forget_old_questions(&mut self, now: Moment) {
        let old = |p: &Pending| p.shown_until.is_none() && now.unix() >= p.first_asked + QUESTION_SECONDS;
        self.questions.retain(|q| !old(&q.pending));
    }

    pub(super) fn take_questions(&mut self, which: impl Fn(&Pending) -> bool) -> Vec<Question> {
        let (taken, left): (VecDeque<_>, _) =
            std::mem::take(&mut self.questions).into_iter().partition(|q| which(&q.pending));
        self.questions = left;
        taken.into()
    }

    pub(super) fn approval(&self, grant: Grant, now: Moment) -> Result<Approval, ApprovalError> {
        let (subject, account, process) = match grant.whom {
            Whom::Pending(id) => {
                let found = self.questions.iter().map(|q| &q.pending).find(|p| p.id == id);
                let found = found.ok_or(ApprovalError::NotThere { what: "question", id })?.clone();
                let process = Some(found.subject.process).filter(|process| *process != NO_PROCESS);
                if process.is_none() && grant.until == Until::Process {
                    return Err(ApprovalError::NotRunning);
                }
                (found.subject, found.account, process)
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
                let subject = Subject { face, process: NO_PROCESS, file: Some(file), signature: None };
                (subject, account.id.clone(), None)
            }
        };
        Ok(Approval {
            id: self.next,
            subject: subject.face,
            file: subject.file,
            signature: subject.signature,
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
