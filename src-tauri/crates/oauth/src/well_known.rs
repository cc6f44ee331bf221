//! Well-known addresses, in the order in which they are asked.
//!
//! Problem: the order decides whose document counts, and asking at a wrong place (the root for an issuer with a path)
//! may find somebody else's. Invariant: the order is data, made from the server's or issuer's string alone.

use crate::endpoint::Endpoint;
use crate::error::{EndpointName, Error};
use crate::values::{Issuer, ServerUrl};

/// A well-known address to try, with the clause that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The address.
    pub url: String,
    /// The clause.
    pub clause: &'static str,
}

/// The metadata asks that a server's URL leads to, in order (RFC 9728 §3.1; MCP: path form, then root).
#[must_use]
pub fn resource_metadata_probes(server: &ServerUrl) -> Vec<Probe> {
    let base = format!("{}/.well-known/oauth-protected-resource", server.origin());
    let root = Probe { url: base.clone(), clause: "RFC 9728 §3.1, MCP protected resource metadata: root" };
    let path = server.url().path();
    let query = server.url().query().map(|q| format!("?{q}")).unwrap_or_default();
    if path == "/" && query.is_empty() {
        return vec![root];
    }
    // Only a slash right after the host goes (RFC 9728 §3.1); path and query stay as they are.
    let tail = if path == "/" { query } else { format!("{path}{query}") };
    vec![
        Probe {
            url: format!("{base}{tail}"),
            clause: "RFC 9728 §3.1, MCP protected resource metadata: path",
        },
        root,
    ]
}

/// The metadata asks that an issuer leads to, in order (RFC 8414 §3.1, OpenID Connect Discovery §4; MCP authorization
/// server metadata discovery). An issuer with a path is never looked up at the root.
///
/// # Errors
/// [`Error::EndpointRefused`] if the issuer is no `https` URL, or has a query or fragment (RFC 8414 §2).
pub fn server_metadata_probes(issuer: &Issuer) -> Result<Vec<Probe>, Error> {
    let endpoint = Endpoint::parse(issuer.as_str(), EndpointName::Issuer)?;
    let url = endpoint.url();
    if url.query().is_some() {
        return Err(Error::EndpointRefused { endpoint: EndpointName::Issuer });
    }
    let origin = url.origin().ascii_serialization();
    let path = url.path().trim_end_matches('/');
    let oauth = Probe {
        url: format!("{origin}/.well-known/oauth-authorization-server{path}"),
        clause: "RFC 8414 §3.1, MCP authorization server metadata: OAuth 2.0",
    };
    let inserted = Probe {
        url: format!("{origin}/.well-known/openid-configuration{path}"),
        clause: "RFC 8414 §5, MCP authorization server metadata: OpenID Connect, path inserted",
    };
    let appended = Probe {
        url: format!("{origin}{path}/.well-known/openid-configuration"),
        clause: "OpenID Connect Discovery §4, MCP authorization server metadata: path appended",
    };
    Ok(if path.is_empty() { vec![oauth, appended] } else { vec![oauth, inserted, appended] })
}

/// The first exception of the issuer rule: an issuer with an empty path may differ by one trailing slash between the
/// server's metadata and its own. The document's string counts from then on.
pub(crate) fn differs_by_root_slash(a: &Issuer, b: &Issuer) -> bool {
    let (short, long) =
        if a.as_str().len() < b.as_str().len() { (a.as_str(), b.as_str()) } else { (b.as_str(), a.as_str()) };
    let path_is_empty = short.split_once("://").is_some_and(|(_, rest)| !rest.contains(['/', '?', '#']));
    path_is_empty && long.strip_suffix('/') == Some(short)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SERVER: &str = "https://mcp.example/mcp";
    const PATH: &str = "https://mcp.example/.well-known/oauth-protected-resource/mcp";
    const ROOT: &str = "https://mcp.example/.well-known/oauth-protected-resource";
    const AS: &str = "https://as.example/.well-known/oauth-authorization-server";

    #[test]
    fn the_orders_are_data() {
        let resource = |server: &str| -> Vec<String> {
            resource_metadata_probes(&ServerUrl::parse(server).unwrap()).into_iter().map(|p| p.url).collect()
        };
        assert_eq!(resource(SERVER), [PATH, ROOT]);
        assert_eq!(resource("https://mcp.example"), [ROOT]);
        assert_eq!(resource("https://mcp.example/mcp/"), [format!("{PATH}/"), ROOT.to_owned()]);
        assert_eq!(resource("https://mcp.example/?t=1"), [format!("{ROOT}?t=1"), ROOT.to_owned()]);
        let server = |issuer: &str| -> Vec<String> {
            server_metadata_probes(&Issuer::new(issuer)).unwrap().into_iter().map(|p| p.url).collect()
        };
        for issuer in ["https://as.example", "https://as.example/"] {
            assert_eq!(server(issuer), [AS, "https://as.example/.well-known/openid-configuration"]);
        }
        for issuer in ["https://as.example/t/1", "https://as.example/t/1/"] {
            assert_eq!(
                server(issuer),
                [
                    "https://as.example/.well-known/oauth-authorization-server/t/1",
                    "https://as.example/.well-known/openid-configuration/t/1",
                    "https://as.example/t/1/.well-known/openid-configuration",
                ]
            );
        }
        for bad in [
            "http://as.example",
            "https://as.example?x",
            "https://as.example#x",
            "as.example",
            "",
            "javascript:x",
        ] {
            assert!(server_metadata_probes(&Issuer::new(bad)).is_err(), "{bad}");
        }
    }
}
