//! What a page is told when something did not work: what the table has, in the names that the pages use.

use mcp_login_ipc::client::ClientError;
use mcp_login_ipc::{Code, Fault};
use serde::Serialize;
use serde_json::{Map, Value};

/// Code, fact and next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    /// A word of `docs/errors.md`.
    code: String,
    /// What happened, one sentence.
    fact: String,
    /// What to do about it.
    next: String,
    /// What the sentences were filled with.
    details: Map<String, Value>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { code: fault.data.code, fact: fault.message, next: fault.data.next, details: fault.data.detail }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Fault::new(code).into()
    }
}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        error.fault().into()
    }
}
