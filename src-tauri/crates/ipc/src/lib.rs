//! The local API: JSON-RPC types, error table, socket path, transports, provenance of callers, client.
//!
//! Problem: many programs of one person want tokens from one agent, also from an environment that was stripped.
//! Invariants: the way to the socket comes from the user id and is verified before a byte is sent, on both sides;
//! what is read is bounded in length, nesting and time; who asks is taken from the system once, at accept.
//! The command's half (types, paths, [`client`]) is blocking and has no async runtime; the agent's half ([`server`],
//! feature `server`) is tokio.

pub mod api;
pub mod client;
pub mod codes;
pub mod envelope;
pub mod fault;
pub mod finding;
pub mod identity;
pub mod method;
pub mod paths;
#[cfg(unix)]
mod peer;
#[cfg(feature = "server")]
pub mod provenance;
pub mod secret;
#[cfg(feature = "server")]
pub mod server;
#[cfg(windows)]
mod windows;

pub use client::Client;
pub use codes::{Code, Exit};
pub use fault::Fault;
pub use method::{Class, Method, Request};
pub use paths::Paths;
pub use secret::Secret;
