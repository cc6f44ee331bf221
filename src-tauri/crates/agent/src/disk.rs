//! Versioned JSON files that are never half written and never lost. A write goes to a temporary file beside the old one,
//! is forced to disk, and replaces it in one step (0600 from the first byte). A file of a newer version is refused and not
//! touched; a broken one is moved aside under a name that says when, and the caller is told. No secret is ever in these
//! files: tokens stay in the vault and outlive any mishap here.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest state file read: 100 times what a thousand accounts need. A bigger one was not written by us.
const LARGEST: u64 = 32 * 1024 * 1024;

/// Why a state file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Written by a later version of this program; not touched.
    #[error("{path} was written by a newer version of this program (format {found}, this one knows {known})")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version that it names.
        found: u64,
        /// The newest version known here.
        known: u64,
    },
    /// The disk said no.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What reading a file brought.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The contents, or the default when there was no file or it was broken.
    pub value: T,
    /// Where a broken file was put aside.
    pub kept_aside: Option<PathBuf>,
}

/// One state file.
#[derive(Debug, Clone)]
pub struct StateFile {
    path: PathBuf,
    version: u64,
}

#[derive(serde::Deserialize)]
struct Versioned {
    version: u64,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    version: u64,
    #[serde(flatten)]
    value: &'a T,
}

impl StateFile {
    /// A file in the data directory, and the newest format version known here.
    #[must_use]
    pub fn new(path: PathBuf, version: u64) -> Self {
        Self { path, version }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file; blocking.
    ///
    /// # Errors
    /// [`Error::Newer`], and [`Error::Io`] when it exists but cannot be read. A broken file is no error.
    pub fn load<T: DeserializeOwned + Default>(&self) -> Result<Loaded<T>, Error> {
        let file = match fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Loaded { value: T::default(), kept_aside: None });
            }
            Err(error) => return Err(self.io(error)),
        };
        let mut text = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut text).map_err(|error| self.io(error))?;
        // The version first: a newer file need not look like ours.
        if let Ok(Versioned { version }) = serde_json::from_slice(&text)
            && version > self.version
        {
            return Err(Error::Newer { path: self.path.clone(), found: version, known: self.version });
        }
        match (text.len() as u64 <= LARGEST).then(|| serde_json::from_slice(&text)) {
            Some(Ok(value)) if serde_json::from_slice::<Versioned>(&text).is_ok() => {
                Ok(Loaded { value, kept_aside: None })
            }
            _ => {
                let aside = self.put_aside()?;
                Ok(Loaded { value: T::default(), kept_aside: Some(aside) })
            }
        }
    }

    /// Replaces the file; blocking. After `Ok` the new contents survive a power cut.
    ///
    /// # Errors
    /// [`Error::Io`]; the old file is whole then.
    pub fn store<T: Serialize>(&self, value: &T) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(&Envelope { version: self.version, value })
            .map_err(|error| self.io(io::Error::other(error)))?;
        replace(&self.path, &text).map_err(|error| self.io(error))
    }

    fn put_aside(&self) -> Result<PathBuf, Error> {
        let stamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or("state");
        // A second broken file in the same second must not replace the first.
        for attempt in 0..100 {
            let suffix = if attempt == 0 { String::new() } else { format!("-{attempt}") };
            let aside = self.path.with_file_name(format!("{name}.broken-{stamp}{suffix}"));
            if aside.exists() {
                continue;
            }
            fs::rename(&self.path, &aside).map_err(|error| self.io(error))?;
            return Ok(aside);
        }
        Err(self.io(io::Error::from(io::ErrorKind::AlreadyExists)))
    }

    fn io(&self, source: io::Error) -> Error {
        Error::Io { path: self.path.clone(), source }
    }
}

/// Makes a directory that only its owner can enter.
///
/// # Errors
/// What the system said.
pub fn private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Replaces a file in one step: temporary file, fsync, rename, fsync of the directory.
///
/// # Errors
/// What the system said; the old file is whole then.
pub fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    static SERIAL: AtomicU64 = AtomicU64::new(0);
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    private_dir(dir)?;
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidInput)?;
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let temporary = dir.join(format!(".{name}.{}-{serial}.tmp", std::process::id()));
    let written = write_new(&temporary, contents).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary); // leftovers are harmless; the error that counts is the first
        return written;
    }
    sync_dir(dir)
}

fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // A leftover of a killed process that had our pid.
    let mut file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            options.open(path)?
        }
        other => other?,
    };
    file.write_all(contents)?;
    file.sync_all()
}

#[cfg(unix)]
fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// NTFS journals the rename; a directory cannot be opened for this.
#[cfg(not(unix))]
fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Default, Debug, PartialEq, Serialize, Deserialize)]
    struct Things {
        things: Vec<u32>,
    }

    fn file(dir: &tempfile::TempDir) -> StateFile {
        StateFile::new(dir.path().join("data/things.json"), 3)
    }

    #[test]
    fn round_trip_and_mode() {
        let dir = tempfile::tempdir().unwrap();
        let file = file(&dir);
        assert_eq!(file.load::<Things>().unwrap().value, Things::default());
        file.store(&Things { things: vec![1] }).unwrap();
        file.store(&Things { things: vec![1, 2] }).unwrap();
        assert_eq!(file.load::<Things>().unwrap().value.things, [1, 2]);
        assert_eq!(fs::read_dir(dir.path().join("data")).unwrap().count(), 1, "no temporary file stays");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::metadata(dir.path().join("data")).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn a_newer_file_is_refused_and_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let file = file(&dir);
        private_dir(file.path().parent().unwrap()).unwrap();
        fs::write(file.path(), r#"{"version": 4, "things": {"shape": "unknown"}}"#).unwrap();
        assert!(matches!(file.load::<Things>(), Err(Error::Newer { found: 4, known: 3, .. })));
        assert!(fs::read_to_string(file.path()).unwrap().contains("unknown"));
    }

    #[test]
    fn broken_files_are_kept_aside() {
        for broken in ["", "{", "[]", r#"{"things": [1]}"#, r#"{"version": 3, "things": 7}"#, "\u{0}\u{0}"] {
            let dir = tempfile::tempdir().unwrap();
            let file = file(&dir);
            private_dir(file.path().parent().unwrap()).unwrap();
            fs::write(file.path(), broken).unwrap();
            let loaded = file.load::<Things>().unwrap();
            assert_eq!(loaded.value, Things::default(), "{broken:?}");
            assert_eq!(fs::read_to_string(loaded.kept_aside.unwrap()).unwrap(), broken);
            assert!(!file.path().exists());
        }
    }
}
