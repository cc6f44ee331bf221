//! Connecting a client to an account, and taking it back.

use crate::file::{self, Readers};
use crate::key::entry_name;
use crate::plan::{Change, Plan, now};
use crate::record::{self, Key, Record, Wired};
use crate::remotes::RemoteServer;
use crate::{WiringError, Wirings};
use mcp_login_clients::{Client, Edit, Host, Occupied, Place, Tree, Via, Wiring, ours};
use std::path::{Path, PathBuf};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The server's address.
    pub server: String,
}

/// The agent's own address, for [`Via::Door`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Door {
    /// The address.
    pub url: String,
    /// The value of the header; good for nothing but this.
    pub key: String,
    /// Names the key to the agent.
    pub id: String,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Which of a client's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The person's own.
    Person,
    /// The one in this directory.
    Project(PathBuf),
}

/// What is wished for.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// The client.
    pub client: &'a str,
    /// The account.
    pub account: &'a Account,
    /// How.
    pub via: Via,
    /// In which file.
    pub scope: Scope,
    /// What the entry is called; by default, after the account.
    pub entry: Option<&'a str>,
    /// What happens to an entry of that name that is not ours.
    pub occupied: Occupied,
    /// For [`Via::Door`].
    pub door: Option<Door>,
}

impl Wirings {
    /// The file of a client, and who may read it when it is made.
    fn scoped(&self, client: &Client, scope: &Scope) -> Result<(PathBuf, Readers), WiringError> {
        match scope {
            Scope::Person => {
                let file = self.here.file(client);
                let file = file.ok_or_else(|| WiringError::NoPlace { client: client.name.clone() })?;
                Ok((file, Readers::Person))
            }
            Scope::Project(directory) => {
                let name = client.project.as_ref();
                let name = name.ok_or_else(|| WiringError::NoProject { client: client.name.clone() })?;
                let directory =
                    std::path::absolute(directory).map_err(WiringError::io(directory.as_path()))?;
                Ok((directory.join(name), Readers::Anybody))
            }
        }
    }

    fn entry(&self, client: &Client, wish: &Wish<'_>) -> Result<Tree, WiringError> {
        let command = self.here.command.to_string_lossy();
        let wiring = Wiring {
            command: &command,
            account: &wish.account.name,
            url: wish.door.as_ref().map_or(&wish.account.server, |door| &door.url),
            key: wish.door.as_ref().map_or("", |door| &door.key),
            host: Host::HERE,
        };
        let no_way = || WiringError::NoSuchWay { client: client.name.clone(), via: wish.via };
        if (wish.via == Via::Door) != wish.door.is_some() {
            return Err(no_way());
        }
        client.entry(wish.via, &wiring).ok_or_else(no_way)
    }

    /// Plans entries for clients, in one change: an entry of ours that is there already is renewed.
    ///
    /// # Errors
    /// [`WiringError`], for the first that cannot be.
    pub fn connect(&self, what: &str, wishes: &[Wish<'_>]) -> Result<Plan, WiringError> {
        let record = Record::read(&self.root)?;
        let mut changes: Vec<Change> = Vec::new();
        for wish in wishes {
            let client = self.client(wish.client)?;
            let entry = self.entry(client, wish)?;
            self.here.gate(client, wish.via)?;
            let (path, readers) = self.scoped(client, &wish.scope)?;
            let at = match changes.iter().position(|change| change.path == path) {
                Some(at) => at,
                None => {
                    changes.push(Change::begin(client, path.clone(), readers)?);
                    changes.len() - 1
                }
            };
            let name = wish.entry.map_or_else(|| entry_name(&wish.account.name), str::to_owned);
            let place = Place { keys: client.keys.clone(), name };
            let key = Key { client: client.id.clone(), file: path.clone(), place: place.clone() };
            let change = &mut changes[at];
            let there = change.read(client)?.entries(&client.keys).map_err(change.edit_error())?;
            let there = there.into_iter().find(|(name, _)| *name == place.name).map(|(_, entry)| entry);
            let known = record.find(&key);
            let as_it_was = known.is_some_and(|known| there.as_ref().is_some_and(|is| has(is, &known.entry)));
            let renewed = there.as_ref().is_some_and(|is| as_it_was || ours(is).is_some());
            if renewed {
                // from what it was before us, so that the way back leads there
                change.take(client, &place, known.map(|known| &known.made))?;
                change.remove(key.clone());
            }
            let occupied = if renewed { Occupied::Replace } else { wish.occupied };
            let mut made = change.put(client, &place, &entry, occupied)?;
            let mut entry = entry;
            if wish.door.is_some() {
                // the key stands in the client's file, and nowhere in ours
                made.edit = Edit::default();
                entry = without_key(entry);
            }
            change.add(Wired {
                client: client.id.clone(),
                file: path,
                place,
                via: wish.via,
                account: wish.account.name.clone(),
                account_id: wish.account.id.clone(),
                server: wish.account.server.clone(),
                entry,
                key: wish.door.as_ref().map(|door| door.id.clone()),
                at: now(),
                made,
            });
        }
        Plan::new(&self.root, what.to_owned(), changes)
    }

    /// The same for as many clients as it can be: those whose files cannot be changed are left out, and why.
    ///
    /// # Errors
    /// [`WiringError`], when it is not about one client's file.
    pub fn connect_where_possible(
        &self,
        what: &str,
        wishes: Vec<Wish<'_>>,
    ) -> Result<(Plan, Vec<WiringError>), WiringError> {
        let mut wishes = wishes;
        let mut left_out = Vec::new();
        let mut clients: Vec<&str> = wishes.iter().map(|wish| wish.client).collect();
        clients.sort_unstable();
        clients.dedup();
        for client in clients {
            let own: Vec<Wish<'_>> = wishes.iter().filter(|wish| wish.client == client).cloned().collect();
            if let Err(error) = self.connect(what, &own) {
                wishes.retain(|wish| wish.client != client);
                left_out.push(error);
            }
        }
        Ok((self.connect(what, &wishes)?, left_out))
    }

    /// Plans to have all that is known of these servers come to us instead, for as many clients as it can be.
    ///
    /// # Errors
    /// [`WiringError`], when it is not about one client's file.
    pub fn move_in<'a>(
        &self,
        wired: impl IntoIterator<Item = (&'a RemoteServer, &'a Account)>,
    ) -> Result<(Plan, Vec<WiringError>), WiringError> {
        let known = wired
            .into_iter()
            .flat_map(|(server, account)| server.known.iter().map(move |known| (known, account)));
        let wishes = known.map(|(known, account)| Wish {
            client: &known.client.id,
            account,
            via: Via::Proxy,
            scope: Scope::Person,
            entry: Some(&known.entry),
            occupied: Occupied::Replace,
            door: None,
        });
        self.connect_where_possible("setup", wishes.collect())
    }

    /// Plans to take an entry out: of the account with this name, or the entry of this name if it is ours.
    ///
    /// # Errors
    /// [`WiringError::NotWired`], and what the file says.
    pub fn disconnect(&self, client: &str, named: &str, scope: &Scope) -> Result<Plan, WiringError> {
        let client = self.client(client)?;
        let (path, readers) = self.scoped(client, scope)?;
        let record = Record::read(&self.root)?;
        let change = Change::begin(client, path.clone(), readers)?;
        let entries = change.read(client)?.entries(&client.keys).map_err(change.edit_error())?;
        let places: Vec<Place> = entries
            .iter()
            .filter(|(name, entry)| {
                let place = Place { keys: client.keys.clone(), name: name.clone() };
                let known = record.find(&Key { client: client.id.clone(), file: path.clone(), place });
                let of_account = known
                    .is_some_and(|known| known.account == named || known.account_id == named)
                    || ours(entry).is_some_and(|ours| ours.account == named);
                of_account || name == named && (known.is_some() || ours(entry).is_some())
            })
            .map(|(name, _)| Place { keys: client.keys.clone(), name: name.clone() })
            .collect();
        if places.is_empty() {
            return Err(WiringError::NotWired { client: client.name.clone(), account: named.to_owned() });
        }
        self.take_out(&record, client, change, &places, named)
    }

    /// Plans to take out an entry that we wrote, wherever it lies.
    ///
    /// # Errors
    /// What the file says.
    pub fn disconnect_wired(&self, wired: &Wired) -> Result<Plan, WiringError> {
        let client = self.client(&wired.client)?;
        let record = Record::read(&self.root)?;
        let change = Change::begin(client, wired.file.clone(), Readers::Person)?;
        self.take_out(&record, client, change, std::slice::from_ref(&wired.place), &wired.account)
    }

    fn take_out(
        &self,
        record: &Record,
        client: &Client,
        mut change: Change,
        places: &[Place],
        named: &str,
    ) -> Result<Plan, WiringError> {
        let path = change.path.clone();
        for place in places {
            let key = Key { client: client.id.clone(), file: path.clone(), place: place.clone() };
            change.take(client, place, record.find(&key).map(|known| &known.made))?;
            change.remove(key);
        }
        let left = record.wired.iter().any(|w| w.file == path && !places.contains(&w.place));
        if !left && let Some(base) = record.base(change.target()) {
            // nobody but us wrote this file since our first entry: it is put back whole
            if base.last == file::print(change.before())
                && let Ok(text) = base.copy.as_ref().map(|name| kept(&self.root, name)).transpose()
            {
                change.restore(text);
            }
        }
        let gone: Vec<&Wired> =
            record.wired.iter().filter(|w| w.file == path && places.contains(&w.place)).collect();
        let keys = gone.into_iter().filter_map(|wired| wired.key.clone()).collect();
        let mut plan =
            Plan::new(&self.root, format!("disconnect {} from {named}", client.name), vec![change])?;
        plan.keys = keys;
        Ok(plan)
    }
}

/// A copy's text.
pub(crate) fn kept(root: &Path, name: &str) -> Result<String, WiringError> {
    let path = record::copy(root, name);
    file::read(&path)?.text.ok_or(WiringError::NoFile { path, what: "gone" })
}

fn without_key(entry: Tree) -> Tree {
    match entry {
        Tree::Map(members) => Tree::Map(members.into_iter().filter(|(key, _)| key != "headers").collect()),
        other => other,
    }
}

/// Whether an entry still says what was written, whatever else it says.
pub(crate) fn has(entry: &Tree, written: &Tree) -> bool {
    written.members().iter().all(|(key, value)| entry.get(key) == Some(value))
}
