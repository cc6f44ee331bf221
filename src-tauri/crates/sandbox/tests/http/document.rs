//! docs/sandbox.md has the faults that there are. `MCP_LOGIN_WRITE_DOCS=1` writes them in.

const BEGIN: &str = "<!-- faults: made from the table in src/fault.rs -->\n";
const END: &str = "<!-- end of faults -->";

#[test]
fn the_page_has_every_fault() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/sandbox.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let wanted = format!("{head}{BEGIN}{}\n{END}{tail}", mcp_login_sandbox::faults_page());
    if std::env::var_os("MCP_LOGIN_WRITE_DOCS").is_some() {
        std::fs::write(path, &wanted).unwrap();
    } else {
        assert_eq!(page, wanted, "run this test with MCP_LOGIN_WRITE_DOCS=1");
    }
}
