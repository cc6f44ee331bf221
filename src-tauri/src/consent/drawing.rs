//! How the consent window is drawn on Linux.
//!
//! Problem: the web view sets up the graphics processor for a window that stands still, which takes a third of its memory
//! where that is played by software, and with some drivers shows nothing. WebKit has a setting against it that is only
//! safe before there is a web view, and the toolkit makes that. Invariant: what WebKit is told in its place, in a variable,
//! reaches nobody else: this process starts no other program. (The main window's does: it opens browsers.)
#![allow(unsafe_code)]

/// WebKit's word for: without the graphics processor.
const VARIABLE: &str = "WEBKIT_DISABLE_COMPOSITING_MODE";

/// Has web views drawn plainly, unless whoever started us said how. Call it before there is another thread.
pub(super) fn plainly() {
    if std::env::var_os(VARIABLE).is_none() {
        // SAFETY: the caller is the only thread yet, so nobody reads the environment meanwhile.
        unsafe { std::env::set_var(VARIABLE, "1") };
    }
}
