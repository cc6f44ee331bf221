//! mcp-remote, the proxy that most people have: from its lock file, signed in once to each server by the person of the tests.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mcp_login_tests::child::Running;
use mcp_login_tests::{Home, Person, wait};

use crate::client::hello;

/// As the lock file has it.
pub(crate) const NAME: &str = "`mcp-remote` 0.15.1";

/// mcp-remote, with a place for what it keeps.
pub(crate) struct McpRemote<'h> {
    home: &'h Home,
    program: PathBuf,
}

impl<'h> McpRemote<'h> {
    /// `packages`: where the lock file of the benchmark was installed.
    pub(crate) fn new(home: &'h Home, packages: &std::path::Path) -> Self {
        Self { home, program: packages.join("node_modules/mcp-remote/dist/proxy.js") }
    }

    /// It, in front of this server.
    pub(crate) fn command(&self, url: &str) -> Command {
        let mut command = self.home.program("node");
        command.arg(&self.program).arg(url).env("MCP_REMOTE_CONFIG_DIR", self.home.path("mcp-remote"));
        command
    }

    /// Signs in, so that the next start finds a token.
    pub(crate) fn sign_in(&self, url: &str) {
        let mut running = Running::start("mcp-remote", self.command(url).stdin(Stdio::piped()));
        let mut stdin = running.stdin().unwrap();
        let address = wait::until("mcp-remote to name the address of its sign-in", || {
            let said = running.stderr();
            said.split_whitespace()
                .find(|word| word.starts_with("http") && word.contains("code_challenge="))
                .map(str::to_owned)
        });
        Person::named("alice").allow(&address).deliver();
        writeln!(stdin, "{}", hello()).unwrap();
        running.line();
    }
}
