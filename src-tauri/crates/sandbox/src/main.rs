//! mcp-login-sandbox: an authorization server and a protected MCP server on loopback, with fault switches.

use clap::Parser as _;
use mcp_login_sandbox::{Options, start};
use std::io::Write as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let mode = options.mode;
    let faults = options.faults.clone();
    let running = match start(options).await {
        Ok(running) => running,
        Err(error) => {
            say(&format!("mcp-login-sandbox: {error}"));
            return ExitCode::from(2);
        }
    };
    let mut out = std::io::stdout().lock();
    // Whoever started us may have gone; then there is nobody to serve.
    if writeln!(out, "{}", running.ready_line()).and_then(|()| out.flush()).is_err() {
        return ExitCode::FAILURE;
    }
    drop(out);
    say(&format!("mcp-login-sandbox {} ({mode:?}), until Ctrl-C", env!("CARGO_PKG_VERSION")));
    say(&format!("  MCP server  {}", running.mcp()));
    say(&format!("  issuer      {}", running.issuer()));
    say(&format!("  control     {}log, …/faults", running.control()));
    if !faults.is_empty() {
        say(&format!("  faults      {}", faults.join(" ")));
    }
    tokio::select! {
        () = running.serve() => ExitCode::FAILURE,
        _ = tokio::signal::ctrl_c() => ExitCode::SUCCESS,
    }
}

/// A line for people.
fn say(line: &str) {
    // Standard error that is closed must not end the server.
    let _ = writeln!(std::io::stderr(), "{line}");
}
