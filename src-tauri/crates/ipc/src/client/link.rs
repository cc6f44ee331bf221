//! The two directions of a link, for two threads: MCP messages as they are, one a line, with nothing read into them.

use std::io::{self, Read, Write};

use super::Stream;

/// What the agent sends. The end of it is the end of the link.
#[derive(Debug)]
pub struct LinkReader {
    stream: Stream,
    /// What had come with the answer to `gateway.open`.
    left: Vec<u8>,
}

/// What goes to the agent.
#[derive(Debug)]
pub struct LinkWriter {
    stream: Stream,
}

pub(super) fn split(stream: &Stream, left: Vec<u8>) -> io::Result<(LinkReader, LinkWriter)> {
    let reader = LinkReader { stream: stream.another()?, left };
    Ok((reader, LinkWriter { stream: stream.another()? }))
}

impl LinkWriter {
    /// Ends the link in both directions; a thread that reads it hears of the end.
    pub fn hang_up(&self) {
        self.stream.hang_up();
    }
}

impl Read for LinkReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() {
            return self.stream.read_on(into);
        }
        let taken = self.left.len().min(into.len());
        into[..taken].copy_from_slice(&self.left[..taken]);
        self.left.drain(..taken);
        Ok(taken)
    }
}

impl Write for LinkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write_some(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
