//! A policy before it is understood: what TOML, property lists and the registry have in common.

use super::Mistake;
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

/// The largest policy read: thousands of servers fit.
const LARGEST: u64 = 1024 * 1024;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Words.
    Text(String),
    /// Yes or no; where a system has only numbers, 1 and 0.
    Flag(bool),
    /// In order.
    List(Vec<Tree>),
    /// By name.
    Table(BTreeMap<String, Tree>),
    /// A number, a date, bytes: nothing that the schema knows.
    Other(&'static str),
}

impl Tree {
    /// What it is, for a mistake.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Tree::Text(text) if text.is_empty() => "an empty text",
            Tree::Text(_) => "text",
            Tree::Flag(_) => "yes or no",
            Tree::List(_) => "a list",
            Tree::Table(_) => "a table",
            Tree::Other(word) => word,
        }
    }

    fn of_toml(value: toml::Value) -> Self {
        match value {
            toml::Value::String(text) => Tree::Text(text),
            toml::Value::Boolean(flag) => Tree::Flag(flag),
            toml::Value::Array(list) => Tree::List(list.into_iter().map(Tree::of_toml).collect()),
            toml::Value::Table(table) => {
                Tree::Table(table.into_iter().map(|(name, value)| (name, Tree::of_toml(value))).collect())
            }
            toml::Value::Integer(_) | toml::Value::Float(_) => Tree::Other("a number"),
            toml::Value::Datetime(_) => Tree::Other("a date"),
        }
    }
}

/// A TOML file that only its administrator may change; none when it is not there.
pub(super) fn file(path: &Path) -> Result<Option<(String, Tree)>, Mistake> {
    let place = path.display().to_string();
    let mistake = |what: String| Mistake { place: place.clone(), key: "file".to_owned(), what };
    let opened = match std::fs::File::open(path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(mistake(error.to_string())),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let meta = opened.metadata().map_err(|error| mistake(error.to_string()))?;
        if meta.uid() != 0 || meta.mode() & 0o022 != 0 {
            return Err(mistake("it must be root's, and nobody else may write to it".to_owned()));
        }
    }
    let mut text = String::new();
    opened.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| mistake(error.to_string()))?;
    if text.len() as u64 > LARGEST {
        return Err(mistake(format!("larger than {LARGEST} bytes")));
    }
    let table: toml::Table = toml::from_str(&text).map_err(|error| mistake(error.message().to_owned()))?;
    Ok(Some((place.clone(), Tree::of_toml(toml::Value::Table(table)))))
}
