//! What each method of the local API does, and who may ask for it.
//!
//! Problem: there are many methods, and one that forgets its check is a hole. Invariant: [`Doors::answer`] is the only way
//! in; what a class of methods needs is checked there, before the method, from the one table in `ipc::method`; and a
//! token goes out only after a decision said yes *and* the audit log took the line about it.

use crate::approvals::{Alive, Approvals, Decision, Grant, Subject, Whom};
use crate::audit::{self, Audit};
use crate::clock::{Clock, Moment};
use crate::config::ApprovalsChoice;
use crate::consent::{Consent, Unshown};
use crate::core::Core;
use crate::door::HttpDoor;
use crate::events::{self, Audience};
use crate::examine::{Examiner, Wish};
use crate::fetch::Want;
use crate::gateway::{Gateway, Granted};
use crate::helper::Helpers;
use crate::id::AccountId;
use crate::login::{
    Delivered, Door, LoginError, OnIssuerChange, OnOtherPerson, SignInId, SignIns, Start, Step, Target,
};
use crate::registration::RedirectWish;
use crate::session::AnnounceError;
use crate::{accounts::RedirectKind, faults, show};
use mcp_login_ipc::api::{
    self, ApprovalsMode, AuditAction, AuditEntry, AuditOutcome, Caller, Notification, RedirectChoice,
};
use mcp_login_ipc::envelope::{self, Id};
use mcp_login_ipc::provenance::{self, Provenance};
use mcp_login_ipc::secret::{Line, Secret};
use mcp_login_ipc::{Class, Code, Fault, Method, Paths, Request, identity};
use mcp_login_oauth::registration::Preregistered;
use mcp_login_oauth::{
    ClientId, ClientSecret, InitialAccessToken, Issuer, RedirectUri, Scope, ScopeSet, ServerUrl,
};
use mcp_login_vault::{Error as VaultError, Kind as VaultKind};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OnceCell, Semaphore, mpsc, watch};

/// How long a stopping agent lets requests finish: an issuer has 30 s to answer a token request, and the keychain needs a
/// moment to store what came.
pub const STOP_TIME: Duration = Duration::from_secs(40);
/// Entries that `audit.read` gives when it is not said.
const AUDIT_DEFAULT: u32 = 100;

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

    // --- use

    /// Whether the policy of this computer lets anybody use this server. An account from before the policy, or a link that is
    /// open, is no way around it.
    pub(crate) fn allowed_here(&self, server: &ServerUrl) -> Result<(), Fault> {
        let managed = &self.sign_ins.parts().settings.last().managed;
        managed.allows_server(server).map_err(|forbidden| LoginError::from(forbidden).fault())
    }

    async fn token_get(
        self: &Arc<Self>,
        peer: &Peer,
        params: api::TokenGet,
    ) -> Result<api::TokenGrant, Fault> {
        let id = self.find(&params.account).inspect_err(|fault| {
            if params.helper && fault.known() == Some(Code::NoSuchAccount) {
                self.needs_account(peer, &params.account, None);
            }
        })?;
        let account = self.core.account(&id).map_err(|e| faults::failure(&e))?.account.clone();
        let subject = peer.subject.as_ref().ok_or(Fault::new(Code::CallerUnknown))?;
        let line = |outcome| AuditEntry {
            account: Some(account.name.clone()),
            server: Some(account.server.as_str().to_owned()),
            caller: Some(peer.caller.clone()),
            ..audit::entry(self.now().unix(), AuditAction::Token, outcome)
        };
        if let Err(fault) = self.allowed_here(&account.server) {
            self.write(AuditEntry { code: Some(fault.data.code.clone()), ..line(AuditOutcome::Denied) })
                .await?;
            return Err(show::about(fault, &account));
        }
        let decided = self.approvals.decided(subject, &account, self.now());
        if !matches!(decided, Some(Decision::Allowed(_))) {
            // In a box: who asks for a token every second should not carry what a question needs.
            let admitted = Box::pin(self.admit(peer, &id)).await;
            if let Err(fault) = admitted {
                let denied = AuditEntry { code: Some(fault.data.code.clone()), ..line(AuditOutcome::Denied) };
                self.write(denied).await?;
                return Err(fault);
            }
        }
        let want = Want { newer_than: params.newer_than, min_ttl: params.min_ttl.map(Duration::from_secs) };
        let fetched = match params.helper {
            // In a box, as above.
            true => Box::pin(self.helpers.fetch(&self.core, &id, want)).await,
            false => self.core.fetch(&id, want).await,
        };
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(failure) => {
                if params.helper && failure.needs_a_person() {
                    self.needs_sign_in(peer, &account);
                }
                let fault = show::about(faults::failure(&failure), &account);
                let failed = AuditEntry { code: Some(fault.data.code.clone()), ..line(AuditOutcome::Failed) };
                self.write(failed).await?;
                return Err(fault);
            }
        };
        self.write(AuditEntry { generation: Some(fetched.generation), ..line(AuditOutcome::Ok) }).await?;
        Ok(api::TokenGrant {
            access_token: Secret::from(fetched.access),
            token_type: fetched.token_type,
            expires_at: fetched.expires_at,
            generation: fetched.generation,
            account: fetched.account.name.clone(),
            server: fetched.account.server.as_str().to_owned(),
            scope: fetched.scope,
        })
    }

    // --- look

    fn welcome(&self) -> api::Welcome {
        api::Welcome {
            version: identity::SOFTWARE_VERSION.to_owned(),
            protocol: identity::PROTOCOL,
            pid: std::process::id(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            instance: self.instance.clone(),
        }
    }

    async fn status(&self) -> api::AgentStatus {
        let mut accounts = BTreeMap::new();
        for account in self.core.views() {
            let word = serde_json::to_value(account.state).ok().and_then(|v| v.as_str().map(str::to_owned));
            *accounts.entry(word.unwrap_or_default()).or_insert(0) += 1;
        }
        api::AgentStatus {
            version: identity::SOFTWARE_VERSION.to_owned(),
            pid: std::process::id(),
            started_at: self.started_at,
            vault: self.vault().await,
            accounts,
            revocations_queued: u32::try_from(self.core.queued()).unwrap_or(u32::MAX),
            approvals: self.mode(),
            managed: show::managed(&self.sign_ins.parts().settings.last().managed),
            policy_mistake: self.approvals.policy_fault().map(|mistake| mistake.to_string()),
            paths: api::PathsView {
                config: self.paths.config_dir.display().to_string(),
                data: self.paths.data_dir.display().to_string(),
                socket: self.paths.socket.display().to_string(),
                log: Some(self.paths.data_dir.join(crate::log::FILE_NAME).display().to_string()),
            },
            paused: self.core.paused(),
            links: Some(self.gateway.links.count()),
            display: self.consent.session().display(),
            consent_window: match self.consent.is_there() {
                true => api::ConsentWindow::There,
                false => api::ConsentWindow::Missing,
            },
            scheme: show::scheme(crate::scheme::opener(identity::SCHEME)),
        }
    }

    async fn vault(&self) -> api::VaultView {
        let vault = self.core.vault();
        let kind = match vault.kind() {
            VaultKind::Memory => api::VaultKind::Memory,
            _ => api::VaultKind::Keychain,
        };
        // A keychain that waits for a person must not hang a question about the agent.
        let (state, code) = match tokio::time::timeout(VAULT_PATIENCE, vault.probe()).await {
            Ok(Ok(())) => (api::VaultState::Ready, None),
            Ok(Err(error)) => {
                let locked = matches!(error, VaultError::Locked | VaultError::Dismissed);
                let code = faults::failure(&crate::failure::Failure::Vault(error)).data.code;
                (if locked { api::VaultState::Locked } else { api::VaultState::Unavailable }, Some(code))
            }
            Err(_) => (api::VaultState::Unknown, Some(Code::KeychainDeadline.as_str().to_owned())),
        };
        api::VaultView { kind, state, code }
    }

    fn account_list(&self) -> api::Accounts {
        api::Accounts { accounts: self.core.views() }
    }

    async fn account_status(&self, params: api::AccountStatus) -> Result<api::AccountStatusResult, Fault> {
        let id = self.find(&params.account)?;
        let verification = match params.verify {
            true => Some(self.core.verify(&id).await.map_err(|e| self.failed(&id, &e))?),
            false => None,
        };
        Ok(api::AccountStatusResult { account: self.account(&id)?, verification })
    }

    async fn audit_read(
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

    fn approval_list(&self, peer: &Peer) -> api::Approvals {
        let standing = self.approvals.standing();
        let mut pending = self.approvals.pending();
        if peer.command == Command::Window {
            pending.retain(|question| question.shown_until.is_some());
        }
        api::Approvals {
            standing: standing.iter().map(|a| show::approval(&self.core, a)).collect(),
            pending: pending.iter().map(|p| show::pending(&self.core, p)).collect(),
        }
    }

    fn sign_in_list(&self) -> api::SignIns {
        let waiting = self.sign_ins.list().into_iter().filter(|s| !s.step.is_final());
        api::SignIns { sign_ins: waiting.map(|s| show::sign_in(&self.core, &s)).collect() }
    }

    // --- keep

    async fn sign_in_start(
        self: &Arc<Self>,
        peer: &Peer,
        params: api::SignInStart,
        notes: mpsc::Sender<Box<Notification>>,
    ) -> Result<api::SignInStarted, Fault> {
        let start = self.start(params)?;
        let started_at = self.now().unix();
        let name = match &start.target {
            Target::New { server, .. } => server.as_str().to_owned(),
            Target::Again(id) => self.account(id)?.server,
        };
        let entry = AuditEntry {
            server: Some(name),
            caller: Some(peer.caller.clone()),
            ..audit::entry(started_at, AuditAction::SignInStarted, AuditOutcome::Ok)
        };
        self.write(entry).await?;
        let (id, steps) = self.sign_ins.start(start).map_err(|e| e.fault())?;
        tokio::spawn(progress(self.clone(), id.clone(), steps, started_at, notes));
        Ok(api::SignInStarted { sign_in: id.as_str().to_owned() })
    }

    fn start(&self, mut params: api::SignInStart) -> Result<Start, Fault> {
        let wrong = |reason: &str| {
            Fault::new(Code::BadParameters).detail("method", "sign_in.start").detail("reason", reason)
        };
        let target = match (&params.url, &params.account) {
            (Some(url), None) => {
                let server = ServerUrl::parse(url).map_err(|e| LoginError::from(e).fault())?;
                if let Some(name) = &params.name {
                    let taken = self.core.accounts().iter().any(|s| s.account.name == *name);
                    crate::accounts::check_name(name)
                        .and(if taken { Err(crate::accounts::NameError::Taken) } else { Ok(()) })
                        .map_err(|e| faults::failure(&e.into()).detail("name", name.as_str()))?;
                }
                Target::New { server, name: params.name.clone() }
            }
            (None, Some(account)) if params.name.is_none() => {
                let id = self.find(account)?;
                // What programs wait for is asked for along with what was asked for before.
                let wanted = self.gateway.attention.wanted(&id);
                if !wanted.is_empty() {
                    params.scopes.get_or_insert_default().extend(wanted);
                }
                Target::Again(id)
            }
            (None, Some(_)) => {
                return Err(wrong("`name` is for a new account; `account.rename` changes one"));
            }
            _ => return Err(wrong("either `url` or `account` is needed")),
        };
        if params.client_id.is_none() && (params.client_secret.is_some() || params.redirect_uri.is_some()) {
            return Err(wrong("`client_secret` and `redirect_uri` belong to a `client_id`"));
        }
        let client = params.client_id.map(|id| Preregistered {
            issuer: params.issuer.as_deref().map(Issuer::new),
            id: ClientId::new(id),
            secret: params.client_secret.as_ref().map(|s| ClientSecret::new(s.expose())),
            redirect_uri: params.redirect_uri.as_deref().map(RedirectUri::new),
            method: None,
        });
        let scopes = scopes(params.scopes, Method::SignInStart)?;
        Ok(Start {
            target,
            redirect: match params.redirect.unwrap_or_default() {
                RedirectChoice::Auto => RedirectWish::Auto,
                RedirectChoice::Scheme => RedirectWish::Only(RedirectKind::Scheme),
                RedirectChoice::Loopback => RedirectWish::Only(RedirectKind::Loopback),
                RedirectChoice::Localhost => RedirectWish::Only(RedirectKind::Localhost),
            },
            issuer: params.issuer.as_deref().map(Issuer::new),
            scopes,
            prompt: params.prompt,
            login_hint: params.login_hint,
            on_issuer_change: params.issuer_change.map_or(OnIssuerChange::Show, |_| OnIssuerChange::Accept),
            on_other_person: if params.replace { OnOtherPerson::Replace } else { OnOtherPerson::Refuse },
            client,
            initial_access_token: params
                .registration_token
                .as_ref()
                .map(|t| InitialAccessToken::new(t.expose())),
        })
    }

    async fn sign_in_end(&self, id: &SignInId) -> Result<Option<api::Account>, Fault> {
        let steps = self.sign_ins.watch(id).ok_or(Fault::new(Code::NoSuchSignIn))?;
        self.end_of(steps).await
    }

    async fn end_of(&self, mut steps: watch::Receiver<Step>) -> Result<Option<api::Account>, Fault> {
        let last = steps.wait_for(Step::is_final).await.map_err(|_| Fault::new(Code::Internal))?.clone();
        show::outcome(&self.core, &last).unwrap_or_else(|| Err(Fault::new(Code::Internal)))
    }

    async fn sign_in_callback(&self, params: api::SignInCallback) -> Result<api::SignInCalledBack, Fault> {
        let only = params.sign_in.as_deref().map(SignInId::new);
        let door = if only.is_some() { Door::Pasted } else { Door::Api };
        match self.sign_ins.callback(params.url.trim(), door, only.as_ref()).await {
            Delivered::Matched { id, watcher, .. } => {
                let account = self.end_of(watcher).await?;
                Ok(api::SignInCalledBack { sign_in: id.as_str().to_owned(), account })
            }
            Delivered::Used => Err(Fault::new(Code::CallbackUsed)),
            Delivered::Unmatched => Err(Fault::new(Code::CallbackUnmatched)),
            Delivered::Refused(error) => Err(LoginError::Oauth((*error).clone()).fault()),
        }
    }

    async fn sign_in_redirect(&self, params: &api::SignInRedirect) -> Result<api::Empty, Fault> {
        let id = SignInId::new(&params.sign_in);
        let kind = match params.kind {
            RedirectChoice::Scheme => RedirectKind::Scheme,
            RedirectChoice::Loopback => RedirectKind::Loopback,
            RedirectChoice::Localhost => RedirectKind::Localhost,
            // The other one than now.
            RedirectChoice::Auto => {
                let steps = self.sign_ins.watch(&id).ok_or(Fault::new(Code::NoSuchSignIn))?;
                match &*steps.borrow() {
                    Step::Browser(now) if now.redirect_kind == RedirectKind::Scheme => RedirectKind::Loopback,
                    _ => RedirectKind::Scheme,
                }
            }
        };
        self.sign_ins.redirect(&id, kind).await.map_err(|e| e.fault())?;
        Ok(api::Empty {})
    }

    async fn server_examine(
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

    async fn account_refresh(
        &self,
        peer: &Peer,
        params: &api::AccountRefresh,
    ) -> Result<api::Refreshed, Fault> {
        let id = self.find(&params.account)?;
        let result = self.core.refresh(&id).await.map_err(|e| self.failed(&id, &e));
        let outcome = if result.is_ok() { AuditOutcome::Ok } else { AuditOutcome::Failed };
        self.record(peer, AuditAction::Refresh, outcome, Some(&id)).await?;
        let snapshot = result?;
        let expires_at = snapshot.tokens.as_ref().and_then(|tokens| tokens.life.expires_at());
        Ok(api::Refreshed { generation: snapshot.generation, expires_at })
    }

    async fn sign_out(&self, peer: &Peer, params: api::SignOut) -> Result<api::Receipts, Fault> {
        let ids: Vec<AccountId> = match (&params.account, params.all) {
            (Some(account), false) => vec![self.find(account)?],
            (None, true) => self.core.accounts().iter().map(|s| s.account.id.clone()).collect(),
            _ => {
                let fault = Fault::new(Code::BadParameters).detail("method", "account.sign_out");
                return Err(fault.detail("reason", "either `account` or `all` is needed"));
            }
        };
        let decisions: Vec<usize> = ids.iter().map(|id| self.decisions_about(id)).collect();
        // All issuers at once: one that hangs must not keep the others' tokens alive.
        let mut under_way = tokio::task::JoinSet::new();
        for (place, id) in ids.iter().cloned().enumerate() {
            let core = self.core.clone();
            under_way.spawn(async move { (place, core.sign_out(&id).await) });
        }
        let mut done: Vec<_> = ids.iter().map(|_| None).collect();
        while let Some(joined) = under_way.join_next().await {
            if let Ok((place, result)) = joined {
                done[place] = Some(result);
            }
        }
        let mut receipts = Vec::new();
        let mut first_fault = None;
        for ((id, decisions), result) in ids.iter().zip(decisions).zip(done) {
            match result {
                Some(Ok(mut receipt)) => {
                    receipt.lines.push(self.fell(id, decisions).await);
                    let entry = AuditEntry {
                        account: Some(receipt.account.clone()),
                        server: Some(receipt.server.clone()),
                        caller: Some(peer.caller.clone()),
                        ..audit::entry(self.now().unix(), AuditAction::SignOut, AuditOutcome::Ok)
                    };
                    self.write(entry).await?;
                    receipts.push(receipt);
                }
                Some(Err(failure)) => first_fault = first_fault.or(Some(self.failed(id, &failure))),
                None => first_fault = first_fault.or(Some(Fault::new(Code::Internal))),
            }
        }
        match first_fault {
            // Those that worked are done and in the record; the fault is what a person must see.
            Some(fault) => Err(fault),
            None => Ok(api::Receipts { receipts }),
        }
    }

    fn decisions_about(&self, id: &AccountId) -> usize {
        self.approvals.standing().iter().filter(|a| a.account == *id).count()
    }

    /// The receipt's line about the decisions that fell with an account, of which there were `before`: whoever hears of
    /// the account's end first takes them away.
    async fn fell(&self, id: &AccountId, before: usize) -> api::ReceiptLine {
        let (outcome, proof) = match self.approvals.forget(id).await {
            Ok(_) if before == 0 => (api::Outcome::None, None),
            Ok(_) => (api::Outcome::Confirmed, Some(api::Proof::Deleted)),
            Err(_) => (api::Outcome::Failed, None),
        };
        let at = proof.map(|_| self.now().unix());
        api::ReceiptLine {
            what: api::Credential::Approvals,
            outcome,
            proof,
            at,
            valid_until: None,
            code: None,
        }
    }

    async fn rename(&self, peer: &Peer, params: api::AccountRename) -> Result<api::AccountResult, Fault> {
        let id = self.find(&params.account)?;
        let renamed = self.core.rename(&id, &params.name).await;
        renamed.map_err(|e| self.failed(&id, &e).detail("name", params.name.as_str()))?;
        self.record(peer, AuditAction::Rename, AuditOutcome::Ok, Some(&id)).await?;
        Ok(api::AccountResult { account: self.account(&id)? })
    }

    fn announce(&self, peer: &Peer, params: api::Announce) -> Result<api::Empty, Fault> {
        let session = self.consent.session();
        match peer.command {
            Command::Desktop => {}
            // Any program can start the command with a display of its own choice: it helps out, and changes nothing.
            Command::Ours if session.display() == api::Display::Known => return Ok(api::Empty {}),
            Command::Ours => {}
            Command::Window | Command::Other => {
                return Err(Fault::new(Code::NotPermitted).detail("method", "session.announce"));
            }
        }
        session.announce(params.environment).map_err(|error: AnnounceError| {
            let fault = Fault::new(Code::BadParameters).detail("method", "session.announce");
            fault.detail("reason", error.to_string())
        })?;
        Ok(api::Empty {})
    }

    async fn approval_ask(
        self: &Arc<Self>,
        peer: &Peer,
        params: &api::ApprovalAsk,
    ) -> Result<api::Empty, Fault> {
        if self.choice == ApprovalsChoice::Terminal {
            let fault = Fault::new(Code::NoConsentWindow);
            return Err(fault.detail("reason", "the settings say `approvals = \"terminal\"`"));
        }
        let named = number(&params.pending)?;
        // A `never` is asked about anew: only the person may change it.
        let id = self.approvals.ask_again(named, &peer.caller, self.now()).unwrap_or(named);
        self.consent.show(self, id).map_err(|why| match why {
            Unshown::NotThere => Fault::new(Code::NoSuchApproval),
            Unshown::TooMany => Fault::new(Code::Busy),
            Unshown::Missing | Unshown::NoDisplay | Unshown::Resting => {
                let fault = Fault::new(Code::NoConsentWindow).detail("reason", why.to_string());
                if why == Unshown::NoDisplay { fault.detail("display", "unknown") } else { fault }
            }
        })?;
        let asked = self.approvals.pending().into_iter().find(|p| p.id == id).map(|p| p.account);
        self.record(peer, AuditAction::ApprovalAsked, AuditOutcome::Ok, asked.as_ref()).await?;
        Ok(api::Empty {})
    }

    // --- grant

    async fn approval_grant(
        &self,
        peer: &Peer,
        params: api::ApprovalGrant,
    ) -> Result<api::ApprovalGranted, Fault> {
        let id = self.find(&params.account)?;
        let account = self.core.account(&id).map_err(|e| faults::failure(&e))?.account.clone();
        let wrong = |reason: &str| {
            Fault::new(Code::BadParameters).detail("method", "approval.grant").detail("reason", reason)
        };
        let whom = match (&params.pending, &params.program) {
            (Some(pending), None) => {
                let number = number(pending)?;
                let waits = self.approvals.pending().into_iter().any(|p| {
                    // Through the window nobody decides about what is not in it.
                    let seen = peer.command != Command::Window || p.shown_until.is_some();
                    p.id == number && p.account == id && seen
                });
                if !waits {
                    return Err(Fault::new(Code::NoSuchApproval));
                }
                Whom::Pending(number)
            }
            (None, Some(_)) if peer.command == Command::Window => {
                return Err(Fault::new(Code::NotPermitted).detail("method", "approval.grant"));
            }
            (None, Some(program)) => Whom::Program(PathBuf::from(program)),
            _ => return Err(wrong("either `pending` or `program` is needed")),
        };
        let grant = Grant { whom, account: Some(account), scopes: params.scopes, until: params.until };
        let approval = self.approvals.grant(grant, self.now()).await.map_err(|e| faults::approval(&e))?;
        let action = match approval.until {
            api::Until::Never => AuditAction::ApprovalDenied,
            _ => AuditAction::ApprovalGranted,
        };
        self.record_about(peer, action, &id, &approval.subject).await?;
        Ok(api::ApprovalGranted { approval: show::approval(&self.core, &approval) })
    }

    async fn approval_deny(&self, peer: &Peer, params: &api::ApprovalDeny) -> Result<api::Empty, Fault> {
        let id = number(&params.pending)?;
        let denied = self.approvals.deny(id, self.now()).map_err(|e| faults::approval(&e))?;
        let action = AuditAction::ApprovalDenied;
        self.record_about(peer, action, &denied.account, &denied.subject.face).await?;
        Ok(api::Empty {})
    }

    async fn approval_remove(&self, peer: &Peer, params: &api::ApprovalRemove) -> Result<api::Empty, Fault> {
        let id = number(&params.id)?;
        // Taking a right away needs none. Taking a no away is a yes.
        let never = self.approvals.standing().iter().any(|a| a.id == id && a.until == api::Until::Never);
        if never {
            self.may_decide(peer).map_err(|fault| fault.detail("method", "approval.remove"))?;
        }
        let removed = self.approvals.remove(id).await.map_err(|e| faults::approval(&e))?;
        let action = AuditAction::ApprovalRemoved;
        self.record_about(peer, action, &removed.account, &removed.subject).await?;
        Ok(api::Empty {})
    }

    /// A decision: the caller is who decided, the note says about whom.
    async fn record_about(
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

    // --- shared

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

    async fn record(
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

    pub(crate) async fn write(&self, entry: AuditEntry) -> Result<(), Fault> {
        self.audit.write(entry).await.map_err(|_| Fault::new(Code::AuditUnavailable))
    }
}

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
/// Characters of a program's path in the record.
const MAX_NOTE: usize = 256;
/// How long `agent.status` waits for the keychain.
const VAULT_PATIENCE: Duration = Duration::from_secs(2);

/// Returns when a sign-in is over.
async fn ended(steps: &mut watch::Receiver<Step>) {
    let _ = steps.wait_for(Step::is_final).await;
}

/// The scopes that a caller wants instead of the server's.
fn scopes(words: Option<Vec<String>>, method: Method) -> Result<Option<ScopeSet>, Fault> {
    let Some(words) = words else { return Ok(None) };
    let scopes: Option<ScopeSet> = words.iter().map(|word| Scope::new(word)).collect();
    let wrong = || {
        let fault = Fault::new(Code::BadParameters).detail("method", method.name());
        fault.detail("reason", "`scopes` has a word that is no scope")
    };
    scopes.map(Some).ok_or_else(wrong)
}

fn number(text: &str) -> Result<u64, Fault> {
    text.parse().map_err(|_| Fault::new(Code::NoSuchApproval))
}

/// Sends a sign-in's steps to the connection that began it.
async fn progress(
    doors: Arc<Doors>,
    id: SignInId,
    mut steps: watch::Receiver<Step>,
    started_at: u64,
    notes: mpsc::Sender<Box<Notification>>,
) {
    loop {
        let step = steps.borrow_and_update().clone();
        let last = step.is_final();
        let step = show::step(&doors.core, &step, started_at);
        let note = api::SignInProgress { sign_in: id.as_str().to_owned(), step };
        if notes.send(Box::new(Notification::SignInProgress(note))).await.is_err() || last {
            return;
        }
        tokio::select! {
            changed = steps.changed() => if changed.is_err() { return },
            () = notes.closed() => return,
        }
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
