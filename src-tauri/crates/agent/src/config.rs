//! `config.toml`: what a person sets. Read whole or not at all: a mistake names file, line and key and says what is expected
//! there, a key that nobody knows is a mistake (with the one that was probably meant), and a secret is refused with the way
//! it should go. Nothing here is ever written by a program.

mod reader;
mod spelling;
mod updates;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::accounts::RedirectKind;
use crate::managed::Managed;
use mcp_login_oauth::pins::Pins;
use mcp_login_oauth::profile::Profiles;
use mcp_login_oauth::registration::Preregistered;
use mcp_login_oauth::values::{ClientId, ScopeSet, ServerUrl};
use reader::Reader;
use toml::de::DeTable;
pub use updates::{Look, UpdateSettings};

/// The file's name in the config directory.
pub const FILE_NAME: &str = "config.toml";

/// Thousands of servers fit.
const LARGEST: u64 = 1024 * 1024;

/// Where secrets are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VaultChoice {
    /// The system's.
    #[default]
    Keychain,
    /// None: gone when the agent ends. Only by choice.
    Memory,
}

/// Who decides what a program may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApprovalsChoice {
    /// The consent window.
    #[default]
    Window,
    /// `mcp-login approvals`.
    Terminal,
}

/// Which redirect a sign-in takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedirectChoice {
    /// What this issuer accepted before, else what works here.
    #[default]
    Auto,
    /// Always the private-use scheme.
    Scheme,
    /// Always `http://127.0.0.1:<port>/…`.
    Loopback,
    /// Always `http://localhost:<port>/…`.
    Localhost,
}

/// Addresses of our Client ID Metadata Documents: one redirect a registration, so one document a redirect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientMetadata {
    /// For the private-use scheme.
    pub scheme: Option<ClientId>,
    /// For loopback, as `127.0.0.1`.
    pub loopback: Option<ClientId>,
    /// For loopback, as `localhost`.
    pub localhost: Option<ClientId>,
}

impl ClientMetadata {
    /// The document for a kind of redirect. None for the one that a person registered: it has a client of its own.
    #[must_use]
    pub fn of(&self, kind: RedirectKind) -> Option<ClientId> {
        match kind {
            RedirectKind::Scheme => self.scheme.clone(),
            RedirectKind::Loopback => self.loopback.clone(),
            RedirectKind::Localhost => self.localhost.clone(),
            RedirectKind::Exact => None,
        }
    }
}

/// What a person pinned for one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// Issuer, endpoints, `resource`, PKCE.
    pub pins: Pins,
    /// Asked for instead of what the server names.
    pub scopes: Option<ScopeSet>,
}

/// The settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// `vault`
    pub vault: VaultChoice,
    /// `approvals`
    pub approvals: ApprovalsChoice,
    /// `redirect`
    pub redirect: RedirectChoice,
    /// `log`: a filter as `--log` takes it.
    pub log: Option<String>,
    /// `network.allow_private_hosts`
    pub allow_private_hosts: Vec<String>,
    /// `client_metadata`
    pub client_metadata: ClientMetadata,
    /// `clients."ISSUER"`: pre-registered clients, without their secrets.
    pub clients: BTreeMap<String, Preregistered>,
    /// `servers."URL"`
    pub servers: BTreeMap<String, ServerSettings>,
    /// `updates`
    pub updates: UpdateSettings,
    /// `[[profile]]`, before those that come with the program.
    pub profiles: Profiles,
    /// What the computer's administrator set; it has gone over the rest already. Never in the file.
    pub managed: Managed,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            vault: VaultChoice::default(),
            approvals: ApprovalsChoice::default(),
            redirect: RedirectChoice::default(),
            log: None,
            allow_private_hosts: Vec::new(),
            client_metadata: ClientMetadata::default(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            updates: UpdateSettings::default(),
            profiles: Profiles::builtin(),
            managed: Managed::default(),
        }
    }
}

/// What is wrong with the file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {key}: {what}", file.display())]
pub struct Mistake {
    /// The file.
    pub file: PathBuf,
    /// Counted from 1; 0 when it is about the whole file.
    pub line: usize,
    /// Dotted.
    pub key: String,
    /// What is there and what is expected.
    pub what: String,
}

impl Config {
    /// Reads the settings of a config directory; a missing file means the defaults.
    ///
    /// # Errors
    /// [`Mistake`].
    pub fn load(config_dir: &Path) -> Result<Self, Mistake> {
        let file = config_dir.join(FILE_NAME);
        let whole = |what: String| Mistake { file: file.clone(), line: 0, key: "file".to_owned(), what };
        let opened = match fs::File::open(&file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(whole(error.to_string())),
        };
        let mut text = String::new();
        opened.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| whole(error.to_string()))?;
        if text.len() as u64 > LARGEST {
            return Err(whole(format!("larger than {LARGEST} bytes")));
        }
        Self::parse(&file, &text)
    }

    /// Reads the settings from a text.
    ///
    /// # Errors
    /// [`Mistake`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, Mistake> {
        let reader = Reader { file, text };
        let table = DeTable::parse(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            reader.mistake(start, "file", error.message())
        })?;
        reader.config(table.get_ref())
    }

    /// What is set for a server, if anything.
    #[must_use]
    pub fn server(&self, server: &ServerUrl) -> Option<&ServerSettings> {
        self.servers.get(server.as_str())
    }

    /// The pre-registered client of an issuer, byte for byte.
    #[must_use]
    pub fn client(&self, issuer: &str) -> Option<&Preregistered> {
        self.clients.get(issuer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
