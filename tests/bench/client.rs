//! A client that does no work of its own: it writes a message, and reads until the answer is there.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::stats::Series;

pub(crate) fn hello() -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}}})
}

pub(crate) fn call(id: u64, text: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": text}}})
}

/// Somebody who takes a message and gives its answer.
pub(crate) trait Client {
    fn ask(&mut self, message: &Value);
}

/// Says hello.
pub(crate) fn begin(mut client: impl Client + 'static) -> Box<dyn Client> {
    client.ask(&hello());
    client.ask(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    Box::new(client)
}

const ROUNDS: usize = 9;
/// Messages a round; the first ones of a connection, which warm it, are not counted.
const MESSAGES: usize = 500;
const WARM: usize = 50;

/// Each round's median of a message of one kilobyte, in µs, by the clients' order: they take turns.
pub(crate) fn turns(clients: &mut [Box<dyn Client>]) -> Vec<Vec<f64>> {
    let text = "x".repeat(1024);
    let round = |client: &mut Box<dyn Client>, messages: usize| {
        let mut series = Series::default();
        for id in 1..=messages as u64 {
            let message = call(id, &text);
            let begun = Instant::now();
            client.ask(&message);
            series.push(begun.elapsed());
        }
        series.at(0.5)
    };
    for client in clients.iter_mut() {
        round(client, WARM);
    }
    (0..ROUNDS).map(|_| clients.iter_mut().map(|client| round(client, MESSAGES)).collect()).collect()
}

/// Two of the clients, round by round.
pub(crate) fn pairs(rounds: &[Vec<f64>], ours: usize, floor: usize) -> Vec<(f64, f64)> {
    rounds.iter().map(|round| (round[ours], round[floor])).collect()
}

/// A program that ends with its owner.
#[derive(Debug)]
pub(crate) struct Owned(pub(crate) Child);

impl Owned {
    /// Starts it, with its standard input and output in our hands.
    pub(crate) fn start(mut command: Command) -> (Owned, ChildStdin, BufReader<ChildStdout>) {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        (Owned(child), stdin, stdout)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Over standard input and output.
pub(crate) struct Pipe {
    child: Owned,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    line: String,
}

impl Pipe {
    pub(crate) fn start(command: Command) -> Self {
        let (child, stdin, stdout) = Owned::start(command);
        Self { child, stdin, stdout, line: String::new() }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.0.id()
    }
}

impl Client for Pipe {
    fn ask(&mut self, message: &Value) {
        self.stdin.write_all(format!("{message}\n").as_bytes()).unwrap();
        let Some(id) = message.get("id") else { return };
        loop {
            self.line.clear();
            assert!(self.stdout.read_line(&mut self.line).unwrap() > 0, "it has ended");
            let answer: Value = serde_json::from_str(&self.line).unwrap();
            if answer["id"] == *id {
                assert!(answer.get("result").is_some(), "{answer}");
                return;
            }
        }
    }
}

/// Over HTTP/1.1, one kept connection: what a client does that talks to the server, or to the door, itself.
pub(crate) struct Http {
    reader: BufReader<Box<dyn Read>>,
    writer: Box<dyn Write>,
    path: String,
    host: String,
    bearer: String,
    session: Option<String>,
}

impl Http {
    pub(crate) fn connect(url: &str, bearer: &str) -> Self {
        let host = authority(url);
        Self::to(url, bearer, &host)
    }

    /// Through somebody who listens here and passes on to the server.
    pub(crate) fn to(url: &str, bearer: &str, here: &str) -> Self {
        let stream = TcpStream::connect(here).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(url, bearer, Box::new(stream.try_clone().unwrap()), Box::new(stream))
    }

    /// Over whatever leads to the server.
    pub(crate) fn over(url: &str, bearer: &str, reader: Box<dyn Read>, writer: Box<dyn Write>) -> Self {
        let path = url::Url::parse(url).unwrap().path().to_owned();
        let (host, bearer) = (authority(url), bearer.to_owned());
        Self { reader: BufReader::new(reader), writer, path, host, bearer, session: None }
    }
}

/// Host and port.
pub(crate) fn authority(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}

impl Client for Http {
    fn ask(&mut self, message: &Value) {
        let body = message.to_string();
        let session = self
            .session
            .as_ref()
            .map(|id| format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: 2025-11-25\r\n"));
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{}Content-Length: {}\r\n\r\n{body}",
            self.path,
            self.host,
            self.bearer,
            session.unwrap_or_default(),
            body.len()
        );
        self.writer.write_all(request.as_bytes()).unwrap();
        let (mut length, mut chunked, mut line) = (0, false, String::new());
        self.reader.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 20"), "{line}");
        loop {
            line.clear();
            self.reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "transfer-encoding" => chunked = true,
                "mcp-session-id" => self.session = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut answer = vec![0; length];
        self.reader.read_exact(&mut answer).unwrap();
        while chunked {
            line.clear();
            self.reader.read_line(&mut line).unwrap();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            self.reader.read_exact(&mut chunk).unwrap();
            answer.extend_from_slice(&chunk[..size]);
            chunked = size > 0;
        }
        if message.get("id").is_some() {
            let text = String::from_utf8(answer).unwrap();
            let json = text.split_once("data: ").map_or(text.as_str(), |(_, rest)| rest);
            assert!(serde_json::from_str::<Value>(json.trim()).unwrap().get("result").is_some(), "{text}");
        }
    }
}
