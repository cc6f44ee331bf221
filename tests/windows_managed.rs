//! Group Policy as Windows keeps it: in the registry of the computer, written there by an administrator and read by the real
//! programs.
//!
//! It writes into that registry, so it wants to be told: `MCP_LOGIN_TEST_POLICY`, which scripts/check-windows sets for a
//! Wine prefix of its own. The schema and its mistakes are tested where all three readers are: `managed/tests.rs`.
#![cfg(windows)]

use mcp_login_ipc::identity::DIRECTORY_NAME;
use mcp_login_tests::{Home, Sandbox};
use windows_registry::{Key, LOCAL_MACHINE};

const POLICIES: &str = r"Software\Policies";

/// The key, gone with the test whatever becomes of it.
struct Policy(Key);

impl Policy {
    fn new() -> Self {
        let path = format!(r"{POLICIES}\{DIRECTORY_NAME}");
        assert!(
            LOCAL_MACHINE.open(&path).is_err(),
            "this computer is managed, and this test would change how"
        );
        Self(LOCAL_MACHINE.create(&path).expect("an administrator may write here"))
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let _ = LOCAL_MACHINE.create(POLICIES).and_then(|key| key.remove_tree(DIRECTORY_NAME));
    }
}

/// What `doctor` says of it.
fn doctor(home: &Home) -> String {
    let said = home.run(&["doctor"]).stdout;
    said.lines().skip_while(|line| !line.contains("Managed")).take(3).collect::<Vec<_>>().join("\n")
}

#[test]
fn group_policy_goes_over_the_settings() {
    if std::env::var_os("MCP_LOGIN_TEST_POLICY").is_none() {
        return;
    }
    let (house, other) = (Sandbox::start(), Sandbox::start());
    let home = Home::new();
    let policy = Policy::new();
    let value = |done: windows_registry::Result<()>| done.expect("our own key");
    // As Group Policy writes them: many lines, a number, a key of numbered values, and a key of numbered keys.
    value(policy.0.set_multi_string("allowed_servers", &[house.mcp(), "https://mcp.corp.example"]));
    value(policy.0.set_u32("http_door", 0));
    value(policy.0.create("allowed_issuers").expect("our own key").set_string("1", house.issuer()));
    value(policy.0.set_string("redirect", "localhost"));

    let refused = home.run(&["add", other.mcp(), "--no-browser", "--timeout", "60", "--json"]);
    assert_eq!(refused.error()["code"], "not_allowed_here", "{}", refused.stdout);
    assert!(other.log().is_empty(), "it was asked all the same: {:?}", other.log());

    home.signed_in(house.mcp(), "work");
    assert!(home.opened_at(0).contains("redirect_uri=http%3A%2F%2Flocalhost%3A"), "{}", home.opened_at(0));
    let door = home.run(&["door", "on", "--json"]);
    assert_eq!(door.error()["code"], "not_allowed_here", "{}", door.stdout);
    let said = doctor(&home);
    assert!(
        said.contains(r"HKLM\Software\Policies\")
            && said.contains(DIRECTORY_NAME)
            && said.contains("allowed_issuers"),
        "{said}"
    );

    // With a mistake in it nobody signs in, and the mistake is named.
    value(policy.0.set_u32("allowed_servers", 1));
    let refused = home.run(&["add", house.mcp(), "--no-browser", "--timeout", "60", "--json"]);
    assert_eq!(refused.error()["code"], "not_allowed_here", "{}", refused.stdout);
    let said = doctor(&home);
    assert!(said.contains("nobody can sign in") && said.contains("allowed_servers"), "{said}");

    // Taken back by the administrator, it is as if it had never been.
    drop(policy);
    home.signed_in(other.mcp(), "other");
}
