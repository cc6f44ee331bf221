//! A page of releases, as a forge has one: it answers with a redirect to the newest, or otherwise when told. Real HTTP, and
//! nothing of ours in between: its log is what came over the wire.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// It serves until the test program ends.
#[derive(Debug)]
pub struct Releases {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    /// What every request gets, byte for byte; silence when there is none.
    answer: Option<String>,
    heads: Vec<String>,
    /// Those that wait for ever.
    silent: Vec<TcpStream>,
}

impl Default for Releases {
    fn default() -> Self {
        Self::start()
    }
}

impl Releases {
    /// Starts one that says nothing to anybody.
    pub fn start() -> Releases {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let inner = Arc::<Mutex<Inner>>::default();
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Some((head, mut client)) = head_of(client) else { continue };
                let mut inner = shared.lock().unwrap_or_else(PoisonError::into_inner);
                inner.heads.push(head);
                match inner.answer.clone() {
                    Some(answer) => drop(client.write_all(answer.as_bytes())),
                    None => inner.silent.push(client),
                }
            }
        });
        Releases { address, inner }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// For `updates.from`.
    pub fn latest(&self) -> String {
        self.url("/mcp-login/mcp-login/releases/latest")
    }

    /// The page of a version.
    pub fn page(&self, version: &str) -> String {
        self.url(&format!("/mcp-login/mcp-login/releases/tag/v{version}"))
    }

    /// From now on it sends to this version's page.
    pub fn newest(&self, version: &str) {
        self.leads_to(302, &self.page(version));
    }

    /// From now on it sends there.
    pub fn leads_to(&self, status: u16, link: &str) {
        self.says(&format!(
            "HTTP/1.1 {status} Moved\r\nLocation: {link}\r\nSet-Cookie: who=you\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ));
    }

    /// From now on it answers with these bytes and closes.
    pub fn says(&self, answer: &str) {
        self.inner().answer = Some(answer.to_owned());
    }

    /// From now on it says nothing, and closes nothing.
    pub fn falls_silent(&self) {
        self.inner().answer = None;
    }

    /// The heads of all requests, as they came.
    pub fn log(&self) -> Vec<String> {
        self.inner().heads.clone()
    }
}

fn head_of(client: TcpStream) -> Option<(String, TcpStream)> {
    client.set_read_timeout(Some(crate::wait::LONG)).ok()?;
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some((head, reader.into_inner()))
}
