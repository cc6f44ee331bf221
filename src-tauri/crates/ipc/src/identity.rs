//! Who we are to issuers, to the desktop and to the keychain. The only place of these names.
//!
//! Invariant: a debug build shares nothing with an installed program: neither scheme, nor keychain items, nor
//! directories, nor socket. A registered redirect URI lives at issuers for years: never change these.

/// The application's id: bundle id, D-Bus name, desktop file, and what the other names begin with.
pub const APPLICATION_ID: &str = "io.github.mcp-login";
/// The private-use URI scheme (RFC 8252 §7.1: reverse domain name, so that nobody else has it by chance).
#[cfg(not(debug_assertions))]
pub const SCHEME: &str = "io.github.mcp-login";
/// The private-use URI scheme of a debug build.
#[cfg(debug_assertions)]
pub const SCHEME: &str = "io.github.mcp-login.dev";
/// The path after the scheme; with a single slash, since there is no authority (RFC 8252 §7.1).
pub const CALLBACK_PATH: &str = "/oauth/callback";
/// The path of the loopback redirect (RFC 8252 §7.3).
pub const LOOPBACK_PATH: &str = "/callback";
/// The service name of our keychain items. A debug build has its own.
pub const KEYCHAIN_SERVICE: &str = SCHEME;
/// `client_name` (RFC 7591 §2): what a person reads on the consent page.
pub const CLIENT_NAME: &str = "MCP Login";
/// `client_uri` (RFC 7591 §2).
pub const CLIENT_URI: &str = "https://mcp-login.github.io";
/// Where our Client ID Metadata Documents will lie, without the slash at the end: one a kind of redirect (`docs/client/`).
/// Used only when the settings say so, until something is there.
pub const CLIENT_DOCUMENTS: &str = "https://mcp-login.github.io/client";
/// `software_id` (RFC 7591 §2): the same for every version and instance.
pub const SOFTWARE_ID: &str = "io.github.mcp-login";
/// `software_version` (RFC 7591 §2).
pub const SOFTWARE_VERSION: &str = env!("CARGO_PKG_VERSION");
/// The version of the local API. Goes up when an old client would be misunderstood, not when something is added.
pub const PROTOCOL: u32 = 1;
/// What directories, socket and pipe are called.
#[cfg(not(debug_assertions))]
pub const DIRECTORY_NAME: &str = "mcp-login";
/// What directories, socket and pipe of a debug build are called.
#[cfg(debug_assertions)]
pub const DIRECTORY_NAME: &str = "mcp-login-dev";
/// The agent's executable, without `.exe`.
pub const AGENT_NAME: &str = "mcp-login-agent";
/// The command's executable, without `.exe`.
pub const COMMAND_NAME: &str = "mcp-login";
/// The desktop app's executable, without `.exe`: the window that asks lies beside the agent under this name.
pub const DESKTOP_NAME: &str = "mcp-login-desktop";
/// The systemd user unit that, where it is installed, starts the agent.
pub const SYSTEMD_UNIT: &str = "mcp-login-agent.service";
/// The launchd label (and the name of the property list, with `.plist`) that, where installed, starts the agent.
pub const LAUNCHD_LABEL: &str = "io.github.mcp-login.agent";

/// The redirect URI of the private-use scheme.
#[must_use]
pub fn redirect_uri() -> String {
    format!("{SCHEME}:{CALLBACK_PATH}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_redirect_has_a_single_slash() {
        assert_eq!(redirect_uri(), "io.github.mcp-login.dev:/oauth/callback");
    }

    #[test]
    fn the_scheme_is_one_by_rfc_3986() {
        let mut letters = SCHEME.chars();
        assert!(letters.next().is_some_and(|c| c.is_ascii_lowercase()));
        assert!(letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c)));
    }
}
