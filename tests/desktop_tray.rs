//! The tray, with a panel that the test plays: what the icon says, what the menu does, and that nothing needs the icon.
#![cfg(target_os = "linux")]

use std::time::Duration;

use mcp_login_tests::{Client, Desktop, Sandbox, TrayHost, wait};

/// The four pictures that are drawn for the tray, as files.
fn drawn(name: &str) -> Vec<u8> {
    let file = mcp_login_tests::workspace().join(format!("icons/tray/{name}.png"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Whether two PNG files show the same. The app writes its own file from the pixels that were built in.
fn same_picture(a: &[u8], b: &[u8]) -> bool {
    pixels(a) == pixels(b)
}

fn pixels(png: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(png).expect("it is written");
    let output = std::process::Command::new("convert")
        .arg(format!("png:{}", file.path().display()))
        .args(["-depth", "8", "rgba:-"])
        .output()
        .expect("this test needs the package imagemagick (scripts/test installs it)");
    assert!(output.status.success() && !output.stdout.is_empty(), "no picture in the tray");
    output.stdout
}

#[test]
fn it_says_how_things_are_and_the_menu_does_it() {
    let sandbox = Sandbox::start();
    let mut desktop = Desktop::start(&[sandbox.issuer()]);
    let panel = TrayHost::start(&desktop.session);
    let mut app = desktop.start_app(&["--background"]);
    let item = panel.item();
    item.entry("Nothing is signed in");
    let shows = |name: &str| {
        let wanted = drawn(name);
        wait::until(&format!("the icon {name}"), || {
            same_picture(&panel.item().icon(), &wanted).then_some(())
        });
    };
    shows("well");
    assert_eq!(panel.count(), 1);

    // An account, and where its entry leads.
    desktop.signed_in(sandbox.mcp(), "work");
    item.entry("work: signed in");
    assert_eq!(desktop.session.windows_of(app.id()), []);
    item.click("Open MCP Login");
    let window = desktop.session.window_of(app.id());
    desktop.session.close(&window);
    wait::until("the window's end", || desktop.session.windows_of(app.id()).is_empty().then_some(()));
    assert_eq!(app.ended(), None, "closing the window ended the app");
    // Some time after its last window the app takes its own place, and has another icon: then the click is lost.
    wait::until("the window again", || {
        panel.item().click("work: signed in");
        wait::within(Duration::from_secs(5), || desktop.session.windows_of(app.id()).into_iter().next())
    });
    let item = panel.item();

    // A question changes the icon, and the menu leads to it.
    let client = Client::named(&desktop.home, "acme-editor");
    let asking = client.starts(&desktop.home, &["token", "work", "--json"]);
    shows("asking");
    desktop.question().not_now();
    asking.finish();
    shows("well");

    // Paused from the menu, and on again.
    item.click("Stop handing out tokens");
    item.entry("Paused: no tokens are handed out");
    assert_eq!(desktop.home.run(&["agent", "status", "--json"]).ok().json()["paused"], true);
    item.click("Hand out tokens again");
    item.wait_until_gone("Paused");
    assert_eq!(desktop.home.run(&["agent", "status", "--json"]).ok().json()["paused"], false);

    // The same in a terminal: the menu follows at once.
    desktop.home.run(&["pause"]).ok();
    item.entry("Hand out tokens again");
    desktop.home.run(&["resume"]).ok();
    item.wait_until_gone("Paused");

    // The issuer ends the sign-in: the icon says it, and the entry to mend it comes.
    sandbox.fault("refuse", "refresh:invalid_grant");
    desktop.home.run(&["refresh", "work"]);
    shows("needs-sign-in");
    item.entry("work: needs you to sign in");
    item.click("Sign in to work again");
    desktop.session.window_of(app.id());

    // Quitting ends the app, and the agent goes on.
    let agents = desktop.home.agents();
    item.click("Quit");
    let ended = wait::until("the app's end", || app.ended());
    assert!(ended.success(), "{ended}: {}", app.stderr());
    assert_eq!(desktop.home.agents(), agents);
    assert_eq!(agents.len(), 1);
}

/// The issuer cannot be reached.
#[test]
fn it_says_when_it_is_offline() {
    let mut sandbox = Sandbox::start();
    let mut desktop = Desktop::start(&[sandbox.issuer()]);
    desktop.signed_in(sandbox.mcp(), "work");
    let panel = TrayHost::start(&desktop.session);
    let _app = desktop.start_app(&["--background"]);
    let item = panel.item();
    item.entry("work: signed in");
    sandbox.running().kill();
    desktop.home.run(&["refresh", "work"]);
    let wanted = drawn("offline");
    wait::until("the icon", || same_picture(&item.icon(), &wanted).then_some(()));
}

/// Without a panel the app works, and when one comes the icon is there.
#[test]
fn a_panel_that_comes_late() {
    let desktop = Desktop::start(&[]);
    let app = desktop.start_app(&[]);
    let window = desktop.session.window_of(app.id());
    wait::until("something in the window", || {
        desktop.session.picture(&window).filter(|picture| !picture.is_blank())
    });
    let panel = TrayHost::start(&desktop.session);
    let item = panel.item();
    item.entry("Open MCP Login");
    item.click("Quit");
    let (status, _, errors) = app.finish();
    assert!(status.success(), "{status}: {errors}");
}
