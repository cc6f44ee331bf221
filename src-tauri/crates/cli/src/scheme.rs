//! Who opens our scheme on this computer, asked the way the desktop asks: with the system's own tool, fixed
//! arguments, no shell. Only `doctor` wants to know; the agent decides for itself.

use mcp_login_ipc::identity::SCHEME;
use std::process::{Command, Stdio};

/// What the system says of our scheme's handler: a desktop file, a program or an application; `None` when there is
/// none; `Err` when the system has no tool to say so.
///
/// # Errors
/// The name of the tool that is missing.
pub(crate) fn handler() -> Result<Option<String>, &'static str> {
    #[cfg(target_os = "macos")]
    {
        // JavaScript for Automation is on every Mac; the address is a constant of ours
        let script = format!(
            "ObjC.import('AppKit'); const u = $.NSWorkspace.sharedWorkspace.URLForApplicationToOpenURL(\
             $.NSURL.URLWithString('{SCHEME}:/')); u.isNil() ? '' : ObjC.unwrap(u.path)"
        );
        ask("osascript", &["-l", "JavaScript", "-e", &script])
    }
    #[cfg(windows)]
    {
        let key = format!("HKCU\\Software\\Classes\\{SCHEME}\\shell\\open\\command");
        Ok(ask("reg", &["query", &key, "/ve"])?.and_then(|text| {
            text.lines().find_map(|l| l.split_once("REG_SZ")).map(|(_, command)| command.trim().to_owned())
        }))
    }
    #[cfg(not(any(target_os = "macos", windows)))]
    {
        ask("xdg-mime", &["query", "default", &format!("x-scheme-handler/{SCHEME}")])
    }
}

/// What the system says of the browser; only where there is a common tool to ask.
#[must_use]
pub(crate) fn browser() -> Option<String> {
    #[cfg(not(any(target_os = "macos", windows)))]
    {
        ask("xdg-mime", &["query", "default", "x-scheme-handler/https"]).ok().flatten()
    }
    #[cfg(any(target_os = "macos", windows))]
    {
        Some("the system's own".to_owned())
    }
}

fn ask(tool: &'static str, args: &[&str]) -> Result<Option<String>, &'static str> {
    let output = Command::new(tool)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|_| tool)?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok((output.status.success() && !text.is_empty()).then_some(text))
}
