//! Reads the settings out of the file's table.
//!
//! Problem: a setting that is passed over in silence is one that a person believes in. Invariant: every key is understood or
//! a [`Mistake`], and a mistake says where it is and what is expected there.

use super::spelling::{closest, is_secret};
use super::{
    ApprovalsChoice, ClientMetadata, Config, Look, Mistake, RedirectChoice, ServerSettings, UpdateSettings,
    VaultChoice,
};
use mcp_login_oauth::client_auth::AuthMethod;
use mcp_login_oauth::endpoint::Endpoint;
use mcp_login_oauth::error::EndpointName;
use mcp_login_oauth::pins::{PinnedResource, Pins};
use mcp_login_oauth::profile::Profiles;
use mcp_login_oauth::registration::Preregistered;
use mcp_login_oauth::values::{ClientId, Issuer, RedirectUri, ResourceUri, ScopeSet, ServerUrl};
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

type Value<'i> = Spanned<DeValue<'i>>;

pub(super) struct Reader<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

const TOP: &[&str] = &[
    "vault",
    "approvals",
    "redirect",
    "log",
    "network",
    "client_metadata",
    "clients",
    "servers",
    "updates",
    "profile",
];
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
    pub(super) fn mistake(&self, at: usize, key: &str, what: impl Into<String>) -> Mistake {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Mistake { file: self.file.to_owned(), line, key: key.to_owned(), what: what.into() }
    }

    pub(super) fn config(&self, table: &DeTable<'_>) -> Result<Config, Mistake> {
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
        if let Some(updates) = get(table, "updates") {
            config.updates = self.updates(self.table(updates, "updates")?)?;
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

    fn updates(&self, table: &DeTable<'_>) -> Result<UpdateSettings, Mistake> {
        self.known(table, "updates.", &["look", "from"])?;
        let mut updates = UpdateSettings::default();
        if let Some(value) = get(table, "look") {
            let words = [("by_hand", Look::ByHand), ("daily", Look::Daily)];
            updates.look = self.word(value, "updates.look", &words)?;
        }
        if let Some(value) = get(table, "from") {
            updates.from = Some(self.endpoint(value, "updates.from", EndpointName::Redirect)?);
        }
        Ok(updates)
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
