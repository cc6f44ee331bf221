//! `mcp-login token` as a whole process, against an empty static program, one, 8 and 50 at a time; and, where they are
//! installed and set up, against the two other token agents.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mcp_login_tests::Home;

use crate::floor;
use crate::report::{Report, Verdict};
use crate::rivals::{self, Rival};
use crate::stats::Series;

const ROUNDS: usize = 7;
/// Processes a round and kind.
const STARTS: usize = 200;
/// Starts of an agent: each takes as long as many hand-outs, and nothing is held to it.
const STARTED: usize = 9;

pub(crate) fn run(home: &Home, report: &mut Report) {
    let empty = floor::empty();
    let ours = home.programs().command.clone();
    let token = |program: &Path| {
        let mut command = home.program(program);
        command.args(["token", "bench"]);
        command
    };
    let said = token(&ours).stderr(Stdio::inherit()).output().unwrap();
    assert!(said.status.success() && said.stdout.len() > 10, "the command prints a token");
    let rivals = rivals::found();
    for at_once in [1, 8, 50] {
        let mut pairs = Vec::new();
        let mut against = vec![Vec::new(); rivals.len()];
        for round in 0..=ROUNDS {
            let ours = figure(at_once, || token(&ours));
            let floor = figure(at_once, || Command::new(&empty));
            let others: Vec<f64> = rivals.iter().map(|rival| figure(at_once, || rival.command())).collect();
            if round > 0 {
                pairs.push((ours, floor));
                for (list, other) in against.iter_mut().zip(others) {
                    list.push((ours, other));
                }
            }
        }
        let what = match at_once {
            1 => "`mcp-login token`, whole process, p50".to_owned(),
            n => format!("`mcp-login token`, {n} at a time, time for {STARTS}"),
        };
        report.ratio(&what, 2.0, "an empty static program", &pairs);
        for (rival, list) in rivals.iter().zip(against) {
            report.ratio(&format!("… against `{}`", rival.name()), 1.0, rival.name(), &list);
        }
    }
    for name in Rival::NAMES.iter().filter(|name| !rivals.iter().any(|rival| rival.name() == **name)) {
        report.row(&format!("… against `{name}`"), "", "not on this machine", Verdict::Shown);
    }
    with_start(report);
    sizes(home, report);
}

/// The first one after logging in: it starts the agent. Its tokens are in the keychain then, which is not measured here;
/// the agent's answer that there is no such account takes the same way.
fn with_start(report: &mut Report) {
    const NO_SUCH_ACCOUNT: i32 = 5;
    let home = Home::new();
    let mut series = Series::default();
    for _ in 0..STARTED {
        let begun = Instant::now();
        home.run(&["token", "nobody"]).exits(NO_SUCH_ACCOUNT);
        series.push(begun.elapsed());
        home.run(&["agent", "stop"]).ok();
    }
    report.row("`mcp-login token` when no agent runs: starts one", "", &series.text(), Verdict::Shown);
}

fn sizes(home: &Home, report: &mut Report) {
    let programs = home.programs();
    for (name, program) in [("mcp-login", &programs.command), ("mcp-login-agent", &programs.agent)] {
        let bytes = std::fs::metadata(program).unwrap().len();
        let size = format!("{:.1} MiB", bytes as f64 / 1024.0 / 1024.0);
        report.row(&format!("size of `{name}`"), "", &size, Verdict::Shown);
    }
}

/// One figure for a round, in microseconds: the median of single starts, or the time for all when several run at once.
fn figure(at_once: usize, command: impl Fn() -> Command + Sync) -> f64 {
    if at_once == 1 {
        let mut series = Series::default();
        for _ in 0..STARTS {
            series.push(once(command()));
        }
        return series.at(0.5);
    }
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < STARTS {
                    once(command());
                }
            });
        }
    });
    begun.elapsed().as_secs_f64() * 1e6
}

fn once(mut command: Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
    begun.elapsed()
}
