//! The platform's keychain, opened when it is needed and opened again after it broke.
//!
//! A session bus may come up after we do, a keyring daemon may be restarted, and the store crates keep a dead
//! connection for ever. So the store is dropped after every failure that could be of the connection, and the call
//! is made once more over a new one: all three raw calls may be repeated. What the platform said is told by the
//! type and the number of its error, never by its text.

#[cfg_attr(target_os = "linux", path = "keychain/linux.rs")]
#[cfg_attr(target_os = "macos", path = "keychain/macos.rs")]
#[cfg_attr(windows, path = "keychain/windows.rs")]
mod platform;

use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use keyring_core::{CredentialStore, Entry};
use secrecy::SecretSlice;
use zeroize::Zeroizing;

use crate::item::seal;
use crate::{Error, Items, Kind, PlatformFailure, Written, fault};

/// The keychain of this system: macOS Keychain, Windows Credential Manager, or a Secret Service.
pub struct Keychain {
    service: String,
    store: Option<Arc<CredentialStore>>,
}

/// Why a call into the store failed.
#[derive(Debug)]
enum Failure {
    /// There is no such item.
    Missing,
    /// There are several of that name.
    Several(Vec<Entry>),
    /// The store works, and says no.
    Refused(Error),
    /// The store may work again once it is opened anew.
    Broken(Error),
}

impl std::fmt::Debug for Keychain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keychain")
            .field("service", &self.service)
            .field("open", &self.store.is_some())
            .finish()
    }
}

impl Keychain {
    /// Items under this service name. Opens nothing yet.
    pub fn new(service: &str) -> Self {
        Self { service: service.to_owned(), store: None }
    }

    fn run<T>(
        &mut self,
        name: &str,
        mut call: impl FnMut(&Entry) -> keyring_core::Result<T>,
    ) -> Result<T, Failure> {
        let was_open = self.store.is_some();
        let first = match self.attempt(name, &mut call) {
            Err(Failure::Broken(error)) => error,
            other => return other,
        };
        if !was_open {
            return Err(Failure::Broken(first)); // it was opened for this very call
        }
        tracing::debug!(item = name, error = %first, "the keychain is opened again");
        self.attempt(name, &mut call).map_err(|failure| match failure {
            // the first attempt may have written
            Failure::Broken(error) => Failure::Broken(error.having_written(first.written())),
            other => other,
        })
    }

    fn attempt<T>(
        &mut self,
        name: &str,
        call: &mut impl FnMut(&Entry) -> keyring_core::Result<T>,
    ) -> Result<T, Failure> {
        let Self { service, store } = self;
        // The stores lock a mutex with `expect` and run a D-Bus library: a panic there must cost the store, not us.
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            let open = match store {
                Some(open) => open,
                None => {
                    let opened = platform::open().map_err(|error| tell(error).unwritten())?;
                    store.insert(opened)
                }
            };
            let modifiers = platform::modifiers(service, name);
            let modifiers: HashMap<&str, &str> = modifiers.iter().map(|(k, v)| (*k, v.as_str())).collect();
            let entry =
                open.build(service, name, Some(&modifiers)).map_err(|error| tell(error).unwritten())?;
            call(&entry).map_err(tell)
        }));
        let outcome = outcome.unwrap_or_else(|_| Err(broken("the keychain's library panicked".into(), None)));
        if let Err(Failure::Broken(_)) = &outcome {
            *store = None;
        }
        outcome
    }
}

impl Items for Keychain {
    fn kind(&self) -> Kind {
        platform::KIND
    }

    fn get(&mut self, name: &str) -> Result<Option<SecretSlice<u8>>, Error> {
        match self.run(name, Entry::get_secret) {
            Ok(bytes) => Ok(Some(seal(&Zeroizing::new(bytes)))),
            Err(Failure::Missing) => Ok(None),
            Err(Failure::Several(_)) => Err(Error::Corrupt { key: name.to_owned() }),
            Err(Failure::Refused(error) | Failure::Broken(error)) => Err(error.having_written(Written::No)),
        }
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        if let Some(limit) = fault::item_limit().filter(|limit| bytes.len() > *limit) {
            return Err(Error::TooLong { bytes: bytes.len(), limit });
        }
        match self.run(name, |entry| entry.set_secret(bytes)) {
            Ok(()) => Ok(()),
            // gone between the store's own search and its write
            Err(Failure::Missing) => {
                Err(platform_error("the item vanished while it was written".into(), None))
            }
            Err(Failure::Several(entries)) => put_one_of(&entries, bytes, name),
            Err(Failure::Refused(Error::TooLong { limit, .. })) => {
                Err(Error::TooLong { bytes: bytes.len(), limit })
            }
            Err(Failure::Refused(error) | Failure::Broken(error)) => Err(error),
        }
    }

    fn delete(&mut self, name: &str) -> Result<(), Error> {
        match self.run(name, Entry::delete_credential) {
            Ok(()) | Err(Failure::Missing) => Ok(()),
            Err(Failure::Several(entries)) => entries.iter().try_for_each(|entry| delete_one(entry, name)),
            Err(Failure::Refused(error) | Failure::Broken(error)) => Err(error),
        }
    }

    fn probe(&mut self) -> Result<(), Error> {
        match panic::catch_unwind(platform::probe) {
            Ok(Ok(())) => {}
            Ok(Err(Failure::Refused(error) | Failure::Broken(error))) => {
                return Err(error.having_written(Written::No));
            }
            Ok(Err(Failure::Missing | Failure::Several(_))) => {}
            Err(_) => return Err(platform_error("the keychain's library panicked".into(), None)),
        }
        self.get("probe").map(drop)
    }
}

/// Several items of one name can only come from outside (an import, a synchronised keyring). The new value goes
/// into one, and the others go.
fn put_one_of(entries: &[Entry], bytes: &[u8], name: &str) -> Result<(), Error> {
    let Some((first, others)) = entries.split_first() else {
        return Err(Error::Corrupt { key: name.to_owned() });
    };
    first.set_secret(bytes).map_err(|error| tell(error).into_error(name))?;
    others.iter().try_for_each(|entry| delete_one(entry, name))
}

fn delete_one(entry: &Entry, name: &str) -> Result<(), Error> {
    match entry.delete_credential().map_err(tell) {
        Ok(()) | Err(Failure::Missing) => Ok(()),
        Err(failure) => Err(failure.into_error(name)),
    }
}

impl Failure {
    fn into_error(self, name: &str) -> Error {
        match self {
            Failure::Missing | Failure::Several(_) => Error::Corrupt { key: name.to_owned() },
            Failure::Refused(error) | Failure::Broken(error) => error,
        }
    }

    fn unwritten(self) -> Self {
        match self {
            Failure::Refused(error) => Failure::Refused(error.having_written(Written::No)),
            Failure::Broken(error) => Failure::Broken(error.having_written(Written::No)),
            other => other,
        }
    }
}

/// What the error of a store means.
fn tell(error: keyring_core::Error) -> Failure {
    use keyring_core::Error as Core;
    match error {
        Core::NoEntry => Failure::Missing,
        Core::Ambiguous(entries) => Failure::Several(entries),
        Core::TooLong(_, limit) => Failure::Refused(Error::TooLong { bytes: 0, limit: limit as usize }),
        Core::PlatformFailure(source) | Core::NoStorageAccess(source) => platform::tell(&*source),
        // these carry the stored bytes: wipe them, and say nothing of them
        Core::BadEncoding(bytes) | Core::BadDataFormat(bytes, _) => {
            drop(Zeroizing::new(bytes));
            broken("the stored item could not be decoded".into(), None)
        }
        other => broken(other.to_string(), None),
    }
}

fn broken(text: String, code: Option<i64>) -> Failure {
    Failure::Broken(platform_error(text, code))
}

fn platform_error(text: String, code: Option<i64>) -> Error {
    Error::Platform { failure: PlatformFailure { text, code }, written: Written::Maybe }
}

/// Nobody was there to write anything.
fn absent(text: String, code: Option<i64>) -> Failure {
    Failure::Broken(Error::Absent { failure: PlatformFailure { text, code }, written: Written::No })
}
