//! A real authorization server and a protected MCP server on loopback, for the demo, the tests, and people who
//! write MCP clients or servers. It shares no code with MCP Login, so that it cannot share its mistakes, and it can
//! misbehave in every way that its table of faults names.
//!
//! ```no_run
//! # async fn example() -> Result<(), mcp_login_sandbox::StartError> {
//! let running = mcp_login_sandbox::start(mcp_login_sandbox::Options::default()).await?;
//! println!("{}", running.ready_line());
//! # Ok(()) }
//! ```

#![forbid(unsafe_code)]

mod authentication;
mod authorize;
mod body;
mod cimd;
mod client;
mod clock;
mod consent;
mod control;
mod cors;
mod disturbance;
mod document;
mod endpoint;
mod fault;
mod grant;
mod guard;
mod guise;
mod introspection;
mod jwk;
mod keys;
mod log;
mod mcp;
mod metadata;
mod options;
mod problem;
mod rate;
mod redirect;
mod registration;
mod revocation;
mod secret;
mod server;
mod site;
mod start;
mod switchboard;
mod token;
mod tool;
mod upstream;
mod user;
mod wire;

pub use document::faults_page;
pub use endpoint::Endpoint;
pub use fault::{Arg, Fault, Row, Scope, TABLE};
pub use options::{
    Answers, Approve, ClientOptions, Guise, McpOptions, Mode, Options, Protect, Protocol, TokenForm,
    TokenOptions,
};
pub use secret::short_hash;
pub use start::{Running, StartError, start};
pub use switchboard::SwitchError;
