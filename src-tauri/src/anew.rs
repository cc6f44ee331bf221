//! Giving back what a web view leaves behind.
//!
//! Problem: on Linux a closed window leaves a network process and a third of the memory, for as long as the program runs
//! that only wants to show an icon. Invariant: some time after the last window was closed the program takes its own place,
//! under the same process id, as if it had been started at login; it never does so while a window is there or is opening.
//! Where it cannot, it goes on as it is.

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use tauri::{AppHandle, Manager as _};

use crate::windows;

/// How long after the last window. Whoever opens it again soon waits for no start, and the icon does not flicker.
const REST: Duration = Duration::from_secs(10);

/// The last window was closed.
pub(crate) fn later(app: &AppHandle) {
    let app = app.clone();
    let run = move || {
        std::thread::sleep(REST);
        windows::while_none_opens(|| {
            if app.webview_windows().is_empty()
                && let Ok(own) = std::env::current_exe()
            {
                // whom the last such turn left without anybody who waits for them
                while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
                // returns only when it failed
                let _ = Command::new(own).arg("--background").exec();
            }
        });
    };
    // without a thread it stays as it is
    let _ = std::thread::Builder::new().name("anew".to_owned()).spawn(run);
}
