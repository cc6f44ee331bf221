//! What is wired, and how to take it back: one file of ours, and copies of other programs' files as they were.
//!
//! Invariant: the record never decides whether a file is changed, only how exactly: without it an entry of ours is known
//! by what it starts, and goes alone.

use crate::WiringError;
use crate::file;
use mcp_login_clients::{Made, Place, Tree, Via};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The format that this program writes.
const VERSION: u64 = 1;
/// Changes that can be taken back. A person remembers fewer.
const STEPS: usize = 20;

/// An entry that we wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wired {
    /// The client.
    pub client: String,
    /// Its file, as it is named.
    pub file: PathBuf,
    /// Where in it.
    pub place: Place,
    /// How.
    pub via: Via,
    /// The account's name when it was written.
    pub account: String,
    /// The account.
    pub account_id: String,
    /// The server's address.
    pub server: String,
    /// What was written; without the key of a door.
    pub entry: Tree,
    /// Names the key of a door to the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Unix seconds.
    pub at: u64,
    pub(crate) made: Made,
}

impl Wired {
    pub(crate) fn is(&self, key: &Key) -> bool {
        self.client == key.client && self.file == key.file && self.place == key.place
    }

    pub(crate) fn key(&self) -> Key {
        Key { client: self.client.clone(), file: self.file.clone(), place: self.place.clone() }
    }
}

/// Which entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) client: String,
    pub(crate) file: PathBuf,
    pub(crate) place: Place,
}

/// A file as it was before our first entry, while nobody else has written it since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Base {
    pub(crate) file: PathBuf,
    /// The copy's name; none when there was no file.
    pub(crate) copy: Option<String>,
    /// How we left it.
    pub(crate) last: Option<String>,
    /// We made the directory that it lies in.
    #[serde(default)]
    pub(crate) own_dir: bool,
}

/// A file in a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepFile {
    pub(crate) client: String,
    pub(crate) file: PathBuf,
    pub(crate) target: PathBuf,
    /// The copy of what it was; none when there was no file.
    pub(crate) copy: Option<String>,
    /// How the change left it.
    pub(crate) after: Option<String>,
    /// What was known of it before.
    pub(crate) base: Option<Base>,
    pub(crate) wired: Vec<Wired>,
}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) id: u64,
    pub(crate) at: u64,
    pub(crate) what: String,
    pub(crate) files: Vec<StepFile>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    version: u64,
    #[serde(default)]
    pub(crate) next: u64,
    #[serde(default)]
    pub(crate) wired: Vec<Wired>,
    #[serde(default)]
    pub(crate) bases: Vec<Base>,
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

impl Record {
    pub(crate) fn read(root: &Path) -> Result<Self, WiringError> {
        let path = root.join("wired.json");
        let Some(text) = file::read(&path)?.text else { return Ok(Self::default()) };
        let broken = |e: serde_json::Error| WiringError::Record { path: path.clone(), reason: e.to_string() };
        let Versioned { version } = serde_json::from_str(&text).map_err(broken)?;
        if version > VERSION {
            return Err(WiringError::Newer { path });
        }
        serde_json::from_str(&text).map_err(broken)
    }

    pub(crate) fn write(&mut self, root: &Path) -> Result<(), WiringError> {
        self.version = VERSION;
        let dropped = self.steps.len().saturating_sub(STEPS);
        self.steps.drain(..dropped);
        let path = root.join("wired.json");
        let text = serde_json::to_string_pretty(self).map_err(|e| WiringError::io(&path)(e.into()))?;
        let before = file::read(&path)?.text;
        file::replace(&path, before.as_deref(), Some(&text), file::Readers::Person)?;
        self.sweep(root);
        Ok(())
    }

    /// Copies that nothing refers to any more go.
    fn sweep(&self, root: &Path) {
        let Ok(kept) = fs::read_dir(root.join("kept")) else { return };
        for copy in kept.flatten() {
            let name = copy.file_name();
            let is = |known: &Option<String>| known.as_deref().is_some_and(|known| name == *known);
            let in_step = |s: &StepFile| is(&s.copy) || s.base.as_ref().is_some_and(|b| is(&b.copy));
            let used = self.bases.iter().any(|b| is(&b.copy))
                || self.steps.iter().flat_map(|s| &s.files).any(in_step);
            if !used {
                let _ = fs::remove_file(copy.path());
            }
        }
    }

    pub(crate) fn find(&self, key: &Key) -> Option<&Wired> {
        self.wired.iter().find(|wired| wired.is(key))
    }

    pub(crate) fn base(&self, file: &Path) -> Option<&Base> {
        self.bases.iter().find(|base| base.file == file)
    }
}

/// The copy of a file as it was.
pub(crate) fn copy(root: &Path, name: &str) -> PathBuf {
    root.join("kept").join(name)
}

/// Keeps a text.
pub(crate) fn keep(root: &Path, name: &str, text: &str) -> Result<(), WiringError> {
    file::replace(&copy(root, name), None, Some(text), file::Readers::Person)
}

/// One at a time: the command and the window may both be at it. Held until dropped.
pub(crate) fn lock(root: &Path) -> Result<File, WiringError> {
    let kept = root.join("kept");
    let made = |error: io::Error| WiringError::Io { path: kept.clone(), source: error };
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&kept).map_err(made)?;
    }
    #[cfg(not(unix))]
    fs::create_dir_all(&kept).map_err(made)?;
    let path = root.join("lock");
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(WiringError::io(&path))?;
    file.lock().map_err(WiringError::io(&path))?;
    Ok(file)
}
