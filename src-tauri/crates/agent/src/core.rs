//! The state and its transactions in one handle: accounts, registrations, revocations, the schedule. What is stored comes
//! before what is shown, in the files as in the vault.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use mcp_login_vault::{Key, Vault};
use tokio::sync::{Mutex, Notify, broadcast, watch};
use tokio::task::{JoinError, JoinHandle};

use crate::accounts::{
    self, Account, AccountsFile, IssuerChange, Mark, RegistrationsFile, RevocationsFile, Storing,
};
use crate::clock::Clock;
use crate::disk::StateFile;
use crate::failure::{Failure, Reason};
use crate::http::Wire;
use crate::id::AccountId;
use crate::index::Index;
use crate::keep::Keep;
use crate::queue::Revocations;
use crate::receipt::Receipt;
use crate::refresh::{self, Why, Wish};
use crate::registrations::Registrations;
use crate::state::{Cell, Journal, Single, Snapshot, Standing};
use crate::tokens::TokenSet;

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

/// Something to tell a person at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A broken state file was put aside under this name.
    KeptAside(PathBuf),
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// An account came, changed or went; ask for it.
    Account(AccountId),
    /// An account is gone.
    Removed {
        /// Which it was.
        account: AccountId,
        /// Its name.
        name: String,
    },
    /// A sign-in is about to end; said once.
    Ends(AccountId),
    /// Hand-out and rotation were paused, or go on; ask which.
    HandOut,
    /// The schedule has rotated an account's tokens.
    Rotated {
        /// Which.
        account: AccountId,
        /// Of the new set.
        generation: u64,
    },
    /// The schedule wanted to, and only a sign-in helps.
    Refused {
        /// Which.
        account: AccountId,
        /// Why.
        failure: Failure,
    },
    /// A sign-out that a crash had cut off is done.
    SignedOut(Box<Receipt>),
    /// What a sign-out had left in the queue has come to its end, good or bad.
    Revoked(Box<Receipt>),
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

/// The accounts file and what it says.
struct Book {
    file: StateFile,
    accounts: Vec<Account>,
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

    /// Waits until no refresh, sign-in or sign-out is under way.
    pub async fn settle(&self) {
        let mut under_way = self.0.under_way.subscribe();
        let _ = under_way.wait_for(|count| *count == 0).await; // the sender lives as long as we do
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

    /// Runs a transaction in a task of its own, so that it outlives whoever asked for it.
    pub(crate) fn own<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Owned<T> {
        let counted = UnderWay::begin(self.clone());
        Owned(tokio::spawn(async move {
            let _counted = counted;
            work.await
        }))
    }

    /// Tells whoever listens, and the schedule.
    pub(crate) fn changed(&self, id: &AccountId) {
        self.tell(Event::Account(id.clone()));
        self.wake.notify_one();
    }

    pub(crate) fn tell(&self, event: Event) {
        let _ = self.events.send(event); // nobody may be listening
    }

    /// The account with its tokens, asking the vault if nobody has yet.
    pub(crate) async fn loaded(self: &Arc<Self>, cell: &Arc<Cell>) -> Result<Arc<Snapshot>, Failure> {
        let snapshot = cell.snapshot();
        if !matches!(snapshot.standing, Standing::NotLoaded(_)) {
            return Ok(snapshot);
        }
        let _turn = cell.turn().await;
        let snapshot = cell.snapshot();
        match snapshot.standing {
            Standing::NotLoaded(_) => self.load(cell).await,
            _ => Ok(snapshot),
        }
    }

    /// Reads the account's tokens from the vault and shows them. The turn is the caller's.
    pub(crate) async fn load(self: &Arc<Self>, cell: &Arc<Cell>) -> Result<Arc<Snapshot>, Failure> {
        let kept = match self.keep.tokens(&cell.id).await {
            Ok(kept) => kept,
            Err(Failure::Unreadable | Failure::Vault(mcp_login_vault::Error::Corrupt { .. })) => {
                return Ok(self.needs_sign_in(cell, Reason::Damaged));
            }
            Err(failure) => {
                let shown = failure.clone();
                cell.publish(|snapshot| snapshot.standing = Standing::NotLoaded(Some(shown)));
                self.changed(&cell.id);
                return Err(failure);
            }
        };
        let Some(kept) = kept else {
            return Ok(self.needs_sign_in(cell, Reason::NoTokens));
        };
        let account = self.arrive(cell, kept.generation).await;
        if kept.tokens.issuer != account.issuer() {
            return Ok(self.needs_sign_in(cell, Reason::OtherIssuer));
        }
        let marked = account.mark.as_ref().filter(|mark| mark.generation == kept.generation);
        let standing = marked.map_or(Standing::Good, |mark| {
            Standing::NeedsSignIn(Failure::NeedsSignIn(Reason::from_word(&mark.code)))
        });
        let journal = if marked.is_some() { Journal::Clean } else { kept.journal };
        let snapshot = cell.publish(|snapshot| {
            snapshot.generation = kept.generation;
            snapshot.tokens = Some(Arc::new(kept.tokens));
            snapshot.standing = standing;
            snapshot.journal = journal;
            snapshot.trouble = None;
        });
        self.changed(&cell.id);
        Ok(snapshot)
    }

    /// A new sign-in that was cut off while its tokens were stored counts if they were.
    async fn arrive(&self, cell: &Cell, generation: u64) -> Arc<Account> {
        let account = cell.snapshot().account.clone();
        if account.coming.is_none() {
            return account;
        }
        let edited = self
            .edit(cell, |account, _| {
                if let Some(coming) = account.coming.take().filter(|coming| coming.generation == generation) {
                    *account = Account { name: account.name.clone(), ..coming.account };
                }
                Ok(())
            })
            .await;
        self.or_as_it_is(cell, edited)
    }

    fn needs_sign_in(&self, cell: &Cell, reason: Reason) -> Arc<Snapshot> {
        let snapshot = cell.publish(|snapshot| {
            snapshot.tokens = None;
            snapshot.standing = Standing::NeedsSignIn(Failure::NeedsSignIn(reason));
        });
        self.changed(&cell.id);
        snapshot
    }

    /// Changes an account's entry: on disk, then in sight.
    pub(crate) async fn edit(
        &self,
        cell: &Cell,
        change: impl FnOnce(&mut Account, &[Account]) -> Result<(), Failure>,
    ) -> Result<Arc<Account>, Failure> {
        let mut book = self.book.lock().await;
        let mut next = book.accounts.clone();
        let place = next.iter().position(|a| a.id == cell.id).ok_or(Failure::NoSuchAccount)?;
        let mut account = next.remove(place);
        change(&mut account, &next)?;
        let shown = Arc::new(account.clone());
        next.insert(place, account);
        if next != book.accounts {
            book.store(next).await?;
        }
        let former = cell.snapshot().account.clone();
        let published = shown.clone();
        cell.publish(|snapshot| snapshot.account = published);
        if former.name != shown.name {
            self.index_mut().rename(&cell.id, &shown.name);
        }
        Ok(shown)
    }

    /// Adds an account's entry and its cell.
    pub(crate) async fn add(
        &self,
        id: AccountId,
        make: impl FnOnce(AccountId, &[Account]) -> Result<Account, Failure>,
    ) -> Result<Arc<Cell>, Failure> {
        let mut book = self.book.lock().await;
        let mut next = book.accounts.clone();
        let account = make(id, &next)?;
        next.push(account.clone());
        book.store(next).await?;
        let cell = Arc::new(Cell::new(account));
        self.index_mut().insert(cell.clone());
        Ok(cell)
    }

    /// Removes an account's entry and its cell.
    pub(crate) async fn remove(&self, id: &AccountId) -> Result<(), Failure> {
        let mut book = self.book.lock().await;
        let next = book.accounts.iter().filter(|a| a.id != *id).cloned().collect();
        book.store(next).await?;
        self.index_mut().remove(id);
        Ok(())
    }

    /// Notes on disk that an account needs a person. When the disk fails the mark holds until the next start, which asks the
    /// issuer once more.
    pub(crate) async fn mark(&self, cell: &Cell, reason: Option<&Reason>) -> Arc<Account> {
        let generation = cell.snapshot().generation;
        let at = self.clock.now().unix();
        let mark = reason.map(|reason| Mark { code: reason.word().to_owned(), generation, at });
        let edited = self
            .edit(cell, |account, _| {
                let known = account.mark.as_ref().is_some_and(|mark| mark.generation == generation);
                if reason == Some(&Reason::InvalidGrant) && !known {
                    let signed_in_at = account.signed_in_at;
                    account.ending.ended(signed_in_at, at);
                }
                account.mark = mark;
                Ok(())
            })
            .await;
        self.or_as_it_is(cell, edited)
    }

    /// Notes what a refresh changed in the entry; as a rule nothing, and nothing is written.
    pub(crate) async fn note_scope(&self, cell: &Cell, tokens: &TokenSet) -> Arc<Account> {
        let (scope, ends) = (tokens.scope.clone(), tokens.ends);
        let now = self.clock.now().unix();
        let edited = self
            .edit(cell, |account, _| {
                account.mark = None;
                account.scope = scope;
                account.ending.renewed(ends, now);
                Ok(())
            })
            .await;
        self.or_as_it_is(cell, edited)
    }

    fn or_as_it_is(&self, cell: &Cell, edited: Result<Arc<Account>, Failure>) -> Arc<Account> {
        edited.unwrap_or_else(|failure| {
            tracing::error!(account = %cell.id, %failure, "the account's entry could not be written");
            cell.snapshot().account.clone()
        })
    }

    /// After the start: what a crash left half done, and the vault's answer for every account.
    pub(crate) async fn wake_up(self: &Arc<Self>) {
        // A start is no reason to ask a person for a password: who wants a token asks, and the loop looks again.
        if let Err(error) = self.keep.vault().probe().await {
            return self.without_vault(error);
        }
        for cell in self.cells() {
            let snapshot = cell.snapshot();
            match self.loaded(&cell).await {
                // One prompt, or one deadline, is enough: the others would meet the same.
                Err(Failure::Vault(error)) => return self.without_vault(error),
                Err(failure) => {
                    tracing::warn!(account = %cell.id, %failure, "the account could not be loaded")
                }
                Ok(loaded) if snapshot.account.storing == Storing::Begun => {
                    self.complete(&cell, &loaded).await
                }
                Ok(_) => {}
            }
        }
    }

    /// No account can be loaded now, and each says why.
    fn without_vault(&self, error: mcp_login_vault::Error) {
        tracing::warn!(%error, "the keychain does not answer");
        let failure = Failure::Vault(error);
        for cell in self.cells() {
            cell.publish(|snapshot| {
                if matches!(snapshot.standing, Standing::NotLoaded(None)) {
                    snapshot.standing = Standing::NotLoaded(Some(failure.clone()));
                }
            });
            self.changed(&cell.id);
        }
    }

    /// A sign-in whose storing was cut off: the vault knows how far it came.
    async fn complete(self: &Arc<Self>, cell: &Arc<Cell>, loaded: &Snapshot) {
        let done = if loaded.tokens.is_some() {
            let settled = |account: &mut Account, _: &[Account]| {
                account.storing = Storing::Settled;
                Ok(())
            };
            self.edit(cell, settled).await.map(|_| ())
        } else {
            // Parts of the tokens may lie in the vault, and without the entry nobody would know of them.
            match self.keep.delete(&Key::Tokens(cell.id.clone())).await {
                Ok(()) => self.remove(&cell.id).await,
                Err(error) => Err(error.into()),
            }
        };
        if let Err(failure) = done {
            tracing::warn!(account = %cell.id, %failure, "a sign-in that was cut off could not be tidied");
        }
        self.changed(&cell.id);
    }
}

impl Book {
    async fn store(&mut self, next: Vec<Account>) -> Result<(), Failure> {
        let file = self.file.clone();
        let contents = AccountsFile { accounts: next };
        let contents = tokio::task::spawn_blocking(move || file.store(&contents).map(|()| contents))
            .await
            .map_err(|_| Failure::Broken)??;
        self.accounts = contents.accounts;
        Ok(())
    }
}

/// Counts a transaction while it runs.
struct UnderWay(Arc<Inner>);

impl UnderWay {
    fn begin(core: Arc<Inner>) -> Self {
        core.under_way.send_modify(|count| *count += 1);
        Self(core)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|count| *count -= 1);
    }
}

/// The end of a transaction. Dropping it does not stop the transaction.
pub(crate) struct Owned<T>(JoinHandle<T>);

impl<T> Future for Owned<T> {
    type Output = Result<T, JoinError>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(cx)
    }
}
