//! Signing out when the issuer cannot be asked: gone here at once, queued in the keychain, tried until it is proved, over
//! restarts and kills of the agent; and the registration goes when nothing hangs on it any more.
#![cfg(target_os = "linux")]

use mcp_login_tests::{Agent, Cable, Home, Person, Sandbox, Session, wait};

/// A sandbox behind a cable.
fn sandbox() -> (Cable, Sandbox) {
    let mut cable = Cable::new();
    let sandbox = Sandbox::start_with(&["--origin", &cable.origin()]);
    cable.plug_in(sandbox.address());
    (cable, sandbox)
}

fn deletions(sandbox: &Sandbox) -> usize {
    sandbox.at("registration").iter().filter(|request| request.method == "DELETE").count()
}

/// The issuer has trouble: the sign-out is done here, waits there, and is confirmed by itself when it can be.
#[test]
fn trouble_at_the_issuer_is_waited_for() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let token = home.run(&["token", "work", "--json"]).ok().json();
    let secret = token["access_token"].as_str().expect("a token");
    sandbox.fault("status", "revocation:503");
    let receipt = home.run(&["logout", "work", "--json"]).ok();
    for what in ["refresh_token", "access_token"] {
        let line = receipt.receipt_line(what);
        assert_eq!((&line["outcome"], &line["code"]), (&"queued".into(), &"server_trouble".into()), "{line}");
    }
    assert_eq!(receipt.receipt_line("access_token")["valid_until"], token["expires_at"]);
    assert_eq!(receipt.receipt_line("keychain_item")["outcome"], "confirmed");
    assert_ne!(receipt.receipt_line("registration")["outcome"], "confirmed", "the revocation needs it");
    assert_eq!(sandbox.mcp_answers(secret), 200, "not revoked, and not called so");

    home.run(&["token", "work"]).explains(5, "no_such_account");
    assert_eq!(home.queued(), 1);
    for command in [["status"].as_slice(), &["agent", "status"]] {
        let shown = home.run(command).ok().stdout;
        assert!(shown.contains("waiting for the issuer"), "the queue is not shown: {shown}");
    }
    assert_eq!(home.audited("revocation").len(), 0);

    sandbox.heal("status");
    let said = home.wait_for_audit("revocation", 1);
    assert_eq!((&said[0]["outcome"], &said[0]["account"]), (&"ok".into(), &"work".into()), "{said:?}");
    assert_eq!(sandbox.mcp_answers(secret), 401, "called done, and it still works");
    assert!(sandbox.at("refresh").last().is_some_and(|tried| tried.answered(400)), "without a proof");
    assert_eq!((home.queued(), deletions(&sandbox)), (0, 1));
    let log = home.run(&["log"]).ok().stdout;
    assert!(log.contains("queued revocation done") && !log.contains(secret), "{log}");
}

/// No network at all, and the agent is ended, killed, and started again meanwhile.
#[test]
fn offline_over_restarts() {
    Session::tell(&[], |session| {
        let (mut cable, sandbox) = sandbox();
        let home = session.home();
        let agent = Agent::start(&home);
        home.signed_in(sandbox.mcp(), "work");
        let token = home.run(&["token", "work"]).ok();
        cable.pull();
        let said = home.run(&["logout", "work"]).ok().stdout;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("not revoked yet") && said.contains("the token works until"), "{said}");
        // Gone here at once, and it stays gone.
        home.run(&["token", "work"]).explains(5, "no_such_account");
        assert_eq!(home.queued(), 1);

        agent.kill();
        let agent = Agent::start(&home);
        home.run(&["token", "work"]).explains(5, "no_such_account");
        assert_eq!((home.queued(), sandbox.at("revocation").len()), (1, 0));
        assert!(agent.terminate().success());
        home.run(&["agent", "start"]).ok();
        assert_eq!(home.queued(), 1);
        assert_eq!(home.run(&["list", "--json"]).ok().json()["accounts"], serde_json::json!([]));

        cable.plug_in(sandbox.address());
        let recorded = home.wait_for_audit("revocation", 1);
        assert_eq!((&recorded[0]["outcome"], &recorded[0]["account"]), (&"ok".into(), &"work".into()));
        let hints: Vec<_> =
            sandbox.at("revocation").iter().map(|r| r.param("token_type_hint").map(str::to_owned)).collect();
        assert_eq!(hints, [Some("refresh_token".to_owned()), Some("access_token".to_owned())]);
        assert_eq!(sandbox.mcp_answers(token.text()), 401);
        assert_eq!((home.queued(), deletions(&sandbox)), (0, 1));
        // Nothing is left in the keyring.
        let left = session.run("secret-tool", &["search", "--all", "service", "io.github.mcp-login.dev"]);
        assert!(!left.stdout.contains("label"), "{}{}", left.stdout, left.stderr);
    });
}

/// The agent ends right after "signed out": what was said is true at the next start.
#[test]
fn ended_right_after() {
    Session::tell(&[], |session| {
        let (_cable, sandbox) = sandbox();
        let home = session.home();
        let agent = Agent::start(&home);
        home.signed_in(sandbox.mcp(), "work");
        let token = home.run(&["token", "work"]).ok();
        // Killed while the issuer is asked.
        sandbox.fault("hang", "revocation,times=1");
        let logout = home.start(&["logout", "work"]);
        wait::until("the issuer to be asked", || (!sandbox.at("revocation").is_empty()).then_some(()));
        agent.kill();
        drop(logout);
        let agent = Agent::start(&home);
        let refused = home.run(&["token", "work"]).exits(5);
        assert_eq!(refused.stdout, "", "a token was handed out after a sign-out");
        wait::until("the sign-out to be carried on with", || (home.queued() == 0).then_some(()));
        wait::until("the account to be gone", || {
            home.run(&["list", "--json"]).ok().json()["accounts"].as_array()?.is_empty().then_some(())
        });
        assert_eq!(sandbox.mcp_answers(token.text()), 401);
        home.wait_for_audit("sign_out", 1);

        // And right after it was done.
        home.signed_in(sandbox.mcp(), "work");
        home.run(&["logout", "work"]).ok();
        agent.kill();
        let _agent = Agent::start(&home);
        assert_eq!(home.run(&["list", "--json"]).ok().json()["accounts"], serde_json::json!([]));
        assert_eq!(home.queued(), 0);
    });
}

/// Two accounts share a registration. It is needed by the last account, and then by the last queued revocation.
#[test]
fn the_registration_goes_last() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    home.signed_in(sandbox.mcp(), "personal");
    assert_eq!(sandbox.at("register").len(), 1, "one registration for both");
    sandbox.fault("status", "revocation:503");
    home.run(&["logout", "work"]).ok();
    assert_eq!(home.queued(), 1);
    sandbox.fault("status", "revocation:503,times=2");
    home.run(&["logout", "personal"]).ok();
    assert_eq!(deletions(&sandbox), 0, "deleted, and a queued revocation needs it");
    sandbox.heal("status");
    wait::until("the queue to be worked off", || (home.queued() == 0).then_some(()));
    wait::until("the registration to be deleted", || (deletions(&sandbox) == 1).then_some(()));
    let log = sandbox.log();
    let last = |endpoint: &str| log.iter().filter(|r| r.endpoint == endpoint).map(|r| r.n).max();
    assert!(last("registration") > last("revocation"), "before the last revocation");
    assert!(sandbox.at("revocation").iter().rev().take(2).all(|r| r.answered(200)));
}

/// Nor is it taken from somebody who sits before the consent page of that client.
#[test]
fn a_sign_in_under_way_keeps_its_registration() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let sign_in = home.add(sandbox.mcp(), &["--name", "personal"]);
    let address = sign_in.address();
    home.run(&["logout", "work"]).ok();
    assert_eq!(deletions(&sandbox), 0, "deleted under a sign-in");
    Person::named("bob").allow(&address).deliver();
    sign_in.finish().ok();
    home.run(&["refresh", "personal"]).ok();
    home.run(&["logout", "personal"]).ok();
    assert_eq!(deletions(&sandbox), 1);
}

/// A deletion that does not work is repeated by itself too.
#[test]
fn a_registration_that_cannot_be_deleted_yet() {
    let sandbox = Sandbox::start_with(&["--fault", "status=registration:503"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let receipt = home.run(&["logout", "work", "--json"]).ok();
    assert_eq!(receipt.receipt_line("refresh_token")["outcome"], "confirmed");
    let registration = receipt.receipt_line("registration");
    assert_eq!(
        (&registration["outcome"], &registration["code"]),
        (&"queued".into(), &"server_trouble".into())
    );
    // Meanwhile it is used for nothing new.
    home.signed_in(sandbox.mcp(), "work");
    assert_eq!(sandbox.at("register").len(), 2);
    sandbox.heal("status");
    wait::until("the registration to be deleted", || {
        sandbox.at("registration").iter().any(|r| r.method == "DELETE" && r.answered(204)).then_some(())
    });
    // The new one is left alone.
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    home.run(&["refresh", "work"]).ok();
}

/// A vault in memory forgets what was to be revoked when the agent ends. That is said, not swept away.
#[test]
fn what_a_memory_vault_forgets_is_said() {
    let (mut cable, sandbox) = sandbox();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    cable.pull();
    home.run(&["logout", "work"]).ok();
    assert_eq!(home.queued(), 1);
    home.run(&["agent", "restart"]).ok();
    let said = home.wait_for_audit("revocation", 1);
    assert_eq!((&said[0]["outcome"], &said[0]["account"]), (&"failed".into(), &"work".into()), "{said:?}");
    assert_eq!(home.queued(), 0);
}
