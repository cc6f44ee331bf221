//! Server-sent events (WHATWG HTML §9.2.6), read as they arrive.
//!
//! Problem: an event may be larger than we want to hold, and a server may never end a line. Invariant: data is handed on as
//! slices of the chunk that it came in; of everything else at most [`LONGEST_FIELD`] bytes are kept, whatever is sent.

use std::time::Duration;

/// `event`, `id` and `retry` together stay below 200 bytes with every server that was looked at.
const LONGEST_FIELD: usize = 4096;
/// A server may hold us off for this long, not longer.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// What a chunk holds, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'c> {
    /// More of the event's data. Line ends between data lines come as one blank: they are JSON's white space.
    Data(&'c [u8]),
    /// The event is complete.
    End(Event),
    /// A field is longer than we take: the rest of the stream cannot be trusted.
    TooLong,
}

/// Which kind of event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The default: a JSON-RPC message.
    Message,
    /// HTTP+SSE (MCP 2024-11-05): where to send messages.
    Endpoint,
    /// None of ours.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a field's name (kept in `name`).
    Name,
    /// Right after the colon, where one blank does not count.
    Colon,
    Data,
    /// In the value of `event`, `id` or `retry` (kept in `value`).
    Value,
    /// In a comment or an unknown field.
    Skip,
}

/// The reader of one stream.
#[derive(Debug)]
pub(crate) struct Sse {
    place: Place,
    name: Vec<u8>,
    value: Vec<u8>,
    after_cr: bool,
    /// How many bytes of a byte order mark were seen; 3 means that none can come any more.
    mark: usize,
    event: Event,
    data_lines: usize,
    pending_id: Option<String>,
    last_id: Option<String>,
    retry: Option<Duration>,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Sse {
    pub(crate) fn new() -> Self {
        Self {
            place: Place::Name,
            name: Vec::new(),
            value: Vec::new(),
            after_cr: false,
            mark: 0,
            event: Event::Message,
            data_lines: 0,
            pending_id: None,
            last_id: None,
            retry: None,
        }
    }

    /// The id to resume after, if the server gave one.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref().filter(|id| !id.is_empty())
    }

    /// How long to wait before the stream is taken up again, if the server said so.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// What the event is that is being read, as far as the server has said.
    pub(crate) fn event(&self) -> Event {
        self.event
    }

    /// The stream broke off and goes on elsewhere: what was half read is void, what was said about resuming holds.
    pub(crate) fn interrupted(&mut self) {
        *self = Self { last_id: self.last_id.take(), retry: self.retry, ..Self::new() };
    }

    /// The next part of the chunk, which shrinks by it; `None` when it is used up.
    pub(crate) fn next<'c>(&mut self, chunk: &mut &'c [u8]) -> Option<Part<'c>> {
        while let Some(&byte) = chunk.first() {
            if self.mark < BOM.len() {
                if byte == BOM[self.mark] {
                    self.mark += 1;
                    *chunk = &chunk[1..];
                    continue;
                }
                self.mark = BOM.len();
            }
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                *chunk = &chunk[1..];
                continue;
            }
            if byte == b'\n' || byte == b'\r' {
                self.after_cr = byte == b'\r';
                *chunk = &chunk[1..];
                if let Some(part) = self.line_end() {
                    return Some(part);
                }
                continue;
            }
            match self.place {
                Place::Name => {
                    let part = self.name_byte(byte);
                    *chunk = &chunk[1..];
                    if part.is_some() {
                        return part;
                    }
                }
                Place::Colon => {
                    self.place = self.value_place();
                    if byte == b' ' {
                        *chunk = &chunk[1..];
                    }
                    if self.place == Place::Data && self.data_lines > 1 {
                        return Some(Part::Data(b" "));
                    }
                }
                Place::Data => return Some(Part::Data(take_line(chunk))),
                Place::Value => {
                    let more = take_line(chunk);
                    if self.value.len() + more.len() > LONGEST_FIELD {
                        return Some(Part::TooLong);
                    }
                    self.value.extend_from_slice(more);
                }
                Place::Skip => {
                    take_line(chunk);
                }
            }
        }
        None
    }

    fn name_byte(&mut self, byte: u8) -> Option<Part<'static>> {
        if byte == b':' {
            self.place = if self.name.is_empty() { Place::Skip } else { Place::Colon };
            if self.name == b"data" {
                self.data_lines += 1;
            }
        } else if self.name.len() < 16 {
            // longer than every name that counts: it goes on to be none of them
            self.name.push(byte);
        }
        None
    }

    fn value_place(&self) -> Place {
        match &self.name[..] {
            b"data" => Place::Data,
            b"event" | b"id" | b"retry" => Place::Value,
            _ => Place::Skip,
        }
    }

    fn line_end(&mut self) -> Option<Part<'static>> {
        let place = std::mem::replace(&mut self.place, Place::Name);
        if place == Place::Name && self.name.is_empty() {
            return self.dispatch();
        }
        let name = std::mem::take(&mut self.name);
        let value = std::mem::take(&mut self.value);
        if place == Place::Name && name == b"data" {
            self.data_lines += 1; // a line of the name alone has an empty value
        }
        match &name[..] {
            b"event" => {
                self.event = match &value[..] {
                    b"" | b"message" => Event::Message,
                    b"endpoint" => Event::Endpoint,
                    _ => Event::Other,
                }
            }
            b"id" if !value.contains(&0) => self.pending_id = String::from_utf8(value).ok(),
            b"retry" => {
                let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
                if digits && let Ok(text) = std::str::from_utf8(&value) {
                    let wait = text.parse().map_or(LONGEST_RETRY, Duration::from_millis);
                    self.retry = Some(wait.min(LONGEST_RETRY));
                }
            }
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Part<'static>> {
        if let Some(id) = self.pending_id.take() {
            self.last_id = Some(id);
        }
        let event = std::mem::replace(&mut self.event, Event::Message);
        (std::mem::take(&mut self.data_lines) > 0).then_some(Part::End(event))
    }
}

/// The bytes up to the line's end, which stays.
fn take_line<'c>(chunk: &mut &'c [u8]) -> &'c [u8] {
    let end = memchr::memchr2(b'\n', b'\r', chunk).unwrap_or(chunk.len());
    let (line, rest) = chunk.split_at(end);
    *chunk = rest;
    line
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(sse: &mut Sse, text: &[u8], size: usize) -> Vec<String> {
        let mut out = Vec::new();
        let mut data = Vec::new();
        for mut chunk in text.chunks(size) {
            while let Some(part) = sse.next(&mut chunk) {
                match part {
                    Part::Data(more) => data.extend_from_slice(more),
                    Part::End(event) => {
                        out.push(format!(
                            "{event:?} {}",
                            String::from_utf8(std::mem::take(&mut data)).unwrap()
                        ));
                    }
                    Part::TooLong => return vec!["too long".into()],
                }
            }
        }
        out
    }

    #[test]
    fn however_it_is_cut() {
        let text = "\u{feff}: hello\n\nevent: message\ndata: {\"a\":\ndata:  1}\n\nid: 7\ndata\n\n\
            event:endpoint\r\ndata:/m?x=1\r\n\r\nretry: 250\rdata: x\r\rdata: cut off";
        for size in [1, 2, 3, 7, 1000] {
            let mut sse = Sse::new();
            let out = read(&mut sse, text.as_bytes(), size);
            assert_eq!(out, ["Message {\"a\":  1}", "Message ", "Endpoint /m?x=1", "Message x"], "{size}");
            assert_eq!(sse.last_id(), Some("7"));
            assert_eq!(sse.retry(), Some(Duration::from_millis(250)));
        }
    }

    #[test]
    fn what_does_not_count() {
        let mut sse = Sse::new();
        let text =
            b"id: a\0b\nfoo: bar\ndatabase: 1\nretry: soon\nevent: ping\ndata: {}\n\nevent: x\n\ndata: y\n\n";
        assert_eq!(read(&mut sse, text, 5), ["Other {}", "Message y"]);
        assert_eq!((sse.last_id(), sse.retry()), (None, None));
    }

    #[test]
    fn a_field_without_end_is_refused_and_a_comment_is_not_kept() {
        let long = vec![b'x'; 100_000];
        for field in ["id: ", "event: ", "retry: "] {
            let text = [field.as_bytes(), &long].concat();
            assert_eq!(read(&mut Sse::new(), &text, 1000), ["too long"], "{field}");
        }
        let mut sse = Sse::new();
        for field in [": ", "unknown: ", ""] {
            let text = [field.as_bytes(), &long, b"\ndata: y\n\n"].concat();
            assert_eq!(read(&mut sse, &text, 1000), ["Message y"], "{field}");
            assert!(sse.name.capacity() + sse.value.capacity() < 2 * LONGEST_FIELD);
        }
    }
}
