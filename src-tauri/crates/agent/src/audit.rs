//! The audit log: who was handed what, and when.
//!
//! Problem: a token hand-out takes microseconds and must not wait for a disk, and yet no hand-out may go unrecorded.
//! Invariant: every entry goes through one bounded queue to one writer thread; a full queue slows whoever wants to add
//! to it, and after [`PATIENCE`] refuses them, but nothing queued is ever dropped. Entries have no field that a token
//! could be in. Numbers go up by one, across restarts, so that a reader sees a gap.

use crate::rotate::RotatingFile;
use mcp_login_ipc::api::{AuditAction, AuditEntry, AuditOutcome};
use std::io::{self, BufRead as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};

/// The file's name in the data directory.
pub const FILE_NAME: &str = "audit.log";
/// Bytes in one file. Four of them hold some 25,000 entries: months of a busy desktop.
const MAX_FILE: u64 = 1024 * 1024;
/// Files kept, the newest included.
const KEEP: u32 = 4;
/// Entries waiting for the writer: what a thousand callers at once leave behind, in a quarter of a megabyte.
const QUEUE: usize = 1024;
/// How long the writer rests after a batch, so that a burst of hand-outs wakes it a hundred times a second and not once
/// each: waking a thread costs the caller more than all else that the hand-out does.
const REST: Duration = Duration::from_millis(10);
/// How long a caller waits for room. With a working disk it never comes to this.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries of a write that failed (a full disk, mostly).
const RETRY: Duration = Duration::from_millis(500);
/// Entries in one answer to a reader; a line of the local API is bounded.
pub const MAX_READ: usize = 500;
/// Entries that a slow follower may be behind before it has to read the file again.
const FOLLOW: usize = 256;

/// The queue's end that everybody has. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Audit {
    queue: mpsc::Sender<Message>,
    written: broadcast::Sender<Arc<AuditEntry>>,
}

/// The audit log takes no more: what was to be recorded must not happen.
#[derive(Debug, thiserror::Error)]
#[error("the audit log cannot be written")]
pub struct AuditUnavailable;

/// Which entries a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// The newest ones.
    Newest,
    /// The oldest of those after this number.
    After(u64),
    /// The newest of those before this number.
    Before(u64),
}

#[derive(Debug)]
enum Message {
    Entry(Box<AuditEntry>),
    Read { range: Range, limit: usize, reply: oneshot::Sender<Vec<AuditEntry>> },
    Flush(oneshot::Sender<()>),
}

/// An entry with the fields that each has; its number is given by the writer.
#[must_use]
pub fn entry(at: u64, action: AuditAction, outcome: AuditOutcome) -> AuditEntry {
    AuditEntry {
        seq: 0,
        at,
        action,
        outcome,
        account: None,
        server: None,
        generation: None,
        caller: None,
        code: None,
        note: None,
    }
}

impl Audit {
    /// Opens the log in `dir` and starts its writer, which ends when the last [`Audit`] is gone.
    ///
    /// # Errors
    /// When the file cannot be opened or the thread not started.
    pub fn open(dir: &Path) -> io::Result<Self> {
        Self::open_with(dir, MAX_FILE, KEEP, QUEUE)
    }

    fn open_with(dir: &Path, max: u64, keep: u32, queue: usize) -> io::Result<Self> {
        let path = dir.join(FILE_NAME);
        let file = RotatingFile::open(&path, max, keep)?;
        let next = last_number(&path, keep) + 1;
        let (send, receive) = mpsc::channel(queue);
        let (written, _) = broadcast::channel(FOLLOW);
        let writer = Writer { path, keep, file, next, written: written.clone() };
        std::thread::Builder::new().name("audit".into()).spawn(move || writer.run(receive))?;
        Ok(Self { queue: send, written })
    }

    /// Queues an entry; its number is given by the writer. Returns at once unless the queue is full.
    ///
    /// # Errors
    /// [`AuditUnavailable`] when there was no room for [`PATIENCE`], or the writer is gone.
    pub async fn write(&self, entry: AuditEntry) -> Result<(), AuditUnavailable> {
        match self.queue.try_send(Message::Entry(Box::new(entry))) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(AuditUnavailable),
            Err(mpsc::error::TrySendError::Full(message)) => {
                self.queue.send_timeout(message, PATIENCE).await.map_err(|_| AuditUnavailable)
            }
        }
    }

    /// The entries of `range`, oldest first, at most `limit` (and [`MAX_READ`]).
    ///
    /// # Errors
    /// [`AuditUnavailable`] when the writer is gone.
    pub async fn read(&self, range: Range, limit: usize) -> Result<Vec<AuditEntry>, AuditUnavailable> {
        let limit = limit.clamp(1, MAX_READ);
        let (reply, answer) = oneshot::channel();
        let message = Message::Read { range, limit, reply };
        self.queue.send(message).await.map_err(|_| AuditUnavailable)?;
        answer.await.map_err(|_| AuditUnavailable)
    }

    /// What is written from now on. A follower that lags reads the file from its last number on.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<Arc<AuditEntry>> {
        self.written.subscribe()
    }

    /// Waits until everything queued so far is in the file.
    pub async fn flush(&self) {
        let (reply, done) = oneshot::channel();
        if self.queue.send(Message::Flush(reply)).await.is_ok() {
            let _ = done.await;
        }
    }
}

struct Writer {
    path: PathBuf,
    keep: u32,
    file: RotatingFile,
    next: u64,
    written: broadcast::Sender<Arc<AuditEntry>>,
}

impl Writer {
    fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        while let Some(first) = queue.blocking_recv() {
            let mut batch = Vec::new();
            let mut message = Some(first);
            let mut rest = Some(REST);
            while let Some(one) = message {
                match one {
                    Message::Entry(mut entry) => {
                        entry.seq = self.next;
                        self.next += 1;
                        batch.push(*entry);
                    }
                    Message::Read { range, limit, reply } => {
                        self.put(std::mem::take(&mut batch));
                        let _ = reply.send(read(&self.path, self.keep, range, limit));
                    }
                    Message::Flush(reply) => {
                        self.put(std::mem::take(&mut batch));
                        let _ = reply.send(());
                        rest = None;
                    }
                }
                message = queue.try_recv().ok();
            }
            self.put(batch);
            if let Some(rest) = rest {
                std::thread::sleep(rest);
            }
        }
    }

    /// Writes until it is written: meanwhile the queue fills, and callers slow down.
    fn put(&mut self, batch: Vec<AuditEntry>) {
        // In pieces, so that one batch does not make one file much longer than the bound.
        for piece in batch.chunks(64) {
            let mut lines = Vec::with_capacity(piece.len() * 256);
            for entry in piece {
                if serde_json::to_writer(&mut lines, entry).is_ok() {
                    lines.push(b'\n');
                }
            }
            let mut told = false;
            while let Err(error) = self.file.append(&lines) {
                if !told {
                    tracing::error!(%error, "the audit log cannot be written; hand-outs wait for it");
                    // What was cut off in the middle must not swallow the line after it.
                    lines.insert(0, b'\n');
                    told = true;
                }
                std::thread::sleep(RETRY);
            }
        }
        for entry in batch {
            let _ = self.written.send(Arc::new(entry));
        }
    }
}

/// The number of the last entry in the files, 0 when there is none.
fn last_number(path: &Path, keep: u32) -> u64 {
    read(path, keep, Range::Newest, 1).last().map_or(0, |entry| entry.seq)
}

/// A line that cannot be read (cut by a crash) is passed over.
fn read(path: &Path, keep: u32, range: Range, limit: usize) -> Vec<AuditEntry> {
    let mut found = std::collections::VecDeque::new();
    for file in RotatingFile::files(path, keep) {
        let Ok(file) = std::fs::File::open(&file) else { continue };
        for line in io::BufReader::new(file).split(b'\n').map_while(Result::ok) {
            let Ok(entry) = serde_json::from_slice::<AuditEntry>(&line) else { continue };
            match range {
                Range::After(after) if entry.seq > after => {
                    found.push_back(entry);
                    if found.len() == limit {
                        return found.into();
                    }
                }
                Range::After(_) => {}
                Range::Before(before) if entry.seq >= before => return found.into(),
                Range::Newest | Range::Before(_) => {
                    if found.len() == limit {
                        found.pop_front();
                    }
                    found.push_back(entry);
                }
            }
        }
    }
    found.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn one(note: u64) -> AuditEntry {
        AuditEntry { note: Some(note.to_string()), ..entry(7, AuditAction::Token, AuditOutcome::Ok) }
    }

    fn numbers(entries: &[AuditEntry]) -> Vec<u64> {
        entries.iter().map(|e| e.seq).collect()
    }

    #[tokio::test]
    async fn numbers_go_on_across_a_restart_and_a_cut_line() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::open(dir.path()).unwrap();
        for n in 0..3 {
            audit.write(one(n)).await.unwrap();
        }
        audit.flush().await;
        drop(audit);
        let path = dir.path().join(FILE_NAME);
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"seq\":4,\"at\n");
        std::fs::write(&path, text).unwrap();
        let audit = Audit::open(dir.path()).unwrap();
        audit.write(one(3)).await.unwrap();
        assert_eq!(numbers(&audit.read(Range::Newest, 10).await.unwrap()), [1, 2, 3, 4]);
        assert_eq!(numbers(&audit.read(Range::After(1), 2).await.unwrap()), [2, 3]);
        assert_eq!(numbers(&audit.read(Range::Newest, 1).await.unwrap()), [4]);
        assert_eq!(numbers(&audit.read(Range::Before(4), 2).await.unwrap()), [2, 3]);
        assert_eq!(numbers(&audit.read(Range::Before(2), 9).await.unwrap()), [1]);
        assert!(audit.read(Range::Before(1), 9).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_tiny_queue_slows_and_drops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::open_with(dir.path(), 1 << 20, 2, 4).unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..200 {
            let audit = audit.clone();
            tasks.spawn(async move { audit.write(one(n)).await });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap().unwrap();
        }
        let entries = audit.read(Range::Newest, MAX_READ).await.unwrap();
        assert_eq!(entries.len(), 200);
        assert_eq!(numbers(&entries), (1..=200).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn the_files_are_bounded_and_hold_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::open_with(dir.path(), 2_000, 3, 16).unwrap();
        for n in 0..500 {
            audit.write(one(n)).await.unwrap();
        }
        audit.flush().await;
        let bytes: u64 =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
        // A batch of 64 lines goes out in one piece.
        assert!(bytes < 3 * (2_000 + 64 * 100), "{bytes}");
        assert_eq!(numbers(&audit.read(Range::Newest, 1).await.unwrap()), [500]);
    }

    #[tokio::test]
    async fn followers_see_what_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::open(dir.path()).unwrap();
        let mut follow = audit.follow();
        audit.write(one(0)).await.unwrap();
        let entry = tokio::time::timeout(Duration::from_secs(10), follow.recv()).await.unwrap().unwrap();
        assert_eq!(entry.seq, 1);
    }
}
