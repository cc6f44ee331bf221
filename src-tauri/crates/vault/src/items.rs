//! What a platform offers: named byte strings, one at a time.
//!
//! A `put` replaces the whole item or leaves it as it was: that is the only promise the layers above build on.
//! Calls come from one thread, in order.

use std::fmt;

use secrecy::SecretSlice;

use crate::Error;

/// Which store it is, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// macOS: the login keychain.
    Keychain,
    /// Windows: generic credentials.
    CredentialManager,
    /// Linux: GNOME Keyring, KWallet, KeePassXC and others behind one D-Bus interface.
    SecretService,
    /// Nothing is kept: gone when the process ends.
    Memory,
}

impl Kind {
    /// The word for it in the local API and the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Keychain => "keychain",
            Kind::CredentialManager => "credential_manager",
            Kind::SecretService => "secret_service",
            Kind::Memory => "memory",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Raw items of one platform store.
///
/// # Errors
/// All methods return the errors of [`Error`] except `Corrupt`, `Newer` and `Deadline`, which belong to the layers
/// above; `Corrupt` only if the platform itself finds several items of one name. `put` says `TooLong` with the
/// length that would have fitted.
pub trait Items: Send {
    /// Which store it is.
    fn kind(&self) -> Kind;

    /// The item of this name, if there is one. May block for as long as a person takes to answer a prompt.
    fn get(&mut self, name: &str) -> Result<Option<SecretSlice<u8>>, Error>;

    /// Stores the item, in place of an older one of this name.
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error>;

    /// Removes the item. That there is none is no error.
    fn delete(&mut self, name: &str) -> Result<(), Error>;

    /// Whether the store can be used now, without a prompt: `Locked` and `Absent` tell why not.
    fn probe(&mut self) -> Result<(), Error>;
}

impl<T: Items + ?Sized> Items for Box<T> {
    fn kind(&self) -> Kind {
        (**self).kind()
    }

    fn get(&mut self, name: &str) -> Result<Option<SecretSlice<u8>>, Error> {
        (**self).get(name)
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        (**self).put(name, bytes)
    }

    fn delete(&mut self, name: &str) -> Result<(), Error> {
        (**self).delete(name)
    }

    fn probe(&mut self) -> Result<(), Error> {
        (**self).probe()
    }
}
