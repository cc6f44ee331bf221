//! The one table of what can go wrong: code, fact, next step, exit status.
//!
//! Problem: command, window, documentation and scripts must say the same of the same trouble. Invariant: a code is
//! never renamed and never changes its meaning; sentences may get better. Words in braces are filled from `detail`.

use crate::fault;

mod table;
pub use table::Code;

/// The command's exit status. Documented, and never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// It did not work, and no other number says why.
    Failed = 1,
    /// The command line, the settings or an address is wrong.
    Usage = 2,
    /// A person has to sign in again.
    NeedsSignIn = 3,
    /// Nobody allowed it.
    NotApproved = 4,
    /// There is no such account.
    NoSuchAccount = 5,
    /// Network, server or issuer cannot be reached.
    Unreachable = 6,
    /// The keychain.
    Keychain = 7,
    /// The agent cannot be reached.
    Agent = 8,
    /// The server or the issuer says no.
    Refused = 9,
    /// Cancelled, or nobody answered in time.
    Cancelled = 10,
}

impl Exit {
    /// All of them.
    pub const ALL: &[Exit] = &[
        Exit::Ok,
        Exit::Failed,
        Exit::Usage,
        Exit::NeedsSignIn,
        Exit::NotApproved,
        Exit::NoSuchAccount,
        Exit::Unreachable,
        Exit::Keychain,
        Exit::Agent,
        Exit::Refused,
        Exit::Cancelled,
    ];

    /// For `std::process::exit`.
    #[must_use]
    pub const fn status(self) -> u8 {
        self as u8
    }

    /// What it means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Exit::Ok => "done",
            Exit::Failed => "failed, and no other number says why",
            Exit::Usage => "the command line, the settings or an address is wrong",
            Exit::NeedsSignIn => "a person has to sign in again",
            Exit::NotApproved => "not approved",
            Exit::NoSuchAccount => "no such account",
            Exit::Unreachable => "network, server or issuer unreachable",
            Exit::Keychain => "the keychain",
            Exit::Agent => "the agent cannot be reached",
            Exit::Refused => "the server or the issuer refuses",
            Exit::Cancelled => "cancelled, or nobody answered in time",
        }
    }
}

/// Who defines a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// MCP Login.
    Ours,
    /// The OAuth 2.0 Authorization Framework.
    Rfc6749,
    /// Bearer Token Usage.
    Rfc6750,
    /// Dynamic Client Registration.
    Rfc7591,
    /// Token Revocation.
    Rfc7009,
    /// Resource Indicators.
    Rfc8707,
    /// OpenID Connect Core 1.0 §3.1.2.6.
    OpenIdConnect,
}

impl Origin {
    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Origin::Ours => "MCP Login",
            Origin::Rfc6749 => "RFC 6749",
            Origin::Rfc6750 => "RFC 6750",
            Origin::Rfc7591 => "RFC 7591",
            Origin::Rfc7009 => "RFC 7009",
            Origin::Rfc8707 => "RFC 8707",
            Origin::OpenIdConnect => "OpenID Connect",
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The word that programs switch on.
    pub code: &'static str,
    /// Who defines it.
    pub origins: &'static [Origin],
    /// What happened, one sentence.
    pub fact: &'static str,
    /// What to do about it.
    pub next: &'static str,
    /// What usually lies behind it; for the documentation.
    pub cause: &'static str,
    /// The command's exit status.
    pub exit: Exit,
    /// Whether the same request may work later with nothing changed.
    pub retryable: bool,
}

impl Code {
    /// The word that programs switch on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().code
    }

    /// The command's exit status.
    #[must_use]
    pub const fn exit(self) -> Exit {
        self.row().exit
    }

    /// Whether the same request may work later with nothing changed.
    #[must_use]
    pub const fn retryable(self) -> bool {
        self.row().retryable
    }

    /// JSON-RPC's number for it.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Code::BadJson | Code::LineTooLong => fault::PARSE_ERROR,
            Code::BadMessage => fault::INVALID_REQUEST,
            Code::UnknownMethod => fault::METHOD_NOT_FOUND,
            Code::BadParameters => fault::INVALID_PARAMS,
            Code::Internal => fault::INTERNAL_ERROR,
            _ => fault::APPLICATION_ERROR,
        }
    }

    /// The code of an `error` value that a server sent (RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, RFC 7591 §3.2.2,
    /// RFC 7009 §2.2.1, RFC 8707 §2, OpenID Connect Core §3.1.2.6). Never one of our own, whatever a server sends.
    #[must_use]
    pub fn from_server(error: &str) -> Option<Code> {
        Code::from_code(error).filter(|code| !code.row().origins.contains(&Origin::Ours))
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What stands in a sentence when there is no value for its placeholder.
pub(crate) fn plain(key: &str) -> &'static str {
    match key {
        "account" => "the account",
        "server" => "the server",
        "issuer" => "the authorization server",
        "program" => "the program",
        "method" => "the method",
        "file" => "the file",
        "path" => "the path",
        "line" => "the line",
        "key" => "the key",
        "limit" => "the limit",
        "scopes" => "the scopes",
        "old" => "the old one",
        "new" => "the new one",
        "retry_after" => "a while",
        "reason" => "no more is known",
        "status" => "an error status",
        "port" => "the port",
        "name" => "the name",
        "host" => "the host",
        "redirect_uri" => "the redirect address",
        "page" => "the page of releases",
        "endpoint" => "the endpoint",
        "found" => "another one",
        "error" => "an error",
        "type" => "something else",
        "expected" => "application/json",
        "seconds" => "many",
        "resource" => "another resource",
        "url" => "the address",
        "client" => "this client",
        "known" => "those that `mcp-login connect` shows",
        "least" => "a newer one",
        "entry" => "the same",
        "at" => "",
        "advice" => "Mend the file, and try again",
        "copy" => "the copy beside it",
        _ => "it",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn codes_lead_back_and_are_unique() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert_eq!(Code::from_code(code.as_str()), Some(*code));
        }
    }

    #[test]
    fn every_code_of_the_standards_is_there() {
        let standards = [
            "invalid_request unauthorized_client access_denied unsupported_response_type invalid_scope",
            "server_error temporarily_unavailable invalid_client invalid_grant unsupported_grant_type",
            "invalid_token insufficient_scope",
            "invalid_redirect_uri invalid_client_metadata invalid_software_statement unapproved_software_statement",
            "unsupported_token_type",
            "invalid_target",
        ];
        for code in standards.iter().flat_map(|line| line.split(' ')) {
            assert!(Code::from_server(code).is_some(), "{code}");
        }
    }

    #[test]
    fn a_server_cannot_say_our_codes() {
        assert_eq!(Code::from_server("no_such_account"), None);
    }

    #[test]
    fn sentences_are_sentences() {
        for code in Code::ALL {
            let row = code.row();
            for text in [row.fact, row.next, row.cause] {
                assert!(text.ends_with('.'), "{code}: {text}");
                assert!(!text.contains("  ") && text.is_ascii(), "{code}: {text}");
                assert!(text.starts_with(|c: char| c.is_uppercase() || "{`\"".contains(c)), "{code}: {text}");
                let mut rest = text;
                while let Some((_, tail)) = rest.split_once('{') {
                    let (key, after) = tail.split_once('}').unwrap();
                    assert_ne!(plain(key), "it", "{code}: {{{key}}} has no plain words");
                    rest = after;
                }
            }
        }
    }
}
