//! The manual, from the same definition that reads the arguments: roff pages, shell completions, and
//! `docs/cli.md`, which a test holds against the definition.

use crate::args::Cli;
use clap::{Command, CommandFactory};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// The command with everything filled in.
fn command() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// The main manual page.
///
/// # Errors
/// Writing to memory does not fail; the signature is clap's.
pub fn page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command()).render(&mut page)?;
    Ok(page)
}

/// One page a command into `dir`; returns how many.
///
/// # Errors
/// When the directory cannot be written.
pub fn pages(dir: &Path) -> io::Result<usize> {
    std::fs::create_dir_all(dir)?;
    let root = command();
    std::fs::write(dir.join("mcp-login.1"), page()?)?;
    let mut written = 1;
    for sub in root.get_subcommands().filter(|s| !s.is_hide_set()) {
        let name = format!("mcp-login-{}", sub.get_name());
        let mut page = Vec::new();
        clap_mangen::Man::new(sub.clone().display_name(name.clone()))
            .title(name.to_uppercase())
            .render(&mut page)?;
        std::fs::write(dir.join(format!("{name}.1")), page)?;
        written += 1;
    }
    Ok(written)
}

/// The completions for a shell.
#[must_use]
pub fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mcp-login", &mut text);
    text
}

/// `docs/cli.md`.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "# The command\n\n\
         <!-- Written by `cargo test -p mcp-login --test docs` with UPDATE=1, from the definition of the arguments. -->\n\n\
         Results go to standard output, everything else to standard error. `--json` prints one JSON value for programs\n\
         (`add`, `login` and `log` print one a line); errors are then one JSON line on standard error:\n\
         `{\"error\":{\"code\",\"fact\",\"next\",\"retryable\",\"exit\",\"detail\"?}}`. Without it an error is two lines: what\n\
         happened, with a stable code in brackets, and what to do. Codes are listed in [errors.md](errors.md).\n\n\
         `NO_COLOR` turns colour off. Over SSH, without a display, or with `--no-browser`, `add` prints the address instead of\n\
         opening a browser, and takes the address that the browser ended at from standard input. A browser is opened only in\n\
         answer to `add`, `login` and `demo`.\n\n\
         ## Exit status\n\n| status | means |\n|---|---|\n",
    );
    for (status, means) in EXIT {
        let _ = writeln!(out, "| {status} | {means} |");
    }
    let root = command();
    for sub in root.get_subcommands().filter(|s| !s.is_hide_set()) {
        section(&mut out, sub, "mcp-login", 2);
    }
    out
}

/// The exit statuses and what they mean.
pub const EXIT: [(u8, &str); 11] = [
    (0, "done"),
    (1, "failed in a way that has no number of its own"),
    (2, "the arguments were not understood"),
    (3, "the account needs a new sign-in"),
    (4, "this program is not approved for this account"),
    (5, "there is no such account"),
    (6, "network or server not reachable, or no usable answer"),
    (7, "the keychain is locked, absent or refuses"),
    (8, "the agent cannot be reached or started"),
    (9, "the server refuses what should be good"),
    (10, "cancelled or timed out"),
];

fn section(out: &mut String, command: &Command, before: &str, depth: usize) {
    let name = format!("{before} {}", command.get_name());
    let _ = writeln!(out, "\n{} {name}\n", "#".repeat(depth));
    if let Some(about) = command.get_long_about().or_else(|| command.get_about()) {
        let _ = writeln!(out, "{about}.\n");
    }
    let usage = command.clone().render_usage().to_string();
    let _ = writeln!(out, "```\n{}\n```", usage.trim_start_matches("Usage: ").trim());
    let mut rows = String::new();
    for arg in command
        .get_arguments()
        .filter(|a| !a.is_hide_set() && !matches!(a.get_id().as_str(), "help" | "json" | "version"))
    {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let mut shown = String::new();
        if let Some(short) = arg.get_short() {
            let _ = write!(shown, "-{short}, ");
        }
        let values: Vec<String> = arg
            .get_value_names()
            .filter(|_| arg.get_action().takes_values())
            .map(|v| v.iter().map(ToString::to_string).collect())
            .unwrap_or_default();
        match arg.get_long() {
            Some(long) => {
                let _ = write!(shown, "--{long}");
                for value in &values {
                    let _ = write!(shown, " {value}");
                }
            }
            None => shown.push_str(&values.join(" ")),
        }
        let choices: Vec<String> =
            arg.get_possible_values().iter().map(|v| format!("`{}`", v.get_name())).collect();
        let mut help = help.replace('|', "\\|").replace('\n', " ");
        if arg.get_action().takes_values() && !choices.is_empty() {
            let _ = write!(help, ": {}", choices.join(", "));
        }
        let defaults: Vec<String> =
            arg.get_default_values().iter().map(|v| format!("`{}`", v.to_string_lossy())).collect();
        if arg.get_action().takes_values() && !defaults.is_empty() {
            let _ = write!(help, " (default {})", defaults.join(", "));
        }
        let _ = writeln!(rows, "| `{}` | {help} |", shown.replace('|', "\\|"));
    }
    if !rows.is_empty() {
        let _ = write!(out, "\n| argument | |\n|---|---|\n{rows}");
    }
    for sub in command.get_subcommands().filter(|s| !s.is_hide_set() && s.get_name() != "help") {
        section(out, sub, &name, depth + 1);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let dir = tempfile::tempdir().unwrap();
        let written = pages(dir.path()).unwrap();
        assert_eq!(written, std::fs::read_dir(dir.path()).unwrap().count());
        let token = std::fs::read_to_string(dir.path().join("mcp-login-token.1")).unwrap();
        assert!(token.contains("min\\-ttl"), "{token}");
    }

    #[test]
    fn completions_for_every_shell() {
        for shell in [
            clap_complete::Shell::Bash,
            clap_complete::Shell::Zsh,
            clap_complete::Shell::Fish,
            clap_complete::Shell::PowerShell,
            clap_complete::Shell::Elvish,
        ] {
            let text = String::from_utf8(completions(shell)).unwrap();
            assert!(text.contains("newer-than"), "{shell}");
        }
    }
}
