//! The note that a refresh token is about to be spent.
//!
//! A server that rotates has voided the old token the moment it answers; if the process dies between the request
//! and the write, only this note tells that the stored token may be spent. Order: the intent with the generation,
//! then the request, then the tokens under the next generation, then the intent is cleared. An intent counts only
//! for the generation it names, so one that could not be cleared does no harm.

use secrecy::{ExposeSecret, SecretSlice};

use crate::chunked::Expect;
use crate::head::Head;
use crate::{AccountId, Chunked, Error, Generation, Item, Items, Key, fault};

/// What an earlier process left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// No refresh was under way.
    Clean,
    /// The refresh token of this generation, the stored one, may have been spent: try it at once, servers' grace
    /// windows are short.
    Unknown {
        /// The generation that is stored.
        generation: Generation,
    },
}

/// Typed keys and intents, over whole secrets.
#[derive(Debug)]
pub struct Journal<I> {
    chunked: Chunked<I>,
}

impl<I: Items> Journal<I> {
    /// Over these values.
    pub fn new(chunked: Chunked<I>) -> Self {
        Self { chunked }
    }

    /// The value under this key.
    pub fn load(&mut self, key: &Key) -> Result<Option<Item>, Error> {
        self.chunked.load(&key.name())
    }

    /// Stores a value over nothing or an older generation.
    pub fn store(&mut self, key: &Key, generation: Generation, bytes: &SecretSlice<u8>) -> Result<(), Error> {
        self.chunked.store(&key.name(), generation, bytes.expose_secret())
    }

    /// Removes a value; with the tokens of an account its intent.
    pub fn delete(&mut self, key: &Key) -> Result<(), Error> {
        self.chunked.delete(&key.name())?;
        match key {
            Key::Tokens(account) => self.chunked.items().delete(&intent(account)),
            _ => Ok(()),
        }
    }

    /// Notes that the refresh token of this generation is about to be spent.
    pub fn begin(&mut self, account: &AccountId, generation: Generation) -> Result<(), Error> {
        let name = tokens(account);
        let stored = self.chunked.generation(&name)?;
        if stored != Some(generation) {
            return Err(Error::Stale { key: name, stored });
        }
        fault::point("vault.intent.before");
        // always written, even over the same: it also shows that the vault takes writes
        self.chunked.items().put(&intent(account), &Head::inline(generation).line())?;
        fault::point("vault.intent.written");
        Ok(())
    }

    /// Stores what the server gave for the token of generation `from`, then clears the intent.
    pub fn commit(
        &mut self,
        account: &AccountId,
        from: Generation,
        to: Generation,
        bytes: &SecretSlice<u8>,
    ) -> Result<(), Error> {
        self.chunked.store_if(&tokens(account), Expect::Exactly(from), to, bytes.expose_secret())?;
        // The tokens are safe, and an intent of an older generation does not count: no error from here on.
        if let Err(error) = self.chunked.items().delete(&intent(account)) {
            tracing::debug!(%account, %error, "a spent intent stays for now");
        }
        fault::point("vault.intent.cleared");
        Ok(())
    }

    /// Clears the intent: the token of this generation was certainly not spent.
    pub fn abandon(&mut self, account: &AccountId, generation: Generation) -> Result<(), Error> {
        match self.intent(account)? {
            Intent::Of(other) if other != generation => Ok(()),
            Intent::None => Ok(()),
            Intent::Of(_) | Intent::Unreadable => self.chunked.items().delete(&intent(account)),
        }
    }

    /// What an earlier process left behind. Also clears away what no longer counts.
    pub fn recover(&mut self, account: &AccountId) -> Result<Recovery, Error> {
        let name = tokens(account);
        let head = match self.chunked.items().get(&name)? {
            None => None,
            Some(stored) => Some(Head::split(&name, stored.expose_secret())?.0),
        };
        self.chunked.tidy(&name, head.as_ref());
        let stored = head.map(|head| head.generation);
        let spent = match (self.intent(account)?, stored) {
            (Intent::None, _) => return Ok(Recovery::Clean),
            // an intent that cannot be read, or one from before a keychain was put back from a copy, may well be
            // about what is stored
            (Intent::Unreadable, Some(stored)) => Some(stored),
            (Intent::Of(generation), Some(stored)) if generation >= stored => Some(stored),
            _ => None,
        };
        match spent {
            Some(generation) => Ok(Recovery::Unknown { generation }),
            None => {
                if let Err(error) = self.chunked.items().delete(&intent(account)) {
                    tracing::debug!(%account, %error, "a spent intent stays for now");
                }
                Ok(Recovery::Clean)
            }
        }
    }

    /// Whether the store can be used now, without a prompt.
    pub fn probe(&mut self) -> Result<(), Error> {
        self.chunked.probe()
    }

    fn intent(&mut self, account: &AccountId) -> Result<Intent, Error> {
        let name = intent(account);
        let Some(stored) = self.chunked.items().get(&name)? else { return Ok(Intent::None) };
        match Head::split(&name, stored.expose_secret()) {
            Ok((head, _)) => Ok(Intent::Of(head.generation)),
            Err(Error::Corrupt { .. }) => Ok(Intent::Unreadable),
            Err(error) => Err(error),
        }
    }
}

enum Intent {
    None,
    Of(Generation),
    Unreadable,
}

fn tokens(account: &AccountId) -> String {
    Key::Tokens(account.clone()).name()
}

fn intent(account: &AccountId) -> String {
    Key::Intent(account.clone()).name()
}
