//! Stands in for the person's browser: writes down what it was asked to open, for `Home::opened`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let home = std::env::var_os("MCP_LOGIN_HOME").ok_or(std::io::ErrorKind::NotFound)?;
    let file = std::path::Path::new(&home).join("opened");
    // Whole lines, in one write: a test reads meanwhile.
    let line = format!("{}\n", arguments.join(" "));
    std::fs::File::options().create(true).append(true).open(file)?.write_all(line.as_bytes())
}
