//! What the app itself remembers: the window's size, and whether the start at login was asked about.
//!
//! Invariants: a file that cannot be read counts as none, since nothing in it is worth a question; it is replaced whole.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// The file, in the data directory.
const FILE_NAME: &str = "desktop.json";
/// No such file of ours comes near this.
const MAX_FILE: u64 = 64 * 1024;
/// Nobody's window is smaller or larger, in logical pixels; what is in the file may be from another screen.
const WIDTH: std::ops::RangeInclusive<f64> = 640.0..=4096.0;
/// The same for the height.
const HEIGHT: std::ops::RangeInclusive<f64> = 480.0..=4096.0;

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Remembered {
    /// Of this form.
    version: u32,
    /// Of the window, in logical pixels.
    pub(crate) width: f64,
    /// Of the window, in logical pixels.
    pub(crate) height: f64,
    /// The window fills the screen.
    pub(crate) maximized: bool,
    /// The person was asked about the start at login.
    pub(crate) asked_autostart: bool,
}

impl Default for Remembered {
    fn default() -> Self {
        Self { version: 1, width: 920.0, height: 600.0, maximized: false, asked_autostart: false }
    }
}

/// The file and what is in it.
#[derive(Debug)]
pub(crate) struct Settings {
    path: PathBuf,
    now: Mutex<Remembered>,
}

impl Settings {
    /// Reads the file of this data directory.
    pub(crate) fn read(data_dir: &Path) -> Self {
        let path = data_dir.join(FILE_NAME);
        let small = std::fs::metadata(&path).is_ok_and(|meta| meta.len() <= MAX_FILE);
        let read = small.then(|| std::fs::read(&path).ok()).flatten();
        let mut now: Remembered =
            read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        now.width = now.width.clamp(*WIDTH.start(), *WIDTH.end());
        now.height = now.height.clamp(*HEIGHT.start(), *HEIGHT.end());
        Self { path, now: Mutex::new(now) }
    }

    /// What is remembered.
    pub(crate) fn now(&self) -> Remembered {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes it, and writes it when it is another one then. What cannot be written is remembered until the end.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Remembered)) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let before = now.clone();
        change(&mut now);
        if *now == before {
            return;
        }
        let Ok(text) = serde_json::to_vec_pretty(&*now) else { return };
        let beside = self.path.with_extension("json.new");
        let _ = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &self.path));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_remembered_and_nonsense_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::read(dir.path());
        assert_eq!(settings.now(), Remembered::default());
        settings.change(|now| (now.width, now.asked_autostart) = (1000.0, true));
        let again = Settings::read(dir.path()).now();
        assert_eq!((again.width, again.asked_autostart), (1000.0, true));
        let file = dir.path().join(FILE_NAME);
        std::fs::write(&file, r#"{"width":-5,"height":1e9,"newer":true}"#).unwrap();
        let odd = Settings::read(dir.path()).now();
        assert_eq!((odd.width, odd.height), (640.0, 4096.0));
        std::fs::write(&file, "{").unwrap();
        assert_eq!(Settings::read(dir.path()).now(), Remembered::default());
    }
}
