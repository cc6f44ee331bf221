//! What the packages of macOS and Windows say of us is what the programs say. No system here reads these files before a release
//! does, and a scheme or a name that differs by a letter shows only on a person's machine.

use std::fs;

use mcp_login_ipc::identity::{AGENT_NAME, APPLICATION_ID, COMMAND_NAME, DESKTOP_NAME, LAUNCHD_LABEL};
use mcp_login_tests::workspace;
use plist::{Dictionary, Value};
use serde_json::Value as Json;

fn text(name: &str) -> String {
    fs::read_to_string(workspace().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn property_list(name: &str) -> Dictionary {
    let list = Value::from_file(workspace().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    list.into_dictionary().unwrap_or_else(|| panic!("{name} is no dictionary"))
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|one| one.as_string().map(str::to_owned)).collect()
}

fn tauri() -> Json {
    serde_json::from_str(&text("src-tauri/tauri.conf.json")).expect("JSON")
}

/// A released build's scheme; the one of a debug build is in no package.
#[test]
fn macos_opens_our_scheme_with_the_app() {
    let list = property_list("src-tauri/Info.plist");
    let types = list.get("CFBundleURLTypes").and_then(Value::as_array).expect("types of addresses");
    let [only] = types.as_slice() else { panic!("not one type: {types:?}") };
    let only = only.as_dictionary().expect("a dictionary");
    assert_eq!(strings(only.get("CFBundleURLSchemes")), [APPLICATION_ID]);
    assert_eq!(only.get("CFBundleURLName").and_then(Value::as_string), Some(APPLICATION_ID));
    assert_eq!(list.get("LSUIElement").and_then(Value::as_boolean), Some(true), "it lives in the menu bar");
}

#[test]
fn the_bundle_is_called_as_the_programs_are() {
    let tauri = tauri();
    assert_eq!(tauri["identifier"], APPLICATION_ID);
    assert_eq!(tauri["mainBinaryName"], DESKTOP_NAME);
    assert_eq!(tauri["bundle"]["macOS"]["hardenedRuntime"], true);
    let bundle: Json = serde_json::from_str(&text("src-tauri/tauri.bundle.conf.json")).expect("JSON");
    let beside: Vec<&str> = bundle["bundle"]["externalBin"]
        .as_array()
        .expect("programs in the bundle")
        .iter()
        .filter_map(|path| path.as_str()?.rsplit('/').next())
        .collect();
    assert_eq!(beside, [AGENT_NAME, COMMAND_NAME]);
}

#[test]
fn launchd_starts_our_agent() {
    let list = property_list("packaging/io.github.mcp-login.agent.plist");
    assert_eq!(list.get("Label").and_then(Value::as_string), Some(LAUNCHD_LABEL));
    let arguments = strings(list.get("ProgramArguments"));
    assert!(arguments[0].ends_with(&format!("/{AGENT_NAME}")), "{arguments:?}");
    // the login keychain belongs to the graphical session
    assert_eq!(list.get("LimitLoadToSessionType").and_then(Value::as_string), Some("Aqua"));
}

/// The hardened runtime without exceptions; what is restricted only where a profile allows it.
#[test]
fn entitlements_weaken_nothing() {
    assert!(property_list("packaging/macos/app.entitlements").is_empty());
    assert!(property_list("packaging/macos/agent.entitlements").is_empty());
    let agent = property_list("packaging/macos/agent-data-protection.entitlements");
    assert_eq!(strings(agent.get("keychain-access-groups")), [format!("TEAM.{APPLICATION_ID}")]);
    let own = agent.get("com.apple.application-identifier").and_then(Value::as_string);
    assert_eq!(own, Some(format!("TEAM.{APPLICATION_ID}.agent").as_str()));
    for name in agent.keys() {
        assert!(
            !name.starts_with("com.apple.security.cs."),
            "{name} is an exception to the hardened runtime"
        );
    }
    let entitlements = tauri()["bundle"]["macOS"]["entitlements"].as_str().expect("a file").to_owned();
    assert!(workspace().join("src-tauri").join(entitlements).is_file());
}

/// An identifier is what the keychain knows a program by: a new one would ask about every item.
#[test]
fn programs_are_signed_under_identifiers_that_stay() {
    let script = text("packaging/macos/sign");
    for (identifier, program) in [("agent", AGENT_NAME), ("command", COMMAND_NAME)] {
        let line =
            script.lines().find(|line| line.starts_with(&format!("sign {APPLICATION_ID}.{identifier} ")));
        let line = line.unwrap_or_else(|| panic!("nothing is signed as {APPLICATION_ID}.{identifier}"));
        assert!(line.ends_with(&format!("/{program}\"")), "{line}");
    }
    assert!(
        script
            .lines()
            .any(|line| line.starts_with(&format!("sign {APPLICATION_ID} ")) && line.ends_with("\"$app\""))
    );
    // inside first: a bundle's signature covers what lies in it
    let at = |word: &str| {
        script.lines().position(|line| line.starts_with(&format!("sign {APPLICATION_ID}{word} ")))
    };
    assert!(at(".agent") < at("") && at(".command") < at(""));
}

#[test]
fn the_installer_calls_things_as_the_programs_do() {
    let script = text("packaging/windows/installer.nsi");
    let defined = |name: &str| {
        let mark = format!("!define {name} \"");
        let line = script.lines().find_map(|line| line.strip_prefix(&mark));
        line.and_then(|rest| rest.split('"').next()).unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    assert_eq!(defined("ID"), APPLICATION_ID);
    for (name, program) in [("DESKTOP", DESKTOP_NAME), ("AGENT", AGENT_NAME), ("COMMAND", COMMAND_NAME)] {
        assert_eq!(defined(name), format!("{program}.exe"));
    }
    // nothing of the machine's is written, which would need an administrator
    for line in script.lines().map(str::trim) {
        assert!(!(line.starts_with("WriteReg") && line.contains("HKLM")), "{line}");
    }
    assert!(script.contains("RequestExecutionLevel user"));
}
