//! The links that are open, to be counted and shown.

use super::place::Place;
use mcp_login_ipc::api;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All of them. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: u64,
    open: BTreeMap<u64, (Arc<Place>, String, u64)>,
}

impl Links {
    /// A link to be shown until what is returned is dropped.
    pub(crate) fn open(&self, place: Arc<Place>, program: String, since: u64) -> OpenLink {
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        state.open.insert(number, (place, program, since));
        OpenLink { links: self.clone(), number }
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.state().open.len()).unwrap_or(u32::MAX)
    }

    /// Oldest first.
    pub(crate) fn list(&self) -> Vec<api::GatewayLink> {
        let open = self.state().open.clone();
        open.into_iter()
            .map(|(link, (place, program, since))| api::GatewayLink {
                link,
                account: place.name(),
                server: place.server.as_str().to_owned(),
                program,
                since,
            })
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is open.
#[derive(Debug)]
pub(crate) struct OpenLink {
    links: Links,
    /// Its number.
    pub(crate) number: u64,
}

impl Drop for OpenLink {
    fn drop(&mut self) {
        self.links.state().open.remove(&self.number);
    }
}
