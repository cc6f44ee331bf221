//! What each method of the local API does, and who may ask for it.
//!
//! Problem: there are many methods, and one that forgets its check is a hole. Invariant: [`Doors::answer`] is the only way
//! in; what a class of methods needs is checked there, before the method, from the one table in `ipc::method`; and a
//! token goes out only after a decision said yes *and* the audit log took the line about it. What a method does is in the
//! file of its noun: `methods/token.rs` for `token.get`.

mod account;
mod approval;
mod audit;
mod peer;
mod server;
mod session;
mod sign_in;
mod status;
mod token;

use crate::approvals::Approvals;
use crate::audit::Audit;
use crate::clock::{Clock, Moment};
use crate::config::ApprovalsChoice;
use crate::consent::Consent;
use crate::core::Core;
use crate::door::HttpDoor;
use crate::events::{self, Audience};
use crate::gateway::{Gateway, Granted};
use crate::helper::Helpers;
use crate::id::AccountId;
use crate::login::{SignInId, SignIns};
use crate::updates::Updates;
use crate::{faults, show};
use mcp_login_ipc::api::{self, ApprovalsMode, AuditAction, AuditOutcome, Notification};
use mcp_login_ipc::envelope::{self, Id};
use mcp_login_ipc::secret::Line;
use mcp_login_ipc::{Class, Code, Fault, Method, Paths, Request};
pub use peer::{Command, Peer};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};

/// How long a stopping agent lets requests finish: an issuer has 30 s to answer a token request, and the keychain needs a
/// moment to store what came.
pub const STOP_TIME: Duration = Duration::from_secs(40);
/// What the consent window may ask for.
const WINDOWS: [Method; 7] = [
    Method::Hello,
    Method::AccountList,
    Method::ApprovalList,
    Method::EventsSubscribe,
    Method::ApprovalGrant,
    Method::ApprovalDeny,
    Method::ApprovalRemove,
];

/// What stands behind the methods.
pub struct Doors {
    /// The state.
    pub core: Core,
    /// Sign-ins under way.
    pub sign_ins: SignIns,
    /// Decisions.
    pub approvals: Approvals,
    /// The record.
    pub audit: Audit,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where things lie.
    pub paths: Paths,
    /// Who decides about a program that nobody approved, by the settings.
    pub choice: ApprovalsChoice,
    /// The window that asks.
    pub consent: Consent,
    /// Links of MCP clients.
    pub gateway: Gateway,
    /// Tokens of header helpers.
    pub helpers: Helpers,
    /// The HTTP door.
    pub door: HttpDoor,
    /// What is known of newer versions.
    pub updates: Updates,
    /// Goes up when somebody wants to see the app's window.
    pub wanted: watch::Sender<u64>,
    /// Unix seconds.
    pub started_at: u64,
    /// Changes with every start.
    pub instance: String,
    /// Room for examinations.
    pub examinations: Arc<Semaphore>,
    /// Set once: the agent ends.
    pub stop: watch::Sender<bool>,
}

type Answer = Result<Line, Fault>;

impl Doors {
    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Becomes true when the agent ends.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Answers one request. Total: whatever is asked, there is a line.
    pub async fn answer(
        self: Arc<Self>,
        peer: Arc<Peer>,
        id: Id,
        request: Request,
        notes: mpsc::Sender<Box<Notification>>,
    ) -> Line {
        let method = request.method();
        peer.heard.store(true, Ordering::Relaxed);
        let answer = match self.permit(method, &peer) {
            Ok(()) => self.perform(&peer, &id, request, notes).await,
            Err(fault) => Err(fault.detail("method", method.name())),
        };
        answer.unwrap_or_else(|fault| envelope::write_error(Some(&id), &fault))
    }

    /// Makes a link of a connection on which nothing else is under way.
    ///
    /// # Errors
    /// The line of the refusal.
    pub(crate) async fn link(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        id: &Id,
        params: api::GatewayOpen,
    ) -> Result<(Line, Granted), Line> {
        peer.heard.store(true, Ordering::Relaxed);
        let opened = match self.permit(Method::GatewayOpen, peer) {
            Ok(()) => self.gateway_open(peer, params).await,
            Err(fault) => Err(fault.detail("method", Method::GatewayOpen.name())),
        };
        let (opened, granted) = opened.map_err(|fault| envelope::write_error(Some(id), &fault))?;
        Ok((envelope::write_result(id, &opened), granted))
    }

    /// Who decides about a program that nobody approved, as things stand.
    #[must_use]
    pub fn mode(&self) -> ApprovalsMode {
        match self.choice {
            ApprovalsChoice::Terminal => ApprovalsMode::Terminal,
            ApprovalsChoice::Window if self.consent.is_there() => ApprovalsMode::Window,
            ApprovalsChoice::Window => ApprovalsMode::Policy,
        }
    }

    /// The one check of classes. `Use` is decided for the account that is asked for: in [`Doors::token_get`], and with each
    /// message of a link.
    fn permit(&self, method: Method, peer: &Peer) -> Result<(), Fault> {
        match (method.class(), peer.command) {
            // What decides has no right to anything else.
            (_, Command::Window) if WINDOWS.contains(&method) => Ok(()),
            (_, Command::Window) => Err(Fault::new(Code::NotPermitted)),
            (Class::Look | Class::Keep, _) => Ok(()),
            (Class::Use, _) if peer.subject.is_some() => Ok(()),
            (Class::Use, _) => Err(Fault::new(Code::CallerUnknown)),
            (Class::Grant, _) => self.may_decide(peer),
        }
    }

    /// Whether a person speaks through this connection.
    fn may_decide(&self, peer: &Peer) -> Result<(), Fault> {
        match peer.command {
            Command::Window => Ok(()),
            Command::Ours if self.choice == ApprovalsChoice::Terminal => Ok(()),
            Command::Ours | Command::Desktop | Command::Other => Err(Fault::new(Code::NotPermitted)),
        }
    }

    async fn perform(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        id: &Id,
        request: Request,
        notes: mpsc::Sender<Box<Notification>>,
    ) -> Answer {
        match request {
            Request::TokenGet(params) => {
                self.token_get(peer, params).await.map(|r| envelope::write_result(id, &r))
            }
            // A connection that can become one is taken out before, in `serve`.
            Request::GatewayOpen(_) => Err(Fault::new(Code::LinkBusy)),
            Request::GatewayList(_) => Ok(envelope::write_result(id, &self.gateway_list())),
            Request::DoorStatus(_) => Ok(envelope::write_result(id, &self.door_status())),
            Request::DoorSet(params) => {
                self.door_set(peer, params).await.map(|r| envelope::write_result(id, &r))
            }
            Request::DoorMakeKey(params) => {
                self.door_make_key(peer, params).await.map(|r| envelope::write_result(id, &r))
            }
            Request::DoorForgetKey(params) => {
                self.door_forget_key(peer, &params).await.map(|r| envelope::write_result(id, &r))
            }
            Request::UpdateCheck(_) => self.update_check().await.map(|r| envelope::write_result(id, &r)),
            Request::Hello(_) => Ok(envelope::write_result(id, &self.welcome())),
            Request::AgentStatus(_) => Ok(envelope::write_result(id, &self.status().await)),
            Request::AccountList(_) => Ok(envelope::write_result(id, &self.account_list())),
            Request::AccountStatus(params) => {
                self.account_status(params).await.map(|r| envelope::write_result(id, &r))
            }
            Request::EventsSubscribe(_) => {
                let to = if peer.command == Command::Window { Audience::Window } else { Audience::Everybody };
                tokio::spawn(events::forward(self.clone(), notes, to));
                Ok(envelope::write_result(id, &api::Empty {}))
            }
            Request::AuditRead(params) => {
                self.audit_read(params, notes).await.map(|r| envelope::write_result(id, &r))
            }
            Request::ApprovalList(_) => Ok(envelope::write_result(id, &self.approval_list(peer))),
            Request::SignInList(_) => Ok(envelope::write_result(id, &self.sign_in_list())),
            Request::SignInStart(params) => {
                self.sign_in_start(peer, params, notes).await.map(|r| envelope::write_result(id, &r))
            }
            Request::SignInWait(params) => {
                let account = self.sign_in_end(&SignInId::new(&params.sign_in)).await?;
                let account = account.ok_or(Fault::new(Code::NoSuchSignIn))?;
                Ok(envelope::write_result(id, &api::SignInFinished { account }))
            }
            Request::SignInCallback(params) => {
                self.sign_in_callback(params).await.map(|r| envelope::write_result(id, &r))
            }
            Request::SignInCancel(params) => {
                self.sign_ins.cancel(&SignInId::new(&params.sign_in)).await.map_err(|e| e.fault())?;
                Ok(envelope::write_result(id, &api::Empty {}))
            }
            Request::SignInRedirect(params) => {
                self.sign_in_redirect(&params).await.map(|r| envelope::write_result(id, &r))
            }
            Request::ServerExamine(params) => {
                self.server_examine(peer, params, notes).await.map(|r| envelope::write_result(id, &r))
            }
            Request::AccountRefresh(params) => {
                self.account_refresh(peer, &params).await.map(|r| envelope::write_result(id, &r))
            }
            Request::AccountSignOut(params) => {
                // Goes on when the caller goes away: a half sign-out is none.
                let (this, peer) = (self.clone(), peer.clone());
                let work = tokio::spawn(async move { this.sign_out(&peer, params).await });
                let receipts = work.await.unwrap_or_else(|_| Err(Fault::new(Code::Internal)))?;
                Ok(envelope::write_result(id, &receipts))
            }
            Request::AccountRename(params) => {
                self.rename(peer, params).await.map(|r| envelope::write_result(id, &r))
            }
            Request::AgentStop(_) => {
                self.record(peer, AuditAction::AgentStopped, AuditOutcome::Ok, None).await?;
                self.stop.send_replace(true);
                Ok(envelope::write_result(id, &api::Empty {}))
            }
            Request::AgentPause(params) => {
                self.core.pause(params.paused);
                Ok(envelope::write_result(id, &api::Empty {}))
            }
            Request::ApprovalAsk(params) => {
                self.approval_ask(peer, &params).await.map(|r| envelope::write_result(id, &r))
            }
            Request::ApprovalRequest(params) => {
                self.approval_request(peer, &params).await.map(|r| envelope::write_result(id, &r))
            }
            Request::SessionAnnounce(params) => {
                self.announce(peer, params).map(|r| envelope::write_result(id, &r))
            }
            Request::WindowShow(_) => {
                self.wanted.send_modify(|n| *n += 1);
                Ok(envelope::write_result(id, &api::Empty {}))
            }
            Request::ApprovalGrant(params) => {
                self.approval_grant(peer, params).await.map(|r| envelope::write_result(id, &r))
            }
            Request::ApprovalDeny(params) => {
                self.approval_deny(peer, &params).await.map(|r| envelope::write_result(id, &r))
            }
            Request::ApprovalRemove(params) => {
                self.approval_remove(peer, &params).await.map(|r| envelope::write_result(id, &r))
            }
        }
    }

    pub(crate) fn find(&self, text: &str) -> Result<AccountId, Fault> {
        self.core.find(text).map_err(|e| faults::failure(&e).detail("account", text).detail("server", text))
    }

    fn account(&self, id: &AccountId) -> Result<api::Account, Fault> {
        show::account(&self.core, id).ok_or(Fault::new(Code::NoSuchAccount))
    }

    fn failed(&self, id: &AccountId, failure: &crate::failure::Failure) -> Fault {
        let fault = faults::failure(failure);
        match self.core.account(id) {
            Ok(snapshot) => show::about(fault, &snapshot.account),
            Err(_) => fault,
        }
    }
}
