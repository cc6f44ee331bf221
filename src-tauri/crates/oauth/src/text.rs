//! Text that a server supplied and a person may see.
//!
//! Problem: an `error_description` can carry terminal escapes, right-to-left overrides or a megabyte.
//! Invariant: a [`ServerText`] is one line, at most 300 characters, without control, format or bidi characters.

use std::fmt;

/// The longest text kept: about two lines of a terminal; what says more belongs in the server's own pages.
const MAX_CHARS: usize = 300;

/// Bounded, stripped text from a server. Show it as text, never as markup or a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct ServerText(String);

impl ServerText {
    /// Strips and bounds. White space runs become one blank.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        let mut out = String::new();
        let mut count = 0;
        let mut gap = false;
        for c in raw.chars() {
            if c.is_whitespace() {
                gap = !out.is_empty();
                continue;
            }
            if is_hidden(c) {
                continue;
            }
            if count >= MAX_CHARS {
                out.push('…');
                break;
            }
            if gap {
                out.push(' ');
                count += 1;
                gap = false;
            }
            out.push(c);
            count += 1;
        }
        ServerText(out)
    }

    /// The same, `None` for text that is empty after stripping.
    #[must_use]
    pub fn non_empty(raw: &str) -> Option<Self> {
        let text = Self::new(raw);
        (!text.0.is_empty()).then_some(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Characters that change how a line is shown without being seen: controls, bidi marks and overrides, zero-width
/// and tag characters, variation selectors' private cousins.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' | '\u{E000}'..='\u{F8FF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_what_moves_the_line() {
        let text = ServerText::new("  a\u{1b}[31m\r\nb\u{202e}c\u{200b} \t d\u{7}  ");
        assert_eq!(text.as_str(), "a[31m bc d");
    }

    #[test]
    fn bounds_and_marks_the_cut() {
        let text = ServerText::new(&"x".repeat(1_000_000));
        assert_eq!(text.as_str().chars().count(), MAX_CHARS + 1);
        assert!(text.as_str().ends_with('…'));
        assert_eq!(ServerText::new(&"y".repeat(MAX_CHARS)).as_str().chars().count(), MAX_CHARS);
    }

    #[test]
    fn nothing_left_is_nothing() {
        assert_eq!(ServerText::non_empty("\u{202e}\u{0}\n"), None);
    }
}
