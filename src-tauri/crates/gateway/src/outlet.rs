//! The way to the client: whole lines, one at a time, from many streams.
//!
//! Invariant: a line is never torn by somebody else's. Who is dropped in the middle of a small line leaves the rest behind, and
//! the next one writes it first. A large message that breaks off gets its line end from the next one.

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Mutex, MutexGuard};

pub(crate) struct Outlet<W>(Mutex<Pen<W>>);

struct Pen<W> {
    writer: W,
    /// A line under way, and how much of it is written.
    line: Vec<u8>,
    written: usize,
    /// A large message was begun and not ended.
    torn: bool,
}

/// A message that is written piece by piece. Nobody else writes meanwhile.
pub(crate) struct Large<'o, W>(MutexGuard<'o, Pen<W>>);

impl<W: AsyncWrite + Unpin> Outlet<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self(Mutex::new(Pen { writer, line: Vec::new(), written: 0, torn: false }))
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

    /// Begins a message that is written piece by piece.
    pub(crate) async fn large(&self) -> io::Result<Large<'_, W>> {
        let mut pen = self.0.lock().await;
        pen.settle().await?;
        pen.torn = true;
        Ok(Large(pen))
    }

    /// Writes what somebody who was dropped left behind.
    pub(crate) async fn settle(&self) -> io::Result<()> {
        self.0.lock().await.settle().await
    }
}

impl<W: AsyncWrite + Unpin> Large<'_, W> {
    pub(crate) async fn more(&mut self, mut piece: &[u8]) -> io::Result<()> {
        while let Some(at) = memchr::memchr2(b'\n', b'\r', piece) {
            self.0.writer.write_all(&piece[..at]).await?;
            self.0.writer.write_all(b" ").await?;
            piece = &piece[at + 1..];
        }
        self.0.writer.write_all(piece).await
    }

    pub(crate) async fn end(mut self) -> io::Result<()> {
        self.0.settle().await
    }
}

impl<W: AsyncWrite + Unpin> Pen<W> {
    async fn settle(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.torn) {
            self.line = b"\n".to_vec();
            self.written = 0;
        }
        if self.line.is_empty() {
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
fn flatten(message: &mut [u8]) {
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'\n', b'\r', &message[from..]) {
        message[from + at] = b' ';
        from += at + 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_dropped_writer_leaves_no_torn_line() {
        let (mut client, server) = tokio::io::duplex(8);
        let outlet = Outlet::new(server);
        {
            // The pipe holds eight bytes: this one is cut in the middle.
            let mut line = pin!(outlet.line(b"{\"one\":\n\"long line\"}".to_vec()));
            assert!(line.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let read = async {
            let mut text = String::new();
            client.read_to_string(&mut text).await.unwrap();
            text
        };
        let write = async {
            outlet.line(b"2".to_vec()).await.unwrap();
            let mut large = outlet.large().await.unwrap();
            large.more(b"[3,\r\n").await.unwrap();
            large.more(b"4]").await.unwrap();
            large.end().await.unwrap();
            let mut large = outlet.large().await.unwrap();
            large.more(b"[5,").await.unwrap();
            drop(large);
            outlet.line(b"6".to_vec()).await.unwrap();
            drop(outlet);
        };
        let (text, ()) = tokio::join!(read, write);
        assert_eq!(text, "{\"one\": \"long line\"}\n2\n[3,  4]\n[5,\n6\n");
    }
}
