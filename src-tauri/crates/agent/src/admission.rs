//! Whether a program gets in: by what was decided, or by asking the person.
//!
//! Problem: the person takes a minute, and meanwhile the caller may die, its program may change, its account may be signed
//! out. Invariant: after a wait everything is looked at again, and what is at the other end of the connection must still be
//! who was asked about; a wait has an end ([`PATIENCE`]); and whatever the answer, a request that is refused is told why.

use crate::accounts::Account;
use crate::approvals::{Asked, Asking, Decision, Fate, Subject};
use crate::audit;
use crate::consent::Unshown;
use crate::id::AccountId;
use crate::methods::{Doors, Peer};
use crate::{faults, serve, show};
use mcp_login_ipc::api::{ApprovalsMode, AuditAction, AuditEntry, AuditOutcome, Caller};
use mcp_login_ipc::{Code, Fault};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a request waits for the person: below the 100 s that our own client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(90);

impl Doors {
    /// Lets a program in that nobody approved yet, or says why not.
    ///
    /// # Errors
    /// The fault for the caller; it is not in the record yet.
    pub(crate) async fn admit(self: &Arc<Self>, peer: &Peer, id: &AccountId) -> Result<(), Fault> {
        let subject = peer.recognised().await.ok_or(Fault::new(Code::CallerUnknown))?;
        let until = Instant::now() + PATIENCE;
        loop {
            let account = self.core.account(id).map_err(|e| faults::failure(&e))?.account.clone();
            let answer = self.ask(peer, &subject, &account, until).await;
            match answer.map_err(|fault| show::about(fault, &account))? {
                Answer::Yes => return Ok(()),
                Answer::AskAgain => {}
            }
        }
    }

    /// One round: what was decided, or else one question and its answer.
    async fn ask(
        self: &Arc<Self>,
        peer: &Peer,
        subject: &Subject,
        account: &Account,
        until: Instant,
    ) -> Result<Answer, Fault> {
        let program = subject.face.script.as_deref().unwrap_or(&subject.face.program);
        let refused = |code| Fault::new(code).detail("program", program);
        match self.approvals.decided(subject, account, self.now()) {
            Some(Decision::Allowed(_)) => return Ok(Answer::Yes),
            Some(Decision::Never { id }) => {
                return Err(refused(Code::ApprovalDenied).detail("approval", id.to_string()));
            }
            None => {}
        }
        let caller = peer.caller_with(&subject.face);
        let asking = self.approvals.ask(subject, &caller, account, self.now());
        let unanswered = || refused(Code::NotApproved).detail("pending", asking.pending.to_string());
        let Some(mut waiter) = self.approvals.wait(asking.pending, peer.alive()) else {
            return Ok(Answer::AskAgain);
        };
        self.note(&asking, caller, account).await?;
        if self.mode() != ApprovalsMode::Window {
            return Err(unanswered());
        }
        if let Some(enough) = asking.enough {
            return Err(refused(code(enough)));
        }
        match self.consent.show(self, asking.pending) {
            Ok(()) | Err(Unshown::NotThere) => {}
            Err(Unshown::NoDisplay) => return Err(unanswered().detail("display", "unknown")),
            Err(why) => return Err(unanswered().detail("reason", why.to_string())),
        }
        let mut stop = self.stopping();
        let fate = tokio::select! {
            // An agent that ends takes its window along: that is the reason then.
            biased;
            () = serve::stopped(&mut stop) => return Err(Fault::new(Code::AgentStopping)),
            fate = waiter.fate() => fate,
            () = tokio::time::sleep_until(until) => Fate::TimedOut,
        };
        if !(peer.alive())() {
            return Err(Fault::new(Code::CallerUnknown));
        }
        match fate {
            Fate::Once(ticket) if waiter.is(ticket) => Ok(Answer::Yes),
            Fate::Allowed | Fate::Once(_) => Ok(Answer::AskAgain),
            Fate::Denied | Fate::TimedOut => Err(refused(code(fate))),
            Fate::GivenUp | Fate::Open => Err(unanswered()),
        }
    }

    async fn note(&self, asking: &Asking, caller: Caller, account: &Account) -> Result<(), Fault> {
        let about = |action| AuditEntry {
            account: Some(account.name.clone()),
            server: Some(account.server.as_str().to_owned()),
            caller: Some(caller.clone()),
            ..audit::entry(self.now().unix(), action, AuditOutcome::Ok)
        };
        if asking.fell.is_some() {
            let note = Some("the program's file changed".to_owned());
            self.write(AuditEntry { note, ..about(AuditAction::ApprovalRemoved) }).await?;
        }
        if asking.asked == Asked::First {
            self.write(about(AuditAction::ApprovalAsked)).await?;
        }
        Ok(())
    }
}

/// What a round came to.
enum Answer {
    Yes,
    /// Something was decided: look at it.
    AskAgain,
}

fn code(fate: Fate) -> Code {
    match fate {
        Fate::TimedOut => Code::ApprovalTimedOut,
        Fate::Denied => Code::ApprovalDenied,
        Fate::Open | Fate::Allowed | Fate::Once(_) | Fate::GivenUp => Code::NotApproved,
    }
}
