//! The frame of a message that is too large to be held: read as it passes.
//!
//! Invariant: of the message only its `id` is kept, and at most [`LONGEST_ID`] bytes of it. It is not checked that the message
//! is JSON; who reads it does.

use serde_json::value::RawValue;

use crate::frame::Id;

/// Longer ids are not matched with a request.
const LONGEST_ID: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between a message's members, before a key.
    Key,
    /// In a key at the top.
    InKey,
    /// Behind a key.
    Colon,
    /// In a value at the top.
    Value,
}

/// The reader of one message.
#[derive(Debug)]
pub(crate) struct Scan {
    depth: usize,
    in_text: bool,
    escaped: bool,
    place: Place,
    key: Vec<u8>,
    id: Vec<u8>,
    has_method: bool,
}

impl Scan {
    pub(crate) fn new() -> Self {
        Self {
            depth: 0,
            in_text: false,
            escaped: false,
            place: Place::Key,
            key: Vec::new(),
            id: Vec::new(),
            has_method: false,
        }
    }

    pub(crate) fn more(&mut self, mut piece: &[u8]) {
        while let Some(&byte) = piece.first() {
            if self.in_text
                && !self.escaped
                && self.place == Place::Value
                && (self.depth > 1 || self.key != b"id")
            {
                // The bulk of a message: nothing but the text's end or an escape counts.
                match memchr::memchr2(b'"', b'\\', piece) {
                    None => return,
                    Some(at) => piece = &piece[at..],
                }
                self.step(piece[0]);
                piece = &piece[1..];
                continue;
            }
            self.step(byte);
            piece = &piece[1..];
        }
    }

    fn step(&mut self, byte: u8) {
        if self.depth == 1 {
            self.at_top(byte);
        }
        if self.in_text {
            if std::mem::take(&mut self.escaped) {
                return;
            }
            match byte {
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    /// A byte that stands in the message's own braces.
    fn at_top(&mut self, byte: u8) {
        let quote = byte == b'"' && !self.escaped;
        match self.place {
            Place::Key if quote => {
                self.key.clear();
                self.place = Place::InKey;
            }
            Place::InKey if quote => self.place = Place::Colon,
            Place::InKey if self.key.len() < 16 => self.key.push(byte),
            Place::Colon if byte == b':' => {
                self.place = Place::Value;
                self.has_method |= self.key == b"method";
                if self.key == b"id" {
                    self.id.clear();
                }
            }
            Place::Value if !self.in_text && matches!(byte, b',' | b'}') => self.place = Place::Key,
            Place::Value if self.key == b"id" && self.id.len() < LONGEST_ID => self.id.push(byte),
            _ => {}
        }
    }

    /// The request that the message answers, if it is an answer.
    pub(crate) fn answers(&self) -> Option<Id> {
        if self.has_method {
            return None;
        }
        let id = std::str::from_utf8(self.id.trim_ascii()).ok()?;
        Id::read(serde_json::from_str::<&RawValue>(id).ok()?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ids_wherever_they_stand() {
        let number = |n: i64| Some(Id::Number(n.into()));
        for (text, id) in [
            (r#"{"jsonrpc":"2.0","id":7,"result":{"id":8,"x":"}\"id\":9"}}"#, number(7)),
            (r#"{"result":{"id":8,"a":[{"id":1}]},"id" : -7 }"#, number(-7)),
            (r#"{"result":"\\","id":"a\"b,}"}"#, Some(Id::Text("a\"b,}".into()))),
            (r#"{"result":"id\":1","error":[1,2,{"a":"]"}]}"#, None),
            (r#"{"id":1,"method":"x","params":{}}"#, None),
            (r#"{"params":{"method":1},"id":null}"#, None),
            (r#"{"identity":1,"result":2, "id":3}"#, number(3)),
        ] {
            for size in [1, 2, 5, 100] {
                let mut scan = Scan::new();
                text.as_bytes().chunks(size).for_each(|piece| scan.more(piece));
                assert_eq!(scan.answers(), id, "{text} by {size}");
            }
        }
    }
}
