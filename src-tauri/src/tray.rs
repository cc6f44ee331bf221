//! The tray: an icon that says how things are, and a menu that says it in words.
//!
//! Problem: on Linux the icon gets no clicks, may have no library and may have no host. Invariants: the library is looked
//! for before the tray asks for it, since the tray ends the program where it is missing; without a tray everything still
//! works; everything that the icon could do is in the menu.

use std::sync::Mutex;

use tauri::image::Image;
use tauri::menu::{Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{TrayIcon, TrayIconBuilder};
use tauri::{AppHandle, Wry};

use crate::picture::{Link, Mood, Picture};
use crate::words;

#[cfg(target_os = "linux")]
mod library;

/// Accounts that the menu names; the window has the rest.
const MAX_ACCOUNTS: usize = 20;

/// A line of the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Words only.
    Line(String),
    /// Does something.
    Item(Action, String),
    /// A rule.
    Rule,
}

/// What a line of the menu does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Opens the window.
    Open,
    /// Opens the window at an account.
    Account(String),
    /// Opens the window to sign an account in again.
    SignInAgain(String),
    /// Brings the questions to the person.
    Answer,
    /// Stops handing out tokens.
    Pause,
    /// Goes on.
    Resume,
    /// Starts the agent.
    StartAgent,
    /// Ends this program; the agent goes on.
    Quit,
}

impl Action {
    fn id(&self) -> String {
        match self {
            Action::Open => "open".to_owned(),
            Action::Account(id) => format!("account:{id}"),
            Action::SignInAgain(id) => format!("again:{id}"),
            Action::Answer => "answer".to_owned(),
            Action::Pause => "pause".to_owned(),
            Action::Resume => "resume".to_owned(),
            Action::StartAgent => "start".to_owned(),
            Action::Quit => "quit".to_owned(),
        }
    }

    pub(crate) fn from_id(id: &str) -> Option<Self> {
        if let Some(account) = id.strip_prefix("account:") {
            return Some(Action::Account(account.to_owned()));
        }
        if let Some(account) = id.strip_prefix("again:") {
            return Some(Action::SignInAgain(account.to_owned()));
        }
        Some(match id {
            "open" => Action::Open,
            "answer" => Action::Answer,
            "pause" => Action::Pause,
            "resume" => Action::Resume,
            "start" => Action::StartAgent,
            "quit" => Action::Quit,
            _ => return None,
        })
    }
}

/// The menu for what is known.
pub(crate) fn menu(picture: &Picture) -> Vec<Entry> {
    let mut entries = Vec::new();
    match &picture.link {
        Link::Down(_) => {
            entries.push(Entry::Line("The agent is not running".to_owned()));
            entries.push(Entry::Item(Action::StartAgent, "Start it".to_owned()));
        }
        Link::Up => {
            if picture.paused {
                entries.push(Entry::Line("Paused: no tokens are handed out".to_owned()));
            }
            if !picture.pending.is_empty() {
                entries
                    .push(Entry::Item(Action::Answer, format!("{}…", words::waiting(picture.pending.len()))));
            }
            if picture.accounts.is_empty() {
                entries.push(Entry::Line("Nothing is signed in".to_owned()));
            }
            for account in picture.accounts.iter().take(MAX_ACCOUNTS) {
                let name = words::name(&account.name);
                let text = format!("{name}: {}", words::state(account));
                entries.push(Entry::Item(Action::Account(account.id.clone()), text));
                if words::needs_person(account) {
                    let again = Action::SignInAgain(account.id.clone());
                    entries.push(Entry::Item(again, format!("Sign in to {name} again…")));
                }
            }
            if picture.accounts.len() > MAX_ACCOUNTS {
                let more = picture.accounts.len() - MAX_ACCOUNTS;
                entries.push(Entry::Item(Action::Open, format!("{more} more…")));
            }
        }
    }
    entries.push(Entry::Rule);
    if picture.link == Link::Up {
        entries.push(match picture.paused {
            true => Entry::Item(Action::Resume, "Hand out tokens again".to_owned()),
            false => Entry::Item(Action::Pause, "Stop handing out tokens".to_owned()),
        });
    }
    entries.push(Entry::Item(Action::Open, "Open MCP Login".to_owned()));
    entries.push(Entry::Item(Action::Quit, "Quit (sign-ins stay)".to_owned()));
    entries
}

/// What the icon is called, for those who hear it.
fn title(picture: &Picture) -> String {
    match picture.mood() {
        Mood::Well => "MCP Login: all is well".to_owned(),
        Mood::NeedsSignIn => "MCP Login: a sign-in is needed".to_owned(),
        Mood::Offline => "MCP Login: offline".to_owned(),
        Mood::Asking => format!("MCP Login: {}", words::waiting(picture.pending.len())),
    }
}

/// The icon. On macOS a template, which the system colours; elsewhere one that is seen on light and on dark.
fn icon(mood: Mood) -> Image<'static> {
    #[cfg(target_os = "macos")]
    return match mood {
        Mood::Well => tauri::include_image!("../icons/tray/well-template.png"),
        Mood::NeedsSignIn => tauri::include_image!("../icons/tray/needs-sign-in-template.png"),
        Mood::Offline => tauri::include_image!("../icons/tray/offline-template.png"),
        Mood::Asking => tauri::include_image!("../icons/tray/asking-template.png"),
    };
    #[cfg(not(target_os = "macos"))]
    match mood {
        Mood::Well => tauri::include_image!("../icons/tray/well.png"),
        Mood::NeedsSignIn => tauri::include_image!("../icons/tray/needs-sign-in.png"),
        Mood::Offline => tauri::include_image!("../icons/tray/offline.png"),
        Mood::Asking => tauri::include_image!("../icons/tray/asking.png"),
    }
}

/// The tray, where there is one.
pub(crate) struct Tray {
    icon: Option<TrayIcon<Wry>>,
    shown: Mutex<Option<Shown>>,
}

/// What is set in the tray.
struct Shown {
    menu: Vec<Entry>,
    mood: Mood,
    title: String,
}

impl Tray {
    /// Puts the icon up, where the system has a place for it.
    pub(crate) fn new(app: &AppHandle, act: fn(&AppHandle, Action)) -> Self {
        let icon = available()
            .then(|| {
                let menu = Menu::new(app).ok()?;
                let builder = TrayIconBuilder::with_id("mcp-login")
                    .icon(icon(Mood::Offline))
                    .icon_as_template(cfg!(target_os = "macos"))
                    .menu(&menu)
                    .on_menu_event(move |app, event| {
                        if let Some(action) = Action::from_id(event.id().as_ref()) {
                            act(app, action);
                        }
                    });
                builder.build(app).ok()
            })
            .flatten();
        Self { icon, shown: Mutex::new(None) }
    }

    /// Whether there is an icon. On Linux it may wait for a host to show it.
    pub(crate) fn is_there(&self) -> bool {
        self.icon.is_some()
    }

    /// Shows what is known now. What has not changed is not set again: an open menu would close.
    pub(crate) fn show(&self, app: &AppHandle, picture: &Picture) {
        let Some(tray) = &self.icon else { return };
        let now = Shown { menu: menu(picture), mood: picture.mood(), title: title(picture) };
        let mut shown = self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = shown.as_ref();
        if before.is_none_or(|before| before.menu != now.menu)
            && let Ok(menu) = build(app, &now.menu)
        {
            // a menu that could not be set leaves the former one, which says less and harms nobody
            let _ = tray.set_menu(Some(menu));
        }
        if before.is_none_or(|before| before.mood != now.mood) {
            let _ = tray.set_icon_with_as_template(Some(icon(now.mood)), cfg!(target_os = "macos"));
        }
        if before.is_none_or(|before| before.title != now.title) {
            let _ = tray.set_tooltip(Some(&now.title));
        }
        *shown = Some(now);
    }
}

fn build(app: &AppHandle, entries: &[Entry]) -> tauri::Result<Menu<Wry>> {
    let menu = Menu::new(app)?;
    for entry in entries {
        match entry {
            Entry::Line(text) => {
                menu.append(&MenuItem::new(app, mnemonic_free(text), false, None::<&str>)?)?
            }
            Entry::Item(action, text) => {
                menu.append(&MenuItem::with_id(app, action.id(), mnemonic_free(text), true, None::<&str>)?)?;
            }
            Entry::Rule => menu.append(&PredefinedMenuItem::separator(app)?)?,
        }
    }
    Ok(menu)
}

/// A menu reads `&` as the mark of a key.
fn mnemonic_free(text: &str) -> String {
    text.replace('&', "&&")
}

fn available() -> bool {
    #[cfg(target_os = "linux")]
    {
        library::is_there()
    }
    #[cfg(not(target_os = "linux"))]
    {
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::tests::account;
    use mcp_login_ipc::api::AccountState;

    fn texts(picture: &Picture) -> Vec<String> {
        let text = |entry| match entry {
            Entry::Line(text) | Entry::Item(_, text) => text,
            Entry::Rule => "-".to_owned(),
        };
        menu(picture).into_iter().map(text).collect()
    }

    #[test]
    fn accounts_are_named_with_their_state() {
        let accounts = vec![account("home", AccountState::Ready), account("work", AccountState::NeedsSignIn)];
        let picture = Picture { link: Link::Up, accounts, ..Picture::default() };
        assert_eq!(
            texts(&picture),
            [
                "home: signed in",
                "work: needs you to sign in",
                "Sign in to work again…",
                "-",
                "Stop handing out tokens",
                "Open MCP Login",
                "Quit (sign-ins stay)"
            ]
        );
        let paused = Picture { paused: true, ..picture };
        assert!(texts(&paused).contains(&"Hand out tokens again".to_owned()));
    }

    #[test]
    fn without_an_agent_it_can_be_started() {
        assert!(texts(&Picture::default()).contains(&"Start it".to_owned()));
    }

    #[test]
    fn many_accounts_leave_room_for_the_rest() {
        let accounts = (0..99).map(|n| account(&format!("a{n}"), AccountState::Ready)).collect();
        let picture = Picture { link: Link::Up, accounts, ..Picture::default() };
        let texts = texts(&picture);
        assert!(texts.contains(&"79 more…".to_owned()) && texts.len() < 30, "{texts:?}");
    }

    #[test]
    fn ids_lead_back() {
        for action in [
            Action::Open,
            Action::Account("x".into()),
            Action::SignInAgain("x:y".into()),
            Action::Answer,
            Action::Pause,
            Action::Resume,
            Action::StartAgent,
            Action::Quit,
        ] {
            assert_eq!(Action::from_id(&action.id()), Some(action));
        }
        assert_eq!(Action::from_id("else"), None);
    }
}
