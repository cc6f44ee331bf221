//! Protected resource metadata (RFC 9728).
//!
//! Problem: a server could hand out the metadata of another one and so get tokens made for it. Invariant: a
//! document counts only if its `resource` is the server's URL, its origin, or a path prefix of it on the same origin
//! (RFC 9728 §3.3, §7.3); its string then goes into every request byte for byte, never through a URL parser.

use url::Url;

use crate::error::{Error, Malformed};
use crate::json::Object;
use crate::text::ServerText;
use crate::values::{Issuer, MAX_IDENTIFIER, ResourceUri, Scope, ScopeSet, ServerUrl};

/// RFC 9728 §2, what of it we use.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ResourceMetadata {
    /// `resource`, byte for byte.
    pub resource: ResourceUri,
    /// `authorization_servers`. MCP asks for at least one; documents from before may have none.
    pub authorization_servers: Vec<Issuer>,
    /// `scopes_supported`.
    pub scopes_supported: Option<ScopeSet>,
    /// `resource_name`, for people.
    pub resource_name: Option<ServerText>,
}

impl ResourceMetadata {
    /// Reads a document.
    ///
    /// # Errors
    /// [`Malformed`] if it is no such document.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let object = Object::parse(body)?;
        let resource = object.text("resource").ok_or(Malformed::Member("resource"))?;
        if resource.len() > MAX_IDENTIFIER {
            return Err(Malformed::TooLong("resource"));
        }
        let servers = object.texts("authorization_servers").unwrap_or_default();
        if servers.iter().any(|s| s.len() > MAX_IDENTIFIER) {
            return Err(Malformed::TooLong("authorization_servers"));
        }
        let scopes: Option<ScopeSet> =
            object.texts("scopes_supported").map(|list| list.iter().filter_map(|s| Scope::new(s)).collect());
        Ok(ResourceMetadata {
            resource: ResourceUri::new(resource),
            authorization_servers: servers.into_iter().filter(|s| !s.is_empty()).map(Issuer::new).collect(),
            scopes_supported: scopes.filter(|s| !s.is_empty()),
            resource_name: object.text("resource_name").and_then(ServerText::non_empty),
        })
    }

    /// Checks that the document is about this server (RFC 9728 §3.3): its URL, its origin, or a path prefix of it.
    ///
    /// # Errors
    /// [`Error::ResourceMismatch`].
    pub fn check(&self, server: &ServerUrl) -> Result<(), Error> {
        if covers(self.resource.as_str(), server.url()) {
            Ok(())
        } else {
            Err(Error::ResourceMismatch {
                server: server.as_str().to_owned(),
                resource: ServerText::new(self.resource.as_str()),
            })
        }
    }
}

/// Whether a resource identifier names the server or what it is part of, by whole path segments.
fn covers(resource: &str, server: &Url) -> bool {
    // The URL standard drops tabs and line ends, reads `\` as `/` and resolves `..`: a string that needs any of that
    // is not one that an honest server publishes.
    if resource.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') || resource.contains("/..")
    {
        return false;
    }
    let Ok(url) = Url::parse(resource) else { return false };
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if !plain || url.origin() != server.origin() {
        return false;
    }
    if url.query().is_some() {
        return url.path() == server.path() && url.query() == server.query();
    }
    let prefix = url.path().trim_end_matches('/');
    match server.path().strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn which_resources_are_the_servers() {
        let server = ServerUrl::parse("https://mcp.example/team/mcp").unwrap();
        for ok in [
            "https://mcp.example/team/mcp",
            "https://mcp.example/team/mcp/",
            "https://mcp.example/team",
            "https://mcp.example/",
            "https://mcp.example",
            "HTTPS://MCP.example:443/team/mcp",
        ] {
            assert!(covers(ok, server.url()), "{ok}");
        }
        for bad in [
            "https://mcp.example/team/mc",
            "https://mcp.example/team/mcp/more",
            "https://mcp.example/TEAM",
            "https://mcp.example/te",
            "https://mcp.example:8443/team/mcp",
            "http://mcp.example/team/mcp",
            "https://mcp.example.evil.example/team/mcp",
            "https://evil.example",
            "https://user@mcp.example/team/mcp",
            "https://mcp.example/team/mcp#x",
            "https://mcp.example/team/mcp?x=1",
            "https://mcp.example/other/../team/mcp",
            "https:\\\\mcp.example/team/mcp",
            "https://mcp.exam\tple/team/mcp",
            "mcp.example/team/mcp",
            "urn:mcp",
            "",
        ] {
            assert!(!covers(bad, server.url()), "{bad}");
        }
        let port = ServerUrl::parse("http://localhost:4711/mcp").unwrap();
        assert!(covers("http://localhost:4711", port.url()) && !covers("http://127.0.0.1:4711", port.url()));
        let query = ServerUrl::parse("https://mcp.example/mcp?t=1").unwrap();
        assert!(
            covers("https://mcp.example/mcp?t=1", query.url())
                && covers("https://mcp.example/mcp", query.url())
        );
        assert!(
            !covers("https://mcp.example/mcp?t=2", query.url())
                && !covers("https://mcp.example/?t=1", query.url())
        );
    }

    #[test]
    fn keeps_strings_as_they_are() {
        let document =
            br#"{"resource":"HTTPS://Mcp.Example:443","authorization_servers":["https://as.example","",7],
            "scopes_supported":["a b","c"],"resource_name":"N\u202eame"}"#;
        let metadata = ResourceMetadata::parse(document).unwrap();
        assert_eq!(metadata.resource.as_str(), "HTTPS://Mcp.Example:443");
        assert_eq!(metadata.authorization_servers, [Issuer::new("https://as.example")]);
        assert_eq!(metadata.scopes_supported.unwrap().to_string(), "c");
        assert_eq!(metadata.resource_name.unwrap().as_str(), "Name");
        assert!(
            ResourceMetadata::parse(document)
                .unwrap()
                .check(&ServerUrl::parse("https://mcp.example/mcp").unwrap())
                .is_ok()
        );
    }

    #[test]
    fn what_is_no_document() {
        assert_eq!(ResourceMetadata::parse(b"<html>"), Err(Malformed::NotJson));
        assert_eq!(ResourceMetadata::parse(b"[]"), Err(Malformed::NotAnObject));
        assert_eq!(ResourceMetadata::parse(br#"{"resource":null}"#), Err(Malformed::Member("resource")));
        let deep = format!("{{\"resource\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(ResourceMetadata::parse(deep.as_bytes()), Err(Malformed::NotJson));
        let long = format!("{{\"resource\":\"https://h.example/{}\"}}", "a".repeat(MAX_IDENTIFIER));
        assert_eq!(ResourceMetadata::parse(long.as_bytes()), Err(Malformed::TooLong("resource")));
    }
}
