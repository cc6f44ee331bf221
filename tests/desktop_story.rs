//! The whole story on a desktop, with nothing faked between the programs: our window, the system's `xdg-open`, Chromium, the
//! custom scheme, GNOME Keyring, the consent window. What is believed is read from the other side: the sandbox's log, the
//! keyring, the screen.
#![cfg(target_os = "linux")]

use mcp_login_ipc::identity;
use mcp_login_tests::{Client, Desktop, Request, Sandbox, Window, XdgOpen, child, wait};
use rustix::process::Signal;

/// Adds a server in the window, up to the opened browser.
fn add(window: &Window, sandbox: &Sandbox) {
    window.fill_in("#add-url", sandbox.mcp());
    window.click("form.add button[type=submit]");
    window.open_browser();
}

/// The redirect that the issuer was asked for last.
fn asked_redirect(sandbox: &Sandbox) -> String {
    let asked = sandbox.at("authorize");
    let last = asked.iter().rev().find_map(|request| request.param("redirect_uri"));
    last.expect("an authorization request").to_owned()
}

fn kinds(desktop: &Desktop) -> Vec<String> {
    let items = desktop.session.items();
    let kind = |label: &str| label.split_once(' ')?.1.split_once('/').map(|(kind, _)| kind.to_owned());
    let mut kinds: Vec<_> = items.iter().filter_map(|item| kind(&item.label)).collect();
    kinds.sort();
    kinds
}

#[test]
fn from_the_empty_window_to_the_receipt() {
    let sandbox = Sandbox::start();
    let mut desktop = Desktop::start(&[sandbox.issuer()]);
    let window = desktop.open_window();
    window.wait_for_text("Nothing is signed in yet.");

    // What was found is shown before anything opens.
    window.fill_in("#add-url", sandbox.mcp());
    window.click("form.add button[type=submit]");
    window.wait_for_text("Is that where you want to sign in?");
    assert!(!desktop.browser_was_started(), "a browser opened before the person wanted one");
    assert!(sandbox.at("authorize").iter().all(Request::asks_nobody));
    window.open_browser();
    let _browser = desktop.allow_in_browser(sandbox.issuer());
    window.wait_for_text("Signed in.");
    assert_eq!(asked_redirect(&sandbox), identity::redirect_uri());
    assert_eq!(sandbox.at("code").len(), 1);
    assert_eq!(kinds(&desktop), ["registration-token", "tokens"]);
    let account = desktop.home.run(&["list", "--json"]).ok().json()["accounts"][0].clone();
    let name = account["name"].as_str().expect("an account has a name").to_owned();
    assert_eq!(account["redirect_kind"], "scheme", "{account}");
    desktop.session.keep_screen("story-signed-in");

    // A program asks; the person is asked; the answer is the token, and it is good.
    let client = Client::named(&desktop.home, "acme-editor");
    let asking = client.starts(&desktop.home, &["token", &name]);
    let question = desktop.question();
    desktop.session.keep_screen("story-consent");
    question.allow();
    let (status, token, errors) = asking.finish();
    assert!(status.success(), "{errors}");
    assert_eq!(sandbox.mcp_answers(&token.concat()), 200);
    desktop.wait_for_no_consent_window();

    // Signed out, the receipt says what the other side knows, too.
    window.press_button("Sign out");
    window.click("dialog .button-danger-full");
    window.wait_for_text("Signed out of");
    let receipt = window.text(".receipt");
    for line in ["Refresh token revoked", "Access token revoked", "Keychain item deleted"] {
        assert!(receipt.contains(line), "{line} is not in the receipt:\n{receipt}");
    }
    desktop.session.keep_screen("story-receipt");
    assert_eq!(sandbox.mcp_answers(&token.concat()), 401);
    assert_eq!(desktop.session.items(), []);
    assert_eq!(sandbox.tokens()["refresh"].as_u64().unwrap_or(0), 0, "{}", sandbox.tokens());
    drop(window);
    // Nothing of it was owed to the window: whoever quits it leaves the agent at work.
    assert_eq!(desktop.home.agents().len(), 1);
    desktop.set_xdg_open(XdgOpen::Generic);
}

/// Nobody has opened the app: the browser starts it, by the desktop's way and by the generic one.
#[test]
fn a_deep_link_starts_the_app() {
    for way in [XdgOpen::Desktop, XdgOpen::Generic] {
        let sandbox = Sandbox::start();
        let mut desktop = Desktop::start(&[sandbox.issuer()]);
        desktop.set_xdg_open(way);
        desktop.install_app();
        assert!(desktop.running_apps().is_empty(), "the app still runs");

        let adding = desktop.home.start(&["add", sandbox.mcp(), "--name", "work", "--json"]);
        let _browser = desktop.allow_in_browser(sandbox.issuer());
        let (status, _, errors) = adding.finish();
        assert!(status.success(), "{way:?}: {errors}");
        assert_eq!(asked_redirect(&sandbox), identity::redirect_uri(), "{way:?}");
        assert_eq!(desktop.home.account("work")["state"], "ready");
        // It stays, with a window that shows what came of it.
        let app = wait::until("the app", || desktop.running_apps().into_iter().next());
        let window = desktop.session.window_of(app);
        let drawn = || desktop.session.picture(&window).filter(|picture| !picture.is_blank());
        wait::until("something in the window", drawn);
        desktop.session.keep_screen(&format!("story-cold-start-{way:?}"));
        child::signal(app, Signal::TERM);
    }
}

/// What the window began lives in the agent: without the window it ends well, too.
#[test]
fn the_window_is_killed_midway() {
    let sandbox = Sandbox::start();
    let mut desktop = Desktop::start(&[sandbox.issuer()]);
    desktop.set_xdg_open(XdgOpen::Generic);
    let window = desktop.open_window();
    add(&window, &sandbox);
    let browser = desktop.browser();
    browser.go_to_window_at(sandbox.issuer());
    browser.wait_until_loaded();
    let app = window.pid();
    child::signal(app, Signal::KILL);
    wait::until("the window's end", || desktop.running_apps().is_empty().then_some(()));
    drop(window);

    browser.choose("alice");
    browser.click("#allow");
    // The answer itself starts the app anew.
    let app = wait::until("the app", || desktop.running_apps().into_iter().next());
    let asked = sandbox.at("authorize");
    let by_browser = |request: &&Request| request.param("redirect_uri").is_some() && !request.asks_nobody();
    assert_eq!(asked.iter().filter(by_browser).count(), 1);
    let account = wait::until("the account", || {
        desktop.home.run(&["list", "--json"]).ok().json()["accounts"].get(0).cloned()
    });
    // It is there a moment before its tokens are in the keyring.
    desktop.home.wait_for_state(account["name"].as_str().expect("an account has a name"), "ready");
    assert_eq!(kinds(&desktop), ["registration-token", "tokens"]);
    child::signal(app, Signal::TERM);
}

/// A link does nothing but answer a sign-in that waits: a stray one is refused, and leaves a line in the record.
#[test]
fn a_stray_link_changes_nothing() {
    let desktop = Desktop::start(&[]);
    desktop.install_app();
    let link = format!("{}?code=x&state=nobody-s", identity::redirect_uri());
    let _opening = desktop.xdg_open(&link);
    desktop.home.wait_for_audit("stray_callback", 1);
    assert_eq!(desktop.home.run(&["list", "--json"]).ok().json()["accounts"], serde_json::json!([]));
    let record = desktop.home.run(&["log", "--json"]).ok();
    assert!(!record.stdout.contains("nobody-s"), "the record holds what came: {}", record.stdout);
}

/// A second start raises the first one's window, and ends.
#[test]
fn a_second_start_raises_the_first() {
    let desktop = Desktop::start(&[]);
    let background = desktop.start_app(&["--background"]);
    wait::until("the app's start", || (!desktop.home.agents().is_empty()).then_some(()));
    assert_eq!(desktop.session.windows_of(background.id()), [], "a start in the background shows a window");
    let (status, _, errors) = desktop.start_app(&[]).finish();
    assert!(status.success(), "{errors}");
    let window = desktop.session.window_of(background.id());
    assert_eq!(desktop.session.title(&window), "MCP Login");
    assert_eq!(desktop.running_apps(), [background.id()]);
}
