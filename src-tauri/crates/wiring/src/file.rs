//! One file of somebody else's: read whole, or written in one step.
//!
//! Invariant: what a link leads to is changed, never the link; mode and place stay; a file that may not be written is not
//! replaced by one that may; and at every moment the old text or the new one is there, whole.

use crate::WiringError;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The largest file that is read. Claude Code keeps its history in its configuration, some megabytes of it.
pub(crate) const LARGEST: u64 = 64 * 1024 * 1024;

/// Who may read a file that is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// The person: it is theirs.
    Person,
    /// Whoever the system lets: it is a project's, shared like its other files.
    Anybody,
}

/// A file as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Where it really lies.
    pub(crate) target: PathBuf,
    /// Its text; none when it is not there.
    pub(crate) text: Option<String>,
}

/// Reads a file that is to be looked at.
pub(crate) fn read(path: &Path) -> Result<Seen, WiringError> {
    let target = match fs::canonicalize(path) {
        Ok(target) => plain(target),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if fs::symlink_metadata(path).is_ok() {
                return Err(WiringError::NoFile {
                    path: path.to_owned(),
                    what: "a link to a file that is not there",
                });
            }
            return Ok(Seen { target: path.to_owned(), text: None });
        }
        Err(error) => return Err(WiringError::io(path)(error)),
    };
    let meta = fs::metadata(&target).map_err(WiringError::io(path))?;
    if !meta.is_file() {
        let what = if meta.is_dir() { "a directory" } else { "no ordinary file" };
        return Err(WiringError::NoFile { path: path.to_owned(), what });
    }
    let mut bytes = Vec::new();
    let file = File::open(&target).map_err(WiringError::io(path))?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(WiringError::io(path))?;
    if bytes.len() as u64 > LARGEST {
        return Err(WiringError::TooLarge { path: path.to_owned() });
    }
    let text = String::from_utf8(bytes).map_err(|_| WiringError::NotText { path: path.to_owned() })?;
    Ok(Seen { target, text: Some(text) })
}

/// Whether it may be written: whoever took the right away meant it, also before root.
pub(crate) fn check_writable(path: &Path, seen: &Seen) -> Result<(), WiringError> {
    if seen.text.is_some() {
        let meta = fs::metadata(&seen.target).map_err(WiringError::io(path))?;
        if meta.permissions().readonly() {
            return Err(WiringError::ReadOnly { path: path.to_owned() });
        }
    }
    Ok(())
}

/// Replaces `before` by `after`, if `before` is still what is there. No text is no file.
pub(crate) fn replace(
    target: &Path,
    before: Option<&str>,
    after: Option<&str>,
    readers: Readers,
) -> Result<(), WiringError> {
    let unchanged = || match fs::read(target) {
        Ok(bytes) if before.is_some_and(|text| text.as_bytes() == bytes) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && before.is_none() => Ok(()),
        Ok(_) | Err(_) => Err(WiringError::Meanwhile { path: target.to_owned() }),
    };
    unchanged()?;
    let failed = || WiringError::io(target);
    let Some(after) = after else {
        return match fs::remove_file(target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed()(error)),
            _ => Ok(()),
        };
    };
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let draft = target.with_file_name(format!(".{name}.mcp-login-{}", std::process::id()));
    let written = write(&draft, after.as_bytes(), before.is_some().then_some(target), readers)
        .map_err(failed())
        .and_then(|()| unchanged())
        .and_then(|()| fs::rename(&draft, target).map_err(failed()));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
        return written;
    }
    // so that the new name survives a power cut
    #[cfg(unix)]
    if let Some(directory) = target.parent().and_then(|d| File::open(d).ok()) {
        let _ = directory.sync_all();
    }
    Ok(())
}

fn write(draft: &Path, bytes: &[u8], like: Option<&Path>, readers: Readers) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if like.is_none() && readers == Readers::Anybody { 0o666 } else { 0o600 });
    }
    #[cfg(not(unix))]
    let _ = readers;
    // what a process that died left behind under our number
    let mut file = match options.open(draft) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(draft)?;
            options.open(draft)?
        }
        other => other?,
    };
    file.write_all(bytes)?;
    if let Some(like) = like {
        file.set_permissions(fs::metadata(like)?.permissions())?;
    }
    file.sync_all()
}

/// What tells one text from another; of no file, nothing.
pub(crate) fn print(text: Option<&str>) -> Option<String> {
    let hash = Sha256::digest(text?.as_bytes());
    Some(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Without the prefix that Windows puts before a path that it has resolved.
pub(crate) fn plain(path: PathBuf) -> PathBuf {
    match path.to_str().and_then(|text| text.strip_prefix(r"\\?\")) {
        Some(rest) if cfg!(windows) => PathBuf::from(rest),
        _ => path,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_seen_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("a.json");
        replace(&file, None, Some("1"), Readers::Person).unwrap();
        assert!(matches!(
            replace(&file, None, Some("2"), Readers::Person),
            Err(WiringError::Meanwhile { .. })
        ));
        assert!(matches!(
            replace(&file, Some("x"), None, Readers::Person),
            Err(WiringError::Meanwhile { .. })
        ));
        replace(&file, Some("1"), Some("2"), Readers::Person).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "2");
        replace(&file, Some("2"), None, Readers::Person).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "something is left behind");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_modes_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let (file, link) = (place.path().join("real.json"), place.path().join("link.json"));
        fs::write(&file, "1").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let seen = read(&link).unwrap();
        check_writable(&link, &seen).unwrap();
        replace(&seen.target, seen.text.as_deref(), Some("2"), Readers::Person).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&link).unwrap(), "2");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
        let seen = read(&link).unwrap();
        assert!(matches!(check_writable(&link, &seen), Err(WiringError::ReadOnly { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_said() {
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("link");
        std::os::unix::fs::symlink(place.path().join("nowhere"), &link).unwrap();
        assert!(matches!(read(&link), Err(WiringError::NoFile { .. })));
        assert!(matches!(read(place.path()), Err(WiringError::NoFile { .. })));
        fs::write(place.path().join("utf16"), b"\xff\xfe{\0}\0").unwrap();
        assert!(matches!(read(&place.path().join("utf16")), Err(WiringError::NotText { .. })));
        assert!(read(&place.path().join("none")).unwrap().text.is_none());
    }
}
