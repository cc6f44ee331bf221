//! What the window costs: from its start to its icon in the tray and to something in it, and the memory of app, webview and
//! agent, by process.

use std::fs;
use std::time::{Duration, Instant};

use mcp_login_tests::{Client, Desktop, Sandbox, TrayHost, wait};

use crate::report::{Report, Verdict};
use crate::stats::Series;

/// Starts to the tray: each takes as long as a whole toolkit needs.
const STARTS: usize = 9;
/// What is loaded at the start is let go of again; and ten seconds after its window the app starts anew, to give all of it back.
const SETTLE: Duration = Duration::from_secs(15);

pub(crate) fn run(report: &mut Report) {
    let sandbox = Sandbox::start();
    let mut desktop = Desktop::start(&[sandbox.issuer()]);
    desktop.signed_in(sandbox.mcp(), "bench");
    desktop.home.run(&["agent", "stop"]).ok();
    let panel = TrayHost::start(&desktop.session);
    let mut first = Series::default();
    let mut series = Series::default();
    for round in 0..STARTS {
        let begun = Instant::now();
        let mut app = desktop.start_app(&["--background"]);
        panel.item();
        if round == 0 {
            first.push(begun.elapsed())
        } else {
            series.push(begun.elapsed())
        }
        app.terminate();
        wait::until("the icon to go", || (panel.count() == 0).then_some(()));
    }
    let within = |series: &Series, microseconds: f64| match series.at(0.5) <= microseconds {
        true => Verdict::Met,
        false => Verdict::Over,
    };
    let verdict = within(&series, 0.5e6);
    report.row("`mcp-login-desktop --background`: start to tray", "≤ 0.5 s", &series.text(), verdict);
    report.row("… the first, which starts the agent, too", "", &first.text(), Verdict::Shown);

    let mut series = Series::default();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let mut app = desktop.start_app(&[]);
        painted(&desktop, app.id());
        series.push(begun.elapsed());
        app.terminate();
    }
    let verdict = within(&series, 1e6);
    report.row("`mcp-login-desktop`: start to a painted window", "≤ 1 s", &series.text(), verdict);

    let mut app = desktop.start_app(&["--background"]);
    panel.item();
    std::thread::sleep(SETTLE);
    let agent = desktop.home.agents().first().map_or(f64::NAN, |&agent| mebibytes(&[agent]));
    report.row("memory (PSS): agent", "", &format!("{agent:.0} MiB"), Verdict::Shown);
    let tray = mebibytes(&family(app.id()));
    report.number("… app in the tray, no window", 60.0, "MiB", tray);
    app.terminate();

    let mut app = desktop.start_app(&[]);
    let window = painted(&desktop, app.id());
    std::thread::sleep(SETTLE);
    let open = family(app.id());
    report.number("… app with its window, webview included", 200.0, "MiB", mebibytes(&open));
    report.row("… of that", "", &parts(&open), Verdict::Shown);
    desktop.session.close(&window);
    std::thread::sleep(SETTLE);
    let closed = mebibytes(&family(app.id()));
    report.number("… after the window was closed", 60.0, "MiB", closed);
    app.terminate();

    let asking = Client::named(&desktop.home, "bench").starts(&desktop.home, &["token", "bench"]);
    let asks = desktop.consent_window();
    painted(&desktop, asks);
    std::thread::sleep(SETTLE);
    let asks = family(asks);
    let text = format!("{:.1} MiB: {}", mebibytes(&asks), parts(&asks));
    report.row("… the window that asks, while it asks", "", &text, Verdict::Shown);
    desktop.question().close();
    asking.finish();
}

/// Waits for a window with something in it. It is looked at some ten times a second: a look takes that long.
fn painted(desktop: &Desktop, id: u32) -> mcp_login_tests::XWindow {
    let window = desktop.session.window_of(id);
    wait::until("something in the window", || {
        desktop.session.picture(&window).filter(|picture| !picture.is_blank())
    });
    window
}

/// Each process with its share.
fn parts(processes: &[u32]) -> String {
    let name =
        |id: &u32| fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim().to_owned();
    let part = |id: &u32| format!("{} {:.0}", name(id), mebibytes(&[*id]));
    processes.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// A process with all that it started.
fn family(id: u32) -> Vec<u32> {
    let mut all = vec![id];
    let mut at = 0;
    while let Some(&parent) = all.get(at) {
        for thread in fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        at += 1;
    }
    all
}

/// Their proportional share of memory. One that has ended and that nobody waited for yet has none.
fn mebibytes(processes: &[u32]) -> f64 {
    let shares = processes.iter().map(|&id| crate::memory::kilobytes(id, "smaps_rollup", "Pss:"));
    shares.filter(|share| share.is_finite()).sum::<f64>() / 1024.0
}
