//! A second opinion: the same server, signed in to by our programs and by rmcp with its own engine. What went over the wire
//! is the same, but for what `docs/adr/0014-where-we-differ-from-rmcp.md` argues, paragraph by paragraph.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use mcp_login_tests::{Home, Person, Request, Sandbox, wait, workspace};
use mcp_login_tests_mcp::traffic::differences;
use mcp_login_tests_mcp::{Behind, Era, Official};
use serde_json::json;

/// A server, and what is done there after the sign-in.
struct Story {
    name: &'static str,
    sandbox: &'static [&'static str],
    faults: &'static [(&'static str, &'static str)],
    client: Client,
    then: Then,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    /// Whatever the issuer offers.
    Unknown,
    /// Registered beforehand, with a secret.
    Known,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Refresh,
    StepUp,
    Nothing,
}

const fn story(name: &'static str, sandbox: &'static [&'static str], then: Then) -> Story {
    Story { name, sandbox, faults: &[], client: Client::Unknown, then }
}

const fn fault(name: &'static str, faults: &'static [(&'static str, &'static str)]) -> Story {
    Story { name, sandbox: &[], faults, client: Client::Unknown, then: Then::Nothing }
}

const STORIES: &[Story] = &[
    story("ordinary", &[], Then::Refresh),
    story("more scopes", &[], Then::StepUp),
    story("issuer with a path", &["--issuer-path", "/tenant"], Then::Refresh),
    Story { client: Client::Known, ..story("known client", &[], Then::Refresh) },
    story("server of 2025-06-18", &["--guise", "legacy-2025-06-18"], Then::Nothing),
    story("server of 2025-03-26", &["--guise", "legacy-2025-03-26"], Then::Nothing),
    story(
        "server of 2025-03-26 without metadata",
        &["--guise", "legacy-2025-03-26-endpoints"],
        Then::Nothing,
    ),
    fault("no pointer", &[("no-challenge-metadata", "")]),
    fault("no scopes in the challenge", &[("no-challenge-scope", "")]),
    fault("no path form", &[("no-challenge-metadata", ""), ("prm-missing", "path")]),
    fault("OpenID metadata only", &[("metadata-missing", "oauth")]),
    fault("a secret that nobody asked for", &[("forced-secret", "")]),
    fault("metadata of another issuer", &[("wrong-issuer", "")]),
    fault("metadata of another resource", &[("prm-resource", "")]),
    fault("no S256", &[("no-s256", "")]),
    fault("answer of another issuer", &[("wrong-iss", "")]),
    fault("answer without its issuer", &[("no-iss", "")]),
];

impl Story {
    fn sandbox(&self) -> Sandbox {
        let sandbox = Sandbox::start_with(self.sandbox);
        if self.client == Client::Known {
            let known = json!({
                "client_id": "known", "client_secret": "k-secret",
                "redirect_uris": ["http://127.0.0.1/callback"],
            });
            sandbox.control("POST", "clients", &known);
        }
        for (name, argument) in self.faults {
            sandbox.fault(name, argument);
        }
        sandbox
    }

    /// What our programs asked for, and whether they signed in.
    fn ours(&self) -> (Vec<Request>, bool) {
        let sandbox = self.sandbox();
        let home = Home::new();
        let mut line = vec!["add", sandbox.mcp(), "--json", "--name", "work", "--redirect", "loopback"];
        let mut input = "";
        if self.client == Client::Known {
            line.extend(["--client-id", "known", "--client-secret-stdin"]);
            input = "k-secret\n";
        }
        let mut signed_in = go(&home, &line, input);
        match self.then {
            Then::Refresh if signed_in => drop(home.run(&["refresh", "work"]).ok()),
            Then::StepUp => {
                let more = ["login", "work", "--json", "--redirect", "loopback", "--scope", "mcp:write"];
                signed_in &= go(&home, &more, "");
            }
            _ => {}
        }
        (traffic(&sandbox), signed_in)
    }

    /// The same of rmcp.
    fn theirs(&self) -> (Vec<Request>, bool) {
        let sandbox = self.sandbox();
        let mut official = Official::new(sandbox.mcp());
        let begun = official.begin(|request| match self.client {
            Client::Known => request.with_preregistered_client("known").with_client_secret("k-secret"),
            Client::Unknown => request,
        });
        let person = Person::named("alice");
        let signed_in = begun.and_then(|address| official.end(&person.allow(&address))).is_ok();
        match self.then {
            Then::Refresh if signed_in => official.refresh(),
            Then::StepUp => {
                let address = official.step_up("mcp:write");
                official.end(&person.allow(&address)).unwrap();
            }
            _ => {}
        }
        (traffic(&sandbox), signed_in)
    }
}

/// A sign-in with our programs; whether it came to its end.
fn go(home: &Home, line: &[&str], input: &str) -> bool {
    let mut sign_in = home.sign_in(line, input);
    while let Some(event) = sign_in.running().line_or_end() {
        if event.contains("\"event\":\"browser\"") {
            let _ = Person::named("alice").allow(&sign_in.address()).try_deliver();
        }
        if event.contains("\"event\":\"answer_refused\"") {
            return false;
        }
    }
    sign_in.finish().code == 0
}

/// What of a log belongs to signing in: not MCP's own messages with a token, and not a person's clicks.
fn traffic(sandbox: &Sandbox) -> Vec<Request> {
    let all = sandbox.log().into_iter();
    all.filter(|request| request.endpoint != "mcp" || request.header("authorization").is_none())
        .filter(|request| request.path != "/consent")
        .collect()
}

/// Differences, with the paragraph of the page that argues them. A `*` is anything.
const EXPLAINED: &[(&str, u32)] = &[
    ("* header user-agent: ours mcp-login/*, theirs nothing", 1),
    ("* header accept: ours application/json, theirs *", 1),
    ("POST /mcp header accept: ours application/json, text/event-stream, theirs *", 1),
    ("GET /.well-known/* header mcp-protocol-version: ours nothing, theirs 2024-11-05", 2),
    ("POST */register client_uri: ours *, theirs nothing", 3),
    ("POST */register software_id: ours *, theirs nothing", 3),
    ("POST */register software_version: ours *, theirs nothing", 3),
    ("GET */authorize* prompt: ours consent, theirs nothing", 4),
    ("only ours: POST /mcp (2)", 5),
    ("only ours: GET /.well-known/oauth-protected-resource/mcp (2)", 5),
    ("only ours: GET /.well-known/oauth-authorization-server (2)", 5),
    ("only theirs: GET /authorize", 6),
    ("only theirs: POST /register", 6),
    ("only theirs: POST /token authorization_code", 6),
    ("outcome: ours false, theirs true", 6),
    ("only theirs: GET /mcp", 7),
    ("only theirs: GET /mcp/.well-known/*", 7),
    ("only theirs: GET /.well-known/*/mcp", 7),
    ("only ours: GET /.well-known/openid-configuration", 7),
    ("POST /register token_endpoint_auth_method: ours client_secret_basic, theirs none", 8),
    ("POST /token authorization_code client_id: ours nothing, theirs …", 8),
    ("POST /token authorization_code header authorization: ours …, theirs nothing", 8),
];

#[test]
fn what_goes_over_the_wire_is_the_same_but_for_what_is_argued() {
    let mut found: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for story in STORIES {
        let ((ours, we_did), (theirs, they_did)) = (story.ours(), story.theirs());
        let mut lines = differences(&ours, &theirs);
        if we_did != they_did {
            lines.insert(format!("outcome: ours {we_did}, theirs {they_did}"));
        }
        for line in lines {
            found.entry(line).or_default().insert(story.name);
        }
    }
    let unexplained: Vec<String> = found
        .iter()
        .filter(|(line, _)| !EXPLAINED.iter().any(|(pattern, _)| fits(pattern, line)))
        .map(|(line, stories)| format!("{line}    {stories:?}"))
        .collect();
    assert!(unexplained.is_empty(), "no paragraph argues this:\n{}", unexplained.join("\n"));
    let gone: Vec<&str> = EXPLAINED
        .iter()
        .filter(|(pattern, _)| !found.keys().any(|line| fits(pattern, line)))
        .map(|(pattern, _)| *pattern)
        .collect();
    assert!(gone.is_empty(), "argued, and no difference any more: {gone:?}");
}

#[test]
fn every_difference_has_its_paragraph() {
    let page =
        std::fs::read_to_string(workspace().join("docs/adr/0014-where-we-differ-from-rmcp.md")).unwrap();
    for (pattern, paragraph) in EXPLAINED {
        assert!(page.contains(&format!("\n{paragraph}. **")), "{pattern}: no paragraph {paragraph}");
    }
}

/// What rmcp sends through the proxy and what it sends by itself differ in this: paragraph 1.
const CARRIED: &[&str] =
    &["* header user-agent: ours mcp-login/*, theirs nothing", "* header accept: ours *, theirs *"];

/// rmcp behind the proxy and rmcp with a token in its hand: the server sees the same messages.
#[test]
fn a_client_behind_the_proxy_says_what_it_says_without() {
    let mut wrong = Vec::new();
    for era in [Era::Sessions, Era::Stateless] {
        let sandbox = Sandbox::start();
        let home = Home::new();
        home.signed_in(sandbox.mcp(), "work");
        let token = home.run(&["token", "work"]).ok().text().to_owned();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut seen = Vec::new();
        for direct in [false, true] {
            sandbox.control("DELETE", "log", &serde_json::Value::Null);
            let client = runtime.block_on(async {
                let client = if direct {
                    Behind::direct(sandbox.mcp(), &token, era).await.unwrap()
                } else {
                    Behind::start(home.command(&["proxy", "work"]), era).await.unwrap()
                };
                let tools = client.tools().await.unwrap();
                assert!(tools.iter().any(|tool| tool.name == "echo"));
                let hello = json!({ "text": "hello" }).as_object().cloned();
                client.call("echo", hello).await.unwrap();
                client
            });
            let came = |method: &str| sandbox.at("mcp").iter().any(|request| request.method == method);
            if era == Era::Sessions {
                wait::until("the stream on which the server speaks", || came("GET").then_some(()));
            }
            runtime.block_on(client.leave()).unwrap();
            if era == Era::Sessions {
                wait::until("the end of the session", || came("DELETE").then_some(()));
            }
            seen.push(sandbox.at("mcp"));
        }
        for line in differences(&seen[0], &seen[1]) {
            if !CARRIED.iter().any(|pattern| fits(pattern, &line)) {
                wrong.push(format!("{era:?}: {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn fits(pattern: &str, line: &str) -> bool {
    let mut rest = line;
    for (number, part) in pattern.split('*').enumerate() {
        match rest.find(part) {
            Some(at) if number > 0 || at == 0 => rest = &rest[at + part.len()..],
            _ => return false,
        }
    }
    pattern.ends_with('*') || rest.is_empty()
}
