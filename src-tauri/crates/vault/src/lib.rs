//! The OS keychain in layers: raw items, chunks, journal; and a memory that is only ever chosen.
//!
//! Refresh tokens rotate: the moment a server has answered, the old one is void and the new one exists
//! nowhere but here. What must hold, whatever fails and whenever the process dies:
//!
//! * a load returns a whole secret or an error, never a part of one;
//! * what was stored successfully is there until it is replaced or deleted;
//! * an older generation never replaces a newer one.
//!
//! [`Items`] are what the platform offers, [`Chunked`] makes secrets fit, [`Journal`] knows what a crash
//! left behind, and [`Vault`] runs them all on one thread.
#![forbid(unsafe_code)]

mod chunked;
mod error;
pub mod fault;
mod generation;
mod head;
mod item;
mod items;
mod journal;
mod key;
mod keychain;
mod memory;
#[cfg(test)]
mod scripted;
mod vault;

pub use chunked::{Chunked, LONGEST};
pub use error::{Error, PlatformFailure, Written};
pub use generation::Generation;
pub use item::Item;
pub use items::{Items, Kind};
pub use journal::{Journal, Recovery};
pub use key::{AccountId, BadId, DoorId, Key, RegistrationId, RevocationId};
pub use keychain::Keychain;
pub use memory::Memory;
pub use vault::{DEADLINE, Vault};

pub use secrecy::{ExposeSecret, SecretSlice};
