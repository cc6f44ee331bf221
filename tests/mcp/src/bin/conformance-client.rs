//! See `under_test.rs`.

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    mcp_login_tests_mcp::under_test::main()
}

#[cfg(not(unix))]
fn main() {}
