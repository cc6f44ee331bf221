//! Words that a server chose are data. Whatever they hold, a person must see what is there: a control
//! character must not move the cursor, a bidirectional mark must not turn a name round, and an invisible
//! one must not make two names look alike. So each is written out as `<U+202E>`.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Longest text of a server that is shown: two lines of an ordinary terminal.
const SHOWN: usize = 160;

/// The text with everything invisible written out, cut at [`SHOWN`] characters.
#[must_use]
pub fn visible(text: &str) -> String {
    if let Some((cut, _)) = text.char_indices().nth(SHOWN) {
        return visible_whole(&text[..cut]) + "…";
    }
    visible_whole(text)
}

/// The same without a cut.
#[must_use]
pub fn visible_whole(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            out.push_str(&format!("<U+{:04X}>", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// Characters that change what is seen without being seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Columns that the text takes in a terminal.
#[must_use]
pub fn width(text: &str) -> usize {
    let mut columns = 0;
    for (n, piece) in text.split('\u{1b}').enumerate() {
        // what follows an escape of ours is `[…m`, and takes no room
        let shown = if n == 0 { piece } else { piece.split_once('m').map_or("", |(_, rest)| rest) };
        columns += shown.width();
    }
    columns
}

/// The text cut to `columns`, with an ellipsis where something is missing.
#[must_use]
pub fn clip(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > columns {
            break;
        }
        used += w;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// Breaks at spaces so that no line is wider than `columns`. A word that is longer stays whole, because half an
/// address cannot be copied, and so does what stands between backquotes, because half a command cannot be typed.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words(text) {
        if !line.is_empty() && width(&line) + 1 + width(&word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Longest command that is kept on one line.
const COMMAND: usize = 48;

/// What must not be broken.
fn words(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut open = false;
    for word in text.split_whitespace() {
        match out.last_mut() {
            Some(last) if open && width(last) + width(word) < COMMAND => {
                last.push(' ');
                last.push_str(word);
            }
            _ => out.push(word.to_owned()),
        }
        if word.matches('`').count() % 2 == 1 {
            open = !open;
        }
    }
    out
}

/// A word as it must be typed: quoted when a shell would take it apart.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@%+,=".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// `1 account`, `2 accounts`.
#[must_use]
pub fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_invisible_gets_through() {
        assert_eq!(visible("pay\u{202E}lap"), "pay<U+202E>lap");
        assert_eq!(visible("a\u{1b}[31mb"), "a<U+001B>[31mb");
        assert_eq!(visible("a\r\nb"), "a<U+000D><U+000A>b");
        assert_eq!(visible("a\u{200B}b\u{2066}"), "a<U+200B>b<U+2066>");
        assert_eq!(visible("\u{9b}2J"), "<U+009B>2J");
        assert_eq!(visible("Zürich 東京"), "Zürich 東京");
    }

    #[test]
    fn long_text_is_cut() {
        let long = "x".repeat(1000);
        assert_eq!(visible(&long).chars().count(), SHOWN + 1);
    }

    #[test]
    fn clip_counts_columns_not_bytes() {
        assert_eq!(clip("東京都", 4), "東…");
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(clip("abcd", 3), "ab…");
        assert_eq!(clip("abcd", 0), "");
    }

    #[test]
    fn quoted_words_can_be_typed() {
        assert_eq!(quoted("work"), "work");
        assert_eq!(quoted("my work"), "'my work'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn wrap_keeps_long_words_whole() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(
            wrap("see https://a.example/long/long now", 10),
            ["see", "https://a.example/long/long", "now"]
        );
        assert_eq!(
            wrap("if so, `mcp-login login work` now", 16),
            ["if so,", "`mcp-login login work`", "now"]
        );
        assert!(wrap("", 10).is_empty());
    }
}
