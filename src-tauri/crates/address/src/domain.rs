//! Whose house is it? A host name is read from the left and owned from the right:
//! `accounts.bank.com.evil.example` belongs to `evil.example`. Beside every name that a server chose we
//! show the registrable domain, by the Public Suffix List; for addresses and bare names, the host itself.

use url::{Host, Url};

/// The registrable domain of an address, or its host where there is none; `?` for what is no address.
#[must_use]
pub fn of(address: &str) -> String {
    let Ok(url) = Url::parse(address) else { return "?".to_owned() };
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            // bytes in, bytes out; the name is ASCII because `url` has made it so
            psl::domain_str(name).unwrap_or(name).to_owned()
        }
        Some(Host::Ipv4(address)) => with_port(&url, address.to_string()),
        Some(Host::Ipv6(address)) => with_port(&url, format!("[{address}]")),
        None => "?".to_owned(),
    }
}

/// The host with the port, when it is not the usual one. Empty for what is no address.
#[must_use]
pub fn host(address: &str) -> String {
    let Ok(url) = Url::parse(address) else { return String::new() };
    with_port(&url, url.host_str().unwrap_or_default().to_owned())
}

fn with_port(url: &Url, host: String) -> String {
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_on_the_right() {
        assert_eq!(of("https://accounts.bank.com.evil.example/login"), "evil.example");
        assert_eq!(of("https://auth.example.co.uk/"), "example.co.uk");
        assert_eq!(of("https://someone.github.io/mcp"), "someone.github.io");
        assert_eq!(of("https://xn--bcher-kva.example/"), "xn--bcher-kva.example");
        assert_eq!(of("http://127.0.0.1:4321/mcp"), "127.0.0.1:4321");
        assert_eq!(of("http://[::1]:4321/mcp"), "[::1]:4321");
        assert_eq!(of("http://localhost:4321/mcp"), "localhost");
        assert_eq!(of("nonsense"), "?");
    }
}
