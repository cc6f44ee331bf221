//! `WWW-Authenticate` (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1).
//!
//! Problem: the field holds several challenges in one line, separated by the same comma as their parameters, and
//! servers write it sloppily. Invariant: any bytes are read without a panic; only `Bearer` and `DPoP` challenges
//! count; within a challenge the first parameter of a name wins; nothing in it is trusted before it is checked.

use crate::error::{RefusalCode, ScopeDemand};
use crate::text::ServerText;
use crate::values::ScopeSet;

/// The most of the field that is read: servers cap a whole header block at 8 to 16 KiB.
const MAX_FIELD: usize = 16 * 1024;

/// What a server's `Bearer` (or `DPoP`) challenges say, taken together; `Bearer` comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// `resource_metadata` (RFC 9728 §5.1), unchecked.
    pub resource_metadata: Option<String>,
    /// `scope` (RFC 6750 §3).
    pub scope: Option<ScopeSet>,
    /// `error` (RFC 6750 §3.1).
    pub error: Option<RefusalCode>,
    /// `error_description`.
    pub error_description: Option<ServerText>,
    /// `realm`.
    pub realm: Option<ServerText>,
}

impl Challenge {
    /// Reads all `WWW-Authenticate` fields of an answer; `None` if none of them is a bearer challenge.
    #[must_use]
    pub fn from_headers(headers: &::http::HeaderMap) -> Option<Self> {
        let mut all = String::new();
        for value in headers.get_all(::http::header::WWW_AUTHENTICATE) {
            // Several fields mean the same as one with commas (RFC 9110 §5.3).
            all.push_str(&String::from_utf8_lossy(value.as_bytes()));
            all.push(',');
            if all.len() > MAX_FIELD {
                break;
            }
        }
        Self::parse(&all)
    }

    /// Reads one field value.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut end = value.len().min(MAX_FIELD);
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        let challenges = split(&value[..end]);
        let of =
            |scheme: &'static str| challenges.iter().filter(move |c| c.scheme.eq_ignore_ascii_case(scheme));
        let mut merged: Option<Challenge> = None;
        for raw in of("bearer").chain(of("dpop")) {
            let one = Challenge {
                resource_metadata: raw.parameter("resource_metadata").map(str::to_owned),
                scope: raw.parameter("scope").map(ScopeSet::parse).filter(|s| !s.is_empty()),
                error: raw.parameter("error").map(RefusalCode::new),
                error_description: raw.parameter("error_description").and_then(ServerText::non_empty),
                realm: raw.parameter("realm").and_then(ServerText::non_empty),
            };
            merged = Some(match merged {
                None => one,
                Some(first) => Challenge {
                    resource_metadata: first.resource_metadata.or(one.resource_metadata),
                    scope: first.scope.or(one.scope),
                    error: first.error.or(one.error),
                    error_description: first.error_description.or(one.error_description),
                    realm: first.realm.or(one.realm),
                },
            });
        }
        merged
    }

    /// `insufficient_scope` with the scopes it asks for (RFC 6750 §3.1; MCP, Step-Up Authorization Flow).
    #[must_use]
    pub fn scope_demand(&self) -> Option<ScopeDemand> {
        match (&self.error, &self.scope) {
            (Some(RefusalCode::InsufficientScope), Some(scopes)) => {
                Some(ScopeDemand { scopes: scopes.clone() })
            }
            _ => None,
        }
    }
}

struct Raw {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Raw {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
            .filter(|v| !v.is_empty())
    }
}

/// A word followed by `=` is a parameter of the challenge before it; any other word begins a challenge.
fn split(text: &str) -> Vec<Raw> {
    let mut challenges: Vec<Raw> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        let Some(first) = rest.chars().next() else { return challenges };
        let word_end = rest.find(|c| !is_token_char(c)).unwrap_or(rest.len());
        if word_end == 0 {
            // Not a word: step over it (a quoted text as a whole), so that rubbish does not end the reading.
            rest = if first == '"' { read_value(rest).1 } else { &rest[first.len_utf8()..] };
            continue;
        }
        let word = &rest[..word_end];
        let after = rest[word_end..].trim_start_matches([' ', '\t']);
        if let Some(value) = after.strip_prefix('=') {
            let (value, next) = read_value(value.trim_start_matches([' ', '\t']));
            if let Some(challenge) = challenges.last_mut() {
                challenge.parameters.push((word.to_owned(), value));
            }
            rest = next;
        } else {
            challenges.push(Raw { scheme: word.to_owned(), parameters: Vec::new() });
            rest = &rest[word_end..];
        }
    }
}

/// A quoted string, or everything up to a comma or blank (servers leave URLs and scopes unquoted).
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn metadata(value: &str) -> Option<String> {
        Challenge::parse(value).unwrap().resource_metadata
    }

    #[test]
    fn finds_the_pointer_however_it_is_written() {
        let url = "https://mcp.example/.well-known/oauth-protected-resource/mcp?a=1,2";
        for value in [
            format!("Bearer resource_metadata=\"{url}\""),
            format!("bearer   Resource_Metadata = \"{url}\" , scope=\"a b\""),
            format!(
                "Basic realm=\"a, Bearer resource_metadata=\\\"x\\\"\", Bearer resource_metadata=\"{url}\""
            ),
            format!("Negotiate, Bearer error=\"invalid_token\", resource_metadata=\"{url}\""),
            format!("Negotiate YWJj==, Bearer resource_metadata=\"{url}\""),
            format!(
                "NTLM TlRMTVNTUAAB, BEARER resource_metadata=\"{url}\", resource_metadata=\"https://evil.example\""
            ),
            format!(
                "DPoP algs=\"ES256\", resource_metadata=\"https://other.example/\", Bearer resource_metadata=\"{url}\""
            ),
            format!(",,Bearer ,, resource_metadata=\"{url}"),
        ] {
            assert_eq!(metadata(&value).as_deref(), Some(url), "{value}");
        }
        assert_eq!(
            metadata("Bearer resource_metadata=https://h.example/x, scope=mcp:read").unwrap(),
            "https://h.example/x"
        );
    }

    #[test]
    fn other_schemes_do_not_count() {
        for value in [
            "",
            "Basic realm=\"x\", resource_metadata=\"https://h.example\"",
            "resource_metadata=\"https://h.example\"",
            ", ,",
            "\"Bearer\"",
        ] {
            assert_eq!(Challenge::parse(value), None, "{value}");
        }
        assert_eq!(Challenge::parse("Bearer"), Some(Challenge::default()));
    }

    #[test]
    fn several_fields_are_one() {
        let mut headers = ::http::HeaderMap::new();
        headers.append("www-authenticate", "Basic realm=\"a".parse().unwrap());
        headers.append("www-authenticate", "Bearer scope=\"x\"".parse().unwrap());
        assert_eq!(
            Challenge::from_headers(&headers),
            None,
            "an open quote swallows what follows, it does not leak out"
        );
        headers.clear();
        headers.append("www-authenticate", "Bearer scope=\"x\"".parse().unwrap());
        headers.append(
            "www-authenticate",
            "Bearer resource_metadata=\"https://h.example/\", scope=\"y\"".parse().unwrap(),
        );
        let challenge = Challenge::from_headers(&headers).unwrap();
        assert_eq!(challenge.scope, Some(ScopeSet::parse("x")));
        assert_eq!(challenge.resource_metadata.as_deref(), Some("https://h.example/"));
    }

    #[test]
    fn demands_of_scope() {
        let challenge = Challenge::parse("Bearer error=\"insufficient_scope\", scope=\"mcp:write files:read\", error_description=\"more\u{202e}\"").unwrap();
        assert_eq!(challenge.scope_demand().unwrap().scopes, ScopeSet::parse("files:read mcp:write"));
        assert_eq!(challenge.error_description.unwrap().as_str(), "more");
        assert_eq!(
            Challenge::parse("Bearer error=\"invalid_token\", scope=\"a\"").unwrap().scope_demand(),
            None
        );
        assert_eq!(Challenge::parse("Bearer error=\"insufficient_scope\"").unwrap().scope_demand(), None);
    }

    proptest! {
        #[test]
        fn reads_anything(value in "\\PC{0,200}") {
            let _ = Challenge::parse(&value);
        }

        #[test]
        fn reads_near_misses(value in "((Bearer|DPoP|Basic|scope|error|=|\"|,| |\\\\|é){0,40})") {
            let _ = Challenge::parse(&value);
        }

        #[test]
        fn quoting_round_trips(value in "[ -~]{1,80}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let found = metadata(&format!("Basic x=\"1\", Bearer realm=\"r\", resource_metadata=\"{quoted}\", scope=\"s\""));
            prop_assert_eq!(found.as_deref(), Some(value.as_str()));
        }
    }
}
