//! Signing in, as people do it: in a real browser, by a pasted address, by our own scheme; and saying no.
#![cfg(any(target_os = "linux", windows))]

use std::collections::BTreeSet;

#[cfg(target_os = "linux")]
use mcp_login_tests::Browser;
use mcp_login_tests::{Home, Person, Sandbox};

/// The names of the accounts that `list` shows.
fn accounts(home: &Home) -> BTreeSet<String> {
    let list = home.run(&["list", "--json"]).ok().json();
    let accounts = list["accounts"].as_array().expect("a list of accounts").iter();
    accounts.map(|account| account["name"].as_str().expect("accounts have names").to_owned()).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn in_a_real_browser() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "loopback"]);
    let browser = Browser::start(&home, sandbox.issuer());
    browser.open(&sign_in.address());
    browser.choose("alice");
    browser.click("#allow");
    browser.wait_for_address("http://127.0.0.1:");
    sign_in.finish().ok();

    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    // What is in the browser's window and history is of no use any more, and the page does not show it.
    assert!(!browser.text("body").contains("code="), "the page shows the response");

    let asked = sandbox.at("authorize").remove(0);
    assert_eq!(asked.param("code_challenge_method"), Some("S256"));
    assert_eq!(asked.param("response_type"), Some("code"));
    assert_eq!(asked.param("resource"), Some(sandbox.mcp()));
    assert!(asked.param("redirect_uri").is_some_and(|uri| uri.starts_with("http://127.0.0.1:")), "{asked:?}");
    assert!(asked.param("state").is_some() && asked.param("code_challenge").is_some());
    assert!(
        asked.param("scope").is_none_or(|scope| !scope.contains("openid")),
        "openid was not asked for by anybody"
    );

    let exchanges = sandbox.at("code");
    assert_eq!(exchanges.len(), 1);
    assert_eq!(exchanges[0].param("resource"), Some(sandbox.mcp()));
    assert_eq!(exchanges[0].param("redirect_uri"), asked.param("redirect_uri"));
    assert!(exchanges[0].param("code_verifier").is_some());
}

#[cfg(target_os = "linux")]
#[test]
fn cancel_in_a_real_browser() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "loopback"]);
    let browser = Browser::start(&home, sandbox.issuer());
    browser.open(&sign_in.address());
    browser.click("#cancel");
    browser.wait_for_address("http://127.0.0.1:");
    sign_in.finish().exits(10);

    assert_eq!(accounts(&home), names(&[]));
    assert_eq!(sandbox.at("code").len(), 0);
    home.run(&["token", "work"]).exits(5);
}

/// Chromium hands the scheme to the desktop, the desktop starts `mcp-login callback`, and that wakes the waiting command.
#[cfg(target_os = "linux")]
#[test]
fn by_our_scheme_from_a_real_browser() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "scheme"]);
    let browser = Browser::start(&home, sandbox.issuer());
    browser.open(&sign_in.address());
    browser.click("#allow");
    sign_in.finish().ok();

    assert_eq!(accounts(&home), names(&["work"]));
    let opened = home.opened_at(1);
    // With one slash, and in a debug build with a scheme of its own.
    assert!(opened.starts_with("io.github.mcp-login") && opened.contains(":/oauth/callback?"), "{opened}");
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
}

#[test]
fn by_our_scheme_through_callback() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "scheme"]);
    let redirect = Person::named("alice").allow(&sign_in.address());
    home.run(&["callback", &redirect.url]).ok();
    sign_in.finish().ok();
    assert_eq!(accounts(&home), names(&["work"]));
    // A callback works once.
    let again = home.run(&["callback", &redirect.url]);
    assert_ne!(again.code, 0, "a callback worked twice");
    assert_eq!(sandbox.at("code").len(), 1);
}

/// Over SSH there is no browser: the command prints the address and takes what the browser elsewhere ended at.
#[test]
fn by_a_pasted_address() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "loopback"]);
    let redirect = Person::named("alice").allow(&sign_in.address());
    // Through standard input, so that the code is in no list of processes.
    home.run_with_input(&["callback", "-"], &format!("{}\n", redirect.url)).ok();
    sign_in.finish().ok();
    assert_eq!(accounts(&home), names(&["work"]));
    // Accepted or too late: the page that the browser shows must not claim a second sign-in.
    redirect.try_deliver();
    assert_eq!(sandbox.at("code").len(), 1);
}

#[test]
fn without_a_browser_the_address_is_printed_and_the_answer_read() {
    use std::io::Write;
    use std::process::Stdio;

    let sandbox = Sandbox::start();
    let home = Home::new();
    let mut command =
        home.command(&["add", sandbox.mcp(), "--name", "work", "--no-browser", "--redirect", "loopback"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let shown = mcp_login_tests::child::Lines::of(child.stdout.take(), child.stderr.take());
    let address = shown.first_with(|line| {
        let start = line.find(sandbox.issuer())?;
        Some(line[start..].trim().to_owned()).filter(|address| address.contains("code_challenge"))
    });
    assert_eq!(home.opened(), Vec::<String>::new(), "a browser was opened");
    let redirect = Person::named("alice").allow(&address);
    let mut input = child.stdin.take().expect("piped above");
    writeln!(input, "{}", redirect.url).expect("it reads");
    let status = child.wait().expect("our own child");
    assert!(status.success(), "{}", shown.rest().join("\n"));
    assert_eq!(accounts(&home), names(&["work"]));
}

#[test]
fn two_accounts_at_one_server() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    for (name, person) in [("work", "alice"), ("personal", "bob")] {
        let sign_in = home.add(sandbox.mcp(), &["--name", name, "--redirect", "loopback"]);
        Person::named(person).allow(&sign_in.address()).deliver();
        sign_in.finish().ok();
    }
    assert_eq!(accounts(&home), names(&["personal", "work"]));
    let (work, personal) = (home.run(&["token", "work"]).ok(), home.run(&["token", "personal"]).ok());
    assert_ne!(work.text(), personal.text());
    for token in [work.text(), personal.text()] {
        assert_eq!(sandbox.mcp_answers(token), 200);
    }
    // One client identity at this issuer serves both people.
    assert_eq!(sandbox.at("register").len(), 1);
    // The server's address does not say which of the two is meant, and none is taken by chance.
    let unclear = home.run(&["token", sandbox.mcp()]);
    assert_ne!(unclear.code, 0);
    assert!(unclear.stdout.is_empty());
    assert!(unclear.stderr.contains("work") && unclear.stderr.contains("personal"), "{}", unclear.stderr);
}

/// A callback that belongs to nobody changes nothing, and the real one still completes.
#[test]
fn a_stranger_s_callback_changes_nothing() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "loopback"]);
    let redirect = Person::named("alice").allow(&sign_in.address());
    redirect.with("state", "a-stranger-s-state").try_deliver();
    redirect.with("state", "x").with("error", "access_denied").try_deliver();
    assert_eq!(sandbox.at("code").len(), 0);
    redirect.deliver();
    sign_in.finish().ok();
    assert_eq!(accounts(&home), names(&["work"]));
}
