//! `audit.read`, and how the methods write into the record.
//!
//! Invariant: one who follows gets no entry twice, and reads from the file what they were too slow for; and a method whose
//! line the record does not take says so to its caller.

use super::{Doors, Peer};
use crate::audit::{self, Audit};
use crate::id::AccountId;
use mcp_login_ipc::api::{self, AuditAction, AuditEntry, AuditOutcome, Notification};
use mcp_login_ipc::{Code, Fault};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

/// Entries that `audit.read` gives when it is not said.
const AUDIT_DEFAULT: u32 = 100;
/// Characters of a program's path in the record.
const MAX_NOTE: usize = 256;

impl Doors {
    pub(super) async fn audit_read(
        &self,
        params: api::AuditRead,
        notes: mpsc::Sender<Box<Notification>>,
    ) -> Result<api::AuditPage, Fault> {
        let unavailable = |_| Fault::new(Code::AuditUnavailable);
        // Subscribed before it is read, so that nothing falls between; what came twice is left out by its number.
        let follow = params.follow.then(|| self.audit.follow());
        let limit = params.limit.unwrap_or(AUDIT_DEFAULT) as usize;
        if params.before.is_some() && (params.after.is_some() || params.follow) {
            let fault = Fault::new(Code::BadParameters).detail("method", "audit.read");
            return Err(
                fault.detail("reason", "`before` pages back, and goes with neither `after` nor `follow`")
            );
        }
        let range = match params.before {
            Some(before) => audit::Range::Before(before),
            None => params.after.map_or(audit::Range::Newest, audit::Range::After),
        };
        let entries = self.audit.read(range, limit).await.map_err(unavailable)?;
        let next = entries.last().map_or(params.after.unwrap_or(0), |entry| entry.seq);
        if let Some(follow) = follow {
            tokio::spawn(follow_audit(self.audit.clone(), follow, next, notes));
        }
        Ok(api::AuditPage { entries, next })
    }

    pub(super) async fn record(
        &self,
        peer: &Peer,
        action: AuditAction,
        outcome: AuditOutcome,
        id: Option<&AccountId>,
    ) -> Result<(), Fault> {
        let account = id.and_then(|id| self.core.account(id).ok());
        let entry = AuditEntry {
            account: account.as_ref().map(|s| s.account.name.clone()),
            server: account.as_ref().map(|s| s.account.server.as_str().to_owned()),
            generation: account.as_ref().map(|s| s.generation),
            caller: Some(peer.caller.clone()),
            ..audit::entry(self.now().unix(), action, outcome)
        };
        self.write(entry).await
    }

    /// A decision: the caller is who decided, the note says about whom.
    pub(super) async fn record_about(
        &self,
        peer: &Peer,
        action: AuditAction,
        id: &AccountId,
        about: &api::Subject,
    ) -> Result<(), Fault> {
        let account = self.core.account(id).ok();
        let program = about.script.as_ref().unwrap_or(&about.program);
        let entry = AuditEntry {
            account: account.as_ref().map(|s| s.account.name.clone()),
            server: account.as_ref().map(|s| s.account.server.as_str().to_owned()),
            caller: Some(peer.caller.clone()),
            note: Some(program.chars().take(MAX_NOTE).collect()),
            ..audit::entry(self.now().unix(), action, AuditOutcome::Ok)
        };
        self.write(entry).await
    }

    pub(crate) async fn write(&self, entry: AuditEntry) -> Result<(), Fault> {
        self.audit.write(entry).await.map_err(|_| Fault::new(Code::AuditUnavailable))
    }
}

/// Sends audit entries as they are written. One who lags reads what it missed from the file.
async fn follow_audit(
    audit: Audit,
    mut written: tokio::sync::broadcast::Receiver<Arc<AuditEntry>>,
    mut last: u64,
    notes: mpsc::Sender<Box<Notification>>,
) {
    loop {
        let new = tokio::select! {
            entry = written.recv() => match entry {
                Ok(entry) if entry.seq > last => vec![(*entry).clone()],
                Ok(_) => Vec::new(),
                Err(RecvError::Lagged(_)) => match audit.read(audit::Range::After(last), audit::MAX_READ).await {
                    Ok(missed) => missed,
                    Err(_) => return,
                },
                Err(RecvError::Closed) => return,
            },
            () = notes.closed() => return,
        };
        for entry in new {
            last = entry.seq;
            if notes.send(Box::new(Notification::AuditEntry(entry))).await.is_err() {
                return;
            }
        }
    }
}
