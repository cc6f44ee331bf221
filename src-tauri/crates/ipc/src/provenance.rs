//! Who is calling, from what the system says, taken once at accept.
//!
//! Problem: the caller is `mcp-login`, or a shell, or `node`: what a person can decide about is the program that
//! started it. A process id alone can be taken over by another process, and a process can become another program.
//! Invariants: a caller that is gone, belongs to another user, or cannot be looked at is refused; what was learned is
//! used again only while the same processes live and run the same files. This serves consent, scoping and the record:
//! it is no wall against other programs of the same user, which can inject into an approved one.

use std::path::{Path, PathBuf};

use crate::api;
use crate::identity;

#[cfg(windows)]
mod authenticode;
#[cfg(target_os = "macos")]
mod code_signature;
mod kind;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub use linux::Looker;
#[cfg(target_os = "macos")]
pub use macos::Looker;
#[cfg(windows)]
pub use windows::Looker;

pub use api::Strength;

/// How far up we look. A desktop's chains have 3 to 8 links.
const MAX_CHAIN: usize = 16;

/// What kind of program a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Ours: passes the question on to who started it.
    Ours,
    /// A shell, or a program that only runs others.
    Shell,
    /// Runs scripts.
    Interpreter,
    /// The session itself (init, systemd, sshd, the desktop's shell): starts everything, so it means nothing.
    Session,
    /// Everything else.
    Program,
}

impl From<Kind> for api::Role {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Ours => api::Role::Ours,
            Kind::Shell => api::Role::Shell,
            Kind::Interpreter => api::Role::Interpreter,
            Kind::Session => api::Role::Session,
            Kind::Program => api::Role::Program,
        }
    }
}

/// What tells one file from another of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// Device, or volume.
    pub device: u64,
    /// Inode, or file index.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Last change, nanoseconds since 1970.
    pub modified: u64,
    /// Whether the system's owner (root, TrustedInstaller, Administrators) owns it: then who could change it could
    /// change anything.
    pub owner: FileOwner,
}

/// Who owns a program's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileOwner {
    /// The system.
    System,
    /// A person.
    Person,
}

impl FileIdentity {
    /// Of the file that lies at `path` now.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            std::fs::metadata(path).map(|meta| Self::from_metadata(&meta))
        }
        #[cfg(windows)]
        {
            windows::file_identity(path)
        }
    }

    #[cfg(unix)]
    fn from_metadata(meta: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime() as u64)
                .wrapping_mul(1_000_000_000)
                .wrapping_add(meta.mtime_nsec() as u64),
            // One that others may write has no owner who vouches for it.
            owner: if meta.uid() == 0 && meta.mode() & 0o022 == 0 {
                FileOwner::System
            } else {
                FileOwner::Person
            },
        }
    }
}

/// One process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it started, in the system's own unit: with `pid` it names the process for as long as the system runs.
    pub started: u64,
    /// The executable.
    pub program: PathBuf,
    /// That file, as it was when the process was looked at.
    pub file: FileIdentity,
    /// Its file name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The script that an interpreter or shell runs.
    pub script: Option<PathBuf>,
}

/// Whether the process with this id and start time still runs.
#[must_use]
pub fn lives(pid: u32, started: u64) -> bool {
    #[cfg(target_os = "linux")]
    use linux::runs_since;
    #[cfg(target_os = "macos")]
    use macos::runs_since;
    #[cfg(windows)]
    use windows::runs_since;
    runs_since(pid).is_ok_and(|since| since == started)
}

/// Who signed a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// For people.
    pub signer: api::Signer,
    /// What stays the same when the same verified signer signs another file; none when nothing was verified.
    pub signature: Option<String>,
}

impl Signed {
    #[cfg(any(target_os = "macos", windows))]
    fn without_name(trust: api::Trust) -> Self {
        Self { signer: api::Signer { name: None, trust }, signature: None }
    }
}

impl Process {
    /// Whether it still runs, and runs the same file.
    #[must_use]
    pub fn is_still_there(&self) -> bool {
        #[cfg(target_os = "linux")]
        use linux::file_of;
        #[cfg(target_os = "macos")]
        use macos::file_of;
        #[cfg(windows)]
        use windows::file_of;
        file_of(self.pid).is_ok_and(|file| file == self.file) && lives(self.pid, self.started)
    }

    /// As it goes over the wire when it is a subject.
    #[must_use]
    pub fn to_subject(&self) -> api::Subject {
        api::Subject {
            program: self.program.to_string_lossy().into_owned(),
            name: self.name.clone(),
            kind: match self.kind {
                Kind::Shell => api::SubjectKind::BareShell,
                Kind::Interpreter => api::SubjectKind::BareInterpreter,
                Kind::Ours | Kind::Session | Kind::Program => api::SubjectKind::Program,
            },
            script: self.script.as_ref().map(|script| script.to_string_lossy().into_owned()),
            signer: None,
        }
    }
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The caller first, then its ancestors, up to the subject or the last that could be looked at. Never empty.
    chain: Vec<Process>,
    /// How sure that is.
    strength: Strength,
    /// Whom approvals are for: a place in `chain`.
    subject: usize,
    /// The caller, as the kernel names it for code signing.
    #[cfg(target_os = "macos")]
    token: Option<macos::AuditToken>,
}

impl Provenance {
    /// From a chain that begins with the caller; `None` when it is empty.
    #[must_use]
    pub fn new(mut chain: Vec<Process>, strength: Strength) -> Option<Self> {
        let subject = match chain.iter().position(|process| process.kind == Kind::Program) {
            Some(program) => program,
            // the outermost that was skipped; rather what others wrote than ourselves, and the session only if it calls
            None => {
                let outermost =
                    |kinds: &[Kind]| chain.iter().rposition(|process| kinds.contains(&process.kind));
                outermost(&[Kind::Shell, Kind::Interpreter]).or_else(|| outermost(&[Kind::Ours])).unwrap_or(0)
            }
        };
        if chain.is_empty() {
            return None;
        }
        chain.truncate(
            chain.iter().position(|process| process.kind == Kind::Program).map_or(chain.len(), |at| at + 1),
        );
        Some(Self {
            chain,
            strength,
            subject,
            #[cfg(target_os = "macos")]
            token: None,
        })
    }

    /// With the caller's token.
    #[cfg(target_os = "macos")]
    fn named_by(self, token: macos::AuditToken) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Who signed what the subject runs; nothing where the system does not say. May take a while (it reads the whole file):
    /// for questions to a person, not for every caller.
    #[must_use]
    pub fn signed(&self) -> Option<Signed> {
        #[cfg(target_os = "linux")]
        {
            None
        }
        #[cfg(target_os = "macos")]
        {
            let subject = self.subject();
            match self.token.filter(|_| self.subject == 0) {
                // It names this very process, and no other that has the number by now.
                Some(token) => code_signature::of_token(token),
                // An ancestor is known by its number only.
                None => {
                    code_signature::of_process(subject.pid).filter(|_| lives(subject.pid, subject.started))
                }
            }
        }
        #[cfg(windows)]
        {
            let subject = self.subject();
            authenticode::of_file(&subject.program).filter(|_| lives(subject.pid, subject.started))
        }
    }

    /// Whom approvals are for: the first ancestor that is not ours, not a shell, not an interpreter. When there is none
    /// up to the session, the outermost that was skipped; its kind says so.
    #[must_use]
    pub fn subject(&self) -> &Process {
        &self.chain[self.subject]
    }

    /// Who is at the other end of the connection.
    #[must_use]
    pub fn caller(&self) -> &Process {
        &self.chain[0]
    }

    /// The caller first, then its ancestors.
    #[must_use]
    pub fn chain(&self) -> &[Process] {
        &self.chain
    }

    /// Whether caller and subject still run what they ran. For who has waited for a person: what is at the other end of the
    /// connection by then may be somebody who inherited it.
    #[must_use]
    pub fn is_still_there(&self) -> bool {
        self.caller().is_still_there() && self.subject().is_still_there()
    }

    /// How sure it is.
    #[must_use]
    pub fn strength(&self) -> Strength {
        self.strength
    }

    /// Whether the caller itself is our command (`mcp-login`) from beside the agent.
    #[must_use]
    pub fn is_our_command(&self) -> bool {
        self.is_ours(identity::COMMAND_NAME)
    }

    /// Whether the caller itself is our desktop app from beside the agent.
    #[must_use]
    pub fn is_our_desktop(&self) -> bool {
        self.is_ours(identity::DESKTOP_NAME)
    }

    fn is_ours(&self, name: &str) -> bool {
        let stem = Path::new(&self.caller().name).file_stem().and_then(|stem| stem.to_str());
        self.caller().kind == Kind::Ours && stem == Some(name)
    }

    /// As it goes over the wire and into the record.
    #[must_use]
    pub fn to_caller(&self) -> api::Caller {
        api::Caller {
            subject: Some(self.subject().to_subject()),
            chain: self
                .chain
                .iter()
                .map(|process| api::CallerProcess {
                    pid: process.pid,
                    program: Some(process.program.to_string_lossy().into_owned()),
                    name: process.name.clone(),
                    role: Some(process.kind.into()),
                    signer: None,
                })
                .collect(),
            strength: self.strength,
        }
    }
}

/// Why a caller is refused.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// It runs as somebody else.
    #[error("the caller is another user")]
    OtherUser,
    /// It ended before it was looked at, or lies in another process namespace.
    #[error("the caller cannot be seen")]
    Gone,
    /// The system does not let us look at it.
    #[error("the caller cannot be looked at")]
    Hidden(#[source] std::io::Error),
    /// The system does not say who it is.
    #[error("the system does not say who is calling")]
    Unknown(#[source] std::io::Error),
}

/// The programs that count as ours: those beside the running one.
#[derive(Clone, Debug, Default)]
struct Ours(Vec<PathBuf>);

impl Ours {
    fn beside(own: &Path) -> Self {
        // the link's target too: an installation may reach its programs through links
        let real = std::fs::canonicalize(own).ok().map(plain);
        let directories = [Some(own.to_owned()), real];
        Self(
            directories
                .into_iter()
                .flatten()
                .flat_map(|own| {
                    [identity::COMMAND_NAME, identity::AGENT_NAME, identity::DESKTOP_NAME]
                        .map(|name| own.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
                })
                .collect(),
        )
    }

    fn kind(&self, program: &Path) -> Kind {
        // Windows takes paths in any case
        let same = |ours: &Path| {
            ours == program || cfg!(windows) && ours.as_os_str().eq_ignore_ascii_case(program.as_os_str())
        };
        if self.0.iter().any(|ours| same(ours)) { Kind::Ours } else { kind::of(program) }
    }
}

/// Whether a decision can be about this program: whatever runs in a shell or an interpreter is another one, and ours pass
/// the question on.
#[must_use]
pub fn can_be_decided_about(program: &Path) -> bool {
    let stem = program.file_stem().and_then(|stem| stem.to_str());
    let ours = [identity::COMMAND_NAME, identity::AGENT_NAME, identity::DESKTOP_NAME];
    kind::of(program) == Kind::Program && !stem.is_some_and(|stem| ours.contains(&stem))
}

/// Without the prefix that Windows puts before a path that it has resolved.
#[must_use]
pub fn plain(path: PathBuf) -> PathBuf {
    match path.to_str().and_then(|text| text.strip_prefix(r"\\?\")) {
        Some(rest) if cfg!(windows) => PathBuf::from(rest),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(name: &str, kind: Kind) -> Process {
        let file = FileIdentity { device: 0, inode: 0, size: 0, modified: 0, owner: FileOwner::System };
        Process { pid: 2, started: 1, program: name.into(), file, name: name.into(), kind, script: None }
    }

    fn subject(chain: &[(&str, Kind)]) -> (String, api::SubjectKind) {
        let chain = chain.iter().map(|(name, kind)| process(name, *kind)).collect();
        let found = Provenance::new(chain, Strength::Pinned).map(|p| p.subject().to_subject());
        found.map_or_else(|| panic!("no chain"), |subject| (subject.name, subject.kind))
    }

    #[test]
    fn shells_interpreters_and_we_are_not_decided_about() {
        for (program, can) in [("/opt/cursor/cursor", true), ("/bin/bash", false), ("/usr/bin/node", false)] {
            assert_eq!(can_be_decided_about(Path::new(program)), can, "{program}");
        }
        assert!(!can_be_decided_about(Path::new("/opt/mcp-login")));
    }

    #[test]
    fn the_subject_is_the_first_that_can_be_decided_about() {
        use api::SubjectKind::{BareInterpreter, BareShell, Program};
        let (ours, sh, node) = (("mcp-login", Kind::Ours), ("sh", Kind::Shell), ("node", Kind::Interpreter));
        let (code, systemd) = (("code", Kind::Program), ("systemd", Kind::Session));
        assert_eq!(subject(&[ours, sh, node, code, ("x", Kind::Program)]), ("code".into(), Program));
        assert_eq!(subject(&[code]), ("code".into(), Program));
        assert_eq!(subject(&[ours, node, sh, systemd]), ("sh".into(), BareShell));
        assert_eq!(subject(&[node, systemd]), ("node".into(), BareInterpreter));
        assert_eq!(subject(&[ours]), ("mcp-login".into(), Program));
        assert_eq!(subject(&[ours, systemd]), ("mcp-login".into(), Program));
        assert_eq!(subject(&[systemd]), ("systemd".into(), Program));
        assert!(Provenance::new(Vec::new(), Strength::Pinned).is_none());
    }
}
