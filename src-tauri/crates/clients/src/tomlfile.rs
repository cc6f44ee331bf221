//! TOML: an entry is a table with a header of its own, `[mcp_servers.NAME]`, put at the end of the file.
//!
//! Problem: printing a parsed file again is nearly right, and a person's settings are not the place for nearly. So the
//! parser only says where things are. Invariant: only whole lines go, only lines of this table and its sub-tables; a table
//! that is written in another form is not touched.

use crate::edit::Splice;
use crate::error::{EditError, Spot};
use crate::tree::Tree;
use std::ops::Range;
use toml_edit::{Document, Item, Table, TableLike, Value};

/// A file.
#[derive(Debug)]
pub(crate) struct Toml<'a> {
    text: &'a str,
    document: Document<&'a str>,
    line_end: &'static str,
}

/// A header's line and those up to the next header.
#[derive(Debug)]
struct Section {
    path: Vec<String>,
    start: usize,
    /// After the header's line.
    body: usize,
    end: usize,
}

impl<'a> Toml<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, EditError> {
        let document = Document::parse(text).map_err(|e| EditError::Broken {
            spot: Spot::of(text, e.span().map_or(0, |s| s.start)),
            what: e.message().lines().next().unwrap_or("it is not TOML").to_owned(),
        })?;
        let line_end = if text.find('\n').is_some_and(|n| text[..n].ends_with('\r')) { "\r\n" } else { "\n" };
        Ok(Self { text, document, line_end })
    }

    pub(crate) fn tree(&self) -> Tree {
        table_tree(self.document.as_table())
    }

    fn spot(&self, at: Option<Range<usize>>) -> Spot {
        Spot::of(self.text, at.map_or(0, |r| r.start))
    }

    /// Where the entry stands, in whatever form.
    pub(crate) fn find(&self, keys: &[String], name: &str) -> Result<Option<Spot>, EditError> {
        let Some(holder) = self.holder(keys)? else { return Ok(None) };
        Ok(holder.get_key_value(name).map(|(key, item)| self.spot(item.span().or_else(|| key.span()))))
    }

    /// What holds the entries.
    fn holder(&self, keys: &[String]) -> Result<Option<&dyn TableLike>, EditError> {
        let mut at: &dyn TableLike = self.document.as_table();
        for key in keys {
            let Some((name, item)) = at.get_key_value(key) else { return Ok(None) };
            at = item.as_table_like().ok_or_else(|| EditError::WrongKind {
                spot: self.spot(item.span().or_else(|| name.span())),
                key: key.clone(),
            })?;
        }
        Ok(Some(at))
    }

    /// Puts an entry in. Answers the cuts and how many of the keys were not there.
    pub(crate) fn insert(
        &self,
        keys: &[String],
        name: &str,
        value: &Tree,
    ) -> Result<(Vec<Splice>, usize), EditError> {
        if let Some(key) = keys.iter().enumerate().find_map(|(n, key)| {
            let item = self.item(&keys[..=n])?;
            item.is_inline_table().then_some((key, item))
        }) {
            return Err(EditError::Form { spot: self.spot(key.1.span()), key: key.0.clone() });
        }
        let present = (1..=keys.len()).take_while(|n| self.item(&keys[..*n]).is_some()).count();
        let mut new = String::new();
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            new.push_str(self.line_end);
        }
        let blank =
            self.text.trim().is_empty() || self.text.ends_with("\n\n") || self.text.ends_with("\n\r\n");
        if !blank {
            new.push_str(self.line_end);
        }
        let path: Vec<String> = keys.iter().map(String::as_str).chain([name]).map(key_text).collect();
        new.push_str(&format!("[{}]{}", path.join("."), self.line_end));
        new.push_str(&self.lines(value));
        Ok((vec![Splice::insert(self.text.len(), new)], keys.len() - present))
    }

    fn item(&self, path: &[String]) -> Option<&Item> {
        let (first, rest) = path.split_first()?;
        let mut at = self.document.as_table().get(first)?;
        for key in rest {
            at = at.as_table_like()?.get(key)?;
        }
        Some(at)
    }

    fn lines(&self, value: &Tree) -> String {
        value
            .members()
            .iter()
            .map(|(k, v)| format!("{} = {}{}", key_text(k), value_text(v), self.line_end))
            .collect()
    }

    /// Puts another entry in the place of one; of the old one, what `keep` wants stays as it is.
    pub(crate) fn replace(
        &self,
        keys: &[String],
        name: &str,
        value: &Tree,
        keep: impl Fn(&str) -> bool,
    ) -> Result<Vec<Splice>, EditError> {
        let path: Vec<String> = keys.iter().cloned().chain([name.to_owned()]).collect();
        let (table, own) = self.own_section(&path, name)?;
        let mut splices = Vec::new();
        // the header may be the last thing in a file that does not end with a line end
        let gap = if self.text[..own.body].ends_with('\n') { "" } else { self.line_end };
        splices.push(Splice::insert(own.body, format!("{gap}{}", self.lines(value))));
        for (key, item) in table.iter() {
            if keep(key) || item.is_table() || item.is_array_of_tables() {
                continue;
            }
            let span = table.key(key).and_then(toml_edit::Key::span).zip(span_of(item));
            let Some((from, to)) = span else {
                return Err(EditError::Form { spot: Spot::of(self.text, own.start), key: key.to_owned() });
            };
            let line = self.line_start(from.start)..self.line_after(to.end.max(from.end));
            splices.push(Splice::replace(self.text, line, ""));
        }
        for section in self.sections() {
            let inside = section.path.len() > path.len() && section.path.starts_with(&path);
            if inside && !keep(&section.path[path.len()]) {
                splices.push(Splice::replace(self.text, section.start..self.body_end(&section), ""));
            }
        }
        // a kept line may stand before one that goes; two cuts at one place are one
        splices.sort_by_key(|s| s.at);
        splices.dedup_by(|second, first| {
            let same = first.at == second.at && first.old.is_empty();
            if same {
                first.old = std::mem::take(&mut second.old);
            }
            same
        });
        Ok(splices)
    }

    /// Takes an entry out, with its sub-tables.
    pub(crate) fn remove(&self, keys: &[String], name: &str) -> Result<Vec<Splice>, EditError> {
        let path: Vec<String> = keys.iter().cloned().chain([name.to_owned()]).collect();
        if self.find(keys, name)?.is_none() {
            return Err(EditError::NotThere { name: name.to_owned() });
        }
        self.own_section(&path, name)?;
        let mut splices: Vec<Splice> = Vec::new();
        for section in self.sections().into_iter().filter(|s| s.path.starts_with(&path)) {
            let mut start = section.start;
            let end = self.body_end(&section);
            // the blank line that sets it apart goes with it
            let last = self.text[end..].trim().is_empty();
            if last || self.text[end..].starts_with(['\n', '\r']) {
                let before = &self.text[..start];
                if let Some(rest) = before.strip_suffix('\n').map(|b| b.strip_suffix('\r').unwrap_or(b))
                    && (rest.is_empty() || rest.ends_with('\n'))
                    && splices.last().is_none_or(|s| s.at + s.old.len() <= rest.len())
                {
                    start = rest.len();
                }
            }
            splices.push(Splice::replace(self.text, start..end, ""));
        }
        Ok(splices)
    }

    /// The table and its section; only one that has a header of its own.
    fn own_section(&self, path: &[String], name: &str) -> Result<(&Table, Section), EditError> {
        let item = self.item(path);
        let form = || EditError::Form { spot: self.spot(item.and_then(Item::span)), key: name.to_owned() };
        let table = item.and_then(Item::as_table).filter(|t| !t.is_dotted()).ok_or_else(form)?;
        let own = self.sections().into_iter().find(|s| s.path == path).ok_or_else(form)?;
        Ok((table, own))
    }

    /// The end of the last line of a section that says something: comments after it belong to what follows.
    fn body_end(&self, section: &Section) -> usize {
        let mut end = section.body;
        if let Some(table) = self.item(&section.path).and_then(Item::as_table) {
            for (key, item) in table.iter() {
                let last = span_of(item).or_else(|| table.key(key).and_then(toml_edit::Key::span));
                if let Some(last) = last.filter(|s| s.end > section.body && s.end <= section.end) {
                    end = end.max(self.line_after(last.end));
                }
            }
        }
        end
    }

    fn sections(&self) -> Vec<Section> {
        let mut found = Vec::new();
        headers(self.document.as_table(), &mut Vec::new(), &mut found);
        found.sort_by_key(|(_, span)| span.start);
        let starts: Vec<usize> = found.iter().map(|(_, span)| self.line_start(span.start)).collect();
        found
            .into_iter()
            .enumerate()
            .map(|(n, (path, span))| Section {
                path,
                start: starts[n],
                body: self.line_after(span.end),
                end: starts.get(n + 1).copied().unwrap_or(self.text.len()),
            })
            .collect()
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |n| n + 1)
    }

    fn line_after(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |n| at + n + 1)
    }
}

/// Every header with its path; those of lists of tables have the list's path.
fn headers(table: &Table, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Range<usize>)>) {
    for (key, item) in table.iter() {
        path.push(key.to_owned());
        match item {
            Item::Table(table) => {
                if let Some(span) =
                    table.span().filter(|s| !table.is_dotted() && !table.is_implicit() && !s.is_empty())
                {
                    found.push((path.clone(), span));
                }
                headers(table, path, found);
            }
            Item::ArrayOfTables(array) => {
                for table in array.iter() {
                    if let Some(span) = table.span() {
                        found.push((path.clone(), span));
                    }
                    headers(table, path, found);
                }
            }
            Item::None | Item::Value(_) => {}
        }
        path.pop();
    }
}

/// Where a value stands; for one that is spread over dotted keys, from its first to its last.
fn span_of(item: &Item) -> Option<Range<usize>> {
    match item {
        Item::Table(table) if table.is_dotted() => {
            let spans = table.iter().filter_map(|(_, item)| span_of(item));
            spans.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
        }
        Item::Value(value) => value.span(),
        Item::None | Item::Table(_) | Item::ArrayOfTables(_) => None,
    }
}

fn table_tree(table: &dyn TableLike) -> Tree {
    Tree::Map(table.iter().map(|(key, item)| (key.to_owned(), item_tree(item))).collect())
}

fn item_tree(item: &Item) -> Tree {
    match item {
        Item::None => Tree::Null,
        Item::Value(value) => value_tree(value),
        Item::Table(table) => table_tree(table),
        Item::ArrayOfTables(array) => Tree::List(array.iter().map(|t| table_tree(t)).collect()),
    }
}

fn value_tree(value: &Value) -> Tree {
    match value {
        Value::String(text) => Tree::Text(text.value().clone()),
        Value::Boolean(value) => Tree::Bool(*value.value()),
        Value::Integer(number) => Tree::Plain(number.value().to_string()),
        Value::Float(number) => Tree::Plain(number.value().to_string()),
        Value::Datetime(date) => Tree::Plain(date.value().to_string()),
        Value::Array(array) => Tree::List(array.iter().map(value_tree).collect()),
        Value::InlineTable(table) => table_tree(table),
    }
}

fn key_text(key: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { basic(key) }
}

fn value_text(value: &Tree) -> String {
    match value {
        Tree::Null => "\"\"".to_owned(),
        Tree::Bool(value) => value.to_string(),
        Tree::Plain(text) => text.clone(),
        // a path of Windows is read more easily as a literal
        Tree::Text(text)
            if text.contains('\\') && !text.contains('\'') && !text.chars().any(char::is_control) =>
        {
            format!("'{text}'")
        }
        Tree::Text(text) => basic(text),
        Tree::List(list) => format!("[{}]", list.iter().map(value_text).collect::<Vec<_>>().join(", ")),
        Tree::Map(members) => {
            let members: Vec<String> =
                members.iter().map(|(k, v)| format!("{} = {}", key_text(k), value_text(v))).collect();
            format!("{{ {} }}", members.join(", "))
        }
    }
}

/// A basic string: its escapes are those of JSON.
fn basic(text: &str) -> String {
    crate::json::quoted(text)
}
