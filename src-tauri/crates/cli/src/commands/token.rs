//! `token` and `headers`: the token and nothing else, or nothing. Kept free of everything that costs time at the
//! start: no clock, no colours, no threads.

use crate::failure::Failure;
use crate::fast::{Ask, Print};
use crate::link::{Link, Start, persist};
use crate::surroundings;
use mcp_login_ipc::Code;
use mcp_login_ipc::api::{Announce, TokenGet, TokenGrant};
use mcp_login_ipc::method::call;
use secrecy::zeroize::Zeroize;
use std::io::Write;
use std::time::Duration;

/// How often a connection may break before that is the answer. An agent that is told to end closes what it has not read
/// yet; its successor serves the same tokens, and asking for one may be repeated without harm. Two restarts in a row are
/// somebody's intent, more are trouble.
const TRIES: u32 = 3;

fn get(question: &call::TokenGet) -> Result<TokenGrant, Failure> {
    persist(TRIES, Duration::ZERO, || ask(&mut Link::brief(Start::IfNeeded)?, question))
}

/// Asks; and once more when a person could not be asked only because the agent knows no display, and we have one.
fn ask(link: &mut Link, question: &call::TokenGet) -> Result<TokenGrant, Failure> {
    let refused = match link.call(question) {
        Err(failure) if lacks_a_display(&failure) => failure,
        other => return other,
    };
    let Some(environment) = surroundings::session() else { return Err(refused) };
    match link.call(&call::SessionAnnounce(Announce { environment })) {
        Ok(_) => link.call(question),
        Err(_) => Err(refused),
    }
}

fn lacks_a_display(failure: &Failure) -> bool {
    failure.code == Code::NotApproved.row().code
        && failure.detail.get("display").is_some_and(|display| display == "unknown")
}

/// Gets a token and prints it.
///
/// # Errors
/// What to tell the person; nothing is printed on standard output then.
pub(crate) fn hand_out(ask: &Ask) -> Result<(), Failure> {
    let grant = get(&call::TokenGet(TokenGet {
        account: ask.account.clone(),
        newer_than: ask.newer_than,
        min_ttl: ask.min_ttl,
        helper: ask.print == Print::Headers,
    }))?;
    let token = grant.access_token.expose();
    let mut bytes = Vec::with_capacity(token.len() + 64);
    match ask.print {
        Print::Token => bytes.extend_from_slice(token.as_bytes()),
        Print::Headers => {
            // RFC 6750 §2.1; the token's own characters need no escape in JSON unless a server breaks the rule
            bytes.extend_from_slice(b"{\"Authorization\":");
            let mut value = format!("Bearer {token}");
            let _ = serde_json::to_writer(&mut bytes, &value);
            value.zeroize();
            bytes.push(b'}');
        }
        Print::TokenJson => {
            let _ = serde_json::to_writer(&mut bytes, &grant);
        }
    }
    bytes.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(&bytes).and_then(|()| stdout.flush());
    bytes.zeroize();
    written.map_err(|_| {
        Failure::own(
            "not_written",
            mcp_login_ipc::Exit::Failed,
            "The token could not be written to standard output.",
            "Look at what reads it.",
        )
    })
}
