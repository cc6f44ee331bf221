//! The state and its transactions in one handle: accounts, registrations, revocations, the schedule. What is stored comes
//! before what is shown, in the files as in the vault.

mod book;
mod event;
mod loading;
mod under_way;
mod waking;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use mcp_login_vault::Vault;
use tokio::sync::{Mutex, Notify, broadcast, watch};

use crate::accounts::{self, AccountsFile, IssuerChange, RegistrationsFile, RevocationsFile};
use crate::clock::Clock;
use crate::disk::StateFile;
use crate::failure::Failure;
use crate::http::Wire;
use crate::id::AccountId;
use crate::index::Index;
use crate::keep::Keep;
use crate::queue::Revocations;
use crate::refresh::{self, Why, Wish};
use crate::registrations::Registrations;
use crate::state::{Cell, Single, Snapshot};
use book::Book;
pub use event::{Event, Notice};

/// Events that nobody has read yet, at most. A slow reader is told that it missed some, and asks for the state.
const EVENTS: usize = 256;

/// Format versions of the state files. A change that an older program would misread raises its number.
pub(crate) const ACCOUNTS_VERSION: u64 = 1;
pub(crate) const REGISTRATIONS_VERSION: u64 = 1;
pub(crate) const REVOCATIONS_VERSION: u64 = 1;

/// What a core is made of.
pub struct Options {
    /// Where the state files lie.
    pub data_dir: PathBuf,
    /// Hosts that may lie in private ranges, by the person's settings.
    pub allow_private_hosts: Vec<String>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Secrets.
    pub vault: Vault,
    /// The network.
    pub http: Wire,
}

/// The state and its transactions. A handle: clones are the same core.
#[derive(Clone)]
pub struct Core(pub(crate) Arc<Inner>);

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keep: Keep,
    pub(crate) http: Wire,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) registrations: Registrations,
    pub(crate) revocations: Revocations,
    pub(crate) wake: Notify,
    pub(crate) vault_watch: Single,
    index: RwLock<Index>,
    book: Mutex<Book>,
    events: broadcast::Sender<Event>,
    paused: AtomicBool,
    notices: Vec<Notice>,
    under_way: watch::Sender<usize>,
}

impl Core {
    /// Reads the state files. The vault is not asked yet: it may be locked, and whoever starts an agent should not wait
    /// for a prompt.
    ///
    /// # Errors
    /// [`Failure::Disk`]: a file of a newer version, or one that cannot be read. Broken files are put aside, see
    /// [`Core::notices`].
    pub async fn open(options: Options) -> Result<Self, Failure> {
        let Options { data_dir, allow_private_hosts, clock, vault, http } = options;
        let files = move || {
            crate::disk::private_dir(&data_dir)
                .map_err(|source| crate::disk::Error::Io { path: data_dir.clone(), source })?;
            let accounts = StateFile::new(data_dir.join("accounts.json"), ACCOUNTS_VERSION);
            let registrations = StateFile::new(data_dir.join("registrations.json"), REGISTRATIONS_VERSION);
            let revocations = StateFile::new(data_dir.join("revocations.json"), REVOCATIONS_VERSION);
            let read = (
                accounts.load::<AccountsFile>()?,
                registrations.load::<RegistrationsFile>()?,
                revocations.load::<RevocationsFile>()?,
            );
            Ok::<_, crate::disk::Error>(((accounts, registrations, revocations), read))
        };
        let (files, read) = tokio::task::spawn_blocking(files).await.map_err(|_| Failure::Broken)??;
        let notices = [read.0.kept_aside, read.1.kept_aside, read.2.kept_aside]
            .into_iter()
            .flatten()
            .inspect(|path| tracing::error!(path = %path.display(), "a broken state file was put aside"))
            .map(Notice::KeptAside)
            .collect();
        let keep = Keep::new(vault);
        let accounts = read.0.value.accounts;
        let mut index = Index::default();
        accounts.iter().for_each(|account| index.insert(Arc::new(Cell::new(account.clone()))));
        Ok(Self(Arc::new(Inner {
            clock,
            http,
            allowed_hosts: allow_private_hosts,
            registrations: Registrations::new(keep.clone(), files.1, read.1.value),
            revocations: Revocations::new(files.2, read.2.value),
            keep,
            wake: Notify::new(),
            vault_watch: Single::default(),
            index: RwLock::new(index),
            book: Mutex::new(Book { file: files.0, accounts }),
            events: broadcast::Sender::new(EVENTS),
            paused: AtomicBool::new(false),
            notices,
            under_way: watch::Sender::new(0),
        })))
    }

    /// What a person should be told of the start.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.0.notices
    }

    /// All accounts as they are now.
    #[must_use]
    pub fn accounts(&self) -> Vec<Arc<Snapshot>> {
        let mut all: Vec<_> = self.0.cells().iter().map(|cell| cell.snapshot()).collect();
        all.sort_by(|a, b| a.account.name.cmp(&b.account.name));
        all
    }

    /// One account as it is now.
    ///
    /// # Errors
    /// [`Failure::NoSuchAccount`].
    pub fn account(&self, id: &AccountId) -> Result<Arc<Snapshot>, Failure> {
        Ok(self.0.cell(id)?.snapshot())
    }

    /// An account by name, by id, or by its server's address when only one account is there.
    ///
    /// # Errors
    /// [`Failure::NoSuchAccount`], [`Failure::Ambiguous`] with the names.
    pub fn find(&self, text: &str) -> Result<AccountId, Failure> {
        self.0.index().find(text)
    }

    /// A person's wish for a new token set: one request, whatever the marks say.
    ///
    /// # Errors
    /// Every [`Failure`] of a refresh.
    pub async fn refresh(&self, id: &AccountId) -> Result<Arc<Snapshot>, Failure> {
        let cell = self.0.cell(id)?;
        let snapshot = self.0.loaded(&cell).await?;
        let wish = Wish { why: Why::Person, seen: snapshot.generation, attempts: snapshot.attempts };
        refresh::newer(&self.0, &cell, wish).await
    }

    /// Gives an account another name.
    ///
    /// # Errors
    /// [`Failure::Name`], [`Failure::Disk`], [`Failure::NoSuchAccount`].
    pub async fn rename(&self, id: &AccountId, name: &str) -> Result<(), Failure> {
        accounts::check_name(name)?;
        let cell = self.0.cell(id)?;
        let name = name.to_owned();
        self.0
            .edit(&cell, move |account, others| {
                if others.iter().any(|other| other.name == name) {
                    return Err(Failure::Name(accounts::NameError::Taken));
                }
                account.name = name;
                Ok(())
            })
            .await?;
        self.0.changed(id);
        Ok(())
    }

    /// The server names another issuer now: nothing stored goes there, and the account says so. `None` takes it back.
    ///
    /// # Errors
    /// [`Failure::Disk`], [`Failure::NoSuchAccount`].
    pub async fn issuer_changed(&self, id: &AccountId, new: Option<&str>) -> Result<(), Failure> {
        let cell = self.0.cell(id)?;
        let new = new.map(str::to_owned);
        self.0
            .edit(&cell, move |account, _| {
                let old = account.issuer().to_owned();
                account.issuer_change = new.map(|new| IssuerChange { old, new });
                Ok(())
            })
            .await?;
        self.0.changed(id);
        Ok(())
    }

    /// Whether the account's tokens were got by this process, and not by one before it.
    pub(crate) fn obtained_here(&self, id: &AccountId) -> bool {
        let tokens = self.account(id).ok().and_then(|snapshot| snapshot.tokens.clone());
        tokens.is_some_and(|tokens| tokens.life.obtained_boot.is_some())
    }

    /// Our client identities.
    #[must_use]
    pub fn registrations(&self) -> &Registrations {
        &self.0.registrations
    }

    /// The vault, for what has its own keys (doors of the gateway) and for `doctor`.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        self.0.keep.vault()
    }

    /// How many sign-outs wait for their issuer.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.0.revocations.len()
    }

    /// Stops or resumes rotation by schedule. Callers are served all the same.
    pub fn pause(&self, paused: bool) {
        if self.0.paused.swap(paused, Ordering::Relaxed) != paused {
            self.0.tell(Event::HandOut);
        }
        self.0.wake.notify_one();
    }

    /// Whether the schedule stands still.
    #[must_use]
    pub fn paused(&self) -> bool {
        self.0.paused.load(Ordering::Relaxed)
    }

    /// What happens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.0.events.subscribe()
    }
}

impl Inner {
    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn cells(&self) -> Vec<Arc<Cell>> {
        self.index().iter().cloned().collect()
    }

    pub(crate) fn cell(&self, id: &AccountId) -> Result<Arc<Cell>, Failure> {
        self.index().cell(id).cloned().ok_or(Failure::NoSuchAccount)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Tells whoever listens, and the schedule.
    pub(crate) fn changed(&self, id: &AccountId) {
        self.tell(Event::Account(id.clone()));
        self.wake.notify_one();
    }

    pub(crate) fn tell(&self, event: Event) {
        let _ = self.events.send(event); // nobody may be listening
    }
}
