//! The client's lines.
//!
//! Invariant: a line is whole or it is told to be too long; what is buffered never exceeds the bound; `next` can be dropped
//! and called again without losing a byte.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A read of the size of a pipe's buffer on Linux.
const READ: usize = 64 * 1024;

pub(crate) struct Inlet<R> {
    reader: R,
    buffer: BytesMut,
    /// How far the buffer was searched for a line's end.
    searched: usize,
    longest: usize,
    skipping: bool,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Line(Bytes),
    /// A line beyond the bound; it is gone.
    TooLong,
    End,
}

impl<R: AsyncRead + Unpin> Inlet<R> {
    pub(crate) fn new(reader: R, longest: usize) -> Self {
        Self { reader, buffer: BytesMut::new(), searched: 0, longest, skipping: false }
    }

    /// The next line that is not empty, without its end. Cancel safe.
    pub(crate) async fn next(&mut self) -> io::Result<Input> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let line = self.buffer.split_to(self.searched + at).freeze();
                self.buffer.advance(1);
                self.searched = 0;
                if std::mem::take(&mut self.skipping) {
                    continue;
                }
                if !line.trim_ascii().is_empty() {
                    return Ok(Input::Line(line));
                }
                continue;
            }
            self.searched = self.buffer.len();
            if self.skipping {
                self.buffer.clear();
                self.searched = 0;
            } else if self.buffer.len() > self.longest {
                self.buffer = BytesMut::new();
                self.searched = 0;
                self.skipping = true;
                return Ok(Input::TooLong);
            }
            self.buffer.reserve(READ);
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                // A last line without its end is a message all the same.
                let line = std::mem::take(&mut self.buffer).freeze();
                self.searched = 0;
                let whole = !std::mem::take(&mut self.skipping) && !line.trim_ascii().is_empty();
                return Ok(if whole { Input::Line(line) } else { Input::End });
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_of_all_kinds() {
        let mut inlet = Inlet::new(&b"one\r\n\n  \ntoo long a line\ntwo\nlast"[..], 8);
        // The bound is looked at when more has to be read; what lies in one read is taken.
        let mut seen = Vec::new();
        loop {
            match inlet.next().await.unwrap() {
                Input::Line(line) => seen.push(String::from_utf8(line.to_vec()).unwrap()),
                Input::TooLong => seen.push("-".into()),
                Input::End => break,
            }
        }
        assert_eq!(seen, ["one\r", "too long a line", "two", "last"]);
    }

    #[tokio::test]
    async fn a_line_without_end_is_bounded() {
        let endless = tokio::io::repeat(b'a').take(10 << 20);
        let mut inlet = Inlet::new(endless.chain(&b"\nnext\n"[..]), 1 << 20);
        assert_eq!(inlet.next().await.unwrap(), Input::TooLong);
        assert_eq!(inlet.next().await.unwrap(), Input::Line(Bytes::from_static(b"next")));
        assert!(inlet.buffer.capacity() < 2 << 20);
        assert_eq!(inlet.next().await.unwrap(), Input::End);
    }
}
