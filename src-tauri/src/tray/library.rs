//! Whether the tray's library is there.
//!
//! The tray loads it when it is first used and ends the program where it cannot: so it is loaded here first, under the
//! same names, and stays loaded.
#![allow(unsafe_code)]

/// The names that the tray's binding tries.
const NAMES: &[&str] = &["libayatana-appindicator3.so.1", "libappindicator3.so.1"];

pub(super) fn is_there() -> bool {
    NAMES.iter().any(|name| {
        // SAFETY: loading runs the library's initialisers. It is the system's own tray library, from the loader's path, and
        // the tray would load the very same a moment later; no symbol of it is used here.
        match unsafe { libloading::Library::new(name) } {
            Ok(library) => {
                // never unloaded: GTK's types live in it
                std::mem::forget(library);
                true
            }
            Err(_) => false,
        }
    })
}
