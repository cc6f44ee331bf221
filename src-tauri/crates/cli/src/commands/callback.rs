//! `callback`: finish a sign-in with the address that the browser ended at. The system starts us with it when
//! it opens our scheme; a person pastes it.

use crate::args::Callback;
use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::{Ink, Out};
use crate::text::visible;
use mcp_login_ipc::api::SignInCallback;
use mcp_login_ipc::method::call;
use serde_json::json;
use std::io::Read;

/// Longest address that is read; the agent has its own bound below this.
const LONGEST: u64 = 64 * 1024;

pub(super) fn run(out: &Out, callback: &Callback) -> Result<(), Failure> {
    let mut url = callback.url.clone();
    if url == "-" {
        url.clear();
        let _ = std::io::stdin().lock().take(LONGEST).read_to_string(&mut url);
    }
    let url = url.trim();
    if url.is_empty() {
        return Err(Failure::usage(
            "No address came on standard input.",
            "Copy the address from the browser's address bar and pipe it in, or give it as the argument.",
        ));
    }
    // a callback belongs to a sign-in that a running agent began: starting one now would only lose it
    let mut link = Link::open(Start::Never)?;
    let done = link.call(&call::SignInCallback(SignInCallback { url: url.to_owned(), sign_in: None }))?;
    if out.json() {
        out.value(&json!(done));
    } else if let Some(account) = &done.account {
        out.done(&format!("Signed in: {}", out.paint(Ink::Strong, &visible(&account.name))));
    } else {
        out.done("Handed to the test that began this sign-in; nothing is kept.");
    }
    Ok(())
}
