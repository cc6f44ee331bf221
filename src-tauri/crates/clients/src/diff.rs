//! What a person reads before they say yes: the lines that go and come, with a line around them. Values that look like
//! secrets are not shown: a neighbour's token is nobody's business here.

use crate::edit::Edit;

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It is there before and after.
    Stays,
    /// It goes.
    Goes,
    /// It comes.
    Comes,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What becomes of it.
    pub sign: Sign,
    /// It, without its end.
    pub text: String,
}

/// Lines that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// The number of the first one, before the edit; from 1.
    pub line: usize,
    /// The lines.
    pub lines: Vec<Line>,
}

/// Lines shown around a change: enough to see where it is.
const AROUND: usize = 2;

/// The change as lines.
#[must_use]
pub fn diff(text: &str, edit: &Edit) -> Vec<Hunk> {
    let Some(after) = edit.apply(text) else { return Vec::new() };
    let (old, new): (Vec<&str>, Vec<&str>) = (lines(text), lines(&after));
    // Which lines a cut touches is known: the rest pairs up by itself.
    let mut changes: Vec<(std::ops::Range<usize>, std::ops::Range<usize>)> = Vec::new();
    let mut grown: isize = 0;
    for splice in &edit.splices {
        let from = line_of(text, splice.at);
        let to = line_of(text, splice.at + splice.old.len()) + 1;
        let at = splice.at.saturating_add_signed(grown);
        let (new_from, new_to) = (line_of(&after, at), line_of(&after, at + splice.new.len()) + 1);
        grown += splice.new.len() as isize - splice.old.len() as isize;
        match changes.last_mut() {
            Some((o, n)) if from <= o.end || new_from <= n.end => {
                o.end = o.end.max(to);
                n.end = n.end.max(new_to);
            }
            _ => changes.push((from..to, new_from..new_to)),
        }
    }
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut shown = 0;
    for (o, n) in changes {
        let (mut o, mut n) = (o.start..o.end.min(old.len()), n.start..n.end.min(new.len()));
        while !o.is_empty() && !n.is_empty() && old[o.start] == new[n.start] {
            (o.start, n.start) = (o.start + 1, n.start + 1);
        }
        while !o.is_empty() && !n.is_empty() && old[o.end - 1] == new[n.end - 1] {
            (o.end, n.end) = (o.end - 1, n.end - 1);
        }
        let from = o.start.saturating_sub(AROUND).max(shown);
        let to = (o.end + AROUND).min(old.len());
        let line = |sign, text: &&str| Line { sign, text: (*text).to_owned() };
        let mut body: Vec<Line> = old[from..o.start].iter().map(|l| line(Sign::Stays, l)).collect();
        body.extend(old[o.clone()].iter().map(|l| line(Sign::Goes, l)));
        body.extend(new[n].iter().map(|l| line(Sign::Comes, l)));
        body.extend(old[o.end..to].iter().map(|l| line(Sign::Stays, l)));
        shown = to;
        hunks.push(Hunk { line: from + 1, lines: body });
    }
    for line in hunks.iter_mut().flat_map(|h| &mut h.lines) {
        line.text = masked(&line.text);
    }
    hunks
}

fn lines(text: &str) -> Vec<&str> {
    text.strip_prefix('\u{feff}').unwrap_or(text).lines().collect()
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count()
}

/// Names of settings whose values are secrets, as far as a name tells.
const SECRET: &[&str] = &[
    "authorization",
    "token",
    "secret",
    "password",
    "passwd",
    "api_key",
    "apikey",
    "api-key",
    "bearer",
    "cookie",
    "credential",
];

/// The line with what may be a secret left out: every text on it from the first name that says so.
#[must_use]
pub fn masked(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let Some(named) = SECRET.iter().filter_map(|word| lower.find(word)).min() else { return line.to_owned() };
    let mut out = String::new();
    let mut rest = 0;
    while let Some(start) = line[rest..].find(['"', '\'']).map(|n| rest + n) {
        out.push_str(&line[rest..=start]);
        let end = closing(line, start).unwrap_or(line.len());
        let inside = &line[start + 1..end];
        // a name stays, and what comes after it goes
        let name = line.get(end + 1..).is_some_and(|l| l.trim_start().starts_with([':', '=']));
        let hidden = !name && !inside.is_empty() && end > named;
        out.push_str(if hidden { "…" } else { inside });
        rest = end;
        if end < line.len() {
            out.push_str(&line[end..=end]);
            rest += 1;
        }
    }
    out.push_str(&line[rest..]);
    out
}

/// Where the text that begins here ends. In single quotes nothing is escaped.
fn closing(line: &str, start: usize) -> Option<usize> {
    let quote = line.as_bytes()[start];
    let mut bytes = line.bytes().enumerate().skip(start + 1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if quote == b'"' => {
                bytes.next();
            }
            byte if byte == quote => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::Splice;

    fn shown(text: &str, edit: &Edit) -> String {
        let sign = |s| match s {
            Sign::Stays => ' ',
            Sign::Goes => '-',
            Sign::Comes => '+',
        };
        let hunks = diff(text, edit);
        let lines = hunks.iter().flat_map(|h| &h.lines);
        lines.map(|l| format!("{}{}\n", sign(l.sign), l.text)).collect()
    }

    #[test]
    fn only_what_changes_is_shown() {
        let text = "a\nb\nc\nd\ne\nf\n";
        let edit = Edit::new(vec![Splice::insert(5, ",\n  x")]);
        assert_eq!(shown(text, &edit), " a\n b\n-c\n+c,\n+  x\n d\n e\n");
        let edit = Edit::new(vec![Splice::insert(12, "g\n")]);
        assert_eq!(shown(text, &edit), " e\n f\n+g\n");
        assert_eq!(shown("", &Edit::new(vec![Splice::insert(0, "{\n}\n")])), "+{\n+}\n");
        let two = Edit::new(vec![Splice::insert(1, "!"), Splice::insert(11, "!")]);
        assert_eq!(shown(text, &two), "-a\n+a!\n b\n c\n d\n e\n-f\n+f!\n");
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for (line, said) in [
            (r#"  "headers": {"Authorization": "Bearer abc"},"#, r#"  "headers": {"Authorization": "…"},"#),
            (r#"API_KEY = "sk-1""#, r#"API_KEY = "…""#),
            (
                r#""args": ["mcp-remote", "https://a", "--header", "Authorization: x"]"#,
                r#""args": ["mcp-remote", "https://a", "--header", "…"]"#,
            ),
            (r#""command": "npx""#, r#""command": "npx""#),
            ("token = 'a\\'", "token = '…'"),
        ] {
            assert_eq!(masked(line), said);
        }
    }
}
