//! The official conformance suite against the shipped programs, one scenario at a time; `docs/conformance.md` is the table of
//! what came of it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::sync::Mutex;

use mcp_login_tests::{Build, Programs, workspace};
use mcp_login_tests_mcp::{Suite, Verdict};

/// How a scenario is to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Signed in, listed, called.
    Through,
    /// Refused by our programs, with this code and no other.
    Refused(&'static str),
}
use End::{Refused, Through};

const R25: &str = "2025-11-25";
const R26: &str = "2026-07-28";
const R25_03: &str = "2025-03-26";

/// Every scored client scenario about authorization, and the two about servers of the first revision.
const AUTHORIZATION: &[(&str, &[&str], End)] = &[
    ("auth/metadata-default", &[R25, R26], Through),
    ("auth/metadata-var1", &[R25, R26], Through),
    ("auth/metadata-var2", &[R25, R26], Through),
    ("auth/metadata-var3", &[R25, R26], Through),
    ("auth/basic-cimd", &[R25, R26], Through),
    ("auth/scope-from-www-authenticate", &[R25, R26], Through),
    ("auth/scope-from-scopes-supported", &[R25, R26], Through),
    ("auth/scope-omitted-when-undefined", &[R25, R26], Through),
    ("auth/scope-step-up", &[R25, R26], Through),
    ("auth/scope-retry-limit", &[R25, R26], Refused("step_up_limit")),
    ("auth/token-endpoint-auth-basic", &[R25, R26], Through),
    ("auth/token-endpoint-auth-post", &[R25, R26], Through),
    ("auth/token-endpoint-auth-none", &[R25, R26], Through),
    ("auth/pre-registration", &[R25, R26], Through),
    ("auth/resource-mismatch", &[R26], Refused("resource_mismatch")),
    ("auth/offline-access-scope", &[R26], Through),
    ("auth/offline-access-not-supported", &[R26], Through),
    ("auth/authorization-server-migration", &[R26], Through),
    ("auth/iss-supported", &[R26], Through),
    ("auth/iss-not-advertised", &[R26], Through),
    ("auth/iss-supported-missing", &[R26], Refused("callback_issuer")),
    ("auth/iss-wrong-issuer", &[R26], Refused("callback_issuer")),
    ("auth/iss-unexpected", &[R26], Refused("callback_issuer")),
    ("auth/iss-normalized", &[R26], Refused("callback_issuer")),
    ("auth/metadata-issuer-mismatch", &[R26], Refused("metadata_mismatch")),
    ("auth/2025-03-26-oauth-metadata-backcompat", &[R25_03], Through),
    ("auth/2025-03-26-oauth-endpoint-fallback", &[R25_03], Through),
];

/// Two at a time: what a small machine has cores for.
const AT_ONCE: usize = 2;

/// One row of the table.
struct Row {
    scenario: &'static str,
    revision: &'static str,
    way: &'static str,
    end: End,
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, &(scenario, revisions, end)) in AUTHORIZATION.iter().enumerate() {
        for (other, &revision) in revisions.iter().enumerate() {
            // A scenario of both revisions goes both ways, and neither way goes with one revision.
            let way = if (number + other) % 2 == 0 { "scheme" } else { "loopback" };
            rows.push(Row { scenario, revision, way, end });
        }
    }
    rows
}

#[test]
fn every_scored_scenario_passes() {
    let suite = Suite::get();
    for revision in [R25, R26] {
        let mut scored = suite.scored(revision);
        scored.retain(|name| name.starts_with("auth/"));
        scored.sort();
        let mut run: Vec<&str> = AUTHORIZATION
            .iter()
            .filter(|(name, revisions, _)| name.starts_with("auth/") && revisions.contains(&revision))
            .map(|(name, ..)| *name)
            .collect();
        run.sort_unstable();
        assert_eq!(scored, run, "what {revision} scores");
    }
    Programs::get(Build::Plain);
    let rows = rows();
    let only = std::env::var("SCENARIO").ok();
    let next = Mutex::new(rows.iter().enumerate().filter(|(_, row)| {
        only.as_deref().is_none_or(|only| format!("{} {}", row.scenario, row.revision).contains(only))
    }));
    let verdicts = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((number, row)) = next.lock().unwrap().next() else { return };
                    let client = env!("CARGO_BIN_EXE_conformance-client");
                    let verdict = suite.client(row.scenario, row.revision, client, &[row.way]);
                    verdicts.lock().unwrap().push((number, verdict));
                }
            });
        }
    });
    let mut verdicts = verdicts.into_inner().unwrap();
    verdicts.sort_by_key(|(number, _)| *number);
    let mut wrong = String::new();
    for (number, verdict) in &verdicts {
        let row = &rows[*number];
        let ended = match (row.end, verdict.refused.as_deref()) {
            (Through, None) => true,
            (Refused(code), Some(was)) => code == was,
            _ => false,
        };
        if !verdict.passed || !ended {
            let _ = writeln!(
                wrong,
                "== {} {} by {}: {}/{}, refused: {:?}\n{}",
                row.scenario, row.revision, row.way, verdict.good, verdict.all, verdict.refused, verdict.text
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    if only.is_none() {
        holds(&page(suite, &rows, &verdicts));
    }
}

/// The page that people read: a line a scenario, a column a revision.
fn page(suite: &Suite, rows: &[Row], verdicts: &[(usize, Verdict)]) -> String {
    let mut page = format!(
        "# Conformance\n\n\
        <!-- Written by `cargo test -p mcp-login-tests-mcp --test conformance` with UPDATE=1, from what the suite said. -->\n\n\
        The official suite, `@modelcontextprotocol/conformance` {}, one scenario at a time. A warning counts as a failure, and so\n\
        do a time-out and an exit status that the scenario does not allow. These are all client scenarios about authorization that\n\
        the suite scores for MCP {R25} and {R26}, and the two for servers of {R25_03}; the test compares this list with the suite's.\n\n\
        ## Sign-in\n\n\
        `mcp-login` and `mcp-login-agent` as they are shipped, with a home of their own and a vault in memory. The suite plays server,\n\
        issuer and browser. The browser comes back by our custom scheme in one half of the runs and by loopback in the other. Where a\n\
        sign-in has to be refused, it must be with this code; a refusal for another reason fails the test.\n\n\
        | scenario | {R25_03} | {R25} | {R26} | ends with |\n|---|---|---|---|---|\n",
        suite.version()
    );
    for &(scenario, _, end) in AUTHORIZATION {
        let cell = |revision: &str| {
            let found = verdicts.iter().find(|(number, _)| {
                rows[*number].scenario == scenario && rows[*number].revision == revision
            });
            found.map_or_else(String::new, |(number, verdict)| {
                format!("{}/{}, {}", verdict.good, verdict.all, rows[*number].way)
            })
        };
        let end = match end {
            Through => "a tool's answer".to_owned(),
            Refused(code) => format!("`{code}`"),
        };
        let _ = writeln!(page, "| {scenario} | {} | {} | {} | {end} |", cell(R25_03), cell(R25), cell(R26));
    }
    page
}

fn holds(page: &str) {
    let path = workspace().join("docs/conformance.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/conformance.md is behind; run: UPDATE=1 cargo test -p mcp-login-tests-mcp --test conformance"
    );
}
