//! Makes secrets fit: an item that is too long for the store is split.
//!
//! Windows holds 2,560 bytes an item, and a token set with a JWT has more. Order of a write: the ledger of chunk
//! sets, the chunks `<name>#<generation>.<i>`, then the head, which alone makes them count, then the older set is
//! deleted. So a crash at any step leaves the old value or the new one, whole, and the ledger tells which chunks
//! nobody points to any more. Whether to split is the store's word (`TooLong`), not a guess from the system.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::head::{Head, digest};
use crate::item::seal;
use crate::{Error, Generation, Item, Items, Kind, Written, fault};

/// The longest secret: tokens beyond this are somebody's mistake, and 26 items on Windows are enough.
pub const LONGEST: usize = 64 * 1024;

/// A store that takes less than this cannot hold a head; splitting into crumbs would not help.
const SHORTEST_LIMIT: usize = 512;

/// What must be stored now for a write to go ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing, or an older generation.
    Older,
    /// Exactly this generation.
    Exactly(Generation),
}

/// Whole secrets with generations, over raw items.
#[derive(Debug)]
pub struct Chunked<I> {
    items: I,
}

/// The chunk sets that may lie in the store: generation → how many chunks.
#[derive(Default, Serialize, Deserialize)]
struct Ledger {
    sets: BTreeMap<Generation, u32>,
}

fn ledger_name(name: &str) -> String {
    format!("{name}#sets")
}

fn chunk_name(name: &str, generation: Generation, index: u32) -> String {
    format!("{name}#{generation}.{index}")
}

impl<I: Items> Chunked<I> {
    /// Over these items.
    pub fn new(items: I) -> Self {
        Self { items }
    }

    /// The items below.
    pub(crate) fn items(&mut self) -> &mut I {
        &mut self.items
    }

    /// Which store it is.
    pub fn kind(&self) -> Kind {
        self.items.kind()
    }

    /// The value of this name, whole.
    pub fn load(&mut self, name: &str) -> Result<Option<Item>, Error> {
        let Some(stored) = self.items.get(name)? else { return Ok(None) };
        let (head, rest) = Head::split(name, stored.expose_secret())?;
        let secret = match &head.chunks {
            None => seal(rest),
            Some(chunks) => self.join(name, head.generation, chunks.count, &chunks.sha256)?,
        };
        Ok(Some(Item { generation: head.generation, secret }))
    }

    /// The generation of what is stored, without its chunks.
    pub fn generation(&mut self, name: &str) -> Result<Option<Generation>, Error> {
        let Some(stored) = self.items.get(name)? else { return Ok(None) };
        Ok(Some(Head::split(name, stored.expose_secret())?.0.generation))
    }

    /// Stores a value over nothing or an older generation, or once more what is stored already.
    pub fn store(&mut self, name: &str, generation: Generation, secret: &[u8]) -> Result<(), Error> {
        self.store_if(name, Expect::Older, generation, secret)
    }

    /// Stores a value if what is stored now is as expected, or if it is this very value.
    pub(crate) fn store_if(
        &mut self,
        name: &str,
        expect: Expect,
        generation: Generation,
        secret: &[u8],
    ) -> Result<(), Error> {
        if secret.len() > LONGEST {
            return Err(Error::TooLong { bytes: secret.len(), limit: LONGEST });
        }
        let stored = self.items.get(name).map_err(unwritten)?;
        let old = match &stored {
            None => None,
            Some(stored) => match Head::split(name, stored.expose_secret()) {
                Ok(split) => Some(split),
                // What nobody can read is no value to protect, and the new one may exist nowhere else.
                Err(Error::Corrupt { .. }) => {
                    tracing::warn!(item = name, "a damaged item is replaced");
                    return self.write(name, None, generation, secret);
                }
                Err(error) => return Err(error),
            },
        };
        let now = old.as_ref().map(|(head, _)| head.generation);
        if now == Some(generation)
            && let Some((head, rest)) = &old
        {
            // Asked once more, after an answer that did not say whether it was written.
            let same = match &head.chunks {
                None => *rest == secret,
                Some(chunks) => chunks.sha256 == digest(secret),
            };
            if !same {
                return Err(Error::Stale { key: name.to_owned(), stored: now });
            }
            return match self.load(name) {
                Ok(_) => {
                    self.tidy(name, Some(head));
                    Ok(())
                }
                Err(Error::Corrupt { .. }) => self.write(name, Some(head), generation, secret),
                Err(error) => Err(unwritten(error)),
            };
        }
        let goes_ahead = match expect {
            Expect::Older => now.is_none_or(|now| now < generation),
            Expect::Exactly(from) => now == Some(from) && from < generation,
        };
        if !goes_ahead {
            return Err(Error::Stale { key: name.to_owned(), stored: now });
        }
        self.write(name, old.as_ref().map(|(head, _)| head), generation, secret)
    }

    /// Removes the value, whole or damaged, and every chunk that was ever written for it.
    pub fn delete(&mut self, name: &str) -> Result<(), Error> {
        self.items.delete(name)?;
        fault::point("vault.head.deleted");
        self.sweep(name, None)
    }

    /// Removes chunks that an interrupted write left behind. What fails is tried again with the next write.
    pub(crate) fn tidy(&mut self, name: &str, head: Option<&Head>) {
        let keep = head.and_then(|head| head.chunks.as_ref().map(|chunks| (head.generation, chunks.count)));
        if let Err(error) = self.sweep(name, keep) {
            tracing::debug!(item = name, %error, "old chunks stay for now");
        }
    }

    /// Whether the store can be used now, without a prompt.
    pub fn probe(&mut self) -> Result<(), Error> {
        self.items.probe()
    }

    fn write(
        &mut self,
        name: &str,
        old: Option<&Head>,
        generation: Generation,
        secret: &[u8],
    ) -> Result<(), Error> {
        let head = Head::inline(generation);
        let line = head.line();
        let mut whole = Zeroizing::new(Vec::with_capacity(line.len() + secret.len()));
        whole.extend_from_slice(&line);
        whole.extend_from_slice(secret);
        let head = match self.items.put(name, &whole) {
            Ok(()) => head,
            Err(Error::TooLong { limit, .. }) => self.write_chunks(name, generation, secret, limit)?,
            Err(error) => return Err(error),
        };
        fault::point("vault.head.written");
        if head.chunks.is_some() || old.is_none_or(|old| old.chunks.is_some()) {
            self.tidy(name, Some(&head));
        }
        fault::point("vault.swept");
        Ok(())
    }

    fn write_chunks(
        &mut self,
        name: &str,
        generation: Generation,
        secret: &[u8],
        limit: usize,
    ) -> Result<Head, Error> {
        if limit < SHORTEST_LIMIT {
            return Err(Error::TooLong { bytes: secret.len(), limit });
        }
        let count =
            u32::try_from(secret.len().div_ceil(limit)).expect("64 KiB has fewer bytes than u32 has numbers");
        let mut ledger = self.ledger(name).map_err(unwritten)?;
        let lie = ledger.sets.entry(generation).or_insert(0);
        *lie = count.max(*lie);
        self.put_ledger(name, &ledger).map_err(unwritten)?;
        fault::point("vault.ledger.written");
        for (index, chunk) in (0..).zip(secret.chunks(limit)) {
            self.items.put(&chunk_name(name, generation, index), chunk).map_err(unwritten)?;
            fault::point("vault.chunk.written");
        }
        fault::point("vault.chunks.written");
        let head = Head::chunked(generation, count, secret);
        self.items.put(name, &head.line())?;
        Ok(head)
    }

    fn join(
        &mut self,
        name: &str,
        generation: Generation,
        count: u32,
        sha256: &str,
    ) -> Result<SecretSlice<u8>, Error> {
        let corrupt = || Error::Corrupt { key: name.to_owned() };
        let mut whole = Zeroizing::new(Vec::with_capacity(LONGEST));
        for index in 0..count {
            let chunk = self.items.get(&chunk_name(name, generation, index))?.ok_or_else(corrupt)?;
            if whole.len() + chunk.expose_secret().len() > LONGEST {
                return Err(corrupt());
            }
            whole.extend_from_slice(chunk.expose_secret());
        }
        if digest(&whole) != sha256 {
            return Err(corrupt());
        }
        Ok(seal(&whole))
    }

    /// Deletes every chunk in the ledger that is not of the set to keep.
    fn sweep(&mut self, name: &str, keep: Option<(Generation, u32)>) -> Result<(), Error> {
        let mut ledger = self.ledger(name)?;
        if ledger.sets.is_empty() || keep.is_some_and(|(generation, count)| ledger.is_just(generation, count))
        {
            return Ok(());
        }
        for (generation, lie) in std::mem::take(&mut ledger.sets) {
            let kept = keep.filter(|(kept, _)| *kept == generation).map_or(0, |(_, count)| count);
            for index in kept..lie {
                self.items.delete(&chunk_name(name, generation, index))?;
                fault::point("vault.old-chunk.deleted");
            }
        }
        match keep {
            None => self.items.delete(&ledger_name(name)),
            Some((generation, count)) => {
                ledger.sets.insert(generation, count);
                self.put_ledger(name, &ledger)
            }
        }
    }

    fn ledger(&mut self, name: &str) -> Result<Ledger, Error> {
        let stored = self.items.get(&ledger_name(name))?;
        // one that cannot be read costs at most some chunks that nobody points to
        Ok(stored.and_then(|stored| serde_json::from_slice(stored.expose_secret()).ok()).unwrap_or_default())
    }

    fn put_ledger(&mut self, name: &str, ledger: &Ledger) -> Result<(), Error> {
        let text = serde_json::to_vec(ledger).expect("a map of numbers is always JSON");
        self.items.put(&ledger_name(name), &text)
    }
}

impl Ledger {
    fn is_just(&self, generation: Generation, count: u32) -> bool {
        self.sets.len() == 1 && self.sets.get(&generation) == Some(&count)
    }
}

/// An error from before the head was written: whatever became of that call, the value is what it was.
fn unwritten(error: Error) -> Error {
    error.having_written(Written::No)
}
