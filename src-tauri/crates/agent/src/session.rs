//! Where a window can be opened.
//!
//! Problem: an agent that a service manager or an SSH login started knows no display, and the one that it was started with may
//! be gone. Invariant: what is used is the agent's own environment until one of our own programs says where it runs; of
//! either, only the variables that a window needs, bounded; what did not work is forgotten, so that the next word counts.

use mcp_login_ipc::api::{Display, SESSION_VARIABLES};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Without one of these there is no window on Linux.
const DISPLAYS: [&str; 2] = ["DISPLAY", "WAYLAND_DISPLAY"];
/// Bytes of one value: paths and addresses are far shorter.
const MAX_VALUE: usize = 4096;

/// What is wrong with an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnnounceError {
    /// A variable that no window needs.
    #[error("`environment` has a variable that a window does not need")]
    Name,
    /// A value that is none.
    #[error("`environment` has a value that is too long or holds a control character")]
    Value,
    /// Nothing that says where a window can be opened.
    #[error("`environment` names no display")]
    NoDisplay,
}

/// The variables of the session that windows are opened in.
#[derive(Debug, Default)]
pub struct Session(Mutex<BTreeMap<String, String>>);

impl Session {
    /// As the agent was started.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    /// From these variables.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let known = SESSION_VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?)));
        Self(Mutex::new(known.filter(|(_, value)| is_value(value)).collect()))
    }

    /// Whether a window can be opened. Where windows need no variable, always.
    #[must_use]
    pub fn display(&self) -> Display {
        let known = !cfg!(target_os = "linux") || has_display(&self.variables());
        if known { Display::Known } else { Display::Unknown }
    }

    /// One of our own programs says where it runs: that counts from now on, whole.
    ///
    /// # Errors
    /// [`AnnounceError`]; nothing changes then.
    pub fn announce(&self, environment: BTreeMap<String, String>) -> Result<(), AnnounceError> {
        if !environment.keys().all(|name| SESSION_VARIABLES.contains(&name.as_str())) {
            return Err(AnnounceError::Name);
        }
        if !environment.values().all(|value| value.is_empty() || is_value(value)) {
            return Err(AnnounceError::Value);
        }
        if cfg!(target_os = "linux") && !has_display(&environment) {
            return Err(AnnounceError::NoDisplay);
        }
        *self.variables() = environment.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Ok(())
    }

    /// No window came up there.
    pub fn forget(&self) {
        self.variables().clear();
    }

    /// The variables for a window.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        self.variables().clone()
    }

    fn variables(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_display(environment: &BTreeMap<String, String>) -> bool {
    DISPLAYS.iter().any(|name| environment.get(*name).is_some_and(|value| !value.is_empty()))
}

fn is_value(value: &str) -> bool {
    !value.is_empty() && value.len() <= MAX_VALUE && !value.chars().any(char::is_control)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_last_word_counts_and_what_did_not_work_is_forgotten() {
        let session = Session::of(|name| (name == "LANG").then(|| "C".to_owned()));
        assert_eq!(session.display(), Display::Unknown);
        session.announce(map(&[("DISPLAY", ":7"), ("LANG", "")])).unwrap();
        assert_eq!((session.display(), session.environment()), (Display::Known, map(&[("DISPLAY", ":7")])));
        session.announce(map(&[("WAYLAND_DISPLAY", "wayland-0")])).unwrap();
        assert_eq!(session.environment(), map(&[("WAYLAND_DISPLAY", "wayland-0")]));
        session.forget();
        assert_eq!(session.display(), Display::Unknown);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_announcement_that_is_none_changes_nothing() {
        let session = Session::of(|name| (name == "DISPLAY").then(|| ":0".to_owned()));
        for (pairs, error) in [
            (&[("DISPLAY", ":1"), ("LD_PRELOAD", "/x.so")][..], AnnounceError::Name),
            (&[("DISPLAY", ":1\nX=1")][..], AnnounceError::Value),
            (&[("DISPLAY", "x".repeat(5000).as_str())][..], AnnounceError::Value),
            (&[("DISPLAY", ""), ("LANG", "C")][..], AnnounceError::NoDisplay),
            (&[][..], AnnounceError::NoDisplay),
        ] {
            assert_eq!(session.announce(map(pairs)), Err(error), "{pairs:?}");
        }
        assert_eq!(session.environment(), map(&[("DISPLAY", ":0")]));
    }

    #[test]
    fn only_what_a_window_needs_is_taken_from_the_environment() {
        let session = Session::of(|name| Some(format!("value of {name}")));
        assert_eq!(session.environment().len(), SESSION_VARIABLES.len());
    }
}
