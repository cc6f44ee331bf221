//! A window that something else drives is no window that a person decides in.
//!
//! Problem: the webviews of all three systems can be driven from outside when a variable says so, and whoever starts us
//! sets our variables. Invariant: a released build does not start with one of them. It is no wall against a program of the
//! same user (see SECURITY.md), only no open door. A debug build, which the tests drive, does not look.

use std::ffi::OsString;

/// Variables that let something else look into a webview or click in it.
const DRIVERS: &[&str] = &[
    // tauri's and tauri-driver's
    "TAURI_WEBVIEW_AUTOMATION",
    "TAURI_AUTOMATION",
    // WebKitGTK's
    "WEBKIT_INSPECTOR_SERVER",
    "WEBKIT_INSPECTOR_HTTP_SERVER",
    // WebView2's: the first may hold a debugging port, the others another browser
    "WEBVIEW2_ADDITIONAL_BROWSER_ARGUMENTS",
    "WEBVIEW2_BROWSER_EXECUTABLE_FOLDER",
    "WEBVIEW2_PIPE_FOR_SCRIPT_DEBUGGER",
    "WEBVIEW2_WAIT_FOR_SCRIPT_DEBUGGER",
];

/// The first of them that is set.
pub(crate) fn found(variable: impl Fn(&str) -> Option<OsString>) -> Option<&'static str> {
    if cfg!(debug_assertions) { None } else { set(variable) }
}

fn set(variable: impl Fn(&str) -> Option<OsString>) -> Option<&'static str> {
    DRIVERS.iter().copied().find(|name| variable(name).is_some_and(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_enough_and_an_empty_one_is_none() {
        for driver in DRIVERS {
            assert_eq!(set(|name| (name == *driver).then(|| "1".into())), Some(*driver));
            assert_eq!(set(|name| (name == *driver).then(OsString::new)), None);
        }
        assert_eq!(set(|_| None), None);
        assert_eq!(found(|_| Some("1".into())).is_some(), !cfg!(debug_assertions));
    }
}
