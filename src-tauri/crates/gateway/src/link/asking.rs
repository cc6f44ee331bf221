//! Requests of the server to the client, where the two put them differently: as messages (2025-11-25 and before) or as part of an
//! answer (2026-07-28, Multi Round-Trip Requests).
//!
//! Invariant: whoever waits here takes his entry with him when he goes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::request::Request;
use crate::frame::Id;

#[derive(Debug, Default)]
pub(super) struct Asking(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    /// Our requests to the client.
    client: HashMap<Id, oneshot::Sender<Vec<u8>>>,
    /// Flights that can take a request of the server, by the id of theirs.
    takers: HashMap<Id, mpsc::UnboundedSender<Vec<u8>>>,
    /// Flights that wait until the client comes back with this state.
    parked: HashMap<String, oneshot::Sender<Request>>,
    /// What clients without sessions want to hear of, by the id of `subscriptions/listen` as JSON.
    subscriptions: HashMap<String, Filter>,
}

/// What a subscription is for (2026-07-28, Subscriptions).
#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Filter {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) tools_list_changed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) prompts_list_changed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) resources_list_changed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) resource_subscriptions: Vec<String>,
}

/// An entry, for as long as this lives.
pub(super) struct Entry<'a> {
    asking: &'a Asking,
    key: Key,
}

enum Key {
    Client(Id),
    Taker(Id),
    Parked(String),
    Subscription(String),
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut tables = self.asking.tables();
        match &self.key {
            Key::Client(id) => drop(tables.client.remove(id)),
            Key::Taker(id) => drop(tables.takers.remove(id)),
            Key::Parked(state) => drop(tables.parked.remove(state)),
            Key::Subscription(id) => drop(tables.subscriptions.remove(id)),
        }
    }
}

impl Asking {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request of ours to the client.
    pub(super) fn ask(&self, id: Id) -> (Entry<'_>, oneshot::Receiver<Vec<u8>>) {
        let (to, answer) = oneshot::channel();
        self.tables().client.insert(id.clone(), to);
        (Entry { asking: self, key: Key::Client(id) }, answer)
    }

    /// An answer of the client. False: it answers none of ours.
    pub(super) fn answered(&self, id: &Id, message: &[u8]) -> bool {
        let Some(to) = self.tables().client.remove(id) else { return false };
        let _ = to.send(message.to_vec());
        true
    }

    /// The flight of this request takes what the server asks meanwhile.
    pub(super) fn take(&self, id: Id) -> (Entry<'_>, mpsc::UnboundedReceiver<Vec<u8>>) {
        let (to, asked) = mpsc::unbounded_channel();
        self.tables().takers.insert(id.clone(), to);
        (Entry { asking: self, key: Key::Taker(id) }, asked)
    }

    /// Gives a request of the server to the flight that it belongs to: on a common stream, if there is only one. False: nobody
    /// takes it.
    pub(super) fn give(&self, to: Option<&Id>, message: &[u8]) -> bool {
        let tables = self.tables();
        let taker = match to {
            Some(id) => tables.takers.get(id),
            None if tables.takers.len() == 1 => tables.takers.values().next(),
            None => None,
        };
        taker.is_some_and(|taker| taker.send(message.to_vec()).is_ok())
    }

    /// Waits for the client to come back with this state.
    pub(super) fn park(&self, state: String) -> (Entry<'_>, oneshot::Receiver<Request>) {
        let (back, request) = oneshot::channel();
        self.tables().parked.insert(state.clone(), back);
        (Entry { asking: self, key: Key::Parked(state) }, request)
    }

    /// The client came back. False: with a state that is not ours.
    pub(super) fn resume(&self, state: &str, request: &Request) -> bool {
        let Some(parked) = self.tables().parked.remove(state) else { return false };
        parked.send(request.clone()).is_ok()
    }

    pub(super) fn subscribe(&self, id: String, filter: Filter) -> Entry<'_> {
        self.tables().subscriptions.insert(id.clone(), filter);
        Entry { asking: self, key: Key::Subscription(id) }
    }

    /// The subscriptions that a notification is for; `None`: it is none that is subscribed to.
    pub(super) fn subscribers(&self, method: &str, uri: Option<&str>) -> Option<Vec<String>> {
        let wants = |filter: &Filter| match method {
            "notifications/tools/list_changed" => Some(filter.tools_list_changed),
            "notifications/prompts/list_changed" => Some(filter.prompts_list_changed),
            "notifications/resources/list_changed" => Some(filter.resources_list_changed),
            "notifications/resources/updated" => {
                Some(filter.resource_subscriptions.iter().any(|one| Some(one.as_str()) == uri))
            }
            _ => None,
        };
        wants(&Filter::default())?;
        let tables = self.tables();
        Some(
            tables
                .subscriptions
                .iter()
                .filter(|(_, f)| wants(f) == Some(true))
                .map(|(id, _)| id.clone())
                .collect(),
        )
    }
}
