//! The nouns of the local API, one file each. Times are Unix seconds.
//!
//! Parameters refuse fields they do not know (a typing mistake must not pass as a default); results tolerate them
//! (an older client meets a newer agent).

mod account;
mod agent;
mod approval;
mod audit;
mod door;
mod event;
mod examination;
mod gateway;
mod receipt;
mod sign_in;
mod token;
mod update;

pub use account::*;
pub use agent::*;
pub use approval::*;
pub use audit::*;
pub use door::*;
pub use event::*;
pub use examination::*;
pub use gateway::*;
pub use receipt::*;
pub use sign_in::*;
pub use token::*;
pub use update::*;

use serde::{Deserialize, Serialize};

/// Nothing: parameters or result of methods that need none. Goes as `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}
