//! Putting text into the clipboard. A page cannot do it for an address that it must not have.
//!
//! Invariant: the text goes to the system's own tool or toolkit, on standard input or in memory, never on a command line.

use tauri::AppHandle;

/// Bytes of a text that a page may put there. The address of a sign-in comes from the agent and may be longer.
pub(crate) const MAX_TEXT: usize = 4 * 1024;

/// The system would not take it.
#[derive(Debug, thiserror::Error)]
#[error("the clipboard could not be written")]
pub(crate) struct NoClipboard;

/// Puts `text` there.
///
/// # Errors
/// [`NoClipboard`].
pub(crate) fn put(app: &AppHandle, text: String) -> Result<(), NoClipboard> {
    #[cfg(target_os = "linux")]
    {
        // the toolkit's clipboard belongs to its thread
        app.run_on_main_thread(move || gtk::Clipboard::get(&gtk::gdk::SELECTION_CLIPBOARD).set_text(&text))
            .map_err(|_| NoClipboard)
    }
    #[cfg(target_os = "macos")]
    {
        let _ = app;
        hand_to(std::process::Command::new("/usr/bin/pbcopy").env("LC_CTYPE", "UTF-8"), text.as_bytes())
    }
    #[cfg(windows)]
    {
        let _ = app;
        // read as UTF-16 when it begins with this mark, else in the console's own code page
        let units = std::iter::once(0xFEFF_u16).chain(text.encode_utf16());
        let bytes: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
        let system = std::env::var_os("SystemRoot").map(std::path::PathBuf::from).ok_or(NoClipboard)?;
        let mut command = std::process::Command::new(system.join("System32").join("clip.exe"));
        // CREATE_NO_WINDOW: no console flashes up
        std::os::windows::process::CommandExt::creation_flags(&mut command, 0x0800_0000);
        hand_to(&mut command, &bytes)
    }
}

#[cfg(any(target_os = "macos", windows))]
fn hand_to(command: &mut std::process::Command, bytes: &[u8]) -> Result<(), NoClipboard> {
    use std::io::Write as _;
    use std::process::Stdio;
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|_| NoClipboard)?;
    let written = child.stdin.take().is_some_and(|mut input| input.write_all(bytes).is_ok());
    let ended = child.wait().is_ok_and(|status| status.success());
    if written && ended { Ok(()) } else { Err(NoClipboard) }
}
