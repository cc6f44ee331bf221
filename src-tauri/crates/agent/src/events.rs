//! What subscribers hear of.
//!
//! Invariant: an event says what to look at again; it goes through the connection's bounded queue; a reader that is too
//! slow misses events and is told so, and nobody waits for it.

use crate::approvals::Approvals;
use crate::core::{Core, Event as CoreEvent};
use crate::methods::Doors;
use crate::show;
use mcp_login_ipc::api::{Event, Notification, Step as ApiStep};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::Sender;

/// Sends events until the connection is gone.
pub async fn forward(doors: Arc<Doors>, notes: Sender<Box<Notification>>) {
    let core = &doors.core;
    let mut accounts = core.subscribe();
    let mut sign_ins = doors.sign_ins.changes();
    let mut asked = doors.approvals.asked();
    let mut names: BTreeMap<String, String> =
        core.accounts().iter().map(|s| (s.account.id.as_str().to_owned(), s.account.name.clone())).collect();
    let mut steps: BTreeMap<String, ApiStep> = BTreeMap::new();
    let mut questions: BTreeSet<u64> = doors.approvals.pending().iter().map(|p| p.id).collect();
    loop {
        let events = tokio::select! {
            event = accounts.recv() => match event {
                Ok(CoreEvent::Account(id)) => vec![account(core, id.as_str(), &mut names, &id)],
                Ok(CoreEvent::Removed { account, name }) => {
                    names.remove(account.as_str());
                    vec![Event::AccountRemoved { id: account.as_str().to_owned(), name }]
                }
                Ok(CoreEvent::SignedOut(_) | CoreEvent::Revoked(_)) => Vec::new(),
                Err(RecvError::Lagged(_)) => vec![Event::Missed],
                Err(RecvError::Closed) => return,
            },
            changed = sign_ins.changed() => match changed {
                Ok(()) => sign_in_events(&doors, &mut steps),
                Err(_) => return,
            },
            changed = asked.changed() => match changed {
                Ok(()) => approval_events(core, &doors.approvals, &mut questions),
                Err(_) => return,
            },
            () = notes.closed() => return,
        };
        for event in events {
            if notes.send(Box::new(Notification::Event(event))).await.is_err() {
                return;
            }
        }
    }
}

fn account(core: &Core, key: &str, names: &mut BTreeMap<String, String>, id: &crate::id::AccountId) -> Event {
    match show::account(core, id) {
        Some(account) => {
            names.insert(key.to_owned(), account.name.clone());
            Event::AccountChanged { account: Box::new(account) }
        }
        None => Event::AccountRemoved { id: key.to_owned(), name: names.remove(key).unwrap_or_default() },
    }
}

fn sign_in_events(doors: &Doors, steps: &mut BTreeMap<String, ApiStep>) -> Vec<Event> {
    let now: Vec<_> = doors.sign_ins.list().iter().map(|s| show::sign_in(&doors.core, s)).collect();
    let changed =
        now.iter().filter(|s| steps.get(&s.sign_in) != Some(&s.progress)).cloned().collect::<Vec<_>>();
    *steps = now.into_iter().map(|s| (s.sign_in, s.progress)).collect();
    changed.into_iter().map(|s| Event::SignInChanged { sign_in: Box::new(s) }).collect()
}

fn approval_events(core: &Core, approvals: &Approvals, known: &mut BTreeSet<u64>) -> Vec<Event> {
    let now = approvals.pending();
    let new = now.iter().filter(|p| !known.contains(&p.id));
    let mut events: Vec<_> =
        new.map(|p| Event::ApprovalAsked { pending: Box::new(show::pending(core, p)) }).collect();
    *known = now.iter().map(|p| p.id).collect();
    if events.is_empty() {
        events.push(Event::ApprovalsChanged);
    }
    events
}
