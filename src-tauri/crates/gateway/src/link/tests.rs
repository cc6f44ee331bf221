//! Links against a scripted server: every rule, by what the server saw and what the client heard.
#![allow(clippy::unwrap_used)]

mod eras;
mod hostile;
mod session;
mod token;
