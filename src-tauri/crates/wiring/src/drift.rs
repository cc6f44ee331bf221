//! Entries of ours that somebody changed: another address or another command in our name is what a person has to know.

use crate::record::Wired;
use crate::wire::has;
use crate::{WiringError, Wirings, file};
use mcp_login_clients::{Document, Tree, Via, ours, remote};
use std::path::Path;

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drifted {
    /// It is gone.
    Gone,
    /// It leads to another address.
    OtherAddress(String),
    /// It starts another program.
    OtherCommand(String),
    /// It is for another account.
    OtherAccount(String),
    /// It says more or less about the way than we wrote.
    Otherwise,
    /// The program that it starts is not there any more.
    NoProgram(String),
    /// Its file cannot be read.
    Unread(String),
}

/// An entry that is not as we wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// What we wrote.
    pub wired: Wired,
    /// What became of it.
    pub drifted: Drifted,
}

impl Wirings {
    /// The entries that are not as we wrote them. Reads each file once.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn drift(&self) -> Result<Vec<Drift>, WiringError> {
        let wired = self.wired()?;
        Ok(wired
            .into_iter()
            .filter_map(|wired| self.drifted(&wired).map(|drifted| Drift { wired, drifted }))
            .collect())
    }

    fn drifted(&self, wired: &Wired) -> Option<Drifted> {
        let read = || -> Result<Option<Tree>, WiringError> {
            let client = self.client(&wired.client)?;
            let text = file::read(&wired.file)?.text.unwrap_or_default();
            let edit = |error| WiringError::Edit { path: wired.file.clone(), error };
            let document = Document::read(client.format, &text).map_err(edit)?;
            let entries = document.entries(&wired.place.keys).map_err(edit)?;
            Ok(entries.into_iter().find(|(name, _)| *name == wired.place.name).map(|(_, entry)| entry))
        };
        match read() {
            Err(error) => Some(Drifted::Unread(error.to_string())),
            Ok(None) => Some(Drifted::Gone),
            Ok(Some(entry)) => changed(&wired.entry, &entry, wired.via),
        }
    }
}

fn changed(written: &Tree, is: &Tree, via: Via) -> Option<Drifted> {
    // what a door's key is, only the agent knows
    let key = |name: &str| via == Via::Door && name == "headers";
    let more = is.members().iter().any(|(name, value)| {
        mcp_login_clients::is_transport(name) && written.get(name).is_none() && !empty(value) && !key(name)
    });
    if has(is, written) && !more {
        let ours = ours(is)?;
        let there = Path::new(&ours.command).exists();
        return (!there).then_some(Drifted::NoProgram(ours.command));
    }
    let (was, now) = (ours(written), ours(is));
    Some(match (was, now, remote(is)) {
        (_, None, Some(remote)) => Drifted::OtherAddress(remote.url),
        (Some(was), Some(now), _) if was.command != now.command => Drifted::OtherCommand(now.command),
        (Some(was), Some(now), _) if was.account != now.account => Drifted::OtherAccount(now.account),
        (_, Some(_), Some(remote)) if written.get("url").and_then(Tree::text) != Some(&remote.url) => {
            Drifted::OtherAddress(remote.url)
        }
        (_, None, None) => match mcp_login_clients::command_line(is).and_then(|words| words.first().copied())
        {
            Some(command) => Drifted::OtherCommand(command.to_owned()),
            None => Drifted::Otherwise,
        },
        _ => Drifted::Otherwise,
    })
}

/// Clients that write their files anew add what is empty.
fn empty(value: &Tree) -> bool {
    match value {
        Tree::List(list) => list.is_empty(),
        Tree::Map(members) => members.is_empty(),
        Tree::Null => true,
        Tree::Bool(_) | Tree::Plain(_) | Tree::Text(_) => false,
    }
}
