//! What a client is told when its request has no answer of the server.

use serde_json::json;

use crate::http::HttpFailure;
use crate::token_source::Denied;

/// The JSON-RPC code of all answers that are ours. Outside the range that JSON-RPC and MCP reserve, as MCP 2026-07-28 (Error Codes)
/// asks of new ones; what happened is in `data.code`.
const OURS: i64 = -31_000;

/// JSON-RPC 2.0 §5.1.
const METHOD_NOT_FOUND: i64 = -32_601;

/// Why a request gets no answer from the server.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// There is no token.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No answer came. The second tells whether the request had perhaps been carried out.
    #[error("{0}")]
    Http(HttpFailure, Executed),
    /// The server refuses the token, and a fresh one, too.
    #[error("the server refuses a fresh token")]
    Refused,
    /// The server wants more scopes than it was given, again and again.
    #[error("the server still asks for more permissions")]
    Scope,
    /// The server answers with a status that is no answer to a request.
    #[error("the server answered {0}")]
    Status(u16),
    /// The answer is no JSON-RPC message.
    #[error("the server's answer is no JSON-RPC message")]
    NoMessage,
    /// The answer ended before the request was answered.
    #[error("the server's answer ended before it was complete")]
    CutOff(Executed),
    /// HTTP+SSE: the server names an address on another origin.
    #[error("the server wants messages, and with them the token, at another server's address")]
    ForeignEndpoint,
    /// A line of the client is larger than we take.
    #[error("this message is too long")]
    TooLong,
    /// A request with this id is under way.
    #[error("a request with this id is already under way")]
    SameId,
    /// The client speaks one form of MCP and the server the other, and this has no counterpart there.
    #[error("{method:?} cannot be translated: the server speaks {speaks}")]
    NotTranslated {
        /// What the client asked for.
        method: String,
        /// The revisions that the server speaks.
        speaks: &'static str,
    },
    /// More requests wait than a link holds.
    #[error("too many requests at a time")]
    Crowded,
}

/// Whether a request without an answer was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executed {
    /// Certainly not.
    No,
    /// Perhaps.
    Perhaps,
}

impl Fault {
    /// A stable word of the table that feeds docs/errors.md.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Denied(denied) => denied.code,
            Fault::Http(HttpFailure::TooLarge, _) => "answer_too_large",
            Fault::Http(HttpFailure::AddressRefused, _) | Fault::ForeignEndpoint => "address_refused",
            Fault::Http(HttpFailure::NotSent(_), _) => "offline",
            Fault::Http(HttpFailure::Lost, Executed::No) | Fault::CutOff(Executed::No) => "connection_lost",
            Fault::Http(HttpFailure::Lost, Executed::Perhaps) | Fault::CutOff(Executed::Perhaps) => {
                "outcome_unknown"
            }
            Fault::Refused => "server_unauthorized",
            Fault::Scope | Fault::Status(403) => "server_forbids",
            Fault::Status(429) => "rate_limited",
            Fault::Status(500..) => "server_trouble",
            Fault::Status(_) | Fault::NoMessage => "odd_answer",
            Fault::TooLong => "line_too_long",
            Fault::SameId => "bad_message",
            Fault::NotTranslated { .. } => "unknown_method",
            Fault::Crowded => "busy",
        }
    }

    /// What to do, in one sentence.
    #[must_use]
    pub fn next(&self) -> String {
        let text = match self {
            Fault::Denied(denied) => return denied.next.clone(),
            Fault::Http(HttpFailure::TooLarge, _) => "Ask the server for less at a time.",
            Fault::Http(HttpFailure::Lost, Executed::Perhaps) | Fault::CutOff(Executed::Perhaps) => {
                "The request was perhaps carried out: look before you repeat it."
            }
            Fault::Http(HttpFailure::AddressRefused, _) => "Check the server's address.",
            Fault::Http(..) | Fault::CutOff(_) => "The request was not carried out: try again.",
            Fault::Refused => "Check at the server whether you may use it.",
            Fault::Scope | Fault::Status(403) => "Ask whoever runs the server for the right.",
            Fault::Status(300..400) => {
                "The server has moved: add it with its new address. Nothing was sent there."
            }
            Fault::Status(_) | Fault::NoMessage => {
                "Try again; if it stays so, tell those who run the server."
            }
            Fault::ForeignEndpoint => "Tell those who run the server; nothing was sent there.",
            Fault::TooLong => "Send less in one message.",
            Fault::SameId => "Use each id once.",
            Fault::NotTranslated { .. } => "Use a client that speaks the same revision as the server.",
            Fault::Crowded => "Try again when others are answered.",
        };
        text.to_owned()
    }

    /// The error answer to the request with this id, as JSON.
    pub(crate) fn answer(&self, id: &str) -> Vec<u8> {
        let error = json!({
            "code": if matches!(self, Fault::NotTranslated { .. }) { METHOD_NOT_FOUND } else { OURS },
            "message": format!("MCP Login: {self}. {}", self.next()),
            "data": {"code": self.code(), "next": self.next(), "from": "mcp-login"},
        });
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#).into_bytes()
    }
}
