//! Where windows open: what the agent has to know to open one, and whether we can.

use std::collections::BTreeMap;

use mcp_login_ipc::api::SESSION_VARIABLES;

/// What a window needs to find its display, its bus and its language, as far as it is set here.
pub(crate) fn variables() -> BTreeMap<String, String> {
    SESSION_VARIABLES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok().filter(|v| !v.is_empty())?)))
        .collect()
}

/// Whether there is a display to open windows on. Without one the toolkit would end the program.
pub(crate) fn is_there() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}
