//! A newer version: looked for when somebody wishes it, shown, and never downloaded. What was asked, the page's own log says.

use mcp_login_tests::{Agent, Home, Releases, SETTINGS, raw, wait};
use serde_json::{Value, json};

/// The version of the programs that are tested.
const OURS: &str = env!("CARGO_PKG_VERSION");

fn home(releases: &Releases, more: &str) -> Home {
    let home = Home::new();
    home.write_settings(&format!("{SETTINGS}[updates]\nfrom = {:?}\n{more}", releases.latest()));
    home
}

/// What `doctor` says of versions; nothing when it says nothing.
fn doctor(home: &Home) -> Option<Value> {
    // It ends with a status of its own where a machine lacks something else.
    let checks = home.run(&["doctor", "--json"]).json()["checks"].clone();
    checks.as_array().expect("a list").iter().find(|check| check["name"] == "Updates").cloned()
}

#[test]
fn a_newer_version_is_shown_with_its_page() {
    let releases = Releases::start();
    let home = home(&releases, "");
    releases.newest("999.1.0");
    assert_eq!(doctor(&home), None, "nobody has looked");
    assert_eq!(home.run(&["agent", "status", "--json"]).ok().json().get("update"), None);
    assert_eq!(releases.log(), Vec::<String>::new(), "by itself it asks nobody");

    let said = home.run(&["update"]).ok();
    let lines: Vec<_> = said.text().lines().collect();
    assert_eq!(lines[0], format!("MCP Login 999.1.0 is there; this is {OURS}."));
    assert_eq!(lines[1], releases.page("999.1.0"));
    assert!(lines[2].contains("Nothing is installed by itself"), "{said:?}");
    assert_eq!(releases.log().len(), 1, "the redirect was followed");

    let update = home.run(&["update", "--json"]).ok().json();
    let looked_at = update["looked_at"].clone();
    let expected = json!({"current": OURS, "newest": "999.1.0", "newer": true,
        "page": releases.page("999.1.0"), "looked_at": looked_at});
    assert_eq!(update, expected);
    assert!(looked_at.is_u64(), "{update}");

    // It is known from then on, to the next agent too.
    home.run(&["agent", "restart"]).ok();
    assert_eq!(home.run(&["agent", "status", "--json"]).ok().json()["update"], expected);
    let check = doctor(&home).expect("a line");
    assert_eq!(check["verdict"], "note");
    assert!(check["said"].as_str().is_some_and(|said| said.contains(&releases.page("999.1.0"))), "{check}");
    assert_eq!(releases.log().len(), 2, "whoever shows it asks nobody");
    assert_eq!(home.opened(), Vec::<String>::new());
}

#[test]
fn the_newest_one_hears_so_in_one_line() {
    let releases = Releases::start();
    let home = home(&releases, "");
    for version in [OURS, "0.0.1", "999.0.0-rc.1"] {
        releases.newest(version);
        let said = home.run(&["update"]).ok();
        assert_eq!(said.text(), format!("MCP Login {OURS}: there is no newer version."), "{version}");
    }
    assert_eq!(doctor(&home), None);
}

/// What SECURITY.md says is sent, and no byte more.
#[test]
fn the_request_names_nobody() {
    let releases = Releases::start();
    let home = home(&releases, "");
    releases.newest("999.1.0");
    for _ in 0..2 {
        home.run(&["update"]).ok();
    }
    let address = releases.url("").replace("http://", "");
    for head in releases.log() {
        let mut lines: Vec<_> = head.trim_end().split("\r\n").map(str::to_ascii_lowercase).collect();
        assert_eq!(lines.remove(0), "get /mcp-login/mcp-login/releases/latest http/1.1");
        lines.sort();
        assert_eq!(
            lines,
            ["accept: */*".to_owned(), format!("host: {address}"), "user-agent: mcp-login".to_owned()]
        );
    }
}

#[test]
fn an_answer_that_is_none_is_not_followed_and_not_shown() {
    let (releases, other) = (Releases::start(), Releases::start());
    let home = home(&releases, "");
    other.newest("999.9.9");
    let moved = |link: &str| releases.leads_to(302, link);
    let answers: [(&str, &dyn Fn()); 9] = [
        ("another site", &|| moved(&other.page("999.9.9"))),
        ("another page of the same site", &|| moved(&releases.url("/elsewhere"))),
        ("itself", &|| moved(&releases.latest())),
        ("a program", &|| moved(&releases.url("/x/releases/download/v999.9.9/mcp-login.exe"))),
        ("another scheme", &|| moved("javascript:alert('999.9.9')//v999.9.9")),
        ("a page", &|| releases.says("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nv999.9.9")),
        ("see other", &|| releases.leads_to(303, &releases.page("999.9.9"))),
        ("no HTTP", &|| releases.says("999.9.9 is the newest\r\n\r\n")),
        ("nothing", &|| releases.says("")),
    ];
    for (number, (what, answer)) in answers.iter().enumerate() {
        answer();
        let refused = home.run(&["update", "--json"]).exits(6);
        let error = refused.error();
        assert_eq!(error["code"], "newest_unknown", "{what}: {error}");
        assert!(
            error["next"].as_str().is_some_and(|next| next.contains(&releases.latest())),
            "{what}: {error}"
        );
        assert!(!error.to_string().contains("999.9.9"), "{what}: the server's words are shown: {error}");
        assert_eq!(releases.log().len(), number + 1, "{what}: it was followed");
        assert_eq!(home.run(&["agent", "status", "--json"]).ok().json().get("update"), None, "{what}");
    }
    assert_eq!(other.log(), Vec::<String>::new(), "the redirect was followed to another site");
    // And the same page answers again.
    releases.newest("999.1.0");
    home.run(&["update"]).ok();
}

/// It ends by itself, and nobody else waits for it: not even who comes later on the same connection.
#[test]
fn a_page_that_hangs_costs_nobody_but_who_asks() {
    let releases = Releases::start();
    let home = home(&releases, "");
    releases.falls_silent();
    home.run(&["agent", "start"]).ok();
    let mut line = raw::Local::connect(&home);
    let request = |id: u32, method: &str| {
        format!("{}\n", json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {}}))
    };
    line.send(request(1, "update.check").as_bytes());
    wait::until("the request", || (releases.log().len() == 1).then_some(()));
    line.send(request(2, "account.list").as_bytes());
    let mut next = || line.line().expect("an answer");
    let (first, second) = (next(), next());
    assert_eq!((&first["id"], &second["id"]), (&json!(2), &json!(1)), "{first} {second}");
    assert_eq!(second["error"]["data"]["code"], "newest_unknown");
    assert!(second["error"]["message"].as_str().is_some_and(|fact| fact.contains("in time")), "{second}");
    assert_eq!(releases.log().len(), 1, "it is not asked again");
}

/// Reads what a subscriber is told until the agent ends.
fn told_until_the_end(events: &mut raw::Local, home: &Home) -> Vec<Value> {
    home.run(&["agent", "stop"]).ok();
    let mut told = Vec::new();
    while let Some(line) = events.line() {
        told.extend((line["method"] == "event").then(|| line["params"].clone()));
    }
    assert_eq!(told.last().map(|event| &event["kind"]), Some(&json!("agent_stopping")));
    told
}

fn subscribed(home: &Home) -> raw::Local {
    let mut events = raw::Local::connect(home);
    events.result("events.subscribe", &json!({}));
    events
}

fn is_found(event: &Value) -> bool {
    event["kind"] == "update_found"
}

#[test]
fn once_a_day_when_the_settings_want_it_and_told_once() {
    let releases = Releases::start();
    let mut home = home(&releases, "look = \"daily\"\n");
    home.set("MCP_LOGIN_LOG", "info");
    releases.newest("999.1.0");
    let first = Agent::start(&home);
    let mut events = subscribed(&home);
    let found = loop {
        let line = events.line().expect("an event");
        if line["method"] == "event" && is_found(&line["params"]) {
            break line["params"]["update"].clone();
        }
    };
    assert_eq!((&found["newest"], &found["page"]), (&json!("999.1.0"), &json!(releases.page("999.1.0"))));
    assert_eq!(releases.log().len(), 1);
    let mut late = subscribed(&home);
    assert!(!told_until_the_end(&mut late, &home).iter().any(is_found), "who comes later is told again");
    first.ended();

    // The day is not over for the next agent, and the version is told already.
    let second = Agent::start(&home);
    let mut events = subscribed(&home);
    home.run(&["update"]).ok();
    assert!(!told_until_the_end(&mut events, &home).iter().any(is_found), "it is told again");
    second.ended();
    assert_eq!(releases.log().len(), 2, "one by itself, one by hand");
    // A look by hand waits for one that is under way and takes its answer: the record has those that nobody wished.
    let log = std::fs::read_to_string(home.path("data/agent.log")).expect("a log");
    assert_eq!(log.matches("looked for a newer version").count(), 1, "{log}");

    // A newer one still is told anew.
    releases.newest("999.2.0");
    let third = Agent::start(&home);
    let mut events = subscribed(&home);
    home.run(&["update"]).ok();
    let told: Vec<_> = told_until_the_end(&mut events, &home).into_iter().filter(is_found).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["update"]["newest"], "999.2.0");
    third.ended();
}

#[test]
fn a_daily_look_that_fails_is_no_trouble_of_anybody() {
    let releases = Releases::start();
    let mut home = home(&releases, "look = \"daily\"\n");
    home.set("MCP_LOGIN_LOG", "info");
    releases.says("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
    let agent = Agent::start(&home);
    let mut events = subscribed(&home);
    let log = wait::until("the line in the log", || {
        let log = std::fs::read_to_string(home.path("data/agent.log")).ok()?;
        log.contains("nobody could say which version is the newest").then_some(log)
    });
    assert!(log.contains("the status 500"), "{log}");
    assert_eq!(home.run(&["agent", "status", "--json"]).ok().json().get("update"), None);
    assert_eq!(doctor(&home), None);
    let told = told_until_the_end(&mut events, &home);
    assert_eq!(told.len(), 1, "only of its end: {told:?}");
    assert_eq!(releases.log().len(), 1);
    agent.ended();
}
