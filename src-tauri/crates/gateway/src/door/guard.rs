//! What has to hold before a request is passed on.

use ::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN};
use ::http::request::Parts;
use ::http::{Method, StatusCode};

use super::Entry;

/// Why a request goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another host is named: a web page whose name was made to point here (DNS rebinding).
    Host,
    /// A web page asks.
    Origin,
    /// There is nothing at this path.
    Path,
    /// No key, a wrong one, or one for another account.
    Key,
    /// MCP makes no such request.
    Method,
    /// MCP posts JSON.
    Type,
    /// The message is larger than we take.
    TooLarge,
    /// The message does not come.
    Slow,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Refusal::Host => StatusCode::MISDIRECTED_REQUEST,
            Refusal::Origin => StatusCode::FORBIDDEN,
            Refusal::Path => StatusCode::NOT_FOUND,
            Refusal::Key => StatusCode::UNAUTHORIZED,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Type => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Slow => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// For whoever reads the answer.
    pub(super) fn text(self) -> &'static str {
        match self {
            Refusal::Host => "This port answers to 127.0.0.1 and localhost only.",
            Refusal::Origin => "Web pages get no answer here.",
            Refusal::Path => "There is nothing here. `mcp-login door status` shows the addresses.",
            Refusal::Key => {
                "This needs a key for this account. `mcp-login door key NAME --client LABEL` makes one."
            }
            Refusal::Method => "MCP uses POST, GET and DELETE.",
            Refusal::Type => "MCP posts application/json.",
            Refusal::TooLarge => "The message is too large.",
            Refusal::Slow => "The message did not come.",
        }
    }
}

/// What a request that may pass says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// The account that the path names.
    pub(super) account: String,
    pub(super) key: String,
}

/// Looks at host, origin, path and key.
pub(super) fn shown(parts: &Parts, entry: Entry) -> Result<Shown, Refusal> {
    if let Entry::Loopback(port) = entry {
        let host = only(&parts.headers, &HOST).ok_or(Refusal::Host)?;
        let ours = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        // A request for a proxy names its host a second time.
        if !ours.iter().any(|name| name == host) || parts.uri.authority().is_some() {
            return Err(Refusal::Host);
        }
    }
    if parts.headers.contains_key(ORIGIN) {
        return Err(Refusal::Origin);
    }
    let account = account(parts.uri.path()).ok_or(Refusal::Path)?;
    let key = only(&parts.headers, &AUTHORIZATION).and_then(bearer).ok_or(Refusal::Key)?;
    Ok(Shown { account, key: key.to_owned() })
}

/// Looks at what is asked.
pub(super) fn asked(parts: &Parts) -> Result<(), Refusal> {
    if !matches!(parts.method, Method::POST | Method::GET | Method::DELETE) {
        return Err(Refusal::Method);
    }
    if parts.method == Method::POST {
        let kind = only(&parts.headers, &CONTENT_TYPE).ok_or(Refusal::Type)?;
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::Type);
        }
    }
    Ok(())
}

/// A field that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(one), None) => one.to_str().ok(),
        _ => None,
    }
}

/// RFC 6750 §2.1; the scheme's case is free (RFC 9110 §11.1).
fn bearer(field: &str) -> Option<&str> {
    let (scheme, key) = field.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim()).filter(|key| !key.is_empty())
}

/// `/ACCOUNT/mcp`, by the account's id, which needs no escapes.
fn account(path: &str) -> Option<String> {
    let account = path.strip_prefix('/')?.strip_suffix("/mcp")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (!account.is_empty() && account.bytes().all(plain)).then(|| account.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parts(method: &str, path: &str, fields: &[(&str, &str)]) -> Parts {
        let mut request = ::http::Request::builder().method(method).uri(path);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn look(path: &str, fields: &[(&str, &str)]) -> Result<Shown, Refusal> {
        shown(&parts("POST", path, fields), Entry::Loopback(7_000))
    }

    const KEY: (&str, &str) = ("authorization", "Bearer mcplogin_x");
    const HERE: (&str, &str) = ("host", "127.0.0.1:7000");

    #[test]
    fn in_this_order() {
        assert_eq!(look("/a/mcp", &[]), Err(Refusal::Host));
        for host in
            ["127.0.0.1", "127.0.0.1:7001", "evil.example:7000", "localhost.evil.example:7000", "[::1]:7000"]
        {
            assert_eq!(look("/a/mcp", &[("host", host), KEY]), Err(Refusal::Host), "{host}");
        }
        assert_eq!(look("/a/mcp", &[HERE, HERE, KEY]), Err(Refusal::Host), "two of them");
        assert_eq!(look("http://127.0.0.1:7000/a/mcp", &[HERE, KEY]), Err(Refusal::Host), "as for a proxy");
        for origin in ["null", "http://127.0.0.1:7000", "https://evil.example", ""] {
            assert_eq!(look("/a/mcp", &[HERE, ("origin", origin), KEY]), Err(Refusal::Origin), "{origin}");
        }
        for path in [
            "/",
            "/mcp",
            "//mcp",
            "/a/b/mcp",
            "/a/mcp/",
            "/a%2f/mcp",
            "/.well-known/oauth-protected-resource",
        ] {
            assert_eq!(look(path, &[HERE, KEY]), Err(Refusal::Path), "{path}");
        }
        for key in ["", "Bearer", "Bearer ", "Basic mcplogin_x", "mcplogin_x"] {
            assert_eq!(look("/a/mcp", &[HERE, ("authorization", key)]), Err(Refusal::Key), "{key}");
        }
        assert_eq!(look("/a/mcp", &[HERE, KEY, KEY]), Err(Refusal::Key), "two of them");
        let good = Shown { account: "a".into(), key: "mcplogin_x".into() };
        assert_eq!(
            look("/a/mcp", &[("host", "localhost:7000"), ("authorization", "bearer mcplogin_x")]),
            Ok(good)
        );
        let inside = shown(&parts("GET", "/a/mcp", &[("host", "localhost"), KEY]), Entry::Private);
        assert!(inside.is_ok(), "a socket has no port to be named");
        let page = shown(&parts("GET", "/a/mcp", &[("origin", "null"), KEY]), Entry::Private);
        assert_eq!(page, Err(Refusal::Origin));
    }

    #[test]
    fn only_what_mcp_asks() {
        let json = ("content-type", "application/json; charset=utf-8");
        assert_eq!(asked(&parts("POST", "/", &[json])), Ok(()));
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/jsonx",
            "",
        ] {
            assert_eq!(asked(&parts("POST", "/", &[("content-type", kind)])), Err(Refusal::Type), "{kind}");
        }
        assert_eq!(asked(&parts("POST", "/", &[])), Err(Refusal::Type));
        assert_eq!(asked(&parts("POST", "/", &[json, json])), Err(Refusal::Type));
        for method in ["OPTIONS", "PUT", "HEAD", "CONNECT", "PATCH"] {
            assert_eq!(asked(&parts(method, "/", &[])), Err(Refusal::Method), "{method}");
        }
        assert_eq!(asked(&parts("GET", "/", &[])), Ok(()));
        assert_eq!(asked(&parts("DELETE", "/", &[])), Ok(()));
    }
}
