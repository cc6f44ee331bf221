//! The connection on which we hear the agent, made again whenever it is lost.
//!
//! Problem: the agent may crash, may be stopped on purpose, may be another one after an update. Invariants: an agent that
//! was lost is started again once, one that a person stopped is not started until somebody asks; after each connect
//! everything is asked for anew, and the agent learns where windows open.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use mcp_login_ipc::api::{Announce, Empty, Event, Hello, Notification};
use mcp_login_ipc::client::{ClientError, StartHow};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Client, Code, Fault, Paths, identity};
use serde_json::json;
use tauri::{AppHandle, Manager as _};

use crate::picture::{Link, Stale};
use crate::shell::Shell;
use crate::subscribers::Subscribers;
use crate::{display, notify, relay, windows};

/// Between two looks for an agent that does not run. A look is one system call.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether an agent that does not run is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    IfNeeded,
    Never,
}

/// How a connection ended.
enum End {
    /// The agent said that it ends.
    Stopped,
    /// It is gone.
    Lost,
}

/// Asks the listening thread to look again now, and to start an agent.
#[derive(Debug, Default)]
pub(crate) struct Wish(Mutex<bool>, Condvar);

impl Wish {
    /// An agent is wanted.
    pub(crate) fn start(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.1.notify_all();
    }

    /// Waits a while, or until an agent is wanted.
    fn wait(&self) -> Start {
        let wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut wanted, _) = self
            .1
            .wait_timeout_while(wanted, PAUSE, |wanted| !*wanted)
            .unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut *wanted) { Start::IfNeeded } else { Start::Never }
    }
}

/// Listens on a thread of its own, as long as the program runs.
///
/// # Errors
/// When there can be no thread.
pub(crate) fn listen(app: AppHandle) -> std::io::Result<()> {
    let run = move || {
        let mut start = Start::IfNeeded;
        loop {
            let shell = app.state::<Shell>();
            match connect(&shell.paths, start).and_then(|client| attend(&app, client)) {
                Ok(End::Lost) => {
                    start = Start::IfNeeded;
                    down(&app, None);
                    continue;
                }
                Ok(End::Stopped) => down(&app, None),
                // nothing new: it did not run a second ago either
                Err(ClientError::NotRunning) if start == Start::Never => {}
                Err(ClientError::NotRunning) => down(&app, None),
                Err(error) => down(&app, Some(error.fault())),
            }
            start = shell.wish.wait();
        }
    };
    std::thread::Builder::new().name("link".to_owned()).spawn(run).map(|_| ())
}

fn connect(paths: &Paths, start: Start) -> Result<Client, ClientError> {
    match start {
        Start::IfNeeded => Client::connect_or_start(paths, StartHow::Auto),
        Start::Never => Client::connect(paths),
    }
}

/// Everything that has to be said and asked on a new connection, and then what comes in, until it ends.
fn attend(app: &AppHandle, mut client: Client) -> Result<End, ClientError> {
    greet(&mut client)?;
    // an agent that knows no display opens no window, and everything else still works
    let _ = client.call(&call::SessionAnnounce(Announce { environment: display::variables() }));
    client.call(&call::EventsSubscribe(Empty {}))?;
    load(app, &mut client)?;
    app.state::<Subscribers>().tell_link(None);
    loop {
        match client.notification(None) {
            Ok(Notification::Event(Event::AgentStopping)) => return Ok(End::Stopped),
            Ok(Notification::Event(event)) => hear(app, &mut client, &event)?,
            Ok(_) => {}
            Err(_) => return Ok(End::Lost),
        }
    }
}

/// Whether we speak the same protocol.
///
/// # Errors
/// `protocol_mismatch`, and what a connection can meet.
pub(crate) fn greet(client: &mut Client) -> Result<(), ClientError> {
    let hello = Hello {
        client: identity::DESKTOP_NAME.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: identity::PROTOCOL,
    };
    let welcome = client.call(&call::Hello(hello))?;
    if welcome.protocol == identity::PROTOCOL {
        return Ok(());
    }
    let reason = format!("it speaks version {}, this program {}", welcome.protocol, identity::PROTOCOL);
    Err(Fault::new(Code::ProtocolMismatch).detail("reason", reason).into())
}

fn hear(app: &AppHandle, client: &mut Client, event: &Event) -> Result<(), ClientError> {
    let shell = app.state::<Shell>();
    if let Some(note) = notify::note(&shell.picture(), event) {
        notify::show(app, note);
    }
    let stale = shell.picture().apply(event);
    match stale {
        Stale::Nothing => {}
        Stale::Questions => {
            let pending = client.call(&call::ApprovalList(Empty {}))?.pending;
            shell.picture().pending = pending;
        }
        Stale::Everything => load(app, client)?,
    }
    shell.paint(app);
    if *event == Event::WindowWanted {
        windows::open_soon(app, None);
    }
    app.state::<Subscribers>().tell(&json!({"type": "event", "event": relay::page(event)?}));
    Ok(())
}

/// Asks for everything, paints it, and looks after the scheme.
fn load(app: &AppHandle, client: &mut Client) -> Result<(), ClientError> {
    let shell = app.state::<Shell>();
    let status = client.call(&call::AgentStatus(Empty {}))?;
    let accounts = client.call(&call::AccountList(Empty {}))?.accounts;
    let pending = client.call(&call::ApprovalList(Empty {}))?.pending;
    shell.picture().load(&status, accounts, pending);
    shell.paint(app);
    crate::deep_link::settle(app, &status.scheme);
    Ok(())
}

fn down(app: &AppHandle, fault: Option<Fault>) {
    let shell = app.state::<Shell>();
    {
        let mut picture = shell.picture();
        picture.link = Link::Down(fault.clone());
        picture.pending.clear();
    }
    shell.paint(app);
    app.state::<Subscribers>().tell_link(Some(fault.map(Into::into)));
}

/// Passes the audit log's new entries on, as long as a page listens. A connection of its own: without a window nobody
/// wants to hear of each token.
///
/// # Errors
/// When there can be no thread.
pub(crate) fn follow_audit(app: AppHandle) -> std::io::Result<()> {
    /// How often it is looked whether anybody still listens.
    const LOOK: Duration = Duration::from_secs(5);
    let run = move || {
        let subscribers = app.state::<Subscribers>();
        let follow = || -> Result<(), ClientError> {
            let mut client = Client::connect(&app.state::<Shell>().paths)?;
            let read = mcp_login_ipc::api::AuditRead { limit: Some(1), follow: true, ..Default::default() };
            client.call(&call::AuditRead(read))?;
            while subscribers.any() {
                match client.notification(Some(LOOK)) {
                    Ok(Notification::AuditEntry(entry)) => {
                        subscribers.tell(&json!({"type": "audit", "entry": entry}));
                    }
                    Ok(_) | Err(ClientError::Silent) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        while subscribers.any() {
            if follow().is_err() {
                std::thread::sleep(PAUSE);
            }
        }
        app.state::<Shell>().audit_ended();
    };
    std::thread::Builder::new().name("audit".to_owned()).spawn(run).map(|_| ())
}
