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
    /// A server that wants more and more: given up by the client that asks for tokens, and by the proxy, each with its code.
    GivenUp(&'static str, &'static str),
}
use End::{GivenUp, Refused, Through};

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
    ("auth/scope-retry-limit", &[R25, R26], GivenUp("step_up_limit", "server_forbids")),
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

/// Every scored client scenario about everything else.
const TRANSPORT: &[(&str, &[&str], End)] = &[
    ("initialize", &[R25], Through),
    ("tools_call", &[R25, R26], Through),
    ("elicitation-sep1034-client-defaults", &[R25], Through),
    ("sse-retry", &[R25], Through),
    ("request-metadata", &[R26], Through),
    ("sep-2322-client-request-state", &[R26], Through),
    ("http-standard-headers", &[R26], Through),
    ("http-custom-headers", &[R26], Through),
    ("http-invalid-tool-headers", &[R26], Through),
    ("json-schema-ref-no-deref", &[R26], Through),
];

/// What stands between the suite and the sign-in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A client that asks for tokens.
    Engine,
    /// rmcp behind `mcp-login proxy`.
    Proxy,
}

/// Two at a time: what a small machine has cores for.
const AT_ONCE: usize = 2;

/// One row of the table.
struct Row {
    part: Part,
    scenario: &'static str,
    revision: &'static str,
    way: &'static str,
    end: End,
}

impl Row {
    /// The code that it has to end with.
    fn code(&self) -> Option<&'static str> {
        match (self.end, self.part) {
            (Through, _) => None,
            (Refused(code), _) | (GivenUp(code, _), Part::Engine) | (GivenUp(_, code), Part::Proxy) => {
                Some(code)
            }
        }
    }

    fn name(&self) -> String {
        let part = if self.part == Part::Engine { "engine" } else { "proxy" };
        format!("{} {} {part} {}", self.scenario, self.revision, self.way)
    }
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |part, scenarios: &[(&'static str, &'static [&'static str], End)]| {
        for (number, &(scenario, revisions, end)) in scenarios.iter().enumerate() {
            for (other, &revision) in revisions.iter().enumerate() {
                // A scenario of both revisions goes both ways, and neither way goes with one revision or one part.
                let way =
                    if (number + other + part as usize).is_multiple_of(2) { "scheme" } else { "loopback" };
                rows.push(Row { part, scenario, revision, way, end });
            }
        }
    };
    add(Part::Engine, AUTHORIZATION);
    add(Part::Proxy, AUTHORIZATION);
    add(Part::Proxy, TRANSPORT);
    rows
}

/// What the suite scores is run, and nothing else is called scored.
#[test]
fn the_list_is_the_suites() {
    for revision in [R25, R26] {
        let mut scored = Suite::get().scored(revision);
        scored.sort();
        let all = AUTHORIZATION.iter().chain(TRANSPORT);
        let mut run: Vec<&str> =
            all.filter(|(_, revisions, _)| revisions.contains(&revision)).map(|(name, ..)| *name).collect();
        run.sort_unstable();
        assert_eq!(scored, run, "what {revision} scores");
    }
}

#[test]
fn every_scored_scenario_passes() {
    let suite = Suite::get();
    Programs::get(Build::Plain);
    let rows = rows();
    let only = std::env::var("SCENARIO").ok();
    let next = Mutex::new(
        rows.iter()
            .enumerate()
            .filter(|(_, row)| only.as_deref().is_none_or(|only| row.name().contains(only))),
    );
    let verdicts = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((number, row)) = next.lock().unwrap().next() else { return };
                    let client = env!("CARGO_BIN_EXE_conformance-client");
                    let part = if row.part == Part::Engine { "engine" } else { "proxy" };
                    let verdict = suite.client(row.scenario, row.revision, client, &[part, row.way]);
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
        if !verdict.passed || verdict.refused.as_deref() != row.code() {
            let _ = writeln!(
                wrong,
                "== {}: {}/{}, refused: {:?}\n{}",
                row.name(),
                verdict.good,
                verdict.all,
                verdict.refused,
                verdict.text
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
        do a time-out and an exit status that the scenario does not allow. These are all client scenarios that the suite scores for\n\
        MCP {R25} and {R26}, and the two for servers of {R25_03}; the test compares this list with the suite's.\n\n\
        The programs are `mcp-login` and `mcp-login-agent` as they are shipped, with a home of their own and a vault in memory. The\n\
        suite plays server, issuer and browser. The browser comes back by our custom scheme in one half of the runs and by loopback\n\
        in the other. A cell says how many kinds of checks were made, all of them well, and by which way the browser came back.\n\
        Left out is what the suite itself does not check, such as `initialize` in the revision that has none.\n\
        Where a sign-in has to be refused, it must be with this code; a refusal for another reason fails the test.\n",
        suite.version()
    );
    let head = format!("| scenario | {R25_03} | {R25} | {R26} | ends with |\n|---|---|---|---|---|\n");
    let _ = write!(
        page,
        "\n## Sign-in\n\nA client that speaks HTTP itself and asks `mcp-login token`.\n\n{head}{}",
        table(rows, verdicts, Part::Engine)
    );
    let _ = write!(
        page,
        "\n## Through the proxy\n\nrmcp, the official Rust SDK, behind `mcp-login proxy`; a person does what the agent announces. \
        The scenarios about\ntransport have no sign-in: they get one, the sandbox's, in front of them.\n\n{head}{}",
        table(rows, verdicts, Part::Proxy)
    );
    page
}

fn table(rows: &[Row], verdicts: &[(usize, Verdict)], part: Part) -> String {
    let mut table = String::new();
    let mut done: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| row.part == part) {
        if done.contains(&row.scenario) {
            continue;
        }
        done.push(row.scenario);
        let cell = |revision: &str| {
            let found = verdicts.iter().find(|(number, _)| {
                let other = &rows[*number];
                other.part == part && other.scenario == row.scenario && other.revision == revision
            });
            found.map_or_else(String::new, |(number, verdict)| {
                let left_out = match verdict.skipped {
                    0 => String::new(),
                    skipped => format!(" ({skipped} left out)"),
                };
                format!("{}/{}{left_out}, {}", verdict.good, verdict.all, rows[*number].way)
            })
        };
        let end = row.code().map_or_else(|| "an answer".to_owned(), |code| format!("`{code}`"));
        let cells = [cell(R25_03), cell(R25), cell(R26)]
            .map(|cell| format!(" {cell} |"))
            .concat()
            .replace("  |", " |");
        let _ = writeln!(table, "| {} |{cells} {end} |", row.scenario);
    }
    table
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
