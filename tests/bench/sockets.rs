//! `token.get` over the socket: connect, ask, read, close; and over a connection that is kept.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use mcp_login_tests::Home;

use crate::floor::Echo;
use crate::report::{Report, Verdict};
use crate::stats::Series;

/// Rounds that take turns; enough that one disturbed second spoils one round and not the median.
const ROUNDS: usize = 7;
/// Exchanges a round.
const EXCHANGES: usize = 3000;

const ASK: &str =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"token.get\",\"params\":{\"account\":\"bench\"}}\n";

pub(crate) fn run(home: &Home, report: &mut Report) {
    let echo = Echo::start(home.dir());
    assert!(ask(&home.socket()).contains("access_token"), "the agent hands out the token");
    let (mut anew, mut kept, mut all) = (Vec::new(), Vec::new(), [Series::default(), Series::default()]);
    for round in 0..=ROUNDS {
        let ours = connect_each(&home.socket());
        let floor = connect_each(&echo.socket);
        let pair = (ours.at(0.5), floor.at(0.5));
        let kept_pair = (keep_one(&home.socket()).at(0.5), keep_one(&echo.socket).at(0.5));
        if round > 0 {
            // the first round warms both up
            anew.push(pair);
            kept.push(kept_pair);
            all = [ours, floor];
        }
    }
    report.ratio("`token.get`, fresh, socket: connect + ask + close, p50", 1.5, "a bare socket echo", &anew);
    let [ours, floor] = all;
    report.row("… the agent, last round", "", &ours.text(), Verdict::Shown);
    report.row("… the bare echo, last round", "", &floor.text(), Verdict::Shown);
    let (_, text) = crate::stats::ratios(&kept);
    report.row(
        "`token.get`, fresh, on a kept connection, p50",
        "",
        &format!("{text} of an echo"),
        Verdict::Shown,
    );
}

fn ask(socket: &Path) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    exchange(&mut stream)
}

fn exchange(stream: &mut UnixStream) -> String {
    stream.write_all(ASK.as_bytes()).unwrap();
    let mut line = String::with_capacity(4096);
    BufReader::with_capacity(4096, &*stream).read_line(&mut line).unwrap();
    line
}

fn connect_each(socket: &Path) -> Series {
    let mut series = Series::default();
    for _ in 0..EXCHANGES {
        let begun = Instant::now();
        ask(socket);
        series.push(begun.elapsed());
    }
    series
}

fn keep_one(socket: &Path) -> Series {
    let mut series = Series::default();
    let mut stream = UnixStream::connect(socket).unwrap();
    for _ in 0..EXCHANGES {
        let begun = Instant::now();
        exchange(&mut stream);
        series.push(begun.elapsed());
    }
    series
}
