//! What takes over a second says so. On a terminal a spinner turns on standard error and leaves no trace;
//! elsewhere one plain line appears when the second is over, and nothing when it was quicker.

use crate::out::{Ink, Out};
use std::io::Write;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// Silence before the first sign on a terminal: what is quicker would only flicker.
const BLINK: Duration = Duration::from_millis(250);
/// Silence before the line elsewhere.
const SECOND: Duration = Duration::from_secs(1);
/// A frame of the spinner.
const FRAME: Duration = Duration::from_millis(120);
const FRAMES: [&str; 8] = ["⠏", "⠛", "⠹", "⢸", "⣰", "⣤", "⣆", "⡇"];

/// Something under way. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    tell: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins; says nothing yet. Silent when programs read us.
    #[must_use]
    pub(crate) fn new(out: &Out, text: &str) -> Self {
        if out.json() {
            return Self { tell: None, thread: None };
        }
        let (tell, told) = mpsc::channel::<String>();
        let out = *out;
        let mut text = text.to_owned();
        let thread = std::thread::Builder::new()
            .name("progress".into())
            .spawn(move || {
                let mut shown = false;
                let mut wait = if out.live { BLINK } else { SECOND };
                for n in 0usize.. {
                    match told.recv_timeout(wait) {
                        Ok(next) => {
                            text = next;
                            if !out.live {
                                shown = false;
                                wait = SECOND;
                                continue;
                            }
                        }
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => break,
                    }
                    if out.live {
                        let room = terminal_columns().saturating_sub(4);
                        let mut err = std::io::stderr().lock();
                        let frame = out.paint_err(Ink::Good, FRAMES[n % FRAMES.len()]);
                        let _ = write!(err, "\r\x1b[2K{frame} {} …", crate::text::clip(&text, room));
                        let _ = err.flush();
                        shown = true;
                        wait = FRAME;
                    } else if !shown {
                        out.note(&format!("{text} …"));
                        shown = true;
                        wait = Duration::from_secs(3600);
                    }
                }
                if shown && out.live {
                    let mut err = std::io::stderr().lock();
                    let _ = err.write_all(b"\r\x1b[2K");
                    let _ = err.flush();
                }
            })
            .ok();
        Self { tell: Some(tell), thread }
    }

    /// What is under way now.
    pub(crate) fn step(&self, text: &str) {
        if let Some(tell) = &self.tell {
            let _ = tell.send(text.to_owned());
        }
    }

    /// Ends, and leaves the line clean for what comes next.
    pub(crate) fn end(self) {}
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.tell = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn terminal_columns() -> usize {
    terminal_size::terminal_size_of(std::io::stderr()).map_or(80, |(w, _)| usize::from(w.0))
}
