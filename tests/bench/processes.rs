//! `mcp-login token` as a whole process, against an empty static program, one, 8 and 50 at a time; and, where they are
//! installed and set up, against the two other token agents.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mcp_login_tests::{Home, workspace};

use crate::floor;
use crate::report::{Report, Verdict};
use crate::rivals::{self, Rival};
use crate::stats::Series;

const ROUNDS: usize = 7;
/// Processes a round and kind.
const STARTS: usize = 200;

pub(crate) fn run(home: &Home, report: &mut Report) {
    let empty = floor::empty();
    let ours = command(home);
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

/// The command as it is shipped, from `scripts/build`; else the one that the tests built.
fn command(home: &Home) -> PathBuf {
    let shipped = workspace().join("target/dist/mcp-login");
    let shipped = std::env::var_os("MCP_LOGIN_BENCH_COMMAND").map_or(shipped, PathBuf::from);
    if shipped.exists() { shipped } else { home.programs().command.clone() }
}
