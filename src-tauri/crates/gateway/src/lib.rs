//! The gateway: MCP messages between a local client and a remote server.
//!
//! Problem: a client on this machine should use a server that wants a token, and never see the token. Invariants: the
//! bearer goes to the account's server and nowhere else; every request of a client gets exactly one answer; a message
//! passes as the bytes that it is, so that what we do not know survives; and whatever a server sends, memory stays bounded.
//!
//! The way of a message: [`link`] reads it from the client, [`upstream`] sends it with the bearer of a
//! [`TokenSource`](token_source::TokenSource) through an injected [`Http`](http::Http).
#![forbid(unsafe_code)]

pub mod door;
pub mod http;
pub mod learnt;
pub mod limits;
pub mod link;
pub mod token_source;
pub mod upstream;

mod fault;
mod frame;
mod inlet;
mod outlet;
mod scan;
mod splice;
mod sse;
#[cfg(test)]
mod testing;
mod tools;
