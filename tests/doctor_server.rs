//! `mcp-login doctor URL`: for each fault of the sandbox it names the part and the clause, a server that does it right gets no
//! warning, and nothing stays behind: no account, no registration, no token.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;

use mcp_login_tests::{Home, OidcProvider, Person, Sandbox};
use serde_json::{Value, json};

/// A report, and what the command ended with.
struct Report {
    value: Value,
    code: i32,
    all: String,
}

/// What is known of one part.
impl Report {
    fn part(&self, part: &str) -> &Value {
        let parts = self.value["parts"].as_array().unwrap_or_else(|| panic!("no parts: {}", self.all));
        parts.iter().find(|p| p["part"] == part).unwrap_or_else(|| panic!("no part {part}: {}", self.all))
    }

    fn verdict(&self, part: &str) -> &str {
        self.part(part)["verdict"].as_str().expect("a verdict")
    }

    /// Each finding as part, code, weight, clause.
    fn findings(&self) -> Vec<[String; 4]> {
        let mut found = Vec::new();
        for part in self.value["parts"].as_array().into_iter().flatten() {
            for finding in part["findings"].as_array().into_iter().flatten() {
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                found.push([
                    text(&part["part"]),
                    text(&finding["code"]),
                    text(&finding["weight"]),
                    text(&finding["clause"]),
                ]);
            }
        }
        found
    }

    /// The codes of everything that is more than a note.
    fn problems(&self) -> BTreeSet<String> {
        self.findings().into_iter().filter(|f| f[2] != "note").map(|[_, code, ..]| code).collect()
    }
}

fn report_of(stdout: &str, stderr: &str, code: i32) -> Report {
    let all = format!("{stdout}{stderr}");
    let mut last = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let value = last.rfind(|value| value["event"] == "report");
    Report { value: value.unwrap_or_else(|| panic!("no report: {all}")), code, all }
}

/// Without a person.
fn look(home: &Home, url: &str) -> Report {
    let said = home.run(&["doctor", url, "--no-sign-in", "--json"]);
    report_of(&said.stdout, &said.stderr, said.code)
}

/// With alice, who does what `act` says with the address, if it comes to that.
fn look_with(home: &Home, url: &str, more: &[&str], act: impl FnOnce(&str)) -> Report {
    let mut line = vec!["doctor", url, "--sign-in", "--no-browser", "--json"];
    line.extend_from_slice(more);
    let running = home.start(&line);
    let next = running.line_with(|line| serde_json::from_str::<Value>(line).ok());
    let mut before = String::new();
    if let Some(address) = next["authorization_url"].as_str() {
        act(address);
    } else {
        before = next.to_string();
    }
    let (status, lines, stderr) = running.finish();
    report_of(&format!("{before}\n{}", lines.join("\n")), &stderr, status.code().unwrap_or(-1))
}

fn allow(address: &str) {
    Person::named("alice").allow(address).deliver();
}

/// Nobody minds whether the answer was taken.
fn answer(address: &str) {
    Person::named("alice").allow(address).try_deliver();
}

/// Nothing of it is here, and nothing there.
#[track_caller]
fn nothing_stays(home: &Home, sandbox: &Sandbox) {
    assert_eq!(home.run(&["list", "--json"]).ok().json()["accounts"], json!([]));
    let file = std::fs::read_to_string(home.path("data/registrations.json")).unwrap_or_default();
    assert!(!file.contains("client"), "a registration was stored: {file}");
    let there = sandbox.tokens();
    assert_eq!(there["clients"], 0, "{there}");
    assert_eq!(there["access"]["live"], 0, "{there}");
    assert_eq!(there["refresh"]["live"], 0, "{there}");
}

/// A fault, and what it must be called.
struct Row {
    fault: &'static str,
    argument: &'static str,
    part: &'static str,
    code: &'static str,
    clause: &'static str,
    /// What else is more than a note then, since it follows.
    also: &'static [&'static str],
}

const fn row(
    fault: &'static str,
    argument: &'static str,
    part: &'static str,
    code: &'static str,
    clause: &'static str,
    also: &'static [&'static str],
) -> Row {
    Row { fault, argument, part, code, clause, also }
}

/// What is seen without a person.
#[rustfmt::skip] // one fault a line: it is read as a table
const WITHOUT: &[Row] = &[
    row("no-challenge", "", "discovery", "no_challenge", "RFC 6750 §3", &[]),
    row("no-challenge-metadata", "", "discovery", "challenge_without_metadata", "RFC 9728 §5.1", &[]),
    row("no-challenge-scope", "", "discovery", "challenge_without_scope", "MCP 2026-07-28, Scope Selection", &[]),
    row("challenge-metadata", "", "discovery", "endpoint_not_https", "RFC 6749 §3.1; MCP 2026-07-28, Communication Security", &[]),
    row("prm-missing", "all", "discovery", "challenge_points_nowhere", "RFC 9728 §5.1", &[]),
    row("prm-missing", "path", "discovery", "challenge_points_nowhere", "RFC 9728 §5.1", &[]),
    row("prm-issuer", "http://127.0.0.1:1", "discovery", "not_reachable", "RFC 8414 §3.2", &[]),
    row("prm-resource", "", "discovery", "resource_mismatch", "RFC 9728 §3.3", &[]),
    row("prm-no-scopes", "", "discovery", "no_scopes_supported", "RFC 9728 §2", &[]),
    row("wrong-issuer", "http://127.0.0.1:1", "discovery", "metadata_copy", "RFC 8414 §3.3", &["not_reachable"]),
    row("trailing-slash", "prm", "discovery", "issuer_slash", "RFC 8414 §3.3", &[]),
    row("trailing-slash", "metadata", "discovery", "issuer_slash", "RFC 8414 §3.3", &[]),
    row("no-s256", "absent", "discovery", "pkce_not_announced", "RFC 8414 §2; MCP 2026-07-28, Authorization Code Protection", &[]),
    row("no-s256", "plain", "discovery", "pkce_not_announced", "RFC 8414 §2; MCP 2026-07-28, Authorization Code Protection", &[]),
    row("no-iss", "both", "discovery", "no_iss", "RFC 9207 §3", &[]),
    row("metadata-missing", "all", "discovery", "no_metadata", "RFC 8414 §3", &[]),
    row("metadata-missing", "oauth", "discovery", "openid_only", "RFC 8414 §3", &[]),
    row("metadata-field", "token_endpoint=null", "discovery", "metadata_unusable", "RFC 8414 §2", &["document_unreadable"]),
    row("metadata-field", "grant_types_supported=[\"authorization_code\"]", "discovery", "no_refresh_grant", "RFC 8414 §2", &[]),
    row("no-cimd", "", "discovery", "no_metadata_documents", "MCP 2026-07-28, Client ID Metadata Documents", &[]),
    row("authorization-endpoint", "", "discovery", "endpoint_not_https", "RFC 6749 §3.1", &["document_unreadable"]),
    row("private-address", "", "discovery", "endpoint_not_https", "RFC 6749 §3.1", &["document_unreadable"]),
    row("no-registration", "", "registration", "registration_not_offered", "MCP 2026-07-28, client registration", &[]),
    row("no-revocation", "", "revocation", "no_revocation", "RFC 7009 §2", &[]),
    row("auth-methods", "", "registration", "confidential_only", "RFC 8252 §8.5", &[]),
    row("scheme-refused", "register", "registration", "scheme_refused", "RFC 8252 §7.1", &[]),
    row("scheme-refused", "authorize", "authorization", "authorization_scheme_refused", "RFC 8252 §7.1", &[]),
    row("loopback-refused", "register", "registration", "loopback_refused", "RFC 8252 §7.3", &[]),
    row("loopback-refused", "authorize", "authorization", "authorization_loopback_refused", "RFC 8252 §7.3", &[]),
    row("literal-loopback-refused", "register", "registration", "literal_loopback_refused", "RFC 8252 §7.3, §8.3", &[]),
    row("literal-loopback-refused", "authorize", "authorization", "authorization_loopback_refused", "RFC 8252 §7.3", &[]),
    row("strict-port", "", "authorization", "loopback_port_fixed", "RFC 8252 §7.3", &[]),
    row("forced-secret", "", "registration", "secret_given", "RFC 7591 §3.2.1", &[]),
    row("null-secret", "null", "registration", "secret_null", "RFC 7591 §3.2.1", &[]),
    row("null-secret", "empty", "registration", "secret_null", "RFC 7591 §3.2.1", &[]),
    row("edited-registration", "", "registration", "redirect_not_registered", "RFC 7591 §3.2.1", &[]),
    row("clock", "", "discovery", "clock_off", "RFC 9110 §6.6.1", &[]),
    row("status", "register:503", "registration", "not_now", "RFC 7591 §3.2", &[]),
    row("status", "metadata:503", "discovery", "not_now", "RFC 8414 §3.2", &[]),
    row("too-many", "prm:1", "discovery", "not_now", "RFC 9728 §3.1", &[]),
    row("empty-400", "register", "registration", "registration_refused", "RFC 7591 §3.2.2", &[]),
    row("empty-400", "authorize", "authorization", "authorization_unanswered", "RFC 6749 §3.1", &[]),
    row("html", "prm:200", "discovery", "document_unreadable", "RFC 9728 §3.2", &["wrong_content_type"]),
    row("html", "register:200", "registration", "registration_unusable", "RFC 7591 §3.2.1", &["wrong_content_type"]),
    row("giant", "metadata:2", "discovery", "too_large", "RFC 8414 §3.2", &[]),
    row("deep-json", "prm", "discovery", "document_unreadable", "RFC 9728 §3.2", &[]),
    row("redirect", "register", "registration", "redirected", "RFC 7591 §3.2", &["registration_unusable"]),
    row("endless-redirect", "metadata", "discovery", "redirected", "RFC 8414 §3.2", &["no_metadata"]),
    row("refuse", "register:invalid_client_metadata", "registration", "registration_refused", "RFC 7591 §3.2.2", &[]),
    row("refuse", "authorize:invalid_scope", "authorization", "authorization_refused", "RFC 6749 §4.1.2.1", &[]),
    row("truncated", "register", "registration", "no_answer", "RFC 7591 §3.2", &[]),
    row("lost-answer", "register", "registration", "no_answer", "RFC 7591 §3.2", &[]),
    row("drop", "metadata", "discovery", "no_answer", "RFC 8414 §3.2", &[]),
    row("drop", "mcp", "discovery", "no_answer", "RFC 6750 §3", &[]),
    row("wrong-type", "metadata", "discovery", "wrong_content_type", "RFC 8414 §3.2", &[]),
    row("status", "registration:500", "registration", "registration_not_deleted", "RFC 7592 §2.3", &[]),
];

/// The same for faults whose answer takes its time.
#[rustfmt::skip]
const PATIENCE: &[Row] = &[
    row("slow", "prm:5500", "discovery", "slow", "RFC 9728 §3.2", &[]),
    row("drip", "metadata", "discovery", "no_answer", "RFC 8414 §3.2", &[]),
    row("hang", "register", "registration", "no_answer", "RFC 7591 §3.2", &[]),
];

/// What is seen with a person.
#[rustfmt::skip]
const WITH: &[Row] = &[
    row("no-iss", "parameter", "authorization", "callback_issuer_missing", "RFC 9207 §2", &[]),
    row("wrong-iss", "", "authorization", "callback_issuer", "RFC 9207 §2.4", &[]),
    row("trailing-slash", "iss", "authorization", "callback_issuer", "RFC 9207 §2.4", &[]),
    row("wrong-state", "", "authorization", "callback_state", "RFC 6749 §4.1.2, §10.12", &[]),
    row("no-state", "", "authorization", "callback_state", "RFC 6749 §4.1.2, §10.12", &[]),
    row("doubled-parameters", "", "authorization", "callback_doubled", "RFC 6749 §3.1", &[]),
    row("refuse", "code:invalid_grant", "token", "code_refused", "RFC 6749 §4.1.3, §5.2", &[]),
    row("error-200", "code:invalid_grant", "token", "error_with_200", "RFC 6749 §5.2", &["code_refused"]),
    row("empty-400", "code", "token", "token_unusable", "RFC 6749 §5.1", &[]),
    row("html", "code:200", "token", "token_unusable", "RFC 6749 §5.1", &["wrong_content_type"]),
    row("truncated", "code", "token", "no_answer", "RFC 6749 §5.1", &[]),
    row("status", "code:503", "token", "not_now", "RFC 6749 §5.1", &[]),
    row("token-type", "code:mac", "token", "token_unusable", "RFC 6749 §5.1", &[]),
    row("no-refresh-token", "code", "token", "no_refresh_token", "RFC 6749 §5.1; MCP 2026-07-28, Refresh Tokens", &[]),
    row("no-refresh-token", "refresh", "refresh", "not_rotated", "RFC 9700 §4.14.2", &[]),
    row("no-expires-in", "code", "token", "no_expires_in", "RFC 6749 §5.1", &[]),
    row("expires-in", "code:\"3600\"", "token", "expires_in_odd", "RFC 6749 §5.1", &[]),
    row("expires-in", "refresh:-1", "refresh", "expires_in_odd", "RFC 6749 §5.1", &[]),
    row("narrow-scope", "", "token", "scope_narrowed", "RFC 6749 §3.3", &["no_refresh_token"]),
    row("refuse", "refresh:invalid_grant", "refresh", "refresh_refused", "RFC 6749 §6", &[]),
    row("lost-answer", "refresh", "refresh", "no_answer", "RFC 6749 §5.1", &[]),
    row("revocation-lies", "", "revocation", "revocation_lies", "RFC 7009 §2", &[]),
    row("status", "revocation:503", "revocation", "not_now", "RFC 7009 §2.2", &[]),
    row("endless-401", "", "server", "token_refused", "RFC 6750 §3.1; MCP 2026-07-28, Token Handling", &[]),
    row("endless-403", "", "server", "scope_refused", "RFC 6750 §3.1; MCP 2026-07-28, Scope Challenge Handling", &[]),
    row("session-lost", "", "server", "session_lost", "MCP 2025-11-25, Session Management", &[]),
];

/// Faults that a desktop client does not suffer from, and why nothing is said.
const QUIET: &[(&str, &str)] = &[
    ("mixed-refused", "we register one redirect at a time"),
    ("no-introspection", "a public client may not introspect"),
    ("no-scope", "the answer may leave `scope` out when it is what was asked for (RFC 6749 §5.1)"),
    ("bad-id-token", "there is none without `openid`, which is not asked for"),
    ("hostile-text", "only words that come with another fault; they are tamed"),
];

/// What is wrong with a report, if anything.
fn check(row: &Row, report: &Report) -> Result<(), String> {
    let found = report.findings();
    let hit = found.iter().find(|f| f[0] == row.part && f[1] == row.code && f[3].starts_with(row.clause));
    let allowed: BTreeSet<String> =
        std::iter::once(row.code).chain(row.also.iter().copied()).map(str::to_owned).collect();
    let problems = report.problems();
    let name = format!("{}={}", row.fault, row.argument);
    if hit.is_none() {
        return Err(format!("{name}: no {} at {} by {}: {found:#?}", row.code, row.part, row.clause));
    }
    if !problems.is_subset(&allowed) {
        return Err(format!("{name}: more than {allowed:?}: {found:#?}"));
    }
    let expected = i32::from(!problems.is_empty());
    if report.code != expected {
        return Err(format!("{name}: exit status {}: {}", report.code, report.all));
    }
    Ok(())
}

/// Every row on a sandbox of its own.
#[track_caller]
fn hold(rows: &[Row], report: impl Fn(&Home, &Sandbox) -> Report) {
    let home = Home::new();
    let mut wrong = Vec::new();
    for row in rows {
        let sandbox = Sandbox::start();
        sandbox.fault(row.fault, row.argument);
        let report = report(&home, &sandbox);
        wrong.extend(check(row, &report).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(home.run(&["list", "--json"]).ok().json()["accounts"], json!([]));
}

#[test]
fn each_fault_that_shows_without_a_person() {
    hold(WITHOUT, |home, sandbox| look(home, sandbox.mcp()));
}

#[test]
fn each_fault_that_takes_its_time() {
    hold(PATIENCE, |home, sandbox| look(home, sandbox.mcp()));
}

#[test]
fn each_fault_that_shows_with_a_person() {
    hold(WITH, |home, sandbox| look_with(home, sandbox.mcp(), &[], answer));
}

#[test]
fn the_table_has_every_fault_of_the_sandbox() {
    let sandbox = Sandbox::start();
    let faults = sandbox.control("GET", "faults", &Value::Null);
    let all: BTreeSet<&str> = faults["table"]
        .as_array()
        .expect("its table")
        .iter()
        .filter_map(|row| row["name"].as_str())
        .collect();
    let told = WITHOUT.iter().chain(PATIENCE).chain(WITH).map(|row| row.fault);
    // It happens at a moment: see `a_client_that_was_forgotten`.
    let told: BTreeSet<&str> =
        told.chain(QUIET.iter().map(|(name, _)| *name)).chain(["clients-forgotten"]).collect();
    assert_eq!(all, told);
}

#[test]
fn what_no_client_suffers_from_is_not_told() {
    let home = Home::new();
    for (fault, why) in QUIET {
        let sandbox = Sandbox::start();
        sandbox.fault(fault, "");
        let report = look_with(&home, sandbox.mcp(), &[], allow);
        assert_eq!(report.problems(), BTreeSet::new(), "{fault}: {why}");
        nothing_stays(&home, &sandbox);
    }
}

#[test]
fn a_client_that_was_forgotten() {
    let (home, sandbox) = (Home::new(), Sandbox::start());
    let report = look_with(&home, sandbox.mcp(), &[], |address| {
        let back = Person::named("alice").allow(address);
        sandbox.fault("clients-forgotten", "");
        back.deliver();
    });
    assert!(report.problems().contains("client_unknown"), "{}", report.all);
    assert_eq!(report.verdict("token"), "failed");
}

/// What an issuer of its own says of another one is no pointer: it is wrong.
#[test]
fn an_issuer_with_another_name() {
    let home = Home::new();
    let issuer = Sandbox::start_with(&["--mode", "issuer"]);
    let server = Sandbox::start_with(&["--mode", "resource", "--issuer", issuer.issuer()]);
    issuer.fault("wrong-issuer", "http://127.0.0.1:1");
    let report = look(&home, server.mcp());
    let found = report.findings();
    let hit = found.iter().find(|f| f[1] == "issuer_mismatch").expect("it is named");
    assert_eq!((hit[0].as_str(), hit[3].as_str()), ("discovery", "RFC 8414 §3.3"));
    assert_eq!(issuer.at("register").len(), 0, "nothing is sent there");
}

/// Shapes of a server that does it right.
const HEALTHY: &[&[&str]] = &[
    &[],
    &["--token", "jwt"],
    &["--answers", "sse"],
    &["--protect", "methods"],
    &["--protect", "tools"],
    &["--protocol", "session"],
    &["--protocol", "stateless"],
    &["--issuer-path", "/tenant"],
    &["--access-ttl", "60"],
];

#[test]
fn a_healthy_server_gets_no_warning() {
    let home = Home::new();
    for shape in HEALTHY {
        let sandbox = Sandbox::start_with(shape);
        for redirect in ["loopback", "localhost"] {
            if redirect == "localhost" && !shape.is_empty() {
                continue;
            }
            let alone = look(&home, sandbox.mcp());
            assert_eq!((alone.problems(), alone.code), (BTreeSet::new(), 0), "{shape:?}: {}", alone.all);
            assert_eq!(alone.verdict("token"), "not_run");
            let report = look_with(&home, sandbox.mcp(), &["--redirect", "loopback", "--thorough"], allow);
            assert_eq!((report.problems(), report.code), (BTreeSet::new(), 0), "{shape:?}: {}", report.all);
            for part in
                ["discovery", "registration", "authorization", "token", "server", "refresh", "revocation"]
            {
                assert_eq!(report.verdict(part), "ok", "{shape:?}: {part}: {}", report.all);
            }
            nothing_stays(&home, &sandbox);
        }
    }
}

/// A used refresh token is used again only when that was asked for: it ends the grant, as a theft would.
#[test]
fn reuse_is_not_provoked_unasked() {
    let (home, sandbox) = (Home::new(), Sandbox::start());
    let mut used: Vec<String> = Vec::new();
    look_with(&home, sandbox.mcp(), &[], allow);
    for refresh in sandbox.at("refresh") {
        let token = refresh.param("refresh_token").expect("a refresh").to_owned();
        assert!(!used.contains(&token), "used twice");
        used.push(token);
    }
    assert_eq!(used.len(), 2, "once to renew, once to see it refused");
    look_with(&home, sandbox.mcp(), &["--thorough"], allow);
    let again = sandbox.at("refresh").len() - used.len();
    assert_eq!(again, 3);
}

/// By our scheme, and given up.
#[test]
fn by_our_scheme_and_without_an_end() {
    let (home, sandbox) = (Home::new(), Sandbox::start());
    let report = look_with(&home, sandbox.mcp(), &["--redirect", "scheme"], |address| {
        let back = Person::named("alice").allow(address);
        let said = home.run(&["callback", &back.url, "--json"]).ok();
        assert!(said.json().get("account").is_none(), "{}", said.stdout);
    });
    assert_eq!(report.problems(), BTreeSet::new(), "{}", report.all);
    let running = home.start(&["doctor", sandbox.mcp(), "--sign-in", "--no-browser", "--json"]);
    running.line_with(|line| line.contains("authorization_url").then_some(()));
    mcp_login_tests::child::signal(running.id(), rustix::process::Signal::INT);
    let (status, lines, stderr) = running.finish();
    let report = report_of(&lines.join("\n"), &stderr, status.code().unwrap_or(-1));
    assert_eq!(report.verdict("authorization"), "ok", "{}", report.all);
    assert!(report.findings().iter().any(|f| f[1] == "nobody_came"), "{}", report.all);
    assert_eq!(report.verdict("token"), "not_run");
    nothing_stays(&home, &sandbox);
}

/// An authorization server that nobody here wrote.
#[test]
fn the_certified_issuer_gets_no_warning() {
    let issuer = OidcProvider::start();
    let server = Sandbox::start_with(&["--mode", "resource", "--issuer", issuer.issuer()]);
    let home = Home::new();
    let report = look_with(&home, server.mcp(), &["--thorough"], allow);
    assert_eq!(report.problems(), BTreeSet::new(), "{}", report.all);
    assert_eq!(report.code, 0);
    assert_eq!(issuer.count("registration_delete.success"), 2, "{:?}", issuer.log());
    assert_eq!(home.run(&["list", "--json"]).ok().json()["accounts"], json!([]));
}

/// Servers of older revisions, and what they lack by that.
#[test]
fn older_servers() {
    let home = Home::new();
    for (guise, problems) in [
        ("legacy-2025-03-26", &["no_iss"][..]),
        ("legacy-2025-03-26-endpoints", &["no_iss", "no_revocation"]),
        ("legacy-2025-06-18", &["no_iss"]),
    ] {
        let sandbox = Sandbox::start_with(&["--guise", guise]);
        let report = look_with(&home, sandbox.mcp(), &[], allow);
        let problems: BTreeSet<String> = problems.iter().map(|code| (*code).to_owned()).collect();
        assert_eq!(report.problems(), problems, "{guise}: {}", report.all);
        let older = report.findings().iter().any(|f| f[1] == "older_revision");
        assert_eq!(older, guise.starts_with("legacy-2025-03"), "{guise}");
    }
}

/// What a person reads, and the file that can be handed on.
#[test]
fn the_text_and_the_trace() {
    let (home, sandbox) = (Home::new(), Sandbox::start());
    sandbox.fault("hostile-text", "");
    sandbox.fault("refuse", "register:invalid_redirect_uri");
    let file = home.path("trace.json");
    let said = home
        .run(&["doctor", &format!("{}?key=hush", sandbox.mcp()), "--trace", &file.display().to_string()])
        .exits(1);
    for part in ["Discovery", "Registration", "registration_refused, RFC 7591 §3.2.2", "Token: not run"] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    let text = std::fs::read_to_string(&file).expect("the trace");
    for all in [&said.stdout, &text] {
        assert!(!all.contains("hush") && !all.contains('\u{1b}') && !all.contains("javascript:"), "{all}");
    }
    let trace: Value = serde_json::from_str(&text).expect("JSON");
    assert!(trace["trace"].as_array().is_some_and(|list| list.len() > 3), "{text}");
}
