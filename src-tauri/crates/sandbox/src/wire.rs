//! What comes in and what goes out. A request is read whole, with a bound, before anything looks at it; an
//! answer is an ordinary HTTP response or one of the two things that HTTP has no word for: silence and a
//! dropped connection.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The largest request body that is read. MCP messages of tests reach some hundred KiB.
pub(crate) const MAX_REQUEST: usize = 4 * 1024 * 1024;

/// One request, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Params,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Ask {
    /// A header's value when it is plain text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// The media type, lower case, without its parameters.
    pub(crate) fn content_type(&self) -> String {
        let whole = self.header("content-type").unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The form in the body (RFC 6749 appendix B), empty when the body is something else.
    pub(crate) fn form(&self) -> Params {
        if self.content_type() == "application/x-www-form-urlencoded" {
            Params::parse(&self.body)
        } else {
            Params::default()
        }
    }

    /// The JSON in the body. `serde_json` stops at 128 levels by itself.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The token of `Authorization: Bearer`. RFC 6750 §2.1; the scheme's name is case-insensitive.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, rest) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
    }

    /// Name and secret of `Authorization: Basic`, form-decoded as RFC 6749 §2.3.1 asks.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let (scheme, rest) = self.header("authorization")?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((form_decode(id), form_decode(secret)))
    }

    pub(crate) fn has_basic(&self) -> bool {
        self.header("authorization").is_some_and(|v| v.to_ascii_lowercase().starts_with("basic "))
    }
}

fn form_decode(text: &str) -> String {
    let pair = format!("v={text}");
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, v)| v.into_owned()).unwrap_or_default()
}

/// Parameters in the order in which they came; doubles are kept, since RFC 6749 §3.1 forbids them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(pub(crate) Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).map(|(k, v)| (k.into_owned(), v.into_owned())).collect())
    }

    /// The first value that is not empty: an empty parameter counts as left out (RFC 6749 §3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(k, v)| k == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    /// A name that came twice. `resource` may (RFC 8707 §2).
    pub(crate) fn doubled(&self) -> Option<&str> {
        self.0
            .iter()
            .enumerate()
            .find(|(i, (k, _))| k != "resource" && self.0[..*i].iter().any(|(other, _)| other == k))
            .map(|(_, (k, _))| k.as_str())
    }
}

/// An HTTP response.
pub(crate) type Answer = axum::http::Response<Body>;

/// What the server does with a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Reply(Answer),
    /// The connection is closed without a byte.
    Drop,
    /// Nothing is ever said; the connection stays open until the client goes.
    Hang,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self::Reply(answer)
    }
}

/// An answer with a body of this media type.
pub(crate) fn answer(status: u16, media_type: &'static str, body: impl Into<Body>) -> Answer {
    let mut out = Answer::new(body.into());
    *out.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    out.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    out
}

/// An answer without a body.
pub(crate) fn empty(status: u16) -> Answer {
    let mut out = Answer::new(Body::empty());
    *out.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    out
}

/// JSON that may be cached nowhere (RFC 6749 §5.1).
pub(crate) fn json(status: u16, value: &Value) -> Answer {
    let out = answer(status, "application/json", value.to_string());
    with(out, "cache-control", "no-store")
}

/// The same answer with one more header; a value that no header can hold is left out.
pub(crate) fn with(mut answer: Answer, name: &'static str, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(HeaderName::from_static(name), value);
    }
    answer
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_seen_but_resource_may_come_twice() {
        assert_eq!(Params::parse(b"a=1&b=2&a=3").doubled(), Some("a"));
        assert_eq!(Params::parse(b"resource=1&resource=2").doubled(), None);
    }

    #[test]
    fn basic_is_form_decoded() {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", STANDARD.encode("a%3Ab:c%20d+e"));
        headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
        let ask = Ask {
            method: Method::POST,
            path: "/".into(),
            query: Params::default(),
            headers,
            body: Bytes::new(),
        };
        assert_eq!(ask.basic(), Some(("a:b".into(), "c d e".into())));
    }
}
