//! Every view of the window over the real agent, in the webview that people get: how it looks in light and dark, what
//! accessibility rules and the page's policy say of it, what the keyboard reaches, and that whatever a server calls itself
//! stays text. The same pages over fixtures, in states that are hard to bring about, are looked at in `pages.rs`.
#![cfg(target_os = "linux")]

use mcp_login_tests::{
    Choice, Client, Desktop, Findings, OidcProvider, Sandbox, Theme, Window, axe, keys, wait,
};
use serde_json::json;

/// A picture that cannot be loaded runs this, if it ever becomes one; the direction of reading turns behind it.
const HOSTILE: &str = "<img src=x onerror=\"window.pwned=1\">\u{202e}moc.elgoog";

#[test]
fn nothing_signed_in_and_no_agent() {
    let desktop = Desktop::start(&[]);
    let mut findings = Findings::default();
    for theme in [Theme::Light, Theme::Dark] {
        desktop.set_theme(theme);
        let window = desktop.open_window();
        window.wait_for_text("Nothing is signed in yet.");
        findings.look(&window, "first", theme);
        rules_see_what_cannot_be_read(&window);
        // What cannot work says so where it was typed.
        window.fill_in("#add-url", "https://127.0.0.1:1/mcp");
        window.click("form.add button[type=submit]");
        window.find(".trouble");
        findings.look(&window, "sign-in-failed", theme);
        window.go("programs");
        findings.look(&window, "programs-empty", theme);
        window.go("activity");
        findings.look(&window, "activity-first", theme);
        window.go("settings");
        window.find(".check");
        findings.look(&window, "settings", theme);
        desktop.home.run(&["agent", "stop"]).ok();
        window.wait_for_text("The agent is not running.");
        findings.look(&window, "no-agent", theme);
        window.press_button("Start it");
        window.wait_until_gone(".bar-down");
        assert_eq!(desktop.home.agents().len(), 1);
    }
    findings.none();
}

/// That nothing is found says something only where it would be found: a text in the colour of what is behind it.
fn rules_see_what_cannot_be_read(window: &Window) {
    let fade = |colour: &str| {
        let script = "document.querySelector('h1, h2').style.color = arguments[0]; return null";
        window.run(script, &json!([colour]));
    };
    fade("color-mix(in srgb, currentColor 12%, transparent)");
    let found = axe::violations(window);
    assert!(found.iter().any(|one| one.rule == "color-contrast" && one.is_serious()), "{found:?}");
    fade("");
}

#[test]
fn accounts_in_all_states() {
    let (well, ended, mut away) = (Sandbox::start(), Sandbox::start(), Sandbox::start());
    let mut desktop = Desktop::start(&[well.issuer()]);
    desktop.signed_in(well.mcp(), "work");
    desktop.signed_in(ended.mcp(), "ended");
    desktop.signed_in(away.mcp(), "away");
    ended.fault("refuse", "refresh:invalid_grant");
    desktop.home.run(&["refresh", "ended"]);
    away.running().kill();
    desktop.home.run(&["refresh", "away"]);
    desktop.home.wait_for_state("ended", "needs_sign_in");
    desktop.home.wait_for_state("away", "offline");
    // One program may, one never, and one waits.
    let allowed = Client::named(&desktop.home, "acme-editor");
    let asking = allowed.starts(&desktop.home, &["token", "work"]);
    desktop.question().allow_for(Choice::Always);
    asking.finish();
    let refused = Client::named(&desktop.home, HOSTILE.replace('/', ""));
    let asking = refused.starts(&desktop.home, &["token", "work"]);
    let question = desktop.question();
    question.keep("consent-hostile-name");
    question.never();
    asking.finish();
    desktop.wait_for_no_consent_window();

    let mut findings = Findings::default();
    for theme in [Theme::Light, Theme::Dark] {
        desktop.set_theme(theme);
        let window = desktop.open_window();
        window.wait_for_text("ended");
        findings.look(&window, "accounts", theme);
        window.choose("work");
        findings.look(&window, "account", theme);
        window.run("for (const more of document.querySelectorAll('details')) more.open = true", &json!([]));
        findings.look(&window, "account-details", theme);
        window.choose("ended");
        window.wait_for_text("You have to sign in again.");
        findings.look(&window, "account-needs-sign-in", theme);
        window.choose("away");
        window.wait_for_text("The issuer cannot be reached.");
        findings.look(&window, "account-offline", theme);
        window.choose("work");
        window.click("#add");
        window.find("#add-url");
        findings.look(&window, "add", theme);
        window.fill_in("#add-url", well.mcp());
        window.click("form.add button[type=submit]");
        window.wait_for_text("Is that where you want to sign in?");
        findings.look(&window, "sign-in-found", theme);
        window.press_button("Cancel this sign-in");

        let waiting = allowed_later(&desktop, theme);
        let question = desktop.question();
        question.keep(&format!("consent-{theme:?}").to_lowercase());
        window.go("programs");
        window.wait_for_text("Waiting for your answer");
        // The name of a program is text, and what cannot be seen in it is written out.
        let shown = window.body();
        assert!(shown.contains("<img src=x onerror=") && shown.contains("‹U+202E›"), "{shown}");
        findings.look(&window, "programs", theme);
        question.close();
        waiting.finish();
        window.go("activity");
        findings.look(&window, "activity", theme);
        window.go("settings");
        window.click("#set-pause");
        window.go("accounts");
        window.wait_for_text("Paused.");
        findings.look(&window, "paused", theme);
        assert_eq!(desktop.home.run(&["agent", "status", "--json"]).ok().json()["paused"], true);
        window.press_button("Go on");
        window.wait_until_gone(".bar-paused");
        // The same in a terminal: the window hears of it.
        desktop.home.run(&["pause"]).ok();
        window.find(".bar-paused");
        desktop.home.run(&["resume"]).ok();
        window.wait_until_gone(".bar-paused");
    }
    let window = desktop.open_window();
    window.choose("work");
    window.press_button("Sign out");
    window.find("dialog[open]");
    findings.look(&window, "sign-out", Theme::Dark);
    window.click("dialog .button-danger-full");
    window.wait_for_text("Signed out of");
    findings.look(&window, "receipt", Theme::Dark);
    findings.none();
}

/// Somebody else's question, for the picture.
fn allowed_later(desktop: &Desktop, theme: Theme) -> mcp_login_tests::child::Running {
    let name = if theme == Theme::Dark { "night-shift" } else { "day-shift" };
    Client::named(&desktop.home, name).starts(&desktop.home, &["token", "work"])
}

/// Goes on with Tab until this has the focus.
#[track_caller]
fn tab_to(window: &Window, wanted: &str) {
    let mut passed = Vec::new();
    for _ in 0..60 {
        let focus = window.focus();
        if focus.contains(wanted) {
            return;
        }
        passed.push(focus);
        window.press(&[keys::TAB]);
    }
    panic!("Tab does not come to {wanted:?}, only to: {passed:#?}");
}

/// From the empty window to the receipt without a pointer.
#[test]
fn by_keyboard_alone() {
    let sandbox = Sandbox::start();
    let desktop = Desktop::start(&[sandbox.issuer()]);
    let window = desktop.open_window();
    window.wait_for_text("Nothing is signed in yet.");
    tab_to(&window, "#add-url");
    window.type_text(sandbox.mcp());
    window.press(&[keys::ENTER]);
    window.wait_for_text("Is that where you want to sign in?");
    tab_to(&window, "#open-browser");
    window.press(&[keys::ENTER]);
    let _browser = desktop.allow_in_browser(sandbox.issuer());
    window.wait_for_text("Signed in.");

    for (key, view) in [("2", "programs"), ("3", "activity"), ("4", "settings"), ("1", "accounts")] {
        window.press(&[key]);
        window.find(&format!(".view-{view}"));
        let focus = window.focus();
        assert!(focus.starts_with("h1") || focus.starts_with("h2"), "the focus is at {focus:?} in {view}");
    }
    window.press(&["3"]);
    window.find(".view-activity");
    window.press(&["/"]);
    assert!(window.focus().contains("Filter"), "{:?}", window.focus());
    window.type_text("nothing has this in it");
    window.wait_for_text("Nothing like that");
    window.press(&[keys::ESCAPE]);
    wait::until("the whole record", || (!window.body().contains("Nothing like that")).then_some(()));
    window.press(&[keys::ESCAPE]);
    wait::until("the focus to leave the field", || (!window.focus().contains("Filter")).then_some(()));
    window.press(&["1"]);
    window.find(".view-accounts");
    window.press(&["n"]);
    window.find("#add-url");
    wait::until("the focus in the field", || window.focus().contains("#add-url").then_some(()));
    window.press(&[keys::ESCAPE]);
    window.wait_until_gone("#add-url");

    // The list with the arrows, then the account's buttons.
    tab_to(&window, "127.0.0.1");
    window.press(&[keys::ENTER]);
    tab_to(&window, "Sign out");
    window.press(&[keys::ENTER]);
    window.find("dialog[open]");
    assert!(window.focus().contains("Cancel"), "the safe answer has the focus, not {:?}", window.focus());
    window.press(&[keys::ESCAPE]);
    window.wait_until_gone("dialog[open]");
    assert!(window.focus().contains("Sign out"), "the focus came back to {:?}", window.focus());
    assert_eq!(sandbox.at("revocation").len(), 0);
    window.press(&[keys::ENTER]);
    window.find("dialog[open]");
    window.press(&[keys::TAB, keys::ENTER]);
    window.wait_for_text("Signed out of");
    assert!(!sandbox.at("revocation").is_empty());
}

/// A server, an issuer and a person's name that are markup and turn the direction of reading, in every text of theirs.
#[test]
fn whatever_a_server_calls_itself_is_text() {
    let issuer = OidcProvider::start_with(&json!({ "email": HOSTILE }));
    let sandbox = Sandbox::start_with(&["--mode", "resource", "--issuer", issuer.issuer()]);
    let broken = Sandbox::start();
    let desktop = Desktop::start(&[issuer.issuer()]);
    let window = desktop.open_window();
    window.wait_for_text("Nothing is signed in yet.");

    // What went wrong, in the server's own words.
    broken.fault("hostile-text", "");
    broken.fault("refuse", "register:invalid_client_metadata");
    window.fill_in("#add-url", broken.mcp());
    window.click("form.add button[type=submit]");
    window.find(".trouble");
    window.run("for (const more of document.querySelectorAll('details')) more.open = true", &json!([]));
    let shown = window.body();
    assert!(shown.contains('<'), "the server's text is not there:\n{shown}");
    let mut findings = Findings::default();
    findings.look(&window, "hostile-error", Theme::Light);

    // Who is signed in, in the issuer's words.
    let started = json!({ "method": "sign_in.start",
        "params": { "url": sandbox.mcp(), "name": "work", "redirect": "loopback", "scopes": ["openid", "email", "mcp:read"] } });
    let started = window.invoke("agent_call", &started).expect("a sign-in");
    let id = started["sign_in"].as_str().expect("its id").to_owned();
    assert!(!started.to_string().contains("authorization_url"), "{started}");
    let list = json!({ "method": "sign_in.list", "params": {} });
    wait::until("the browser's turn", || {
        let list = window.invoke("agent_call", &list).expect("the sign-ins");
        assert!(!list.to_string().contains("authorize?"), "the page is told the address: {list}");
        let mine = list["sign_ins"].as_array()?.iter().find(|one| one["sign_in"] == id.as_str())?.clone();
        (mine["progress"]["step"] == "browser").then_some(())
    });
    window.invoke("open_browser", &json!({ "signIn": id })).expect("a browser opens");
    let browser = desktop.browser();
    browser.go_to_window_at(issuer.issuer());
    let address =
        wait::until("the sign-in page", || Some(browser.address()).filter(|a| a.contains("/interaction/")));
    assert!(address.starts_with(issuer.issuer()), "{address}");
    browser.click("#allow");
    desktop.home.wait_for_state("work", "ready");
    window.choose("work");
    window.wait_for_text("<img src=x onerror=");
    // The agent has taken out of the issuer's text what would turn the line; of a program's name the window writes it out.
    assert!(!window.body().contains('\u{202e}'), "{}", window.body());
    window.run("for (const more of document.querySelectorAll('details')) more.open = true", &json!([]));
    findings.look(&window, "hostile-account", Theme::Light);
    window.go("activity");
    findings.look(&window, "hostile-activity", Theme::Light);
    findings.none();
}

/// The page may ask for what it needs, and for nothing that hands out a token, grants, or leaves the page.
#[test]
fn the_page_reaches_nothing_else() {
    let sandbox = Sandbox::start();
    let mut desktop = Desktop::start(&[sandbox.issuer()]);
    desktop.signed_in(sandbox.mcp(), "work");
    let window = desktop.open_window();
    window.wait_for_text("work");
    for method in
        ["token.get", "approval.grant", "approval.deny", "agent.stop", "session.announce", "events.subscribe"]
    {
        let refused =
            window.invoke("agent_call", &json!({ "method": method, "params": { "account": "work" } }));
        assert!(refused.is_err(), "{method}: {refused:?}");
    }
    for command in [
        "consent_decide",
        "consent_questions",
        "plugin:event|listen",
        "plugin:opener|open_url",
        "plugin:fs|read_file",
    ] {
        let refused =
            window.invoke(command, &json!({ "pending": "1", "until": "always", "event": "x", "handler": 1 }));
        assert!(refused.is_err(), "{command}: {refused:?}");
    }
    assert_eq!(sandbox.at("refresh").len(), 0);
    // No way out of the page, and what is forbidden in it is noticed.
    let before = window.address();
    window.run(
        "location.href = arguments[0]; window.open(arguments[0]); return null",
        &json!([sandbox.issuer()]),
    );
    window.run(
        "const i = new Image(); i.src = arguments[0]; document.body.append(i); i.remove()",
        &json!([sandbox.issuer()]),
    );
    wait::until("the policy's word", || {
        window.policy_violations().iter().any(|v| v.starts_with("img-src")).then_some(())
    });
    assert_eq!(window.address(), before);
    assert!(sandbox.log().iter().all(|request| request.path != "/"), "the page reached the issuer");
}
