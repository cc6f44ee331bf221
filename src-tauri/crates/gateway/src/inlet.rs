//! The client's lines.
//!
//! Invariant: a line is whole or it is told to be too long; what is buffered stays within the bound, and beyond a small size
//! within the budget that all links share; `next` can be dropped and called again without losing a byte.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::limits::{Limits, Permit};

/// What a read asks for at first: most lines fit.
const FIRST_READ: usize = 8 * 1024;
/// And at most, in the middle of a long line: the size of a pipe's buffer on Linux.
const LONG_READ: usize = 64 * 1024;
/// Lines up to this size are copied out, and the buffer serves the next one: a new buffer for each small line costs more.
const COPIED: usize = 16 * 1024;
/// Lines up to this size need no share of the budget: nearly all do.
const SMALL: usize = 256 * 1024;
/// The share that is taken at a time.
const STEP: usize = 1024 * 1024;

pub(crate) struct Inlet<'l, R> {
    reader: R,
    buffer: BytesMut,
    /// How far the buffer was searched for a line's end.
    searched: usize,
    limits: &'l Limits,
    permit: Option<Permit>,
    /// Up to where the buffer may grow with the share that it has.
    granted: usize,
    skipping: bool,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Input {
    Line(Bytes, Option<Permit>),
    /// A line beyond the bound; it is gone.
    TooLong,
    /// A large line while all links together hold as much as they may; it is gone.
    NoRoom,
    End,
}

impl<'l, R: AsyncRead + Unpin> Inlet<'l, R> {
    pub(crate) fn new(reader: R, limits: &'l Limits) -> Self {
        let buffer = BytesMut::new();
        Self { reader, buffer, searched: 0, limits, permit: None, granted: SMALL, skipping: false }
    }

    /// The next line that is not empty, without its end. Cancel safe.
    pub(crate) async fn next(&mut self) -> io::Result<Input> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let line = self.cut(self.searched + at);
                if let Some(input) = self.line(line) {
                    return Ok(input);
                }
                continue;
            }
            self.searched = self.buffer.len();
            if self.skipping {
                self.buffer.clear();
                self.searched = 0;
            } else if self.buffer.len() > self.limits.message {
                self.skip();
                return Ok(Input::TooLong);
            } else if self.buffer.len() > self.granted && !self.grow() {
                self.skip();
                return Ok(Input::NoRoom);
            }
            self.buffer.reserve(self.buffer.len().clamp(FIRST_READ, LONG_READ));
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                // A last line without its end is a message all the same.
                let line = std::mem::take(&mut self.buffer).freeze();
                return Ok(self.line(line).unwrap_or(Input::End));
            }
        }
    }

    /// Takes a line of this length out of the buffer, and the line feed behind it.
    fn cut(&mut self, length: usize) -> Bytes {
        if length > COPIED {
            let line = self.buffer.split_to(length).freeze();
            self.buffer.advance(1);
            return line;
        }
        let line = Bytes::copy_from_slice(&self.buffer[..length]);
        self.buffer.advance(length + 1);
        line
    }

    fn line(&mut self, line: Bytes) -> Option<Input> {
        self.searched = 0;
        self.granted = SMALL;
        let permit = self.permit.take();
        let whole = !std::mem::take(&mut self.skipping) && !line.trim_ascii().is_empty();
        whole.then_some(Input::Line(line, permit))
    }

    fn grow(&mut self) -> bool {
        let Some(more) = self.limits.share(STEP) else { return false };
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        self.granted += STEP;
        true
    }

    fn skip(&mut self) {
        self.buffer = BytesMut::new();
        self.searched = 0;
        self.permit = None;
        self.granted = SMALL;
        self.skipping = true;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    async fn read(text: impl AsyncRead + Unpin, limits: &Limits) -> Vec<String> {
        let mut inlet = Inlet::new(text, limits);
        let mut seen = Vec::new();
        loop {
            match inlet.next().await.unwrap() {
                Input::Line(line, _) if line.len() > 100 => seen.push(line.len().to_string()),
                Input::Line(line, _) => seen.push(String::from_utf8(line.to_vec()).unwrap()),
                Input::TooLong => seen.push("too long".into()),
                Input::NoRoom => seen.push("no room".into()),
                Input::End => return seen,
            }
            assert!(inlet.buffer.capacity() < 3 << 20);
        }
    }

    #[tokio::test]
    async fn lines_of_all_kinds() {
        let seen = read(&b"one\r\n\n  \ntwo\nlast"[..], &Limits::default()).await;
        assert_eq!(seen, ["one\r", "two", "last"]);
    }

    #[tokio::test]
    async fn a_line_without_end_is_bounded() {
        let limits = Limits { message: 1 << 20, ..Limits::default() };
        let endless = tokio::io::repeat(b'a').take(10 << 20);
        assert_eq!(read(endless.chain(&b"\nnext\n"[..]), &limits).await, ["too long", "next"]);
    }

    #[tokio::test]
    async fn large_lines_share_a_budget() {
        let limits =
            Limits { total: Arc::new(Semaphore::new(STEP / crate::limits::PERMIT)), ..Limits::default() };
        let line = |size: u64| tokio::io::repeat(b'a').take(size).chain(&b"\n"[..]);
        let seen = read(line(1 << 20).chain(line(2 << 20)).chain(line(1 << 20)), &limits).await;
        assert_eq!(seen, ["1048576", "no room", "1048576"]);
        assert_eq!(limits.total.available_permits(), 16);
    }
}
