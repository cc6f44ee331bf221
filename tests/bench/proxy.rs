//! The proxy rows: from the start of `mcp-login proxy` to the answer to `initialize`, each message against a client of the same
//! make that speaks to the server itself, the HTTP door the same way, and memory with one, five and twenty clients. Where
//! `MCP_REMOTE` names `mcp-remote`'s proxy.js, set up for `MCP_REMOTE_URL` in `MCP_REMOTE_CONFIG_DIR`, it takes turns with ours.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use mcp_login_tests::{Home, Sandbox};
use serde_json::{Value, json};

use crate::report::{Report, Verdict};
use crate::stats::Series;

const ROUNDS: usize = 7;
/// Starts a round.
const STARTS: usize = 9;
/// Messages a round; the first ones of a connection, which warm it, are not counted.
const MESSAGES: usize = 500;
const WARM: usize = 50;
/// What a start may cost more than a direct client.
const START_BUDGET: f64 = 50_000.0;
/// MiB.
const MEMORY_BUDGET: f64 = 5.0;

pub(crate) fn run(home: &Home, sandbox: &Sandbox, report: &mut Report) {
    let token = home.run(&["token", "bench"]).ok().text().to_owned();
    starts(home, sandbox, &token, report);
    messages(home, sandbox, &token, report);
    memory(home, report);
}

fn hello() -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}}})
}

fn call(id: u64, text: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": text}}})
}

/// Somebody who takes a message and gives its answer.
trait Client {
    fn ask(&mut self, message: &Value);
}

/// Over standard input and output.
struct Pipe {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    line: String,
}

impl Pipe {
    fn start(mut command: Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout, line: String::new() }
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

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Over HTTP/1.1, one kept connection: what a client does that talks to the server, or to the door, itself.
struct Http {
    stream: BufReader<TcpStream>,
    path: String,
    host: String,
    bearer: String,
    session: Option<String>,
}

impl Http {
    fn connect(url: &str, bearer: &str) -> Self {
        let url = url::Url::parse(url).unwrap();
        let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let stream = TcpStream::connect(&host).unwrap();
        stream.set_nodelay(true).unwrap();
        let (path, bearer) = (url.path().to_owned(), bearer.to_owned());
        Self { stream: BufReader::new(stream), path, host, bearer, session: None }
    }
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
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut length, mut chunked, mut line) = (0, false, String::new());
        self.stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 20"), "{line}");
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "transfer-encoding" => chunked = true,
                "mcp-session-id" => self.session = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).unwrap();
        while chunked {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk).unwrap();
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

fn begin(mut client: impl Client + 'static) -> Box<dyn Client> {
    client.ask(&hello());
    client.ask(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    Box::new(client)
}

fn mcp_remote() -> Option<Command> {
    let program = std::env::var_os("MCP_REMOTE")?;
    let mut command = Command::new("node");
    command.arg(program).arg(std::env::var_os("MCP_REMOTE_URL")?).arg("--silent");
    Some(command)
}

fn proxy(home: &Home) -> Pipe {
    Pipe::start(home.command(&["proxy", "bench"]))
}

fn starts(home: &Home, sandbox: &Sandbox, token: &str, report: &mut Report) {
    let median = |start: &dyn Fn() -> Box<dyn Client>, times: usize| {
        let mut series = Series::default();
        for _ in 0..times {
            let begun = Instant::now();
            drop(start());
            series.push(begun.elapsed());
        }
        series.at(0.5)
    };
    let (mut rounds, mut rival) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let ours = median(&|| begin(proxy(home)), STARTS);
        let direct = median(&|| begin(Http::connect(sandbox.mcp(), token)), STARTS);
        rounds.push((ours, direct));
        if mcp_remote().is_some() {
            rival.push((ours, median(&|| begin(Pipe::start(mcp_remote().unwrap())), 1)));
        }
    }
    let mut above: Vec<f64> = rounds.iter().map(|(ours, direct)| ours - direct).collect();
    above.sort_by(f64::total_cmp);
    let text = format!(
        "{:.1} ms ({:.1}–{:.1})",
        above[above.len() / 2] / 1e3,
        above[0] / 1e3,
        above[above.len() - 1] / 1e3
    );
    let verdict = if above[above.len() / 2] <= START_BUDGET { Verdict::Met } else { Verdict::Over };
    report.row("`mcp-login proxy`, start to `initialize`, above a direct client", "≤ 50 ms", &text, verdict);
    against(report, "… against `mcp-remote` 0.15.1", &rival);
}

fn messages(home: &Home, sandbox: &Sandbox, token: &str, report: &mut Report) {
    home.run(&["door", "on"]).ok();
    let made = home.run(&["door", "key", "bench", "--client", "bench", "--json"]).ok().json();
    let (url, key) =
        (made["made"]["url"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned());
    allow_key(home, &url, &key);
    let text = "x".repeat(1024);
    let round = |client: &mut dyn Client| {
        let mut series = Series::default();
        for id in 1..=MESSAGES as u64 {
            let message = call(id, &text);
            let begun = Instant::now();
            client.ask(&message);
            series.push(begun.elapsed());
        }
        series.at(0.5)
    };
    let mut clients =
        [begin(proxy(home)), begin(Http::connect(sandbox.mcp(), token)), begin(Http::connect(&url, &key))];
    let mut remote = mcp_remote().map(|command| begin(Pipe::start(command)));
    for client in clients.iter_mut().chain(&mut remote) {
        (1..=WARM as u64).for_each(|id| client.ask(&call(id, &text)));
    }
    let (mut through, mut door, mut rival) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let [ours, direct, behind] = [0, 1, 2].map(|at| round(&mut *clients[at]));
        through.push((ours, direct));
        door.push((behind, direct));
        if let Some(remote) = &mut remote {
            rival.push((ours, round(&mut **remote)));
        }
    }
    report.ratio("`mcp-login proxy`, each message, p50", 1.3, "a direct client", &through);
    against(report, "… against `mcp-remote` 0.15.1", &rival);
    report.ratio("HTTP door, each message, p50", 1.3, "a direct client", &door);
}

fn against(report: &mut Report, what: &str, rival: &[(f64, f64)]) {
    match rival {
        [] => report.row(what, "", "not on this machine", Verdict::Shown),
        rival => report.ratio(what, 1.0, "`mcp-remote`", rival),
    }
}

/// The person's answer to the key's first use.
fn allow_key(home: &Home, url: &str, key: &str) {
    let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
    let accept = "application/json, text/event-stream";
    client.post(url).bearer_auth(key).header("accept", accept).json(&hello()).send().unwrap();
    let pending = home.run(&["approvals", "--json"]).ok().json()["pending"][0]["id"].clone();
    home.run(&["approvals", "allow", pending.as_str().unwrap(), "--for", "always"]).ok();
}

fn memory(home: &Home, report: &mut Report) {
    for count in [1_usize, 5, 20] {
        let mut clients: Vec<Pipe> = (0..count).map(|_| proxy(home)).collect();
        for client in &mut clients {
            client.ask(&hello());
            (1..=100).for_each(|id| client.ask(&call(id, "x")));
        }
        // What a message took is given back by now, or kept.
        std::thread::sleep(Duration::from_millis(200));
        let most = clients.iter().map(|client| resident(client.child.id())).fold(0.0, f64::max);
        let agent: f64 = home.agents().into_iter().map(resident).sum();
        let verdict = if most <= MEMORY_BUDGET { Verdict::Met } else { Verdict::Over };
        let what = format!("`mcp-login proxy`, resident, {count} at a time; the agent beside them");
        report.row(&what, "≤ 5 MiB each", &format!("{most:.1} MiB at most; {agent:.1} MiB"), verdict);
    }
}

/// MiB.
fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().split(' ').next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
