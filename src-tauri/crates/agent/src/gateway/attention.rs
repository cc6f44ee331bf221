//! What waits for a person because a program cannot go on.
//!
//! Problem: a program that needs a sign-in must not open a browser, and twenty of them must not ask twenty times. Invariant:
//! one entry an account, announced when it comes or changes and then at most every [`QUIET`]; it goes when what it asks for has
//! happened, or when nobody has asked for it again within [`FORGOTTEN`]. A server that wants more scopes without end gets
//! [`MOST_ROUNDS`] announcements in [`WINDOW`], and no more.

use crate::accounts::Account;
use crate::clock::Moment;
use crate::core::Core;
use crate::id::AccountId;
use crate::state::{Snapshot, Standing};
use mcp_login_ipc::api::{self, AttentionWhy};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;

/// Entries at a time. A person has some dozens of accounts; more come only from a program that asks for invented addresses.
const MOST: usize = 64;
/// The same is not announced again before: a person who closed the notification has seen it.
const QUIET: Duration = Duration::from_secs(15 * 60);
/// A client that nobody restarted for so long does not wait any more.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);
/// Step-ups of one account (MCP authorization, Step-Up Authorization Flow: "no more than a few times").
const MOST_ROUNDS: usize = 3;
/// Within this time.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Announcements that nobody has read yet.
const EVENTS: usize = 64;

/// Whom it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// An account that is there.
    Account(AccountId),
    /// A name or an address that has none.
    Nobody(String),
}

#[derive(Debug)]
struct Entry {
    about: About,
    view: api::Attention,
    announced: Moment,
    asked: Moment,
}

/// How often an account was to get more scopes.
#[derive(Debug)]
struct Rounds {
    account: AccountId,
    begun: VecDeque<Moment>,
    /// Requests that wait in the newest one, and for what.
    waiting: usize,
    scopes: Vec<String>,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    rounds: Vec<Rounds>,
}

/// All that waits for a person. Clones are the same.
#[derive(Clone, Debug)]
pub struct AttentionList(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    announce: broadcast::Sender<Arc<api::Attention>>,
}

impl Default for AttentionList {
    fn default() -> Self {
        Self(Arc::new(Inner { state: Mutex::default(), announce: broadcast::Sender::new(EVENTS) }))
    }
}

impl AttentionList {
    /// A program needs a person.
    pub(crate) fn raise(&self, about: About, view: api::Attention, now: Moment) {
        let mut state = self.state();
        let announce = match state.entries.iter_mut().find(|entry| entry.about == about) {
            Some(entry) => {
                let same = entry.view.why == view.why && entry.view.scopes == view.scopes;
                let since = entry.view.since;
                entry.asked = now;
                let announce = !same || now.since(entry.announced) >= QUIET;
                if announce {
                    entry.announced = now;
                }
                entry.view = api::Attention { since: if same { since } else { view.since }, ..view };
                announce.then(|| entry.view.clone())
            }
            None => {
                if state.entries.len() == MOST {
                    state.entries.remove(0);
                }
                state.entries.push(Entry { about, view: view.clone(), announced: now, asked: now });
                Some(view)
            }
        };
        drop(state);
        if let Some(view) = announce {
            tracing::info!(why = ?view.why, "a program waits for a person");
            let _ = self.0.announce.send(Arc::new(view)); // nobody may be listening
        }
    }

    /// What waits now, oldest first.
    pub(crate) fn list(&self, core: &Core, now: Moment) -> Vec<api::Attention> {
        self.settle(core, now);
        let named = |entry: &Entry| match &entry.about {
            About::Account(id) => {
                let name = core.account(id).ok().map(|s| s.account.name.clone());
                api::Attention { account: name.unwrap_or(entry.view.account.clone()), ..entry.view.clone() }
            }
            About::Nobody(_) => entry.view.clone(),
        };
        self.state().entries.iter().map(named).collect()
    }

    /// What comes from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<api::Attention>> {
        self.0.announce.subscribe()
    }

    /// The scopes that programs wait for, for the next sign-in of this account.
    pub(crate) fn wanted(&self, id: &AccountId) -> Vec<String> {
        let state = self.state();
        let about = About::Account(id.clone());
        let found = state.entries.iter().find(|e| e.about == about && e.view.why == AttentionWhy::MoreScopes);
        found.map(|entry| entry.view.scopes.clone()).unwrap_or_default()
    }

    /// Takes away what has happened.
    pub(crate) fn settle(&self, core: &Core, now: Moment) {
        self.state().entries.retain(|entry| {
            let waits = match &entry.about {
                // The name may be another server's meanwhile.
                About::Nobody(text) => !core.find(text).is_ok_and(|id| {
                    let found = core.account(&id).ok().map(|s| s.account.server.as_str().to_owned());
                    entry.view.server.is_none() || entry.view.server == found
                }),
                About::Account(id) => match core.account(id) {
                    Ok(snapshot) => waits(entry.view.why, &entry.view.scopes, &snapshot),
                    Err(_) => false,
                },
            };
            waits && now.since(entry.asked) < FORGOTTEN
        });
    }

    /// Begins a round of asking a person for more scopes, or joins the one that is under way and asks for them too. None:
    /// there were enough of them.
    pub(crate) fn round(&self, account: &AccountId, scopes: &[String], now: Moment) -> Option<Round> {
        let mut state = self.state();
        state.rounds.retain(|r| r.waiting > 0 || r.begun.back().is_some_and(|at| now.since(*at) < WINDOW));
        let at = state.rounds.iter().position(|r| r.account == *account).unwrap_or_else(|| {
            let account = account.clone();
            state.rounds.push(Rounds { account, begun: VecDeque::new(), waiting: 0, scopes: Vec::new() });
            state.rounds.len() - 1
        });
        let rounds = &mut state.rounds[at];
        let joins = rounds.waiting > 0 && scopes.iter().all(|scope| rounds.scopes.contains(scope));
        if !joins {
            rounds.begun.retain(|begun| now.since(*begun) < WINDOW);
            if rounds.begun.len() >= MOST_ROUNDS {
                return None;
            }
            rounds.begun.push_back(now);
            rounds.scopes = scopes.to_vec();
        }
        rounds.waiting += 1;
        Some(Round { list: self.clone(), account: account.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits in a round, until it is dropped.
#[derive(Debug)]
pub(crate) struct Round {
    list: AttentionList,
    account: AccountId,
}

impl Drop for Round {
    fn drop(&mut self) {
        let mut state = self.list.state();
        if let Some(rounds) = state.rounds.iter_mut().find(|r| r.account == self.account) {
            rounds.waiting = rounds.waiting.saturating_sub(1);
        }
    }
}

fn waits(why: AttentionWhy, scopes: &[String], snapshot: &Snapshot) -> bool {
    match why {
        AttentionWhy::NoAccount => false,
        AttentionWhy::NeedsSignIn => !matches!(snapshot.standing, Standing::Good),
        AttentionWhy::MoreScopes => !was_asked(&snapshot.account, scopes),
    }
}

/// Whether the last sign-in asked for all of these; what was granted is the person's and the issuer's to say.
pub(crate) fn was_asked(account: &Account, scopes: &[String]) -> bool {
    scopes.iter().all(|scope| account.asked_scope.contains(scope))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        let now = Duration::from_secs(seconds);
        Moment { boot: now, wall: now }
    }

    fn view(why: AttentionWhy, scopes: &[&str]) -> api::Attention {
        let scopes = scopes.iter().map(|s| (*s).to_owned()).collect();
        api::Attention { account: "work".into(), server: None, why, scopes, program: None, since: 0 }
    }

    fn about() -> About {
        About::Account(AccountId::from_random([1; 10]))
    }

    #[test]
    fn the_same_is_announced_once_in_a_while() {
        let list = AttentionList::default();
        let mut heard = list.subscribe();
        let mut count = || std::iter::from_fn(|| heard.try_recv().ok()).count();
        for _ in 0..20 {
            list.raise(about(), view(AttentionWhy::NeedsSignIn, &[]), at(100));
        }
        assert_eq!(count(), 1);
        list.raise(about(), view(AttentionWhy::MoreScopes, &["a"]), at(101));
        list.raise(about(), view(AttentionWhy::MoreScopes, &["a", "b"]), at(102));
        assert_eq!(count(), 2, "another reason, other scopes");
        list.raise(about(), view(AttentionWhy::MoreScopes, &["a", "b"]), at(102 + 899));
        assert_eq!(count(), 0);
        list.raise(about(), view(AttentionWhy::MoreScopes, &["a", "b"]), at(102 + 900));
        assert_eq!(count(), 1);
        for n in 0..200 {
            list.raise(About::Nobody(n.to_string()), view(AttentionWhy::NoAccount, &[]), at(2_000));
        }
        assert_eq!(list.state().entries.len(), MOST, "bounded");
    }

    #[test]
    fn three_rounds_and_no_more() {
        let list = AttentionList::default();
        let account = AccountId::from_random([1; 10]);
        let scopes = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let first = list.round(&account, &scopes("a b"), at(0)).unwrap();
        let joined = list.round(&account, &scopes("b"), at(1)).unwrap();
        assert_eq!(list.state().rounds[0].begun.len(), 1, "who wants the same waits along");
        drop((first, joined));
        drop(list.round(&account, &scopes("a"), at(2)).unwrap());
        drop(list.round(&account, &scopes("a"), at(3)).unwrap());
        assert!(list.round(&account, &scopes("c"), at(4)).is_none());
        assert!(
            list.round(&AccountId::from_random([2; 10]), &scopes("c"), at(4)).is_some(),
            "one account each"
        );
        assert!(list.round(&account, &scopes("c"), at(900)).is_some(), "later there is another");
    }
}
