//! The ways back from the browser on a desktop: another program that took our scheme, an issuer that refuses schemes, and
//! an answer that never comes.
#![cfg(target_os = "linux")]

use std::path::Path;

use mcp_login_ipc::identity;
use mcp_login_tests::{Desktop, Request, Sandbox, Window, wait};
use serde_json::json;

/// Adds a server in the window, up to the opened browser.
fn add(window: &Window, sandbox: &Sandbox) {
    window.fill_in("#add-url", sandbox.mcp());
    window.click("form.add button[type=submit]");
    window.open_browser();
}

/// The redirects that browsers asked the issuer for, oldest first.
fn asked_redirects(sandbox: &Sandbox) -> Vec<String> {
    let asked = sandbox.at("authorize");
    let asked = asked.iter().filter(|request| !request.asks_nobody());
    asked.filter_map(|request| request.param("redirect_uri").map(str::to_owned)).collect()
}

/// What only an authorization request with a loopback redirect has in its address.
const BY_LOOPBACK: &str = "redirect_uri=http%3A%2F%2F127.0.0.1";

/// What a program that took the scheme over was given.
fn swallowed(file: &Path) -> String {
    wait::until("the callback at the other program", || {
        std::fs::read_to_string(file)
            .ok()
            .filter(|text| text.ends_with('\n'))
            .map(|text| text.trim().to_owned())
    })
}

#[test]
fn a_scheme_that_was_taken_over_is_said_and_not_used() {
    let sandbox = Sandbox::start();
    let desktop = Desktop::start(&[sandbox.issuer()]);
    desktop.install_app();
    let (thief, got) = desktop.take_scheme_over();
    let window = desktop.open_window();
    window.wait_for_text("Nothing is signed in yet.");
    let scheme = window.invoke("settings", &json!({})).expect("settings")["scheme"].clone();
    assert_eq!(scheme, json!({ "state": "foreign", "program": thief }));
    window.press_button("Settings");
    window.wait_for_text(&format!("Another program opens MCP Login’s links: {}", thief.display()));

    window.press_button("Accounts");
    add(&window, &sandbox);
    let _browser = desktop.allow_in_browser(sandbox.issuer());
    window.wait_for_text("Signed in.");
    let asked = asked_redirects(&sandbox);
    assert!(asked[0].starts_with("http://127.0.0.1:"), "{asked:?}");
    assert!(!got.exists(), "the other program got something");
    // Nobody is robbed of a choice: the other program still has the scheme.
    assert_eq!(window.invoke("settings", &json!({})).expect("settings")["scheme"]["state"], "foreign");
}

#[test]
fn an_issuer_that_refuses_schemes_gets_loopback_without_a_question() {
    for place in ["register", "authorize"] {
        let sandbox = Sandbox::start();
        sandbox.fault("scheme-refused", place);
        let desktop = Desktop::start(&[sandbox.issuer()]);
        let window = desktop.open_window();
        window.wait_for_text("Nothing is signed in yet.");
        add(&window, &sandbox);
        let browser = desktop.browser();
        browser.go_to_window_with(BY_LOOPBACK);
        browser.wait_until_loaded();
        browser.choose("alice");
        browser.click("#allow");
        window.wait_for_text("Signed in.");
        let asked = asked_redirects(&sandbox);
        assert!(asked.iter().all(|uri| uri.starts_with("http://127.0.0.1:")), "{place}: {asked:?}");
        // One that says so at its page alone was asked there once, by nobody's browser and for nobody's sign-in.
        let (probes, browsers): (Vec<_>, Vec<_>) =
            sandbox.at("authorize").into_iter().partition(Request::asks_nobody);
        assert_eq!(probes.len(), usize::from(place == "authorize"), "{place}");
        for probe in &probes {
            assert_eq!(probe.param("redirect_uri"), Some(identity::redirect_uri().as_str()));
            assert_eq!(probe.header("cookie"), None);
            for name in ["state", "code_challenge"] {
                let value = probe.param(name);
                assert!(value.is_some() && browsers.iter().all(|other| other.param(name) != value), "{name}");
            }
        }
        let account = desktop.home.run(&["list", "--json"]).ok().json()["accounts"][0].clone();
        assert_eq!(account["redirect_kind"], "loopback", "{account}");
    }
}

/// The browser's answer is lost: the window offers the other way and a box, and what is pasted there works.
#[test]
fn nothing_comes_back_and_the_address_is_pasted() {
    let sandbox = Sandbox::start();
    let desktop = Desktop::start(&[sandbox.issuer()]);
    let window = desktop.open_window();
    window.wait_for_text("Nothing is signed in yet.");
    add(&window, &sandbox);
    // While the person is in the browser, another program takes the scheme, and keeps the answer.
    let (_, got) = desktop.take_scheme_over();
    let _browser = desktop.allow_in_browser(sandbox.issuer());
    let answer = swallowed(&got);
    assert!(answer.starts_with(&identity::redirect_uri()), "{answer}");
    assert_eq!(sandbox.at("code").len(), 0);

    window.press_button("Nothing came back?");
    window.wait_for_text("Nothing has come back yet.");
    window.fill_in("#paste", "https://example.com/?code=1&state=2");
    window.press_button("Use this address");
    window.find(".paste .trouble, .paste [role=alert]");
    assert_eq!(sandbox.at("code").len(), 0, "a stranger's address was believed");
    window.fill_in("#paste", &answer);
    window.press_button("Use this address");
    window.wait_for_text("Signed in.");
    assert_eq!(sandbox.at("code").len(), 1);
}

#[test]
fn nothing_comes_back_and_the_other_way_is_taken() {
    let sandbox = Sandbox::start();
    let desktop = Desktop::start(&[sandbox.issuer()]);
    let window = desktop.open_window();
    window.wait_for_text("Nothing is signed in yet.");
    add(&window, &sandbox);
    let (_, got) = desktop.take_scheme_over();
    drop(desktop.allow_in_browser(sandbox.issuer()));
    swallowed(&got);
    window.press_button("Nothing came back?");
    window.press_button("Try the other way");
    window.open_browser();
    let browser = desktop.browser();
    wait::until("the second authorization request", || (asked_redirects(&sandbox).len() == 2).then_some(()));
    browser.go_to_window_with(BY_LOOPBACK);
    browser.wait_until_loaded();
    browser.choose("alice");
    browser.click("#allow");
    window.wait_for_text("Signed in.");
    let asked = asked_redirects(&sandbox);
    assert_eq!(asked[0], identity::redirect_uri());
    assert!(asked[1].starts_with("http://127.0.0.1:"), "{asked:?}");
    // The landing page has no script, and does not repeat what came.
    browser.wait_for_address("http://127.0.0.1:");
    let page = browser.run("return document.documentElement.outerHTML", &json!([]));
    let page = page.as_str().unwrap_or_default();
    assert!(!page.contains("<script") && !page.contains("code="), "{page}");
}
