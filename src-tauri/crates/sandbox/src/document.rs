//! The table of faults as text: for `--help`, and for docs/sandbox.md, which a test holds against it.

use crate::endpoint::Endpoint;
use crate::fault::TABLE;

fn scopes() -> String {
    Endpoint::SCOPES.iter().map(|e| e.name()).collect::<Vec<_>>().join(", ")
}

/// The faults as `--help` prints them.
pub(crate) fn faults_help() -> String {
    let mut out = String::from(
        "Faults: --fault NAME[=[ENDPOINT:]VALUE][,times=N][,after=N], at run time POST /sandbox/faults.\n",
    );
    let mut group = "";
    for row in TABLE {
        if row.group != group {
            group = row.group;
            out.push_str(&format!("\n{group}\n"));
        }
        let default = row.default_text();
        let default = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        out.push_str(&format!("  {}\n      {}{default}\n", row.usage(), row.what));
    }
    out.push_str(&format!(
        "\nENDPOINT is one of: all, {}.\nIn brackets: what holds when nothing is said.\n",
        scopes()
    ));
    out
}

/// The faults as Markdown: a table a group.
#[must_use]
pub fn faults_page() -> String {
    let mut out = String::new();
    let mut group = "";
    for row in TABLE {
        if row.group != group {
            group = row.group;
            out.push_str(&format!(
                "\n### {group}\n\n| fault | when nothing is said | what it does |\n| --- | --- | --- |\n"
            ));
        }
        let default = row.default_text();
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        out.push_str(&format!("| `{}` | {default} | {} |\n", row.usage().replace('|', "\\|"), row.what));
    }
    out.push_str(&format!(
        "\n`ENDPOINT` is one of `all`, {}.\n",
        Endpoint::SCOPES.map(|e| format!("`{e}`")).join(", ")
    ));
    out
}
