//! Opening the browser. The address comes from a remote document, and what opens it is a program with
//! options, a registry of schemes and, on some systems, a script. So an address passes here or not at all:
//! `https`, or `http` to loopback; no user name in it, no fragment, bounded; parsed and written anew, with
//! every character that means something to a shell percent-encoded; one argument of one program, never a shell.
//! It is called only in answer to the person's own command.

use std::time::Duration;
use url::{Host, Url};

/// Longest address that is opened. Authorization requests with signed request objects reach 8 KiB; one
/// argument of a Linux program may have 128 KiB.
const LONGEST: usize = 16 * 1024;

/// How long a launcher may take to say that it failed. `xdg-open` without a browser says so within milliseconds.
const LAUNCH: Duration = Duration::from_millis(1500);

/// An address that may be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

/// Why an address may not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It has control characters or spaces, which no server needs and attacks do.
    #[error("it holds control characters or spaces")]
    Characters,
    /// Over 16 KiB.
    #[error("it is longer than 16 KiB")]
    TooLong,
    /// It does not parse.
    #[error("it is no address")]
    Unreadable,
    /// Neither `https` nor `http` to this machine.
    #[error("only https addresses are opened, or http on this machine")]
    Scheme,
    /// `$(calc).example` parses as a host; nobody's name looks like that.
    #[error("its host has characters that no host has")]
    Host,
    /// `https://bank.example@evil.example` reads as the wrong host.
    #[error("it holds a user name")]
    UserName,
}

/// Why no browser opened.
#[derive(Debug, thiserror::Error)]
#[error("no browser could be started")]
pub struct NoBrowser(#[source] std::io::Error);

impl Address {
    /// Checks an address and writes it anew.
    ///
    /// # Errors
    /// [`Refused`] says why it is not opened.
    pub fn new(raw: &str) -> Result<Self, Refused> {
        if raw.len() > LONGEST {
            return Err(Refused::TooLong);
        }
        // `Url::parse` drops tabs and line ends in silence; what has them was not made by an honest server
        if raw.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(Refused::Characters);
        }
        // `https:\\host` and `https:host` parse as well; only the form that people can read is taken
        let scheme = raw.get(..8).map(str::to_ascii_lowercase).unwrap_or_default();
        if !(scheme == "https://" || scheme.starts_with("http://")) {
            return Err(Refused::Scheme);
        }
        let mut url = Url::parse(raw).map_err(|_| Refused::Unreadable)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::UserName);
        }
        match (url.scheme(), url.host()) {
            (_, Some(Host::Domain(name)))
                if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) =>
            {
                return Err(Refused::Host);
            }
            ("https", Some(_)) => {}
            ("http", Some(host)) if is_loopback(&host) => {}
            _ => return Err(Refused::Scheme),
        }
        // RFC 6749 §3.1: an authorization endpoint has no fragment
        url.set_fragment(None);
        let text = encode(url.as_str());
        if text.len() > LONGEST {
            return Err(Refused::TooLong);
        }
        Ok(Self(text))
    }

    /// The address as it will be opened.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address without its query, for people to recognise it by.
    #[must_use]
    pub fn short(&self) -> String {
        match self.0.split_once('?') {
            Some((head, _)) => format!("{head}?…"),
            None => self.0.clone(),
        }
    }

    /// Opens it in the person's browser, or in the program that they named.
    ///
    /// # Errors
    /// [`NoBrowser`] when nothing could be started.
    pub fn open(&self, browser: Option<&str>) -> Result<(), NoBrowser> {
        match browser {
            Some(program) => open::with_detached(&self.0, program),
            None if cfg!(unix) => open::that_detached_with_timeout(&self.0, LAUNCH),
            None => open::that_detached(&self.0),
        }
        .map_err(NoBrowser)
    }
}

/// `127.0.0.0/8`, `::1` and the name `localhost`.
#[must_use]
pub fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
    }
}

/// Percent-encodes, after the host, what a shell would read. In a query these mean the same either way, since
/// the other side decodes it; a path of an authorization server does not use them.
fn encode(url: &str) -> String {
    let path = url.find("://").and_then(|at| url[at + 3..].find('/').map(|slash| at + 3 + slash));
    let (head, tail) = url.split_at(path.unwrap_or(url.len()));
    let mut out = String::with_capacity(url.len());
    out.push_str(head);
    for c in tail.chars() {
        if c.is_ascii() && b"$`\"'()<>{}[]|\\^;!*".contains(&(c as u8)) {
            out.push_str(&format!("%{:02X}", c as u8));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What attacks put there, and what comes of it.
    const REFUSED: &[(&str, Refused)] = &[
        ("file:///etc/passwd", Refused::Scheme),
        ("javascript:alert(1)", Refused::Scheme),
        ("data:text/html,<script>alert(1)</script>", Refused::Scheme),
        ("ms-msdt:/id", Refused::Scheme),
        ("vscode://x/y", Refused::Scheme),
        ("a:$(calc)", Refused::Scheme),
        ("$(calc)", Refused::Scheme),
        ("`calc`", Refused::Scheme),
        ("-version", Refused::Scheme),
        ("--help", Refused::Scheme),
        ("--", Refused::Scheme),
        ("\\\\evil.example\\share\\x.exe", Refused::Scheme),
        ("//evil.example/share", Refused::Scheme),
        ("C:\\Windows\\System32\\calc.exe", Refused::Scheme),
        ("https:evil.example", Refused::Scheme),
        ("https:\\\\evil.example", Refused::Scheme),
        ("https:/evil.example", Refused::Scheme),
        ("http://evil.example/", Refused::Scheme),
        ("http://169.254.169.254/", Refused::Scheme),
        ("http://127.0.0.1.evil.example/", Refused::Scheme),
        ("http://localhost.evil.example/", Refused::Scheme),
        ("https://", Refused::Unreadable),
        ("https://exa mple/", Refused::Characters),
        ("https://a.example/\r\nX: y", Refused::Characters),
        ("https://a.example/\n", Refused::Characters),
        (" https://a.example/", Refused::Characters),
        ("\thttps://a.example/", Refused::Characters),
        ("https://a.example/\0", Refused::Characters),
        ("java\nscript:alert(1)", Refused::Characters),
        ("https://$(calc).example/", Refused::Host),
        ("https://`calc`.example/", Refused::Host),
        ("https://a;calc.example/", Refused::Host),
        ("https://bank.example@evil.example/", Refused::UserName),
        ("https://bank.example:x@evil.example/", Refused::UserName),
        ("https://a.example|calc/", Refused::Unreadable),
        ("", Refused::Scheme),
    ];

    #[test]
    fn attacks_are_refused() {
        for (raw, why) in REFUSED {
            assert_eq!(Address::new(raw), Err(*why), "{raw:?}");
        }
        assert_eq!(
            Address::new(&format!("https://a.example/{}", "x".repeat(LONGEST))),
            Err(Refused::TooLong)
        );
    }

    #[test]
    fn what_passes_is_written_anew() {
        for (raw, out) in [
            ("https://a.example/authorize?x=1&y=2", "https://a.example/authorize?x=1&y=2"),
            ("HTTPS://A.Example:443/x", "https://a.example/x"),
            ("https://a.example", "https://a.example/"),
            ("http://127.0.0.1:9/x", "http://127.0.0.1:9/x"),
            ("http://localhost:9/x", "http://localhost:9/x"),
            ("http://[::1]:9/x", "http://[::1]:9/x"),
            ("https://a.example/?q=$(calc)", "https://a.example/?q=%24%28calc%29"),
            ("https://a.example/?q=`calc`;|x", "https://a.example/?q=%60calc%60%3B%7Cx"),
            ("https://a.example/?q=\"a'b", "https://a.example/?q=%22a%27b"),
            ("https://a.example/?q=%24%28x%29", "https://a.example/?q=%24%28x%29"),
            ("https://a.example/x#frag", "https://a.example/x"),
            ("https://bücher.example/?q=ü", "https://xn--bcher-kva.example/?q=%C3%BC"),
            ("https://a.example/a\\b", "https://a.example/a/b"),
            ("https://a.example/?q=\\\\unc\\x", "https://a.example/?q=%5C%5Cunc%5Cx"),
        ] {
            assert_eq!(Address::new(raw).unwrap().as_str(), out, "{raw}");
        }
    }

    #[test]
    fn whatever_passes_is_harmless() {
        // every ASCII character in path and query, and some beyond
        for c in (0u8..=127).map(char::from).chain(['\u{202e}', 'ü', '\u{2028}']) {
            for raw in [format!("https://a.example/{c}x?y={c}"), format!("{c}https://a.example/")] {
                if let Ok(address) = Address::new(&raw) {
                    let text = address.as_str();
                    assert!(text.starts_with("https://a.example/"), "{raw:?} became {text:?}");
                    assert!(
                        text.bytes().all(|b| b.is_ascii_graphic() && !b"$`\"'()<>{}|\\^;".contains(&b)),
                        "{raw:?} became {text:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn short_form_has_no_query() {
        assert_eq!(
            Address::new("https://a.example/authorize?state=s").unwrap().short(),
            "https://a.example/authorize?…"
        );
    }
}
