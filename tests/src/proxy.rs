//! A small CONNECT proxy, as companies have one: it keeps a list of what passed, and can know names that no resolver knows.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A running proxy. It serves until the test program ends.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    names: Arc<Names>,
    passed: Arc<Mutex<Vec<String>>>,
}

/// `host:port` → where that really is.
type Names = Mutex<BTreeMap<String, SocketAddr>>;

impl Proxy {
    /// Starts it. `names` maps `host:port` to where that really is, e.g. `mcp.example.test:443` to a sandbox.
    pub fn start(names: &[(&str, SocketAddr)]) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let names: BTreeMap<String, SocketAddr> =
            names.iter().map(|(name, address)| ((*name).to_owned(), *address)).collect();
        let names = Arc::new(Mutex::new(names));
        let passed = Arc::new(Mutex::new(Vec::new()));
        let (known, kept) = (Arc::clone(&names), Arc::clone(&passed));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (names, kept) = (Arc::clone(&known), Arc::clone(&kept));
                std::thread::spawn(move || serve(client, &names, &kept));
            }
        });
        Proxy { address, names, passed }
    }

    /// From now on this name lies elsewhere: a server that moved, or somebody in between.
    pub fn point(&self, name: &str, address: SocketAddr) {
        self.names.lock().expect("no panic holds it").insert(name.to_owned(), address);
    }

    /// Its address, as `HTTPS_PROXY` wants it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The `host:port` of every CONNECT, oldest first.
    pub fn passed(&self) -> Vec<String> {
        self.passed.lock().expect("no panic holds it").clone()
    }
}

/// One connection. Whatever fails, the client sees it as a closed connection: that is what proxies do.
fn serve(mut client: TcpStream, names: &Names, passed: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?.take(16 * 1024));
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).ok()? == 0 || header == "\r\n" {
            break;
        }
    }
    let Some(target) = first.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else {
        // Plain HTTP through it would show credentials: nothing of ours may ask for that.
        passed.lock().ok()?.push(format!("refused: {}", first.trim_end()));
        return client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n").ok();
    };
    passed.lock().ok()?.push(target.to_owned());
    let known = names.lock().ok()?.get(target).copied();
    let server = match known {
        Some(address) => TcpStream::connect(address),
        None => TcpStream::connect(target),
    };
    let Ok(server) = server else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").ok();
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let (from_client, to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    let up = std::thread::spawn(move || pump(from_client, to_server));
    pump(server, client);
    up.join().ok()
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
