//! Putting programs where a test wants them.
//!
//! A system starts no file that somebody has open for writing. While this process writes one, another thread may start a
//! program, which has the open file too until it is that program: then ours does not start, now and then ("text file busy").
//! So a process of its own writes it. Windows has no such moment: a child gets no file that it was not given.

use std::fs;
use std::path::Path;

/// Copies a program.
///
/// # Panics
/// When it cannot be copied.
#[cfg(unix)]
pub fn program(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").args([from, to]).status().expect("cp starts");
    assert!(copied.success(), "{} is not copied to {}", from.display(), to.display());
}

/// Copies a program.
///
/// # Panics
/// When it cannot be copied.
#[cfg(not(unix))]
pub fn program(from: &Path, to: &Path) {
    let copied = fs::copy(from, to);
    assert!(copied.is_ok(), "{} is not copied to {}: {copied:?}", from.display(), to.display());
}

/// Writes a script that can be started.
///
/// # Panics
/// When it cannot be written.
pub fn script(to: &Path, text: &str) {
    let draft = to.with_extension("draft");
    fs::write(&draft, text).expect("the script is written");
    program(&draft, to);
    fs::remove_file(&draft).expect("our own file");
    mode(to, 0o755);
}

/// Says who may read, write and start a file.
///
/// # Panics
/// When it is not ours.
pub fn mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own file");
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
}
