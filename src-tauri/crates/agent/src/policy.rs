//! `policy.toml`: approvals that a person wrote down beforehand, for machines without a window.
//!
//! Problem: a rule that was mistyped must neither open a door nor vanish without a word. Invariant: the whole file is
//! read or none of it; a mistake names file, line and key; unknown keys are mistakes. A rule allows, nothing denies:
//! what no rule names is refused by default.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::value::Datetime;

/// The file's name in the config directory.
pub const FILE_NAME: &str = "policy.toml";
/// Hundreds of rules; a policy beyond that is a mistake of some other kind.
const MAX_FILE: u64 = 256 * 1024;

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
}

/// One `[[allow]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Who.
    pub program: ProgramPattern,
    /// Which accounts, by name, id or server address.
    pub accounts: Accounts,
    /// Only while the account's scopes are among these.
    pub scopes: Option<Vec<String>>,
    /// Unix seconds; without it the rule has no end.
    pub until: Option<u64>,
}

/// Which program a rule means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramPattern {
    /// `"*"`: any program of this user.
    Any,
    /// This file, as written and with links followed.
    File {
        /// As written.
        written: PathBuf,
        /// With links followed, when it existed as the policy was read.
        real: Option<PathBuf>,
    },
}

/// Which accounts a rule means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// `"*"`.
    All,
    /// These names, ids or server addresses.
    Named(Vec<String>),
}

/// A policy that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file is there and cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}:{line}: {}{what}", path.display(), key.as_ref().map(|k| format!("`{k}`: ")).unwrap_or_default())]
    Mistake {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The key, when there is one on that line.
        key: Option<String>,
        /// What is wrong with it.
        what: String,
    },
    /// Others may change it, so it cannot say who gets a token.
    #[error("{} may be changed by other users", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    allow: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    program: Spanned<String>,
    accounts: Spanned<OneOrMany>,
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    until: Option<Spanned<Datetime>>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a name, a list of names, or \"*\"")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Policy {
    /// Reads the policy of a config directory; a missing file is an empty policy.
    ///
    /// # Errors
    /// [`PolicyError`]; nothing of the file counts then.
    pub fn load(config_dir: &Path) -> Result<Self, PolicyError> {
        let path = config_dir.join(FILE_NAME);
        let unreadable = |source| PolicyError::Unreadable { path: path.clone(), source };
        let meta = match std::fs::metadata(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other.map_err(unreadable)?,
        };
        if meta.len() > MAX_FILE {
            return Err(unreadable(std::io::ErrorKind::FileTooLarge.into()));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let ours = [0, rustix::process::geteuid().as_raw()].contains(&meta.uid());
            if !ours || meta.mode() & 0o022 != 0 {
                return Err(PolicyError::NotPrivate { path });
            }
        }
        Self::parse(&std::fs::read_to_string(&path).map_err(unreadable)?, &path)
    }

    /// Reads a policy's text; `path` is for messages.
    ///
    /// # Errors
    /// [`PolicyError::Mistake`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, PolicyError> {
        let mistake = |at: usize, what: String| {
            let before = &text[..at.min(text.len())];
            let start = before.rfind('\n').map_or(0, |i| i + 1);
            let line = text[start..].lines().next().unwrap_or_default();
            let key = line.split_once('=').map(|(k, _)| k.trim().to_owned());
            PolicyError::Mistake { path: path.to_owned(), line: before.matches('\n').count() + 1, key, what }
        };
        let raw: RawFile = toml::from_str(text).map_err(|e| {
            let what = e.message().lines().collect::<Vec<_>>().join(", ");
            mistake(e.span().map_or(0, |s| s.start), what)
        })?;
        let rules = raw.allow.into_iter().map(|rule| {
            let program_at = rule.program.span().start;
            let program = ProgramPattern::read(&rule.program.into_inner())
                .ok_or_else(|| mistake(program_at, PROGRAM.into()))?;
            let accounts_at = rule.accounts.span().start;
            let accounts = match rule.accounts.into_inner() {
                OneOrMany::One(name) => Accounts::read(&[name], Lone::Yes),
                OneOrMany::Many(names) => Accounts::read(&names, Lone::No),
            };
            let accounts = accounts.ok_or_else(|| mistake(accounts_at, ACCOUNTS.into()))?;
            let until = match rule.until {
                None => None,
                Some(at) => {
                    let start = at.span().start;
                    Some(unix_seconds(at.into_inner()).ok_or_else(|| {
                        mistake(
                            start,
                            "must be a date like 2027-01-31 or a time like 2027-01-31T18:00:00Z".into(),
                        )
                    })?)
                }
            };
            Ok(Rule { program, accounts, scopes: rule.scopes, until })
        });
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }

    /// The same with the rules of the computer's own policy.
    #[must_use]
    pub fn with(mut self, rules: &[Rule]) -> Self {
        self.rules.extend_from_slice(rules);
        self
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether it allows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a rule lets `program` use an account. `names` are the account's id, name and server address.
    #[must_use]
    pub fn allows(&self, program: &Path, names: [&str; 3], scopes: &[String], now: u64) -> bool {
        self.rules.iter().any(|rule| {
            rule.until.is_none_or(|until| now < until)
                && rule.program.matches(program)
                && rule.accounts.matches(names)
                && rule.scopes.as_ref().is_none_or(|allowed| scopes.iter().all(|s| allowed.contains(s)))
        })
    }
}

impl Rule {
    /// A rule without an end, from what was written elsewhere.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(
        program: &str,
        accounts: Vec<String>,
        scopes: Option<Vec<String>>,
    ) -> Result<Self, &'static str> {
        let lone = if accounts.len() == 1 { Lone::Yes } else { Lone::No };
        Ok(Rule {
            program: ProgramPattern::read(program).ok_or(PROGRAM)?,
            accounts: Accounts::read(&accounts, lone).ok_or(ACCOUNTS)?,
            scopes,
            until: None,
        })
    }
}

const PROGRAM: &str = "must be a whole path, or \"*\" for any program";
const ACCOUNTS: &str = "must name accounts, or be \"*\" by itself";

/// Whether a name was written by itself: only then a star means all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lone {
    Yes,
    No,
}

impl ProgramPattern {
    fn read(written: &str) -> Option<Self> {
        match written {
            "*" => Some(ProgramPattern::Any),
            written if Path::new(written).is_absolute() => Some(ProgramPattern::File {
                written: written.into(),
                real: std::fs::canonicalize(written).ok(),
            }),
            _ => None,
        }
    }

    fn matches(&self, program: &Path) -> bool {
        match self {
            ProgramPattern::Any => true,
            ProgramPattern::File { written, real } => {
                same(program, written) || real.as_deref().is_some_and(|real| same(program, real))
            }
        }
    }
}

#[cfg(not(windows))]
fn same(a: &Path, b: &Path) -> bool {
    a == b
}

/// Windows takes `c:\a.exe` and `C:\A.EXE` for one file, and `canonicalize` begins with `\\?\`. Letters beyond ASCII have to
/// be as written or as the disk has them: the disk's own table of their cases is not to be had.
#[cfg(windows)]
fn same(a: &Path, b: &Path) -> bool {
    use std::path::{Component, Prefix};
    let words = |path: &Path| -> Vec<std::ffi::OsString> {
        let word = |component: Component<'_>| match component {
            Component::Prefix(prefix) => match prefix.kind() {
                Prefix::Disk(letter) | Prefix::VerbatimDisk(letter) => {
                    char::from(letter.to_ascii_lowercase()).to_string().into()
                }
                Prefix::UNC(server, share) | Prefix::VerbatimUNC(server, share) => {
                    Path::new(server).join(share).into_os_string().to_ascii_lowercase()
                }
                _ => prefix.as_os_str().to_owned(),
            },
            other => other.as_os_str().to_ascii_lowercase(),
        };
        path.components().map(word).collect()
    };
    words(a) == words(b)
}

impl Accounts {
    fn read(names: &[String], lone: Lone) -> Option<Self> {
        if lone == Lone::Yes && names.len() == 1 && names[0] == "*" {
            return Some(Accounts::All);
        }
        let fits = !names.is_empty() && names.iter().all(|name| !name.trim().is_empty() && name != "*");
        fits.then(|| Accounts::Named(names.to_vec()))
    }

    fn matches(&self, names: [&str; 3]) -> bool {
        match self {
            Accounts::All => true,
            Accounts::Named(list) => list.iter().any(|n| names.contains(&n.as_str())),
        }
    }
}

/// A date ends at its midnight UTC; a time without an offset is UTC. `None` for a time of day without a date, and before 1970.
fn unix_seconds(at: Datetime) -> Option<u64> {
    let date = at.date?;
    let days = days_since_1970(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let seconds = at.time.map_or(0, |t| {
        i64::from(t.hour) * 3600 + i64::from(t.minute) * 60 + i64::from(t.second.unwrap_or(0))
    });
    let offset = match at.offset {
        Some(toml::value::Offset::Custom { minutes }) => i64::from(minutes) * 60,
        Some(toml::value::Offset::Z) | None => 0,
    };
    u64::try_from(days * 86_400 + seconds - offset).ok()
}

/// The proleptic Gregorian calendar, counted from March so that the leap day is a year's last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A path of Unix is no whole one on Windows.
    const ROOT: &str = if cfg!(windows) { "C:/" } else { "/" };

    fn parse(text: &str) -> Result<Policy, PolicyError> {
        let text = text.replace("program = \"/", &format!("program = \"{ROOT}"));
        Policy::parse(&text, Path::new("/c/policy.toml"))
    }

    const NAMES: [&str; 3] = ["a1", "work", "https://mcp.example/mcp"];

    #[test]
    fn rules_allow_what_they_name_and_nothing_else() {
        let policy = parse(
            r#"
            [[allow]]
            program = "/usr/bin/claude"
            accounts = ["work", "https://other.example/mcp"]
            scopes = ["read"]

            [[allow]]
            program = "/opt/codex"
            accounts = "*"
            until = 2027-01-31
            "#,
        )
        .unwrap();
        let may = |program: &str, names, scopes: &[&str], now| {
            policy.allows(
                &Path::new(ROOT).join(program),
                names,
                &scopes.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>(),
                now,
            )
        };
        assert!(may("/usr/bin/claude", NAMES, &["read"], 0));
        assert!(!may("/usr/bin/claude", NAMES, &["read", "write"], 0));
        assert!(!may("/usr/bin/claude", ["a2", "personal", "https://mcp.example/mcp"], &[], 0));
        assert!(!may("/usr/bin/claude2", NAMES, &[], 0));
        assert!(may("/opt/codex", NAMES, &["write"], 1_801_353_599));
        assert!(!may("/opt/codex", NAMES, &["write"], 1_801_353_600));
    }

    #[cfg(windows)]
    #[test]
    fn a_file_is_what_windows_takes_for_one() {
        for (a, b, wanted) in [
            (r"C:\Program Files\Code.exe", r"c:\program files\code.EXE", true),
            (r"C:\a.exe", r"\\?\c:\a.exe", true),
            (r"C:\a.exe", "C:/a.exe", true),
            (r"\\server\share\a.exe", r"\\?\UNC\SERVER\share\a.exe", true),
            (r"C:\a.exe", r"D:\a.exe", false),
            (r"C:\a.exe", r"C:\b\a.exe", false),
            // the sign for kelvin is no k on the disk
            (r"C:\k.exe", "C:\\\u{212a}.exe", false),
        ] {
            assert_eq!(same(Path::new(a), Path::new(b)), wanted, "{a} {b}");
        }
    }

    #[test]
    fn nothing_written_allows_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Policy::load(dir.path()).unwrap().is_empty());
        assert!(!parse("").unwrap().allows(Path::new("/x"), NAMES, &[], 0));
    }

    #[test]
    fn mistakes_name_file_line_and_key() {
        for (text, wanted) in [
            (
                "[[allow]]\nprogram = \"claude\"\naccounts = \"*\"\n",
                "/c/policy.toml:2: `program`: must be a whole path",
            ),
            (
                "[[allow]]\nprogram = \"/x\"\naccounts = []\n",
                "/c/policy.toml:3: `accounts`: must name accounts",
            ),
            ("[[allow]]\nprogram = \"/x\"\naccounts = [\"*\"]\n", "/c/policy.toml:3: `accounts`: must name"),
            ("[[allow]]\nprogram = \"/x\"\naccounts = 3\n", "/c/policy.toml:3: `accounts`: expected a name"),
            (
                "[[allow]]\nprogram = \"/x\"\naccounts = \"*\"\nuntli = 3\n",
                "/c/policy.toml:4: `untli`: unknown field",
            ),
            (
                "[[allow]]\nprogram = \"/x\"\naccounts = \"*\"\nuntil = 12:00:00\n",
                "/c/policy.toml:4: `until`: must be a date",
            ),
            ("[[allow]]\nprogram = \"/x\"\n", "/c/policy.toml:1: missing field `accounts`"),
            ("[[deny]]\n", "/c/policy.toml:1: unknown field `deny`"),
            ("[[allow]\n", "/c/policy.toml:1: "),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{text:?}\n got {error}\nwant {wanted}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_policy_that_others_may_write_does_not_count() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(Policy::load(dir.path()), Err(PolicyError::NotPrivate { .. })));
    }

    #[test]
    fn times() {
        let at = |text: &str| unix_seconds(text.parse().unwrap());
        assert_eq!(at("1970-01-01"), Some(0));
        assert_eq!(at("2000-02-29T12:00:00Z"), Some(951_825_600));
        assert_eq!(at("2026-11-21T02:00:00+02:00"), Some(1_795_219_200));
        assert_eq!(at("1969-12-31"), None);
        assert_eq!(at("12:00:00"), None);
    }
}
