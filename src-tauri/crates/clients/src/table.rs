//! The table of clients. A client is data (`clients.toml`); nothing here knows one by name.

use crate::entry::Via;
use crate::error::TableError;
use crate::tree::Tree;
use serde::Deserialize;
use std::sync::OnceLock;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON, and the client reads nothing else.
    Json,
    /// JSON in which comments and trailing commas may stand.
    Jsonc,
    /// TOML.
    Toml,
}

/// The system that a client runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// macOS.
    Mac,
    /// Windows.
    Windows,
    /// Linux, and whatever else follows its customs.
    Linux,
}

impl Host {
    /// The one that this program was built for.
    pub const HERE: Host = if cfg!(target_os = "macos") {
        Host::Mac
    } else if cfg!(windows) {
        Host::Windows
    } else {
        Host::Linux
    };
}

/// Paths, for every system or for one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Paths {
    #[serde(default)]
    all: Vec<String>,
    #[serde(default)]
    macos: Vec<String>,
    #[serde(default)]
    windows: Vec<String>,
    #[serde(default)]
    linux: Vec<String>,
}

impl Paths {
    fn on(&self, host: Host) -> impl Iterator<Item = &str> {
        let own = match host {
            Host::Mac => &self.macos,
            Host::Windows => &self.windows,
            Host::Linux => &self.linux,
        };
        self.all.iter().chain(own).map(String::as_str)
    }
}

/// What says that a client is installed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    dirs: Paths,
    /// Programs on `PATH`, without `.exe`.
    pub programs: Vec<String>,
}

/// A way that a client offers only from some version on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The program that says its version when it is started with `--version`.
    pub program: String,
    /// The first version that offers it.
    pub least: String,
}

impl Gate {
    /// Whether what the program said names this version or a later one.
    #[must_use]
    pub fn lets(&self, said: &str) -> bool {
        let numbers = |text: &str| -> Option<Vec<u64>> {
            let word =
                text.split_whitespace().find(|w| w.contains('.') && w.as_bytes()[0].is_ascii_digit())?;
            let core = word.split(['-', '+']).next()?;
            core.split('.').map(|n| n.parse().ok()).collect()
        };
        numbers(said).zip(numbers(&self.least)).is_some_and(|(is, least)| is >= least)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gates {
    headers: Option<Gate>,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its name on the command line.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Where this was read.
    pub source: String,
    /// When.
    pub seen: String,
    /// How its files are written.
    pub format: Format,
    /// The keys that lead to the entries.
    pub keys: Vec<String>,
    files: Paths,
    /// The file in a project's directory, if it reads one.
    pub project: Option<String>,
    /// What says that it is installed.
    pub look: Look,
    /// What is left to do for a person.
    pub after: String,
    proxy: Tree,
    headers: Option<Tree>,
    door: Option<Tree>,
    #[serde(default)]
    gate: Gates,
}

impl Client {
    /// The candidates for its own file, the best first. `var` gives a variable of the environment, `HOME` included.
    pub fn files(&self, host: Host, var: impl Fn(&str) -> Option<String>) -> Vec<String> {
        expand(self.files.on(host), host, &var)
    }

    /// Directories that say that it is installed.
    pub fn dirs(&self, host: Host, var: impl Fn(&str) -> Option<String>) -> Vec<String> {
        self.look.dirs.on(host).filter_map(|path| filled(path, host, &var)).map(|(path, _)| path).collect()
    }

    /// The ways that it can be connected, the preferred first.
    #[must_use]
    pub fn ways(&self) -> Vec<Via> {
        [Via::Proxy, Via::Headers, Via::Door].into_iter().filter(|via| self.form(*via).is_some()).collect()
    }

    /// The form of an entry.
    pub(crate) fn form(&self, via: Via) -> Option<&Tree> {
        match via {
            Via::Proxy => Some(&self.proxy),
            Via::Headers => self.headers.as_ref(),
            Via::Door => self.door.as_ref(),
        }
    }

    /// The version from which on it can be connected this way.
    #[must_use]
    pub fn gate(&self, via: Via) -> Option<&Gate> {
        match via {
            Via::Headers => self.gate.headers.as_ref(),
            Via::Proxy | Via::Door => None,
        }
    }
}

/// Those with a variable that is set go before those without: who sets one means it.
fn expand<'a>(
    paths: impl Iterator<Item = &'a str>,
    host: Host,
    var: &impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let filled: Vec<(String, bool)> = paths.filter_map(|path| filled(path, host, var)).collect();
    let named = filled.iter().any(|(_, named)| *named);
    filled.into_iter().filter(|(_, own)| *own == named).map(|(path, _)| path).collect()
}

/// The path with its beginning filled in, and whether a variable other than the home directory did it.
fn filled(path: &str, host: Host, var: &impl Fn(&str) -> Option<String>) -> Option<(String, bool)> {
    let value = |name: &str| var(name).filter(|value| !value.is_empty());
    let join = |start: String, rest: &str| {
        let path =
            if rest.is_empty() { start } else { format!("{}/{rest}", start.trim_end_matches(['/', '\\'])) };
        if host == Host::Windows { path.replace('/', "\\") } else { path }
    };
    if let Some(rest) = path.strip_prefix("~/") {
        return Some((join(value("HOME")?, rest), false));
    }
    if let Some(rest) = path.strip_prefix('$') {
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        return Some((join(value(name)?, rest), true));
    }
    Some((join(path.to_owned(), ""), false))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    client: Vec<Client>,
}

/// All clients, in the order in which they are offered.
///
/// # Errors
/// A mistake in the table; a test holds that there is none.
pub fn table() -> Result<&'static [Client], TableError> {
    static TABLE: OnceLock<Result<Vec<Client>, TableError>> = OnceLock::new();
    let read = || {
        let file: Result<File, _> = toml_edit::de::from_str(include_str!("clients.toml"));
        file.map(|file| file.client).map_err(|e| TableError(e.to_string()))
    };
    TABLE.get_or_init(read).as_deref().map_err(Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: &str) -> Client {
        let found = table().ok().and_then(|t| t.iter().find(|c| c.id == id));
        found.cloned().unwrap_or_else(|| panic!("no {id}"))
    }

    fn vars(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    }

    #[test]
    fn the_table_has_no_mistake() {
        let table = table().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(table.len(), 18);
        for client in table {
            for host in [Host::Mac, Host::Windows, Host::Linux] {
                let all = vars(&[("HOME", "/home/ada"), ("APPDATA", "C:\\Users\\ada\\AppData\\Roaming")]);
                assert!(!client.files(host, &all).is_empty(), "{} has no file on {host:?}", client.id);
                assert!(!client.dirs(host, &all).is_empty(), "{} is not looked for on {host:?}", client.id);
            }
            assert!(client.source.len() > 8 && client.seen.starts_with("2026-"), "{}", client.id);
            assert!(client.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", client.id);
        }
    }

    #[test]
    fn who_sets_a_variable_means_it() {
        let home = ("HOME", "/home/ada");
        let of = |c: &str, pairs| client(c).files(Host::Linux, vars(pairs));
        assert_eq!(of("codex", &[("HOME", "/home/ada")]), ["/home/ada/.codex/config.toml"]);
        assert_eq!(of("codex", &[("HOME", "/home/ada"), ("CODEX_HOME", "/c/")]), ["/c/config.toml"]);
        assert_eq!(of("claude-code", &[("CLAUDE_CONFIG_DIR", "/k"), ("HOME", "/h")]), ["/k/.claude.json"]);
        assert_eq!(of("cline", &[("CLINE_MCP_SETTINGS_PATH", "/x.json")]), ["/x.json"]);
        assert_eq!(
            of("zed", &[("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "")]),
            [format!("{}/.config/zed/settings.json", home.1)]
        );
        assert_eq!(of("codex", &[]), [""; 0]);
        let windows = client("claude-desktop")
            .files(Host::Windows, vars(&[("APPDATA", r"C:\Users\ada\AppData\Roaming")]));
        assert_eq!(windows, [r"C:\Users\ada\AppData\Roaming\Claude\claude_desktop_config.json"]);
    }

    #[test]
    fn versions_are_numbers() {
        let gate = Gate { program: "codex".into(), least: "0.154.0".into() };
        for (said, lets) in [
            ("codex-cli 0.169.0", true),
            ("codex-cli 0.154.0\n", true),
            ("codex-cli 0.154.0-alpha.1", true),
            ("codex-cli 0.99.1", false),
            ("1.0.0", true),
            ("", false),
            ("error", false),
        ] {
            assert_eq!(gate.lets(said), lets, "{said}");
        }
    }
}
