//! OAuth 2.1 and MCP authorization for a native client, pure: discovery, registration, authorization, tokens, revocation.
