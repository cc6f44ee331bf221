//! Group Policy on Windows: values and keys of the registry, as they were read.

use super::Tree;
use std::collections::BTreeMap;

/// What a value holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// `REG_SZ`, `REG_EXPAND_SZ`.
    Text(String),
    /// `REG_MULTI_SZ`.
    Texts(Vec<String>),
    /// `REG_DWORD`.
    Number(u32),
    /// Anything else.
    Other,
}

/// A key: its values, and the keys below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) values: BTreeMap<String, Data>,
    pub(super) keys: BTreeMap<String, Key>,
}

/// What a key says. A list of texts may be one value of many lines, or a key with values 1, 2, 3, as Group Policy writes it.
pub(super) fn tree(key: Key) -> Tree {
    let value = |data: Data| match data {
        Data::Text(text) => Tree::Text(text),
        Data::Texts(list) => Tree::List(list.into_iter().map(Tree::Text).collect()),
        Data::Number(0) => Tree::Flag(false),
        Data::Number(1) => Tree::Flag(true),
        Data::Number(_) => Tree::Other("a number"),
        Data::Other => Tree::Other("bytes"),
    };
    let values = key.values.into_iter().map(|(name, data)| (name, value(data)));
    let keys = key.keys.into_iter().map(|(name, below)| (name, tree(below)));
    Tree::Table(values.chain(keys).collect())
}
