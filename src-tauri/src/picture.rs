//! What tray and notifications know of the agent: a copy for painting, never asked for a decision.
//!
//! Invariant: it only ever holds what the agent said; what an event does not carry is asked for again.

use std::time::{Duration, Instant};

use mcp_login_ipc::Fault;
use mcp_login_ipc::api::{Account, AccountState, AgentStatus, AttentionWhy, Event, PendingApproval};

/// Whether we hear the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// We do.
    Up,
    /// We do not; with the reason, when there is more to say than that none runs.
    Down(Option<Fault>),
}

/// What the icon says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mood {
    /// Nothing to do.
    Well,
    /// An account needs a person.
    NeedsSignIn,
    /// The agent, or an issuer, cannot be reached.
    Offline,
    /// A program waits for an answer.
    Asking,
}

/// What has to be asked for after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// Nothing.
    Nothing,
    /// The questions.
    Questions,
    /// Everything.
    Everything,
}

/// The copy.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// Whether we hear the agent.
    pub(crate) link: Link,
    /// All accounts, by name.
    pub(crate) accounts: Vec<Account>,
    /// The questions that wait.
    pub(crate) pending: Vec<PendingApproval>,
    /// Rotation and hand-out are paused.
    pub(crate) paused: bool,
    /// Accounts, by name, whose servers want more scopes.
    pub(crate) wanted: Vec<String>,
    /// The account, by name, that came to need a sign-in last, and when.
    pub(crate) needy: Option<(String, Instant)>,
}

impl Default for Picture {
    fn default() -> Self {
        let link = Link::Down(None);
        Self {
            link,
            accounts: Vec::new(),
            pending: Vec::new(),
            paused: false,
            wanted: Vec::new(),
            needy: None,
        }
    }
}

/// A change and the program that met it are the same news within this time.
const SAME_NEWS: Duration = Duration::from_secs(60);

impl Picture {
    /// All anew.
    pub(crate) fn load(
        &mut self,
        status: &AgentStatus,
        accounts: Vec<Account>,
        pending: Vec<PendingApproval>,
    ) {
        self.link = Link::Up;
        self.paused = status.paused;
        self.accounts = accounts;
        self.pending = pending;
    }

    /// What an event changes, and what has to be asked for besides.
    pub(crate) fn apply(&mut self, event: &Event) -> Stale {
        match event {
            Event::AccountChanged { account } => {
                self.wanted.retain(|name| *name != account.name);
                if account.state == AccountState::NeedsSignIn {
                    self.needy = Some((account.name.clone(), Instant::now()));
                }
                match self.accounts.iter_mut().find(|known| known.id == account.id) {
                    Some(known) => known.clone_from(account),
                    None => self.accounts.push((**account).clone()),
                }
                self.accounts.sort_by(|a, b| a.name.cmp(&b.name));
                Stale::Nothing
            }
            Event::AccountRemoved { id, .. } => {
                self.accounts.retain(|account| account.id != *id);
                Stale::Nothing
            }
            Event::HandOutChanged { paused } => {
                self.paused = *paused;
                Stale::Nothing
            }
            Event::Attention { attention } if attention.why == AttentionWhy::MoreScopes => {
                self.wanted.retain(|name| *name != attention.account);
                self.wanted.push(attention.account.clone());
                Stale::Nothing
            }
            Event::ApprovalAsked { .. } | Event::ApprovalsChanged => Stale::Questions,
            Event::Missed => Stale::Everything,
            _ => Stale::Nothing,
        }
    }

    /// Whether the person heard a moment ago that this account needs a sign-in.
    pub(crate) fn just_said(&self, name: &str) -> bool {
        self.needy.as_ref().is_some_and(|(needy, at)| needy == name && at.elapsed() < SAME_NEWS)
    }

    /// What the icon says: what waits for a person goes before what waits for the network.
    pub(crate) fn mood(&self) -> Mood {
        let any = |test: fn(&Account) -> bool| self.accounts.iter().any(test);
        if !self.pending.is_empty() {
            Mood::Asking
        } else if self.link != Link::Up {
            Mood::Offline
        } else if any(crate::words::needs_person) || !self.wanted.is_empty() {
            Mood::NeedsSignIn
        } else if any(|account| account.state == AccountState::Offline) {
            Mood::Offline
        } else {
            Mood::Well
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use mcp_login_ipc::api::{Attention, RedirectKind, RegistrationKind, RegistrationView, Revocation};

    pub(crate) fn account(name: &str, state: AccountState) -> Account {
        Account {
            id: format!("id-{name}"),
            name: name.to_owned(),
            server: "https://mcp.example.com/mcp".to_owned(),
            resource: "https://mcp.example.com/mcp".to_owned(),
            issuer: "https://auth.example.com".to_owned(),
            label: None,
            scope: Vec::new(),
            asked_scope: Vec::new(),
            state,
            code: None,
            generation: 1,
            expires_at: None,
            next_rotation_at: None,
            last_rotation_at: None,
            signed_in_at: 0,
            registration: RegistrationView { kind: RegistrationKind::Dynamic, client_id: "c".to_owned() },
            redirect_kind: RedirectKind::Scheme,
            revocation: Revocation::Offered,
            issuer_change: None,
            ends_at: None,
            ends_by: None,
        }
    }

    #[test]
    fn events_change_the_copy() {
        let mut picture = Picture { link: Link::Up, ..Picture::default() };
        let changed = |state| Event::AccountChanged { account: Box::new(account("work", state)) };
        assert_eq!(picture.apply(&changed(AccountState::Ready)), Stale::Nothing);
        assert_eq!(picture.mood(), Mood::Well);
        picture.apply(&changed(AccountState::Offline));
        assert_eq!((picture.accounts.len(), picture.mood()), (1, Mood::Offline));
        picture.apply(&Event::AccountChanged { account: Box::new(account("a", AccountState::NeedsSignIn)) });
        assert_eq!((picture.accounts[0].name.as_str(), picture.mood()), ("a", Mood::NeedsSignIn));
        picture.apply(&Event::AccountRemoved { id: "id-a".to_owned(), name: "a".to_owned() });
        assert_eq!(picture.mood(), Mood::Offline);
        assert_eq!(picture.apply(&Event::HandOutChanged { paused: true }), Stale::Nothing);
        assert!(picture.paused);
        assert_eq!(picture.apply(&Event::ApprovalsChanged), Stale::Questions);
        assert_eq!(picture.apply(&Event::Missed), Stale::Everything);
    }

    #[test]
    fn more_scopes_are_a_sign_in_that_is_needed() {
        let mut picture = Picture { link: Link::Up, ..Picture::default() };
        let changed = |state| Event::AccountChanged { account: Box::new(account("work", state)) };
        picture.apply(&changed(AccountState::Ready));
        let wants = Attention {
            account: "work".to_owned(),
            server: None,
            why: AttentionWhy::MoreScopes,
            scopes: vec!["mcp:admin".to_owned()],
            program: None,
            since: 0,
        };
        picture.apply(&Event::Attention { attention: Box::new(wants) });
        assert_eq!(picture.mood(), Mood::NeedsSignIn);
        picture.apply(&changed(AccountState::Ready));
        assert_eq!(picture.mood(), Mood::Well, "the person signed in");
        assert!(!picture.just_said("work"));
        picture.apply(&changed(AccountState::NeedsSignIn));
        assert!(picture.just_said("work"));
    }

    #[test]
    fn without_an_agent_it_is_offline() {
        assert_eq!(Picture::default().mood(), Mood::Offline);
    }
}
