//! Where the person sits. Over SSH, or where there is no display, a browser would open on the wrong computer or
//! not at all; then the address is printed, and the way back is pasted.

use crate::out::{Ink, Out};
use mcp_login_ipc::api::SESSION_VARIABLES;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, IsTerminal};

/// Where a browser can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    /// On this computer, before the person.
    Here,
    /// On another one.
    Elsewhere,
}

/// Where the person's browser is. `named`: they named a program to open with, and know what they do.
#[must_use]
pub(crate) fn screen(named: bool) -> Screen {
    decide(named, |name| std::env::var_os(name))
}

/// Whether we were reached by SSH.
#[must_use]
pub(crate) fn over_ssh() -> bool {
    ssh(&|name| std::env::var_os(name))
}

/// The variables of the session that we run in, when a window can be opened there.
#[must_use]
pub(crate) fn session() -> Option<BTreeMap<String, String>> {
    session_of(|name| std::env::var(name).ok())
}

fn session_of(var: impl Fn(&str) -> Option<String>) -> Option<BTreeMap<String, String>> {
    let known = SESSION_VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), var(name)?)));
    let session: BTreeMap<String, String> = known.filter(|(_, value)| !value.is_empty()).collect();
    let display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| session.contains_key(*name));
    display.then_some(session)
}

/// Whether a person can type.
#[must_use]
pub(crate) fn stdin_is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// A line that is typed; `None` at the end of the input.
#[must_use]
pub(crate) fn stdin_line() -> Option<String> {
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(1..) => Some(line),
        _ => None,
    }
}

/// A question whose answer is no unless `y` is typed.
pub(crate) fn ask(out: &Out, question: &str) -> bool {
    use std::io::Write;
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{} [y/N] ", out.paint_err(Ink::Strong, question));
    let _ = err.flush();
    drop(err);
    let line = stdin_line().unwrap_or_default();
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

fn ssh(var: &dyn Fn(&str) -> Option<OsString>) -> bool {
    ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| var(name).is_some_and(|v| !v.is_empty()))
}

fn decide(named: bool, var: impl Fn(&str) -> Option<OsString>) -> Screen {
    let set = |name: &str| var(name).is_some_and(|v| !v.is_empty());
    if named {
        return Screen::Here;
    }
    if ssh(&var) {
        return Screen::Elsewhere;
    }
    // WSL has no display of its own and opens the browser of Windows
    let display =
        !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY") || set("WSL_DISTRO_NAME");
    if display { Screen::Here } else { Screen::Elsewhere }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(vars: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        move |name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v))
    }

    #[test]
    fn a_session_without_a_display_is_none_to_speak_of() {
        let with = |pairs: &'static [(&str, &str)]| {
            session_of(move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(with(&[("LANG", "C"), ("DISPLAY", "")]), None);
        let session =
            with(&[("LANG", "C"), ("WAYLAND_DISPLAY", "wayland-0"), ("PATH", "/x")]).unwrap_or_default();
        assert_eq!(session.keys().collect::<Vec<_>>(), ["LANG", "WAYLAND_DISPLAY"]);
    }

    #[test]
    fn the_browser_is_where_the_person_is() {
        assert_eq!(decide(false, with(&[("DISPLAY", ":0")])), Screen::Here);
        assert_eq!(decide(false, with(&[("DISPLAY", ":10"), ("SSH_TTY", "/dev/pts/1")])), Screen::Elsewhere);
        assert_eq!(decide(false, with(&[("DISPLAY", ":0"), ("SSH_CONNECTION", "")])), Screen::Here);
        assert_eq!(decide(true, with(&[("SSH_TTY", "x")])), Screen::Here);
        if cfg!(target_os = "linux") {
            assert_eq!(decide(false, with(&[])), Screen::Elsewhere);
            assert_eq!(decide(false, with(&[("WAYLAND_DISPLAY", "wayland-0")])), Screen::Here);
        }
    }
}
