//! mcp-login: the command. Thin: it talks to the agent only, opens the browser, and prints.

fn main() {}
