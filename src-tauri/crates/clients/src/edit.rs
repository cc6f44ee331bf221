//! Cuts in a text, and their way back.
//!
//! Invariant: an edit is applied only to the text that it was made for, or, backwards, to one in which everything that it
//! wrote still stands together as it was written.

use serde::{Deserialize, Serialize};

/// One cut: at `at` (bytes in the text before the edit) stands `old`, and `new` comes in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splice {
    /// Where, in bytes of the text before.
    pub at: usize,
    /// What stands there.
    pub old: String,
    /// What comes there.
    pub new: String,
}

impl Splice {
    /// Something new, and nothing goes.
    pub(crate) fn insert(at: usize, new: impl Into<String>) -> Self {
        Self { at, old: String::new(), new: new.into() }
    }

    /// What stands in `range` goes.
    pub(crate) fn replace(text: &str, range: std::ops::Range<usize>, new: impl Into<String>) -> Self {
        Self { at: range.start, old: text[range].to_owned(), new: new.into() }
    }
}

/// Cuts in one text, in the order of their places, none within another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The cuts.
    pub splices: Vec<Splice>,
}

impl Edit {
    pub(crate) fn new(mut splices: Vec<Splice>) -> Self {
        splices.sort_by_key(|s| s.at);
        Self { splices }
    }

    /// The one cut between two texts.
    #[must_use]
    pub fn between(before: &str, after: &str) -> Self {
        let same = |(a, b): &(char, char)| a == b;
        let head: usize = before.chars().zip(after.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
        let (b, a) = (&before[head..], &after[head..]);
        let tail: usize =
            b.chars().rev().zip(a.chars().rev()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
        let old = b[..b.len() - tail].to_owned();
        Self { splices: vec![Splice { at: head, old, new: a[..a.len() - tail].to_owned() }] }
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.splices.iter().all(|s| s.old == s.new)
    }

    /// The text after the edit; nothing when it was made for another text.
    #[must_use]
    pub fn apply(&self, text: &str) -> Option<String> {
        let mut out = String::with_capacity(text.len() + 256);
        let mut done = 0;
        for Splice { at, old, new } in &self.splices {
            let end = at.checked_add(old.len())?;
            out.push_str(text.get(done..*at)?);
            if text.get(*at..end)? != old {
                return None;
            }
            out.push_str(new);
            done = end;
        }
        out.push_str(text.get(done..)?);
        Some(out)
    }

    /// The way back, for the text that [`Edit::apply`] gave.
    #[must_use]
    pub fn inverse(&self) -> Edit {
        let mut grown: isize = 0;
        let splices = self.splices.iter().map(|s| {
            let at = s.at.saturating_add_signed(grown);
            grown += s.new.len() as isize - s.old.len() as isize;
            Splice { at, old: s.new.clone(), new: s.old.clone() }
        });
        Edit { splices: splices.collect() }
    }

    /// The way back in a text that was changed elsewhere meanwhile: nothing, unless all that was written still stands, and
    /// in one place only.
    #[must_use]
    pub fn undo_in(&self, text: &str) -> Option<Edit> {
        let back = self.inverse();
        // The longest piece has the entry in it, which is there once; the others are commas and blanks.
        let longest = back.splices.iter().max_by_key(|s| s.old.len()).filter(|s| !s.old.is_empty())?;
        let mut found = None;
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|rest| rest.find(&longest.old)).map(|at| from + at) {
            let moved = at as isize - longest.at as isize;
            let splices = back.splices.iter().map(|s| {
                let at = s.at.checked_add_signed(moved)?;
                (text.get(at..at + s.old.len()) == Some(&s.old)).then(|| Splice { at, ..s.clone() })
            });
            if let Some(splices) = splices.collect::<Option<Vec<_>>>()
                && found.replace(Edit { splices }).is_some()
            {
                return None;
            }
            from = at + longest.old.len();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit() -> Edit {
        Edit::new(vec![Splice::insert(9, "\n entry"), Splice { at: 2, old: "c".into(), new: ",".into() }])
    }

    #[test]
    fn there_and_back() {
        let after = edit().apply("abcdefghijk").unwrap_or_default();
        assert_eq!(after, "ab,defghi\n entryjk");
        assert_eq!(edit().inverse().apply(&after).as_deref(), Some("abcdefghijk"));
    }

    #[test]
    fn the_cut_between_two_texts() {
        for (before, after) in [("abc", "axc"), ("", "x"), ("x", ""), ("aa", "aaa"), ("é", "è"), ("a", "a")]
        {
            assert_eq!(Edit::between(before, after).apply(before).as_deref(), Some(after));
        }
    }

    #[test]
    fn another_text_is_left_alone() {
        assert_eq!(edit().apply("abXdefghijk"), None);
        assert_eq!(edit().apply("abc"), None);
        assert_eq!(edit().apply("ab\u{e9}"), None);
    }

    #[test]
    fn back_in_a_text_that_grew() {
        let back = edit().undo_in("# more\nab,defghi\n entryjk\n").unwrap_or_default();
        assert_eq!(back.apply("# more\nab,defghi\n entryjk\n").as_deref(), Some("# more\nabcdefghijk\n"));
        assert_eq!(edit().undo_in("ab;defghi\n entryjk"), None, "a piece is missing");
        assert_eq!(edit().undo_in("ab,defghi\n entry ab,defghi\n entry"), None, "twice is none");
    }
}
