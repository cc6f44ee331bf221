//! From a started process to a serving agent, and back.
//!
//! Order matters: the lock before everything that two agents must not do at once (socket, keychain, files); the socket
//! before the keychain, which may wait for a person. At the end: no new connections, requests under way finish and are
//! stored (a rotated token that was not would be lost), the audit log is written out, and then the lock goes with the
//! process.

use crate::approvals::Approvals;
use crate::audit::{self, Audit};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Mistake, VaultChoice};
use crate::consent::{BesideAgent, Consent};
use crate::core::{Core, Event, Notice, Options as CoreOptions};
use crate::door::HttpDoor;
use crate::failure::Failure;
use crate::harden::Shortfall;
use crate::http::{SystemHttp, Wire};
use crate::id::AccountId;
use crate::lock::{AgentLock, LockError};
use crate::log::{self, Echo, LogLevel};
use crate::login::{Parts, Settings, SignIns};
use crate::managed::{Managed, Source};
use crate::methods::{Doors, Peer, STOP_TIME};
use crate::serve;
use crate::session::Session;
use crate::updates::{self, Updates};
use crate::{disk, examine, faults, scheme};
use mcp_login_ipc::api::{AuditAction, AuditEntry, AuditOutcome, Outcome};
use mcp_login_ipc::client::{Client, ClientError};
use mcp_login_ipc::paths::PathError;
use mcp_login_ipc::provenance::{Denied, Looker, Provenance};
use mcp_login_ipc::server::{BindError, Connection, Listener};
use mcp_login_ipc::{Code, Fault, Paths, identity};
use mcp_login_vault::Vault;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::task::JoinSet;

/// Names the log level when `--log` does not.
const LOG_VARIABLE: &str = "MCP_LOGIN_LOG";
/// How often one that was started while another ends looks whether it has.
const LOCK_LOOK: Duration = Duration::from_millis(20);
/// After `accept` failed for lack of descriptors: time for a connection to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often it is seen whether the socket still lies where clients look (cleaners of temporary directories).
const SOCKET_LOOK: Duration = Duration::from_secs(37);
/// Callers whose description is kept: those that ask again and again.
const MAX_PEERS: usize = 64;

/// What the command line said.
#[derive(Debug)]
pub struct Options {
    /// Whether log lines go to standard error too.
    pub echo: Echo,
    /// `--log`.
    pub log: Option<LogLevel>,
    /// What hardening could not do.
    pub short: Vec<Shortfall>,
    /// How far to go.
    pub aim: Aim,
}

/// How far a start goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// To serve until told to stop.
    Serve,
    /// Only as far as an agent can be hindered: files, settings, socket.
    Check,
}

/// Why there is no agent.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another one serves: the quiet way out.
    #[error("another agent is running")]
    Running,
    /// No directories.
    #[error(transparent)]
    Paths(#[from] PathError),
    /// The lock file.
    #[error(transparent)]
    Lock(LockError),
    /// A file that cannot be made.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The settings, at the start: there are no former ones to go on with.
    #[error(transparent)]
    Settings(#[from] Mistake),
    /// The decisions.
    #[error(transparent)]
    Approvals(#[from] disk::Error),
    /// The state.
    #[error(transparent)]
    Core(#[from] Failure),
    /// The socket.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Threads, runtime.
    #[error("the system gives no threads")]
    System(#[source] std::io::Error),
}

impl StartError {
    /// The row of the table, filled in.
    #[must_use]
    pub fn fault(&self) -> Fault {
        let file = |path: &std::path::Path, why: String| {
            let fault = Fault::new(Code::FileUnwritable).detail("file", path.display().to_string());
            fault.detail("reason", why)
        };
        match self {
            StartError::Running => Fault::new(Code::AlreadyRunning),
            StartError::Paths(error) => path(error),
            StartError::Lock(LockError::Unusable { path, source }) => file(path, source.to_string()),
            StartError::Lock(LockError::Held) => Fault::new(Code::AlreadyRunning),
            StartError::File { path, source } => file(path, source.to_string()),
            StartError::Settings(mistake) => Fault::new(Code::BadSettings)
                .detail("file", mistake.file.display().to_string())
                .detail("line", mistake.line)
                .detail("key", mistake.key.as_str())
                .detail("reason", mistake.what.as_str()),
            StartError::Approvals(error) => faults::state_file(error),
            StartError::Core(error) => faults::failure(error),
            StartError::Bind(BindError::Path(error)) => path(error),
            StartError::Bind(BindError::Taken { path }) => {
                Fault::new(Code::NotOurAgent).detail("path", path.display().to_string())
            }
            StartError::Bind(BindError::Io { path, source }) => file(path, source.to_string()),
            StartError::System(error) => {
                Fault::new(Code::AgentStartFailed).detail("reason", error.to_string())
            }
        }
    }
}

fn path(error: &PathError) -> Fault {
    match error {
        PathError::NoHome | PathError::HomeNotAbsolute => Fault::new(Code::NoHome),
        PathError::Unsafe { path, reason } => Fault::new(Code::RunDirectoryUnsafe)
            .detail("path", path.display().to_string())
            .detail("reason", reason.to_string()),
        other => Fault::new(Code::AgentStartFailed).detail("reason", other.to_string()),
    }
}

/// Is the agent until it is told to stop.
///
/// # Errors
/// [`StartError`].
pub fn run(options: Options) -> Result<(), StartError> {
    let paths = Paths::find()?;
    let _lock = lock(&paths)?;
    let config = Config::load(&paths.config_dir);
    let level = level(&options, config.as_ref().ok());
    log::start(&paths.data_dir, level, options.echo)
        .map_err(|source| StartError::File { path: paths.data_dir.join(log::FILE_NAME), source })?;
    for Shortfall { step, error } in &options.short {
        tracing::warn!(step, %error, "a protection could not be turned on");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // For state files and name lookups; a current_thread runtime has no others.
        .max_blocking_threads(8)
        .build()
        .map_err(StartError::System)?;
    let ended = runtime.block_on(serve(paths, config?, options.aim));
    // What still runs are lookups and waits that nobody is interested in any more.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

/// One agent a user. One that is about to end closes its socket first and lets go of the lock last: who was started
/// meanwhile, because nobody answered, waits for that, or the caller who needs an agent would get none.
fn lock(paths: &Paths) -> Result<AgentLock, StartError> {
    let until = Instant::now() + STOP_TIME;
    loop {
        match AgentLock::take(&paths.data_dir) {
            Ok(lock) => return Ok(lock),
            Err(LockError::Held) => {
                let alone = matches!(Client::connect(paths), Err(ClientError::NotRunning));
                if !alone || Instant::now() >= until {
                    return Err(StartError::Running);
                }
                std::thread::sleep(LOCK_LOOK);
            }
            Err(other) => return Err(StartError::Lock(other)),
        }
    }
}

fn level(options: &Options, config: Option<&Config>) -> LogLevel {
    let variable = std::env::var(LOG_VARIABLE).ok();
    let words = [variable, config.and_then(|c| c.log.clone())];
    options.log.or_else(|| words.into_iter().flatten().find_map(|word| word.parse().ok())).unwrap_or_default()
}

async fn serve(paths: Paths, config: Config, aim: Aim) -> Result<(), StartError> {
    // Before the first callback or request can come.
    let mut stop_signal = std::pin::pin!(stop_signal().map_err(StartError::System)?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let audit = Audit::open(&paths.data_dir)
        .map_err(|source| StartError::File { path: paths.data_dir.join(audit::FILE_NAME), source })?;
    let config = Managed::read(&Source::System).over(config);
    let approvals = Approvals::open_with(&paths.data_dir, &paths.config_dir, config.managed.allow.clone())?;
    let choice = config.approvals;
    let own = std::env::current_exe().unwrap_or_default();
    let vault = match config.vault {
        VaultChoice::Keychain => Vault::keychain(identity::KEYCHAIN_SERVICE).map_err(StartError::System)?,
        VaultChoice::Memory => Vault::memory(),
    };
    let http = Wire::new(SystemHttp::new());
    let core = Core::open(CoreOptions {
        data_dir: paths.data_dir.clone(),
        allow_private_hosts: config.allow_private_hosts.clone(),
        clock: clock.clone(),
        vault,
        http: http.clone(),
    })
    .await?;
    let settings = Arc::new(Settings::new(paths.config_dir.clone(), Source::System, config));
    let opener = Arc::new(|| scheme::opener(identity::SCHEME));
    let parts =
        Parts { core: core.clone(), http, settings, clock: clock.clone(), opener, audit: audit.clone() };
    let listener = Listener::bind(&paths)?;
    if aim == Aim::Check {
        return Ok(());
    }
    let (stop, stopped) = watch::channel(false);
    let doors = Arc::new(Doors {
        sign_ins: SignIns::new(parts),
        approvals,
        audit: audit.clone(),
        started_at: clock.now().unix(),
        clock,
        paths: paths.clone(),
        choice,
        consent: Consent::new(BesideAgent::new(&own), Session::of_this_process()),
        gateway: Default::default(),
        helpers: Default::default(),
        door: HttpDoor::load(&paths.data_dir)?,
        updates: Updates::load(&paths.data_dir)?,
        wanted: watch::channel(0).0,
        instance: instance(),
        examinations: Arc::new(Semaphore::new(examine::MOST)),
        stop,
        core: core.clone(),
    });
    note(&doors, AuditAction::AgentStarted).await;
    let state = core.notices().iter().map(|Notice::KeptAside(path)| path.as_path());
    for path in state.chain(doors.approvals.kept_aside()) {
        let entry = audit::entry(doors.now().unix(), AuditAction::FileKeptAside, AuditOutcome::Ok);
        let _ = audit.write(AuditEntry { note: Some(path.display().to_string()), ..entry }).await;
    }
    tracing::info!(pid = std::process::id(), version = identity::SOFTWARE_VERSION, "serving");
    doors.open_door_again().await;
    updates::begin(&doors);
    // before the core begins with anything that is to be written down
    let watcher = tokio::spawn(follow_core(doors.clone(), core.subscribe()));
    let background = tokio::spawn({
        let (core, stopped) = (core.clone(), stopped.clone());
        async move { core.run(stopped).await }
    });
    let signalled = doors.clone();
    let mut connections = JoinSet::new();
    tokio::select! {
        () = accept(&paths, &own, listener, doors.clone(), &mut connections) => {}
        () = &mut stop_signal => { signalled.stop.send_replace(true); }
    }
    // No new connections from here on: the listener is gone.
    let finish = async {
        while connections.join_next().await.is_some() {}
        let _ = background.await;
        core.settle().await;
    };
    if tokio::time::timeout(STOP_TIME, finish).await.is_err() {
        tracing::warn!("something was still under way; it is carried on with at the next start");
    }
    watcher.abort();
    note(&doors, AuditAction::AgentStopped).await;
    let _ = tokio::time::timeout(STOP_TIME, audit.flush()).await;
    tracing::info!("ended");
    Ok(())
}

async fn note(doors: &Doors, action: AuditAction) {
    let _ = doors.audit.write(audit::entry(doors.now().unix(), action, AuditOutcome::Ok)).await;
}

/// Accepts until the agent is told to stop. The listener ends with it, and the socket is removed.
async fn accept(
    paths: &Paths,
    own: &Path,
    mut listener: Listener,
    doors: Arc<Doors>,
    connections: &mut JoinSet<()>,
) {
    let looker = Looker::new(own);
    let peers = Peers::default();
    let room = Arc::new(Semaphore::new(serve::MAX_CONNECTIONS));
    let mut stop = doors.stopping();
    let mut look = tokio::time::interval(SOCKET_LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = serve::stopped(&mut stop) => return,
            Some(_) = connections.join_next() => {}
            permit = room.clone().acquire_owned(), if room.available_permits() == 0 => drop(permit),
            accepted = listener.accept(), if room.available_permits() > 0 => match accepted {
                Ok(connection) => {
                    let Ok(permit) = room.clone().try_acquire_owned() else { continue };
                    match connection.identify(&looker) {
                        Ok(provenance) => {
                            let (peer, doors) = (peers.of(&provenance), doors.clone());
                            let mut served = Box::pin(async move {
                                let _permit = permit;
                                serve::connection(connection, peer, doors).await;
                            });
                            // Most have asked already, and are answered before the next one is looked for.
                            let first = std::future::poll_fn(|cx| Poll::Ready(served.as_mut().poll(cx)));
                            if first.await.is_pending() {
                                connections.spawn(served);
                            }
                        }
                        Err(denied) => refuse(&doors, connection, &denied).await,
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            _ = look.tick() => {
                doors.approvals.sweep(doors.now());
                if !listener.is_reachable() {
                    match Listener::bind(paths) {
                        Ok(anew) => listener = anew,
                        Err(error) => tracing::error!(%error, "the socket is gone and cannot be made again"),
                    }
                }
            }
        }
    }
}

/// Nothing it says is read, and nothing is said to it.
async fn refuse(doors: &Doors, connection: Connection, denied: &Denied) {
    drop(connection);
    tracing::warn!(%denied, "a connection was refused");
    let entry = audit::entry(doors.now().unix(), AuditAction::ConnectionRefused, AuditOutcome::Denied);
    let _ = doors.audit.write(AuditEntry { note: Some(denied.to_string()), ..entry }).await;
}

/// What the core does by itself and others must hear of: decisions about an account go when it goes, and sign-outs that
/// nobody waits for any more go into the record.
async fn follow_core(doors: Arc<Doors>, mut events: broadcast::Receiver<Event>) {
    loop {
        let (action, receipt) = match events.recv().await {
            Ok(Event::Removed { account, .. }) => {
                doors.forget_door_keys_of(&account).await;
                if let Err(error) = doors.approvals.forget(&account).await {
                    tracing::warn!(%error, "approvals of an account that is gone stay in the file");
                }
                continue;
            }
            Ok(Event::Rotated { account, generation }) => {
                rotated(&doors, &account, Ok(generation)).await;
                continue;
            }
            Ok(Event::Refused { account, failure }) => {
                rotated(&doors, &account, Err(failure)).await;
                continue;
            }
            Ok(Event::SignedOut(receipt)) => (AuditAction::SignOut, receipt),
            Ok(Event::Revoked(receipt)) => (AuditAction::Revocation, receipt),
            Ok(Event::Account(_) | Event::Ends(_) | Event::HandOut) | Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let failed = receipt.lines.iter().find(|line| line.outcome == Outcome::Failed);
        let outcome = if failed.is_some() { AuditOutcome::Failed } else { AuditOutcome::Ok };
        let entry = AuditEntry {
            account: Some(receipt.account.clone()),
            server: Some(receipt.server.clone()),
            code: failed.and_then(|line| line.code.clone()),
            ..audit::entry(doors.now().unix(), action, outcome)
        };
        if doors.audit.write(entry).await.is_err() {
            tracing::warn!("a sign-out is missing in the record");
        }
    }
}

/// A rotation by the schedule: nobody asked for it.
async fn rotated(doors: &Doors, account: &AccountId, result: Result<u64, Failure>) {
    let Ok(snapshot) = doors.core.account(account) else { return };
    let outcome = if result.is_ok() { AuditOutcome::Ok } else { AuditOutcome::Failed };
    let entry = AuditEntry {
        account: Some(snapshot.account.name.clone()),
        server: Some(snapshot.account.server.as_str().to_owned()),
        generation: Some(*result.as_ref().unwrap_or(&snapshot.generation)),
        code: result.err().map(|failure| failure.code().as_str().to_owned()),
        ..audit::entry(doors.now().unix(), AuditAction::Refresh, outcome)
    };
    if doors.audit.write(entry).await.is_err() {
        tracing::warn!("a rotation is missing in the record");
    }
}

/// Descriptions of callers: the same processes give the same provenance, which is described once.
#[derive(Default)]
struct Peers(Mutex<Vec<(Arc<Provenance>, Arc<Peer>)>>);

impl Peers {
    fn of(&self, provenance: &Arc<Provenance>) -> Arc<Peer> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, peer)) = known.iter().find(|(p, _)| Arc::ptr_eq(p, provenance)) {
            return peer.clone();
        }
        let peer = Arc::new(Peer::of(provenance));
        if known.len() == MAX_PEERS {
            known.remove(0);
        }
        known.push((provenance.clone(), peer.clone()));
        peer
    }
}

fn instance() -> String {
    let mut bytes = [0_u8; 8];
    // Only has to differ from the last start; without random bytes the process id does most of that.
    if getrandom::fill(&mut bytes).is_err() {
        bytes[..4].copy_from_slice(&std::process::id().to_le_bytes());
    }
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Ends when the system wants the agent to end.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // The terminal that started us is gone; we are not its.
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = hang_up.recv() => {}
            }
        }
    })
}

/// Ends when the system wants the agent to end.
#[cfg(windows)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::windows;
    let mut ctrl_c = windows::ctrl_c()?;
    let mut close = windows::ctrl_close()?;
    let mut log_off = windows::ctrl_logoff()?;
    let mut shut_down = windows::ctrl_shutdown()?;
    Ok(async move {
        tokio::select! {
            _ = ctrl_c.recv() => {}
            _ = close.recv() => {}
            _ = log_off.recv() => {}
            _ = shut_down.recv() => {}
        }
    })
}
