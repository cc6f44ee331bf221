//! `mcp-login`, the command. It holds no token longer than it takes to print one, speaks to nobody but the
//! agent (and, in the demo, to the sandbox on loopback), and opens a browser only because the person asked.
//!
//! Results go to standard output, all else to standard error; exit statuses are those of `ipc::codes`.

#![forbid(unsafe_code)]

pub mod args;
pub mod domain;
pub mod fast;
pub mod keys;
pub mod opener;
pub mod out;
pub mod progress;
pub mod table;
pub mod text;
