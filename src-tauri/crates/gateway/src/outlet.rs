//! The way to the client: whole lines, one at a time, from many streams.
//!
//! Invariant: a line is never torn. A writer that is dropped in the middle of a line leaves the rest behind, and the next
//! one writes it first.

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Mutex;

pub(crate) struct Outlet<W>(Mutex<Pen<W>>);

struct Pen<W> {
    writer: W,
    /// A line under way, and how much of it is written.
    line: Vec<u8>,
    written: usize,
}

impl<W: AsyncWrite + Unpin> Outlet<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self(Mutex::new(Pen { writer, line: Vec::new(), written: 0 }))
    }

    /// Writes a message as a line. Line ends in it, which JSON has only between its tokens, become blanks.
    pub(crate) async fn line(&self, mut message: Vec<u8>) -> io::Result<()> {
        flatten(&mut message);
        message.push(b'\n');
        let mut pen = self.0.lock().await;
        pen.settle().await?;
        pen.line = message;
        pen.written = 0;
        pen.settle().await
    }

    /// Writes what a dropped writer left.
    pub(crate) async fn settle(&self) -> io::Result<()> {
        self.0.lock().await.settle().await
    }
}

impl<W: AsyncWrite + Unpin> Pen<W> {
    async fn settle(&mut self) -> io::Result<()> {
        if self.written == self.line.len() {
            return Ok(());
        }
        while self.written < self.line.len() {
            match self.writer.write(&self.line[self.written..]).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => self.written += written,
            }
        }
        self.line = Vec::new();
        self.written = 0;
        self.writer.flush().await
    }
}

/// Makes one line of pretty JSON.
pub(crate) fn flatten(message: &mut [u8]) {
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'\n', b'\r', &message[from..]) {
        message[from + at] = b' ';
        from += at + 1;
    }
}
