//! `server.examine`: a server looked at closely, with a sign-in on trial if that is wished.
//!
//! Invariant: there is one seat an examination, given back when it is over; and a sign-in on trial ends with the connection
//! that began it.

use super::sign_in::{progress, scopes};
use super::{Doors, Peer};
use crate::audit;
use crate::examine::{Examiner, Wish};
use crate::login::{LoginError, SignInId, Step};
use mcp_login_ipc::api::{self, AuditAction, AuditEntry, AuditOutcome, Notification};
use mcp_login_ipc::{Code, Fault, Method};
use mcp_login_oauth::ServerUrl;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

impl Doors {
    pub(super) async fn server_examine(
        self: &Arc<Self>,
        peer: &Peer,
        params: api::Examine,
        notes: mpsc::Sender<Box<Notification>>,
    ) -> Result<api::ExamineStarted, Fault> {
        let server = ServerUrl::parse(&params.url).map_err(|e| LoginError::from(e).fault())?;
        let scopes = scopes(params.scopes, Method::ServerExamine)?;
        let managed = &self.sign_ins.parts().settings.read().managed;
        managed.allows_server(&server).map_err(|forbidden| LoginError::from(forbidden).fault())?;
        let seat = self.examinations.clone().try_acquire_owned().map_err(|_| Fault::new(Code::Busy))?;
        let started_at = self.now().unix();
        let entry = AuditEntry {
            server: Some(server.as_str().to_owned()),
            caller: Some(peer.caller.clone()),
            ..audit::entry(started_at, AuditAction::ServerExamined, AuditOutcome::Ok)
        };
        self.write(entry).await?;
        let trial = match params.sign_in {
            true => {
                let (trial, id, steps) = self.sign_ins.trial(&server).map_err(|e| e.fault())?;
                let (sign_ins, caller, mut over) = (self.sign_ins.clone(), notes.clone(), steps.clone());
                tokio::spawn(progress(self.clone(), id.clone(), steps, started_at, notes.clone()));
                // Who began it opens the browser: without it nobody comes home.
                tokio::spawn(async move {
                    tokio::select! {
                        () = caller.closed() => {}
                        () = ended(&mut over) => return,
                    }
                    let _ = sign_ins.cancel(&id).await;
                });
                Some(trial)
            }
            false => None,
        };
        let wish = Wish {
            server,
            thorough: params.thorough,
            redirect: params.redirect.unwrap_or_default(),
            scopes,
            prompt: params.prompt,
            login_hint: params.login_hint,
        };
        let id = SignInId::random().as_str().to_owned();
        let (sign_ins, examination) = (self.sign_ins.clone(), id.clone());
        tokio::spawn(async move {
            Examiner::new(sign_ins, wish, examination, notes).await.run(trial).await;
            drop(seat);
        });
        Ok(api::ExamineStarted { examination: id })
    }
}

/// Returns when a sign-in is over.
async fn ended(steps: &mut watch::Receiver<Step>) {
    let _ = steps.wait_for(Step::is_final).await;
}
