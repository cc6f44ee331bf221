//! A change before it is made: what a person is shown, and what is done when they say yes.
//!
//! Invariant: what is done is what was shown; when one of several files cannot be written, those that were are put back.

use crate::WiringError;
use crate::file::{self, Readers, Seen};
use crate::record::{self, Base, Key, Record, Step, StepFile, Wired};
use mcp_login_clients::{Client, Document, Edit, EditError, Hunk, Made, Occupied, Place, Tree, diff};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What becomes of one file.
#[derive(Clone, Debug)]
pub struct Change {
    /// The client's name for people.
    pub client: String,
    /// Its word on the command line.
    pub client_id: String,
    /// What is left to do for a person afterwards.
    pub after_words: String,
    /// The file, as it is named.
    pub path: PathBuf,
    /// The lines that go and come.
    pub hunks: Vec<Hunk>,
    /// What cannot be brought back exactly: the file was changed since we wrote into it.
    pub entry_only: bool,
    seen: Seen,
    after: Option<String>,
    readers: Readers,
    add: Vec<Wired>,
    remove: Vec<Key>,
}

impl Change {
    pub(crate) fn begin(client: &Client, path: PathBuf, readers: Readers) -> Result<Self, WiringError> {
        let seen = file::read(&path)?;
        Ok(Self {
            client: client.name.clone(),
            client_id: client.id.clone(),
            after_words: client.after.clone(),
            path,
            hunks: Vec::new(),
            entry_only: false,
            after: seen.text.clone(),
            seen,
            readers,
            add: Vec::new(),
            remove: Vec::new(),
        })
    }

    /// Whether the file is there now.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.seen.text.is_some()
    }

    /// Whether it is there afterwards.
    #[must_use]
    pub fn stays(&self) -> bool {
        self.after.is_some()
    }

    /// The entries that come in, by name.
    #[must_use]
    pub fn entries(&self) -> Vec<&str> {
        self.add.iter().map(|wired| wired.place.name.as_str()).collect()
    }

    /// The commands that the client will start, in full.
    #[must_use]
    pub fn starts(&self) -> Vec<String> {
        self.add.iter().filter_map(|wired| starts(&wired.entry)).collect()
    }

    pub(crate) fn text(&self) -> &str {
        self.after.as_deref().unwrap_or("")
    }

    pub(crate) fn before(&self) -> Option<&str> {
        self.seen.text.as_deref()
    }

    pub(crate) fn target(&self) -> &Path {
        &self.seen.target
    }

    pub(crate) fn changes(&self) -> bool {
        self.after != self.seen.text
    }

    pub(crate) fn edit_error(&self) -> impl FnOnce(EditError) -> WiringError {
        let path = self.path.clone();
        move |error| WiringError::Edit { path, error }
    }

    pub(crate) fn read(&self, client: &Client) -> Result<Document<'_>, WiringError> {
        Document::read(client.format, self.text()).map_err(self.edit_error())
    }

    /// Puts an entry in.
    pub(crate) fn put(
        &mut self,
        client: &Client,
        place: &Place,
        entry: &Tree,
        occupied: Occupied,
    ) -> Result<Made, WiringError> {
        let made = self.read(client)?.connect(place, entry, occupied).map_err(self.edit_error())?;
        self.step(&made.edit);
        Ok(made)
    }

    /// Takes an entry out.
    pub(crate) fn take(
        &mut self,
        client: &Client,
        place: &Place,
        made: Option<&Made>,
    ) -> Result<(), WiringError> {
        let removal = self.read(client)?.disconnect(place, made).map_err(self.edit_error())?;
        self.entry_only |= matches!(removal, mcp_login_clients::Removal::EntryOnly(_));
        let edit = removal.edit().clone();
        self.step(&edit);
        Ok(())
    }

    /// The whole text, as it was.
    pub(crate) fn restore(&mut self, text: Option<String>) {
        let edit = Edit::between(self.text(), text.as_deref().unwrap_or(""));
        self.hunks = diff(self.text(), &edit);
        self.entry_only = false;
        self.after = text;
    }

    fn step(&mut self, edit: &Edit) {
        self.hunks.extend(diff(self.text(), edit));
        self.after = edit.apply(self.text());
    }

    pub(crate) fn add(&mut self, wired: Wired) {
        self.add.push(wired);
    }

    pub(crate) fn remove(&mut self, key: Key) {
        self.remove.push(key);
    }
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In a few words.
    pub what: String,
    /// File by file; none when everything is as it should be.
    pub changes: Vec<Change>,
    /// Keys of the door that open for nobody afterwards, by their names.
    pub keys: Vec<String>,
    pub(crate) root: PathBuf,
    /// The step that is taken back.
    pub(crate) undoes: Option<u64>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Copies of the files as they were.
    pub copies: Vec<PathBuf>,
}

impl Plan {
    pub(crate) fn new(root: &Path, what: String, changes: Vec<Change>) -> Result<Self, WiringError> {
        let changes: Vec<Change> = changes.into_iter().filter(Change::changes).collect();
        for change in &changes {
            file::check_writable(&change.path, &change.seen)?;
        }
        Ok(Self { what, changes, keys: Vec::new(), root: root.to_owned(), undoes: None })
    }

    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Does it.
    ///
    /// # Errors
    /// [`WiringError`]; the files are as they were then.
    pub fn apply(self) -> Result<Done, WiringError> {
        let _turn = record::lock(&self.root)?;
        let mut record = Record::read(&self.root)?;
        let id = record.next;
        record.next += 1;
        let mut names = Vec::new();
        for (n, change) in self.changes.iter().enumerate() {
            let name = change.before().map(|_| format!("{id}-{n}-{}", change.client_id));
            if let (Some(name), Some(text)) = (&name, change.before()) {
                record::keep(&self.root, name, text)?;
            }
            names.push(name);
        }
        let mut written: Vec<(&Change, bool)> = Vec::new();
        for change in &self.changes {
            match write(change) {
                Ok(own_dir) => written.push((change, own_dir)),
                Err(error) => {
                    put_back(&written);
                    return Err(error);
                }
            }
        }
        for change in self.changes.iter().filter(|change| change.after.is_none()) {
            if record.base(change.target()).is_some_and(|base| base.own_dir) {
                remove_dir(change.target());
            }
        }
        let copies = names.iter().flatten().map(|name| record::copy(&self.root, name)).collect();
        let own_dirs: Vec<bool> = written.iter().map(|(_, own_dir)| *own_dir).collect();
        self.note(&mut record, id, names, &own_dirs);
        if let Err(error) = record.write(&self.root) {
            put_back(&written);
            return Err(error);
        }
        Ok(Done { copies })
    }

    /// Brings the record up to date with what was written.
    fn note(&self, record: &mut Record, id: u64, names: Vec<Option<String>>, own_dirs: &[bool]) {
        if let Some(undone) = self.undoes {
            let Some(at) = record.steps.iter().position(|step| step.id == undone) else { return };
            for file in record.steps.remove(at).files {
                record.wired.retain(|wired| wired.file != file.file);
                record.wired.extend(file.wired);
                record.bases.retain(|base| base.file != file.target);
                record.bases.extend(file.base);
            }
            // where others wrote meanwhile, what was known of the file is not true any more
            for change in &self.changes {
                let now = file::print(change.after.as_deref());
                record.bases.retain(|base| base.file != change.target() || base.last == now);
            }
            return;
        }
        let mut step = Step { id, at: now(), what: self.what.clone(), files: Vec::new() };
        for ((change, name), own_dir) in self.changes.iter().zip(names).zip(own_dirs) {
            let here: Vec<Wired> = record.wired.iter().filter(|w| w.file == change.path).cloned().collect();
            let base = record.base(change.target()).cloned();
            step.files.push(StepFile {
                client: change.client_id.clone(),
                file: change.path.clone(),
                target: change.target().to_owned(),
                copy: name.clone(),
                after: file::print(change.after.as_deref()),
                base: base.clone(),
                wired: here.clone(),
            });
            record.wired.retain(|wired| !change.remove.iter().any(|key| wired.is(key)));
            record.wired.extend(change.add.iter().cloned());
            record.bases.retain(|base| base.file != change.target());
            if record.wired.iter().any(|wired| wired.file == change.path) {
                let last = file::print(change.after.as_deref());
                let intact = base.filter(|base| base.last == file::print(change.before()));
                let fresh = here.is_empty().then(|| Base {
                    file: change.target().to_owned(),
                    copy: name,
                    last: None,
                    own_dir: *own_dir,
                });
                record.bases.extend(intact.or(fresh).map(|base| Base { last, ..base }));
            }
        }
        record.steps.push(step);
    }
}

/// Writes one file; answers whether its directory was made for it.
fn write(change: &Change) -> Result<bool, WiringError> {
    let mut own_dir = false;
    if let Some(directory) = change.target().parent().filter(|_| change.before().is_none()) {
        own_dir = !directory.exists();
        fs::create_dir_all(directory).map_err(WiringError::io(directory))?;
    }
    file::replace(change.target(), change.before(), change.after.as_deref(), change.readers)?;
    Ok(own_dir)
}

fn put_back(written: &[(&Change, bool)]) {
    for (change, own_dir) in written {
        let _ = file::replace(change.target(), change.after.as_deref(), change.before(), change.readers);
        if *own_dir {
            remove_dir(change.target());
        }
    }
}

/// The directory of a file that is gone, if it is empty.
fn remove_dir(target: &Path) {
    if let Some(directory) = target.parent() {
        let _ = fs::remove_dir(directory);
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The command line of an entry.
fn starts(entry: &Tree) -> Option<String> {
    let ours = mcp_login_clients::ours(entry)?;
    let words = [ours.command.as_str(), ours.via.as_str(), ours.account.as_str()];
    Some(if cfg!(windows) { mcp_login_clients::windows(&words) } else { mcp_login_clients::posix(&words) })
}
