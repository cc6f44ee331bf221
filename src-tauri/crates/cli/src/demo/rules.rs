//! The settings and the policy of the demo, as a person would write them: two small files in the config
//! directory. The policy names programs by their path and one account; there is no way in that only the demo has.

use super::stage::Stage;
use std::io::{self, Write};

/// Writes the settings. `memory` keeps the tokens in the agent's memory.
///
/// # Errors
/// When the home cannot be written.
pub(super) fn settings(stage: &Stage, memory: bool) -> io::Result<()> {
    put(stage, "config.toml", config(memory))
}

/// Writes the settings for the window. The system hands an address of our scheme to the app that the person has, not to the
/// demo's: so sign-ins come back over a port.
///
/// # Errors
/// When the home cannot be written.
pub(super) fn window(stage: &Stage, memory: bool) -> io::Result<()> {
    put(stage, "config.toml", &format!("{}redirect = \"loopback\"\n", config(memory)))
}

/// Writes the policy: this program may have tokens of this account.
///
/// # Errors
/// When the home cannot be written.
pub(super) fn policy(stage: &Stage, account: &str, program: &str) -> io::Result<()> {
    put(stage, "policy.toml", &rule(account, program))
}

/// A file that others may not change: the agent takes no other policy.
fn put(stage: &Stage, name: &str, text: &str) -> io::Result<()> {
    let dir = stage.home.join("config");
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&dir)?;
    // beside and renamed, so that nobody reads half a file
    let beside = dir.join(format!(".{name}.new"));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&beside)?.write_all(text.as_bytes())?;
    std::fs::rename(beside, dir.join(name))
}

fn config(memory: bool) -> &'static str {
    if memory {
        "# Written by `mcp-login demo`.\n# Tokens are lost when the agent ends.\nvault = \"memory\"\n"
    } else {
        "# Written by `mcp-login demo`.\n"
    }
}

fn rule(account: &str, program: &str) -> String {
    // what JSON writes of a string, TOML reads
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        "# Written by `mcp-login demo`: who may have tokens of which account.\n\n[[allow]]\nprogram = {}\naccounts = {}\n",
        quoted(program),
        quoted(account)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted() {
        let text = rule("demo", "C:\\Program Files\\a\"b.exe");
        assert!(text.contains(r#"program = "C:\\Program Files\\a\"b.exe""#), "{text}");
    }
}
