//! Where the person sits. Over SSH, or where there is no display, a browser would open on the wrong computer or
//! not at all; then the address is printed, and the way back is pasted.

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
