//! A client's file as text, and the edits that are made in it.
//!
//! Invariant: what an edit gives is read again, and says what the file said before, with this entry in or out and nothing
//! else. An edit of which that is not true is not handed out.

use crate::edit::{Edit, Splice};
use crate::error::{EditError, Spot};
use crate::json::{Comments, Json};
use crate::remote;
use crate::table::Format;
use crate::tomlfile::Toml;
use crate::tree::Tree;
use serde::{Deserialize, Serialize};

/// Where an entry belongs: the keys that lead to the entries, and its name there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The keys.
    pub keys: Vec<String>,
    /// The name.
    pub name: String,
}

impl Place {
    fn path(&self) -> Vec<String> {
        self.keys.iter().cloned().chain([self.name.clone()]).collect()
    }
}

/// What happens when an entry of that name is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupied {
    /// It stays, and the edit is refused.
    Refuse,
    /// Ours takes its place; settings of it that say nothing about the way to the server stay.
    Replace,
}

/// What was put in, as the way out needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The cuts.
    pub edit: Edit,
    /// How many of the keys were not there before.
    pub created: usize,
}

/// How exactly an entry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// All that was written goes, and what it replaced comes back.
    Exact(Edit),
    /// The file was changed since: the entry goes, and what it replaced does not come back.
    EntryOnly(Edit),
}

impl Removal {
    /// The cuts.
    #[must_use]
    pub fn edit(&self) -> &Edit {
        match self {
            Removal::Exact(edit) | Removal::EntryOnly(edit) => edit,
        }
    }
}

/// A file that was read.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    /// Bytes of the mark that some editors of Windows put first.
    mark: usize,
    format: Format,
    syntax: Syntax<'a>,
}

#[derive(Debug)]
enum Syntax<'a> {
    Json(Json<'a>),
    Toml(Toml<'a>),
}

impl<'a> Document<'a> {
    /// Reads a text. An empty one is a file that is not there yet.
    ///
    /// # Errors
    /// [`EditError::Broken`].
    pub fn read(format: Format, text: &'a str) -> Result<Self, EditError> {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let syntax = match format {
            Format::Json => Syntax::Json(Json::read(body, Comments::Refused)?),
            Format::Jsonc => Syntax::Json(Json::read(body, Comments::Allowed)?),
            Format::Toml => Syntax::Toml(Toml::read(body)?),
        };
        Ok(Self { text, mark: text.len() - body.len(), format, syntax })
    }

    /// What it says.
    #[must_use]
    pub fn tree(&self) -> Tree {
        match &self.syntax {
            Syntax::Json(json) => json.tree(),
            Syntax::Toml(toml) => toml.tree(),
        }
    }

    /// The entries under these keys, in their order.
    ///
    /// # Errors
    /// [`EditError::WrongKind`] when something else is there.
    pub fn entries(&self, keys: &[String]) -> Result<Vec<(String, Tree)>, EditError> {
        match self.tree().at(keys) {
            None => Ok(Vec::new()),
            Some(Tree::Map(members)) => Ok(members.clone()),
            Some(_) => Err(EditError::WrongKind {
                spot: Spot { line: 1, column: 1 },
                key: keys.last().cloned().unwrap_or_default(),
            }),
        }
    }

    /// Where an entry stands.
    ///
    /// # Errors
    /// [`EditError::Twice`], [`EditError::WrongKind`].
    pub fn find(&self, place: &Place) -> Result<Option<Spot>, EditError> {
        match &self.syntax {
            Syntax::Json(json) => Ok(json
                .find(&place.keys, &place.name)?
                .map(|member| Spot::of(self.text, member.start + self.mark))),
            Syntax::Toml(toml) => toml.find(&place.keys, &place.name),
        }
    }

    /// Puts an entry in.
    ///
    /// # Errors
    /// [`EditError`]; there is no edit then.
    pub fn connect(&self, place: &Place, entry: &Tree, occupied: Occupied) -> Result<Made, EditError> {
        let there = self.find(place)?;
        let (splices, created) = match (there, &self.syntax) {
            (Some(spot), _) if occupied == Occupied::Refuse => {
                return Err(EditError::Occupied { spot, name: place.name.clone() });
            }
            (Some(_), Syntax::Json(json)) => {
                let member = json.find(&place.keys, &place.name)?;
                let member = member.ok_or(EditError::Unsure)?;
                (vec![json.replace(member, entry, |key| !remote::is_transport(key))], 0)
            }
            (Some(_), Syntax::Toml(toml)) => {
                (toml.replace(&place.keys, &place.name, entry, |key| !remote::is_transport(key))?, 0)
            }
            (None, Syntax::Json(json)) => json.insert(&place.keys, &place.name, entry)?,
            (None, Syntax::Toml(toml)) => toml.insert(&place.keys, &place.name, entry)?,
        };
        let made = Made { edit: self.shifted(splices), created };
        self.proved_in(place, entry, there.is_some(), &made)?;
        Ok(made)
    }

    /// Takes an entry out: exactly, with what was recorded when it was put in, or else the entry alone.
    ///
    /// # Errors
    /// [`EditError`]; there is no edit then.
    pub fn disconnect(&self, place: &Place, made: Option<&Made>) -> Result<Removal, EditError> {
        if self.find(place)?.is_none() {
            return Err(EditError::NotThere { name: place.name.clone() });
        }
        if let Some(made) = made
            && let Some(back) = made.edit.undo_in(self.text)
            && self.proved_out(place, made.created, &back)
        {
            return Ok(Removal::Exact(back));
        }
        let created = made.map_or(0, |made| made.created);
        let splices = match &self.syntax {
            Syntax::Json(json) => json.remove(&place.keys, &place.name, created)?,
            Syntax::Toml(toml) => toml.remove(&place.keys, &place.name)?,
        };
        let edit = self.shifted(splices);
        if self.proved_out(place, created, &edit) {
            Ok(Removal::EntryOnly(edit))
        } else {
            Err(EditError::Unsure)
        }
    }

    fn shifted(&self, splices: Vec<Splice>) -> Edit {
        Edit::new(splices.into_iter().map(|s| Splice { at: s.at + self.mark, ..s }).collect())
    }

    fn after(&self, edit: &Edit) -> Option<Tree> {
        let text = edit.apply(self.text)?;
        Document::read(self.format, &text).ok().map(|document| document.tree())
    }

    /// The new text has the entry, and without it says what the old one says.
    fn proved_in(&self, place: &Place, entry: &Tree, replaced: bool, made: &Made) -> Result<(), EditError> {
        let path = place.path();
        let mut after = self.after(&made.edit).ok_or(EditError::Unsure)?;
        let mut before = self.tree();
        let put = after.at(&path).ok_or(EditError::Unsure)?;
        let says = |key: &String, value: &Tree| put.get(key) == Some(value);
        if !entry.members().iter().all(|(k, v)| says(k, v)) {
            return Err(EditError::Unsure);
        }
        if replaced {
            let extra = put.members().iter().filter(|(k, _)| entry.get(k).is_none());
            let old = before.at(&path).cloned().unwrap_or(Tree::Null);
            let kept: Vec<&(String, Tree)> = old
                .members()
                .iter()
                .filter(|(k, _)| !remote::is_transport(k) && entry.get(k).is_none())
                .collect();
            if extra.collect::<Vec<_>>() != kept {
                return Err(EditError::Unsure);
            }
            after.put(&path, Tree::Null).ok_or(EditError::Unsure)?;
            before.put(&path, Tree::Null).ok_or(EditError::Unsure)?;
        } else if put != entry || after.take(&path, made.created).is_none() {
            return Err(EditError::Unsure);
        }
        if before == after { Ok(()) } else { Err(EditError::Unsure) }
    }

    /// The new text says what this one says, without the entry, or with another one in its place.
    fn proved_out(&self, place: &Place, created: usize, edit: &Edit) -> bool {
        let path = place.path();
        let Some(mut after) = self.after(edit) else { return false };
        let mut before = self.tree();
        if after.at(&path).is_some() {
            after.put(&path, Tree::Null);
            before.put(&path, Tree::Null);
            return before == after;
        }
        // empty parents are counted the same on both sides: whether they stay is a matter of bytes
        before.take(&path, created);
        for depth in (1..=place.keys.len()).rev() {
            let parent = &place.keys[..depth];
            if after.at(parent).is_some_and(|p| p.members().is_empty()) && before.at(parent).is_none() {
                after.take(parent, 0);
            }
            if before.at(parent).is_some_and(|p| p.members().is_empty()) && after.at(parent).is_none() {
                before.take(parent, 0);
            }
        }
        before == after
    }
}
