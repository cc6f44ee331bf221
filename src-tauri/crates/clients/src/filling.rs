//! Placeholders of the table: `{command}`, `{args}` and the like, filled in with what is to be written.

use crate::tree::Tree;

/// What goes into the placeholders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filling<'a> {
    /// `{command}`: our program, as an absolute path.
    pub(crate) command: &'a str,
    /// `{args}`, as elements of a list; `{argv}` is the command and these.
    pub(crate) args: &'a [&'a str],
    /// `{line}`: the command and its arguments as one text.
    pub(crate) line: &'a str,
    /// `{url}`: an address.
    pub(crate) url: &'a str,
    /// `{key}`: the value of a header.
    pub(crate) key: &'a str,
}

impl Filling<'_> {
    /// The form with everything filled in.
    pub(crate) fn fill(&self, form: &Tree) -> Tree {
        match form {
            Tree::Text(text) => match self.words(text) {
                Some(words) => Tree::List(words),
                None => Tree::Text(self.word(text)),
            },
            Tree::List(list) => Tree::List(
                list.iter()
                    .flat_map(|element| match element.text().and_then(|text| self.words(text)) {
                        Some(words) => words,
                        None => vec![self.fill(element)],
                    })
                    .collect(),
            ),
            Tree::Map(members) => Tree::Map(members.iter().map(|(k, v)| (k.clone(), self.fill(v))).collect()),
            other => other.clone(),
        }
    }

    fn words(&self, text: &str) -> Option<Vec<Tree>> {
        let words = |words: &[&str]| words.iter().map(|w| Tree::Text((*w).to_owned())).collect::<Vec<_>>();
        match text {
            "{args}" => Some(words(self.args)),
            "{argv}" => {
                let mut all = vec![Tree::Text(self.command.to_owned())];
                all.extend(words(self.args));
                Some(all)
            }
            _ => None,
        }
    }

    fn word(&self, text: &str) -> String {
        match text {
            "{command}" => self.command.to_owned(),
            "{line}" => self.line.to_owned(),
            "{url}" => self.url.to_owned(),
            "{key}" => self.key.to_owned(),
            other => other.to_owned(),
        }
    }
}
