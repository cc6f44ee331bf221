//! The agent itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::update::Update;

/// `hello` parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// What the client calls itself; shown nowhere as a fact.
    pub client: String,
    /// Its version.
    pub version: String,
    /// The local API's version that it speaks.
    pub protocol: u32,
}

/// `hello` result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The agent's version.
    pub version: String,
    /// The local API's version that it speaks.
    pub protocol: u32,
    /// Its process id.
    pub pid: u32,
    /// `release` or `debug`.
    pub build: String,
    /// Changes with every start of the agent: what was learned from another instance may be stale.
    pub instance: String,
}

/// What the keychain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VaultKind {
    /// The OS keychain.
    Keychain,
    /// Memory, by explicit choice: everything is gone when the agent ends.
    Memory,
}

/// Whether it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VaultState {
    /// It does.
    Ready,
    /// It waits for a person to unlock it.
    Locked,
    /// It does not; see `code`.
    Unavailable,
    /// Not asked yet.
    Unknown,
}

/// The keychain, as the agent last saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultView {
    /// What it is.
    pub kind: VaultKind,
    /// Whether it works.
    pub state: VaultState,
    /// The code of the trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// How a program that nobody approved yet is dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalsMode {
    /// The consent window asks.
    Window,
    /// Our own command may answer from a terminal (`approvals = "terminal"`).
    Terminal,
    /// Only the policy file says yes.
    Policy,
}

/// Whether the agent knows where to open a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Display {
    /// It was started with a display, or was told one by `session.announce`.
    Known,
    /// It does not.
    Unknown,
}

/// Whether the consent window's program lies beside the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentWindow {
    /// It does.
    There,
    /// It does not, or is no regular file: then only the policy file says yes, or our own command from a terminal.
    Missing,
}

/// Who opens our custom scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemeState {
    /// The desktop app that was installed with this agent.
    Ours,
    /// Another program has it.
    Foreign,
    /// Nobody.
    None,
}

/// Who opens our custom scheme, as the system says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemeView {
    /// Who.
    pub state: SchemeState,
    /// The program, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
}

/// Where things lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathsView {
    /// Settings, for people to edit.
    pub config: String,
    /// Accounts, registrations, approvals, audit log.
    pub data: String,
    /// The socket or pipe.
    pub socket: String,
    /// The log file, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// What the administrator of this computer set; it goes over the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedView {
    /// Where it was read.
    pub place: String,
    /// What is set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// What is wrong with it: nobody signs in until it is mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mistake: Option<String>,
}

/// `agent.status` result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// The agent's version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When it began to serve.
    pub started_at: u64,
    /// The keychain.
    pub vault: VaultView,
    /// How many accounts are in which state, by the state's name on the wire.
    pub accounts: BTreeMap<String, u32>,
    /// Revocations that wait to be tried again.
    pub revocations_queued: u32,
    /// How a program that nobody approved yet is dealt with.
    pub approvals: ApprovalsMode,
    /// What the administrator of this computer set; none when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedView>,
    /// What is wrong with the policy file, which counts as empty until it is mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_mistake: Option<String>,
    /// Where things lie.
    pub paths: PathsView,
    /// Rotation and hand-out are paused.
    pub paused: bool,
    /// Links of MCP clients that are open; nothing from an agent that knows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<u32>,
    /// Whether a window can be opened.
    pub display: Display,
    /// Whether there is one to open.
    pub consent_window: ConsentWindow,
    /// Who opens our custom scheme.
    pub scheme: SchemeView,
    /// What is known of newer versions; none when nobody has looked, or nobody may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
}

/// What a session's programs find their display, bus and language by: the names that `session.announce` takes.
pub const SESSION_VARIABLES: [&str; 10] = [
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_CURRENT_DESKTOP",
    "XDG_SESSION_TYPE",
    "LANG",
    "LC_ALL",
    "GDK_BACKEND",
];

/// `session.announce` parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announce {
    /// Names and values of the session's variables, of those that a window needs; others are refused.
    pub environment: BTreeMap<String, String>,
}

/// `agent.pause` parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Whether to pause or to go on.
    pub paused: bool,
}
