//! Why an edit is not made. Each says the fact and what a person can do about it; who has the file's name puts it before.

/// A place in a text, as people count: from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

impl Spot {
    /// Of a byte of the text.
    #[must_use]
    pub fn of(text: &str, at: usize) -> Self {
        let before = &text.as_bytes()[..at.min(text.len())];
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
        // what continues a character is no column of its own
        let column = before[start..].iter().filter(|b| **b & 0xC0 != 0x80).count() + 1;
        Self { line, column }
    }
}

/// Why an edit is not made. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is not of its format.
    #[error("it cannot be read: {what}")]
    Broken {
        /// Where.
        spot: Spot,
        /// What the parser says.
        what: String,
    },
    /// A key is there twice, and programs differ in which one counts.
    #[error("“{key}” is there twice")]
    Twice {
        /// The second.
        spot: Spot,
        /// The key.
        key: String,
    },
    /// What should hold entries holds something else.
    #[error("“{key}” holds something else than servers")]
    WrongKind {
        /// Where.
        spot: Spot,
        /// The key; empty for the whole file.
        key: String,
    },
    /// An entry of that name is there.
    #[error("there is an entry “{name}” already")]
    Occupied {
        /// Where.
        spot: Spot,
        /// Its name.
        name: String,
    },
    /// No entry of that name is there.
    #[error("there is no entry “{name}”")]
    NotThere {
        /// The name.
        name: String,
    },
    /// It is written in a form that is not edited.
    #[error("“{key}” is written in a form that is not edited here")]
    Form {
        /// Where.
        spot: Spot,
        /// What is written so.
        key: String,
    },
    /// What came out did not say what was meant.
    #[error("the change would not say what is meant")]
    Unsure,
}

impl EditError {
    /// Where in the text, if it is about a place.
    #[must_use]
    pub fn spot(&self) -> Option<Spot> {
        match self {
            EditError::Broken { spot, .. }
            | EditError::Twice { spot, .. }
            | EditError::WrongKind { spot, .. }
            | EditError::Occupied { spot, .. }
            | EditError::Form { spot, .. } => Some(*spot),
            EditError::NotThere { .. } | EditError::Unsure => None,
        }
    }

    /// What a person can do.
    #[must_use]
    pub fn next(&self) -> &'static str {
        match self {
            EditError::Broken { .. } => {
                "Mend that line, or let the program write the file anew, and try again."
            }
            EditError::Twice { .. } => "Remove one of the two, and try again.",
            EditError::WrongKind { .. } => "Mend that line, and try again.",
            EditError::Occupied { .. } => {
                "Choose another name with `--as NAME`, or put ours in its place with `--replace`."
            }
            EditError::NotThere { .. } => "Nothing to do.",
            EditError::Form { .. } => "Write it as a table of its own, or make the change by hand.",
            EditError::Unsure => "Make the change by hand, and report the file's form.",
        }
    }
}

/// The table of clients has a mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the table of clients: {0}")]
pub struct TableError(pub(crate) String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spots_are_counted_as_people_do() {
        assert_eq!(Spot::of("a\nbé!", 5), Spot { line: 2, column: 3 });
        assert_eq!(Spot::of("", 9), Spot { line: 1, column: 1 });
        assert_eq!(Spot::of("a\r\nb", 3), Spot { line: 2, column: 1 });
    }
}
