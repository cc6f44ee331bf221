//! Names and addresses that mean the same.

use url::Url;

/// What an account is called in a client's file: clients make the names of tools of it, and some take letters, digits,
/// dashes and underscores only.
#[must_use]
pub fn entry_name(account: &str) -> String {
    account.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

/// Whether two addresses are one server's: in the form that RFC 3986 §6.2.2 gives them, and but for a slash at the end.
#[must_use]
pub fn same_server(a: &str, b: &str) -> bool {
    let form = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        url.set_fragment(None);
        Some(url.as_str().trim_end_matches('/').to_owned())
    };
    form(a).is_some_and(|a| form(b) == Some(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_clients_take() {
        assert_eq!(entry_name("mcp.example.com"), "mcp-example-com");
        assert_eq!(entry_name("work_2"), "work_2");
    }

    #[test]
    fn one_server_however_it_is_written() {
        assert!(same_server("https://A.example/mcp", "https://a.example:443/mcp/"));
        assert!(!same_server("https://a.example/mcp", "https://a.example/MCP"));
        assert!(!same_server("https://a.example/mcp", "http://a.example/mcp"));
        assert!(!same_server("x", "x"));
    }
}
