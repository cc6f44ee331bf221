//! `session.announce`: the desktop that a consent window can open on.
//!
//! Invariant: only our own programs say where the person's screen is, and of them the command only while nobody knows.

use super::{Command, Doors, Peer};
use crate::session::AnnounceError;
use mcp_login_ipc::{Code, Fault, api};

impl Doors {
    pub(super) fn announce(&self, peer: &Peer, params: api::Announce) -> Result<api::Empty, Fault> {
        let session = self.consent.session();
        match peer.command {
            Command::Desktop => {}
            // Any program can start the command with a display of its own choice: it helps out, and changes nothing.
            Command::Ours if session.display() == api::Display::Known => return Ok(api::Empty {}),
            Command::Ours => {}
            Command::Window | Command::Other => {
                return Err(Fault::new(Code::NotPermitted).detail("method", "session.announce"));
            }
        }
        session.announce(params.environment).map_err(|error: AnnounceError| {
            let fault = Fault::new(Code::BadParameters).detail("method", "session.announce");
            fault.detail("reason", error.to_string())
        })?;
        Ok(api::Empty {})
    }
}
