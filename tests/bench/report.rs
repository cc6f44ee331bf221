//! The table: what, the budget, what was measured, the pairs behind it.

use std::fmt::Write as _;
use std::process::Command;

use mcp_login_tests::workspace;

/// How a figure stands to its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Over,
    /// Nothing to hold it to: a floor, or a rival that is not on this machine.
    Shown,
}

#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<(String, String, String, Verdict)>,
    pairs: String,
}

impl Report {
    pub(crate) fn begin() -> Report {
        Report { rows: Vec::new(), pairs: String::new() }
    }

    pub(crate) fn row(&mut self, what: &str, budget: &str, measured: &str, verdict: Verdict) {
        let mark = match verdict {
            Verdict::Met => "met",
            Verdict::Over => "OVER",
            Verdict::Shown => "",
        };
        println!("{what:<58} {budget:<28} {measured:<34} {mark}");
        self.rows.push((what.into(), budget.into(), measured.into(), verdict));
    }

    /// A ratio held to a limit.
    pub(crate) fn ratio(&mut self, what: &str, limit: f64, floor: &str, rounds: &[(f64, f64)]) {
        let (median, text) = crate::stats::ratios(rounds);
        let verdict = if median <= limit { Verdict::Met } else { Verdict::Over };
        self.row(what, &format!("≤ {limit} × {floor}"), &text, verdict);
        let _ = writeln!(self.pairs, "- {what}: {}", pairs(rounds));
    }

    /// A ratio that is held to nothing.
    pub(crate) fn compare(&mut self, what: &str, floor: &str, rounds: &[(f64, f64)]) {
        let (_, text) = crate::stats::ratios(rounds);
        self.row(what, "", &format!("{text} {floor}"), Verdict::Shown);
        let _ = writeln!(self.pairs, "- {what}: {}", pairs(rounds));
    }

    /// A number held to a limit.
    pub(crate) fn number(&mut self, what: &str, limit: f64, unit: &str, value: f64) {
        let verdict = if value <= limit { Verdict::Met } else { Verdict::Over };
        self.row(what, &format!("≤ {limit} {unit}"), &format!("{value:.1} {unit}"), verdict);
    }

    /// Writes `docs/performance.md`, with the parts that are measured apart as they were.
    pub(crate) fn write(&self) {
        let mut page = String::from(
            "# Performance\n\nWritten by `scripts/bench`; do not edit. Budgets are ratios to a floor that was measured in the same run, \
             or counts from the\nsandbox's own request log, because a shared machine's absolute times say little.\n\n",
        );
        page.push_str(&self.table());
        let before = read("docs/performance.md");
        for part in Part::ALL {
            let _ = writeln!(page, "\n{}{}{}", part.begin(), part.of(&before), part.end());
        }
        page.push_str(
            "\n## The pairs\n\nOurs / floor, one pair a round (µs, medians of the round unless said).\n\n",
        );
        page.push_str(&self.pairs);
        let notes = read("docs/performance-notes.md");
        if !notes.is_empty() {
            page.push('\n');
            page.push_str(&notes);
        }
        std::fs::write(workspace().join("docs/performance.md"), page).expect("docs/ is writable");
    }

    /// Writes one part of it, and leaves the rest as it was.
    pub(crate) fn write_part(&self, part: Part) {
        let page = read("docs/performance.md");
        let (begin, end) = (part.begin(), part.end());
        let text = format!("{begin}\n## {}\n\n{}\n{end}", part.title(), self.table());
        let page = match (page.split_once(&begin), page.split_once(&end)) {
            (Some((before, _)), Some((_, after))) => format!("{before}{text}{after}"),
            _ => {
                let (before, after) = page.split_at(page.find("## The pairs").unwrap_or(page.len()));
                format!("{before}{text}\n\n{after}")
            }
        };
        std::fs::write(workspace().join("docs/performance.md"), page).expect("docs/ is writable");
    }

    /// What was measured, where and of which commit.
    fn table(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "- commit: {}", said("git", &["rev-parse", "--short", "HEAD"]));
        let _ = writeln!(text, "- machine: {}", machine());
        let _ = writeln!(text, "- compiler: {}\n", said("rustc", &["--version"]));
        text.push_str("| what | budget | measured | |\n|---|---|---|---|\n");
        for (what, budget, measured, verdict) in &self.rows {
            let mark = match verdict {
                Verdict::Met => "met",
                Verdict::Over => "**over**",
                Verdict::Shown => "",
            };
            let _ = writeln!(text, "| {what} | {budget} | {measured} | {mark} |");
        }
        text
    }
}

/// What is measured apart, since it wants a desktop or a rival, and has a place of its own on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Window,
    Proxy,
}

impl Part {
    const ALL: [Part; 2] = [Part::Window, Part::Proxy];

    fn title(self) -> &'static str {
        match self {
            Part::Window => "The window",
            Part::Proxy => "Proxy and door",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Part::Window => "the window",
            Part::Proxy => "proxy and door",
        }
    }

    fn begin(self) -> String {
        format!("<!-- {} -->", self.word())
    }

    fn end(self) -> String {
        format!("<!-- end of {} -->", self.word())
    }

    /// Its text on a page that has it.
    fn of(self, page: &str) -> &str {
        let rest = page.split_once(&self.begin()).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split_once(&self.end())).map_or("\n", |(part, _)| part)
    }
}

fn read(file: &str) -> String {
    std::fs::read_to_string(workspace().join(file)).unwrap_or_default()
}

fn pairs(rounds: &[(f64, f64)]) -> String {
    rounds.iter().map(|(ours, floor)| format!("{ours:.1}/{floor:.1}")).collect::<Vec<_>>().join(", ")
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(workspace()).output();
    output.map_or_else(|_| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().into())
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{} {}, {cores} cores, {}, load {}",
        std::env::consts::OS,
        std::env::consts::ARCH,
        model.trim_start_matches([' ', '\t', ':']),
        load.split(' ').next().unwrap_or("?"),
    )
}
