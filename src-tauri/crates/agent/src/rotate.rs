//! A file that cannot grow without end.
//!
//! Problem: an agent that runs for months writes for months. Invariant: at most `keep` files of `max` bytes (and one
//! line) each; a line is never split between two files; the newest file has the plain name, older ones `.1`, `.2` …

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// An append-only file with its older siblings.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    max: u64,
    keep: u32,
    file: File,
    len: u64,
}

impl RotatingFile {
    /// Opens `path` for appending, 0600. `max` is bytes in a file, `keep` is files including the newest.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path, max: u64, keep: u32) -> io::Result<Self> {
        let file = append(path)?;
        let len = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), max, keep: keep.max(1), file, len })
    }

    /// Appends whole lines in one write, after moving the files on when they would not fit.
    ///
    /// # Errors
    /// What the system says; the text may then be there in part.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.len > 0 && self.len + lines.len() as u64 > self.max {
            self.rotate()?;
        }
        self.file.write_all(lines)?;
        self.len += lines.len() as u64;
        Ok(())
    }

    /// The files from oldest to newest, those that exist.
    #[must_use]
    pub fn files(path: &Path, keep: u32) -> Vec<PathBuf> {
        (0..keep.max(1)).rev().map(|n| sibling(path, n)).filter(|p| p.exists()).collect()
    }

    fn rotate(&mut self) -> io::Result<()> {
        for n in (1..self.keep).rev() {
            match std::fs::rename(sibling(&self.path, n - 1), sibling(&self.path, n)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        if self.keep == 1 {
            std::fs::remove_file(&self.path)?;
        }
        self.file = append(&self.path)?;
        self.len = 0;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Others may rename it while it is open, which is how it is rotated.
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, 0x7);
    options.open(path)
}

fn sibling(path: &Path, n: u32) -> PathBuf {
    if n == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    PathBuf::from(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_lines_and_no_more_files_than_asked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let mut file = RotatingFile::open(&path, 20, 3).unwrap();
        for n in 0..100 {
            file.append(format!("line {n:03}\n").as_bytes()).unwrap();
        }
        let files = RotatingFile::files(&path, 3);
        assert_eq!(files.len(), 3);
        let all: String = files.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect();
        assert_eq!(all, "line 094\nline 095\nline 096\nline 097\nline 098\nline 099\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn goes_on_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        RotatingFile::open(&path, 100, 2).unwrap().append(b"one\n").unwrap();
        RotatingFile::open(&path, 100, 2).unwrap().append(b"two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }
}
