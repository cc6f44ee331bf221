//! `docs/cli.md` says what the command does: it is written from the definition of the arguments.
#![allow(clippy::unwrap_used)]

use std::path::Path;

#[test]
fn the_page_is_what_the_definition_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/cli.md");
    let now = mcp_login_cli::manual::markdown();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(kept == now, "docs/cli.md is behind; run: UPDATE=1 cargo test -p mcp-login --test docs");
}
