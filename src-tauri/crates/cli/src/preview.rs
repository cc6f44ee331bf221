//! A change in a client's file, as it is shown before it is made: the lines that go and come, and the command that the
//! client will start.

use crate::out::{Ink, Out};
use crate::text::visible_whole;
use mcp_login_wiring::{Change, Plan, Sign};
use serde_json::{Value, json};

/// For people. Lines are not wrapped: they are what stands in the file.
pub(crate) fn render(out: &Out, plan: &Plan) -> String {
    plan.changes.iter().map(|change| one(out, change)).collect::<Vec<_>>().join("\n\n")
}

fn one(out: &Out, change: &Change) -> String {
    let becomes = match (change.exists(), change.stays()) {
        (false, _) => "  new",
        (true, false) => "  removed",
        (true, true) => "",
    };
    let path = visible_whole(&change.path.display().to_string());
    let mut lines = vec![format!("{}{becomes}", out.paint(Ink::Strong, &path))];
    for (n, hunk) in change.hunks.iter().enumerate() {
        if n > 0 {
            lines.push(out.paint(Ink::Faint, "  ⋯"));
        }
        for line in &hunk.lines {
            let text = visible_whole(&line.text.replace('\t', "    "));
            lines.push(match line.sign {
                Sign::Stays => out.paint(Ink::Faint, &format!("    {text}")),
                Sign::Goes => out.paint(Ink::Attention, &format!("  - {text}")),
                Sign::Comes => out.paint(Ink::Good, &format!("  + {text}")),
            });
        }
    }
    for line in change.starts() {
        lines.push(format!("  {}  {}", out.paint(Ink::Faint, "starts"), visible_whole(&line)));
    }
    if change.entry_only {
        lines.push(out.marked(
            Ink::Attention,
            "!",
            "The file was changed since: our entry goes alone, and what it replaced does not come back.",
        ));
    }
    lines.join("\n")
}

/// For programs.
pub(crate) fn json(plan: &Plan) -> Value {
    let change = |change: &Change| {
        let lines: Vec<Value> = change
            .hunks
            .iter()
            .flat_map(|hunk| &hunk.lines)
            .map(|line| {
                let sign = match line.sign {
                    Sign::Stays => " ",
                    Sign::Goes => "-",
                    Sign::Comes => "+",
                };
                json!(format!("{sign}{}", line.text))
            })
            .collect();
        json!({
            "client": change.client_id,
            "file": change.path.display().to_string(),
            "entries": change.entries(),
            "starts": change.starts(),
            "lines": lines,
        })
    };
    plan.changes.iter().map(change).collect()
}
