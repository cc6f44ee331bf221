//! For tests: a disk that outlives the process, and fails at the step it is told to.

use std::sync::{Arc, Mutex, MutexGuard};

use secrecy::SecretSlice;

use crate::{Error, Items, Kind, Memory, PlatformFailure, Written};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call has no effect and fails; later ones work.
    Before,
    /// The call takes effect and fails all the same.
    After,
    /// From this call on nothing has an effect: what is there is what a killed process leaves.
    Crash,
}

/// Clones share one disk.
#[derive(Clone)]
pub(crate) struct Scripted(Arc<Mutex<Disk>>);

struct Disk {
    items: Memory,
    script: Option<(u64, Fault)>,
    calls: u64,
    happened: bool,
}

impl Scripted {
    pub(crate) fn limited(limit: usize) -> Self {
        let items = Memory::limited(limit);
        Self(Arc::new(Mutex::new(Disk { items, script: None, calls: 0, happened: false })))
    }

    /// The `step`-th raw call from now, counted from 0, goes wrong.
    pub(crate) fn script(&self, step: u64, fault: Fault) {
        let mut disk = self.disk();
        (disk.script, disk.calls, disk.happened) = (Some((step, fault)), 0, false);
    }

    pub(crate) fn heal(&self) {
        self.disk().script = None;
    }

    pub(crate) fn happened(&self) -> bool {
        self.disk().happened
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.disk().items.names().map(str::to_owned).collect()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("no test panics with the disk in hand")
    }

    fn call<T>(&self, call: impl FnOnce(&mut Memory) -> Result<T, Error>) -> Result<T, Error> {
        let mut disk = self.disk();
        let step = disk.calls;
        disk.calls += 1;
        let fails = disk.script.filter(|(at, fault)| step == *at || (*fault == Fault::Crash && step > *at));
        let Some((_, fault)) = fails else { return call(&mut disk.items) };
        disk.happened = true;
        if fault == Fault::After {
            // too long is no effect: the store said so before it did anything
            if let Err(error @ Error::TooLong { .. }) = call(&mut disk.items) {
                return Err(error);
            }
        }
        let failure = PlatformFailure { text: "scripted".into(), code: None };
        Err(Error::Platform { failure, written: Written::Maybe })
    }
}

impl Items for Scripted {
    fn kind(&self) -> Kind {
        Kind::Memory
    }

    fn get(&mut self, name: &str) -> Result<Option<SecretSlice<u8>>, Error> {
        self.call(|items| items.get(name))
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.call(|items| items.put(name, bytes))
    }

    fn delete(&mut self, name: &str) -> Result<(), Error> {
        self.call(|items| items.delete(name))
    }

    fn probe(&mut self) -> Result<(), Error> {
        self.call(Items::probe)
    }
}
