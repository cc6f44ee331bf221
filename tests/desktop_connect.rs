//! Connecting a program in the window, over the real agent and the real files of a person.
#![cfg(target_os = "linux")]

use std::fs;

use mcp_login_tests::{Desktop, Sandbox, wait};

const BEFORE: &str =
    "{\r\n\t\"mcpServers\": {\r\n\t\t\"fs\": { \"command\": \"npx\" } // files\r\n\t}\r\n}\r\n";

#[test]
fn a_program_is_connected_and_put_back() {
    let sandbox = Sandbox::start();
    let mut desktop = Desktop::start(&[sandbox.issuer()]);
    desktop.signed_in(sandbox.mcp(), "work");
    let file = desktop.home.path("person/.cursor/mcp.json");
    fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
    fs::write(&file, BEFORE).expect("a file");
    let read = || fs::read_to_string(&file).expect("the file");

    let window = desktop.open_window();
    window.go("programs");
    window.wait_for_text("Found on this computer: Cursor.");
    window.press_button("Connect a program…");
    window.press_button("Show the change");
    window.wait_for_text("\"args\": [\"proxy\", \"work\"]");
    assert_eq!(read(), BEFORE, "what is only shown is not written");
    window.press_button("Write it");
    window.wait_for_text("Written.");
    let now = read();
    assert!(now.contains("\"proxy\", \"work\"") && now.contains("// files"), "{now}");
    window.wait_for_text("Through MCP Login; it never sees a token");

    // somebody has it start something else
    fs::write(&file, now.replace("\"proxy\"", "\"token\"")).expect("a file");
    window.go("accounts");
    window.run("window.dispatchEvent(new Event('focus')); return null", &serde_json::json!([]));
    window.go("programs");
    window.wait_for_text("If you did not do that, find out who did.");
    fs::write(&file, now).expect("a file");

    window.press_button("Disconnect…");
    window.press_button("Write it");
    wait::until("the bytes that were there", || (read() == BEFORE).then_some(()));
    window.wait_for_text("Undo");
    assert!(window.policy_violations().is_empty(), "{:?}", window.policy_violations());
}
