//! The least that a message costs which goes through other processes: programs that pass bytes on, and know of nothing else.
//!
//! They are built like ours: where a client speaks HTTP one process stands between it and the server, as the agent does; where it
//! speaks over standard input there are two, a small one that the client starts and the one that has the connection.

use std::fs::File;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::{Client, Http, Owned, authority};

/// Where the bytes come from: `stdio`, `tcp` or the path of a socket.
const FROM: &str = "MCP_LOGIN_BENCH_RELAY_FROM";
/// Where they go: a TCP address or the path of a socket.
const TO: &str = "MCP_LOGIN_BENCH_RELAY_TO";

pub(crate) fn is_called() -> bool {
    std::env::var_os(FROM).is_some()
}

/// Plays one of them until it is killed.
pub(crate) fn serve() {
    let (from, to) = (std::env::var(FROM).unwrap(), std::env::var(TO).unwrap());
    let (from, home) = match from.as_str() {
        "stdio" => (bare(io::stdin()), bare(io::stdout())),
        "tcp" => {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            println!("{}", listener.local_addr().unwrap());
            both(without_delay(listener.accept().unwrap().0))
        }
        socket => {
            let listener = UnixListener::bind(socket).unwrap();
            println!("{socket}");
            both(listener.accept().unwrap().0)
        }
    };
    let (back, to) = match to.starts_with('/') {
        true => both(UnixStream::connect(to).unwrap()),
        false => both(without_delay(TcpStream::connect(to).unwrap())),
    };
    // Both directions, each until its reader ends.
    std::thread::spawn(move || carry(from, to));
    carry(back, home);
}

/// Without the library's buffers.
fn bare(stream: impl AsFd) -> File {
    File::from(stream.as_fd().try_clone_to_owned().unwrap())
}

/// A connection, to read and to write.
fn both(stream: impl AsFd) -> (File, File) {
    (bare(&stream), bare(&stream))
}

fn without_delay(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream
}

fn carry(mut from: File, mut to: File) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}

/// A client with its relays, which end with it.
struct Relayed {
    client: Http,
    _relays: Vec<Owned>,
}

impl Client for Relayed {
    fn ask(&mut self, message: &serde_json::Value) {
        self.client.ask(message);
    }
}

fn relay(from: &str, to: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(FROM, from).env(TO, to);
    command
}

/// Starts one that listens; where.
fn listening(from: &str, to: &str) -> (Owned, String) {
    let (relay, _, mut stdout) = Owned::start(relay(from, to));
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    (relay, line.trim_end().to_owned())
}

/// One process between client and server.
pub(crate) fn one(url: &str, bearer: &str) -> impl Client + 'static {
    let (relay, here) = listening("tcp", &authority(url));
    Relayed { client: Http::to(url, bearer, &here), _relays: vec![relay] }
}

/// Two, the first of them over standard input and output.
pub(crate) fn two(url: &str, bearer: &str, dir: &Path) -> impl Client + 'static {
    let socket: PathBuf = dir.join("relay.sock");
    let (far, here) = listening(socket.to_str().unwrap(), &authority(url));
    let (near, stdin, stdout) = Owned::start(relay("stdio", &here));
    Relayed { client: Http::over(url, bearer, Box::new(stdout), Box::new(stdin)), _relays: vec![near, far] }
}
