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
        self.chunked.items().put(&intent(account), &Head::inline(generation, b"").line())?;
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
        let head = self.chunked.head(&name)?;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scripted::{Fault, Scripted};
    use crate::{Memory, Written};

    fn account() -> AccountId {
        "a".parse().unwrap()
    }

    fn generation(number: u64) -> Generation {
        Generation::new(number)
    }

    fn bytes(text: &[u8]) -> SecretSlice<u8> {
        crate::item::seal(text)
    }

    fn journal() -> Journal<Memory> {
        let mut journal = Journal::new(Chunked::new(Memory::new()));
        journal.store(&Key::Tokens(account()), generation(1), &bytes(b"one")).unwrap();
        journal
    }

    #[test]
    fn a_refresh_that_ends_leaves_nothing_to_recover() {
        let mut journal = journal();
        assert_eq!(journal.recover(&account()).unwrap(), Recovery::Clean);
        journal.begin(&account(), generation(1)).unwrap();
        assert_eq!(journal.recover(&account()).unwrap(), Recovery::Unknown { generation: generation(1) });
        journal.commit(&account(), generation(1), generation(2), &bytes(b"two")).unwrap();
        assert_eq!(journal.recover(&account()).unwrap(), Recovery::Clean);
        let item = journal.load(&Key::Tokens(account())).unwrap().unwrap();
        assert_eq!((item.generation, item.secret.expose_secret()), (generation(2), &b"two"[..]));
    }

    #[test]
    fn only_the_stored_generation_can_begin_or_commit() {
        let mut journal = journal();
        let stale = |stored| Err(Error::Stale { key: "tokens/a".into(), stored });
        assert_eq!(journal.begin(&account(), generation(2)), stale(Some(generation(1))));
        assert_eq!(journal.recover(&account()).unwrap(), Recovery::Clean, "no intent was written");
        let late = journal.commit(&account(), generation(2), generation(3), &bytes(b"late"));
        assert_eq!(late, stale(Some(generation(1))));
        let backwards = journal.commit(&account(), generation(1), generation(1), &bytes(b"other"));
        assert_eq!(backwards, stale(Some(generation(1))));
        journal.delete(&Key::Tokens(account())).unwrap();
        let signed_out = journal.commit(&account(), generation(1), generation(2), &bytes(b"two"));
        assert_eq!(signed_out, stale(None), "a sign-out is not undone by a late refresh");
    }

    #[test]
    fn a_commit_may_be_repeated() {
        let mut journal = journal();
        for _ in 0..2 {
            journal.commit(&account(), generation(1), generation(2), &bytes(b"two")).unwrap();
        }
        assert_eq!(journal.load(&Key::Tokens(account())).unwrap().unwrap().generation, generation(2));
    }

    #[test]
    fn a_token_that_was_not_spent_leaves_no_doubt() {
        let mut journal = journal();
        journal.begin(&account(), generation(1)).unwrap();
        journal.abandon(&account(), generation(7)).unwrap();
        assert_eq!(journal.recover(&account()).unwrap(), Recovery::Unknown { generation: generation(1) });
        journal.abandon(&account(), generation(1)).unwrap();
        assert_eq!(journal.recover(&account()).unwrap(), Recovery::Clean);
    }

    #[test]
    fn a_spent_intent_does_not_count_and_a_damaged_one_does() {
        let mut journal = journal();
        journal.begin(&account(), generation(1)).unwrap();
        // signed in again meanwhile: the old intent is about a token that is gone
        journal.store(&Key::Tokens(account()), generation(2), &bytes(b"two")).unwrap();
        assert_eq!(journal.recover(&account()).unwrap(), Recovery::Clean);
        journal.chunked.items().put("intent/a", b"damaged").unwrap();
        assert_eq!(journal.recover(&account()).unwrap(), Recovery::Unknown { generation: generation(2) });
        journal.commit(&account(), generation(2), generation(3), &bytes(b"three")).unwrap();
        assert_eq!(journal.recover(&account()).unwrap(), Recovery::Clean);
    }

    #[test]
    fn signing_out_takes_the_intent_along() {
        let mut journal = journal();
        journal.begin(&account(), generation(1)).unwrap();
        journal.delete(&Key::Tokens(account())).unwrap();
        assert_eq!(journal.chunked.items().names().count(), 0);
    }

    #[test]
    fn what_a_crash_left_of_older_chunks_is_cleared_at_the_next_start() {
        let disk = Scripted::limited(1_000);
        let key = Key::Tokens(account());
        let mut journal = Journal::new(Chunked::new(disk.clone()));
        journal.store(&key, generation(1), &bytes(&[1; 3_000])).unwrap();
        disk.script(3, Fault::Crash); // after the look, the head, and the ledger was read: at the first old chunk
        journal.commit(&account(), generation(1), generation(2), &bytes(b"short")).unwrap();
        disk.heal();
        assert!(disk.names().iter().any(|name| name.starts_with("tokens/a#1.")), "the crash left some");
        let mut journal = Journal::new(Chunked::new(disk.clone()));
        assert_eq!(journal.recover(&account()).unwrap(), Recovery::Clean);
        assert_eq!(disk.names(), ["tokens/a"]);
    }

    #[derive(Clone, Debug)]
    enum Act {
        /// A refresh: begin, then commit with so many bytes.
        Refresh(usize),
        SignIn(usize),
        SignOut,
        Recover,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (0_usize..9_000).prop_map(Act::Refresh),
            1 => (0_usize..9_000).prop_map(Act::SignIn),
            1 => Just(Act::SignOut),
            1 => Just(Act::Recover),
        ]
    }

    fn fault() -> impl Strategy<Value = Option<(u64, Fault)>> {
        let kind = prop_oneof![Just(Fault::Before), Just(Fault::After), Just(Fault::Crash)];
        proptest::option::weighted(0.7, (0_u64..30, kind))
    }

    fn secret(generation: Generation, length: usize) -> Vec<u8> {
        (0..length).map(|i| (i as u64).wrapping_mul(31).wrapping_add(generation.get()) as u8).collect()
    }

    proptest! {
        /// Whatever is done, and wherever it fails or dies: what is loaded is a whole value, the last that was
        /// stored or one whose failure said that it may have been; a spent token is known after a crash; and a
        /// sign-out that succeeds leaves nothing at all.
        #[test]
        fn never_a_part_never_a_loss(
            limit in 512_usize..3_000,
            steps in proptest::collection::vec((act(), fault()), 1..14),
        ) {
            let disk = Scripted::limited(limit);
            let key = Key::Tokens(account());
            // what may be there: generation and length; the first is what is there if no failure wrote
            let mut stored: Option<(Generation, usize)> = None;
            let mut last = Generation::new(0);
            for (act, fault) in steps {
                if let Some((step, fault)) = fault {
                    disk.script(step, fault);
                }
                let mut journal = Journal::new(Chunked::new(disk.clone()));
                let mut maybe: Vec<Option<(Generation, usize)>> = vec![stored];
                let mut spent = None;
                match act {
                    Act::Refresh(length) => {
                        let Some((from, _)) = stored else { disk.heal(); continue };
                        if journal.begin(&account(), from).is_ok() {
                            spent = Some(from); // the server has answered: the stored token is void now
                            last = last.next();
                            let done = journal.commit(&account(), from, last, &bytes(&secret(last, length)));
                            match done {
                                Ok(()) => maybe = vec![Some((last, length))],
                                Err(error) if error.written() == Written::Maybe => maybe.push(Some((last, length))),
                                Err(_) => {}
                            }
                        }
                    }
                    Act::SignIn(length) => {
                        last = last.next();
                        match journal.store(&key, last, &bytes(&secret(last, length))) {
                            Ok(()) => maybe = vec![Some((last, length))],
                            Err(error) if error.written() == Written::Maybe => maybe.push(Some((last, length))),
                            Err(_) => {}
                        }
                    }
                    Act::SignOut => match journal.delete(&key) {
                        Ok(()) => {
                            maybe = vec![None];
                            prop_assert_eq!(disk.names(), Vec::<String>::new());
                        }
                        Err(_) => maybe.push(None),
                    },
                    Act::Recover => {
                        let _ = journal.recover(&account());
                    }
                }
                disk.heal();
                // a new process looks
                let mut journal = Journal::new(Chunked::new(disk.clone()));
                let item = journal.load(&key).expect("never damaged, wherever it failed");
                stored = item.as_ref().map(|item| (item.generation, item.secret.expose_secret().len()));
                prop_assert!(maybe.contains(&stored), "{:?} is there, of {:?}", stored, maybe);
                if let Some(item) = &item {
                    let whole = secret(item.generation, item.secret.expose_secret().len());
                    prop_assert_eq!(item.secret.expose_secret(), &whole[..]);
                }
                if let (Some(from), Some((now, _))) = (spent, stored) && now == from {
                    let found = journal.recover(&account()).unwrap();
                    prop_assert_eq!(found, Recovery::Unknown { generation: from });
                }
            }
            Journal::new(Chunked::new(disk.clone())).delete(&key).unwrap();
            prop_assert_eq!(disk.names(), Vec::<String>::new(), "a secret stays behind");
        }
    }
}
