//! Starting at login: off until a person turns it on.
//!
//! Problem: the usual helper crates write the program's path as it is, and a blank in it starts something else. Invariant:
//! this user's own entry only, never the machine's; the path is whole, whatever is in it.

/// Why it could not be changed.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {reason}")]
pub(crate) struct NotChanged {
    /// The file or key.
    pub(crate) what: String,
    /// What the system said.
    pub(crate) reason: String,
}

/// What the setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Autostart {
    /// The app starts at login.
    On,
    /// It does not.
    Off,
    /// This system has no place to say so.
    Unavailable,
}

/// Whether the app starts at login.
pub(crate) fn now() -> Autostart {
    match system::is_on() {
        Some(true) => Autostart::On,
        Some(false) => Autostart::Off,
        None => Autostart::Unavailable,
    }
}

/// Writes the entry anew where there is one: the program may have moved.
pub(crate) fn heal() {
    if now() == Autostart::On {
        // a stale entry starts nothing, and the settings page shows how it is
        let _ = set(Autostart::On);
    }
}

/// Turns it on or off.
///
/// # Errors
/// [`NotChanged`].
pub(crate) fn set(to: Autostart) -> Result<(), NotChanged> {
    match to {
        Autostart::On => system::on(),
        Autostart::Off | Autostart::Unavailable => system::off(),
    }
}

#[cfg(unix)]
fn not_changed(path: &std::path::Path, error: &std::io::Error) -> NotChanged {
    NotChanged { what: path.display().to_string(), reason: error.to_string() }
}

#[cfg(unix)]
fn write(path: &std::path::Path, text: &str) -> Result<(), NotChanged> {
    let dir = path.parent().unwrap_or(path);
    let written = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(path, text));
    written.map_err(|error| not_changed(path, &error))
}

#[cfg(unix)]
fn remove(path: &std::path::Path) -> Result<(), NotChanged> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(not_changed(path, &error)),
        _ => Ok(()),
    }
}

/// XDG autostart: an entry in the person's `autostart` directory.
#[cfg(target_os = "linux")]
mod system {
    use super::NotChanged;
    use crate::deep_link::{entry_text, own_program, plain_path};
    use mcp_login_ipc::identity;
    use std::path::PathBuf;

    fn file() -> Option<PathBuf> {
        let dirs = directories::BaseDirs::new()?;
        Some(dirs.config_dir().join("autostart").join(format!("{}.desktop", identity::SCHEME)))
    }

    pub(super) fn is_on() -> Option<bool> {
        file().map(|file| file.is_file())
    }

    pub(super) fn on() -> Result<(), NotChanged> {
        let (Some(file), Some(dirs)) = (file(), directories::BaseDirs::new()) else { return Ok(()) };
        let program = own_program().map_err(|error| super::not_changed(&file, &error))?;
        let program = plain_path(&program, dirs.data_dir())
            .map_err(|error| NotChanged { what: file.display().to_string(), reason: error.to_string() })?;
        super::write(&file, &entry_text(&program))
    }

    pub(super) fn off() -> Result<(), NotChanged> {
        file().map_or(Ok(()), |file| super::remove(&file))
    }
}

/// A launch agent of this user.
#[cfg(target_os = "macos")]
mod system {
    use super::NotChanged;
    use mcp_login_ipc::identity;
    use std::path::PathBuf;

    fn file() -> Option<PathBuf> {
        let dirs = directories::BaseDirs::new()?;
        Some(dirs.home_dir().join("Library/LaunchAgents").join(format!("{}.desktop.plist", identity::SCHEME)))
    }

    pub(super) fn is_on() -> Option<bool> {
        file().map(|file| file.is_file())
    }

    pub(super) fn on() -> Result<(), NotChanged> {
        let Some(file) = file() else { return Ok(()) };
        let program = std::env::current_exe().map_err(|error| super::not_changed(&file, &error))?;
        super::write(&file, &text(&program.to_string_lossy()))
    }

    pub(super) fn off() -> Result<(), NotChanged> {
        file().map_or(Ok(()), |file| super::remove(&file))
    }

    fn text(program: &str) -> String {
        let program = program.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
             <plist version=\"1.0\"><dict>\n\
             <key>Label</key><string>{label}.desktop</string>\n\
             <key>ProgramArguments</key><array><string>{program}</string><string>--background</string></array>\n\
             <key>RunAtLoad</key><true/>\n\
             <key>ProcessType</key><string>Interactive</string>\n\
             </dict></plist>\n",
            label = identity::SCHEME
        )
    }
}

/// The `Run` key of this user.
#[cfg(windows)]
mod system {
    use super::NotChanged;
    use mcp_login_ipc::identity;
    use windows_registry::CURRENT_USER;

    const RUN: &str = "Software\\Microsoft\\Windows\\CurrentVersion\\Run";

    pub(super) fn is_on() -> Option<bool> {
        let there = CURRENT_USER.open(RUN).and_then(|key| key.get_string(identity::SCHEME));
        Some(there.is_ok_and(|command| !command.is_empty()))
    }

    pub(super) fn on() -> Result<(), NotChanged> {
        let changed = |reason: String| NotChanged { what: format!("HKCU\\{RUN}"), reason };
        let program = std::env::current_exe().map_err(|error| changed(error.to_string()))?;
        let command = format!("\"{}\" --background", program.display());
        CURRENT_USER
            .create(RUN)
            .and_then(|key| key.set_string(identity::SCHEME, command))
            .map_err(|error| changed(error.message()))
    }

    pub(super) fn off() -> Result<(), NotChanged> {
        match is_on() {
            Some(true) => CURRENT_USER
                .create(RUN)
                .and_then(|key| key.remove_value(identity::SCHEME))
                .map_err(|error| NotChanged { what: format!("HKCU\\{RUN}"), reason: error.message() }),
            _ => Ok(()),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod system {
    use super::NotChanged;

    pub(super) fn is_on() -> Option<bool> {
        None
    }

    pub(super) fn on() -> Result<(), NotChanged> {
        Ok(())
    }

    pub(super) fn off() -> Result<(), NotChanged> {
        Ok(())
    }
}
