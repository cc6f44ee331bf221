//! The official conformance suite, as npm has it: one scenario at a time, read as strictly as it can be.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use mcp_login_tests::{BUILT, Build, Programs, npm};
use serde_json::Value;

/// What the suite said of one scenario.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Whether it is content: no failure, no warning, no time-out, and the client ended as it may.
    pub passed: bool,
    /// Kinds of checks that went well.
    pub good: usize,
    /// Kinds of checks. A kind counts once: how often one is made depends on how many requests a client happens to make.
    pub all: usize,
    /// Kinds that the suite left out, because they are about a message that was not sent.
    pub skipped: usize,
    /// What our client said in the end, when it was refused something.
    pub refused: Option<String>,
    /// Everything that it printed, for people.
    pub text: String,
}

/// The suite on this machine.
#[derive(Debug)]
pub struct Suite {
    place: PathBuf,
}

impl Suite {
    /// Installs what `tests/conformance/package-lock.json` names, with the Node.js that the suite wants.
    pub fn get() -> &'static Suite {
        static SUITE: OnceLock<Suite> = OnceLock::new();
        SUITE.get_or_init(|| Suite { place: npm::install("conformance") })
    }

    /// The Node.js that it wants: its own, or what is on the path.
    #[must_use]
    pub fn node(&self) -> PathBuf {
        let own = self.place.join("node_modules/.bin/node");
        if own.exists() { own } else { "node".into() }
    }

    /// Its version.
    ///
    /// # Panics
    /// When it is not installed whole.
    #[must_use]
    pub fn version(&self) -> String {
        let package = self.place.join("node_modules/@modelcontextprotocol/conformance/package.json");
        let text = std::fs::read(package).expect("the suite's package.json");
        let package: Value = serde_json::from_slice(&text).expect("JSON");
        package["version"].as_str().expect("a version").to_owned()
    }

    /// The client scenarios that a revision scores.
    #[must_use]
    pub fn scored(&self, revision: &str) -> Vec<String> {
        let list = self.run(&mut self.command(&["list", "--requirements", revision])).1;
        let clients = list.split("Client scenarios").nth(1).unwrap_or_default();
        let scored = clients.split("never scored").next().unwrap_or_default();
        scored.lines().filter_map(|line| line.trim().strip_prefix("- ")).map(str::to_owned).collect()
    }

    /// Runs one scenario with a client, a program and its arguments.
    #[must_use]
    pub fn client(&self, scenario: &str, revision: &str, program: &str, arguments: &[&str]) -> Verdict {
        // A shell of the suite's own takes the program's name out of the variable, so that it may hold a space.
        let client = format!("\"$CONFORMANCE_CLIENT\" {}", arguments.join(" "));
        let mut command = self.command(&["client", "--scenario", scenario, "--spec-version", revision]);
        // As long as a loaded machine needs; nothing here waits for it.
        command.args(["--timeout", "120000", "--verbose", "--command", &client]);
        command.env("CONFORMANCE_CLIENT", program);
        let programs = Programs::get(Build::Plain);
        command.env(BUILT, programs.command.parent().expect("programs lie in a directory"));
        let (passed, text) = self.run(&mut command);
        let checks = json_array(&text);
        let kinds = |wanted: &[&str]| {
            let of =
                checks.iter().filter(|check| wanted.contains(&check["status"].as_str().unwrap_or_default()));
            of.map(|check| format!("{} {}", check["id"], check["name"])).collect::<BTreeSet<_>>()
        };
        let bad = kinds(&["FAILURE", "WARNING"]);
        let all = kinds(&["SUCCESS", "FAILURE", "WARNING"]).len();
        let good = all - bad.len();
        let skipped = kinds(&["SKIPPED"]).len();
        // An exit status alone is not believed: a scenario that does not belong to a revision is skipped with 0.
        let passed = passed && good > 0 && good == all && !text.contains("SKIPPED: ");
        let refused = text.lines().find_map(|line| line.strip_prefix("refused: ")).map(str::to_owned);
        Verdict { passed, good, all, skipped, refused, text }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let modules = self.place.join("node_modules");
        let mut node = Command::new(self.node());
        node.arg(modules.join("@modelcontextprotocol/conformance/dist/index.js")).args(arguments);
        node.stdin(Stdio::null());
        node
    }

    fn run(&self, command: &mut Command) -> (bool, String) {
        let output = command.output().expect("Node.js starts");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }
}

/// The checks, which `--verbose` prints as an array amid other lines.
fn json_array(text: &str) -> Vec<Value> {
    let lines: Vec<&str> = text.lines().collect();
    let begin = lines.iter().position(|line| *line == "[");
    let end = lines.iter().position(|line| *line == "]");
    let (Some(begin), Some(end)) = (begin, end) else { return Vec::new() };
    serde_json::from_str(&lines[begin..=end].join("\n")).unwrap_or_default()
}
