//! mcp-login-sandbox: an authorization server and a protected MCP server on loopback, with fault switches.

fn main() {}
