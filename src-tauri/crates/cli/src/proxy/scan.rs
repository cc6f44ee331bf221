//! What a line of JSON-RPC is, seen as it passes by.
//!
//! Problem: a message may be 64 MiB, its `id` may be its last word, and the pump wants neither to hold it nor to parse it.
//! Invariant: bytes are looked at once, in the pieces in which they come; only the members `id` and `method` of the
//! outermost object are kept, up to a bound; what is no JSON makes a line without either, and passes all the same.

/// An id or a method that is longer is none: a UUID with a prefix fits, and so does every method of MCP.
const MOST: usize = 256;
/// The longest name of a member that we look for.
const LONGEST_KEY: usize = 6;

/// What a whole line was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// `id` as it was written; nothing when missing.
    pub(super) id: Option<Vec<u8>>,
    /// `method`, without its quotes.
    pub(super) method: Option<Vec<u8>>,
    /// Whether it has an `error`.
    pub(super) error: bool,
}

impl Frame {
    /// The id of a request: it wants an answer.
    pub(super) fn asks(&self) -> Option<&[u8]> {
        self.method.as_ref().and(self.id.as_deref()).filter(|id| *id != b"null")
    }

    /// The id of an answer.
    pub(super) fn answers(&self) -> Option<&[u8]> {
        if self.method.is_none() { self.id.as_deref() } else { None }
    }

    /// Whether it is this method.
    pub(super) fn is(&self, method: &str) -> bool {
        self.method.as_deref() == Some(method.as_bytes())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Outside of the object, or in an array.
    #[default]
    Outside,
    /// A name may come.
    Name,
    /// Inside a name.
    InName,
    /// After a name.
    Colon,
    /// At a value.
    Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Member {
    #[default]
    Other,
    Id,
    Method,
}

/// The state between two bytes of a line.
#[derive(Debug, Default)]
pub(super) struct Scan {
    depth: u32,
    string: bool,
    escaped: bool,
    place: Place,
    name: Vec<u8>,
    member: Member,
    frame: Frame,
}

impl Scan {
    /// Looks at bytes that hold no line feed.
    pub(super) fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.string && !self.escaped && self.member == Member::Other && self.place != Place::InName {
                // The bulk of a message: of such a text only the end and escapes count.
                let Some(at) = memchr::memchr2(b'"', b'\\', bytes) else { return };
                bytes = &bytes[at..];
            }
            self.byte(bytes[0]);
            bytes = &bytes[1..];
        }
    }

    /// The line is over: what it was, and on with the next.
    pub(super) fn end(&mut self) -> Frame {
        let mut frame = std::mem::take(self).frame;
        frame.id = frame.id.filter(|id| id.len() <= MOST && !id.is_empty());
        frame.method = frame.method.filter(|method| method.len() <= MOST).map(|quoted| {
            let text = quoted.strip_prefix(b"\"").unwrap_or(&quoted);
            text.strip_suffix(b"\"").unwrap_or(text).to_vec()
        });
        frame
    }

    fn byte(&mut self, byte: u8) {
        if self.string {
            self.in_string(byte);
            return;
        }
        match byte {
            b'"' => {
                self.string = true;
                if self.depth == 1 && self.place == Place::Name {
                    self.place = Place::InName;
                    self.name.clear();
                } else {
                    self.keep(byte);
                }
            }
            b'{' | b'[' => {
                self.keep(byte);
                self.depth = self.depth.saturating_add(1);
                if self.depth == 1 && byte == b'{' {
                    self.place = Place::Name;
                }
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.place = Place::Outside;
                    self.member = Member::Other;
                }
                self.keep(byte);
            }
            b':' if self.depth == 1 && self.place == Place::Colon => {
                self.place = Place::Value;
                self.member = match self.name.as_slice() {
                    b"id" => Member::Id,
                    b"method" => Member::Method,
                    _ => Member::Other,
                };
                match (self.member, self.name.as_slice()) {
                    // The last of two with the same name counts, as with every parser that takes both.
                    (Member::Id, _) => self.frame.id = Some(Vec::new()),
                    (Member::Method, _) => self.frame.method = Some(Vec::new()),
                    (Member::Other, name) => self.frame.error |= name == b"error",
                }
            }
            b',' if self.depth == 1 && self.place == Place::Value => {
                self.place = Place::Name;
                self.member = Member::Other;
            }
            b' ' | b'\t' | b'\r' => {}
            _ => self.keep(byte),
        }
    }

    fn in_string(&mut self, byte: u8) {
        let name = self.place == Place::InName;
        match (self.escaped, byte) {
            (true, _) => self.escaped = false,
            (false, b'\\') => self.escaped = true,
            (false, b'"') => {
                self.string = false;
                if name {
                    self.place = Place::Colon;
                    return;
                }
            }
            _ => {}
        }
        if name {
            // One byte more than the longest that is looked for: a longer one must not look like it.
            if self.name.len() <= LONGEST_KEY {
                self.name.push(byte);
            }
        } else {
            self.keep(byte);
        }
    }

    fn keep(&mut self, byte: u8) {
        let into = match self.member {
            Member::Other => return,
            Member::Id => &mut self.frame.id,
            Member::Method => &mut self.frame.method,
        };
        // One byte more than the bound: the end sees that it was passed.
        if let Some(into) = into
            && into.len() <= MOST
        {
            into.push(byte);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Frame {
        let mut scan = Scan::default();
        for byte in text.as_bytes().chunks(3) {
            scan.see(byte);
        }
        let found = scan.end();
        let mut whole = Scan::default();
        whole.see(text.as_bytes());
        assert_eq!(whole.end(), found, "in pieces and in one: {text}");
        found
    }

    #[test]
    fn requests_wherever_their_id_stands() {
        for text in [
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"id":8,"method":"x"}}"#,
            r#"{"method":"tools/call","params":{"name":"}{\"id\":9","a":[1,{"id":3}]},"jsonrpc":"2.0","id":7}"#,
            " { \"id\" : 7 , \"method\" : \"tools/call\" }\r",
        ] {
            let frame = frame(text);
            assert_eq!(frame.asks(), Some(&b"7"[..]), "{text}");
            assert!(frame.is("tools/call"), "{text}");
            assert_eq!(frame.answers(), None);
        }
    }

    #[test]
    fn answers_and_notifications() {
        assert_eq!(frame(r#"{"result":{"method":"no"},"id":"a-1"}"#).answers(), Some(&b"\"a-1\""[..]));
        let failed = frame(r#"{"id":1,"error":{"code":-1}}"#);
        assert!(failed.error && failed.answers().is_some());
        let note = frame(r#"{"method":"notifications/initialized"}"#);
        assert!(note.asks().is_none() && note.answers().is_none() && note.is("notifications/initialized"));
        assert_eq!(frame(r#"{"id":null,"method":"x"}"#).asks(), None);
    }

    #[test]
    fn rubbish_and_what_is_too_long() {
        for text in
            ["", "[]", "[{\"id\":1,\"method\":\"ping\"}]", "}}}", "\"id\":1", "{\"identity\":1}", "{\"id\"}"]
        {
            assert_eq!(frame(text).answers().or(frame(text).asks()), None, "{text}");
        }
        let long = format!(r#"{{"id":"{}","method":"ping"}}"#, "x".repeat(MOST));
        assert_eq!(frame(&long).asks(), None);
        // An unclosed string ends with its line.
        let mut scan = Scan::default();
        scan.see(b"{\"id\":\"1");
        scan.end();
        scan.see(br#"{"id":2,"method":"ping"}"#);
        assert_eq!(scan.end().asks(), Some(&b"2"[..]));
    }
}
