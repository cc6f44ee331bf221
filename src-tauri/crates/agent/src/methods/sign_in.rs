//! `sign_in.*`: a sign-in begun, watched, brought home, turned back.
//!
//! Invariant: a wish that contradicts itself is refused before anything begins; what began is in the record; and its steps
//! go to the connection that began it, up to the last one.

use super::{Doors, Peer};
use crate::accounts::RedirectKind;
use crate::login::{
    Delivered, Door, LoginError, OnIssuerChange, OnOtherPerson, SignInId, Start, Step, Target,
};
use crate::registration::RedirectWish;
use crate::{audit, faults, show};
use mcp_login_ipc::api::{self, AuditAction, AuditEntry, AuditOutcome, Notification, RedirectChoice};
use mcp_login_ipc::{Code, Fault, Method};
use mcp_login_oauth::registration::Preregistered;
use mcp_login_oauth::{
    ClientId, ClientSecret, InitialAccessToken, Issuer, RedirectUri, Scope, ScopeSet, ServerUrl,
};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

impl Doors {
    pub(super) fn sign_in_list(&self) -> api::SignIns {
        let waiting = self.sign_ins.list().into_iter().filter(|s| !s.step.is_final());
        api::SignIns { sign_ins: waiting.map(|s| show::sign_in(&self.core, &s)).collect() }
    }

    pub(super) async fn sign_in_start(
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

    pub(super) async fn sign_in_end(&self, id: &SignInId) -> Result<Option<api::Account>, Fault> {
        let steps = self.sign_ins.watch(id).ok_or(Fault::new(Code::NoSuchSignIn))?;
        self.end_of(steps).await
    }

    async fn end_of(&self, mut steps: watch::Receiver<Step>) -> Result<Option<api::Account>, Fault> {
        let last = steps.wait_for(Step::is_final).await.map_err(|_| Fault::new(Code::Internal))?.clone();
        show::outcome(&self.core, &last).unwrap_or_else(|| Err(Fault::new(Code::Internal)))
    }

    pub(super) async fn sign_in_callback(
        &self,
        params: api::SignInCallback,
    ) -> Result<api::SignInCalledBack, Fault> {
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

    pub(super) async fn sign_in_redirect(&self, params: &api::SignInRedirect) -> Result<api::Empty, Fault> {
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
}

/// The scopes that a caller wants instead of the server's.
pub(super) fn scopes(words: Option<Vec<String>>, method: Method) -> Result<Option<ScopeSet>, Fault> {
    let Some(words) = words else { return Ok(None) };
    let scopes: Option<ScopeSet> = words.iter().map(|word| Scope::new(word)).collect();
    let wrong = || {
        let fault = Fault::new(Code::BadParameters).detail("method", method.name());
        fault.detail("reason", "`scopes` has a word that is no scope")
    };
    scopes.map(Some).ok_or_else(wrong)
}

/// Sends a sign-in's steps to the connection that began it.
pub(super) async fn progress(
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
