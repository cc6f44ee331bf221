//! The loopback listener: one of the three ways an authorization response comes home (RFC 8252 §7.3).
//!
//! Problem: everything on the machine, and every web page through the browser, can reach a loopback port. Invariant: only
//! a GET on the one path with the right `Host` gets as far as the sign-in; whether it matches is decided there; and the
//! listener lives until a *matched* callback came, so that a stray or hostile one cannot end a person's sign-in. What is
//! read from a connection is bounded in size and time, and so is the number of connections.

use crate::landing::Landing;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::{Host, Url};

/// Request line and headers together. Authorization codes of big providers are JWE of 2–4 KB, and a browser adds cookies
/// that other programs left for the host.
const MAX_HEAD: usize = 32 * 1024;
/// From accept to the end of the request head. Browsers open a second connection in advance and leave it silent.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// To hand over the page and see the browser close.
const REPLY_TIME: Duration = Duration::from_secs(5);
/// Connections at a time. A browser uses up to six; the rest waits in the kernel's queue.
const MAX_CONNECTIONS: usize = 32;

/// How the redirect URI names this machine. Servers compare it as a string, so they are three different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostForm {
    /// `127.0.0.1`, what RFC 8252 §8.3 asks for.
    V4,
    /// `localhost`, for issuers that know only that; both address families then, as the browser chooses.
    Localhost,
    /// `[::1]`, only when a pre-registered client says so.
    V6,
}

impl HostForm {
    fn text(self) -> &'static str {
        match self {
            HostForm::V4 => "127.0.0.1",
            HostForm::Localhost => "localhost",
            HostForm::V6 => "[::1]",
        }
    }
}

/// Which port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Whatever is free.
    Any,
    /// This one if it is free: the issuer may compare ports against RFC 8252 §7.3.
    Preferred(u16),
    /// This one or none: a pre-registered client's.
    Exactly(u16),
}

/// Bound and not yet answering.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<TcpListener>,
    form: HostForm,
    port: u16,
    path: String,
}

impl Listener {
    /// Binds, so that the port is ours before the issuer hears of it.
    ///
    /// # Errors
    /// What the system says: an exact port that is taken, or no loopback.
    pub fn bind(form: HostForm, port: Port, path: &str) -> io::Result<Self> {
        let first_choice = match port {
            Port::Any => 0,
            Port::Preferred(port) | Port::Exactly(port) => port,
        };
        match Self::bind_at(form, first_choice, path) {
            Err(_) if matches!(port, Port::Preferred(_)) => Self::bind_at(form, 0, path),
            other => other,
        }
    }

    /// Binds for a redirect URI that the person wrote down.
    ///
    /// # Errors
    /// `InvalidInput` when it is no loopback URI with `http`; else what the system says.
    pub fn bind_exactly(redirect_uri: &str) -> io::Result<Self> {
        let parts = LoopbackUri::parse(redirect_uri)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a loopback redirect URI"))?;
        // Without a port the port is ours to choose (RFC 8252 §7.3); port 80 is not for us.
        let port = parts.port.map_or(Port::Any, Port::Exactly);
        Self::bind(parts.form, port, &parts.path)
    }

    fn bind_at(form: HostForm, port: u16, path: &str) -> io::Result<Self> {
        let mut sockets = Vec::new();
        let first: SocketAddr = match form {
            HostForm::V6 => (Ipv6Addr::LOCALHOST, port).into(),
            HostForm::V4 | HostForm::Localhost => (Ipv4Addr::LOCALHOST, port).into(),
        };
        let socket = listen(first)?;
        let port = socket.local_addr()?.port();
        sockets.push(socket);
        if form == HostForm::Localhost {
            match listen((Ipv6Addr::LOCALHOST, port).into()) {
                Ok(socket) => sockets.push(socket),
                // Somebody else has the same port there and would get the browser's callback.
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => return Err(e),
                // No IPv6 on this machine: the browser cannot go there either.
                Err(_) => {}
            }
        }
        Ok(Self { sockets, form, port, path: path.to_owned() })
    }

    /// The port it is bound to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The redirect URI to register and to send, byte for byte.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        format!("http://{}:{}{}", self.form.text(), self.port, self.path)
    }

    /// Answers until `deliver` says that a callback matched, and its page is sent. `deliver` says what page to show.
    pub async fn serve<F, Fut>(self, deliver: F)
    where
        F: Fn(Arrival) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Landing> + Send + 'static,
    {
        let base: Arc<str> = self.redirect_uri().into();
        let matched = Arc::new(Notify::new());
        let mut connections: JoinSet<Ends> = JoinSet::new();
        loop {
            tokio::select! {
                stream = accept(&self.sockets), if connections.len() < MAX_CONNECTIONS => {
                    connections.spawn(answer(stream, base.clone(), deliver.clone(), matched.clone()));
                }
                Some(_) = connections.join_next() => {}
                () = matched.notified() => break,
            }
        }
        // The port is free again before the page is read: the next sign-in may want the same one.
        drop(self.sockets);
        while let Some(done) = connections.join_next().await {
            if matches!(done, Ok(Ends::Yes)) {
                return;
            }
        }
    }
}

/// What came to the listener.
#[derive(Debug)]
pub enum Arrival {
    /// A GET on the path with the right host: the whole callback address.
    Callback(String),
    /// Anything else, and the HTTP status that it gets.
    Rubbish(u16),
}

/// Whether the listener has done its work.
#[derive(PartialEq, Eq)]
enum Ends {
    Yes,
    No,
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // On Unix: so that a preferred port can be had again while old connections are in TIME_WAIT. On Windows the same
    // option would let another program take the port from us, and its opposite is asked for.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    #[cfg(windows)]
    crate::exclusive::take_alone(&socket)?;
    socket.bind(addr)?;
    socket.listen(64)
}

/// The next connection on any of the sockets.
async fn accept(sockets: &[TcpListener]) -> TcpStream {
    std::future::poll_fn(|cx| {
        for socket in sockets {
            // An error here is of the one connection (reset before accept) or a lack of descriptors, which the next
            // wake-up finds gone or not; the listener is not to end because of it.
            if let std::task::Poll::Ready(Ok((stream, _))) = socket.poll_accept(cx) {
                return std::task::Poll::Ready(stream);
            }
        }
        std::task::Poll::Pending
    })
    .await
}

async fn answer<F, Fut>(mut stream: TcpStream, base: Arc<str>, deliver: F, matched: Arc<Notify>) -> Ends
where
    F: Fn(Arrival) -> Fut,
    Fut: Future<Output = Landing>,
{
    let landing = match timeout(HEAD_TIME, read_head(&mut stream)).await {
        Err(_) => Landing::BadRequest(408),
        Ok(Err(HeadFault::Gone)) => return Ends::No,
        Ok(Err(HeadFault::TooLarge)) => deliver(Arrival::Rubbish(431)).await,
        Ok(Ok(head)) => match Request::parse(&head).and_then(|r| r.callback(&base)) {
            Err(status) => deliver(Arrival::Rubbish(status)).await,
            Ok(url) => deliver(Arrival::Callback(url)).await,
        },
    };
    let ends = match landing {
        Landing::Done | Landing::UnderWay | Landing::NotDone => Ends::Yes,
        Landing::Used | Landing::Unmatched | Landing::BadRequest(_) => Ends::No,
    };
    if ends == Ends::Yes {
        matched.notify_one();
    }
    let _ = timeout(REPLY_TIME, async {
        stream.write_all(&landing.response()).await?;
        stream.shutdown().await?;
        // What the other side still sends would otherwise turn into a reset that can overtake the page.
        let mut rest = [0; 1024];
        for _ in 0..64 {
            if stream.read(&mut rest).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    })
    .await;
    ends
}

enum HeadFault {
    /// Closed, or never said anything.
    Gone,
    TooLarge,
}

async fn read_head(stream: &mut TcpStream) -> Result<Vec<u8>, HeadFault> {
    let mut head = Vec::with_capacity(1024);
    loop {
        // Only the last bytes can hold a new end.
        let from = head.len().saturating_sub(3);
        if stream.read_buf(&mut head).await.map_err(|_| HeadFault::Gone)? == 0 {
            return Err(HeadFault::Gone);
        }
        if let Some(end) = head[from..].windows(4).position(|w| w == b"\r\n\r\n") {
            head.truncate(from + end + 2);
            return Ok(head);
        }
        if head.len() > MAX_HEAD {
            return Err(HeadFault::TooLarge);
        }
    }
}

/// What we need of a request. Anything unusual is a 400: browsers send nothing unusual.
struct Request<'a> {
    method: &'a str,
    target: &'a str,
    host: &'a str,
}

impl<'a> Request<'a> {
    fn parse(head: &'a [u8]) -> Result<Self, u16> {
        let head = std::str::from_utf8(head).map_err(|_| 400_u16)?;
        if head.bytes().any(|b| b == 0 || b == 0x7f) {
            return Err(400);
        }
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (first.next(), first.next(), first.next(), first.next())
        else {
            return Err(400);
        };
        if version != "HTTP/1.1" && version != "HTTP/1.0" {
            return Err(400);
        }
        let mut host = None;
        for line in lines.filter(|l| !l.is_empty()) {
            let (name, value) = line.split_once(':').ok_or(400_u16)?;
            if name.eq_ignore_ascii_case("host") && host.replace(value.trim()).is_some() {
                return Err(400);
            }
        }
        Ok(Self { method, target, host: host.ok_or(400_u16)? })
    }

    /// The callback's address, or the status to refuse with. The host first: a page that resolved its own name to
    /// loopback learns nothing about paths.
    fn callback(&self, base: &str) -> Result<String, u16> {
        let (authority, path) = base
            .strip_prefix("http://")
            .and_then(|rest| rest.find('/').map(|slash| rest.split_at(slash)))
            .unwrap_or((base, "/"));
        if !self.host.eq_ignore_ascii_case(authority) {
            return Err(403);
        }
        if self.method != "GET" {
            return Err(405);
        }
        let (target_path, query) = self.target.split_once('?').unwrap_or((self.target, ""));
        if target_path != path {
            return Err(404);
        }
        Ok(format!("{base}?{query}"))
    }
}

/// A loopback redirect URI taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct LoopbackUri {
    /// How it names the machine.
    pub form: HostForm,
    /// The port, when it names one.
    pub port: Option<u16>,
    /// The path, `/` at least.
    pub path: String,
}

impl LoopbackUri {
    /// `None` when it is not `http` to loopback, or has a query, a fragment or a user.
    #[must_use]
    pub fn parse(uri: &str) -> Option<Self> {
        let url = Url::parse(uri).ok()?;
        let plain = url.scheme() == "http"
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let form = match url.host()? {
            Host::Ipv4(ip) if ip == Ipv4Addr::LOCALHOST => HostForm::V4,
            Host::Ipv6(ip) if ip == Ipv6Addr::LOCALHOST => HostForm::V6,
            Host::Domain("localhost") => HostForm::Localhost,
            _ => return None,
        };
        plain.then(|| Self { form, port: url.port(), path: url.path().to_owned() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::task::JoinHandle;

    type Seen = Arc<Mutex<Vec<String>>>;

    /// A listener for which only a query with `state=right` matches.
    fn start(listener: Listener) -> (Seen, JoinHandle<()>) {
        let seen = Seen::default();
        let log = seen.clone();
        let task = tokio::spawn(listener.serve(move |arrival: Arrival| {
            let landing = match arrival {
                Arrival::Rubbish(status) => Landing::BadRequest(status),
                Arrival::Callback(url) => {
                    let matched = url.contains("state=right");
                    log.lock().unwrap().push(url);
                    if matched { Landing::Done } else { Landing::Unmatched }
                }
            };
            async move { landing }
        }));
        (seen, task)
    }

    async fn say(port: u16, text: &[u8]) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        stream.write_all(text).await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    fn get(port: u16, target: &str) -> Vec<u8> {
        format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n\r\n").into_bytes()
    }

    #[tokio::test]
    async fn hostile_requests_leave_it_waiting_for_the_right_one() {
        let listener = Listener::bind(HostForm::V4, Port::Any, "/callback").unwrap();
        let port = listener.port();
        let (seen, task) = start(listener);
        let p = port;
        for (text, status) in [
            (get(p, "/favicon.ico"), 404),
            (get(p, "/callback/?state=right"), 404),
            (get(p, "//callback?state=right"), 404),
            (get(p, "http://127.0.0.1/callback?state=right"), 404),
            (
                format!(
                    "POST /callback?state=right HTTP/1.1\r\nHost: 127.0.0.1:{p}\r\nContent-Length: 0\r\n\r\n"
                )
                .into(),
                405,
            ),
            (format!("GET /callback?state=right HTTP/1.1\r\nHost: evil.example:{p}\r\n\r\n").into(), 403),
            (format!("GET /callback?state=right HTTP/1.1\r\nHost: localhost:{p}\r\n\r\n").into(), 403),
            (b"GET /callback?state=right HTTP/1.1\r\n\r\n".to_vec(), 400),
            (
                format!("GET /callback?state=right HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1:{p}\r\n\r\n")
                    .into(),
                400,
            ),
            (b"\x16\x03\x01\x02\x00\x01\r\n\r\n".to_vec(), 400),
            (b"GET /callback?state=right\r\n\r\n".to_vec(), 400),
            ([&b"GET / HTTP/1.1\r\nX: "[..], &[b'a'; MAX_HEAD]].concat(), 431),
        ] {
            let answer = say(p, &text).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        }
        assert!(seen.lock().unwrap().is_empty(), "nothing of that may reach the sign-in");
        let answer = say(p, &get(p, "/callback?error=<script>alert(1)</script>&state=wrong")).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && !answer.contains("alert"), "{answer}");
        assert!(!task.is_finished());
        let answer = say(p, &get(p, "/callback?code=c&state=right")).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("You are signed in"),
            "{answer}"
        );
        timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
        assert_eq!(
            seen.lock().unwrap().last().unwrap(),
            &format!("http://127.0.0.1:{p}/callback?code=c&state=right")
        );
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, p)).await.is_err(), "closed after the match");
    }

    #[tokio::test]
    async fn silent_connections_do_not_keep_the_browser_out() {
        let listener = Listener::bind(HostForm::V4, Port::Any, "/callback").unwrap();
        let port = listener.port();
        let (_, task) = start(listener);
        let mut silent = Vec::new();
        for _ in 0..MAX_CONNECTIONS - 1 {
            silent.push(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap());
        }
        assert!(say(port, &get(port, "/callback?state=right")).await.contains("200 OK"));
        timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error_only_when_it_must_be_that_one() {
        let first = Listener::bind(HostForm::V4, Port::Any, "/callback").unwrap();
        assert!(Listener::bind_exactly(&first.redirect_uri()).is_err());
        let other = Listener::bind(HostForm::V4, Port::Preferred(first.port()), "/callback").unwrap();
        assert_ne!(other.port(), first.port());
    }

    #[tokio::test]
    async fn localhost_form_takes_both_families_and_its_own_host_only() {
        let listener = Listener::bind(HostForm::Localhost, Port::Any, "/cb").unwrap();
        let port = listener.port();
        assert_eq!(listener.redirect_uri(), format!("http://localhost:{port}/cb"));
        let (_, task) = start(listener);
        assert!(say(port, &get(port, "/cb?state=right")).await.contains("403"));
        let text = format!("GET /cb?state=right HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
        assert!(say(port, text.as_bytes()).await.contains("200 OK"));
        timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
    }

    #[test]
    fn loopback_uris() {
        let parse = LoopbackUri::parse;
        assert_eq!(
            parse("http://localhost:8976/oauth/cb"),
            Some(LoopbackUri { form: HostForm::Localhost, port: Some(8976), path: "/oauth/cb".into() })
        );
        assert_eq!(parse("http://127.0.0.1/x").unwrap().port, None);
        assert_eq!(parse("http://[::1]:1/x").unwrap().form, HostForm::V6);
        for bad in [
            "https://localhost:1/x",
            "http://127.0.0.2:1/x",
            "http://u@localhost/x",
            "http://localhost/x?y",
            "x:/y",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
