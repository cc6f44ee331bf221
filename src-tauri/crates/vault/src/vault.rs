//! One hand that does everything, in order, and handles to it.
//!
//! Platforms do not order calls that come from several threads, and a call may block for as long as a person
//! looks at a prompt. So one thread executes the calls; whoever asks waits with a deadline. A call that was given
//! up by its caller still completes if it writes: a rotated token must not be lost because somebody was impatient.
//! Memory cannot block: it is used where the caller stands, and needs no thread.

use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use secrecy::SecretSlice;
use tokio::sync::oneshot;

use crate::{
    AccountId, Chunked, Error, Generation, Item, Items, Journal, Key, Keychain, Kind, Memory,
    PlatformFailure, Recovery, Written,
};

/// How long a caller waits: enough to type a password, less than most clients wait for their command.
pub const DEADLINE: Duration = Duration::from_secs(30);

type Store = Journal<Box<dyn Items>>;
type Call = Box<dyn FnOnce(&mut Store) + Send>;

/// Who makes the calls.
#[derive(Clone)]
enum Hand {
    /// A thread of its own, for stores that may block.
    Thread(mpsc::Sender<Call>),
    /// The caller itself, one at a time.
    Caller(Arc<Mutex<Store>>),
}

/// A handle to the one hand that uses the keychain. Clones are handles to the same one. A thread ends, after
/// it has done all calls, when the last of them is dropped.
///
/// # Errors
/// Every method returns the [`Error`] of the first thing that failed, and [`Error::Deadline`] when there is no
/// answer in time.
#[derive(Clone)]
pub struct Vault {
    hand: Hand,
    kind: Kind,
    deadline: Option<Duration>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Vault {
    /// The platform's keychain, with items under this service name. Opens nothing yet: a keychain that is not
    /// there is an error of each call, so that one that comes later is found.
    pub fn keychain(service: &str) -> io::Result<Self> {
        Self::over(Keychain::new(service), Some(DEADLINE))
    }

    /// Keeps everything in memory and loses it at the end. Only for those who asked for it.
    #[must_use]
    pub fn memory() -> Self {
        Self::at_once(Memory::new())
    }

    /// Over items that never block: without a thread, so also without a deadline.
    #[must_use]
    pub fn at_once(items: impl Items + 'static) -> Self {
        let kind = items.kind();
        let store: Store = Journal::new(Chunked::new(Box::new(items)));
        Self { hand: Hand::Caller(Arc::new(Mutex::new(store))), kind, deadline: None }
    }

    /// Over any items. Without a deadline, callers wait for as long as it takes.
    pub fn over(items: impl Items + 'static, deadline: Option<Duration>) -> io::Result<Self> {
        let kind = items.kind();
        let mut store: Store = Journal::new(Chunked::new(Box::new(items)));
        let (calls, queue) = mpsc::channel::<Call>();
        std::thread::Builder::new().name("vault".into()).spawn(move || {
            for call in queue {
                make(call, &mut store);
            }
        })?;
        Ok(Self { hand: Hand::Thread(calls), kind, deadline })
    }

    /// Which store it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The value under this key, if there is one.
    pub async fn load(&self, key: &Key) -> Result<Option<Item>, Error> {
        let key = key.clone();
        self.read(move |store| store.load(&key)).await
    }

    /// Stores a value. `generation` must be higher than what is stored now, else [`Error::Stale`]; the same
    /// bytes under the same generation may be stored again.
    pub async fn store(
        &self,
        key: &Key,
        generation: Generation,
        bytes: SecretSlice<u8>,
    ) -> Result<(), Error> {
        let key = key.clone();
        self.write(move |store| store.store(&key, generation, &bytes)).await
    }

    /// Removes whatever is stored under this key, whole or damaged; with `Tokens` the account's intent too. That
    /// there is nothing is no error.
    pub async fn delete(&self, key: &Key) -> Result<(), Error> {
        let key = key.clone();
        self.write(move |store| store.delete(&key)).await
    }

    /// Notes that the refresh token of this generation is about to be spent. [`Error::Stale`] if another one is
    /// stored. Success also shows that the vault can be written *before* the token is spent.
    pub async fn begin(&self, account: &AccountId, generation: Generation) -> Result<(), Error> {
        let account = account.clone();
        self.write(move |store| store.begin(&account, generation)).await
    }

    /// Stores the tokens of generation `to` if `from` is what is stored now, then clears the intent. Repeating a
    /// commit with the same arguments is safe, whatever became of the first.
    pub async fn commit(
        &self,
        account: &AccountId,
        from: Generation,
        to: Generation,
        bytes: SecretSlice<u8>,
    ) -> Result<(), Error> {
        let account = account.clone();
        self.write(move |store| store.commit(&account, from, to, &bytes)).await
    }

    /// Clears the intent: the token of this generation was certainly not spent.
    pub async fn abandon(&self, account: &AccountId, generation: Generation) -> Result<(), Error> {
        let account = account.clone();
        self.write(move |store| store.abandon(&account, generation)).await
    }

    /// What an earlier process left behind.
    pub async fn recover(&self, account: &AccountId) -> Result<Recovery, Error> {
        let account = account.clone();
        self.read(move |store| store.recover(&account)).await
    }

    /// Whether the store can be used now, without asking a person.
    pub async fn probe(&self) -> Result<(), Error> {
        self.read(Journal::probe).await
    }

    /// Returns when all calls made before it are done; for the end of the program.
    pub async fn settle(&self) -> Result<(), Error> {
        self.write(|_| Ok(())).await
    }

    async fn read<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, wait) = oneshot::channel();
        let call = Box::new(move |store: &mut Store| {
            // nobody waits any more: do not bring up a prompt for nothing
            if !answer.is_closed() {
                let _ = answer.send(call(store));
            }
        });
        self.wait(call, wait, Written::No).await.map_err(|error| error.having_written(Written::No))
    }

    async fn write<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, wait) = oneshot::channel();
        let call = Box::new(move |store: &mut Store| {
            let result = call(store);
            if let Err(Err(error)) = answer.send(result) {
                tracing::warn!(%error, "a write that nobody waits for has failed");
            }
        });
        self.wait(call, wait, Written::Maybe).await
    }

    async fn wait<T>(
        &self,
        call: Call,
        wait: oneshot::Receiver<Result<T, Error>>,
        written: Written,
    ) -> Result<T, Error> {
        let gone = || Error::Platform {
            failure: PlatformFailure { text: "the call broke off".into(), code: None },
            written,
        };
        match &self.hand {
            Hand::Thread(calls) => calls.send(call).map_err(|_| gone())?,
            // Nothing panics while holding it that is not caught; if it did, the store is still a store.
            Hand::Caller(store) => make(call, &mut store.lock().unwrap_or_else(PoisonError::into_inner)),
        }
        let answer = match self.deadline {
            Some(deadline) => {
                tokio::time::timeout(deadline, wait).await.map_err(|_| Error::Deadline { written })?
            }
            None => wait.await,
        };
        answer.unwrap_or_else(|_| Err(gone()))
    }
}

/// A panic below us costs this one call; its answer is dropped, which its caller sees.
fn make(call: Call, store: &mut Store) {
    let _ = panic::catch_unwind(AssertUnwindSafe(|| call(store)));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    /// A store behind a prompt: every call blocks until the person at the other end lets one through.
    struct Prompted {
        memory: Arc<Mutex<Memory>>,
        prompt: mpsc::Receiver<()>,
        asked: mpsc::Sender<()>,
    }

    impl Prompted {
        fn ask(&self) {
            self.asked.send(()).unwrap();
            self.prompt.recv().expect("the person is still there");
        }
    }

    impl Items for Prompted {
        fn kind(&self) -> Kind {
            Kind::Memory
        }
        fn get(&mut self, name: &str) -> Result<Option<SecretSlice<u8>>, Error> {
            self.ask();
            self.memory.lock().unwrap().get(name)
        }
        fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
            self.memory.lock().unwrap().put(name, bytes)
        }
        fn delete(&mut self, name: &str) -> Result<(), Error> {
            self.memory.lock().unwrap().delete(name)
        }
        fn probe(&mut self) -> Result<(), Error> {
            panic!("the library below has a mistake")
        }
    }

    struct Person {
        memory: Arc<Mutex<Memory>>,
        unlock: mpsc::Sender<()>,
        asked: mpsc::Receiver<()>,
    }

    fn prompted(deadline: Option<Duration>) -> (Vault, Person) {
        let (unlock, prompt) = mpsc::channel();
        let (asked, was_asked) = mpsc::channel();
        let memory = Arc::new(Mutex::new(Memory::new()));
        let items = Prompted { memory: Arc::clone(&memory), prompt, asked };
        (Vault::over(items, deadline).unwrap(), Person { memory, unlock, asked: was_asked })
    }

    fn key(name: &str) -> Key {
        Key::Tokens(name.parse().unwrap())
    }

    fn bytes(text: &[u8]) -> SecretSlice<u8> {
        crate::item::seal(text)
    }

    const AT_ONCE: Option<Duration> = Some(Duration::from_millis(1));

    #[tokio::test]
    async fn a_write_completes_without_its_caller_and_a_read_is_let_go() {
        let (vault, person) = prompted(AT_ONCE);
        let late = vault.store(&key("a"), Generation::FIRST, bytes(b"one")).await;
        assert_eq!(late, Err(Error::Deadline { written: Written::Maybe }));
        let nobody = vault.load(&key("a")).await.map(drop);
        assert_eq!(nobody, Err(Error::Deadline { written: Written::No }));
        assert_eq!(vault.kind(), Kind::Memory);

        drop(vault); // the last handle: what is queued is done all the same
        for _ in 0..2 {
            person.unlock.send(()).unwrap(); // the store looks, then tidies after a first value
        }
        drop(person.unlock);
        assert_eq!(person.asked.iter().count(), 2, "the read that nobody waits for asked nobody");
        let stored = person.memory.lock().unwrap().get("tokens/a").unwrap().unwrap();
        assert!(stored.expose_secret().ends_with(b"one"));
    }

    #[tokio::test]
    async fn calls_are_made_in_the_order_in_which_they_came() {
        let vault = Vault::over(Memory::new(), None).unwrap();
        let calls = (1..=50).map(|number| {
            let vault = vault.clone();
            async move { vault.store(&key("a"), Generation::new(number), bytes(&number.to_le_bytes())).await }
        });
        for call in calls.map(tokio::spawn).collect::<Vec<_>>() {
            call.await.unwrap().unwrap(); // none is stale, so none overtook another
        }
        assert_eq!(vault.load(&key("a")).await.unwrap().unwrap().generation, Generation::new(50));
    }

    #[tokio::test]
    async fn memory_is_there_at_once_and_survives_a_panic() {
        let vault = Vault::memory();
        vault.store(&key("a"), Generation::FIRST, bytes(b"one")).await.unwrap();
        assert_eq!(vault.load(&key("a")).await.unwrap().unwrap().secret.expose_secret(), b"one");
        let (_unlock, prompt) = mpsc::channel();
        let (asked, _asked) = mpsc::channel();
        let vault = Vault::at_once(Prompted { memory: Arc::default(), prompt, asked });
        for _ in 0..2 {
            assert!(matches!(vault.probe().await, Err(Error::Platform { written: Written::No, .. })));
        }
    }

    #[tokio::test]
    async fn a_panic_below_costs_one_call() {
        let (vault, person) = prompted(None);
        assert!(matches!(vault.probe().await, Err(Error::Platform { written: Written::No, .. })));
        person.unlock.send(()).unwrap();
        assert!(vault.load(&key("a")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn only_a_write_may_have_written() {
        use crate::scripted::{Fault, Scripted};
        let disk = Scripted::limited(1_000);
        let vault = Vault::over(disk.clone(), None).unwrap();
        let account = "a".parse().unwrap();
        disk.script(0, Fault::Crash);
        assert_eq!(vault.load(&key("a")).await.unwrap_err().written(), Written::No);
        assert_eq!(vault.recover(&account).await.unwrap_err().written(), Written::No);
        assert_eq!(vault.probe().await.unwrap_err().written(), Written::No);
        disk.script(1, Fault::Crash); // the look at what is stored goes well
        let stored = vault.store(&key("a"), Generation::FIRST, bytes(b"one")).await;
        assert_eq!(stored.unwrap_err().written(), Written::Maybe);
    }

    #[test]
    fn no_error_and_no_item_shows_a_byte() {
        let item = Item { generation: Generation::FIRST, secret: bytes(b"canary") };
        assert!(!format!("{item:?}").contains("canary"));
        let mut memory = Memory::limited(3);
        memory.put("a", b"can").unwrap();
        let refused = memory.put("a", b"canary").unwrap_err();
        assert!(!format!("{memory:?} {refused:?} {refused}").contains("can\""));
    }
}
