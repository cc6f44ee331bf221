//! The app as it runs: its state, and what happens when.
//!
//! Invariants: closing the window ends nothing, and ending the app leaves the agent serving; a tray that cannot be there
//! is no error.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_login_ipc::api::{Empty, Pause};
use mcp_login_ipc::client::ClientError;
use mcp_login_ipc::method::{Call, call};
use mcp_login_ipc::{Client, Exit, Paths, identity};
use tauri::{AppHandle, Context, Manager as _, RunEvent, Wry};

use crate::arguments::Opening;
use crate::link::{self, Wish};
use crate::lock::Lock;
use crate::picture::Picture;
use crate::settings::Settings;
use crate::subscribers::{self, Subscribers};
use crate::tray::{Action, Tray};
use crate::{autostart, clients, commands, deep_link, display, watch, windows};

/// What the app knows and holds.
pub(crate) struct Shell {
    /// Where things lie.
    pub(crate) paths: Paths,
    /// Wakes the thread that listens to the agent.
    pub(crate) wish: Wish,
    picture: Mutex<Picture>,
    tray: Mutex<Option<Tray>>,
    audit: AtomicBool,
    foreign_said: AtomicBool,
    _lock: Lock,
}

impl Shell {
    fn new(paths: Paths, lock: Lock) -> Self {
        Self {
            paths,
            wish: Wish::default(),
            picture: Mutex::default(),
            tray: Mutex::new(None),
            audit: AtomicBool::new(false),
            foreign_said: AtomicBool::new(false),
            _lock: lock,
        }
    }

    /// What tray and notifications know.
    pub(crate) fn picture(&self) -> MutexGuard<'_, Picture> {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows it in the tray.
    pub(crate) fn paint(&self, app: &AppHandle) {
        // the lock of the picture is not held while the toolkit's thread is waited for: it may want the picture itself
        let picture = self.picture().clone();
        if let Some(tray) = &*self.tray.lock().unwrap_or_else(PoisonError::into_inner) {
            tray.show(app, &picture);
        }
    }

    /// Whether the tray can be seen.
    pub(crate) fn has_tray(&self) -> bool {
        let tray = self.tray.lock().unwrap_or_else(PoisonError::into_inner);
        tray.as_ref().is_some_and(Tray::is_there)
    }

    /// Where the webview may keep what it must.
    pub(crate) fn webview_dir(&self) -> PathBuf {
        self.paths.data_dir.join("webview")
    }

    /// One question, on a connection of its own. An agent that does not run is not started by it.
    ///
    /// # Errors
    /// What a connection can meet, and what the agent says.
    pub(crate) fn ask<C: Call>(&self, question: &C) -> Result<C::Result, ClientError> {
        Client::connect(&self.paths)?.call(question)
    }

    /// Follows the audit log, unless that is done already.
    pub(crate) fn follow_audit(&self, app: &AppHandle) {
        if !self.audit.swap(true, Ordering::SeqCst) && link::follow_audit(app.clone()).is_err() {
            self.audit_ended();
        }
    }

    /// Nobody follows it any more.
    pub(crate) fn audit_ended(&self) {
        self.audit.store(false, Ordering::SeqCst);
    }

    /// Whether this is the first time that another program is found to hold our scheme.
    pub(crate) fn first_time_foreign(&self) -> bool {
        !self.foreign_said.swap(true, Ordering::SeqCst)
    }
}

/// The app's pages and permissions, under the name that this build goes by.
pub(crate) fn context() -> Context<Wry> {
    let mut context = tauri::generate_context!();
    // a debug build shares no directory with an installed app
    identity::SCHEME.clone_into(&mut context.config_mut().identifier);
    context
}

/// Runs until the person quits.
pub(crate) fn run(opening: &Opening, paths: Paths, lock: Lock) -> ExitCode {
    if !display::is_there() {
        return crate::fail(
            "there is no display to open a window on. The command does the same: mcp-login --help",
            Exit::Failed,
        );
    }
    let shown = *opening != Opening::Background;
    let settings = Settings::read(&paths.data_dir);
    let shell = Shell::new(paths, lock);
    let built = tauri::Builder::default()
        .manage(shell)
        .manage(settings)
        .manage(Subscribers::default())
        .manage(clients::Shown::default())
        .invoke_handler(tauri::generate_handler![
            commands::agent_call,
            subscribers::subscribe,
            commands::open_browser,
            commands::copy_link,
            commands::copy_text,
            commands::browsers,
            commands::doctor,
            commands::settings,
            commands::set_autostart,
            commands::open_path,
            commands::open_release,
            commands::start_agent,
            commands::take_scheme,
            commands::install_command,
            commands::registrable_domain,
            commands::quit,
            clients::clients,
            clients::plan_connect,
            clients::plan_disconnect,
            clients::plan_setup,
            clients::plan_undo,
            clients::make_change
        ])
        .setup(move |app| {
            #[cfg(target_os = "macos")]
            app.set_activation_policy(tauri::ActivationPolicy::Accessory);
            let app = app.handle();
            let tray = Tray::new(app, act);
            *app.state::<Shell>().tray.lock().unwrap_or_else(PoisonError::into_inner) = Some(tray);
            link::listen(app.clone())?;
            watch::begin(app.clone());
            if shown {
                windows::open_soon(app, None);
            }
            if !deep_link::elsewhere() {
                autostart::heal();
            }
            Ok(())
        })
        .build(context());
    match built {
        Ok(app) => {
            app.run(happen);
            ExitCode::SUCCESS
        }
        Err(error) => crate::fail(&format!("the window system does not let us in: {error}"), Exit::Failed),
    }
}

fn happen(app: &AppHandle, event: RunEvent) {
    match event {
        // the last window was closed; whoever wants to end us says so with a code
        RunEvent::ExitRequested { code: None, api, .. } => {
            api.prevent_exit();
            #[cfg(target_os = "linux")]
            crate::anew::later(app);
        }
        RunEvent::ExitRequested { .. } => windows::remember_open(app),
        #[cfg(target_os = "macos")]
        RunEvent::Opened { urls } => opened(app, &urls),
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => windows::open_soon(app, None),
        _ => {}
    }
}

/// macOS starts no second process for an address: it hands it to the one that runs.
#[cfg(target_os = "macos")]
fn opened(app: &AppHandle, urls: &[tauri::Url]) {
    use crate::deep_link::{Callback, Handed, hand_over};
    for callback in urls.iter().filter_map(|url| Callback::read(url.as_str())) {
        let app = app.clone();
        let run = move || {
            if hand_over(&callback) == Handed::Over {
                windows::open_soon(&app, None);
            }
        };
        let _ = std::thread::Builder::new().name("callback".to_owned()).spawn(run);
    }
}

/// A line of the tray's menu was chosen.
fn act(app: &AppHandle, action: Action) {
    match action {
        Action::Open => windows::open_soon(app, None),
        Action::Account(id) => windows::open_soon(app, Some(&format!("account/{id}"))),
        Action::SignInAgain(id) => windows::open_soon(app, Some(&format!("again/{id}"))),
        Action::StartAgent => app.state::<Shell>().wish.start(),
        Action::Quit => app.exit(0),
        Action::Pause => aside(app, |app| pause(app, true)),
        Action::Resume => aside(app, |app| pause(app, false)),
        Action::Answer => aside(app, answer),
    }
}

/// Not on the toolkit's thread: the agent may take its time.
fn aside(app: &AppHandle, work: impl FnOnce(&AppHandle) + Send + 'static) {
    let app = app.clone();
    let _ = std::thread::Builder::new().name("menu".to_owned()).spawn(move || work(&app));
}

fn pause(app: &AppHandle, paused: bool) {
    // when it did not work the menu still says so
    let _ = app.state::<Shell>().ask(&call::AgentPause(Pause { paused }));
}

/// Brings the first question that waits to the person: in the consent window, or where no such window can be, the list.
fn answer(app: &AppHandle) {
    let shell = app.state::<Shell>();
    let waiting =
        shell.ask(&call::ApprovalList(Empty {})).ok().and_then(|list| list.pending.into_iter().next());
    let asked = waiting
        .map(|first| shell.ask(&call::ApprovalAsk(mcp_login_ipc::api::ApprovalAsk { pending: first.id })));
    if !matches!(asked, Some(Ok(_))) {
        windows::open_soon(app, Some("programs"));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    const BUILD: &str = include_str!("../build.rs");
    const SETTINGS: &str = include_str!("../tauri.conf.json");
    /// A window: what it is answered, and what it is permitted.
    const WINDOWS: &[(&str, &str)] = &[
        (include_str!("shell.rs"), include_str!("../capabilities/main.json")),
        (include_str!("consent.rs"), include_str!("../capabilities/consent.json")),
    ];

    fn between<'a>(text: &'a str, start: &str) -> &'a str {
        text.split(start).nth(1).unwrap().split(']').next().unwrap()
    }

    fn handlers(source: &str) -> BTreeSet<String> {
        let list = between(source, &["generate_handler", "!["].concat());
        list.split(',').map(|path| path.trim().rsplit("::").next().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_window_is_permitted_what_it_is_answered_and_nothing_else() {
        let mut all = BTreeSet::new();
        for (source, capability) in WINDOWS {
            let capability: Value = serde_json::from_str(capability).unwrap();
            let permitted: BTreeSet<String> = capability["permissions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|permission| {
                    permission.as_str().unwrap().strip_prefix("allow-").unwrap().replace('-', "_")
                })
                .collect();
            assert_eq!(permitted, handlers(source));
            assert!(
                capability.get("remote").is_none() && capability["windows"].as_array().unwrap().len() == 1
            );
            all.extend(permitted);
        }
        let named = between(BUILD, "COMMANDS: &[&str] = &[").split('"').skip(1).step_by(2);
        assert_eq!(named.map(str::to_owned).collect::<BTreeSet<_>>(), all);
    }

    #[test]
    fn the_pages_have_no_way_out() {
        let settings: Value = serde_json::from_str(SETTINGS).unwrap();
        let security = &settings["app"]["security"];
        let policy = security["csp"].as_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "));
        for word in ["unsafe", "*", "https:", "frame-src", "asset:"] {
            assert!(!policy.contains(word), "{word}");
        }
        for none in ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(none), "{none}");
        }
        assert_eq!(security["freezePrototype"], true);
        assert_eq!(
            settings["app"]["windows"].as_array().unwrap().len(),
            0,
            "windows are made in code, with their guards"
        );
    }
}
