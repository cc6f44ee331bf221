//! What an account meets only when something around it fails, in the window over the real agent: a keychain that is locked,
//! a server that refuses fresh tokens, a server that names another issuer. Each is shown, and each is got out of.
#![cfg(target_os = "linux")]

use mcp_login_tests::{Desktop, Findings, Sandbox, Theme, policy_for, wait};

const THEMES: [Theme; 2] = [Theme::Light, Theme::Dark];

/// The agent finds the keychain locked: it says so and asks nobody, until somebody wants something that needs it.
#[test]
fn a_locked_keychain() {
    let sandbox = Sandbox::start();
    let mut desktop = Desktop::start(&[sandbox.issuer()]);
    desktop.signed_in(sandbox.mcp(), "work");
    desktop.home.run(&["agent", "stop"]).ok();
    desktop.session.lock();

    let mut findings = Findings::default();
    for theme in THEMES {
        desktop.set_theme(theme);
        let window = desktop.open_window();
        window.wait_for_text("The keychain is locked.");
        findings.look(&window, "keychain-locked", theme);
        window.choose("work");
        window.wait_for_text("The keychain cannot be read.");
        findings.look(&window, "keychain-locked-account", theme);
        assert_eq!(desktop.session.prompts(), Vec::<String>::new(), "a look asked for the password");
        window.press_button("Look again");
        wait::until("the look to end", || window.look_for("[aria-busy=true]").is_none().then_some(()));
        assert!(window.body().contains("The keychain is locked."), "{}", window.body());
        assert_eq!(desktop.session.prompts(), Vec::<String>::new(), "a look asked for the password");
    }
    assert_eq!(sandbox.at("refresh").len(), 0);

    // Somebody needs it, a person types the password, and the window is told.
    let window = desktop.open_window();
    window.wait_for_text("The keychain is locked.");
    let renewal = desktop.home.start(&["refresh", "work"]);
    desktop.session.type_password();
    let (status, _, errors) = renewal.finish();
    assert!(status.success(), "{errors}");
    window.wait_until_gone(".bar-vault");
    window.choose("work");
    assert!(!window.body().contains("The keychain cannot be read."), "{}", window.body());
    assert_eq!(sandbox.at("refresh").len(), 1);
    findings.none();
}

/// Two fresh tokens were refused: nothing more is sent until a person wants it.
#[test]
fn a_server_that_refuses() {
    let sandbox = Sandbox::start_with(&["--fault", "endless-401"]);
    let mut desktop = Desktop::start(&[sandbox.issuer()]);
    desktop.signed_in(sandbox.mcp(), "work");
    desktop.home.write_policy(&policy_for(&[std::env::current_exe().expect("a test knows its path")]));
    let refused = || {
        let seen = desktop.home.account("work")["generation"].to_string();
        let said = desktop.home.run(&["token", "work", "--newer-than", &seen]);
        (said.code == 9).then_some(())
    };
    wait::until("the second refusal", refused);
    assert_eq!(sandbox.at("refresh").len(), 1);

    let mut findings = Findings::default();
    for (theme, asked) in [(Theme::Light, 1), (Theme::Dark, 3)] {
        desktop.set_theme(theme);
        let window = desktop.open_window();
        window.choose("work");
        window.wait_for_text("The server refuses fresh tokens.");
        findings.look(&window, "server-refuses", theme);
        assert_eq!(sandbox.at("refresh").len(), asked, "a look sent something");
        // A person's word is one request, and the server gets another chance.
        window.press_button("Renew now");
        desktop.home.wait_for_state("work", "ready");
        window.wait_until_gone(".notice-needs");
        assert_eq!(sandbox.at("refresh").len(), asked + 1);
        // It refuses once more, with the window open: the window is told.
        wait::until("the next refusal", refused);
        window.wait_for_text("The server refuses fresh tokens.");
        assert_eq!(sandbox.at("refresh").len(), asked + 2);
    }
    findings.none();
}

/// The sign-in is over, and for the next one the server names another issuer: old and new are shown, nothing is sent to the new
/// one, and it is the person who decides.
#[test]
fn a_server_that_names_another_issuer() {
    let issuer = || Sandbox::start_with(&["--mode", "issuer"]);
    let (old, new) = (issuer(), issuer());
    let server = Sandbox::start_with(&["--mode", "resource", "--issuer", old.issuer()]);
    let mut desktop = Desktop::start(&[old.issuer(), new.issuer()]);
    desktop.signed_in(server.mcp(), "work");
    old.fault("refuse", "refresh:invalid_grant");
    desktop.home.run(&["refresh", "work"]);
    desktop.home.wait_for_state("work", "needs_sign_in");
    server.fault("prm-issuer", new.issuer());
    let named = |sandbox: &Sandbox| sandbox.issuer().trim_start_matches("http://").to_owned();

    let mut findings = Findings::default();
    for theme in THEMES {
        desktop.set_theme(theme);
        let window = desktop.open_window();
        window.choose("work");
        if theme == Theme::Light {
            window.press_button("Sign in again");
            window.wait_for_text("The server names another sign-in page.");
            findings.look(&window, "issuer-changed-sign-in", theme);
            window.press_button("Close");
        }
        // It stays said at the account, also in a window that was opened later.
        window.choose("work");
        window.wait_for_text("The server names another sign-in page.");
        findings.look(&window, "issuer-changed", theme);
        let shown = window.body();
        for part in [named(&old), named(&new)] {
            assert!(shown.contains(&part), "{part} is not shown:\n{shown}");
        }
        // Without the person's word only public documents were read there.
        for request in new.log() {
            assert_eq!(
                (request.endpoint.as_str(), request.method.as_str()),
                ("metadata", "GET"),
                "{request:?}"
            );
        }
        assert_eq!(desktop.home.account("work")["issuer"], old.issuer());
    }
    assert!(!desktop.browser_was_started());

    let window = desktop.open_window();
    window.choose("work");
    window.press_button("Sign in at 127.0.0.1");
    window.open_browser();
    let _browser = desktop.allow_in_browser(new.issuer());
    window.wait_for_text("Signed in.");
    // The person sees what became of the tokens of the old one.
    findings.look(&window, "issuer-changed-done", Theme::Dark);
    assert_eq!(desktop.home.account("work")["issuer"], new.issuer());
    assert_eq!(old.at("revocation").len(), 2);
    findings.none();
}
