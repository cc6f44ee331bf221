//! The accounts at run time, found by id, by name and by server. Every `token.get` looks here, so that what it costs must not
//! grow with the number of accounts: the names are kept beside the cells, and follow them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mcp_login_oauth::values::ServerUrl;

use crate::failure::Failure;
use crate::id::AccountId;
use crate::state::Cell;

/// All accounts.
#[derive(Default)]
pub(crate) struct Index {
    cells: BTreeMap<AccountId, Arc<Cell>>,
    names: BTreeMap<String, AccountId>,
    /// By the server's canonical address, which an account keeps for ever.
    servers: BTreeMap<String, BTreeSet<AccountId>>,
}

impl Index {
    pub(crate) fn insert(&mut self, cell: Arc<Cell>) {
        let account = cell.snapshot().account.clone();
        self.names.insert(account.name.clone(), account.id.clone());
        self.servers.entry(account.server.as_str().to_owned()).or_default().insert(account.id.clone());
        self.cells.insert(account.id.clone(), cell);
    }

    pub(crate) fn remove(&mut self, id: &AccountId) {
        let Some(cell) = self.cells.remove(id) else { return };
        let account = cell.snapshot().account.clone();
        self.names.retain(|_, named| named != id);
        if let Some(there) = self.servers.get_mut(account.server.as_str()) {
            there.remove(id);
            if there.is_empty() {
                self.servers.remove(account.server.as_str());
            }
        }
    }

    /// The account has another name now.
    pub(crate) fn rename(&mut self, id: &AccountId, name: &str) {
        self.names.retain(|_, named| named != id);
        self.names.insert(name.to_owned(), id.clone());
    }

    pub(crate) fn cell(&self, id: &AccountId) -> Option<&Arc<Cell>> {
        self.cells.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Cell>> {
        self.cells.values()
    }

    /// By name, by id, or by the server's address when only one account is there.
    pub(crate) fn find(&self, text: &str) -> Result<AccountId, Failure> {
        if let Some(id) = self.names.get(text) {
            return Ok(id.clone());
        }
        if let Some(id) = text.parse().ok().filter(|id| self.cells.contains_key(id)) {
            return Ok(id);
        }
        let there = match self.servers.get(text) {
            Some(there) => Some(there),
            None => ServerUrl::parse(text).ok().and_then(|server| self.servers.get(server.as_str())),
        };
        let mut ids = there.into_iter().flatten();
        match (ids.next(), ids.next()) {
            (None, _) => Err(Failure::NoSuchAccount),
            (Some(one), None) => Ok(one.clone()),
            (Some(_), Some(_)) => Err(Failure::Ambiguous(self.names_of(there.into_iter().flatten()))),
        }
    }

    fn names_of<'a>(&self, ids: impl Iterator<Item = &'a AccountId>) -> Vec<String> {
        let mut names: Vec<_> =
            ids.filter_map(|id| Some(self.cells.get(id)?.snapshot().account.name.clone())).collect();
        names.sort();
        names
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::accounts::Account;
    use crate::testing;

    fn cell(number: u8, name: &str, server: &str) -> Arc<Cell> {
        let id = AccountId::from_random([number; 10]);
        let server = ServerUrl::parse(server).unwrap();
        Arc::new(Cell::new(Account { id, server, ..testing::account(name) }))
    }

    #[test]
    fn found_by_name_id_and_server() {
        let mut index = Index::default();
        let (work, personal) =
            (cell(1, "work", "https://a.example/mcp"), cell(2, "personal", "https://b.example"));
        index.insert(work.clone());
        index.insert(personal.clone());
        for text in
            ["work", work.id.as_str(), "https://a.example/mcp", "a.example/mcp", "HTTPS://A.example:443/mcp"]
        {
            assert_eq!(index.find(text).unwrap(), work.id, "{text}");
        }
        for text in ["", "Work", "wor", "a.example", "https://c.example", "0000000000"] {
            assert!(matches!(index.find(text), Err(Failure::NoSuchAccount)), "{text}");
        }
        index.insert(cell(3, "again", "https://a.example/mcp"));
        match index.find("a.example/mcp") {
            Err(Failure::Ambiguous(names)) => assert_eq!(names, ["again", "work"]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn follows_names_and_ends() {
        let mut index = Index::default();
        let (work, other) = (cell(1, "work", "https://a.example"), cell(2, "other", "https://a.example"));
        index.insert(work.clone());
        index.insert(other.clone());
        index.rename(&work.id, "home");
        assert_eq!(index.find("home").unwrap(), work.id);
        assert!(index.find("work").is_err());
        index.remove(&work.id);
        assert!(index.find("home").is_err() && index.find(work.id.as_str()).is_err());
        assert_eq!(index.find("a.example").unwrap(), other.id, "the server is there for the other");
        index.remove(&other.id);
        assert!(index.find("a.example").is_err());
        assert!(index.cells.is_empty() && index.names.is_empty() && index.servers.is_empty());
    }
}
