//! The text between the values: blanks, commas and comments; and values as text.

use super::Json;
use crate::tree::Tree;
use std::ops::Range;

impl<'a> Json<'a> {
    /// The first comma that is in no comment.
    pub(super) fn comma(&self, within: Range<usize>) -> Option<usize> {
        let mut at = within.start;
        while at < within.end {
            match self.comment(at) {
                Some(end) => at = end,
                None if self.text.as_bytes()[at] == b',' => return Some(at),
                None => at += 1,
            }
        }
        None
    }

    /// The end of the comment that begins here; a line's without its line end.
    fn comment(&self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..)?;
        if rest.starts_with("//") {
            let line = rest.find('\n').unwrap_or(rest.len());
            Some(at + rest[..line].trim_end_matches('\r').len())
        } else if rest.starts_with("/*") {
            Some(at + rest.find("*/").map_or(rest.len(), |n| n + 2))
        } else {
            None
        }
    }

    /// From here over blanks and comments to the end of the line; nowhere, when something else stands there.
    pub(super) fn rest_of_line(&self, from: usize, limit: usize) -> usize {
        let mut at = from;
        let mut end = from;
        while at < limit {
            if let Some(comment) = self.comment(at) {
                if self.text[at..comment].contains('\n') {
                    return end;
                }
                at = comment;
                end = comment;
            } else if matches!(self.text.as_bytes()[at], b' ' | b'\t') {
                at += 1;
            } else {
                return end;
            }
        }
        end
    }

    /// The end of the last comment between the two, or the first of them.
    pub(super) fn last_comment(&self, open: usize, close: usize) -> usize {
        let (mut at, mut end) = (open, open);
        while at < close {
            match self.comment(at) {
                Some(comment) => {
                    at = comment;
                    end = comment;
                }
                None => at += 1,
            }
        }
        end
    }

    /// The blanks that the line begins with.
    pub(super) fn line_indent(&self, at: usize) -> &'a str {
        let start = self.text[..at].rfind('\n').map_or(0, |n| n + 1);
        let line = self.text[start..at].trim_start_matches('\u{feff}');
        let start = at - line.len();
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        &self.text[start..start + blanks]
    }

    /// The same, if nothing else stands before.
    pub(super) fn own_indent(&self, at: usize) -> Option<&'a str> {
        let start = self.text[..at].rfind('\n')? + 1;
        let line = &self.text[start..at];
        line.trim_matches([' ', '\t']).is_empty().then_some(line)
    }

    /// A value over several lines, as these files are mostly written: lists stay on one.
    pub(super) fn render(&self, value: &Tree, indent: &str) -> String {
        match value {
            Tree::Map(members) if !members.is_empty() => {
                let inner = format!("{indent}{}", self.unit);
                let lines: Vec<String> = members
                    .iter()
                    .map(|(k, v)| {
                        format!("{}{inner}{}: {}", self.line_end, quoted(k), self.render(v, &inner))
                    })
                    .collect();
                format!("{{{}{}{indent}}}", lines.join(","), self.line_end)
            }
            other => self.inline(other, " "),
        }
    }

    pub(super) fn inline(&self, value: &Tree, blank: &str) -> String {
        match value {
            Tree::Null => "null".to_owned(),
            Tree::Bool(value) => value.to_string(),
            Tree::Plain(text) => text.clone(),
            Tree::Text(text) => quoted(text),
            Tree::List(list) => {
                let list: Vec<String> = list.iter().map(|v| self.inline(v, blank)).collect();
                format!("[{}]", list.join(&format!(",{blank}")))
            }
            Tree::Map(members) => {
                let members: Vec<String> = members
                    .iter()
                    .map(|(k, v)| format!("{}:{blank}{}", quoted(k), self.inline(v, blank)))
                    .collect();
                format!("{{{}}}", members.join(&format!(",{blank}")))
            }
        }
    }
}

/// RFC 8259 §7.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' || c == '\u{7f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
