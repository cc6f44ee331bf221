//! Addresses that others chose, for the two programs in front of a person: which may be opened in a browser, and whose
//! they are.
//!
//! Invariant: command and window open the same addresses and refuse the same ones, because they ask here.

#![forbid(unsafe_code)]

pub mod domain;
pub mod opener;

pub use opener::Address;
