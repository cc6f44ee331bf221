//! The client's side: what it says goes to the agent, or waits until there is one.

use super::scan::{Frame, Scan};
use super::{CHUNK, HELD, MOST_WAITING, Shared, broken};
use mcp_login_ipc::client::LinkWriter;
use std::io::{self, Read as _, Write as _};
use std::sync::PoisonError;
use std::time::Instant;

/// How a long line is getting on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Long {
    /// None is under way.
    No,
    /// It goes out over the link of this number.
    On(u64),
    /// Its link has gone: the rest of it goes nowhere.
    Lost,
}

/// Reads until the client has said its last word.
pub(super) fn read(shared: &Shared) {
    let mut client = Client { shared, scan: Scan::default(), held: Vec::new(), long: Long::No };
    let mut stdin = io::stdin().lock();
    let mut chunk = vec![0; CHUNK];
    loop {
        match stdin.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => client.take(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let _ = shared.ended.set(Instant::now());
    // What waits for a link goes out first.
    if shared.outgoing().waiting.is_empty() {
        shared.leave_when_done();
    }
    shared.changed.notify_all();
    // Answers are still under way: not for ever.
    std::thread::sleep(super::LAST_WORDS);
    shared.leave_when_done();
}

/// Writes as much as goes at once; nothing when the link is gone already.
fn first_part(link: &mut LinkWriter, bytes: &[u8]) -> Option<usize> {
    loop {
        match link.write(bytes) {
            Ok(0) => return None,
            Ok(written) => return Some(written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

struct Client<'a> {
    shared: &'a Shared,
    scan: Scan,
    /// Whole lines of this read, and the beginning of the next.
    held: Vec<u8>,
    long: Long,
}

impl Client<'_> {
    fn take(&mut self, mut rest: &[u8]) {
        // The lines in what is held: where each ends, and what it is.
        let mut lines: Vec<(usize, Frame)> = Vec::new();
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            self.scan.see(&line[..end]);
            let frame = self.scan.end();
            if self.long == Long::No {
                self.held.extend_from_slice(line);
                lines.push((self.held.len(), frame));
            } else {
                self.end_long(&frame, line);
            }
        }
        if !lines.is_empty() {
            self.pass(&lines);
            self.held.clear();
        }
        self.scan.see(rest);
        match self.long {
            Long::No => {
                self.held.extend_from_slice(rest);
                if self.held.len() > HELD {
                    self.begin_long();
                }
            }
            Long::On(_) | Long::Lost => self.piece(rest),
        }
    }

    /// Whole lines, over the link or into the queue; and into the table in the same moment, so that nobody gives them up in
    /// between.
    fn pass(&self, lines: &[(usize, Frame)]) {
        let mut outgoing = self.shared.outgoing();
        while outgoing.link.is_none() && outgoing.waiting.len() > MOST_WAITING {
            self.shared.changed.notify_all();
            outgoing = self.shared.changed.wait(outgoing).unwrap_or_else(PoisonError::into_inner);
        }
        let mut requests = self.shared.requests();
        let mut begin = 0;
        for (end, frame) in lines {
            requests.said(frame, &self.held[begin..*end]);
            begin = *end;
        }
        drop(requests);
        let begun = outgoing.link.as_mut().and_then(|link| first_part(link, &self.held));
        let Some(begun) = begun else {
            // Nothing of it has gone anywhere: it waits for the next link.
            outgoing.link = None;
            outgoing.waiting.extend_from_slice(&self.held);
            drop(outgoing);
            self.shared.changed.notify_all();
            return;
        };
        // Gone out, even if the link breaks now: how far it came nobody can tell.
        self.shared.requests().went();
        if let Some(link) = &mut outgoing.link
            && link.write_all(&self.held[begun..]).is_err()
        {
            outgoing.link = None;
        }
    }

    /// The line is longer than what is held: it goes out in pieces, as soon as there is a link.
    fn begin_long(&mut self) {
        let mut outgoing = self.shared.outgoing();
        outgoing.wanted = true;
        while outgoing.link.is_none() {
            self.shared.changed.notify_all();
            outgoing = self.shared.changed.wait(outgoing).unwrap_or_else(PoisonError::into_inner);
            if outgoing.link.is_none() && !outgoing.wanted {
                // It was tried, and there is none to be had: the end of the line tells the client so.
                self.long = Long::Lost;
                self.held = Vec::new();
                return;
            }
        }
        self.long = Long::On(outgoing.number);
        drop(outgoing);
        let begun = std::mem::take(&mut self.held);
        self.piece(&begun);
    }

    fn piece(&mut self, bytes: &[u8]) {
        let Long::On(number) = self.long else { return };
        let mut outgoing = self.shared.outgoing();
        let same = outgoing.number == number;
        let written = match &mut outgoing.link {
            Some(link) if same => link.write_all(bytes).is_ok(),
            _ => false,
        };
        if !written {
            self.long = Long::Lost;
        }
    }

    /// The end of a long line. It is in the table before it is whole, so that no answer can come sooner.
    fn end_long(&mut self, frame: &Frame, last: &[u8]) {
        self.shared.requests().said_at_length(frame);
        self.piece(last);
        if self.long == Long::Lost
            && let Some(id) = frame.asks()
            && self.shared.requests().forget(id)
        {
            self.shared.refuse(&[id.to_vec()], &broken());
        }
        self.long = Long::No;
    }
}
