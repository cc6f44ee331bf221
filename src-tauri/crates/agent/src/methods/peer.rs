//! Who is at the other end of a connection.
//!
//! Problem: whoever connects can say anything about itself. Invariant: what stands here comes from the system, or from our
//! having started the program ourselves; nothing of it is the caller's word.

use crate::approvals::{Alive, Subject};
use mcp_login_ipc::api::{self, Caller};
use mcp_login_ipc::identity;
use mcp_login_ipc::provenance::{self, Provenance};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::OnceCell;

/// Who is at the other end, as the system said at accept.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Whom approvals are for; none when the system did not say.
    pub subject: Option<Subject>,
    /// The same for people and the audit log.
    pub caller: Caller,
    /// Which of our own programs it is, by its file.
    pub command: Command,
    /// The processes themselves, to look at again.
    pub provenance: Option<Arc<Provenance>>,
    /// Who signed the subject's program; asked once, and only when a person is.
    pub signed: OnceCell<Option<provenance::Signed>>,
    /// Set when it has said something that was understood.
    pub heard: Arc<AtomicBool>,
}

impl Peer {
    /// Of a caller at the socket.
    #[must_use]
    pub fn of(provenance: &Arc<Provenance>) -> Self {
        let subject = provenance.subject();
        let command = if provenance.is_our_command() {
            Command::Ours
        } else if provenance.is_our_desktop() {
            Command::Desktop
        } else {
            Command::Other
        };
        Self {
            subject: Some(Subject {
                face: subject.to_subject(),
                process: (subject.pid, subject.started),
                file: Some(subject.file.into()),
                signature: None,
            }),
            provenance: Some(provenance.clone()),
            ..Self::new(provenance.to_caller(), command)
        }
    }

    /// The consent window that we have started ourselves.
    #[must_use]
    pub fn window(pid: Option<u32>, heard: Arc<AtomicBool>) -> Self {
        let name = identity::DESKTOP_NAME.to_owned();
        let process = api::CallerProcess {
            pid: pid.unwrap_or(0),
            program: None,
            name,
            role: Some(api::Role::Ours),
            signer: None,
        };
        let caller = Caller { subject: None, chain: vec![process], strength: api::Strength::Pinned };
        Self { heard, ..Self::new(caller, Command::Window) }
    }

    pub(crate) fn new(caller: Caller, command: Command) -> Self {
        let heard = Arc::default();
        Self { subject: None, caller, command, provenance: None, signed: OnceCell::new(), heard }
    }

    /// Tells whether caller and subject are still who they were at accept.
    #[must_use]
    pub fn alive(&self) -> Alive {
        match self.provenance.clone() {
            Some(provenance) => Arc::new(move || provenance.is_still_there()),
            None => Arc::new(|| true),
        }
    }

    /// The subject, with who signed it where the system says.
    pub async fn recognised(&self) -> Option<Subject> {
        let subject = self.subject.clone()?;
        let signed = self.signed.get_or_init(|| signed(self.provenance.clone())).await.clone();
        let Some(provenance::Signed { signer, signature }) = signed else { return Some(subject) };
        Some(Subject { face: api::Subject { signer: Some(signer), ..subject.face }, signature, ..subject })
    }

    /// The caller with the subject as it was recognised.
    #[must_use]
    pub fn caller_with(&self, face: &api::Subject) -> Caller {
        let mut caller = self.caller.clone();
        if let (Some(_), Some((pid, _))) = (&face.signer, self.subject.as_ref().map(|s| s.process)) {
            let subject = caller.chain.iter_mut().filter(|process| process.pid == pid);
            subject.for_each(|process| process.signer.clone_from(&face.signer));
            caller.subject = Some(face.clone());
        }
        caller
    }
}

/// Reads a whole file where systems have signatures, so not on the one thread that serves everybody.
async fn signed(provenance: Option<Arc<Provenance>>) -> Option<provenance::Signed> {
    let provenance = provenance.filter(|_| !cfg!(target_os = "linux"))?;
    tokio::task::spawn_blocking(move || provenance.signed()).await.ok().flatten()
}

/// Which of the programs that were installed with this agent a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `mcp-login`: a person decides through it.
    Ours,
    /// The desktop app, started by whomever.
    Desktop,
    /// The consent window at the link that we have opened: a person decides through it.
    Window,
    /// None of them.
    Other,
}
