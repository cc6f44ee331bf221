//! Endpoint addresses.
//!
//! Problem: an endpoint comes from a remote document and ends in the browser or receives a credential. Invariant:
//! an [`Endpoint`] is an absolute `https` URL, or `http` to this machine, without user info or fragment
//! (RFC 6749 §3.1, §3.2; MCP authorization, Communication Security). Its string is kept as it was.

use url::Url;

use crate::error::{EndpointName, Error};
use crate::values::{MAX_IDENTIFIER, address, is_loopback_host};

/// An address that a credential may be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    text: String,
    url: Url,
}

impl Endpoint {
    /// Checks an address.
    ///
    /// # Errors
    /// [`Error::EndpointRefused`] naming the endpoint.
    pub fn parse(text: &str, name: EndpointName) -> Result<Self, Error> {
        Self::check(text).ok_or(Error::EndpointRefused { endpoint: name })
    }

    pub(crate) fn check(text: &str) -> Option<Self> {
        if text.len() > MAX_IDENTIFIER
            || text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\')
        {
            return None;
        }
        let url = Url::parse(text).ok()?;
        let host = url.host_str().filter(|h| !h.is_empty())?;
        let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback_host(host));
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        (secure && plain).then(|| Endpoint { text: text.to_owned(), url })
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        Self::check(text).ok_or("not an https address")
    }
}

address!(
    Endpoint,
    /// The string as it was given.
    as_str
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_receive_a_credential() {
        for ok in [
            "https://as.example/token",
            "https://as.example/token?a=b",
            "http://127.0.0.1:1/t",
            "http://[::1]/t",
            "http://localhost/t",
        ] {
            assert_eq!(Endpoint::check(ok).map(|e| e.text), Some(ok.to_owned()), "{ok}");
        }
        for bad in [
            "",
            "http://as.example/token",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "//as.example/token",
            "/token",
            "https://",
            "https://u:p@as.example/t",
            "https://as.example/t#f",
            "https://as.example/\r\nx",
            "https:\\\\as.example\\t",
            "\\\\server\\share",
            "-https://as.example",
            "ftp://as.example/t",
            "https://as.exam ple/t",
            "http://127.0.0.1.example.com/t",
        ] {
            assert_eq!(Endpoint::check(bad), None, "{bad}");
        }
    }
}
