//! Where windows open: what the agent has to know to open one, and whether we can.

use std::collections::BTreeMap;

/// What a window needs to find its display, its bus and its language; the agent takes no others.
const VARIABLES: &[&str] = &[
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_CURRENT_DESKTOP",
    "XDG_SESSION_TYPE",
    "LANG",
    "LC_ALL",
    "GDK_BACKEND",
];

/// Those of them that are set here.
pub(crate) fn variables() -> BTreeMap<String, String> {
    VARIABLES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok().filter(|v| !v.is_empty())?)))
        .collect()
}

/// Whether there is a display to open windows on. Without one the toolkit would end the program.
pub(crate) fn is_there() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}
