//! JSON, with and without comments: where things lie, and cuts that put a member in or take one out.
//!
//! Problem: printing a parsed file again loses its blanks, and printers of syntax trees still move commas and comments.
//! So the parser only says where things are. Invariant: a member goes in after the last one, in the style of those that
//! are there; comments stay with the line that they stand on.

mod text;

use crate::edit::Splice;
use crate::error::{EditError, Spot};
use crate::tree::Tree;
use jsonc_parser::ast::Value;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use std::ops::Range;
pub(crate) use text::quoted;

/// Whether comments and trailing commas may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comments {
    /// They may not: the client reads JSON and nothing else.
    Refused,
    /// They may.
    Allowed,
}

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) range: Range<usize>,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Leaf(Tree),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// A member and where its name begins.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) start: usize,
    pub(crate) value: Node,
}

/// A file.
#[derive(Debug)]
pub(crate) struct Json<'a> {
    text: &'a str,
    pub(crate) root: Option<Node>,
    line_end: &'static str,
    unit: String,
}

impl<'a> Json<'a> {
    pub(crate) fn read(text: &'a str, comments: Comments) -> Result<Self, EditError> {
        let allowed = comments == Comments::Allowed;
        let options = ParseOptions {
            allow_comments: allowed,
            allow_trailing_commas: allowed,
            allow_loose_object_property_names: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        let parsed = parse_to_ast(text, &CollectOptions::default(), &options).map_err(|e| {
            let what = e.kind().to_string();
            let what = what.chars().next().map_or(String::new(), |c| c.to_lowercase().to_string())
                + what.get(1..).unwrap_or("");
            EditError::Broken { spot: Spot::of(text, e.range().start), what }
        })?;
        let root = parsed.value.map(node);
        let line_end = if text.find('\n').is_some_and(|n| text[..n].ends_with('\r')) { "\r\n" } else { "\n" };
        let mut this = Self { text, root, line_end, unit: "  ".to_owned() };
        if let Some(Node { kind: Kind::Map(members), .. }) = &this.root
            && let Some(indent) = members.first().and_then(|m| this.own_indent(m.start))
            && !indent.is_empty()
        {
            this.unit = indent.to_owned();
        }
        Ok(this)
    }

    pub(crate) fn tree(&self) -> Tree {
        self.root.as_ref().map_or_else(|| Tree::Map(Vec::new()), tree)
    }

    fn spot(&self, at: usize) -> Spot {
        Spot::of(self.text, at)
    }

    /// The members at the end of the path, as far as it goes: what was reached, and how many keys were found.
    fn descend(&self, path: &[String]) -> Result<Option<(&Node, usize)>, EditError> {
        let Some(root) = &self.root else { return Ok(None) };
        let mut at = root;
        for (depth, key) in path.iter().enumerate() {
            let members = self.members(at, path, depth)?;
            match self.only(members, key)? {
                Some(member) => at = &member.value,
                None => return Ok(Some((at, depth))),
            }
        }
        self.members(at, path, path.len())?;
        Ok(Some((at, path.len())))
    }

    fn members<'n>(&self, node: &'n Node, path: &[String], depth: usize) -> Result<&'n [Member], EditError> {
        match &node.kind {
            Kind::Map(members) => Ok(members),
            Kind::Leaf(_) | Kind::List(_) => Err(EditError::WrongKind {
                spot: self.spot(node.range.start),
                key: depth.checked_sub(1).map(|n| path[n].clone()).unwrap_or_default(),
            }),
        }
    }

    /// The one member of that name.
    fn only<'n>(&self, members: &'n [Member], key: &str) -> Result<Option<&'n Member>, EditError> {
        let mut named = members.iter().filter(|m| m.key == key);
        let first = named.next();
        match named.next() {
            Some(second) => Err(EditError::Twice { spot: self.spot(second.start), key: key.to_owned() }),
            None => Ok(first),
        }
    }

    /// The entry, if it is there.
    pub(crate) fn find(&self, keys: &[String], name: &str) -> Result<Option<&Member>, EditError> {
        match self.descend(keys)? {
            Some((node, depth)) if depth == keys.len() => self.only(self.members(node, keys, depth)?, name),
            _ => Ok(None),
        }
    }

    /// Puts an entry in, with the keys on the way to it. Answers the cuts and how many of the keys were not there.
    pub(crate) fn insert(
        &self,
        keys: &[String],
        name: &str,
        value: &Tree,
    ) -> Result<(Vec<Splice>, usize), EditError> {
        let Some((node, depth)) = self.descend(keys)? else {
            return Ok((self.whole(keys, name, value), keys.len()));
        };
        let members = self.members(node, keys, depth)?;
        let missing = &keys[depth..];
        let (key, value) = match missing {
            [] => (name, value.clone()),
            [first, rest @ ..] => (first.as_str(), nested(rest, name, value)),
        };
        Ok((self.member(node, members, key, &value), missing.len()))
    }

    /// A file with nothing in it yet.
    fn whole(&self, keys: &[String], name: &str, value: &Tree) -> Vec<Splice> {
        let mut new = self.render(&nested(keys, name, value), "");
        new.push_str(self.line_end);
        if self.text.trim().is_empty() {
            return vec![Splice::replace(self.text, 0..self.text.len(), new)];
        }
        let gap = if self.text.ends_with('\n') { "" } else { self.line_end };
        vec![Splice::insert(self.text.len(), format!("{gap}{new}"))]
    }

    fn member(&self, node: &Node, members: &[Member], key: &str, value: &Tree) -> Vec<Splice> {
        let (open, close) = (node.range.start + 1, node.range.end - 1);
        let Some((first, last)) = members.first().zip(members.last()) else {
            return vec![self.first_member(node, key, value)];
        };
        let end = last.value.range.end;
        let comma = self.comma(end..close);
        let after = comma.map_or(end, |at| at + 1);
        if !self.text[open..first.start].contains('\n') {
            let tight = !self.text[first.start..first.value.range.start].contains(' ');
            let blank = if tight { "" } else { " " };
            let member = format!("{}:{blank}{}", quoted(key), self.inline(value, blank));
            let new = match comma {
                Some(_) => format!("{blank}{member}"),
                None => format!(",{blank}{member}"),
            };
            return vec![Splice::insert(after, new)];
        }
        let indent = self.own_indent(first.start).unwrap_or_default().to_owned();
        let member = format!("{}{indent}{}: {}", self.line_end, quoted(key), self.render(value, &indent));
        let line = self.rest_of_line(after, close);
        match comma {
            // whoever ends lists with a comma wants one after ours
            Some(_) => vec![Splice::insert(line, member + ",")],
            None if line == after => vec![Splice::insert(after, format!(",{member}"))],
            None => vec![Splice::insert(after, ","), Splice::insert(line, member)],
        }
    }

    /// Into `{}`, which may have blanks and comments in it.
    fn first_member(&self, node: &Node, key: &str, value: &Tree) -> Splice {
        let (open, close) = (node.range.start + 1, node.range.end - 1);
        let outer = self.line_indent(node.range.start).to_owned();
        let indent = format!("{outer}{}", self.unit);
        let member = format!("{}{indent}{}: {}", self.line_end, quoted(key), self.render(value, &indent));
        let start = self.last_comment(open, close);
        let rest = &self.text[start..close];
        if rest.contains('\n') {
            Splice::insert(start, member)
        } else {
            Splice::replace(self.text, start..close, format!("{member}{}{outer}", self.line_end))
        }
    }

    /// Puts another value in the place of an entry's; of the old one, the members that `keep` wants stay as they are.
    pub(crate) fn replace(&self, entry: &Member, value: &Tree, keep: impl Fn(&str) -> bool) -> Splice {
        let old = &entry.value;
        let indent = self.line_indent(entry.start).to_owned();
        let kept: Vec<&Member> = match &old.kind {
            Kind::Map(members) => members.iter().filter(|m| keep(&m.key)).collect(),
            Kind::Leaf(_) | Kind::List(_) => Vec::new(),
        };
        let inner = format!("{indent}{}", self.unit);
        let inline = !self.text[old.range.clone()].contains('\n') && !kept.is_empty();
        let mut new = if inline { self.inline(value, " ") } else { self.render(value, &indent) };
        if !kept.is_empty() && !value.members().is_empty() {
            new.truncate(new.trim_end_matches('}').trim_end().len());
            for member in kept {
                let text = &self.text[member.start..member.value.range.end];
                new.push(',');
                new.push_str(&if inline { " ".to_owned() } else { format!("{}{inner}", self.line_end) });
                new.push_str(text);
            }
            new.push_str(&if inline { "}".to_owned() } else { format!("{}{indent}}}", self.line_end) });
        }
        Splice::replace(self.text, old.range.clone(), new)
    }

    /// Takes an entry out, and up to `empty` of the keys around it, as long as nothing else is in them.
    pub(crate) fn remove(&self, keys: &[String], name: &str, empty: usize) -> Result<Vec<Splice>, EditError> {
        let missing = || EditError::NotThere { name: name.to_owned() };
        let mut path: Vec<&String> = keys.iter().collect();
        let name = name.to_owned();
        path.push(&name);
        let mut at = self.root.as_ref().ok_or_else(missing)?;
        let mut chain = Vec::new();
        for key in &path {
            let members = self.members(at, keys, chain.len())?;
            let member = self.only(members, key)?.ok_or_else(missing)?;
            chain.push((at, members, member));
            at = &member.value;
        }
        let mut depth = chain.len() - 1;
        while depth > chain.len() - 1 - empty.min(chain.len() - 1)
            && self.alone(chain[depth].0, chain[depth].1)
        {
            depth -= 1;
        }
        let (node, members, member) = &chain[depth];
        Ok(self.cut(node, members, member))
    }

    /// Whether there is one member and not so much as a comment beside it.
    fn alone(&self, node: &Node, members: &[Member]) -> bool {
        let [only] = members else { return false };
        let inside = [node.range.start + 1..only.start, only.value.range.end..node.range.end - 1];
        inside.into_iter().all(|gap| self.text[gap].trim_matches([',', ' ', '\t', '\r', '\n']).is_empty())
    }

    fn cut(&self, node: &Node, members: &[Member], member: &Member) -> Vec<Splice> {
        let (open, close) = (node.range.start + 1, node.range.end - 1);
        let place = members.iter().position(|m| m.start == member.start).unwrap_or(0);
        let end = member.value.range.end;
        let next = members.get(place + 1).map_or(close, |m| m.start);
        if self.alone(node, members) {
            return vec![Splice::replace(self.text, open..close, "")];
        }
        let own_line = self.own_indent(member.start).is_some();
        // from the end of the line before
        let start = if own_line {
            let line = member.start - self.line_indent(member.start).len();
            let line = line.saturating_sub(1);
            if self.text[..line].ends_with('\r') { line - 1 } else { line }
        } else {
            member.start
        };
        match self.comma(end..next) {
            Some(comma) if own_line => vec![Splice::replace(self.text, start..comma + 1, "")],
            Some(comma) if place + 1 < members.len() => {
                let blank = self.text[comma + 1..next].len()
                    - self.text[comma + 1..next].trim_start_matches([' ', '\t']).len();
                vec![Splice::replace(self.text, start..comma + 1 + blank, "")]
            }
            Some(comma) => vec![Splice::replace(self.text, start..comma + 1, "")],
            None => match place.checked_sub(1).map(|n| &members[n]) {
                Some(before) => {
                    let comma = self.comma(before.value.range.end..member.start);
                    match comma {
                        Some(at) if own_line && at + 1 < start => {
                            vec![
                                Splice::replace(self.text, at..at + 1, ""),
                                Splice::replace(self.text, start..end, ""),
                            ]
                        }
                        Some(at) if self.text[at + 1..member.start].trim().is_empty() => {
                            vec![Splice::replace(self.text, at..end, "")]
                        }
                        Some(at) => {
                            vec![
                                Splice::replace(self.text, at..at + 1, ""),
                                Splice::replace(self.text, start..end, ""),
                            ]
                        }
                        None => vec![Splice::replace(self.text, start..end, "")],
                    }
                }
                None => vec![Splice::replace(self.text, start..end, "")],
            },
        }
    }
}

/// The value with the keys that lead to it.
fn nested(keys: &[String], name: &str, value: &Tree) -> Tree {
    let entry = Tree::Map(vec![(name.to_owned(), value.clone())]);
    keys.iter().rev().fold(entry, |inner, key| Tree::Map(vec![(key.clone(), inner)]))
}

fn node(value: Value<'_>) -> Node {
    use jsonc_parser::common::Ranged as _;
    let range = value.range().start..value.range().end;
    let kind = match value {
        Value::StringLit(text) => Kind::Leaf(Tree::Text(text.value.into_owned())),
        Value::NumberLit(number) => Kind::Leaf(Tree::Plain(number.value.to_owned())),
        Value::BooleanLit(value) => Kind::Leaf(Tree::Bool(value.value)),
        Value::NullKeyword(_) => Kind::Leaf(Tree::Null),
        Value::Array(array) => Kind::List(array.elements.into_iter().map(node).collect()),
        Value::Object(object) => Kind::Map(
            object
                .properties
                .into_iter()
                .map(|property| {
                    let start = property.range.start;
                    Member { key: property.name.into_string(), start, value: node(property.value) }
                })
                .collect(),
        ),
    };
    Node { range, kind }
}

fn tree(node: &Node) -> Tree {
    match &node.kind {
        Kind::Leaf(leaf) => leaf.clone(),
        Kind::List(list) => Tree::List(list.iter().map(tree).collect()),
        Kind::Map(members) => Tree::Map(members.iter().map(|m| (m.key.clone(), tree(&m.value))).collect()),
    }
}
