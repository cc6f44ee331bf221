//! The demo talks to the sandbox itself: to play the person, to call a tool, to read the sandbox's log. It
//! needs one request, one answer, on loopback, in the clear; nothing here may be used for anything else, so
//! an address elsewhere is refused before a byte leaves.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;
use url::{Host, Url};

/// Everything is on this machine: what takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(20);
/// Largest answer that is read; the sandbox's log of one demo is some 50 KiB.
const LARGEST: u64 = 4 * 1024 * 1024;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// Not `http` on this machine.
    #[error("the demo speaks only to this computer")]
    Elsewhere,
    /// The connection.
    #[error("the sandbox did not answer")]
    Connection(#[from] std::io::Error),
    /// No HTTP.
    #[error("the answer is no HTTP")]
    Unreadable,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name (lower case).
    #[must_use]
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as JSON, also when it comes as one server-sent event.
    #[must_use]
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        let text = std::str::from_utf8(&self.body).ok()?;
        serde_json::from_str(text).ok().or_else(|| {
            let data: Vec<&str> =
                text.lines().filter_map(|l| l.strip_prefix("data:")).map(str::trim_start).collect();
            serde_json::from_str(data.last()?).ok()
        })
    }
}

/// `GET`
///
/// # Errors
/// [`Failed`]
pub(super) fn get(url: &Url, headers: &[(&str, &str)]) -> Result<Answer, Failed> {
    send("GET", url, headers, None)
}

/// `POST` with a body of that type.
///
/// # Errors
/// [`Failed`]
pub(super) fn post(url: &Url, headers: &[(&str, &str)], kind: &str, body: &str) -> Result<Answer, Failed> {
    send("POST", url, headers, Some((kind, body)))
}

fn send(
    method: &str,
    url: &Url,
    headers: &[(&str, &str)],
    body: Option<(&str, &str)>,
) -> Result<Answer, Failed> {
    let to = loopback(url)?;
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let host = url.host_str().ok_or(Failed::Elsewhere)?;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut request =
        format!("{method} {target} HTTP/1.1\r\nHost: {host}:{}\r\nConnection: close\r\n", to.port());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some((kind, body)) = body {
        request.push_str(&format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    } else {
        request.push_str("\r\n");
    }
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(LARGEST).read_to_end(&mut bytes)?;
    parse(&bytes)
}

fn loopback(url: &Url) -> Result<SocketAddr, Failed> {
    let address = match url.host() {
        Some(Host::Ipv4(a)) => IpAddr::V4(a),
        Some(Host::Ipv6(a)) => IpAddr::V6(a),
        Some(Host::Domain("localhost")) => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        _ => return Err(Failed::Elsewhere),
    };
    if url.scheme() != "http" || !address.is_loopback() {
        return Err(Failed::Elsewhere);
    }
    Ok(SocketAddr::new(address, url.port_or_known_default().unwrap_or(80)))
}

fn parse(bytes: &[u8]) -> Result<Answer, Failed> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or(Failed::Unreadable)?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| Failed::Unreadable)?;
    let rest = &bytes[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|l| l.strip_prefix("HTTP/1."))
        .and_then(|l| l.split(' ').nth(1))
        .and_then(|s| s.parse().ok())
        .ok_or(Failed::Unreadable)?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(':'))
        .map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()))
        .collect();
    let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let body = if find("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        unchunk(rest).ok_or(Failed::Unreadable)?
    } else {
        match find("content-length").and_then(|v| v.parse::<usize>().ok()) {
            Some(length) => rest.get(..length).ok_or(Failed::Unreadable)?.to_vec(),
            None => rest.to_vec(),
        }
    };
    Ok(Answer { status, headers, body })
}

fn unchunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let line = bytes.windows(2).position(|w| w == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..line]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        bytes = bytes.get(line + 2..)?;
        if size == 0 {
            return Some(out);
        }
        out.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size.checked_add(2)?..)?;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine() {
        for url in
            ["https://127.0.0.1/", "http://10.0.0.1/", "http://example.com/", "http://127.0.0.1.example.com/"]
        {
            assert!(matches!(loopback(&Url::parse(url).unwrap()), Err(Failed::Elsewhere)), "{url}");
        }
        assert_eq!(
            loopback(&Url::parse("http://localhost:81/").unwrap()).unwrap().to_string(),
            "127.0.0.1:81"
        );
    }

    #[test]
    fn answers_are_read() {
        let a = parse(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nokjunk").unwrap();
        assert_eq!((a.status, a.header("location"), a.body.as_slice()), (302, Some("/x"), &b"ok"[..]));
        let a = parse(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n",
        )
        .unwrap();
        assert_eq!(a.json().unwrap()["a"], 1);
        let a = parse(b"HTTP/1.1 200 OK\r\n\r\nevent: message\r\ndata: {\"b\":2}\r\n\r\n").unwrap();
        assert_eq!(a.json().unwrap()["b"], 2);
        for bad in [
            &b""[..],
            b"x",
            b"HTTP/1.1 \r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
