//! mcp-login-agent: the one program that owns network, keychain and refresh, and serves the local API.
