//! What the agent costs when it does nothing: memory with a hundred accounts, and wake-ups.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::DirEntry;
use std::time::Duration;

use mcp_login_tests::{Home, Sandbox};

use crate::report::{Report, Verdict};

const ACCOUNTS: usize = 100;
/// What a hundred sign-ins leave behind ends by itself: their pages' listeners, the threads that wrote their files.
const SETTLE: Duration = Duration::from_secs(60);
/// Longer than the agent's own tick of 37 s, so that one is in it.
const LOOK: Duration = Duration::from_secs(40);

pub(crate) fn run(report: &mut Report) {
    let sandbox = Sandbox::start_with(&["--access-ttl", "86400"]);
    let home = Home::new();
    for number in 0..ACCOUNTS {
        home.signed_in(sandbox.mcp(), &format!("account-{number}"));
    }
    let agent = *home.agents().first().expect("an agent is running");
    report.number(
        "agent, 100 accounts, resident",
        15.0,
        "MiB",
        kilobytes(agent, "status", "VmRSS:") / 1024.0,
    );
    report.row(
        "… its share of it (PSS)",
        "",
        &format!("{:.1} MiB", kilobytes(agent, "smaps_rollup", "Pss:") / 1024.0),
        Verdict::Shown,
    );
    std::thread::sleep(SETTLE);
    let before = switches(agent);
    std::thread::sleep(LOOK);
    // A thread that had nothing to do ended meanwhile, and its count with it: it woke once for that.
    let after = switches(agent);
    let ended = before.keys().filter(|thread| !after.contains_key(*thread)).count() as u64;
    let woke = ended
        + after.iter().map(|(thread, count)| count - before.get(thread).copied().unwrap_or(0)).sum::<u64>();
    report.row(
        "agent, 100 accounts, idle 40 s: wake-ups of all threads",
        "the 37 s tick only",
        &woke.to_string(),
        if woke <= 10 { Verdict::Met } else { Verdict::Over },
    );
}

pub(crate) fn kilobytes(id: u32, file: &str, name: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(f64::NAN)
}

/// Voluntary context switches of each thread: each is one time that it woke and slept again.
fn switches(id: u32) -> BTreeMap<OsString, u64> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{id}/task")) else { return BTreeMap::new() };
    let count = |thread: &DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("status")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    };
    threads.flatten().filter_map(|thread| Some((thread.file_name(), count(&thread)?))).collect()
}
