//! The remote servers that clients have already, from whatever installer or hand.

use crate::key::same_server;
use crate::{WiringError, Wirings, file};
use mcp_login_clients::{Client, Document, Written, ours, remote};
use std::path::PathBuf;

/// An entry that leads to a remote server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The client.
    pub client: &'static Client,
    /// Its file.
    pub file: PathBuf,
    /// What the entry is called.
    pub entry: String,
    /// The address, as it is written there.
    pub url: String,
    /// How it is written.
    pub written: Written,
}

/// One server, with the entries that lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteServer {
    /// Its address.
    pub url: String,
    /// The entries.
    pub known: Vec<Known>,
}

/// A client whose file cannot be read.
#[derive(Debug)]
pub struct Unread {
    /// Which.
    pub client: &'static Client,
    /// Why.
    pub error: WiringError,
}

impl Wirings {
    /// The remote servers that the installed clients have, each once, and what could not be read.
    ///
    /// # Errors
    /// A mistake in the table.
    pub fn remotes(&self) -> Result<(Vec<RemoteServer>, Vec<Unread>), WiringError> {
        let mut servers: Vec<RemoteServer> = Vec::new();
        let mut unread = Vec::new();
        for found in self.installed()? {
            match read(found.client, &found.file) {
                Ok(known) => {
                    for known in known {
                        match servers.iter_mut().find(|server| same_server(&server.url, &known.url)) {
                            Some(server) => server.known.push(known),
                            None => servers.push(RemoteServer { url: known.url.clone(), known: vec![known] }),
                        }
                    }
                }
                Err(error) => unread.push(Unread { client: found.client, error }),
            }
        }
        Ok((servers, unread))
    }
}

fn read(client: &'static Client, path: &std::path::Path) -> Result<Vec<Known>, WiringError> {
    let text = file::read(path)?.text.unwrap_or_default();
    let edit = |error| WiringError::Edit { path: path.to_owned(), error };
    let document = Document::read(client.format, &text).map_err(edit)?;
    let entries = document.entries(&client.keys).map_err(edit)?;
    // an entry with our header helper has the server's address, and is ours all the same
    let foreign = entries.into_iter().filter(|(_, entry)| ours(entry).is_none());
    let known = foreign.filter_map(|(entry, tree)| {
        let found = remote(&tree)?;
        Some(Known { client, file: path.to_owned(), entry, url: found.url, written: found.written })
    });
    Ok(known.collect())
}
