//! A second opinion: the same server, signed in to by our programs and by rmcp with its own engine. What went over the wire
//! is the same, but for what `docs/adr/0009-where-we-differ-from-rmcp.md` argues, difference by difference.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use mcp_login_tests::{Home, Person, Request, Sandbox, workspace};
use mcp_login_tests_mcp::Official;
use mcp_login_tests_mcp::traffic::differences;

/// What of a log belongs to signing in: everything but MCP's own messages with a token, which [`crate`] says nothing of.
fn sign_in_traffic(sandbox: &Sandbox) -> Vec<Request> {
    let all = sandbox.log().into_iter();
    // A person's clicks are nobody's engine.
    all.filter(|request| request.header("authorization").is_none() || request.endpoint != "mcp")
        .filter(|request| request.endpoint != "consent")
        .collect()
}

#[test]
fn sign_in_and_refresh() {
    let ours = Sandbox::start();
    let home = Home::new();
    let sign_in = home.add(ours.mcp(), &["--name", "work", "--redirect", "loopback"]);
    Person::named("alice").allow(&sign_in.address()).deliver();
    sign_in.finish().ok();
    home.run(&["refresh", "work"]).ok();

    let theirs = Sandbox::start();
    let mut official = Official::new(theirs.mcp());
    official.sign_in(|request| request);
    official.refresh();
    for line in differences(&sign_in_traffic(&ours), &sign_in_traffic(&theirs)) {
        println!("{line}");
    }
    let _ = (workspace(), BTreeSet::<u8>::new());
    panic!();
}
