//! The proxy rows: from the start of `mcp-login proxy` to the answer to `initialize`, each message ([`crate::official`]), and memory
//! with one, five and twenty clients. With node and npm, mcp-remote takes turns with ours.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use mcp_login_tests::{Home, Sandbox, npm};

use crate::client::{Client, Http, Pipe, begin, call, hello};
use crate::mcp_remote::{self, McpRemote};
use crate::official;
use crate::report::{Report, Verdict};
use crate::stats::Series;

const ROUNDS: usize = 9;
/// Starts a round.
const STARTS: usize = 9;
/// What a start may cost more than a direct client.
const START_BUDGET: f64 = 50_000.0;
/// MiB.
const MEMORY_BUDGET: f64 = 5.0;

pub(crate) fn run(home: &Home, sandbox: &Sandbox, report: &mut Report) {
    let token = home.run(&["token", "bench"]).ok().text().to_owned();
    home.run(&["door", "on"]).ok();
    let packages = packages();
    let remote = packages.as_ref().map(|packages| McpRemote::new(home, packages));
    let remote = remote.map(|remote| {
        remote.sign_in(sandbox.mcp());
        move || Pipe::start(remote.command(sandbox.mcp()))
    });
    let remote = remote.as_ref().map(|start| start as &dyn Fn() -> Pipe);
    starts(home, sandbox, &token, remote, report);
    match &packages {
        Some(packages) => official::run(home, packages, report),
        None => {
            report.row("each message of the official SDK's client", "", "not here: no npm", Verdict::Shown)
        }
    }
    memory(home, report);
}

/// What others made, where there is what installs it.
fn packages() -> Option<PathBuf> {
    let npm = Command::new("npm").arg("--version").output();
    npm.is_ok_and(|output| output.status.success()).then(|| npm::install("bench"))
}

/// `mcp-login proxy` for this account.
pub(crate) fn proxy(home: &Home, account: &str) -> Pipe {
    Pipe::start(home.command(&["proxy", account]))
}

fn starts(
    home: &Home,
    sandbox: &Sandbox,
    token: &str,
    remote: Option<&dyn Fn() -> Pipe>,
    report: &mut Report,
) {
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
        let ours = median(&|| begin(proxy(home, "bench")), STARTS);
        let direct = median(&|| begin(Http::connect(sandbox.mcp(), token)), STARTS);
        rounds.push((ours, direct));
        if let Some(remote) = remote {
            rival.push((ours, median(&|| begin(remote()), 1)));
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
    if !rival.is_empty() {
        report.ratio("… against a start of `mcp-remote`", 1.0, mcp_remote::NAME, &rival);
    }
}

/// Has a key of the door made for the account, and the person allow its first use. Address and key.
pub(crate) fn key_of_the_door(home: &Home, account: &str) -> (String, String) {
    let made = home.run(&["door", "key", account, "--client", "bench", "--json"]).ok().json();
    let (url, key) = (made["made"]["url"].as_str().unwrap(), made["key"].as_str().unwrap());
    let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
    let accept = "application/json, text/event-stream";
    client.post(url).bearer_auth(key).header("accept", accept).json(&hello()).send().unwrap();
    let pending = home.run(&["approvals", "--json"]).ok().json()["pending"][0]["id"].clone();
    home.run(&["approvals", "allow", pending.as_str().unwrap(), "--for", "always"]).ok();
    (url.to_owned(), key.to_owned())
}

fn memory(home: &Home, report: &mut Report) {
    for count in [1_usize, 5, 20] {
        let mut clients: Vec<Pipe> = (0..count).map(|_| proxy(home, "bench")).collect();
        for client in &mut clients {
            client.ask(&hello());
            (1..=100).for_each(|id| client.ask(&call(id, "x")));
        }
        // What a message took is given back by now, or kept.
        std::thread::sleep(Duration::from_millis(200));
        let most = clients.iter().map(|client| resident(client.id())).fold(0.0, f64::max);
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
