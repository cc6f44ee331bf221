//! `path`: whether a terminal finds `mcp-login` by its name.
//!
//! An app that was dragged into a directory, or an installer without administrator rights, puts nothing where shells look.
//! Done for this user only, and undone without a trace: on Unix a link in a directory that is searched, on Windows an entry
//! in the person's own `Path`.

use crate::args::PathAction;
use crate::failure::Failure;
use crate::out::Out;
use mcp_login_ipc::Exit;
use serde_json::json;
use std::path::{Path, PathBuf};

#[cfg(unix)]
#[path = "path_unix.rs"]
mod system;
#[cfg(windows)]
#[path = "path_windows.rs"]
mod system;

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
struct Done {
    /// The link, or the directory in `Path`; none when there was nothing to remove.
    place: Option<PathBuf>,
    changed: bool,
    /// What is left to the person.
    hint: Option<String>,
}

/// Why it is not done.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[cfg(unix)]
    #[error("{} is another program, and is left alone", .0.display())]
    Another(PathBuf),
    #[error("{} may be gone when it is needed", .0.display())]
    Passing(PathBuf),
    #[cfg(unix)]
    #[error("this user has no home directory")]
    NoHome,
    #[error("{what} cannot be changed: {why}")]
    Unwritable { what: String, why: String },
}

pub(super) fn run(out: &Out, action: PathAction) -> Result<(), Failure> {
    let done = own_program().and_then(|program| match action {
        PathAction::Add => system::add(&program),
        PathAction::Remove => system::remove(&program),
    });
    let done = done.map_err(|trouble| failure(&trouble))?;
    if out.json() {
        out.value(&json!({ "place": done.place, "changed": done.changed, "hint": done.hint }));
        return Ok(());
    }
    let place = done.place.map(|place| place.display().to_string()).unwrap_or_default();
    let text = match (action, done.changed) {
        (PathAction::Add, true) => format!("Terminals will find mcp-login: {place}"),
        (PathAction::Add, false) => format!("Terminals find mcp-login already: {place}"),
        (PathAction::Remove, true) => format!("Removed: {place}"),
        (PathAction::Remove, false) => "There was nothing to remove.".to_owned(),
    };
    out.done(&text);
    if let Some(hint) = done.hint {
        out.line(&format!("  {hint}"));
    }
    Ok(())
}

fn own_program() -> Result<PathBuf, Trouble> {
    let own = std::env::current_exe();
    let own = own.map_err(|e| Trouble::Unwritable { what: "the path".into(), why: e.to_string() })?;
    if is_passing(&own) { Err(Trouble::Passing(own)) } else { Ok(own) }
}

/// A disk image, what macOS runs from a random place until the app is moved, a mounted AppImage.
fn is_passing(program: &Path) -> bool {
    let passing = ["/Volumes/", "/private/var/folders/", "/tmp/.mount_"];
    let text = program.to_string_lossy();
    passing.iter().any(|place| text.starts_with(place))
        || program.components().any(|part| part.as_os_str() == "AppTranslocation")
}

fn failure(trouble: &Trouble) -> Failure {
    let next = match trouble {
        #[cfg(unix)]
        Trouble::Another(_) => "Remove it, or call this one by its whole path.",
        Trouble::Passing(_) => "Move the app to where it stays (on macOS: Applications), and try again.",
        #[cfg(unix)]
        Trouble::NoHome => "Make a link to it yourself, in a directory that your shell searches.",
        Trouble::Unwritable { .. } => "Put its directory into PATH yourself.",
    };
    Failure::own("path_unchanged", Exit::Failed, format!("{trouble}."), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_tomorrow_is_not_linked_to() {
        for gone in [
            "/Volumes/MCP Login/MCP Login.app/Contents/MacOS/mcp-login",
            "/private/var/folders/x/AppTranslocation/y/MCP Login.app/Contents/MacOS/mcp-login",
            "/tmp/.mount_x/usr/bin/mcp-login",
        ] {
            assert!(is_passing(Path::new(gone)), "{gone}");
        }
        assert!(!is_passing(Path::new("/Applications/MCP Login.app/Contents/MacOS/mcp-login")));
    }
}
