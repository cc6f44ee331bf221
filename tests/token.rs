//! Handing out: what `token`, `headers`, `list` and `status` print, and what their exit status says.
#![cfg(any(target_os = "linux", windows))]

use mcp_login_tests::{Home, Sandbox};

#[test]
fn a_token_and_nothing_else() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let said = home.run(&["token", "work"]).ok();
    let token = said.stdout.strip_suffix('\n').expect("a newline at the end");
    assert!(!token.is_empty() && !token.contains(char::is_whitespace), "more than a token");
    assert_eq!(said.stderr, "");
    assert_eq!(sandbox.mcp_answers(token), 200);
    // While it is fresh everybody gets the same one, and the server is not asked.
    assert_eq!(home.run(&["token", "work"]).ok().text(), token);
    assert_eq!(home.run(&["token", sandbox.mcp()]).ok().text(), token, "by the server's address");
    assert_eq!(sandbox.at("refresh").len(), 0);
}

#[test]
fn headers_for_a_header_helper() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let headers = home.run(&["headers", "work"]).ok().json();
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(headers, serde_json::json!({ "Authorization": format!("Bearer {}", token.text()) }));
}

#[test]
fn for_programs_that_read() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");

    let token = home.run(&["token", "work", "--json"]).ok().json();
    assert_eq!(token["access_token"], home.run(&["token", "work"]).ok().text());
    assert_eq!(token["token_type"].as_str().map(str::to_ascii_lowercase).as_deref(), Some("bearer"));
    assert!(token["expires_at"].is_u64() && token["generation"].is_u64(), "{token}");

    let list = home.run(&["list", "--json"]).ok();
    let account = &list.json()["accounts"][0];
    assert_eq!(account["name"], "work");
    assert_eq!(account["state"], "ready");
    assert_eq!(account["resource"], sandbox.mcp());
    assert_eq!(account["issuer"], sandbox.issuer());

    let status = home.run(&["status", "work", "--verify", "--json"]).ok();
    assert_eq!(status.json()["account"]["name"], "work");

    // What is shown, to programs and to people, holds no token.
    let secret = token["access_token"].as_str().expect("a token");
    for said in [list, status, home.run(&["list"]).ok(), home.run(&["status"]).ok(), home.run(&["log"]).ok()]
    {
        assert!(
            !said.stdout.contains(secret) && !said.stderr.contains(secret),
            "`{}` shows the token",
            said.line
        );
    }
}

#[test]
fn a_forced_refresh_gives_a_new_token_once() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let before = home.run(&["token", "work", "--json"]).ok().json();
    home.run(&["refresh", "work"]).ok();
    let after = home.run(&["token", "work", "--json"]).ok().json();
    assert_ne!(before["access_token"], after["access_token"]);
    assert!(after["generation"].as_u64() > before["generation"].as_u64(), "{before} {after}");
    assert_eq!(sandbox.at("refresh").len(), 1);
    assert_eq!(sandbox.mcp_answers(after["access_token"].as_str().expect("a token")), 200);

    // Whoever saw the old one refused gets the new one, and no request is made for it.
    let generation = before["generation"].to_string();
    let newer = home.run(&["token", "work", "--newer-than", &generation]).ok();
    assert_eq!(newer.text(), after["access_token"].as_str().expect("a token"));
    assert_eq!(sandbox.at("refresh").len(), 1);
}

#[test]
fn a_lost_sign_in_says_so_and_deletes_nothing() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    sandbox.expire("all");
    let refused = home.run(&["refresh", "work"]).exits(3);
    assert!(refused.stdout.is_empty() || !refused.stdout.contains("access_token"));
    assert!(!refused.stderr.is_empty(), "an error has a sentence");
    // Whoever has seen the old token refused gets no token; a refused refresh takes nothing from one that is still good.
    let old = home.run(&["token", "work", "--json"]).ok().json();
    home.run(&["token", "work", "--newer-than", &old["generation"].to_string()]).exits(3);
    let account = home.run(&["list", "--json"]).ok().json()["accounts"][0].clone();
    assert_eq!(account["state"], "needs_sign_in", "{account}");

    // Signing in again is enough: the account is the same one.
    let address = {
        let login = home.start(&["login", "work", "--json"]);
        let address = home.opened_at(1);
        mcp_login_tests::Person::named("alice").allow(&address).deliver();
        let (status, _, stderr) = login.finish();
        assert!(status.success(), "{stderr}");
        address
    };
    assert!(address.starts_with(sandbox.issuer()));
    let again = home.run(&["list", "--json"]).ok().json()["accounts"][0].clone();
    assert_eq!((&again["state"], &again["id"]), (&"ready".into(), &account["id"]));
}

#[test]
fn exit_statuses() {
    let home = Home::new();
    home.run(&["token", "nobody"]).exits(5);
    home.run(&["headers", "nobody"]).exits(5);
    home.run(&["logout", "nobody"]).exits(5);
    home.run(&["token"]).exits(2);
    home.run(&["no-such-command"]).exits(2);
    home.run(&["add", "not a url"]).exits(2);
    home.run(&["add", "file:///etc/passwd"]).exits(2);
    // Nobody listens there: a port that was just given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
    home.run(&["add", &format!("http://{free}/mcp"), "--name", "x"]).exits(6);
    assert_eq!(home.opened(), Vec::<String>::new(), "no browser is opened for a server that is not there");
}

/// Refused by default: without a policy that names it, a program gets nothing, and hears why.
#[test]
fn a_program_that_nobody_approved_gets_nothing() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    home.run(&["agent", "stop"]).ok();
    home.write_policy("");
    for command in ["token", "headers"] {
        let refused = home.run(&[command, "work"]).exits(4);
        assert_eq!(refused.stdout, "");
        assert!(!refused.stderr.is_empty(), "a refusal has a sentence");
    }
}

/// Errors for programs: one JSON value with a code that stays, a fact and a next step.
#[test]
fn errors_for_programs() {
    let home = Home::new();
    let said = home.run(&["token", "nobody", "--json"]).exits(5);
    assert_eq!(said.stdout, "", "a program that reads a token must not read an error");
    let error = said.error();
    assert!(error["code"].as_str().is_some_and(|code| code.contains("account")), "{error}");
    for sentence in ["fact", "next"] {
        assert!(error[sentence].as_str().is_some_and(|text| text.ends_with('.')), "{sentence}: {error}");
    }
    assert_eq!(error["exit"], 5);
}

#[test]
fn the_agent_starts_by_itself_once_and_outlives_the_command() {
    let home = Home::new();
    assert_eq!(home.agents(), Vec::<u32>::new());
    home.run(&["agent", "start"]).ok();
    let agents = home.agents();
    assert_eq!(agents.len(), 1);
    home.run(&["list"]).ok();
    home.run(&["agent", "start"]).ok();
    assert_eq!(home.agents(), agents, "a second agent, or another one");
    home.run(&["agent", "stop"]).ok();
    mcp_login_tests::wait::until("the agent to be gone", || home.agents().is_empty().then_some(()));
    assert!(!home.socket().exists(), "the socket is left behind");
}
