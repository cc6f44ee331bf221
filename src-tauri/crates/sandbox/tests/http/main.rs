//! The sandbox over real HTTP: the flows, every fault, the log. A client of a few lines, so that what is checked is
//! what goes over the wire.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod client;
mod document;
mod faults;
mod flow;
mod log;
mod mcp;
mod metadata;
mod registration;
mod resource;
mod tokens;
