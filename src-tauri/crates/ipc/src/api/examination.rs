//! A look at a server, for whoever runs it: what it offers to desktop clients, step by step, and what it lacks.
//!
//! Invariant: nothing in it is a secret, so that it can be handed on: no token, code, verifier or secret, and no value of
//! a query.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::account::RegistrationKind;
use super::sign_in::RedirectChoice;

/// `server.examine` parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examine {
    /// The server's address, as a person typed it.
    pub url: String,
    /// Whether a person is there who signs in for the test. Without one, what needs a sign-in is not run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sign_in: bool,
    /// Whether a used refresh token is used again, which ends the test's sign-in at a server that does it right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub thorough: bool,
    /// How the test's sign-in comes back; a local port when missing or `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<RedirectChoice>,
    /// Instead of what the server asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// OpenID Connect Core §3.1.2.1, e.g. `select_account`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// OpenID Connect Core §3.1.2.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
}

/// `server.examine` result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExamineStarted {
    /// The examination's id. Progress and the report follow as notifications on the same connection.
    pub examination: String,
}

/// The notification `examination.progress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminationProgress {
    /// Which.
    pub examination: String,
    /// Where it is: `stage` and its fields lie beside `examination`.
    #[serde(flatten)]
    pub stage: ExaminationStage,
}

/// Where an examination is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum ExaminationStage {
    /// This part has begun. A sign-in that a person is needed for comes as `sign_in.progress` on the same connection.
    Looking {
        /// Which.
        part: Part,
    },
    /// The end.
    Done(Box<Examination>),
}

/// A part of a sign-in's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// From the server to its issuer and the issuer's metadata.
    Discovery,
    /// Getting a client identity, for each kind of redirect.
    Registration,
    /// The way to the browser and back.
    Authorization,
    /// The code for tokens.
    Token,
    /// The access token at the MCP server.
    Server,
    /// New tokens for old ones.
    Refresh,
    /// The end: tokens revoked, and refused from then on.
    Revocation,
}

impl Part {
    /// All of them, in order.
    pub const ALL: &[Part] = &[
        Part::Discovery,
        Part::Registration,
        Part::Authorization,
        Part::Token,
        Part::Server,
        Part::Refresh,
        Part::Revocation,
    ];

    /// What it follows.
    #[must_use]
    pub const fn clause(self) -> &'static str {
        match self {
            Part::Discovery => "RFC 9728; RFC 8414; MCP 2026-07-28, authorization server discovery",
            Part::Registration => "RFC 7591; RFC 7592; RFC 8252 §7; MCP 2026-07-28, client registration",
            Part::Authorization => "RFC 6749 §4.1; RFC 7636; RFC 8707; RFC 9207",
            Part::Token => "RFC 6749 §4.1.3, §5; RFC 8707 §2.2",
            Part::Server => "RFC 6750 §2.1; MCP 2026-07-28, Token Handling",
            Part::Refresh => "RFC 6749 §6; RFC 9700 §4.14; MCP 2026-07-28, Refresh Tokens",
            Part::Revocation => "RFC 7009",
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Good to know; nothing breaks.
    Note,
    /// A sign-in works, and something else does not, or not at every client.
    Warning,
    /// This part does not work.
    Failed,
}

/// How a part went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartVerdict {
    /// As it should.
    Ok,
    /// It works, with warnings.
    Warning,
    /// It does not work.
    Failed,
    /// It was not tried.
    NotRun,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A word of the table in `docs/for-servers.md`. A newer agent may know more of them.
    pub code: String,
    /// How bad it is.
    pub weight: Weight,
    /// What it offends against: RFC and section, or MCP revision and section.
    pub clause: String,
    /// The fact, one sentence for people.
    pub fact: String,
    /// What to do about it, for whoever runs the server.
    pub next: String,
    /// What the sentences were filled with, and a word more.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub detail: Map<String, Value>,
}

/// One part, and what was found there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminedPart {
    /// Which.
    pub part: Part,
    /// How it went.
    pub verdict: PartVerdict,
    /// What it follows.
    pub clause: String,
    /// What was seen, for people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen: BTreeMap<String, String>,
    /// What was found, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// The profile of a known provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedProfile {
    /// Its short name.
    pub name: String,
    /// Its name for people.
    pub title: String,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examination {
    /// The server's address, without its query.
    pub server: String,
    /// Its issuer, if one was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The provider's profile, if it is a known one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<AppliedProfile>,
    /// How we came to a client identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<RegistrationKind>,
    /// Part by part.
    pub parts: Vec<ExaminedPart>,
    /// Registrations that could not be deleted, by their `client_id`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Request by request.
    pub trace: Vec<Exchange>,
}

/// One request and its answer: what can be told of them without telling a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// During which part.
    pub part: Part,
    /// What it was for.
    pub purpose: String,
    /// GET, POST or DELETE.
    pub method: String,
    /// The address without its query.
    pub url: String,
    /// The status; none when no whole answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u32>,
    /// Why no whole answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// `Content-Type` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Where a redirect leads: scheme and host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// Milliseconds from the request to the whole answer.
    pub millis: u64,
    /// The members of a JSON answer, and of which type each is. No value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<String, String>,
}
