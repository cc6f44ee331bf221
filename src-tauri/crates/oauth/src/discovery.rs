//! From an MCP server's address to its issuer and the issuer's metadata.
use crate::challenge::Challenge;
use crate::error::Error;
use crate::http::{Http, ReachRule};
use crate::pins::Pins;
use crate::profile::{Profile, Profiles};
use crate::resource_metadata::ResourceMetadata;
use crate::server_metadata::ServerMetadata;
use crate::values::{Issuer, ResourceUri, ServerUrl};

/// What to find out.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The server.
    pub server: &'a ServerUrl,
    /// A challenge that the server already gave; without one the server is asked.
    pub challenge: Option<&'a Challenge>,
    /// Which issuer to take when the server names several: the one that an account is already with.
    pub prefer: Option<&'a Issuer>,
    /// What the person pinned.
    pub pins: &'a Pins,
    /// Known providers.
    pub profiles: &'a Profiles,
    /// Where requests may go.
    pub reach: &'a ReachRule,
}

/// How the issuer was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Named by protected resource metadata (RFC 9728).
    ResourceMetadata,
    /// Metadata at the server's own origin (MCP 2025-03-26).
    ServerOrigin,
    /// Default endpoints at the server's own origin (MCP 2025-03-26).
    DefaultEndpoints,
    /// Pinned by the person.
    Pinned,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Discovered {
    /// How.
    pub source: Source,
    /// The resource identifier, byte for byte.
    pub resource: ResourceUri,
    /// What goes into `resource` parameters: `None` where the profile or the person says that it breaks.
    pub resource_parameter: Option<ResourceUri>,
    /// The server's own document, if it has one.
    pub resource_metadata: Option<ResourceMetadata>,
    /// The issuer's document, or what stands for it.
    pub metadata: ServerMetadata,
    /// The challenge, if the server gave one.
    pub challenge: Option<Challenge>,
    /// The provider's profile, if it is a known one.
    pub profile: Option<Profile>,
    /// Step by step.
    pub trace: Vec<Step>,
}

/// One step, for `doctor`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// The address, without its query.
    pub url: String,
    /// The clause that it follows.
    pub clause: &'static str,
    /// What came of it.
    pub outcome: StepOutcome,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// Used.
    Used,
    /// Nothing there.
    Absent {
        /// The status.
        status: u16,
    },
}

/// Discovery that did not end well, with the steps up to there.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct DiscoveryFailure {
    /// Why.
    #[source]
    pub error: Error,
    /// Step by step.
    pub trace: Vec<Step>,
}

/// Finds the issuer of a server and its metadata.
///
/// # Errors
/// [`DiscoveryFailure`].
pub async fn discover<H: Http>(
    http: &H,
    question: &Question<'_>,
) -> Result<Discovered, Box<DiscoveryFailure>> {
    let _ = (http, question);
    todo!()
}
