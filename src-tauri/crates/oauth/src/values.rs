//! Public protocol values as types of their own.
//!
//! Problem: OAuth compares strings, and a URL parser that adds a `/` breaks the comparison. Invariant:
//! [`Issuer`] and [`ResourceUri`] are opaque: kept, compared and sent byte for byte (RFC 8414 §3.3, RFC 9207
//! §2.4, RFC 8707 §2). Only [`ServerUrl`], which a person typed, is brought into canonical form.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::{Error, ServerUrlFault};

/// The longest identifier kept from a document. Real ones stay below 200 bytes; a URL above 2,048 is refused by
/// common servers anyway.
pub(crate) const MAX_IDENTIFIER: usize = 2048;

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the string as it is.
            #[must_use]
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// The string, byte for byte.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// An address that was checked: kept as its text and parsed, shown and stored as the text, checked again when it is read.
macro_rules! address {
    ($name:ident, $(#[$text:meta])* as_str) => {
        impl $name {
            $(#[$text])*
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.text
            }

            /// Parsed, for requests.
            #[must_use]
            pub fn url(&self) -> &url::Url {
                &self.url
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $name::read(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use address;

opaque!(
    /// An authorization server, named by its `issuer` (RFC 8414 §2). Opaque; equality is byte for byte.
    Issuer
);
opaque!(
    /// A protected resource (RFC 8707 §2, RFC 9728 §1.2). Opaque; sent byte for byte.
    ResourceUri
);
opaque!(
    /// RFC 6749 §2.2.
    ClientId
);
opaque!(
    /// RFC 6749 §3.1.2. Sent byte for byte, in the authorization and in the token request.
    RedirectUri
);

/// An MCP server's address, as a person typed it, in canonical form: lower-case scheme and host, no default port,
/// no fragment, no lone `/` (MCP authorization, Canonical Server URI).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    url: Url,
    text: String,
}

impl ServerUrl {
    /// Reads what a person typed. Without a scheme it is `https`, or `http` on a loopback host.
    ///
    /// # Errors
    /// [`Error::ServerUrl`] with the fault: not a URL, not `https` (plain `http` only to loopback), a user name
    /// or password in it, too long, or control characters.
    pub fn parse(typed: &str) -> Result<Self, Error> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(Error::ServerUrl(ServerUrlFault::NotAUrl));
        }
        if typed.len() > MAX_IDENTIFIER {
            return Err(Error::ServerUrl(ServerUrlFault::TooLong));
        }
        // The URL standard drops tabs and line ends silently: what the person sees would not be what is asked.
        if typed.chars().any(|c| c.is_control() || c.is_whitespace()) || typed.contains('\\') {
            return Err(Error::ServerUrl(ServerUrlFault::NotAUrl));
        }
        let mut url = if typed.contains("://") {
            Url::parse(typed)
        } else {
            Url::parse(&format!("https://{typed}")).and_then(|url| {
                if url.host_str().is_some_and(is_loopback_host) {
                    Url::parse(&format!("http://{typed}"))
                } else {
                    Ok(url)
                }
            })
        }
        .map_err(|_| Error::ServerUrl(ServerUrlFault::NotAUrl))?;
        let host =
            url.host_str().filter(|h| !h.is_empty()).ok_or(Error::ServerUrl(ServerUrlFault::NotAUrl))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback_host(host) => {}
            "http" => return Err(Error::ServerUrl(ServerUrlFault::PlainHttp)),
            _ => return Err(Error::ServerUrl(ServerUrlFault::Scheme)),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::ServerUrl(ServerUrlFault::UserInfo));
        }
        url.set_fragment(None);
        let mut text = url.as_str().to_owned();
        if url.path() == "/" && url.query().is_none() {
            text.pop();
        }
        Ok(ServerUrl { url, text })
    }

    fn read(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }

    /// Scheme, host and port, without a trailing `/`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The host, lower case; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The server as a resource of its own, for when it publishes none.
    #[must_use]
    pub fn as_resource(&self) -> ResourceUri {
        ResourceUri::new(self.text.clone())
    }
}

address!(
    ServerUrl,
    /// The canonical form.
    as_str
);

/// Whether a host, as a URL spells it, is this machine: 127.0.0.0/8, ::1, `localhost` and names below it (RFC 6761).
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<std::net::IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => {
            let name = bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

/// One scope token (RFC 6749 §3.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Scope(String);

impl Scope {
    /// Checks the token's characters: `1*( %x21 / %x23-5B / %x5D-7E )`.
    #[must_use]
    pub fn new(token: &str) -> Option<Self> {
        // 512: Google and Entra spell scopes as URLs, none above 200 bytes.
        let ok = !token.is_empty()
            && token.len() <= 512
            && token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        ok.then(|| Scope(token.to_owned()))
    }

    /// The token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Scope::new(&text).ok_or_else(|| serde::de::Error::custom("not a scope token"))
    }
}

/// Scopes in the order in which they came, each once. Equality ignores the order (RFC 6749 §3.3).
#[derive(Clone, Debug, Default, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeSet(Vec<Scope>);

/// The most scopes kept: a URL with more than a few hundred is refused by common front ends.
const MAX_SCOPES: usize = 256;

impl ScopeSet {
    /// No scope.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a space-delimited list, as servers send it. Tokens with characters that RFC 6749 does not allow are
    /// left out, as they could not be sent back.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        text.split_ascii_whitespace().filter_map(Scope::new).collect()
    }

    /// Adds one, if it is not there yet and there is room.
    pub fn insert(&mut self, scope: Scope) {
        if self.0.len() < MAX_SCOPES && !self.0.contains(&scope) {
            self.0.push(scope);
        }
    }

    /// Both, ours first.
    #[must_use]
    pub fn union(&self, other: &ScopeSet) -> ScopeSet {
        self.iter().chain(other.iter()).cloned().collect()
    }

    /// Those of `self` that are not in `other`.
    #[must_use]
    pub fn minus(&self, other: &ScopeSet) -> ScopeSet {
        self.iter().filter(|s| !other.contains(s.as_str())).cloned().collect()
    }

    /// Whether the token is in it.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|s| s.as_str() == token)
    }

    /// Whether every scope of `self` is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &ScopeSet) -> bool {
        self.iter().all(|s| other.contains(s.as_str()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl PartialEq for ScopeSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.is_subset(other)
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(iter: I) -> Self {
        let mut set = ScopeSet::new();
        for scope in iter {
            set.insert(scope);
        }
        set
    }
}

impl fmt::Display for ScopeSet {
    /// Space-delimited, as RFC 6749 §3.3 sends it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn server_urls_become_canonical() {
        for (typed, canonical) in [
            ("https://Example.COM", "https://example.com"),
            ("https://example.com/", "https://example.com"),
            ("HTTPS://example.com:443/MCP", "https://example.com/MCP"),
            ("https://example.com/mcp/", "https://example.com/mcp/"),
            ("https://example.com:8443/mcp#top", "https://example.com:8443/mcp"),
            ("https://example.com/mcp?tenant=1", "https://example.com/mcp?tenant=1"),
            ("example.com/mcp", "https://example.com/mcp"),
            ("localhost:3000/mcp", "http://localhost:3000/mcp"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://[::1]:3000/mcp", "http://[::1]:3000/mcp"),
            ("  https://example.com/mcp\n", "https://example.com/mcp"),
        ] {
            let server = ServerUrl::parse(typed).unwrap();
            assert_eq!(server.as_str(), canonical, "{typed}");
            assert_eq!(ServerUrl::parse(server.as_str()).unwrap(), server, "parsing again changes nothing");
        }
    }

    #[test]
    fn server_urls_that_are_refused() {
        for (typed, fault) in [
            ("", ServerUrlFault::NotAUrl),
            ("https://", ServerUrlFault::NotAUrl),
            ("http://example.com", ServerUrlFault::PlainHttp),
            ("http://localhost.example.com", ServerUrlFault::PlainHttp),
            ("http://127.0.0.1.example.com", ServerUrlFault::PlainHttp),
            ("file:///etc/passwd", ServerUrlFault::NotAUrl),
            ("ftp://example.com", ServerUrlFault::Scheme),
            ("https://user:pw@example.com", ServerUrlFault::UserInfo),
            ("https://exa\tmple.com", ServerUrlFault::NotAUrl),
            ("https:\\\\example.com", ServerUrlFault::NotAUrl),
        ] {
            match ServerUrl::parse(typed) {
                Err(Error::ServerUrl(found)) => assert_eq!(found, fault, "{typed}"),
                other => panic!("{typed}: {other:?}"),
            }
        }
        let long = format!("https://example.com/{}", "a".repeat(MAX_IDENTIFIER));
        assert!(matches!(ServerUrl::parse(&long), Err(Error::ServerUrl(ServerUrlFault::TooLong))));
    }

    #[test]
    fn loopback_hosts() {
        for host in
            ["localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "::1"]
        {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in ["localhost.com", "notlocalhost", "10.0.0.1", "0.0.0.0", "[::2]", "", "127.0.0.1.nip.io"]
        {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    #[test]
    fn scopes() {
        let set = ScopeSet::parse("  b a  b \t c\"d e\\f ü a");
        assert_eq!(set.to_string(), "b a");
        assert_eq!(set, ScopeSet::parse("a b"), "order does not count");
        assert_ne!(set, ScopeSet::parse("a"));
        assert_eq!(set.union(&ScopeSet::parse("c a")).to_string(), "b a c");
        assert_eq!(set.minus(&ScopeSet::parse("a")).to_string(), "b");
        assert!(ScopeSet::parse("a").is_subset(&set) && !set.is_subset(&ScopeSet::parse("a")));
        let many: String = (0..10_000).map(|i| format!("s{i} ")).collect();
        assert_eq!(ScopeSet::parse(&many).len(), MAX_SCOPES);
    }

    #[test]
    fn issuers_are_compared_byte_for_byte() {
        assert_ne!(Issuer::new("https://a.example"), Issuer::new("https://a.example/"));
        assert_ne!(Issuer::new("https://a.example"), Issuer::new("https://A.example"));
    }
}
