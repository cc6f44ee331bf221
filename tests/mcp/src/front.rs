//! A sign-in in front of a server that wants none: the suite's scenarios about transport have no authorization, and what is
//! proved here is a client behind our proxy, which puts a token on.
//!
//! The front is the sandbox's public address. What comes to `/mcp` with a token that the sandbox's own MCP server takes goes
//! to the server behind, without the token; everything else goes to the sandbox, so that challenge, metadata and sign-in are
//! its own. Bytes are carried as they are, one request a connection.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use mcp_login_tests::Sandbox;
use url::Url;

/// A head longer than this is none of our programs'.
const LONGEST_HEAD: u64 = 256 * 1024;

/// A protected server: the front, and the sandbox behind it.
#[derive(Debug)]
pub struct Front {
    sandbox: Sandbox,
    places: Arc<Places>,
}

#[derive(Debug)]
struct Places {
    sandbox: SocketAddr,
    /// The server's host with its port, and its path.
    server: (String, String),
    taken: Mutex<BTreeSet<String>>,
    http: reqwest::blocking::Client,
}

impl Front {
    /// Puts a sign-in in front of a server.
    ///
    /// # Panics
    /// When there is no port, or the address is none.
    #[must_use]
    pub fn of(server: &str) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("a bound listener"));
        let sandbox = Sandbox::start_with(&["--origin", &origin, "--approve", "auto"]);
        let url = Url::parse(server).expect("the server's address");
        let host = url.host_str().expect("a host");
        let places = Arc::new(Places {
            sandbox: sandbox.address(),
            server: (format!("{host}:{}", url.port().unwrap_or(80)), url.path().to_owned()),
            taken: Mutex::default(),
            http: mcp_login_tests::http_client(|client| client),
        });
        let carried = Arc::clone(&places);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let places = Arc::clone(&carried);
                std::thread::spawn(move || {
                    // A client or a server that goes away in the middle is theirs to tell.
                    let _ = places.carry(&client);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        Front { sandbox, places }
    }

    /// All access tokens end now, on the server's side.
    ///
    /// # Panics
    /// Never: nobody panics while holding what is taken.
    pub fn expire(&self) {
        self.sandbox.expire("access");
        self.places.taken.lock().expect("no panic holds it").clear();
    }

    /// The protected server's address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.sandbox.mcp()
    }
}

impl Places {
    fn carry(&self, client: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(client.try_clone()?);
        let head = read_head(&mut reader)?;
        let mut lines = head.lines();
        let request = lines.next().unwrap_or_default().to_owned();
        let headers: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        let bearer = headers.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("authorization").then(|| value.trim())?.strip_prefix("Bearer ")
        });
        let through = request.contains(" /mcp ") && bearer.is_some_and(|bearer| self.is_taken(bearer));
        let mut server =
            if through { TcpStream::connect(&self.server.0)? } else { TcpStream::connect(self.sandbox)? };
        server.set_nodelay(true)?;
        let mut out =
            if through { request.replacen(" /mcp ", &format!(" {} ", self.server.1), 1) } else { request };
        out.push_str("\r\nconnection: close\r\n");
        for line in headers {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            match name.as_str() {
                "connection" => {}
                "authorization" if through => {}
                "host" if through => out.push_str(&format!("host: {}\r\n", self.server.0)),
                _ => out.push_str(&format!("{line}\r\n")),
            }
        }
        out.push_str("\r\n");
        server.write_all(out.as_bytes())?;
        server.write_all(reader.buffer())?;
        let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            // The client has gone: so does its request.
            let _ = to.shutdown(Shutdown::Both);
        });
        // There are servers that say keep-alive all the same.
        let mut answer = BufReader::new(server);
        let head = read_head(&mut answer)?;
        let mut out: String = head
            .split_inclusive("\r\n")
            .filter(|line| *line != "\r\n" && !line.to_ascii_lowercase().starts_with("connection:"))
            .collect();
        out.push_str("connection: close\r\n\r\n");
        let mut client = client;
        client.write_all(out.as_bytes())?;
        io::copy(&mut answer, &mut client).map(|_| ())
    }

    /// Whether the sandbox's own MCP server takes the token.
    fn is_taken(&self, bearer: &str) -> bool {
        if self.taken.lock().expect("no panic holds it").contains(bearer) {
            return true;
        }
        let ping = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "front", "version": "0" } } });
        let request = self.http.post(format!("http://{}/mcp", self.sandbox)).bearer_auth(bearer);
        let request = request.header("accept", "application/json, text/event-stream").json(&ping);
        let taken = request.send().is_ok_and(|answer| answer.status().is_success());
        if taken {
            self.taken.lock().expect("no panic holds it").insert(bearer.to_owned());
        }
        taken
    }
}

fn read_head(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut head = Vec::new();
    let mut bounded = reader.by_ref().take(LONGEST_HEAD);
    while !head.ends_with(b"\r\n\r\n") {
        if bounded.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    String::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData.into())
}
