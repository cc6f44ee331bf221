//! The agent rows of the budgets, compared with their floors in one run on one machine. `scripts/bench` runs it and writes
//! `docs/performance.md`.
//!
//! Absolute times on a shared machine say little. So every figure stands beside a floor that was measured in the same
//! minute, taking turns (A B A B …), and what is held to a budget is the ratio of each pair or a count out of the sandbox's
//! own log. Nothing here fails for being slow: the table says "over" and the reader decides.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

// Unix only: the floor is a Unix socket.
#[cfg(target_os = "linux")]
mod client;
#[cfg(unix)]
mod counts;
#[cfg(target_os = "linux")]
mod desktop;
#[cfg(unix)]
mod floor;
#[cfg(target_os = "linux")]
mod mcp_remote;
#[cfg(unix)]
mod memory;
#[cfg(target_os = "linux")]
mod official;
#[cfg(unix)]
mod processes;
#[cfg(target_os = "linux")]
mod proxy;
#[cfg(target_os = "linux")]
mod relay;
#[cfg(unix)]
mod report;
#[cfg(unix)]
mod rivals;
#[cfg(unix)]
mod sockets;
#[cfg(unix)]
mod stats;

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
fn main() {
    use mcp_login_tests::{Home, SETTINGS, Sandbox};
    use report::{Part, Report};

    // The same program plays the floors' other halves when it is called by their names.
    if floor::is_called() {
        return floor::serve();
    }
    #[cfg(target_os = "linux")]
    if relay::is_called() {
        return relay::serve();
    }
    let only: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| word == name);
    #[cfg(target_os = "linux")]
    if wanted("desktop") {
        let mut report = Report::begin();
        desktop::run(&mut report);
        report.write_part(Part::Window);
        if only.iter().all(|word| word == "desktop") && !only.is_empty() {
            return;
        }
    }
    let mut report = Report::begin();
    let sandbox = Sandbox::start_with(&["--access-ttl", "3600"]);
    let home = Home::new();
    // The policy lets the benchmark in; a key of the HTTP door is allowed by hand.
    home.write_settings(&format!("{SETTINGS}approvals = \"terminal\"\n"));
    home.signed_in(sandbox.mcp(), "bench");
    #[cfg(target_os = "linux")]
    if wanted("proxy") {
        let mut report = Report::begin();
        proxy::run(&home, &sandbox, &mut report);
        report.write_part(Part::Proxy);
        if only.iter().all(|word| word == "proxy") && !only.is_empty() {
            return;
        }
    }
    if wanted("sockets") {
        sockets::run(&home, &mut report);
    }
    if wanted("processes") {
        processes::run(&home, &mut report);
    }
    if wanted("counts") {
        counts::run(&mut report);
    }
    if wanted("memory") {
        memory::run(&mut report);
    }
    report.write();
}
