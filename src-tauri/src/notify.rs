//! Notifications: they announce, and never decide.
//!
//! Problem: a click on a notification is no answer to a question that was not read. Invariant: a click only opens the
//! place where a person can read and decide; what a notification says is gone when nobody looks, and the window has it all.

use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_login_ipc::api::{AccountState, Attention, AttentionWhy, Event};
use mcp_login_ipc::identity;
use mcp_login_ipc::method::call;
use tauri::{AppHandle, Manager as _};

use crate::picture::Picture;
use crate::shell::Shell;
use crate::{windows, words};

/// Notifications whose click is waited for, each by a thread.
const MAX_AWAITED: usize = 8;
static AWAITED: AtomicUsize = AtomicUsize::new(0);

/// What a click leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    /// A view of the window.
    View(String),
    /// The consent window, which the agent opens.
    Question(String),
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    title: String,
    body: String,
    leads: Leads,
}

/// What an event is worth saying aloud, given what was known before.
pub(crate) fn note(before: &Picture, event: &Event) -> Option<Note> {
    match event {
        Event::ApprovalAsked { pending } => Some(Note {
            title: "A program asks for access".to_owned(),
            body: format!(
                "{} wants to use {}. Read who asks before you answer.",
                words::name(&pending.subject.name),
                words::name(&pending.account)
            ),
            leads: Leads::Question(pending.id.clone()),
        }),
        Event::AccountChanged { account } => {
            let known = before.accounts.iter().find(|known| known.id == account.id)?;
            if known.state == account.state {
                return None;
            }
            let name = words::name(&account.name);
            let (title, body) = match account.state {
                AccountState::NeedsSignIn => (
                    "A sign-in is needed",
                    format!("{name} was signed out by its server. Sign in again to go on."),
                ),
                AccountState::IssuerChanged => (
                    "A server has moved",
                    format!("{name} names another place to sign in now. Look before you agree."),
                ),
                AccountState::ServerRefuses => (
                    "A server refuses",
                    format!("The server of {name} refuses tokens that are fresh. Nothing more is sent."),
                ),
                _ => return None,
            };
            Some(Note {
                title: title.to_owned(),
                body,
                leads: Leads::View(format!("account/{}", account.id)),
            })
        }
        Event::Attention { attention } => waits(before, attention),
        Event::SignInEnds { account } => Some(Note {
            title: "A sign-in ends soon".to_owned(),
            body: format!(
                "{} will ask you to sign in again. Do it when it suits you.",
                words::name(&account.name)
            ),
            leads: Leads::View(format!("account/{}", account.id)),
        }),
        Event::UpdateFound { update } => Some(Note {
            title: "A newer version is there".to_owned(),
            body: format!("MCP Login {}. Nothing is installed by itself.", words::name(&update.newest)),
            leads: Leads::View("settings".to_owned()),
        }),
        _ => None,
    }
}

/// A program waits for a person. What was said a moment ago, when the account changed, is not said again.
fn waits(before: &Picture, attention: &Attention) -> Option<Note> {
    let who = attention.program.as_deref().map_or("A program".to_owned(), words::name);
    let name = words::name(&attention.account);
    let known = before.accounts.iter().find(|known| known.name == attention.account);
    let (title, body) = match attention.why {
        AttentionWhy::NeedsSignIn if before.just_said(&attention.account) => return None,
        AttentionWhy::NeedsSignIn => {
            ("A sign-in is needed", format!("{who} waits for {name}. Sign in again to let it go on."))
        }
        AttentionWhy::MoreScopes => (
            "A server asks for more",
            format!("{who} needs more rights at {name}. Sign in again to give them."),
        ),
        AttentionWhy::NoAccount => {
            ("A sign-in is needed", format!("{who} waits for {name}. Sign in to let it go on."))
        }
    };
    let view = known.map_or("accounts".to_owned(), |account| format!("account/{}", account.id));
    Some(Note { title: title.to_owned(), body, leads: Leads::View(view) })
}

/// That another program opens our scheme.
pub(crate) fn scheme_taken(program: Option<&str>) -> Note {
    let who = program.map_or("Another program".to_owned(), |program| {
        words::name(program.rsplit(['/', '\\']).next().unwrap_or(program))
    });
    Note {
        title: "Sign-ins come back another way".to_owned(),
        body: format!("{who} opens the links that browsers send to MCP Login. A local port is used instead."),
        leads: Leads::View("settings".to_owned()),
    }
}

/// That an entry of ours in a client's file says something else.
pub(crate) fn entry_changed(client: &str, account: &str) -> Note {
    Note {
        title: "A client's settings were changed".to_owned(),
        body: format!(
            "What {} starts for {} is not what was written there. Look what it is now.",
            words::name(client),
            words::name(account)
        ),
        leads: Leads::View("programs".to_owned()),
    }
}

/// Shows it, where the system has a place for it, and waits for a click.
pub(crate) fn show(app: &AppHandle, note: Note) {
    let app = app.clone();
    let run = move || {
        let mut notification = notify_rust::Notification::new();
        notification.appname("MCP Login").summary(&note.title).body(&note.body);
        introduce(&mut notification);
        // a click on the notification itself; servers offer it only when it is named
        notification.action("default", "Open");
        let Ok(handle) = notification.show() else { return };
        if AWAITED.fetch_add(1, Ordering::Relaxed) < MAX_AWAITED {
            handle.wait_for_action(|action| {
                if action == "default" {
                    follow(&app, &note.leads);
                }
            });
        }
        AWAITED.fetch_sub(1, Ordering::Relaxed);
    };
    // without a thread there is no notification, and the window has it all
    let _ = std::thread::Builder::new().name("notification".to_owned()).spawn(run);
}

/// Under which name the system shows it.
#[cfg(target_os = "linux")]
fn introduce(notification: &mut notify_rust::Notification) {
    // as the package calls icon and desktop entry; without the package there is no icon
    notification.icon(identity::DESKTOP_NAME);
    notification.hint(notify_rust::Hint::DesktopEntry(identity::COMMAND_NAME.to_owned()));
}

/// Under which name the system shows it: else it would be the Finder's.
#[cfg(target_os = "macos")]
fn introduce(_: &mut notify_rust::Notification) {
    // refused for a program outside a bundle, and after the first time
    let _ = notify_rust::set_application(identity::APPLICATION_ID);
}

/// Under which name the system shows it. Windows shows nothing of a program that it has no name for.
#[cfg(windows)]
fn introduce(notification: &mut notify_rust::Notification) {
    let key = format!("Software\\Classes\\AppUserModelId\\{}", identity::SCHEME);
    let named =
        windows_registry::CURRENT_USER.create(key).and_then(|key| key.set_string("DisplayName", "MCP Login"));
    if named.is_ok() {
        notification.app_id(identity::SCHEME);
    }
}

fn follow(app: &AppHandle, leads: &Leads) {
    match leads {
        Leads::View(view) => windows::open_soon(app, Some(view)),
        Leads::Question(pending) => {
            let ask = call::ApprovalAsk(mcp_login_ipc::api::ApprovalAsk { pending: pending.clone() });
            // answered meanwhile, or no window can be opened: the list of questions says so
            if app.state::<Shell>().ask(&ask).is_err() {
                windows::open_soon(app, Some("programs"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::tests::account;

    fn changed(state: AccountState) -> Event {
        Event::AccountChanged { account: Box::new(account("work", state)) }
    }

    #[test]
    fn only_what_became_worse_is_said() {
        let mut before = Picture::default();
        assert_eq!(
            note(&before, &changed(AccountState::NeedsSignIn)),
            None,
            "an account that is new was just made"
        );
        before.apply(&changed(AccountState::Ready));
        for state in [AccountState::NeedsSignIn, AccountState::ServerRefuses, AccountState::IssuerChanged] {
            let said = note(&before, &changed(state)).map(|note| (note.body.contains("work"), note.leads));
            assert_eq!(said, Some((true, Leads::View("account/id-work".to_owned()))));
        }
        for state in [AccountState::Ready, AccountState::Offline, AccountState::Leaving] {
            assert_eq!(note(&before, &changed(state)), None);
        }
        before.apply(&changed(AccountState::NeedsSignIn));
        assert_eq!(note(&before, &changed(AccountState::NeedsSignIn)), None, "it is said once");
    }

    #[test]
    fn a_newer_version_leads_to_the_settings_and_nowhere_else() {
        let update = mcp_login_ipc::api::Update {
            current: "0.1.0".to_owned(),
            newest: "0.2.0".to_owned(),
            newer: true,
            page: "https://forge.example/releases/tag/v0.2.0".to_owned(),
            looked_at: 0,
        };
        let found = Event::UpdateFound { update: Box::new(update) };
        let said = note(&Picture::default(), &found).expect("it is announced");
        assert_eq!(said.leads, Leads::View("settings".to_owned()));
        assert!(said.body.contains("0.2.0") && !said.body.contains("https"), "{}", said.body);
    }

    #[test]
    fn the_program_is_named_without_its_directories() {
        assert!(scheme_taken(Some("/opt/x/taker")).body.starts_with("taker opens"));
        assert!(scheme_taken(None).body.starts_with("Another program"));
    }
}
