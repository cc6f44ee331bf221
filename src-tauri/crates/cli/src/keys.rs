//! What the person types while we wait. A pasted callback address can be longer than the line that a
//! terminal takes in its ordinary mode (1,024 bytes on macOS, 4,096 on Linux), so on a terminal the line
//! is read character by character, and not echoed: it holds a code. The mode is put back at the end,
//! also on Ctrl-C, which goes on working in between.

use std::io::Read;
use std::sync::mpsc::Sender;

/// Longest line that is taken. A callback with a signed response object has some 8 KiB.
const LONGEST: usize = 64 * 1024;

/// A line, or the end of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// A line without its end, trimmed.
    Line(String),
    /// No more will come.
    End,
}

/// The terminal in reading mode; back to what it was when dropped.
#[derive(Debug)]
pub(crate) struct Terminal {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Terminal {
    /// Switches standard input to reading mode, if it is a terminal and ours to read.
    #[must_use]
    pub(crate) fn listen() -> Self {
        #[cfg(unix)]
        {
            use rustix::termios::{
                LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcgetpgrp, tcsetattr,
            };
            let stdin = std::io::stdin();
            // a job in the background that touches the terminal is stopped by the system
            let ours = tcgetpgrp(&stdin).is_ok_and(|group| group == rustix::process::getpgrp());
            let before = ours.then(|| tcgetattr(&stdin).ok()).flatten();
            if let Some(before) = &before {
                let mut mode = before.clone();
                mode.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
                mode.special_codes[SpecialCodeIndex::VMIN] = 1;
                mode.special_codes[SpecialCodeIndex::VTIME] = 0;
                let _ = tcsetattr(&stdin, OptionalActions::Now, &mode);
            }
            Self { before }
        }
        #[cfg(not(unix))]
        Self {}
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            let _ =
                rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Now, before);
        }
    }
}

/// Reads standard input on a thread of its own and sends each line through `to`, made into what it carries.
/// The thread ends with the input, the receiver, or the process.
pub(crate) fn read<T: Send + 'static>(to: Sender<T>, wrap: fn(Typed) -> T) {
    let _ = std::thread::Builder::new().name("keys".into()).spawn(move || {
        let mut lines = Lines::default();
        let mut buffer = [0u8; 4096];
        let mut stdin = std::io::stdin().lock();
        loop {
            match stdin.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    for line in lines.feed(&buffer[..n]) {
                        if to.send(wrap(Typed::Line(line))).is_err() {
                            return;
                        }
                    }
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if let Some(line) = lines.rest() {
            let _ = to.send(wrap(Typed::Line(line)));
        }
        let _ = to.send(wrap(Typed::End));
    });
}

/// Cuts bytes into lines, and does what the terminal would have done: rubbing out.
#[derive(Debug, Default)]
struct Lines {
    line: Vec<u8>,
}

impl Lines {
    fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut done = Vec::new();
        for &b in bytes {
            match b {
                b'\n' | b'\r' => {
                    done.push(self.take());
                }
                // backspace, delete
                0x08 | 0x7f => while self.line.pop().is_some_and(|b| b & 0xC0 == 0x80) {},
                // Ctrl-U
                0x15 => self.line.clear(),
                b if self.line.len() < LONGEST => self.line.push(b),
                _ => {}
            }
        }
        // "\r\n" is one end, and the empty line in its middle is nobody's
        if bytes.windows(2).any(|w| w == b"\r\n") {
            done.retain(|l| !l.is_empty());
        }
        done
    }

    fn rest(&mut self) -> Option<String> {
        (!self.line.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.line);
        // what terminals put round a paste
        let text = text.replace("\x1b[200~", "").replace("\x1b[201~", "");
        self.line.clear();
        text.trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_mended() {
        let mut lines = Lines::default();
        assert_eq!(lines.feed(b"http://127.0.0.1/call"), Vec::<String>::new());
        assert_eq!(lines.feed(b"back?code=1\n\nx"), ["http://127.0.0.1/callback?code=1", ""]);
        assert_eq!(lines.feed(b"\x7fab\x08\n"), ["a"]);
        assert_eq!(lines.feed("ü\u{7f}o\x15q\r\n".as_bytes()), ["q"]);
        assert_eq!(lines.feed(b"\x1b[200~pasted\x1b[201~\n"), ["pasted"]);
        assert_eq!(lines.feed(b"last"), Vec::<String>::new());
        assert_eq!(lines.rest(), Some("last".to_owned()));
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn long_lines_are_bounded() {
        let mut lines = Lines::default();
        let mut bytes = vec![b'x'; LONGEST * 2];
        bytes.push(b'\n');
        assert_eq!(lines.feed(&bytes)[0].len(), LONGEST);
    }
}
