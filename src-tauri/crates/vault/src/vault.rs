//! One thread that does everything, in order, and handles to it.
//!
//! Platforms do not order calls that come from several threads, and a call may block for as long as a person
//! looks at a prompt. So one thread executes the calls; whoever asks waits with a deadline. A call that was given
//! up by its caller still completes if it writes: a rotated token must not be lost because somebody was impatient.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
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

/// A handle to the one thread that uses the keychain. Clones are handles to the same thread, which ends, after
/// it has done all calls, when the last of them is dropped.
///
/// # Errors
/// Every method returns the [`Error`] of the first thing that failed, and [`Error::Deadline`] when there is no
/// answer in time.
#[derive(Clone, Debug)]
pub struct Vault {
    calls: mpsc::Sender<Call>,
    kind: Kind,
    deadline: Option<Duration>,
}

impl Vault {
    /// The platform's keychain, with items under this service name. Opens nothing yet: a keychain that is not
    /// there is an error of each call, so that one that comes later is found.
    pub fn keychain(service: &str) -> io::Result<Self> {
        Self::over(Keychain::new(service), Some(DEADLINE))
    }

    /// Keeps everything in memory and loses it at the end. Only for those who asked for it.
    pub fn memory() -> io::Result<Self> {
        Self::over(Memory::new(), None)
    }

    /// Over any items. Without a deadline, callers wait for as long as it takes.
    pub fn over(items: impl Items + 'static, deadline: Option<Duration>) -> io::Result<Self> {
        let kind = items.kind();
        let mut store: Store = Journal::new(Chunked::new(Box::new(items)));
        let (calls, queue) = mpsc::channel::<Call>();
        std::thread::Builder::new().name("vault".into()).spawn(move || {
            for call in queue {
                // A panic below us costs this one call; its answer is dropped, which its caller sees.
                let _ = panic::catch_unwind(AssertUnwindSafe(|| call(&mut store)));
            }
        })?;
        Ok(Self { calls, kind, deadline })
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
        self.calls.send(call).map_err(|_| gone())?;
        let answer = match self.deadline {
            Some(deadline) => {
                tokio::time::timeout(deadline, wait).await.map_err(|_| Error::Deadline { written })?
            }
            None => wait.await,
        };
        answer.unwrap_or_else(|_| Err(gone()))
    }
}
