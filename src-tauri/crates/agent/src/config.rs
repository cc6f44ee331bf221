//! `config.toml`: what a person sets. Read whole or not at all: a mistake names file, line and key and says what is expected
//! there, a key that nobody knows is a mistake (with the one that was probably meant), and a secret is refused with the way
//! it should go. Nothing here is ever written by a program.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::accounts::RedirectKind;
use crate::managed::Managed;
use mcp_login_oauth::client_auth::AuthMethod;
use mcp_login_oauth::endpoint::Endpoint;
use mcp_login_oauth::error::EndpointName;
use mcp_login_oauth::pins::{PinnedResource, Pins};
use mcp_login_oauth::profile::Profiles;
use mcp_login_oauth::registration::Preregistered;
use mcp_login_oauth::values::{ClientId, Issuer, RedirectUri, ResourceUri, ScopeSet, ServerUrl};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

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

type Value<'i> = Spanned<DeValue<'i>>;

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
}

const TOP: &[&str] =
    &["vault", "approvals", "redirect", "log", "network", "client_metadata", "clients", "servers", "profile"];
const CLIENT: &[&str] = &["client_id", "redirect_uri", "auth_method"];
const SERVER: &[&str] = &[
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "registration_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "resource",
    "pkce_s256",
    "scopes",
];

impl Reader<'_> {
    fn mistake(&self, at: usize, key: &str, what: impl Into<String>) -> Mistake {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Mistake { file: self.file.to_owned(), line, key: key.to_owned(), what: what.into() }
    }

    fn config(&self, table: &DeTable<'_>) -> Result<Config, Mistake> {
        self.known(table, "", TOP)?;
        let mut config = Config::default();
        if let Some(value) = get(table, "vault") {
            let words = [("keychain", VaultChoice::Keychain), ("memory", VaultChoice::Memory)];
            config.vault = self.word(value, "vault", &words)?;
        }
        if let Some(value) = get(table, "approvals") {
            let words = [("window", ApprovalsChoice::Window), ("terminal", ApprovalsChoice::Terminal)];
            config.approvals = self.word(value, "approvals", &words)?;
        }
        if let Some(value) = get(table, "redirect") {
            let words = [
                ("auto", RedirectChoice::Auto),
                ("scheme", RedirectChoice::Scheme),
                ("loopback", RedirectChoice::Loopback),
                ("localhost", RedirectChoice::Localhost),
            ];
            config.redirect = self.word(value, "redirect", &words)?;
        }
        if let Some(value) = get(table, "log") {
            config.log = Some(self.text_of(value, "log", "a level such as \"info\"")?.to_owned());
        }
        if let Some(network) = get(table, "network") {
            let network = self.table(network, "network")?;
            self.known(network, "network.", &["allow_private_hosts"])?;
            if let Some(hosts) = get(network, "allow_private_hosts") {
                config.allow_private_hosts = self.hosts(hosts)?;
            }
        }
        if let Some(documents) = get(table, "client_metadata") {
            let documents = self.table(documents, "client_metadata")?;
            self.known(documents, "client_metadata.", &["scheme", "loopback", "localhost"])?;
            config.client_metadata = ClientMetadata {
                scheme: self.document(documents, "scheme")?,
                loopback: self.document(documents, "loopback")?,
                localhost: self.document(documents, "localhost")?,
            };
        }
        if let Some(clients) = get(table, "clients") {
            for (issuer, value) in self.table(clients, "clients")? {
                let key = format!("clients.\"{}\"", issuer.get_ref());
                self.endpoint_text(issuer.get_ref(), issuer.span().start, &key, EndpointName::Issuer)?;
                let client = self.client(self.table(value, &key)?, value, issuer.get_ref(), &key)?;
                config.clients.insert(issuer.get_ref().to_string(), client);
            }
        }
        if let Some(servers) = get(table, "servers") {
            for (address, value) in self.table(servers, "servers")? {
                let key = format!("servers.\"{}\"", address.get_ref());
                let server = ServerUrl::parse(address.get_ref())
                    .map_err(|error| self.mistake(address.span().start, &key, error.to_string()))?;
                let settings = self.server(self.table(value, &key)?, value, &key)?;
                config.servers.insert(server.as_str().to_owned(), settings);
            }
        }
        if let Some(profiles) = get(table, "profile") {
            config.profiles = self.profiles(profiles)?;
        }
        Ok(config)
    }

    fn client(
        &self,
        table: &DeTable<'_>,
        whole: &Value<'_>,
        issuer: &str,
        key: &str,
    ) -> Result<Preregistered, Mistake> {
        self.known(table, &format!("{key}."), CLIENT)?;
        let Some(id) = get(table, "client_id") else {
            return Err(self.mistake(whole.span().start, key, "client_id is missing"));
        };
        let id = self.text_of(id, &format!("{key}.client_id"), "the client id as the issuer gave it")?;
        let redirect_uri = match get(table, "redirect_uri") {
            Some(uri) => {
                let expected = "the redirect URI exactly as it was registered";
                Some(RedirectUri::new(self.text_of(uri, &format!("{key}.redirect_uri"), expected)?))
            }
            None => None,
        };
        let words = [
            ("none", AuthMethod::None),
            ("client_secret_basic", AuthMethod::Basic),
            ("client_secret_post", AuthMethod::Post),
        ];
        let method = match get(table, "auth_method") {
            Some(value) => Some(self.word(value, &format!("{key}.auth_method"), &words)?),
            None => None,
        };
        Ok(Preregistered {
            issuer: Some(Issuer::new(issuer)),
            id: ClientId::new(id),
            secret: None,
            redirect_uri,
            method,
        })
    }

    fn server(&self, table: &DeTable<'_>, whole: &Value<'_>, key: &str) -> Result<ServerSettings, Mistake> {
        self.known(table, &format!("{key}."), SERVER)?;
        let endpoint = |name: &str, which| match get(table, name) {
            Some(value) => self.endpoint(value, &format!("{key}.{name}"), which).map(Some),
            None => Ok(None),
        };
        let issuer = endpoint("issuer", EndpointName::Issuer)?;
        let pins = Pins {
            issuer: issuer.map(|issuer| Issuer::new(issuer.as_str())),
            authorization_endpoint: endpoint("authorization_endpoint", EndpointName::Authorization)?,
            token_endpoint: endpoint("token_endpoint", EndpointName::Token)?,
            registration_endpoint: endpoint("registration_endpoint", EndpointName::Registration)?,
            revocation_endpoint: endpoint("revocation_endpoint", EndpointName::Revocation)?,
            introspection_endpoint: endpoint("introspection_endpoint", EndpointName::Introspection)?,
            resource: match get(table, "resource") {
                None => None,
                Some(value) if value.get_ref().as_bool() == Some(false) => Some(PinnedResource::Omit),
                Some(value) => {
                    let expected = "a resource URI, or false to send none";
                    let text = self.text_of(value, &format!("{key}.resource"), expected)?;
                    Some(PinnedResource::Value(ResourceUri::new(text)))
                }
            },
            pkce_s256: match get(table, "pkce_s256") {
                None => false,
                Some(value) => value.get_ref().as_bool().ok_or_else(|| {
                    self.expected(
                        value,
                        &format!("{key}.pkce_s256"),
                        "true when the issuer is known to do it",
                    )
                })?,
            },
        };
        if pins.authorization_endpoint.is_some() != pins.token_endpoint.is_some() {
            let what = "authorization_endpoint and token_endpoint are pinned together or not at all";
            return Err(self.mistake(whole.span().start, key, what));
        }
        let scopes = match get(table, "scopes") {
            None => None,
            Some(value) => {
                let words =
                    self.texts(value, &format!("{key}.scopes"), "a list of scopes, such as [\"read\"]")?;
                Some(ScopeSet::parse(&words.join(" ")))
            }
        };
        Ok(ServerSettings { pins, scopes })
    }

    /// The profiles are the protocol crate's to read: it gets them as a file of their own.
    fn profiles(&self, value: &Value<'_>) -> Result<Profiles, Mistake> {
        let fault = |what: String| self.mistake(value.span().start, "profile", what);
        let mut whole: toml::Table =
            toml::from_str(self.text).map_err(|error| fault(error.message().to_owned()))?;
        let mut only = toml::Table::new();
        if let Some(profiles) = whole.remove("profile") {
            only.insert("profile".to_owned(), profiles);
        }
        let text = toml::to_string(&only).map_err(|error| fault(error.to_string()))?;
        Profiles::builtin().with_overrides(&text).map_err(|error| fault(error.to_string()))
    }

    fn hosts(&self, value: &Value<'_>) -> Result<Vec<String>, Mistake> {
        let key = "network.allow_private_hosts";
        let hosts = self.texts(value, key, "a list of host names, such as [\"mcp.intern.example\"]")?;
        for host in &hosts {
            let is_host =
                url::Host::parse(host).is_ok_and(|parsed| parsed.to_string().eq_ignore_ascii_case(host));
            if !is_host {
                let what = format!("{host:?} is not a host name; leave out scheme, port and path");
                return Err(self.mistake(value.span().start, key, what));
            }
        }
        Ok(hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    fn document(&self, table: &DeTable<'_>, name: &str) -> Result<Option<ClientId>, Mistake> {
        let Some(value) = get(table, name) else { return Ok(None) };
        let key = format!("client_metadata.{name}");
        let expected = "the https address of a client metadata document, with a path";
        let text = self.text_of(value, &key, expected)?;
        // The address is the client id (Client ID Metadata Documents §3): https, with a path.
        let fits = url::Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.path() != "/");
        if fits { Ok(Some(ClientId::new(text))) } else { Err(self.expected(value, &key, expected)) }
    }

    fn endpoint(&self, value: &Value<'_>, key: &str, name: EndpointName) -> Result<Endpoint, Mistake> {
        let text = self.text_of(value, key, "an https address")?;
        self.endpoint_text(text, value.span().start, key, name)
    }

    fn endpoint_text(
        &self,
        text: &str,
        at: usize,
        key: &str,
        name: EndpointName,
    ) -> Result<Endpoint, Mistake> {
        Endpoint::parse(text, name).map_err(|_| {
            self.mistake(at, key, format!("{text:?} is not an https address (http only on this machine)"))
        })
    }

    fn table<'v, 'i>(&self, value: &'v Value<'i>, key: &str) -> Result<&'v DeTable<'i>, Mistake> {
        value.get_ref().as_table().ok_or_else(|| self.expected(value, key, "a table"))
    }

    fn text_of<'v>(&self, value: &'v Value<'_>, key: &str, expected: &str) -> Result<&'v str, Mistake> {
        let text = value.get_ref().as_str().filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| self.expected(value, key, expected))
    }

    fn texts(&self, value: &Value<'_>, key: &str, expected: &str) -> Result<Vec<String>, Mistake> {
        let Some(array) = value.get_ref().as_array() else { return Err(self.expected(value, key, expected)) };
        array.iter().map(|item| self.text_of(item, key, expected).map(str::to_owned)).collect()
    }

    fn word<T: Copy>(&self, value: &Value<'_>, key: &str, words: &[(&str, T)]) -> Result<T, Mistake> {
        let found = value.get_ref().as_str();
        if let Some((_, meaning)) = words.iter().find(|(word, _)| Some(*word) == found) {
            return Ok(*meaning);
        }
        let list: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        Err(self.expected(value, key, &list.join(" or ")))
    }

    fn expected(&self, value: &Value<'_>, key: &str, expected: &str) -> Mistake {
        self.mistake(value.span().start, key, format!("expected {expected}"))
    }

    /// Refuses keys that nobody knows, and secrets by name.
    fn known(&self, table: &DeTable<'_>, prefix: &str, known: &[&str]) -> Result<(), Mistake> {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let what = if is_secret(name) {
                "secrets do not belong in this file; give it once with `mcp-login add URL --client-secret-stdin` and it goes \
                 into the keychain"
                    .to_owned()
            } else {
                match closest(name, known) {
                    Some(meant) => format!("no such setting; did you mean {meant:?}?"),
                    None => format!("no such setting; known here: {}", known.join(", ")),
                }
            };
            return Err(self.mistake(key.span().start, &format!("{prefix}{name}"), what));
        }
        Ok(())
    }
}

fn get<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<&'t Value<'i>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["secret", "password", "access_token", "refresh_token", "token_value"]
        .iter()
        .any(|word| name.contains(word))
}

/// The known key that is at most a third of its length away.
fn closest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let (distance, best) = known.iter().map(|key| (distance(name, key), *key)).min()?;
    (distance <= best.len().div_ceil(3)).then_some(best)
}

/// Levenshtein's, one row.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, Mistake> {
        Config::parse(Path::new("config.toml"), text)
    }

    #[test]
    fn everything_at_once() {
        let config = parse(
            r#"
            vault = "memory"
            approvals = "terminal"
            redirect = "loopback"
            log = "debug"
            [network]
            allow_private_hosts = ["MCP.intern.example", "10.0.0.7"]
            [client_metadata]
            loopback = "https://example.com/client/loopback.json"
            [clients."https://login.example/t/"]
            client_id = "abc"
            redirect_uri = "http://localhost:33418/callback"
            auth_method = "client_secret_post"
            [servers."https://MCP.example/mcp"]
            issuer = "https://login.example/t/"
            resource = false
            pkce_s256 = true
            scopes = ["read", "write"]
            [[profile]]
            name = "ours"
            title = "Our own"
            issuers = ["https://login.example/*"]
            "#,
        )
        .unwrap();
        assert_eq!(config.vault, VaultChoice::Memory);
        assert_eq!(config.approvals, ApprovalsChoice::Terminal);
        assert_eq!(config.redirect, RedirectChoice::Loopback);
        assert_eq!(config.allow_private_hosts, ["mcp.intern.example", "10.0.0.7"]);
        assert_eq!(config.client("https://login.example/t/").unwrap().method, Some(AuthMethod::Post));
        assert!(config.client("https://login.example/t").is_none(), "issuers are compared byte for byte");
        let server = config.server(&ServerUrl::parse("https://mcp.example/mcp").unwrap()).unwrap();
        assert_eq!(server.pins.issuer.as_ref().unwrap().as_str(), "https://login.example/t/");
        assert_eq!(server.pins.resource, Some(PinnedResource::Omit));
        assert!(config.profiles.find(&Issuer::new("https://login.example/x")).is_some());
    }

    #[test]
    fn mistakes_name_line_key_and_what_is_expected() {
        for (text, line, key, part) in [
            ("vault = \"keychan\"", 1, "vault", "\"keychain\" or \"memory\""),
            ("\nvalt = \"memory\"", 2, "valt", "did you mean \"vault\""),
            (
                "\n\n[network]\nallow_private_host = []",
                4,
                "network.allow_private_host",
                "allow_private_hosts",
            ),
            (
                "[network]\nallow_private_hosts = [\"https://x\"]",
                2,
                "network.allow_private_hosts",
                "leave out scheme",
            ),
            ("xyzzy = 1", 1, "xyzzy", "known here: vault"),
            ("vault = ", 1, "file", ""),
            (
                "[clients.\"https://a.example\"]\nclient_secret = \"x\"",
                2,
                "clients.\"https://a.example\".client_secret",
                "--client-secret-stdin",
            ),
            ("[clients.\"https://a.example\"]\n", 1, "clients.\"https://a.example\"", "client_id is missing"),
            ("[clients.\"http://a.example\"]\nclient_id = \"x\"", 1, "clients.\"http://a.example\"", "https"),
            (
                "[servers.\"https://a.example\"]\ntoken_endpoint = \"https://a.example/t\"",
                1,
                "servers.\"https://a.example\"",
                "together",
            ),
            (
                "[servers.\"https://a.example\"]\nissuer = 7",
                2,
                "servers.\"https://a.example\".issuer",
                "https address",
            ),
            (
                "[client_metadata]\nscheme = \"https://a.example/\"",
                2,
                "client_metadata.scheme",
                "with a path",
            ),
            ("[[profile]]\nname = \"x\"\ntitle = \"x\"\nissuers = [\"https://*\"]", 1, "profile", "too wide"),
        ] {
            let mistake = parse(text).unwrap_err();
            assert_eq!((mistake.line, mistake.key.as_str()), (line, key), "{text}: {mistake}");
            assert!(mistake.to_string().contains(part), "{mistake}");
            assert!(mistake.to_string().starts_with("config.toml:"), "{mistake}");
        }
    }

    #[test]
    fn no_file_means_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Config::load(dir.path()).unwrap().vault, VaultChoice::Keychain);
        std::fs::write(dir.path().join(FILE_NAME), "vault = \"memory\"").unwrap();
        assert_eq!(Config::load(dir.path()).unwrap().vault, VaultChoice::Memory);
        std::fs::write(dir.path().join(FILE_NAME), [0xff, 0xfe]).unwrap();
        assert_eq!(Config::load(dir.path()).unwrap_err().line, 0);
    }
}
