//! The HTTP door, on the agent's side: when it is open, where, and for whom.
//!
//! Problem: a port on loopback is open to everything on the machine, and what clients have written down about it must stay
//! true. Invariant: closed until a person asks for it; bound to 127.0.0.1 and to a socket or pipe of the person's own; the port
//! is chosen once and kept; a key lies in the keychain, is for one account, and goes with it.

mod book;
mod keeper;

use crate::audit;
use crate::disk;
use crate::faults;
use crate::id::AccountId;
use crate::ledger::Ledger;
use crate::login::LoginError;
use crate::methods::{Doors, Peer};
use base64::Engine as _;
use book::{Contents, KeyRecord, MOST_KEYS};
use keeper::{Keeper, Known, print_of};
use mcp_login_gateway::door::{self as gateway_door, Doorkeeper, Entry};
use mcp_login_ipc::api::{self, AuditAction, AuditEntry, AuditOutcome};
use mcp_login_ipc::provenance::Looker;
use mcp_login_ipc::secret::Secret;
use mcp_login_ipc::server::Listener;
use mcp_login_ipc::{Code, Fault, Paths};
use mcp_login_vault::{DoorId, Key};
use secrecy::SecretString;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use zeroize::Zeroizing;

/// The keys of which a data directory speaks, for who deletes all of them.
///
/// # Errors
/// A file of a newer version, or one that cannot be read.
pub(crate) fn keys_in(data_dir: &Path) -> Result<Vec<DoorId>, disk::Error> {
    Ok(book::open(data_dir)?.read(|now| now.keys.iter().map(|record| record.id.clone()).collect()))
}

/// What every key begins with, so that scanners for secrets know it.
const PREFIX: &str = "mcplogin_";
/// Bytes of randomness: as much as a token.
const KEY_BYTES: usize = 32;
/// Connections at a time, at port and socket each; more wait.
const MOST_CONNECTIONS: usize = 128;
/// A client's name.
const MOST_LABEL: usize = 64;
/// A pause after a failure that will be there for a moment, such as too few descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// The door and its keys.
pub struct HttpDoor {
    book: Ledger<Contents>,
    known: Known,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    tasks: Vec<AbortHandle>,
    /// Why it is not open although it should be.
    trouble: Option<Code>,
    /// Whether the socket or pipe is there.
    local: bool,
}

impl HttpDoor {
    /// Reads what was decided. Opens nothing.
    ///
    /// # Errors
    /// A file of a newer version, or one that cannot be read.
    pub fn load(data_dir: &Path) -> Result<Self, disk::Error> {
        Ok(Self { book: book::open(data_dir)?, known: Known::default(), open: Mutex::default() })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

impl Doors {
    /// Opens the door at the start, if it was open. A port that is taken is shown as trouble, and ends nothing.
    pub async fn open_door_again(self: &Arc<Self>) {
        if self.door.book.read(Clone::clone).open
            && let Err(fault) = self.open_door().await
        {
            tracing::warn!(%fault, "the HTTP door could not be opened");
        }
    }

    async fn open_door(self: &Arc<Self>) -> Result<(), Fault> {
        *self.door.open() = Open::default();
        // A door that was opened before the policy stays shut at the next start; and at once when it is asked for again.
        let managed = &self.sign_ins.parts().settings.read().managed;
        managed.allows_door().map_err(|forbidden| {
            self.door.open().trouble = Some(Code::NotAllowedHere);
            LoginError::from(forbidden).fault()
        })?;
        let wanted = self.door.book.read(Clone::clone).port;
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted.unwrap_or(0))).await;
        let bound = bound.and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
        let (port, listener) = bound.map_err(|error| {
            self.door.open().trouble = Some(Code::DoorPortTaken);
            let fault = Fault::new(Code::DoorPortTaken).detail("reason", error.to_string());
            fault.detail("port", u64::from(wanted.unwrap_or(0)))
        })?;
        if wanted != Some(port) {
            self.door.book.edit(|book| book.port = Some(port)).await.map_err(|e| faults::failure(&e))?;
        }
        let keeper: Arc<dyn Doorkeeper> = Arc::new(Keeper(self.clone()));
        let loopback = tokio::spawn(accept_tcp(listener, port, keeper.clone()));
        let mut tasks = vec![loopback.abort_handle()];
        let paths = Paths { socket: self.paths.door(), ..self.paths.clone() };
        let local = Listener::bind(&paths)
            .inspect_err(|error| tracing::warn!(%error, "the HTTP door has no socket"))
            .map(|listener| tasks.push(tokio::spawn(accept_local(listener, keeper)).abort_handle()))
            .is_ok();
        *self.door.open() = Open { tasks, trouble: None, local };
        tracing::info!(port, "the HTTP door is open");
        Ok(())
    }

    /// `door.set`.
    pub(crate) async fn door_set(
        self: &Arc<Self>,
        peer: &Peer,
        params: api::DoorSet,
    ) -> Result<api::Door, Fault> {
        let port = match params.port.map(u16::try_from) {
            None => None,
            Some(Ok(port)) if port >= 1024 => Some(port),
            Some(_) => {
                let fault = Fault::new(Code::BadParameters).detail("method", "door.set");
                return Err(fault.detail("reason", "a port is a number from 1024 to 65535"));
            }
        };
        if params.open {
            let managed = &self.sign_ins.parts().settings.read().managed;
            managed.allows_door().map_err(|forbidden| LoginError::from(forbidden).fault())?;
        }
        let note = if params.open { "opened" } else { "closed" };
        self.record_door(peer, None, note.to_owned()).await?;
        let change = |book: &mut Contents| {
            book.open = params.open;
            book.port = port.or(book.port);
        };
        self.door.book.edit(change).await.map_err(|e| faults::failure(&e))?;
        match params.open {
            true => self.open_door().await?,
            false => *self.door.open() = Open::default(),
        }
        Ok(self.door_status())
    }

    /// `door.status`.
    pub(crate) fn door_status(&self) -> api::Door {
        let book = self.door.book.read(Clone::clone);
        // In a statement of its own: the lock is taken for each key as well.
        let trouble = self.door.open().trouble;
        api::Door {
            open: book.open,
            port: book.port.map(u32::from),
            code: trouble.map(|code| code.as_str().to_owned()),
            keys: book.keys.iter().map(|record| self.shown(record)).collect(),
        }
    }

    fn shown(&self, record: &KeyRecord) -> api::DoorKey {
        let (is_open, local) = {
            let open = self.door.open();
            (!open.tasks.is_empty(), open.local)
        };
        let port = self.door.book.read(Clone::clone).port.filter(|_| is_open);
        let account = self.core.account(&record.account).map(|s| s.account.name.clone());
        let path = format!("/{}/mcp", record.account.as_str());
        api::DoorKey {
            id: record.id.as_str().to_owned(),
            account: account.unwrap_or_default(),
            client: record.client.clone(),
            made_at: record.made_at,
            url: port.map(|port| format!("http://127.0.0.1:{port}{path}")),
            local_url: local.then(|| local_url(&self.paths.door(), &path)),
        }
    }

    /// `door.make_key`.
    pub(crate) async fn door_make_key(
        self: &Arc<Self>,
        peer: &Peer,
        params: api::DoorMakeKey,
    ) -> Result<api::DoorNewKey, Fault> {
        let wrong = |reason: &str| {
            Fault::new(Code::BadParameters).detail("method", "door.make_key").detail("reason", reason)
        };
        let client = params.client.trim().to_owned();
        if client.is_empty() || client.chars().count() > MOST_LABEL || client.chars().any(char::is_control) {
            return Err(wrong("`client` is a name of 1 to 64 characters"));
        }
        if self.door.book.read(Clone::clone).keys.len() >= MOST_KEYS {
            return Err(wrong("there are too many keys; take one away with `door.forget_key`"));
        }
        let account = self
            .core
            .find(&params.account)
            .map_err(|failure| faults::failure(&failure).detail("account", params.account.as_str()))?;
        let mut random = Zeroizing::new([0_u8; KEY_BYTES]);
        let mut id = [0_u8; 10];
        let filled = getrandom::fill(random.as_mut_slice()).and_then(|()| getrandom::fill(&mut id));
        filled.map_err(|_| Fault::new(Code::Internal).detail("reason", "the system gave no random bytes"))?;
        let text = Zeroizing::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random.as_slice()));
        let key = Zeroizing::new(format!("{PREFIX}{}", text.as_str()));
        let record = KeyRecord { id: DoorId::from_random(id), account, client, made_at: self.now().unix() };
        // In the record before it exists, in the keychain before it is named.
        self.record_door(peer, Some(&record.account), format!("key made: {}", record.client)).await?;
        let bytes = Zeroizing::new(key.as_bytes().to_vec());
        let stored = self.core.0.keep.replace(&Key::DoorKey(record.id.clone()), &bytes).await;
        stored.map_err(|error| faults::failure(&crate::failure::Failure::Vault(error)))?;
        self.door.known.learn(record.id.clone(), print_of(key.as_bytes()));
        let added = record.clone();
        self.door.book.edit(|book| book.keys.push(added)).await.map_err(|e| faults::failure(&e))?;
        Ok(api::DoorNewKey { made: self.shown(&record), key: Secret::from(SecretString::from(key.as_str())) })
    }

    /// `door.forget_key`.
    pub(crate) async fn door_forget_key(
        self: &Arc<Self>,
        peer: &Peer,
        params: &api::DoorForgetKey,
    ) -> Result<api::Empty, Fault> {
        let keys = self.door.book.read(Clone::clone).keys;
        let record = keys.into_iter().find(|record| record.id.as_str() == params.id);
        let record = record.ok_or_else(|| {
            let fault = Fault::new(Code::BadParameters).detail("method", "door.forget_key");
            fault.detail("reason", "there is no such key")
        })?;
        self.record_door(peer, Some(&record.account), format!("key taken away: {}", record.client)).await?;
        self.forget_door_keys(|other| other.id == record.id).await;
        Ok(api::Empty {})
    }

    /// An account is gone, and its keys with it.
    pub(crate) async fn forget_door_keys_of(&self, account: &AccountId) {
        self.forget_door_keys(|record| record.account == *account).await;
    }

    async fn forget_door_keys(&self, which: impl Fn(&KeyRecord) -> bool) {
        let gone: Vec<_> =
            self.door.book.read(Clone::clone).keys.into_iter().filter(|record| which(record)).collect();
        if gone.is_empty() {
            return;
        }
        // From this moment on it opens nothing, whatever disk and keychain say.
        gone.iter().for_each(|record| self.door.known.forget(&record.id));
        let ids: Vec<_> = gone.iter().map(|record| record.id.clone()).collect();
        if let Err(error) = self.door.book.edit(|book| book.keys.retain(|r| !ids.contains(&r.id))).await {
            tracing::error!(%error, "a key of the HTTP door stays in the file");
        }
        for id in ids {
            if let Err(error) = self.core.0.keep.delete(&Key::DoorKey(id)).await {
                tracing::warn!(%error, "a key of the HTTP door stays in the keychain, where it opens nothing");
            }
        }
    }

    async fn record_door(&self, peer: &Peer, account: Option<&AccountId>, note: String) -> Result<(), Fault> {
        let account = account.and_then(|id| self.core.account(id).ok());
        let entry = AuditEntry {
            account: account.as_ref().map(|s| s.account.name.clone()),
            server: account.as_ref().map(|s| s.account.server.as_str().to_owned()),
            caller: Some(peer.caller.clone()),
            note: Some(note),
            ..audit::entry(self.now().unix(), AuditAction::Door, AuditOutcome::Ok)
        };
        self.write(entry).await
    }
}

/// As VS Code writes it: the socket, and behind `#` the path.
fn local_url(socket: &Path, path: &str) -> String {
    let socket = socket.display().to_string();
    match socket.strip_prefix(r"\\.\pipe\") {
        Some(pipe) => format!("pipe:///pipe/{pipe}#{path}"),
        None => format!("unix://{socket}#{path}"),
    }
}

async fn accept_tcp(listener: TcpListener, port: u16, keeper: Arc<dyn Doorkeeper>) {
    let mut guests = Guests::new(Entry::Loopback(port), keeper);
    loop {
        match guests.or_gone(listener.accept()).await {
            Ok((stream, _)) => {
                // An answer is small, and somebody waits for it.
                let _ = stream.set_nodelay(true);
                guests.serve(stream).await;
            }
            Err(error) => {
                tracing::warn!(%error, "a client of the HTTP door could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn accept_local(listener: Listener, keeper: Arc<dyn Doorkeeper>) {
    let looker = Looker::new(&std::env::current_exe().unwrap_or_default());
    let mut guests = Guests::new(Entry::Private, keeper);
    loop {
        match guests.or_gone(listener.accept()).await {
            // Another user's process gets nothing, not even a word.
            Ok(connection) if connection.identify(&looker).is_err() => drop(connection),
            Ok(connection) => guests.serve(connection).await,
            Err(error) => {
                tracing::warn!(%error, "a client of the HTTP door could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The connections of one listener; they end with it.
struct Guests {
    entry: Entry,
    keeper: Arc<dyn Doorkeeper>,
    served: JoinSet<()>,
    room: Arc<Semaphore>,
}

impl Guests {
    fn new(entry: Entry, keeper: Arc<dyn Doorkeeper>) -> Self {
        Self { entry, keeper, served: JoinSet::new(), room: Arc::new(Semaphore::new(MOST_CONNECTIONS)) }
    }

    /// Waits for the next one, and forgets those that have gone meanwhile.
    async fn or_gone<T>(&mut self, next: impl Future<Output = T>) -> T {
        tokio::pin!(next);
        loop {
            tokio::select! {
                next = &mut next => return next,
                Some(_) = self.served.join_next() => {}
            }
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&mut self, stream: S) {
        // Never closed.
        let Ok(permit) = self.room.clone().acquire_owned().await else { return };
        let (entry, keeper) = (self.entry, self.keeper.clone());
        self.served.spawn(async move {
            let _permit = permit;
            if let Err(error) = gateway_door::serve(stream, entry, keeper).await {
                tracing::debug!(%error, "a client of the HTTP door went");
            }
        });
    }
}
