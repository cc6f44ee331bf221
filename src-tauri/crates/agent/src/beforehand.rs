//! Asking the person about a program before it asks itself.
//!
//! Problem: who connects a client has just said that it shall use the account, and should not be interrupted by the same
//! question later. Invariant: nothing is granted here. The question is the one that the program's first use would raise,
//! about the same file, and is answered in the same place; only our own programs raise it, so that nobody else can put
//! questions before a person in a third program's name.

use crate::approvals::{Asked, Decision, FileIdentity, NO_PROCESS, Subject};
use crate::audit;
use crate::consent::Unshown;
use crate::faults;
use crate::methods::{Command, Doors, Peer};
use mcp_login_ipc::api::{self, ApprovalsMode, AuditAction, AuditEntry, AuditOutcome, RequestedState};
use mcp_login_ipc::{Code, Fault, provenance};
use std::path::Path;
use std::sync::Arc;

impl Doors {
    /// `approval.request`
    ///
    /// # Errors
    /// The fault for the caller.
    pub(crate) async fn approval_request(
        self: &Arc<Self>,
        peer: &Peer,
        params: &api::ApprovalRequest,
    ) -> Result<api::ApprovalRequested, Fault> {
        if !matches!(peer.command, Command::Ours | Command::Desktop) {
            return Err(Fault::new(Code::NotPermitted).detail("method", "approval.request"));
        }
        let id = self.find(&params.account)?;
        let account = self.core.account(&id).map_err(|e| faults::failure(&e))?.account.clone();
        let subject = subject(&params.program)?;
        let came = |state, pending: Option<u64>| api::ApprovalRequested {
            state,
            pending: pending.map(|id| id.to_string()),
        };
        match self.approvals.decided(&subject, &account, self.now()) {
            Some(Decision::Allowed(_)) => return Ok(came(RequestedState::Allowed, None)),
            Some(Decision::Never { .. }) => return Ok(came(RequestedState::Refused, None)),
            None => {}
        }
        let asking = self.approvals.ask(&subject, &peer.caller, &account, self.now());
        if asking.asked == Asked::First {
            self.write(AuditEntry {
                account: Some(account.name.clone()),
                server: Some(account.server.as_str().to_owned()),
                caller: Some(peer.caller.clone()),
                note: Some(subject.face.program.chars().take(256).collect()),
                ..audit::entry(self.now().unix(), AuditAction::ApprovalAsked, AuditOutcome::Ok)
            })
            .await?;
        }
        let pending = Some(asking.pending);
        if self.mode() != ApprovalsMode::Window || asking.enough.is_some() {
            return Ok(came(RequestedState::Waiting, pending));
        }
        match self.consent.show(self, asking.pending) {
            Ok(()) => Ok(came(RequestedState::Asked, pending)),
            // no window now: the first use asks
            Err(Unshown::NoDisplay) => {
                let fault = Fault::new(Code::NoConsentWindow).detail("display", "unknown");
                Err(fault.detail("reason", Unshown::NoDisplay.to_string()))
            }
            Err(Unshown::Missing | Unshown::Resting | Unshown::TooMany | Unshown::NotThere) => {
                Ok(came(RequestedState::Waiting, pending))
            }
        }
    }
}

/// The program as its own first use would name it. It need not run.
fn subject(named: &str) -> Result<Subject, Fault> {
    let wrong = |reason: &str| {
        Fault::new(Code::BadParameters).detail("method", "approval.request").detail("reason", reason)
    };
    let real = std::fs::canonicalize(named).ok().filter(|_| Path::new(named).is_absolute());
    let real = provenance::plain(real.ok_or_else(|| wrong("`program` is not the whole path of a file"))?);
    if !provenance::can_be_decided_about(&real) {
        return Err(wrong("nothing can be decided about a shell, an interpreter, or our own programs"));
    }
    let file = FileIdentity::of(&real).ok_or_else(|| wrong("`program` is not the whole path of a file"))?;
    let name = real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let face = api::Subject {
        program: real.to_string_lossy().into_owned(),
        name,
        kind: api::SubjectKind::Program,
        script: None,
        signer: None,
    };
    Ok(Subject { face, process: NO_PROCESS, file: Some(file), signature: None })
}
