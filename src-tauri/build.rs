//! Which commands there are at all: each gets a permission of its own, and a window has only those that its file in
//! `capabilities/` names. Without this list every window could call every command.

/// Kept equal to what the windows are answered, by a test in `src/shell.rs`.
const COMMANDS: &[&str] = &[
    "agent_call",
    "subscribe",
    "open_browser",
    "copy_link",
    "copy_text",
    "browsers",
    "doctor",
    "settings",
    "set_autostart",
    "open_path",
    "open_release",
    "start_agent",
    "take_scheme",
    "install_command",
    "registrable_domain",
    "quit",
    "clients",
    "plan_connect",
    "plan_disconnect",
    "plan_setup",
    "plan_undo",
    "make_change",
    "consent_questions",
    "consent_decide",
];

fn main() {
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    let windows = tauri_build::WindowsAttributes::new().app_manifest(include_str!("windows/app.manifest"));
    let attributes = tauri_build::Attributes::new().app_manifest(manifest).windows_attributes(windows);
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo::error={error:#}");
        std::process::exit(1);
    }
}
