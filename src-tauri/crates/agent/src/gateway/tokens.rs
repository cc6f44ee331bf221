//! Whence a link's bearer comes: the account's token, if the link's program may use the account.
//!
//! Problem: a link lives for days, and what held when it was opened may hold no more. Invariants: for every message it is
//! decided anew whether the program may; the record has the link's line before its first token goes out; what only a person
//! can do is announced, waited for with an end, and never begun by itself.

use super::attention::was_asked;
use super::place::Place;
use crate::accounts::Account;
use crate::approvals::{By, Decision};
use crate::audit;
use crate::failure::Failure;
use crate::faults;
use crate::fetch::Want;
use crate::id::AccountId;
use crate::methods::{Doors, Peer};
use crate::show;
use crate::state::{Snapshot, Standing};
use futures_core::future::BoxFuture;
use mcp_login_gateway::token_source::{Bearer, Denied, DeniedKind, TokenSource};
use mcp_login_ipc::api::{AuditAction, AuditEntry, AuditOutcome};
use mcp_login_ipc::{Code, Fault};
use mcp_login_oauth::challenge::Challenge;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a message waits for the person's answer about its program: below the minute after which clients give up.
const APPROVAL: Duration = Duration::from_secs(50);
/// How long a message waits for more scopes.
const STEP_UP: Duration = Duration::from_secs(60);

/// What a link was let in by.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Held {
    /// A decision that is looked at again with each message.
    Standing(AccountId),
    /// A "once", which is this link's for as long as it lasts.
    Once(AccountId),
}

/// One link's tokens.
pub(crate) struct LinkTokens {
    doors: Arc<Doors>,
    peer: Arc<Peer>,
    place: Arc<Place>,
    held: Mutex<Option<Held>>,
    /// A refusal is in the record once a link.
    refused: AtomicBool,
}

impl LinkTokens {
    pub(crate) fn new(doors: Arc<Doors>, peer: Arc<Peer>, place: Arc<Place>) -> Self {
        Self { doors, peer, place, held: Mutex::default(), refused: AtomicBool::new(false) }
    }

    async fn get(&self, refused: Option<u64>) -> Result<Bearer, Denied> {
        let snapshot = self.account()?;
        if let Err(fault) = self.doors.allowed_here(&snapshot.account.server) {
            let fault = show::about(fault, &snapshot.account);
            self.record_refusal(&snapshot.account, &fault).await;
            return Err(denied(DeniedKind::NotApproved, &fault));
        }
        self.admitted(&snapshot).await?;
        let id = &snapshot.account.id;
        let want = Want { newer_than: refused, min_ttl: None };
        match self.doors.core.fetch(id, want).await {
            Ok(fetched) => Ok(Bearer { access: fetched.access, generation: fetched.generation }),
            Err(failure) => Err(self.failed(&snapshot.account, &failure)),
        }
    }

    /// The account, or the word that there is none.
    fn account(&self) -> Result<Arc<Snapshot>, Denied> {
        match self.place.account() {
            Ok(Some(snapshot)) => Ok(snapshot),
            Ok(None) => {
                let server = self.place.server.as_str();
                self.doors.needs_account(&self.peer, &self.place.asked, Some(&self.place.server));
                let fault = Fault::new(Code::NotSignedIn).detail("server", server);
                Err(denied(DeniedKind::NeedsSignIn, &fault))
            }
            Err(failure) => {
                let server = self.place.server.as_str();
                Err(denied(DeniedKind::Gone, &faults::failure(&failure).detail("server", server)))
            }
        }
    }

    fn failed(&self, account: &Account, failure: &Failure) -> Denied {
        let fault = show::about(faults::failure(failure), account);
        let kind = match failure {
            failure if failure.needs_a_person() => {
                self.doors.needs_sign_in(&self.peer, account);
                DeniedKind::NeedsSignIn
            }
            // Signed in to again it may be another moment.
            Failure::Leaving | Failure::NoSuchAccount => DeniedKind::NeedsSignIn,
            Failure::ServerRefuses => DeniedKind::ServerRefuses,
            _ => DeniedKind::Passing,
        };
        denied(kind, &fault)
    }

    /// Whether the program at the link's other end may use the account, now.
    async fn admitted(&self, snapshot: &Snapshot) -> Result<(), Denied> {
        let account = &snapshot.account;
        let unknown = || denied(DeniedKind::NotApproved, &Fault::new(Code::CallerUnknown));
        let subject = self.peer.subject.as_ref().ok_or_else(unknown)?;
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let decided = self.doors.approvals.decided(subject, account, self.doors.now());
        let now_held = match (decided, held.as_ref()) {
            (Some(Decision::Allowed(_)), Some(Held::Standing(id))) if *id == account.id => return Ok(()),
            (None, Some(Held::Once(id))) if *id == account.id => return Ok(()),
            (Some(Decision::Allowed(by)), _) => self.kind_of(by, &account.id),
            (Some(Decision::Never { .. }) | None, _) => {
                // In a box: who is let in already should not carry what a question needs.
                let asked = timeout(APPROVAL, Box::pin(self.doors.admit(&self.peer, &account.id))).await;
                let program = subject.face.script.as_deref().unwrap_or(&subject.face.program);
                let unanswered = || Err(Fault::new(Code::NotApproved).detail("program", program));
                if let Err(fault) = asked.unwrap_or_else(|_| unanswered()) {
                    let fault = show::about(fault, account);
                    self.record_refusal(account, &fault).await;
                    return Err(denied(DeniedKind::NotApproved, &fault));
                }
                match self.doors.approvals.decided(subject, account, self.doors.now()) {
                    Some(Decision::Allowed(by)) => self.kind_of(by, &account.id),
                    // The yes was for this one question, and is spent.
                    _ => Held::Once(account.id.clone()),
                }
            }
        };
        let entry =
            AuditEntry { generation: Some(snapshot.generation), ..self.entry(account, AuditOutcome::Ok) };
        let unwritten = |fault| denied(DeniedKind::Passing, &fault);
        self.doors.write(entry).await.map_err(unwritten)?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(now_held);
        Ok(())
    }

    /// A "once" is gone from the list as soon as it is used.
    fn kind_of(&self, by: By, id: &AccountId) -> Held {
        match by {
            By::Approval(number) if !self.doors.approvals.standing().iter().any(|a| a.id == number) => {
                Held::Once(id.clone())
            }
            By::Approval(_) | By::Policy => Held::Standing(id.clone()),
        }
    }

    async fn record_refusal(&self, account: &Account, fault: &Fault) {
        if self.refused.swap(true, Ordering::Relaxed) {
            return;
        }
        let code = Some(fault.data.code.clone());
        let entry = AuditEntry { code, ..self.entry(account, AuditOutcome::Denied) };
        // Nothing was given, so nothing is taken back when the record is out of order.
        let _ = self.doors.write(entry).await;
    }

    fn entry(&self, account: &Account, outcome: AuditOutcome) -> AuditEntry {
        AuditEntry {
            account: Some(account.name.clone()),
            server: Some(account.server.as_str().to_owned()),
            caller: Some(self.peer.caller.clone()),
            ..audit::entry(self.doors.now().unix(), AuditAction::Gateway, outcome)
        }
    }

    /// Waits until the account is as `enough` wants it.
    async fn until(&self, deadline: Instant, enough: impl Fn(&Snapshot) -> bool) -> bool {
        let mut events = self.doors.core.subscribe();
        let found = async {
            loop {
                if self.place.account().ok().flatten().is_some_and(|snapshot| enough(&snapshot)) {
                    return;
                }
                // Also when some were missed: it is looked at all the same.
                let _ = events.recv().await;
            }
        };
        timeout_at(deadline, found).await.is_ok()
    }

    async fn more_scopes(&self, challenge: &Challenge, refused: u64) -> Result<(), Denied> {
        let snapshot = self.account()?;
        let account = &snapshot.account;
        let demanded: Vec<String> = challenge
            .scope
            .iter()
            .flat_map(|set| set.iter())
            .map(|scope| scope.as_str().to_owned())
            .collect();
        let forbids = |reason: &str| {
            let fault = Fault::new(Code::ServerForbids).detail("reason", reason);
            denied(DeniedKind::ServerRefuses, &show::about(fault, account))
        };
        if demanded.is_empty() {
            return Err(forbids("it wants more scopes and does not say which"));
        }
        let granted = |snapshot: &Snapshot| {
            let granted = snapshot.tokens.as_ref().map(|tokens| &tokens.scope);
            granted.is_some_and(|granted| demanded.iter().all(|scope| granted.contains(scope)))
        };
        if snapshot.generation > refused && granted(&snapshot) {
            return Ok(());
        }
        if granted(&snapshot) {
            return Err(forbids("it wants scopes that were granted already"));
        }
        let round = self.doors.gateway.attention.round(&account.id, &demanded, self.doors.now());
        let Some(_round) = round else {
            return Err(forbids("it wanted more scopes three times in a quarter of an hour"));
        };
        self.doors.needs_scopes(&self.peer, account, demanded.clone());
        let deadline = Instant::now() + STEP_UP;
        let enough = |now: &Snapshot| {
            now.generation > refused
                && now.account.signed_in_at >= account.signed_in_at
                && (granted(now) || was_asked(&now.account, &demanded))
                && matches!(now.standing, Standing::Good)
        };
        // What was asked for before and not granted is asked for again: then only a new sign-in counts.
        let before = was_asked(account, &demanded).then_some(snapshot.generation);
        if self
            .until(deadline, |now| enough(now) && before.is_none_or(|before| now.generation > before))
            .await
        {
            return Ok(());
        }
        let scopes = demanded.join(" ");
        let fault = Fault::new(Code::InsufficientScope).detail("scopes", scopes);
        Err(denied(DeniedKind::NeedsSignIn, &show::about(fault, account)))
    }
}

impl TokenSource for LinkTokens {
    fn token(&self, refused: Option<u64>) -> BoxFuture<'_, Result<Bearer, Denied>> {
        Box::pin(self.get(refused))
    }

    fn step_up<'a>(&'a self, challenge: &'a Challenge, refused: u64) -> BoxFuture<'a, Result<(), Denied>> {
        Box::pin(self.more_scopes(challenge, refused))
    }

    fn signed_in(&self, patience: Duration) -> BoxFuture<'_, Result<(), Denied>> {
        Box::pin(async move {
            let good = |snapshot: &Snapshot| matches!(snapshot.standing, Standing::Good);
            if self.until(Instant::now() + patience, good).await {
                return Ok(());
            }
            let snapshot = self.account()?;
            let failure = match &snapshot.standing {
                Standing::NeedsSignIn(failure) => failure.clone(),
                Standing::ServerRefuses => Failure::ServerRefuses,
                Standing::Leaving => Failure::Leaving,
                Standing::Good | Standing::NotLoaded(_) => Failure::Waiting,
            };
            Err(self.failed(&snapshot.account, &failure))
        })
    }
}

/// A fault in the gateway's words.
pub(crate) fn denied(kind: DeniedKind, fault: &Fault) -> Denied {
    let code = fault.known().unwrap_or(Code::Internal).as_str();
    // The gateway puts both into one line, and a full stop between them.
    let fact = fault.message.trim_end_matches('.').to_owned();
    Denied { kind, code, fact, next: fault.data.next.clone() }
}
