//! What an administrator set for this computer: one schema, read from where each system keeps such things.
//!
//! | system | where |
//! |---|---|
//! | Linux | `/etc/mcp-login/policy.toml` |
//! | macOS | `/Library/Managed Preferences/io.github.mcp-login.plist`, the user's own directory there first |
//! | Windows | `HKLM\Software\Policies\mcp-login` |
//!
//! Problem: a rule of the house that was mistyped must neither open a door nor vanish without a word, and a person's settings
//! must not get around it. Invariant: it is read whole or not at all; with a mistake in it nobody signs in until it is
//! mended; where it says something, it counts and the settings do not.

mod schema;
mod tree;

#[cfg(any(target_os = "macos", test))]
mod plist;
#[cfg(any(windows, test))]
mod registry;
#[cfg(windows)]
mod windows;

use crate::config::{Config, RedirectChoice};
use crate::policy::Rule;
use mcp_login_oauth::registration::Preregistered;
use mcp_login_oauth::{Issuer, ServerUrl};
use std::path::PathBuf;
use std::sync::Arc;
pub use tree::Tree;

/// Where a policy may lie.
#[derive(Clone, Debug)]
pub enum Source {
    /// Said by whoever starts us.
    Said(Box<Managed>),
    /// A TOML file that only the administrator may change.
    File(PathBuf),
    /// The system's own place.
    System,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {key}: {what}")]
pub struct Mistake {
    /// File or registry key.
    pub place: String,
    /// Dotted.
    pub key: String,
    /// What is there and what is expected.
    pub what: String,
}

/// Whether something that an administrator can turn off is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// Nothing is said.
    #[default]
    Unsaid,
    /// It is off, whatever the settings say.
    Off,
}

/// What is set. Nothing, where nothing is.
#[derive(Clone, Debug, Default)]
pub struct Managed {
    /// Where it was read.
    pub place: Option<String>,
    /// The keys that are set, as written.
    pub keys: Vec<String>,
    /// `allowed_servers`: these servers and what lies below them; all when not said.
    pub servers: Option<Vec<ServerUrl>>,
    /// `allowed_issuers`, byte for byte; all when not said.
    pub issuers: Option<Vec<Issuer>>,
    /// `clients`: instead of what a person named for the same issuer.
    pub clients: Vec<Preregistered>,
    /// `redirect`
    pub redirect: Option<RedirectChoice>,
    /// `allow`: approvals that nobody is asked for.
    pub allow: Vec<Rule>,
    /// `http_door`
    pub http_door: Switch,
    /// `updates`
    pub updates: Switch,
    /// Why nobody signs in.
    pub mistake: Option<Arc<Mistake>>,
}

/// Why a sign-in is not begun here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// Not among the allowed ones.
    #[error("{server} is not among the servers that are allowed on this computer")]
    Server {
        /// Which.
        server: String,
    },
    /// Not among the allowed ones.
    #[error("{issuer} is not among the authorization servers that are allowed on this computer")]
    Issuer {
        /// Which.
        issuer: String,
    },
    /// Switched off.
    #[error("the HTTP door is switched off on this computer")]
    Door,
    /// Switched off.
    #[error("looking for new versions is switched off on this computer")]
    Updates,
    /// Nobody knows what is allowed.
    #[error("the policy of this computer cannot be read: {0}")]
    Broken(Arc<Mistake>),
}

impl Managed {
    /// Reads what is there now. Never fails: a mistake is a policy that allows nobody to sign in.
    #[must_use]
    pub fn read(source: &Source) -> Self {
        match Self::look(source) {
            Ok(managed) => managed,
            Err(mistake) => {
                tracing::error!(%mistake, "the policy of this computer cannot be read: nobody signs in");
                Self {
                    place: Some(mistake.place.clone()),
                    mistake: Some(Arc::new(mistake)),
                    ..Self::default()
                }
            }
        }
    }

    fn look(source: &Source) -> Result<Self, Mistake> {
        let found = match source {
            Source::Said(managed) => return Ok((**managed).clone()),
            Source::File(path) => tree::file(path)?,
            Source::System => system()?,
        };
        found.map_or(Ok(Self::default()), |(place, tree)| schema::read(&place, &tree))
    }

    /// Whether somebody may sign in to this server.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn allows_server(&self, server: &ServerUrl) -> Result<(), Forbidden> {
        if let Some(mistake) = &self.mistake {
            return Err(Forbidden::Broken(mistake.clone()));
        }
        let covers = |allowed: &ServerUrl| {
            let (allowed, asked) = (allowed.url(), server.url());
            let rest = asked.path().strip_prefix(allowed.path().trim_end_matches('/'));
            allowed.origin() == asked.origin()
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match &self.servers {
            Some(allowed) if !allowed.iter().any(covers) => {
                Err(Forbidden::Server { server: server.as_str().to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Whether somebody may sign in at this issuer.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn allows_issuer(&self, issuer: &Issuer) -> Result<(), Forbidden> {
        match &self.issuers {
            Some(allowed) if !allowed.contains(issuer) => {
                Err(Forbidden::Issuer { issuer: issuer.as_str().to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Whether the HTTP door may be open.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn allows_door(&self) -> Result<(), Forbidden> {
        self.unless_off(self.http_door, Forbidden::Door)
    }

    /// Whether it may be asked which version is the newest.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn allows_updates(&self) -> Result<(), Forbidden> {
        self.unless_off(self.updates, Forbidden::Updates)
    }

    fn unless_off(&self, switch: Switch, why: Forbidden) -> Result<(), Forbidden> {
        match (&self.mistake, switch) {
            (Some(mistake), _) => Err(Forbidden::Broken(mistake.clone())),
            (None, Switch::Off) => Err(why),
            (None, Switch::Unsaid) => Ok(()),
        }
    }

    /// The settings with what is set here in their place.
    #[must_use]
    pub fn over(self, mut config: Config) -> Config {
        if let Some(redirect) = self.redirect {
            config.redirect = redirect;
        }
        for client in &self.clients {
            if let Some(issuer) = &client.issuer {
                config.clients.insert(issuer.as_str().to_owned(), client.clone());
            }
        }
        config.managed = self;
        config
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn system() -> Result<Option<(String, Tree)>, Mistake> {
    let dir = std::path::Path::new("/etc").join(mcp_login_ipc::identity::DIRECTORY_NAME);
    tree::file(&dir.join(crate::policy::FILE_NAME))
}

#[cfg(target_os = "macos")]
fn system() -> Result<Option<(String, Tree)>, Mistake> {
    plist::system()
}

#[cfg(windows)]
fn system() -> Result<Option<(String, Tree)>, Mistake> {
    windows::system()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
