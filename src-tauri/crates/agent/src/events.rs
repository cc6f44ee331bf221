//! What subscribers hear of.
//!
//! Invariant: an event says what to look at again; it goes through the connection's bounded queue; a reader that is too
//! slow misses events and is told so, and nobody waits for it.

use crate::approvals::{Approvals, Changes, Pending};
use crate::core::{Core, Event as CoreEvent};
use crate::methods::Doors;
use crate::show;
use mcp_login_ipc::api::{Event, Notification, Step as ApiStep};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::Sender;

/// Who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A subscriber at the socket.
    Everybody,
    /// The consent window: it hears of the questions that it shows.
    Window,
}

/// Sends events until the connection is gone: all that happen after this call, also before the work is first polled. The
/// answer to the subscription may be read, and something happen because of it, before the runtime comes to that.
pub fn forward(
    doors: Arc<Doors>,
    notes: Sender<Box<Notification>>,
    to: Audience,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    match to {
        Audience::Everybody => Box::pin(forward_all(doors, notes)),
        Audience::Window => Box::pin(forward_questions(doors, notes)),
    }
}

fn forward_all(doors: Arc<Doors>, notes: Sender<Box<Notification>>) -> impl Future<Output = ()> {
    let core = doors.core.clone();
    let mut accounts = core.subscribe();
    let mut sign_ins = doors.sign_ins.changes();
    let mut changes = doors.approvals.changes();
    let mut wanted = doors.wanted.subscribe();
    let mut attention = doors.gateway.attention.subscribe();
    let mut updates = doors.updates.subscribe();
    let mut seen = *changes.borrow_and_update();
    let mut names: BTreeMap<String, String> =
        core.accounts().iter().map(|s| (s.account.id.as_str().to_owned(), s.account.name.clone())).collect();
    let mut steps: BTreeMap<String, ApiStep> = BTreeMap::new();
    let mut questions: BTreeSet<u64> = doors.approvals.pending().iter().map(|p| p.id).collect();
    async move {
        // One that was found while nobody listened.
        doors.tell_update().await;
        loop {
            let events = tokio::select! {
                event = accounts.recv() => match event {
                    Ok(CoreEvent::Account(id)) => vec![account(&core, id.as_str(), &mut names, &id)],
                    Ok(CoreEvent::Removed { account, name }) => {
                        names.remove(account.as_str());
                        vec![Event::AccountRemoved { id: account.as_str().to_owned(), name }]
                    }
                    Ok(CoreEvent::Ends(id)) => {
                        let account = show::account(&core, &id);
                        account.map(|account| Event::SignInEnds { account: Box::new(account) }).into_iter().collect()
                    }
                    Ok(CoreEvent::HandOut) => vec![Event::HandOutChanged { paused: core.paused() }],
                    Ok(
                        CoreEvent::SignedOut(_)
                        | CoreEvent::Revoked(_)
                        | CoreEvent::Rotated { .. }
                        | CoreEvent::Refused { .. },
                    ) => Vec::new(),
                    Err(RecvError::Lagged(_)) => vec![Event::Missed],
                    Err(RecvError::Closed) => return,
                },
                changed = sign_ins.changed() => match changed {
                    Ok(()) => sign_in_events(&doors, &mut steps),
                    Err(_) => return,
                },
                changed = changes.changed() => match changed {
                    Ok(()) => {
                        let before = std::mem::replace(&mut seen, *changes.borrow_and_update());
                        let new = pending(&doors.approvals, Audience::Everybody, &mut questions);
                        approval_events(&core, &new, before.ended != seen.ended)
                    }
                    Err(_) => return,
                },
                needed = attention.recv() => match needed {
                    Ok(attention) => vec![Event::Attention { attention: Box::new((*attention).clone()) }],
                    Err(RecvError::Lagged(_)) => vec![Event::Missed],
                    Err(RecvError::Closed) => return,
                },
                found = updates.recv() => match found {
                    Ok(update) => vec![Event::UpdateFound { update: Box::new((*update).clone()) }],
                    Err(RecvError::Lagged(_)) => vec![Event::Missed],
                    Err(RecvError::Closed) => return,
                },
                changed = wanted.changed() => match changed {
                    Ok(()) => vec![Event::WindowWanted],
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

/// What the consent window hears: every question that it is to show, and that something ended.
fn forward_questions(doors: Arc<Doors>, notes: Sender<Box<Notification>>) -> impl Future<Output = ()> {
    let mut changes = doors.approvals.changes();
    let mut seen: Changes = *changes.borrow_and_update();
    let mut questions = BTreeSet::new();
    drop(pending(&doors.approvals, Audience::Window, &mut questions));
    async move {
        loop {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = notes.closed() => return,
            }
            let before = std::mem::replace(&mut seen, *changes.borrow_and_update());
            let new = pending(&doors.approvals, Audience::Window, &mut questions);
            for event in approval_events(&doors.core, &new, before.ended != seen.ended) {
                if notes.send(Box::new(Notification::Event(event))).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The questions that were not known yet.
fn pending(approvals: &Approvals, to: Audience, known: &mut BTreeSet<u64>) -> Vec<Pending> {
    let mut now = approvals.pending();
    now.retain(|p| to == Audience::Everybody || p.shown_until.is_some());
    let ids = now.iter().map(|p| p.id).collect();
    let before = std::mem::replace(known, ids);
    now.retain(|p| !before.contains(&p.id));
    now
}

fn approval_events(core: &Core, new: &[Pending], ended: bool) -> Vec<Event> {
    let asked = new.iter().map(|p| Event::ApprovalAsked { pending: Box::new(show::pending(core, p)) });
    // Also when a question that was there is only shown now: its end is another one then.
    let changed = (ended || new.is_empty()).then_some(Event::ApprovalsChanged);
    asked.chain(changed).collect()
}
