//! What is known of accounts and registrations without their secrets: two files in the data directory. An account's
//! entry is written before its tokens (marked `storing`) and completed after, so that a crash between the two leaves
//! neither a token nobody knows of nor an account that never was.

use serde::{Deserialize, Serialize};

use mcp_login_oauth::client_auth::AuthMethod;
use mcp_login_oauth::http::ReachRule;
use mcp_login_oauth::registration::RegistrationKind;
use mcp_login_oauth::server_metadata::ServerMetadata;
use mcp_login_oauth::values::ServerUrl;

use crate::ending::Ending;
use crate::id::{AccountId, RegistrationId, RevocationId};

/// Whether connections for this account may go into loopback and private ranges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Public internet only.
    #[default]
    Public,
    /// The server that the person typed lies in a private range.
    Private,
}

/// Why the loop leaves an account alone until a person does something. Bound to a generation: a later sign-in
/// makes it void by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The stable code of the reason.
    pub code: String,
    /// The generation that it is about.
    pub generation: u64,
    /// Unix seconds.
    pub at: u64,
}

/// Another issuer that the server names now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerChange {
    /// The issuer that this account's tokens came from.
    pub old: String,
    /// The one that the server names now.
    pub new: String,
}

/// One person's sign-in at one server through one issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Random, for ever; names may change.
    pub id: AccountId,
    /// Unique, safe to type and to put in a file name.
    pub name: String,
    /// What the person typed, in canonical form.
    pub server: ServerUrl,
    /// The canonical resource URI (RFC 8707), byte for byte as the metadata has it; none when it breaks at this issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The issuer's metadata at sign-in: where tokens are had and given back. `issuer` is kept byte for byte.
    pub metadata: ServerMetadata,
    /// Where connections may go.
    #[serde(default)]
    pub network: Network,
    /// Our client identity there.
    pub registration: RegistrationId,
    /// Who the issuer says it is, for people (mail address, user name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `sub` of the ID token: tells whether the same person came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What was granted last.
    #[serde(default)]
    pub scope: Vec<String>,
    /// What was asked at sign-in.
    #[serde(default)]
    pub asked_scope: Vec<String>,
    /// Unix seconds of the last sign-in.
    pub signed_in_at: u64,
    /// Needs a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// The server names another issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_change: Option<IssuerChange>,
    /// When the sign-in itself will probably end.
    #[serde(default, skip_serializing_if = "Ending::is_empty")]
    pub ending: Ending,
    /// Entry written, tokens perhaps not yet.
    #[serde(default, skip_serializing_if = "is_settled")]
    pub storing: Storing,
    /// A new sign-in of this account whose tokens are being stored: counts if they are, else it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coming: Option<Box<Coming>>,
}

/// The entry as it will be once the vault has this generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coming {
    /// Of the new token set.
    pub generation: u64,
    /// The new entry.
    pub account: Account,
}

impl Account {
    /// The issuer, byte for byte.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.metadata.issuer.as_str()
    }
}

impl Registration {
    /// The rule for requests about this registration, by the server that it was made for.
    #[must_use]
    pub fn rule(&self, allowed: &[String]) -> ReachRule {
        self.network.rule(&self.server, allowed)
    }

    /// Made by us, still in use, and its issuer lets us delete it (RFC 7592).
    #[must_use]
    pub fn is_ours_to_delete(&self) -> bool {
        let dynamic = self.kind == RegistrationKind::Dynamic;
        dynamic && self.standing == Standing::Current && self.management_uri.is_some()
    }
}

impl Network {
    /// The rule for requests on behalf of a server: `allowed` are the hosts that the person's settings let lie anywhere.
    #[must_use]
    pub fn rule(self, server: &ServerUrl, allowed: &[String]) -> ReachRule {
        let mut rule = ReachRule::new(server);
        if self == Network::Private {
            rule = rule.with_named(mcp_login_oauth::http::Reach::Private);
        }
        allowed.iter().fold(rule, |rule, host| rule.with_host(host))
    }
}

/// How far a sign-in got onto the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storing {
    /// Tokens are in the vault.
    #[default]
    Settled,
    /// The entry came first; whether the tokens followed, the vault knows.
    Begun,
    /// A sign-out has begun: nothing is handed out, and it is carried on with after a restart.
    Leaving,
}

fn is_settled(storing: &Storing) -> bool {
    *storing == Storing::Settled
}

/// The redirect that a registration is for: one each, never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectKind {
    /// The private-use scheme.
    Scheme,
    /// `http://127.0.0.1:<port>/…`.
    Loopback,
    /// `http://localhost:<port>/…`, for issuers that know only that.
    Localhost,
    /// Exactly what the person's pre-registered client names.
    Exact,
}

/// Our client identity at one issuer for one redirect. Its secrets are in the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Random.
    pub id: RegistrationId,
    /// Byte for byte; never used at another.
    pub issuer: String,
    /// The server whose sign-in it was first made for.
    pub server: ServerUrl,
    /// How it came to be.
    pub kind: RegistrationKind,
    /// Which redirect it is for.
    pub redirect: RedirectKind,
    /// The redirect URI that the issuer holds (RFC 7591 §3.2.1: what it answered).
    pub redirect_uri: String,
    /// RFC 6749 §2.2.
    pub client_id: String,
    /// As the issuer answered.
    pub auth_method: AuthMethod,
    /// Unix seconds; none when it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_expires_at: Option<u64>,
    /// RFC 7592 `registration_client_uri`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_uri: Option<String>,
    /// Where connections for it may go.
    #[serde(default)]
    pub network: Network,
    /// Unix seconds.
    pub created_at: u64,
    /// Not to be used again: the issuer forgot it, its secret expired, or its last account is gone.
    #[serde(default, skip_serializing_if = "is_current")]
    pub standing: Standing,
}

/// Whether a registration may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Yes.
    #[default]
    Current,
    /// No: the issuer does not know it any more.
    Forgotten,
    /// No: it is to be deleted at the issuer as soon as that can be reached.
    Leaving,
    /// Not yet: its secrets are being stored. After a crash it is one that leaves.
    Begun,
}

fn is_current(standing: &Standing) -> bool {
    *standing == Standing::Current
}

/// A sign-out that the issuer has yet to confirm: index of what lies in the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRevocation {
    /// The vault's key.
    pub id: RevocationId,
    /// The account's name, for people.
    pub account: String,
    /// The server.
    pub server: String,
    /// The only issuer that it goes to.
    pub issuer: String,
    /// The client identity that it needs; not deleted before.
    pub registration: RegistrationId,
    /// Unix seconds of the sign-out.
    pub since: u64,
    /// Unix seconds; when the access token is worth nothing by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<u64>,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// What the issuer said of the tokens before they were revoked.
    #[serde(default, skip_serializing_if = "SeenActive::is_none")]
    pub seen_active: SeenActive,
}

/// Which tokens their issuer called active (RFC 7662) since the sign-out began. Only of those is a later "inactive" a proof
/// that they have ended: it is also said of tokens that an issuer never knew (RFC 7662 §2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenActive {
    /// The refresh token.
    #[serde(default)]
    pub refresh: bool,
    /// The access token.
    #[serde(default)]
    pub access: bool,
}

impl SeenActive {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// `accounts.json`.
#[derive(Default, Clone, Debug, Serialize, Deserialize)]
pub struct AccountsFile {
    /// In the order of their sign-in.
    pub accounts: Vec<Account>,
}

/// `registrations.json`.
#[derive(Default, Clone, Debug, Serialize, Deserialize)]
pub struct RegistrationsFile {
    /// In the order they came.
    pub registrations: Vec<Registration>,
    /// Which redirect an issuer accepted last, and the port: asked first the next time.
    #[serde(default)]
    pub accepted: Vec<Accepted>,
}

/// A redirect that an issuer accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Byte for byte.
    pub issuer: String,
    /// What it accepted.
    pub redirect: RedirectKind,
    /// For loopback: with this port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// `revocations.json`.
#[derive(Default, Clone, Debug, Serialize, Deserialize)]
pub struct RevocationsFile {
    /// Oldest first.
    pub revocations: Vec<PendingRevocation>,
}

/// Why a name for an account is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, too long, or with characters other than letters, digits, `.`, `-`, `_`.
    #[error(
        "a name has 1 to 64 letters, digits, dots, dashes or underscores, and begins with a letter or digit"
    )]
    Unsafe,
    /// Another account has it.
    #[error("another account has this name")]
    Taken,
}

/// Names go into shells, file names and other programs' configuration: nothing there may need quoting or look like a
/// flag or an address.
///
/// # Errors
/// [`NameError::Unsafe`].
pub fn check_name(name: &str) -> Result<(), NameError> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let rest = bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if first && rest && name.len() <= 64 { Ok(()) } else { Err(NameError::Unsafe) }
}

/// A name from the server's host (`mcp.example.com` → `example`, `127.0.0.1:8000` → `127.0.0.1`), made unique by a number.
#[must_use]
pub fn default_name(server: &str, taken: impl Fn(&str) -> bool) -> String {
    let parsed = url::Url::parse(server).ok();
    let base = match parsed.as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(domain)) => from_domain(domain),
        Some(url::Host::Ipv4(address)) => address.to_string(),
        Some(url::Host::Ipv6(_)) | None => String::from("server"),
    };
    let base = if check_name(&base).is_ok() { base } else { String::from("server") };
    if !taken(&base) {
        return base;
    }
    let stem: String = base.chars().take(56).collect();
    (2_u32..).map(|number| format!("{stem}-{number}")).find(|name| !taken(name)).unwrap_or(base)
}

/// Labels that say what kind of host it is, not whose.
const GENERIC: [&str; 6] = ["www", "mcp", "api", "app", "server", "gateway"];

fn from_domain(domain: &str) -> String {
    let labels: Vec<_> = domain.trim_end_matches('.').split('.').collect();
    let without_top = if labels.len() > 1 { &labels[..labels.len() - 1] } else { &labels[..] };
    let telling = without_top.iter().find(|label| !GENERIC.contains(label));
    telling.or(labels.first()).map_or_else(|| String::from("server"), |label| (*label).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["work", "a", "7", "work.mail-2_x", &"x".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "-work", ".x", "a b", "a/b", "ä", "a\n", "$(x)", "a:b", "https://x", &"x".repeat(65)]
        {
            assert_eq!(check_name(bad), Err(NameError::Unsafe), "{bad}");
        }
    }

    #[test]
    fn default_names() {
        for (server, name) in [
            ("https://mcp.linear.app/mcp", "linear"),
            ("https://example.com/", "example"),
            ("https://api.githubcopilot.com/mcp", "githubcopilot"),
            ("http://localhost:8000/mcp", "localhost"),
            ("http://127.0.0.1:8000/mcp", "127.0.0.1"),
            ("http://[::1]:8000/mcp", "server"),
            ("https://mcp.com/", "mcp"),
            ("nonsense", "server"),
        ] {
            assert_eq!(default_name(server, |_| false), name);
        }
        let taken = |name: &str| ["example", "example-2"].contains(&name);
        assert_eq!(default_name("https://example.com", taken), "example-3");
    }
}
