//! mcp-login-agent: the one program that owns network, keychain and refresh, and serves the local API.

// The doors: who may come in, and how a sign-in comes home.
#[cfg(windows)]
mod exclusive;
pub mod harden;
pub mod landing;
pub mod listener;
pub mod lock;
pub mod log;
pub mod rotate;

// The state and its transactions.
pub mod accounts;
pub mod address;
pub mod clock;
pub mod core;
pub mod disk;
pub mod failure;
pub mod id;
pub mod schedule;
pub mod tokens;
