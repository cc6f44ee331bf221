//! The words of tray and notifications, and how names that others chose are shown among them.
//!
//! Invariant: a name is cut to a length, and what turns the reading direction or controls a terminal is made visible as
//! one mark: a menu line says what it seems to say.

use mcp_login_ipc::api::{Account, AccountState};

/// Characters of one name in a menu or a notification.
const NAME: usize = 40;

/// A name that a person, a server or a program chose.
pub(crate) fn name(text: &str) -> String {
    let mut out: String = text.chars().take(NAME).map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(NAME).is_some() {
        out.push('…');
    }
    out
}

/// Controls, and characters that are not seen and change what is.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2069}' | '\u{061c}' | '\u{feff}' | '\u{ad}')
}

/// What an account is, in two or three words.
pub(crate) fn state(account: &Account) -> &'static str {
    match account.state {
        AccountState::Ready => "signed in",
        AccountState::NeedsSignIn => "needs you to sign in",
        AccountState::Offline => "cannot be reached",
        AccountState::ServerRefuses => "refused by the server",
        AccountState::Leaving => "signing out",
        AccountState::Unsaved => "not saved yet",
        AccountState::IssuerChanged => "moved: needs your word",
        AccountState::VaultUnavailable => "keychain unavailable",
    }
}

/// Whether a person has to do something.
pub(crate) fn needs_person(account: &Account) -> bool {
    matches!(
        account.state,
        AccountState::NeedsSignIn
            | AccountState::ServerRefuses
            | AccountState::IssuerChanged
            | AccountState::VaultUnavailable
            | AccountState::Unsaved
    )
}

/// `1 program waits`, `3 programs wait`.
pub(crate) fn waiting(count: usize) -> String {
    if count == 1 {
        "1 program waits for your answer".to_owned()
    } else {
        format!("{count} programs wait for your answer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_seem_to_say() {
        assert_eq!(name("work"), "work");
        assert_eq!(name("a\u{202e}b\nc\u{200b}d"), "a\u{fffd}b\u{fffd}c\u{fffd}d");
        assert_eq!(name(&"x".repeat(99)).chars().count(), NAME + 1);
    }
}
