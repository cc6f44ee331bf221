//! What is counted, not timed: requests that reached the sandbox, out of its own log.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use mcp_login_tests::{Home, Sandbox};
use serde_json::{Value, json};

use crate::report::{Report, Verdict};
use crate::stats::Series;

const CALLERS: usize = 1000;

pub(crate) fn run(report: &mut Report) {
    storm(report);
    hung_issuer(report);
    short_lives(report);
}

/// One call on a connection of its own.
fn call(socket: &Path, method: &str, params: &Value) -> Value {
    let mut stream = UnixStream::connect(socket).unwrap();
    let line = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

fn storm(report: &mut Report) {
    let sandbox = Sandbox::start_with(&["--fault", "slow=token:200"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "storm");
    let before = sandbox.at("refresh").len();
    let socket = home.socket();
    let seen = call(&socket, "token.get", &json!({ "account": "storm" }))["result"]["generation"].clone();
    let start = Barrier::new(CALLERS);
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                std::thread::Builder::new().stack_size(128 * 1024).spawn_scoped(scope, || {
                    start.wait();
                    call(&socket, "token.get", &json!({ "account": "storm", "newer_than": seen }))
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.unwrap().join().unwrap()).collect()
    });
    let mut tokens: Vec<&str> =
        answers.iter().filter_map(|answer| answer["result"]["access_token"].as_str()).collect();
    let answered = tokens.len();
    tokens.sort_unstable();
    tokens.dedup();
    let requests = sandbox.at("refresh").len() - before;
    let met = requests == 1 && answered == CALLERS && tokens.len() == 1;
    let measured = format!("{requests} request, {answered} answered, {} token", tokens.len());
    report.row(
        "1,000 callers whose token was refused, at once",
        "1 request, all answered",
        &measured,
        if met { Verdict::Met } else { Verdict::Over },
    );
}

/// The system may put the two programs on one processor or on two for the whole of a round; so one round says little.
const ROUNDS: usize = 9;

fn hung_issuer(report: &mut Report) {
    let (hung, well) = (Sandbox::start(), Sandbox::start());
    let home = Home::new();
    home.signed_in(hung.mcp(), "hung");
    home.signed_in(well.mcp(), "well");
    let socket = home.socket();
    let rounds = |account| -> Vec<f64> { (0..ROUNDS).map(|_| ask_many(&socket, account).at(0.5)).collect() };
    let quiet = rounds("well");
    let seen = call(&socket, "token.get", &json!({ "account": "hung" }))["result"]["generation"].clone();
    hung.fault("hang", "token");
    // A caller that waits for the hung issuer, for as long as the rest is measured.
    let mut waiting = UnixStream::connect(&socket).unwrap();
    let line = json!({ "jsonrpc": "2.0", "id": 1, "method": "token.get", "params": { "account": "hung", "newer_than": seen } });
    waiting.write_all(format!("{line}\n").as_bytes()).unwrap();
    mcp_login_tests::wait::until("the request to hang", || (!hung.at("refresh").is_empty()).then_some(()));
    let pairs = |account| rounds(account).into_iter().zip(quiet.iter().copied()).collect::<Vec<_>>();
    report.ratio("one issuer hangs: another account's token, p50", 1.5, "before", &pairs("well"));
    report.ratio("one issuer hangs: its own cached token, p50", 1.5, "before", &pairs("hung"));
}

fn ask_many(socket: &Path, account: &str) -> Series {
    let mut series = Series::default();
    for _ in 0..1000 {
        let begun = Instant::now();
        let answer = call(socket, "token.get", &json!({ "account": account }));
        series.push(begun.elapsed());
        assert!(answer["result"]["access_token"].is_string(), "{account} is answered");
    }
    series
}

/// Tokens that live for less than any margin: how often does it ask while callers keep coming?
fn short_lives(report: &mut Report) {
    const LOOK: Duration = Duration::from_secs(12);
    let sandbox = Sandbox::start_with(&["--access-ttl", "30"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "short");
    let socket = home.socket();
    let before = sandbox.at("refresh").len();
    let begun = Instant::now();
    let mut calls = 0_u32;
    while begun.elapsed() < LOOK {
        call(&socket, "token.get", &json!({ "account": "short" }));
        calls += 1;
        std::thread::sleep(Duration::from_millis(10));
    }
    let requests = sandbox.at("refresh").len() - before;
    report.row(
        &format!("30-second tokens: token requests in 12 s, {calls} calls"),
        "≤ 2",
        &requests.to_string(),
        if requests <= 2 { Verdict::Met } else { Verdict::Over },
    );
}
