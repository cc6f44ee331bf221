//! Other people's MCP programs against ours: what the tests of this crate share.
//!
//! A [`Signing`] is a person who signs in with the shipped programs while somebody else's authorization server looks on; a
//! [`Wire`] is an MCP client that speaks for itself, to prove the sign-in alone. An [`Official`] is rmcp with its own engine.
#![cfg(unix)] // the agent is spoken to over its socket
#![allow(clippy::unwrap_used)]

pub mod attendant;
pub mod behind;
pub mod front;
pub mod official;
pub mod python;
pub mod scenario;
pub mod signing;
pub mod suite;
pub mod traffic;
pub mod under_test;
pub mod wire;

pub use attendant::Attendant;
pub use behind::Behind;
pub use front::Front;
pub use official::Official;
pub use scenario::Scenario;
pub use signing::{Refused, Signing};
pub use suite::{Suite, Verdict};
pub use wire::{Answer, Era, Wire};
