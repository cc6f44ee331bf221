//! MCP clients' configuration files: which clients there are, and how an entry gets into their files and out again.
//!
//! Problem: these files are other people's, written by hand and by their programs. Invariant: an edit is a few cuts in
//! the text that a parser made for the format has understood; everything outside the cuts stays, byte for byte, and the
//! text that comes out is read again and says what was meant, or nothing is done. Texts in, texts out: no file, no
//! network, no environment.

#![forbid(unsafe_code)]

mod diff;
mod document;
mod edit;
mod entry;
mod error;
mod filling;
mod json;
mod quote;
mod remote;
mod table;
mod tomlfile;
mod tree;

pub use diff::{Hunk, Line, Sign, diff, masked};
pub use document::{Document, Made, Occupied, Place, Removal};
pub use edit::{Edit, Splice};
pub use entry::{Ours, Via, Wiring, ours};
pub use error::{EditError, Spot, TableError};
pub use quote::{posix, windows};
pub use remote::{Remote, Written, command_line, is_transport, remote};
pub use table::{Client, Format, Gate, Host, Look, table};
pub use tree::Tree;
