//! `update`: which version is the newest, and where its page is. Nothing is downloaded or installed.

use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::{Ink, Out};
use crate::progress::Progress;
use crate::text::visible;
use mcp_login_ipc::api::{Empty, Update};
use mcp_login_ipc::method::call;
use serde_json::json;

/// What a person does about a newer version.
pub(super) const NEXT: &str = "Nothing is installed by itself: get it the way that you got this one.";

pub(super) fn run(out: &Out) -> Result<(), Failure> {
    let progress = Progress::new(out, "Asking which version is the newest");
    let update = Link::open(Start::IfNeeded).and_then(|mut link| link.call(&call::UpdateCheck(Empty {})));
    progress.end();
    let update = update?;
    if out.json() {
        out.value(&json!(update));
    } else {
        out.line(&render(out, &update));
    }
    Ok(())
}

fn render(out: &Out, update: &Update) -> String {
    let current = visible(&update.current);
    if !update.newer {
        return format!("MCP Login {current}: there is no newer version.");
    }
    let newest = out.paint(Ink::Strong, &format!("MCP Login {} is there", visible(&update.newest)));
    format!("{newest}; this is {current}.\n{}\n{NEXT}", visible(&update.page))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(newest: &str, newer: bool) -> Update {
        Update {
            current: "0.1.0".to_owned(),
            newest: newest.to_owned(),
            newer,
            page: format!("https://forge.example/releases/tag/v{newest}"),
            looked_at: 0,
        }
    }

    #[test]
    fn one_line_when_there_is_nothing_to_do() {
        let out = Out::plain(None);
        assert_eq!(render(&out, &update("0.1.0", false)), "MCP Login 0.1.0: there is no newer version.");
        // A page may lag behind.
        assert_eq!(render(&out, &update("0.0.9", false)), "MCP Login 0.1.0: there is no newer version.");
        let said = render(&out, &update("0.2.0\u{1b}[2J", true));
        assert!(said.starts_with("MCP Login 0.2.0") && !said.contains('\u{1b}'), "{said:?}");
        assert!(said.contains("this is 0.1.0.") && said.ends_with(NEXT), "{said}");
        assert_eq!(said.lines().count(), 3, "{said}");
    }
}
