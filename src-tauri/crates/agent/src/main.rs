//! mcp-login-agent: the one program that owns network, keychain and refresh, and serves the local API.

use mcp_login_agent::forget::{self, Unrevoked};
use mcp_login_agent::harden::{self, Stdio};
use mcp_login_agent::log::{Echo, LogLevel};
use mcp_login_agent::start::{self, Aim, Options, StartError};
use mcp_login_ipc::identity;
use std::io::Write as _;
use std::process::ExitCode;

const HELP: &str = "\
Keeps the sign-ins of MCP servers and hands out their tokens. Started by `mcp-login` when it is needed.

Usage: mcp-login-agent [--foreground] [--log LEVEL]
       mcp-login-agent --check
       mcp-login-agent --forget [--unrevoked]

  --foreground   stay in this terminal, log to it too; for service managers
  --log LEVEL    off, error, warn, info, debug or trace (default info; also MCP_LOGIN_LOG)
  --check        say as JSON why it cannot start, and do not stay; nothing when it can
  --forget       delete what is kept of this user: keychain items, state, records, settings; for uninstallers, after
                 `mcp-login logout --all`. Status 3: accounts are signed in; 6: a server was not reached, and its
                 tokens can still be revoked; --unrevoked deletes all the same
  --version      print the version
  --help         print this

One agent serves one user: when another one runs, this one ends at once with status 0.
";

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    Run { stdio: Stdio, log: Option<LogLevel> },
    Check,
    Forget(Unrevoked),
    Say(String),
}

fn read(arguments: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut arguments = arguments;
    let (mut stdio, mut log) = (Stdio::Null, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--foreground" => stdio = Stdio::Kept,
            "--check" => return Ok(Wish::Check),
            "--forget" => {
                return match arguments.next().as_deref() {
                    None => Ok(Wish::Forget(Unrevoked::Keep)),
                    Some("--unrevoked") => Ok(Wish::Forget(Unrevoked::Forget)),
                    Some(other) => Err(format!("`{other}` does not go with --forget; see --help")),
                };
            }
            "--version" | "-V" => {
                return Ok(Wish::Say(format!("{} {}\n", identity::AGENT_NAME, identity::SOFTWARE_VERSION)));
            }
            "--help" | "-h" => return Ok(Wish::Say(HELP.to_owned())),
            "--log" => {
                let level = arguments.next().ok_or("--log needs a level")?;
                log = Some(level.parse::<LogLevel>().map_err(|e| e.to_string())?);
            }
            other => match other.strip_prefix("--log=") {
                Some(level) => log = Some(level.parse::<LogLevel>().map_err(|e| e.to_string())?),
                None => return Err(format!("`{other}` is no option; see --help")),
            },
        }
    }
    Ok(Wish::Run { stdio, log })
}

fn main() -> ExitCode {
    let wish = match read(std::env::args().skip(1)) {
        Ok(wish) => wish,
        Err(what) => {
            let _ = writeln!(std::io::stderr(), "mcp-login-agent: {what}");
            return ExitCode::from(mcp_login_ipc::Exit::Usage.status());
        }
    };
    let (stdio, log) = match wish {
        Wish::Run { stdio, log } => (stdio, log),
        Wish::Check => return check(),
        Wish::Forget(unrevoked) => return forget(unrevoked),
        Wish::Say(text) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
    };
    // Before the first thread, file or socket.
    let short = harden::at_start(stdio);
    let echo = if stdio == Stdio::Kept { Echo::Stderr } else { Echo::None };
    match start::run(Options { echo, log, short, aim: Aim::Serve }) {
        Ok(()) | Err(StartError::Running) => ExitCode::SUCCESS,
        Err(error) => {
            let fault = error.fault();
            tracing::error!("{} {}", fault.message, fault.data.next);
            if stdio == Stdio::Kept {
                let _ =
                    writeln!(std::io::stderr(), "mcp-login-agent: {}\n{}", fault.message, fault.data.next);
            }
            ExitCode::from(fault.exit().status())
        }
    }
}

/// For the program that started an agent in vain and wants to say why: the agent itself has no standard output then.
fn check() -> ExitCode {
    let short = harden::at_start(Stdio::Kept);
    match start::run(Options { echo: Echo::None, log: None, short, aim: Aim::Check }) {
        Ok(()) | Err(StartError::Running) => ExitCode::SUCCESS,
        Err(error) => {
            let fault = error.fault();
            if let Ok(line) = serde_json::to_string(&fault) {
                let _ = writeln!(std::io::stdout(), "{line}");
            }
            ExitCode::from(fault.exit().status())
        }
    }
}

fn forget(unrevoked: Unrevoked) -> ExitCode {
    let _ = harden::at_start(Stdio::Kept);
    match forget::run(unrevoked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "mcp-login-agent: {error}");
            ExitCode::from(error.exit().status())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str]) -> Result<Wish, String> {
        read(arguments.iter().map(|a| (*a).to_owned()))
    }

    #[test]
    fn arguments() {
        assert_eq!(asked(&["--check"]).unwrap(), Wish::Check);
        assert_eq!(asked(&["--forget"]).unwrap(), Wish::Forget(Unrevoked::Keep));
        assert_eq!(asked(&["--forget", "--unrevoked"]).unwrap(), Wish::Forget(Unrevoked::Forget));
        assert!(asked(&["--forget", "--foreground"]).is_err() && asked(&["--unrevoked"]).is_err());
        assert_eq!(asked(&[]).unwrap(), Wish::Run { stdio: Stdio::Null, log: None });
        let debug = Some("debug".parse().unwrap());
        assert_eq!(
            asked(&["--foreground", "--log", "debug"]).unwrap(),
            Wish::Run { stdio: Stdio::Kept, log: debug }
        );
        assert_eq!(asked(&["--log=debug"]).unwrap(), Wish::Run { stdio: Stdio::Null, log: debug });
        assert!(
            matches!(asked(&["--version"]).unwrap(), Wish::Say(text) if text.contains("mcp-login-agent 0."))
        );
        assert!(asked(&["--verbose"]).unwrap_err().contains("--verbose"));
        assert!(asked(&["--log"]).unwrap_err().contains("needs"));
        assert!(asked(&["--log", "loud"]).unwrap_err().contains("loud"));
    }
}
