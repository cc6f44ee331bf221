//! The state as the local API shows it: accounts, sign-ins, decisions, without a token.

use crate::accounts::{self, RedirectKind};
use crate::approvals::{Approval, Pending};
use crate::clock::Moment;
use crate::core::Core;
use crate::failure::Failure;
use crate::faults;
use crate::id::AccountId;
use crate::login::{self, LoginError, SignIn, Step};
use crate::state::{Snapshot, Standing};
use mcp_login_ipc::api::{self, AccountState};
use mcp_login_oauth::callback::LIFE_SECONDS;
use mcp_login_oauth::registration::RegistrationKind;

/// One account.
#[must_use]
pub fn account(core: &Core, snapshot: &Snapshot, now: Moment) -> api::Account {
    let account = &snapshot.account;
    let (state, failure) = state(snapshot);
    let registration = core.registrations().get(&account.registration);
    let life = snapshot.tokens.as_ref().map(|tokens| &tokens.life);
    let next = match life.filter(|_| matches!(snapshot.standing, Standing::Good)) {
        Some(life) => match crate::schedule::due_at(life, 0, now) {
            crate::schedule::Due::Now => Some(now.unix()),
            crate::schedule::Due::In(wait) => Some(now.unix() + wait.as_secs()),
            crate::schedule::Due::OnDemand => None,
        },
        None => None,
    };
    let has_refresh = snapshot.tokens.as_ref().is_some_and(|tokens| tokens.refresh.is_some());
    api::Account {
        id: account.id.as_str().to_owned(),
        name: account.name.clone(),
        server: account.server.as_str().to_owned(),
        resource: account.resource.clone().unwrap_or_else(|| account.server.as_str().to_owned()),
        issuer: account.issuer().to_owned(),
        label: account.label.clone(),
        scope: account.scope.clone(),
        asked_scope: account.asked_scope.clone(),
        state,
        code: failure.map(|failure| faults::failure(&failure).data.code),
        generation: snapshot.generation,
        expires_at: life.and_then(crate::schedule::Life::expires_at),
        next_rotation_at: next.filter(|_| has_refresh && !core.paused()),
        last_rotation_at: snapshot.last_rotation_at,
        signed_in_at: account.signed_in_at,
        registration: api::RegistrationView {
            kind: kind(registration.as_ref().map_or(RegistrationKind::Dynamic, |r| r.kind)),
            client_id: registration.as_ref().map(|r| r.client_id.clone()).unwrap_or_default(),
        },
        redirect_kind: redirect(registration.as_ref().map_or(RedirectKind::Exact, |r| r.redirect)),
        revocation: match account.metadata.revocation_endpoint {
            Some(_) => api::Revocation::Offered,
            None => api::Revocation::NotOffered,
        },
        issuer_change: account
            .issuer_change
            .as_ref()
            .map(|change| api::IssuerChange { old: change.old.clone(), new: change.new.clone() }),
    }
}

/// By id; none when it is gone.
#[must_use]
pub fn account_by_id(core: &Core, id: &AccountId, now: Moment) -> Option<api::Account> {
    core.account(id).ok().map(|snapshot| account(core, &snapshot, now))
}

/// The state's word, and what is behind it.
fn state(snapshot: &Snapshot) -> (AccountState, Option<Failure>) {
    if snapshot.account.issuer_change.is_some() && !snapshot.is_leaving() {
        return (AccountState::IssuerChanged, Some(Failure::IssuerChanged));
    }
    match &snapshot.standing {
        Standing::Leaving => return (AccountState::Leaving, Some(Failure::Leaving)),
        Standing::ServerRefuses => return (AccountState::ServerRefuses, Some(Failure::ServerRefuses)),
        Standing::NeedsSignIn(failure) => return (AccountState::NeedsSignIn, Some(failure.clone())),
        Standing::NotLoaded(Some(failure)) => return (AccountState::VaultUnavailable, Some(failure.clone())),
        // Not asked yet: nothing is known against it.
        Standing::NotLoaded(None) | Standing::Good => {}
    }
    match snapshot.trouble.as_ref().map(|trouble| &trouble.failure) {
        None => (AccountState::Ready, None),
        Some(failure @ Failure::Unsaved(_)) => (AccountState::Unsaved, Some(failure.clone())),
        Some(failure @ Failure::Vault(_)) => (AccountState::VaultUnavailable, Some(failure.clone())),
        Some(failure) => (AccountState::Offline, Some(failure.clone())),
    }
}

fn kind(kind: RegistrationKind) -> api::RegistrationKind {
    match kind {
        RegistrationKind::Preregistered => api::RegistrationKind::PreRegistered,
        RegistrationKind::MetadataDocument => api::RegistrationKind::MetadataDocument,
        RegistrationKind::Dynamic => api::RegistrationKind::Dynamic,
    }
}

fn redirect(kind: RedirectKind) -> api::RedirectKind {
    match kind {
        RedirectKind::Scheme => api::RedirectKind::Scheme,
        RedirectKind::Loopback => api::RedirectKind::Loopback,
        RedirectKind::Localhost => api::RedirectKind::Localhost,
        RedirectKind::Exact => api::RedirectKind::Exact,
    }
}

/// Where a sign-in is.
#[must_use]
pub fn step(core: &Core, step: &Step, started_at: u64, now: Moment) -> api::Step {
    match step {
        Step::Discovering => api::Step::Discovering,
        Step::Registering { issuer } => api::Step::Registering { issuer: issuer.clone() },
        Step::Browser(browser) => api::Step::Browser(Box::new(api::BrowserStep {
            authorization_url: browser.authorization_url.clone(),
            redirect_uri: browser.redirect_uri.clone(),
            redirect_kind: redirect(browser.redirect_kind),
            issuer: browser.issuer.clone(),
            server: browser.server.clone(),
            scopes: browser.scopes.clone(),
            registration: kind(browser.registration),
            expires_at: started_at + LIFE_SECONDS,
        })),
        Step::Exchanging => api::Step::Exchanging,
        Step::Storing => api::Step::Storing,
        Step::Done(done) => match self::done(core, done, now) {
            Some(done) => api::Step::Done(Box::new(done)),
            // Signed out again before anybody asked.
            None => api::Step::Failed {
                error: faults::failure(&Failure::NoSuchAccount).detail("account", done.name.as_str()),
            },
        },
        Step::Failed(error) => api::Step::Failed { error: error.fault() },
    }
}

fn done(core: &Core, done: &login::DoneStep, now: Moment) -> Option<api::DoneStep> {
    Some(api::DoneStep {
        account: account_by_id(core, &done.account, now)?,
        asked: done.asked.clone(),
        granted: done.granted.clone(),
        was: match &done.identity {
            crate::adopt::Identity::Another { was, .. } => Some(was.clone()),
            _ => None,
        },
    })
}

/// A sign-in for a list.
#[must_use]
pub fn sign_in(core: &Core, sign_in: &SignIn, now: Moment) -> api::SignIn {
    let account = sign_in.account.as_ref().and_then(|id| core.account(id).ok());
    api::SignIn {
        sign_in: sign_in.id.as_str().to_owned(),
        server: sign_in.server.clone(),
        name: account.map(|snapshot| snapshot.account.name.clone()),
        started_at: sign_in.started_at,
        expires_at: sign_in.started_at + LIFE_SECONDS,
        progress: step(core, &sign_in.step, sign_in.started_at, now),
    }
}

/// What a sign-in that is over came to.
///
/// # Errors
/// The fault that it ended with.
pub fn outcome(core: &Core, step: &Step, now: Moment) -> Option<Result<api::Account, mcp_login_ipc::Fault>> {
    match step {
        Step::Done(done) => {
            Some(account_by_id(core, &done.account, now).ok_or_else(|| {
                faults::failure(&Failure::NoSuchAccount).detail("account", done.name.as_str())
            }))
        }
        Step::Failed(error) => Some(Err(LoginError::fault(error))),
        _ => None,
    }
}

/// A decision.
#[must_use]
pub fn approval(core: &Core, approval: &Approval) -> api::Approval {
    api::Approval {
        id: approval.id.to_string(),
        subject: approval.subject.clone(),
        account: name(core, &approval.account),
        scopes: approval.scopes.clone(),
        until: approval.until,
        source: api::ApprovalSource::Person,
        granted_at: approval.granted_at,
        expires_at: approval.expires_at,
        last_used_at: approval.last_used_at,
    }
}

/// A question.
#[must_use]
pub fn pending(core: &Core, pending: &Pending) -> api::PendingApproval {
    api::PendingApproval {
        id: pending.id.to_string(),
        subject: pending.subject.face.clone(),
        caller: pending.caller.clone(),
        account: name(core, &pending.account),
        scopes: pending.scopes.clone(),
        asked_at: pending.first_asked,
        expires_at: pending.first_asked + crate::approvals::QUESTION_SECONDS,
    }
}

fn name(core: &Core, id: &AccountId) -> String {
    core.account(id).map_or_else(|_| id.as_str().to_owned(), |snapshot| snapshot.account.name.clone())
}

/// The names of an account for a sentence.
#[must_use]
pub fn about(fault: mcp_login_ipc::Fault, account: &accounts::Account) -> mcp_login_ipc::Fault {
    faults::about(fault, &account.name, account.server.as_str(), account.issuer())
}
