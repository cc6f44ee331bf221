//! Who may come in with which key.
//!
//! Invariant: a key opens the one account that it was made for; whether it matches takes as long for every key; and it gives no
//! right by itself: a key is a program of its own in the eyes of the approvals, which a person allows or not.

use super::HttpDoor;
use super::book::KeyRecord;
use crate::approvals::Subject;
use crate::gateway::LinkTokens;
use crate::gateway::Place;
use crate::methods::{Command, Doors, Peer};
use futures_core::future::BoxFuture;
use mcp_login_gateway::door::Doorkeeper;
use mcp_login_gateway::upstream::Upstream;
use mcp_login_ipc::api::{self, Caller, CallerProcess, Role, Strength, SubjectKind};
use mcp_login_vault::{DoorId, ExposeSecret as _, Key};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;

pub(super) type Print = [u8; 32];

/// What was looked up once.
#[derive(Default)]
pub(super) struct Known(Mutex<Maps>);

#[derive(Default)]
struct Maps {
    /// Of each key its fingerprint, which is compared instead of the key: how far two differ says nothing about either.
    prints: BTreeMap<DoorId, Print>,
    upstreams: BTreeMap<DoorId, Arc<Upstream>>,
}

impl Known {
    pub(super) fn learn(&self, id: DoorId, print: Print) {
        self.lock().prints.insert(id, print);
    }

    pub(super) fn forget(&self, id: &DoorId) {
        let mut maps = self.lock();
        maps.prints.remove(id);
        maps.upstreams.remove(id);
    }

    fn print(&self, id: &DoorId) -> Option<Print> {
        self.lock().prints.get(id).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Maps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn print_of(key: &[u8]) -> Print {
    Sha256::digest(key).into()
}

/// Compares without an early end.
fn same(a: &Print, b: &Print) -> bool {
    a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// Looks keys up for the gateway.
pub(super) struct Keeper(pub(super) Arc<Doors>);

impl Keeper {
    async fn find(&self, account: &str, key: &str) -> Option<Arc<Upstream>> {
        let door: &HttpDoor = &self.0.door;
        let shown = print_of(key.as_bytes());
        let mut found = None;
        for record in door.book.read(|book| book.keys.clone()) {
            let Some(print) = self.print(&record.id).await else { continue };
            if same(&print, &shown) {
                found = Some(record);
            }
        }
        let record = found.filter(|record| record.account.as_str() == account)?;
        self.upstream(&record)
    }

    /// From the keychain, once.
    async fn print(&self, id: &DoorId) -> Option<Print> {
        let known = &self.0.door.known;
        if let Some(print) = known.print(id) {
            return Some(print);
        }
        let item = self.0.core.vault().load(&Key::DoorKey(id.clone())).await;
        let item = item.inspect_err(|error| tracing::warn!(%error, "a key of the HTTP door cannot be read"));
        let print = print_of(item.ok()??.secret.expose_secret());
        known.learn(id.clone(), print);
        Some(print)
    }

    fn upstream(&self, record: &KeyRecord) -> Option<Arc<Upstream>> {
        if let Some(known) = self.0.door.known.lock().upstreams.get(&record.id) {
            return Some(known.clone());
        }
        let account = self.0.core.account(&record.account).ok()?.account.clone();
        let asked = account.name.as_str();
        let place = Place::new(self.0.core.clone(), asked, account.server.clone(), Some(account.id.clone()));
        let tokens = LinkTokens::new(self.0.clone(), Arc::new(peer(record)), Arc::new(place));
        let upstream = Arc::new(self.0.gateway.upstream(&account.server, tokens));
        self.0.door.known.lock().upstreams.insert(record.id.clone(), upstream.clone());
        Some(upstream)
    }
}

impl Doorkeeper for Keeper {
    fn admit<'a>(&'a self, account: &'a str, key: &'a str) -> BoxFuture<'a, Option<Arc<Upstream>>> {
        Box::pin(self.find(account, key))
    }
}

/// A key as a program: nothing of what runs behind it is known, and nothing is pretended.
fn peer(record: &KeyRecord) -> Peer {
    let program = format!("http-door/{}", record.id);
    let face = api::Subject {
        program: program.clone(),
        name: format!("{} (by HTTP key)", record.client),
        kind: SubjectKind::Program,
        script: None,
        signer: None,
    };
    let process = CallerProcess {
        pid: 0,
        program: None,
        name: face.name.clone(),
        role: Some(Role::Program),
        signer: None,
    };
    let caller =
        Caller { subject: Some(face.clone()), chain: vec![process], strength: Strength::PidWithStart };
    // What stays the same of it, as a signature does of a program.
    let subject = Subject { face, process: (0, 0), file: None, signature: Some(program) };
    let signed = OnceCell::new_with(Some(None));
    Peer { subject: Some(subject), signed, ..Peer::new(caller, Command::Other) }
}
