//! Which redirect URIs may be registered, and whether the one asked for is a registered one: exactly, save the port
//! of a loopback address (RFC 8252 §7.3).

use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::problem::Problem;
use crate::site::Site;
use url::{Host, Url};

/// The kinds of RFC 8252 §7, and the web's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    PrivateScheme,
    /// 127.0.0.1 or [::1].
    Loopback,
    Localhost,
    Web,
}

/// The kind of a redirect URI, or why it cannot be one.
pub(crate) fn kind(uri: &str) -> Result<Kind, String> {
    if uri.chars().any(|c| c.is_control() || c == ' ') {
        return Err("a redirect URI holds no spaces and no control characters".into());
    }
    let url = Url::parse(uri).map_err(|e| format!("{uri:?} is no absolute URI: {e}"))?;
    if url.fragment().is_some() {
        return Err("a redirect URI has no fragment (RFC 6749 §3.1.2)".into());
    }
    match url.scheme() {
        "https" => Ok(Kind::Web),
        "http" => match url.host() {
            Some(Host::Ipv4(ip)) if ip.is_loopback() => Ok(Kind::Loopback),
            Some(Host::Ipv6(ip)) if ip.is_loopback() => Ok(Kind::Loopback),
            Some(Host::Domain("localhost")) => Ok(Kind::Localhost),
            _ => Err("http is for loopback addresses only (RFC 8252 §7.3)".into()),
        },
        "javascript" | "data" | "file" | "about" | "blob" | "vbscript" | "ftp" | "ws" | "wss" => {
            Err(format!("the scheme {:?} is no place to send a code to", url.scheme()))
        }
        scheme if scheme.contains('.') || !uri.contains("://") || scheme.len() > 3 => Ok(Kind::PrivateScheme),
        scheme => Err(format!("{scheme:?} is no private-use scheme (RFC 8252 §7.1)")),
    }
}

/// Refuses what the switches say is not taken, and what no server should take.
pub(crate) fn check(site: &Site, uri: &str, at: Endpoint) -> Result<Kind, Problem> {
    let kind = kind(uri).map_err(|why| Problem::bad("invalid_redirect_uri", why))?;
    let refused = match kind {
        Kind::PrivateScheme => site.on(Fault::SchemeRefused, at),
        Kind::Loopback => site.on(Fault::LiteralLoopbackRefused, at) || site.on(Fault::LoopbackRefused, at),
        Kind::Localhost => site.on(Fault::LoopbackRefused, at),
        Kind::Web => false,
    };
    if refused {
        let what = match kind {
            Kind::PrivateScheme => "private-use schemes are not taken here",
            _ => "this loopback address is not taken here",
        };
        return Err(Problem::bad("invalid_redirect_uri", what));
    }
    Ok(kind)
}

/// For which registered redirects the port of the one asked for is left out of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnyPort {
    /// None: byte for byte, always.
    Never,
    /// 127.0.0.1 and [::1] (RFC 8252 §7.3).
    Loopback,
    /// `localhost` too, as Entra does.
    LocalhostToo,
}

/// Whether `asked` is the registered URI.
pub(crate) fn matches(registered: &str, asked: &str, any_port: AnyPort) -> bool {
    if registered == asked {
        return true;
    }
    let free = match kind(registered) {
        Ok(Kind::Loopback) => any_port != AnyPort::Never,
        Ok(Kind::Localhost) => any_port == AnyPort::LocalhostToo,
        _ => false,
    };
    if !free || kind(asked) != kind(registered) {
        return false;
    }
    // Loopback: any port (RFC 8252 §7.3). All else byte for byte, so the texts are compared with the port cut out.
    match (without_port(registered), without_port(asked)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// `http://127.0.0.1:1234/x` → (`http://127.0.0.1`, `/x`).
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let start = uri.find("://")? + 3;
    let end = uri[start..].find(['/', '?']).map_or(uri.len(), |i| start + i);
    let authority = &uri[start..end];
    if authority.contains('@') {
        return None;
    }
    let host = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    Some((&uri[..start + host], &uri[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_loopback_is_free_and_nothing_else() {
        let registered = "http://127.0.0.1:1/callback";
        assert!(matches(registered, "http://127.0.0.1:65000/callback", AnyPort::Loopback));
        assert!(matches("http://127.0.0.1/callback", "http://127.0.0.1:65000/callback", AnyPort::Loopback));
        assert!(matches("http://[::1]/c", "http://[::1]:8/c", AnyPort::Loopback));
        assert!(!matches(registered, "http://127.0.0.1:65000/callback", AnyPort::Never));
        assert!(!matches(registered, "http://127.0.0.1:1/callback2", AnyPort::Loopback));
        assert!(!matches(registered, "http://127.0.0.1:1/callback?x", AnyPort::Loopback));
        assert!(!matches(registered, "http://x@127.0.0.1:1/callback", AnyPort::Loopback));
        assert!(!matches(registered, "http://[::1]:1/callback", AnyPort::Loopback));
        assert!(!matches("http://localhost:1/c", "http://localhost:2/c", AnyPort::Loopback));
        assert!(matches("http://localhost:1/c", "http://localhost:2/c", AnyPort::LocalhostToo));
        assert!(!matches("https://a.example/c", "https://a.example:1/c", AnyPort::Loopback));
    }

    #[test]
    fn kinds_are_told_apart() {
        assert_eq!(kind("io.github.mcp-login:/oauth/callback"), Ok(Kind::PrivateScheme));
        assert_eq!(kind("http://[::1]:3/c"), Ok(Kind::Loopback));
        assert_eq!(kind("http://localhost/c"), Ok(Kind::Localhost));
        assert_eq!(kind("https://a.example/c"), Ok(Kind::Web));
        for bad in
            ["javascript:alert(1)", "http://a.example/c", "/callback", "https://a.example/#x", "data:,x"]
        {
            assert!(kind(bad).is_err(), "{bad}");
        }
    }
}
