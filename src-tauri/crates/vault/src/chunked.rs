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

use crate::head::{Chunks, Head, digest};
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
            Some(chunks) => self.join(name, &head, chunks)?,
        };
        Ok(Some(Item { generation: head.generation, secret }))
    }

    /// The generation of what is stored, without its chunks.
    pub fn generation(&mut self, name: &str) -> Result<Option<Generation>, Error> {
        Ok(self.head(name)?.map(|head| head.generation))
    }

    pub(crate) fn head(&mut self, name: &str) -> Result<Option<Head>, Error> {
        Ok(self.stored(name)?.map(|(head, _)| head))
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
        let stored = match self.stored(name) {
            Ok(stored) => stored,
            // What nobody can read is no value to protect, and the new one may exist nowhere else.
            Err(Error::Corrupt { .. }) => {
                tracing::warn!(item = name, "a damaged item is replaced");
                return self.write(name, None, generation, secret);
            }
            Err(error) => return Err(unwritten(error)),
        };
        let now = stored.as_ref().map(|(head, _)| head.generation);
        let stale = || Error::Stale { key: name.to_owned(), stored: now };
        if let Some((head, bytes)) = &stored
            && head.generation == generation
        {
            // Asked once more, after an answer that did not say whether it was written.
            if !head.is_of(bytes.expose_secret(), secret) {
                return Err(stale());
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
        let goes_ahead = match (expect, now) {
            (Expect::Older, None) => true,
            (Expect::Older, Some(now)) => now < generation,
            (Expect::Exactly(from), Some(now)) => now == from && from < generation,
            (Expect::Exactly(_), None) => false,
        };
        if !goes_ahead {
            return Err(stale());
        }
        self.write(name, stored.as_ref().map(|(head, _)| head), generation, secret)
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

    /// Head and whole item, as the store has them.
    fn stored(&mut self, name: &str) -> Result<Option<(Head, SecretSlice<u8>)>, Error> {
        let Some(stored) = self.items.get(name)? else { return Ok(None) };
        let (head, _) = Head::split(name, stored.expose_secret())?;
        Ok(Some((head, stored)))
    }

    fn write(
        &mut self,
        name: &str,
        old: Option<&Head>,
        generation: Generation,
        secret: &[u8],
    ) -> Result<(), Error> {
        let head = Head::inline(generation, secret);
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
        let head = Head::chunked(generation, secret, count);
        self.items.put(name, &head.line())?;
        Ok(head)
    }

    fn join(&mut self, name: &str, head: &Head, chunks: &Chunks) -> Result<SecretSlice<u8>, Error> {
        let corrupt = || Error::Corrupt { key: name.to_owned() };
        if head.length > LONGEST || chunks.count as usize > LONGEST / SHORTEST_LIMIT {
            return Err(corrupt());
        }
        let mut whole = Zeroizing::new(Vec::with_capacity(head.length));
        for index in 0..chunks.count {
            let chunk = self.items.get(&chunk_name(name, head.generation, index))?.ok_or_else(corrupt)?;
            if whole.len() + chunk.expose_secret().len() > head.length {
                return Err(corrupt()); // and the buffer never grows, which would leave a copy behind
            }
            whole.extend_from_slice(chunk.expose_secret());
        }
        if whole.len() != head.length || digest(&whole) != chunks.sha256 {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Memory;
    use crate::scripted::{Fault, Scripted};

    const WINDOWS: usize = 2_560;
    const NAME: &str = "tokens/a";

    fn generation(number: u64) -> Generation {
        Generation::new(number)
    }

    /// A secret with which the first line makes exactly `whole` bytes.
    fn filling(whole: usize, generation: Generation) -> Vec<u8> {
        let guess = vec![b'x'; whole];
        let line = Head::inline(generation, &guess).line().len();
        let secret = vec![b'x'; whole - line];
        assert_eq!(Head::inline(generation, &secret).line().len(), line, "the length has as many digits");
        secret
    }

    fn names(chunked: &Chunked<Memory>) -> Vec<&str> {
        chunked.items.names().collect()
    }

    #[test]
    fn the_last_byte_that_fits_stays_in_one_item_and_the_next_one_splits() {
        let mut chunked = Chunked::new(Memory::limited(WINDOWS));
        let fits = filling(WINDOWS, generation(1));
        chunked.store(NAME, generation(1), &fits).unwrap();
        assert_eq!(names(&chunked), [NAME]);
        assert_eq!(chunked.load(NAME).unwrap().unwrap().secret.expose_secret(), fits);

        let longer = filling(WINDOWS + 1, generation(2));
        chunked.store(NAME, generation(2), &longer).unwrap();
        assert_eq!(names(&chunked), [NAME, "tokens/a#2.0", "tokens/a#sets"]);
        let item = chunked.load(NAME).unwrap().unwrap();
        assert_eq!((item.generation, item.secret.expose_secret()), (generation(2), &longer[..]));
    }

    #[test]
    fn nothing_is_split_where_the_store_takes_it() {
        let mut chunked = Chunked::new(Memory::new());
        chunked.store(NAME, generation(1), &[b'x'; LONGEST]).unwrap();
        assert_eq!(names(&chunked), [NAME]);
    }

    #[test]
    fn sixty_four_kibibytes_and_not_a_byte_more() {
        let mut chunked = Chunked::new(Memory::limited(WINDOWS));
        let longest: Vec<u8> = (0..LONGEST).map(|i| (i % 251) as u8).collect();
        chunked.store(NAME, generation(1), &longest).unwrap();
        assert_eq!(names(&chunked).len(), 1 + 26 + 1);
        assert_eq!(chunked.load(NAME).unwrap().unwrap().secret.expose_secret(), longest);
        let too_long = chunked.store(NAME, generation(2), &[0; LONGEST + 1]);
        assert_eq!(too_long, Err(Error::TooLong { bytes: LONGEST + 1, limit: LONGEST }));
        assert_eq!(chunked.generation(NAME).unwrap(), Some(generation(1)), "and nothing was lost");
    }

    #[test]
    fn a_store_of_crumbs_is_refused() {
        let mut chunked = Chunked::new(Memory::limited(100));
        let refused = chunked.store(NAME, generation(1), &[0; 101]);
        assert_eq!(refused, Err(Error::TooLong { bytes: 101, limit: 100 }));
        assert_eq!(names(&chunked), [""; 0]);
    }

    #[test]
    fn older_chunks_go_when_the_next_value_is_there() {
        let mut chunked = Chunked::new(Memory::limited(WINDOWS));
        chunked.store(NAME, generation(1), &[1; 9_000]).unwrap();
        chunked.store(NAME, generation(2), &[2; 6_000]).unwrap();
        assert_eq!(names(&chunked), [NAME, "tokens/a#2.0", "tokens/a#2.1", "tokens/a#2.2", "tokens/a#sets"]);
        chunked.store(NAME, generation(3), b"short").unwrap();
        assert_eq!(names(&chunked), [NAME], "not even the ledger stays");
        chunked.store(NAME, generation(4), &[4; 6_000]).unwrap();
        chunked.delete(NAME).unwrap();
        assert_eq!(names(&chunked), [""; 0]);
    }

    #[test]
    fn a_missing_or_changed_chunk_is_damage_and_the_same_value_mends_it() {
        for damage in [None, Some(vec![9_u8; WINDOWS]), Some(Vec::new()), Some(vec![1; WINDOWS + 1])] {
            let mut chunked = Chunked::new(Memory::limited(WINDOWS));
            chunked.store(NAME, generation(1), &[1; 9_000]).unwrap();
            let whole = chunked.items.clone();
            let mut unlimited = Memory::new();
            for name in whole.names() {
                unlimited.put(name, whole.clone().get(name).unwrap().unwrap().expose_secret()).unwrap();
            }
            match &damage {
                None => unlimited.delete("tokens/a#1.2").unwrap(),
                Some(bytes) => unlimited.put("tokens/a#1.2", bytes).unwrap(),
            }
            let mut chunked = Chunked::new(unlimited);
            assert_eq!(chunked.load(NAME).unwrap_err(), Error::Corrupt { key: NAME.into() });
            chunked.store(NAME, generation(1), &[1; 9_000]).unwrap();
            assert_eq!(chunked.load(NAME).unwrap().unwrap().secret.expose_secret(), [1; 9_000]);
        }
    }

    #[test]
    fn what_cannot_be_read_can_be_replaced_and_deleted() {
        for way in ["replace", "exactly", "delete"] {
            let mut chunked = Chunked::new(Memory::new());
            chunked.items.put(NAME, b"not one of ours").unwrap();
            assert_eq!(chunked.load(NAME).unwrap_err(), Error::Corrupt { key: NAME.into() });
            match way {
                "replace" => chunked.store(NAME, generation(2), b"new").unwrap(),
                "exactly" => {
                    chunked.store_if(NAME, Expect::Exactly(generation(1)), generation(2), b"new").unwrap()
                }
                _ => chunked.delete(NAME).unwrap(),
            }
            let now = chunked.generation(NAME).unwrap();
            assert_eq!(now, if way == "delete" { None } else { Some(generation(2)) });
        }
    }

    #[test]
    fn a_newer_layout_is_never_overwritten() {
        let mut chunked = Chunked::new(Memory::new());
        chunked.items.put(NAME, b"{\"v\":2}\nx").unwrap();
        let newer = Err(Error::Newer { key: NAME.into() });
        assert_eq!(chunked.store(NAME, generation(9), b"new"), newer);
        assert_eq!(chunked.load(NAME).map(drop), newer);
    }

    #[test]
    fn an_older_generation_or_another_value_of_the_same_is_refused() {
        let mut chunked = Chunked::new(Memory::new());
        chunked.store(NAME, generation(5), b"five").unwrap();
        chunked.store(NAME, generation(5), b"five").unwrap();
        let stale = Err(Error::Stale { key: NAME.into(), stored: Some(generation(5)) });
        assert_eq!(chunked.store(NAME, generation(4), b"four"), stale);
        assert_eq!(chunked.store(NAME, generation(5), b"FIVE"), stale);
        assert_eq!(chunked.store(NAME, generation(5), b"five5"), stale);
        assert_eq!(chunked.store(NAME, generation(5), b"ive"), stale);
        assert_eq!(chunked.store_if(NAME, Expect::Exactly(generation(4)), generation(6), b"six"), stale);
        assert_eq!(chunked.load(NAME).unwrap().unwrap().secret.expose_secret(), b"five");
    }

    /// Every raw call of a write over chunks, failing before or after it took effect: the old value or the new one is
    /// there, the error tells the truth, and asking once more completes.
    #[test]
    fn a_failure_at_any_step_leaves_one_whole_value_and_can_be_asked_again() {
        let old = vec![1; 6_000];
        for new in [vec![2; 9_000], vec![2; 100]] {
            for fault in [Fault::Before, Fault::After, Fault::Crash] {
                let mut failed = 0;
                for step in 0.. {
                    let disk = Scripted::limited(WINDOWS);
                    Chunked::new(disk.clone()).store(NAME, generation(1), &old).unwrap();
                    disk.script(step, fault);
                    let outcome = Chunked::new(disk.clone()).store(NAME, generation(2), &new);
                    if !disk.happened() {
                        assert!(outcome.is_ok());
                        break;
                    }
                    disk.heal();
                    let mut chunked = Chunked::new(disk.clone());
                    let there = chunked.load(NAME).unwrap().unwrap();
                    let is_new = there.generation == generation(2);
                    assert_eq!(there.secret.expose_secret(), if is_new { &new[..] } else { &old[..] });
                    match &outcome {
                        Ok(()) => assert!(is_new, "step {step}: success, and the old value is there"),
                        Err(error) if is_new => assert_eq!(error.written(), Written::Maybe, "step {step}"),
                        Err(_) => failed += 1,
                    }
                    chunked.store(NAME, generation(2), &new).unwrap();
                    assert_eq!(chunked.load(NAME).unwrap().unwrap().secret.expose_secret(), new);
                    chunked.delete(NAME).unwrap();
                    assert_eq!(disk.names(), [""; 0], "step {step} left chunks behind");
                }
                assert!(failed > 0, "the script failed nothing");
            }
        }
    }
}
