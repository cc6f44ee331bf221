//! A store that keeps nothing: for `vault = "memory"`, which a person must choose, and for tests.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretSlice};

use crate::{Error, Items, Kind, item::seal};

/// Items in this process's memory, gone when it ends.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    items: BTreeMap<String, SecretSlice<u8>>,
    limit: Option<usize>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that takes items of at most `limit` bytes, as Windows does with 2,560.
    pub fn limited(limit: usize) -> Self {
        Self { items: BTreeMap::new(), limit: Some(limit) }
    }

    /// The names of all items, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.items.keys().map(String::as_str)
    }
}

impl Items for Memory {
    fn kind(&self) -> Kind {
        Kind::Memory
    }

    fn get(&mut self, name: &str) -> Result<Option<SecretSlice<u8>>, Error> {
        Ok(self.items.get(name).map(|secret| seal(secret.expose_secret())))
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        match self.limit {
            Some(limit) if bytes.len() > limit => Err(Error::TooLong { bytes: bytes.len(), limit }),
            _ => {
                self.items.insert(name.to_owned(), seal(bytes));
                Ok(())
            }
        }
    }

    fn delete(&mut self, name: &str) -> Result<(), Error> {
        self.items.remove(name);
        Ok(())
    }

    fn probe(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
