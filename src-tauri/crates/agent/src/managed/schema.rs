//! The one schema of a policy, whatever it was written in.

use super::{Managed, Mistake, Switch, Tree};
use crate::config::RedirectChoice;
use crate::policy::Rule;
use mcp_login_oauth::client_auth::AuthMethod;
use mcp_login_oauth::registration::Preregistered;
use mcp_login_oauth::{ClientId, Issuer, RedirectUri, ServerUrl};
use std::collections::BTreeMap;

const TOP: &[&str] =
    &["allowed_servers", "allowed_issuers", "clients", "redirect", "allow", "http_door", "updates"];
const CLIENT: &[&str] = &["issuer", "client_id", "redirect_uri", "auth_method"];
const RULE: &[&str] = &["program", "accounts", "scopes"];

type Table = BTreeMap<String, Tree>;

/// Understands a policy.
pub(super) fn read(place: &str, tree: &Tree) -> Result<Managed, Mistake> {
    let reader = Reader { place };
    let Tree::Table(table) = tree else { return Err(reader.expected("policy", tree, "a table")) };
    reader.known(table, "", TOP)?;
    let mut managed = Managed {
        place: Some(place.to_owned()),
        keys: table.keys().cloned().collect(),
        ..Managed::default()
    };
    for (key, value) in table {
        match key.as_str() {
            "allowed_servers" => {
                let server = |(at, text): (String, String)| {
                    ServerUrl::parse(&text).map_err(|error| reader.mistake(&at, error.to_string()))
                };
                let list = reader.texts(key, value)?;
                managed.servers = Some(list.into_iter().map(server).collect::<Result<_, _>>()?);
            }
            "allowed_issuers" => {
                let list = reader.texts(key, value)?;
                managed.issuers = Some(list.into_iter().map(|(_, text)| Issuer::new(text)).collect());
            }
            "clients" => managed.clients = reader.each(key, value, |at, table| reader.client(at, table))?,
            "allow" => managed.allow = reader.each(key, value, |at, table| reader.rule(at, table))?,
            "redirect" => {
                managed.redirect = Some(match reader.text(key, value)? {
                    "scheme" => RedirectChoice::Scheme,
                    "loopback" => RedirectChoice::Loopback,
                    "localhost" => RedirectChoice::Localhost,
                    other => {
                        let what = format!("{other:?} is none of scheme, loopback, localhost");
                        return Err(reader.mistake(key, what));
                    }
                });
            }
            "http_door" => managed.http_door = reader.off(key, value)?,
            "updates" => managed.updates = reader.off(key, value)?,
            _ => {}
        }
    }
    Ok(managed)
}

struct Reader<'a> {
    place: &'a str,
}

impl Reader<'_> {
    fn mistake(&self, key: &str, what: impl Into<String>) -> Mistake {
        Mistake { place: self.place.to_owned(), key: key.to_owned(), what: what.into() }
    }

    fn expected(&self, key: &str, found: &Tree, wanted: &str) -> Mistake {
        self.mistake(key, format!("{} is expected, not {}", wanted, found.word()))
    }

    fn known(&self, table: &Table, before: &str, known: &[&str]) -> Result<(), Mistake> {
        match table.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => {
                Err(self
                    .mistake(&format!("{before}{key}"), format!("not known; there are {}", known.join(", "))))
            }
            None => Ok(()),
        }
    }

    fn text<'t>(&self, key: &str, tree: &'t Tree) -> Result<&'t str, Mistake> {
        match tree {
            Tree::Text(text) if !text.trim().is_empty() => Ok(text),
            other => Err(self.expected(key, other, "text")),
        }
    }

    /// A list. The registry has none of tables: keys 1, 2, 3 there stand for one.
    fn list<'t>(&self, key: &str, tree: &'t Tree) -> Result<Vec<(String, &'t Tree)>, Mistake> {
        match tree {
            Tree::List(list) => {
                Ok(list.iter().enumerate().map(|(n, item)| (format!("{key}.{}", n + 1), item)).collect())
            }
            Tree::Table(table) if table.keys().all(|name| name.parse::<u32>().is_ok()) => {
                Ok(table.iter().map(|(name, item)| (format!("{key}.{name}"), item)).collect())
            }
            other => Err(self.expected(key, other, "a list")),
        }
    }

    fn texts(&self, key: &str, tree: &Tree) -> Result<Vec<(String, String)>, Mistake> {
        let list = self.list(key, tree)?;
        list.into_iter().map(|(at, item)| Ok((at.clone(), self.text(&at, item)?.to_owned()))).collect()
    }

    fn each<T>(
        &self,
        key: &str,
        tree: &Tree,
        one: impl Fn(&str, &Table) -> Result<T, Mistake>,
    ) -> Result<Vec<T>, Mistake> {
        let list = self.list(key, tree)?.into_iter();
        list.map(|(at, item)| match item {
            Tree::Table(table) => one(&at, table),
            other => Err(self.expected(&at, other, "a table")),
        })
        .collect()
    }

    /// Only "off" can be said: a policy takes away.
    fn off(&self, key: &str, tree: &Tree) -> Result<Switch, Mistake> {
        match tree {
            Tree::Flag(false) => Ok(Switch::Off),
            other => Err(self.expected(key, other, "false")),
        }
    }

    fn member<'t>(&self, at: &str, table: &'t Table, name: &str) -> Result<Option<&'t str>, Mistake> {
        table.get(name).map(|tree| self.text(&format!("{at}.{name}"), tree)).transpose()
    }

    fn needed<'t>(&self, at: &str, table: &'t Table, name: &str) -> Result<&'t str, Mistake> {
        self.member(at, table, name)?.ok_or_else(|| self.mistake(at, format!("{name} is missing")))
    }

    fn client(&self, at: &str, table: &Table) -> Result<Preregistered, Mistake> {
        self.known(table, &format!("{at}."), CLIENT)?;
        let method = match self.member(at, table, "auth_method")? {
            None => None,
            Some(word) => Some(AuthMethod::from_word(word).ok_or_else(|| {
                let what = "none, client_secret_basic or client_secret_post is expected";
                self.mistake(&format!("{at}.auth_method"), what)
            })?),
        };
        Ok(Preregistered {
            issuer: Some(Issuer::new(self.needed(at, table, "issuer")?)),
            id: ClientId::new(self.needed(at, table, "client_id")?),
            secret: None,
            redirect_uri: self.member(at, table, "redirect_uri")?.map(RedirectUri::new),
            method,
        })
    }

    fn rule(&self, at: &str, table: &Table) -> Result<Rule, Mistake> {
        self.known(table, &format!("{at}."), RULE)?;
        let program = self.needed(at, table, "program")?;
        let accounts: Vec<String> = match table.get("accounts") {
            None => return Err(self.mistake(at, "accounts is missing")),
            Some(Tree::Text(one)) => vec![one.clone()],
            Some(list) => {
                let list = self.texts(&format!("{at}.accounts"), list)?;
                list.into_iter().map(|(_, name)| name).collect()
            }
        };
        let scopes = match table.get("scopes") {
            None => None,
            Some(list) => {
                let list = self.texts(&format!("{at}.scopes"), list)?;
                Some(list.into_iter().map(|(_, scope)| scope).collect())
            }
        };
        Rule::new(program, accounts, scopes).map_err(|what| self.mistake(at, what))
    }
}
