//! Sign-ins and decisions in the local API's words.

use crate::accounts::{self, RedirectKind};
use crate::approvals::{Approval, Pending};
use crate::core::Core;
use crate::failure::Failure;
use crate::faults;
use crate::id::AccountId;
use crate::login::{self, LoginError, SignIn, Step};
use crate::managed::Managed;
use crate::scheme::Opener;
use mcp_login_ipc::api;
use mcp_login_oauth::callback::LIFE_SECONDS;
use mcp_login_oauth::registration::RegistrationKind;

/// By id; none when it is gone.
#[must_use]
pub fn account(core: &Core, id: &AccountId) -> Option<api::Account> {
    core.view(id).ok()
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
pub fn step(core: &Core, step: &Step, started_at: u64) -> api::Step {
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
            refused: browser.refused.clone(),
        })),
        Step::Exchanging => api::Step::Exchanging,
        Step::Storing => api::Step::Storing,
        Step::Done(done) => match self::done(core, done) {
            Some(done) => api::Step::Done(Box::new(done)),
            // Signed out again before anybody asked.
            None => api::Step::Failed {
                error: faults::failure(&Failure::NoSuchAccount).detail("account", done.name.as_str()),
            },
        },
        Step::Tried => api::Step::Tried,
        Step::Failed(error) => api::Step::Failed { error: error.fault() },
    }
}

fn done(core: &Core, done: &login::DoneStep) -> Option<api::DoneStep> {
    Some(api::DoneStep {
        account: account(core, &done.account)?,
        asked: done.asked.clone(),
        granted: done.granted.clone(),
        was: match &done.identity {
            crate::adopt::Identity::Another { was, .. } => Some(was.clone()),
            _ => None,
        },
        former: done.former.clone(),
    })
}

/// A sign-in for a list.
#[must_use]
pub fn sign_in(core: &Core, sign_in: &SignIn) -> api::SignIn {
    let account = sign_in.account.as_ref().and_then(|id| core.account(id).ok());
    api::SignIn {
        sign_in: sign_in.id.as_str().to_owned(),
        server: sign_in.server.clone(),
        name: account.map(|snapshot| snapshot.account.name.clone()),
        started_at: sign_in.started_at,
        expires_at: sign_in.started_at + LIFE_SECONDS,
        progress: step(core, &sign_in.step, sign_in.started_at),
    }
}

/// What a sign-in that is over came to: an account, or none for an examination's.
///
/// # Errors
/// The fault that it ended with.
pub fn outcome(core: &Core, step: &Step) -> Option<Result<Option<api::Account>, mcp_login_ipc::Fault>> {
    match step {
        Step::Done(done) => {
            Some(account(core, &done.account).map(Some).ok_or_else(|| {
                faults::failure(&Failure::NoSuchAccount).detail("account", done.name.as_str())
            }))
        }
        Step::Tried => Some(Ok(None)),
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
    let account = core.account(&pending.account).ok().map(|snapshot| snapshot.account.clone());
    let account = account.as_deref();
    api::PendingApproval {
        id: pending.id.to_string(),
        subject: pending.subject.face.clone(),
        caller: pending.caller.clone(),
        account: name(core, &pending.account),
        server: account.map(|account| account.server.as_str().to_owned()).unwrap_or_default(),
        issuer: account.map(|account| account.issuer().to_owned()).unwrap_or_default(),
        label: account.and_then(|account| account.label.clone()),
        scopes: pending.scopes.clone(),
        asked_at: pending.first_asked,
        expires_at: pending.shown_until.unwrap_or(pending.first_asked + crate::approvals::QUESTION_SECONDS),
        before: pending.before.clone(),
        changed: pending.changed,
    }
}

fn name(core: &Core, id: &AccountId) -> String {
    core.account(id).map_or_else(|_| id.as_str().to_owned(), |snapshot| snapshot.account.name.clone())
}

/// Who opens our scheme.
#[must_use]
pub fn scheme(opener: Opener) -> api::SchemeView {
    let (state, program) = match opener {
        Opener::Ours(program) => (api::SchemeState::Ours, Some(program)),
        Opener::Foreign(program) => (api::SchemeState::Foreign, Some(program)),
        Opener::None => (api::SchemeState::None, None),
    };
    api::SchemeView { state, program: program.map(|program| program.to_string_lossy().into_owned()) }
}

/// The names of an account for a sentence.
#[must_use]
pub fn about(fault: mcp_login_ipc::Fault, account: &accounts::Account) -> mcp_login_ipc::Fault {
    faults::about(fault, &account.name, account.server.as_str(), account.issuer())
}

/// What the computer's administrator set; none when nothing is.
#[must_use]
pub fn managed(managed: &Managed) -> Option<api::ManagedView> {
    let place = managed.place.clone()?;
    let mistake = managed.mistake.as_ref().map(|mistake| mistake.to_string());
    Some(api::ManagedView { place, keys: managed.keys.clone(), mistake })
}
