//! The other two token agents, where this machine has them, running and signed in.
//!
//! They are not set up here: each wants its own server and its own words. Start them, then say how a token is asked for:
//! `PIZAUTH_SHOW="pizauth show NAME"`, `OIDC_TOKEN="oidc-token NAME"` (with `OIDC_SOCK` set). `scripts/bench-rivals` does it.

use std::process::{Command, Stdio};

#[derive(Debug, Clone)]
pub(crate) struct Rival {
    name: &'static str,
    words: Vec<String>,
}

impl Rival {
    pub(crate) const NAMES: [&'static str; 2] = ["pizauth show", "oidc-token"];

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
    }
}

/// Those that answer with a token now.
pub(crate) fn found() -> Vec<Rival> {
    [("pizauth show", "PIZAUTH_SHOW"), ("oidc-token", "OIDC_TOKEN")]
        .into_iter()
        .filter_map(|(name, variable)| {
            let words = std::env::var(variable).ok()?;
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            let rival = Rival { name, words: (!words.is_empty()).then_some(words)? };
            let answer = rival.command().stdin(Stdio::null()).output().ok()?;
            (answer.status.success() && answer.stdout.len() > 10).then_some(rival)
        })
        .collect()
}
