//! What MCP clients are linked to the agent, and what they wait for a person to do.

use crate::out::{Ink, Out};
use crate::text::{self, visible};
use crate::{when, words};
use mcp_login_ipc::api::{Attention, AttentionWhy, Gateway};

/// Who waits, and what to do about it, in one sentence.
#[must_use]
pub fn waits(attention: &Attention) -> (String, String) {
    let who = attention.program.as_deref().map_or("A program".to_owned(), visible);
    let account = visible(&attention.account);
    let quoted = text::quoted(&account);
    match (attention.why, &attention.server) {
        (AttentionWhy::NoAccount, Some(server)) => {
            let server = visible(server);
            (format!("{who} waits for a sign-in at {server}"), format!("mcp-login add {server}"))
        }
        (AttentionWhy::NoAccount, None) => (
            format!("{who} waits for an account called {account}"),
            format!("mcp-login add URL --name {quoted}"),
        ),
        (AttentionWhy::NeedsSignIn, _) => {
            (format!("{who} waits for {account}"), format!("mcp-login login {quoted}"))
        }
        (AttentionWhy::MoreScopes, _) => (
            format!("{who} needs more from {account}: {}", words::scope_list(&attention.scopes)),
            format!("mcp-login login {quoted}"),
        ),
    }
}

/// What waits for a person, one a line; nothing when nothing does.
#[must_use]
pub fn attention(out: &Out, list: &[Attention]) -> Option<String> {
    let line = |attention: &Attention| {
        let (fact, next) = waits(attention);
        out.marked(Ink::Attention, "!", &format!("{fact}; `{next}`"))
    };
    (!list.is_empty()).then(|| list.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// The links, one a line; nothing when there is none.
#[must_use]
pub fn links(out: &Out, gateway: &Gateway, now: u64) -> Option<String> {
    let line = |link: &mcp_login_ipc::api::GatewayLink| {
        let program = visible(link.program.rsplit(['/', '\\']).next().unwrap_or(&link.program));
        let whose = link.account.as_deref().map_or_else(|| visible(&link.server), visible);
        let since = out.paint(Ink::Faint, &when::distance(link.since.min(now), now));
        format!("  {program} uses {whose}  {since}")
    };
    if gateway.links.is_empty() {
        return None;
    }
    let lines: Vec<String> = gateway.links.iter().map(line).collect();
    Some(format!("{}\n{}", out.paint(Ink::Strong, "Connected"), lines.join("\n")))
}
