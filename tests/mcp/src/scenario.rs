//! What the suite tells the client that it starts: the scenario's name, the revision, and for some what a person would
//! know beforehand, in the environment; the server's address as the last argument.

use serde::Deserialize;

use crate::Era;

/// One start of the client under test.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Such as `auth/metadata-default`.
    pub name: String,
    /// What the client is to speak.
    pub era: Era,
    /// The revision, such as `2025-11-25`.
    pub revision: String,
    /// A client that was registered beforehand.
    pub client: Option<Preregistered>,
    /// What is to be called, where the scenario wants certain arguments.
    pub calls: Vec<ToolCall>,
    /// The server.
    pub url: String,
}

/// A call that a scenario wants to see.
#[derive(Debug, Clone, Deserialize)]
pub struct ToolCall {
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub arguments: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    #[serde(default)]
    tool_calls: Vec<ToolCall>,
}

/// A client that was registered beforehand.
#[derive(Debug, Clone, Deserialize)]
pub struct Preregistered {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Where it is registered.
    pub issuer: String,
}

impl Scenario {
    /// As the suite said.
    ///
    /// # Panics
    /// When the suite did not start this program.
    #[must_use]
    pub fn from_environment() -> Scenario {
        let said = |name: &str| std::env::var(name).ok();
        let revision = said("MCP_CONFORMANCE_PROTOCOL_VERSION").expect("the suite names the revision");
        let context = said("MCP_CONFORMANCE_CONTEXT").unwrap_or_else(|| "{}".to_owned());
        let wanted: Context = serde_json::from_str(&context).unwrap_or_default();
        Scenario {
            name: said("MCP_CONFORMANCE_SCENARIO").expect("the suite names the scenario"),
            era: Era::of(&revision),
            revision,
            // Contexts of other kinds belong to scenarios that are not run.
            client: serde_json::from_str(&context).ok(),
            calls: wanted.tool_calls,
            url: std::env::args().next_back().expect("the suite names the server"),
        }
    }
}
