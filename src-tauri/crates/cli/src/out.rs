//! The one place that prints. Results go to standard output, everything else to standard error, so that a
//! program can read the one and a person the other. Colour only on a terminal that wants it (`NO_COLOR`,
//! `TERM=dumb`), only from the sixteen that the person's own theme defines, so that it reads on light and
//! dark. A reader that has gone away is no failure.

use crate::text;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// What a piece of text means; the theme decides what it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Ordinary text.
    Plain,
    /// A name or a heading.
    Strong,
    /// Works, done.
    Good,
    /// Needs the person.
    Attention,
    /// Did not work.
    Bad,
    /// Less important.
    Faint,
}

/// For whom we print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text for a person.
    People,
    /// One JSON value.
    Json,
}

/// Where and how to print.
#[derive(Clone, Copy, Debug)]
pub struct Out {
    /// For whom.
    pub format: Format,
    /// Columns of the terminal; `None` when standard output is none, and nothing is cut then.
    pub columns: Option<usize>,
    /// Standard error is a terminal: a spinner may turn there.
    pub live: bool,
    color: bool,
    color_err: bool,
}

impl Out {
    /// Looks at the standard streams and the environment.
    #[must_use]
    pub fn new(format: Format) -> Self {
        let out = io::stdout().is_terminal();
        let err = io::stderr().is_terminal();
        let wanted =
            color_wanted(std::env::var_os("NO_COLOR").as_deref(), std::env::var_os("TERM").as_deref());
        #[cfg(windows)]
        let wanted = wanted && (!(out || err) || anstyle_query::windows::enable_ansi_colors() != Some(false));
        let columns =
            out.then(|| terminal_size::terminal_size().map_or(80, |(w, _)| usize::from(w.0).max(20)));
        Self {
            format,
            columns,
            live: err && format == Format::People,
            color: out && wanted,
            color_err: err && wanted,
        }
    }

    /// Plain text of a fixed width: for files, tests and documentation.
    #[must_use]
    pub fn plain(columns: Option<usize>) -> Self {
        Self { format: Format::People, columns, live: false, color: false, color_err: false }
    }

    /// The same with so many columns less, for what stands behind a margin.
    #[must_use]
    pub fn narrower(&self, margin: usize) -> Self {
        Self { columns: Some(self.measure().saturating_sub(margin)), ..*self }
    }

    /// Whether programs read us.
    #[must_use]
    pub fn json(&self) -> bool {
        self.format == Format::Json
    }

    /// The width to wrap prose at.
    #[must_use]
    pub fn measure(&self) -> usize {
        self.columns.unwrap_or(100).min(100)
    }

    /// Text in an ink, for standard output.
    #[must_use]
    pub fn paint(&self, ink: Ink, text: &str) -> String {
        painted(self.color, ink, text)
    }

    /// Text in an ink, for standard error.
    #[must_use]
    pub fn paint_err(&self, ink: Ink, text: &str) -> String {
        painted(self.color_err, ink, text)
    }

    /// A line on standard output.
    pub fn line(&self, text: &str) {
        write_line(&mut io::stdout().lock(), text);
    }

    /// A line on standard error.
    pub fn note(&self, text: &str) {
        write_line(&mut io::stderr().lock(), text);
    }

    /// A JSON value on standard output, on one line.
    pub fn value(&self, value: &serde_json::Value) {
        self.line(&value.to_string());
    }

    /// `✓ text`, wrapped with a hanging indent.
    pub fn done(&self, text: &str) {
        self.line(&self.marked(Ink::Good, "✓", text));
    }

    /// A line with a mark before it, wrapped with a hanging indent.
    #[must_use]
    pub fn marked(&self, ink: Ink, mark: &str, text: &str) -> String {
        let mut out = String::new();
        let lines = text::wrap(text, self.measure().saturating_sub(2));
        for (n, line) in lines.iter().enumerate() {
            if n == 0 {
                let _ = write!(out, "{} {line}", self.paint(ink, mark));
            } else {
                let _ = write!(out, "\n  {line}");
            }
        }
        out
    }

    /// `  label  value` lines with the labels in one column, values wrapped.
    #[must_use]
    pub fn facts(&self, rows: &[(&str, String)]) -> String {
        let label = rows.iter().map(|(l, _)| text::width(l)).max().unwrap_or(0);
        let room = self.measure().saturating_sub(label + 4).max(16);
        let mut out = String::new();
        for (name, value) in rows {
            let pad = " ".repeat(label - text::width(name));
            for (n, line) in text::wrap(value, room).iter().enumerate() {
                if !out.is_empty() {
                    out.push('\n');
                }
                if n == 0 {
                    let _ = write!(out, "  {}{pad}  {line}", self.paint(Ink::Faint, name));
                } else {
                    let _ = write!(out, "  {}  {line}", " ".repeat(label));
                }
            }
        }
        out
    }
}

/// <https://no-color.org>: any value but the empty one.
fn color_wanted(no_color: Option<&std::ffi::OsStr>, term: Option<&std::ffi::OsStr>) -> bool {
    no_color.is_none_or(|v| v.is_empty()) && term.is_none_or(|t| t != "dumb")
}

fn painted(color: bool, ink: Ink, text: &str) -> String {
    let code = match ink {
        _ if !color => return text.to_owned(),
        Ink::Plain => return text.to_owned(),
        Ink::Strong => "1",
        Ink::Good => "36",
        Ink::Attention => "33",
        Ink::Bad => "31",
        Ink::Faint => "2",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

fn write_line(to: &mut impl Write, text: &str) {
    // one write a line, so that lines of two programs in one terminal do not mix
    let mut line = String::with_capacity(text.len() + 1);
    line.push_str(text);
    line.push('\n');
    if to.write_all(line.as_bytes()).and_then(|()| to.flush()).is_err() {
        // nobody reads any more: like `yes | head`, the end of the reader is the end of the work
        std::process::exit(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn colour_is_asked_for() {
        assert!(color_wanted(None, None));
        assert!(color_wanted(Some(OsStr::new("")), Some(OsStr::new("xterm"))));
        assert!(!color_wanted(Some(OsStr::new("1")), None));
        assert!(!color_wanted(None, Some(OsStr::new("dumb"))));
    }

    #[test]
    fn facts_line_up_and_wrap() {
        let out = Out::plain(Some(40));
        let text = out.facts(&[
            ("Issuer", "example.com".into()),
            ("May do", "one two three four five six seven eight".into()),
        ]);
        assert_eq!(
            text,
            "  Issuer  example.com\n  May do  one two three four five six\n          seven eight"
        );
    }
}
