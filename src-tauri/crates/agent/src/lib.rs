//! mcp-login-agent: the one program that owns network, keychain and refresh, and serves the local API.

// The doors: who may come in, and how a sign-in comes home.
pub mod admission;
pub mod approvals;
pub mod audit;
mod beforehand;
pub mod consent;
pub mod door;
pub mod events;
mod examine;
#[cfg(windows)]
mod exclusive;
pub mod faults;
pub mod gateway;
pub mod harden;
pub mod helper;
pub mod landing;
pub mod listener;
pub mod lock;
pub mod log;
pub mod login;
pub mod managed;
pub mod methods;
pub mod policy;
pub mod registration;
pub mod rotate;
pub mod scheme;
pub mod serve;
pub mod session;
pub mod show;
pub mod start;
pub mod updates;

// The state and its transactions.
pub mod accounts;
pub mod address;
pub mod adopt;
pub mod clock;
pub mod config;
pub mod core;
mod deletion;
pub mod disk;
pub mod ending;
pub mod failure;
pub mod fault;
pub mod fetch;
pub mod forget;
pub mod http;
pub mod id;
mod index;
mod keep;
mod ledger;
mod queue;
pub mod receipt;
pub mod refresh;
pub mod registrations;
pub mod revocation;
pub mod schedule;
mod signout;
pub mod state;
#[cfg(test)]
mod testing;
pub mod tokens;
mod verify;
pub mod view;
