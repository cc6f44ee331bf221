//! Entries that lead to a remote server, however they are written: the address of a server that speaks HTTP, or
//! `mcp-remote` started with it.

use crate::tree::Tree;
use url::Url;

/// A remote server that an entry leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its address, as it is written.
    pub url: String,
    /// How it is written.
    pub written: Written,
}

/// How an entry leads to its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The client connects itself.
    Address,
    /// It starts `mcp-remote`.
    McpRemote,
}

/// Under these, clients write a server's address.
const ADDRESS: &[&str] = &["url", "serverUrl", "httpUrl", "uri"];

/// What says how a server is reached. The rest of an entry (what is allowed, what is switched off, how long to wait) is
/// the person's, whatever the way.
const TRANSPORT: &[&str] = &[
    "type",
    "transport",
    "source",
    "url",
    "serverUrl",
    "httpUrl",
    "uri",
    "headers",
    "headersHelper",
    "http_headers",
    "env_http_headers",
    "http_headers_helper",
    "bearer_token_env_var",
    "command",
    "args",
    "argv",
    "env",
    "environment",
    "env_vars",
    "cwd",
    "oauth",
    "oauth_resource",
    "auth",
    "scopes",
    "authProviderType",
    "requestInit",
];

/// Whether a setting of an entry says how its server is reached.
#[must_use]
pub fn is_transport(key: &str) -> bool {
    TRANSPORT.contains(&key)
}

/// The remote server that an entry leads to, if it does.
#[must_use]
pub fn remote(entry: &Tree) -> Option<Remote> {
    if let Some(url) = ADDRESS.iter().find_map(|key| entry.get(key)?.text()) {
        return is_address(url).then(|| Remote { url: url.to_owned(), written: Written::Address });
    }
    let words = command_line(entry)?;
    let at = words.iter().position(|word| is_mcp_remote(word))?;
    let url = words[at + 1..].iter().find(|word| is_address(word))?;
    Some(Remote { url: (*url).to_owned(), written: Written::McpRemote })
}

/// The command and its arguments, in whichever form.
#[must_use]
pub fn command_line(entry: &Tree) -> Option<Vec<&str>> {
    let command = entry.get("command")?;
    let mut words: Vec<&str> = match command {
        Tree::Text(command) => vec![command],
        Tree::List(list) => list.iter().filter_map(Tree::text).collect(),
        // Zed's older form: `"command": { "path": …, "args": [] }`
        Tree::Map(_) => {
            let mut words = vec![command.get("path")?.text()?];
            words.extend(
                command.get("args").map(Tree::list).unwrap_or_default().iter().filter_map(Tree::text),
            );
            words
        }
        Tree::Null | Tree::Bool(_) | Tree::Plain(_) => return None,
    };
    words.extend(entry.get("args").map(Tree::list).unwrap_or_default().iter().filter_map(Tree::text));
    Some(words)
}

/// `mcp-remote`, `mcp-remote@latest`, or the path of such a program.
fn is_mcp_remote(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let name = name.strip_suffix(".cmd").or_else(|| name.strip_suffix(".exe")).unwrap_or(name);
    name == "mcp-remote"
}

fn is_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, Format};

    fn url(entry: &str) -> Option<(String, Written)> {
        let tree = Document::read(Format::Json, entry).ok()?.tree();
        remote(&tree).map(|r| (r.url, r.written))
    }

    #[test]
    fn addresses_in_every_dialect() {
        let https = Some(("https://a.example/mcp".to_owned(), Written::Address));
        for key in ["url", "serverUrl", "httpUrl", "uri"] {
            assert_eq!(url(&format!(r#"{{"type":"http","{key}":"https://a.example/mcp"}}"#)), https);
        }
        for other in [r#"{"url":"unix:///run/x.sock"}"#, r#"{"url":"${input:where}"}"#, r#"{"url":7}"#, "{}"]
        {
            assert_eq!(url(other), None, "{other}");
        }
    }

    #[test]
    fn mcp_remote_however_it_is_started() {
        let found = Some(("https://a.example/mcp".to_owned(), Written::McpRemote));
        for entry in [
            r#"{"command":"npx","args":["-y","mcp-remote","https://a.example/mcp"]}"#,
            r#"{"command":"npx","args":["mcp-remote@0.1.16","https://a.example/mcp","--header","A: b"]}"#,
            r#"{"command":"cmd","args":["/c","npx","-y","mcp-remote@latest","https://a.example/mcp","3334"]}"#,
            r#"{"command":"C:\\npm\\mcp-remote.cmd","args":["https://a.example/mcp"]}"#,
            r#"{"type":"local","command":["bunx","mcp-remote","https://a.example/mcp"]}"#,
            r#"{"command":{"path":"npx","args":["mcp-remote","https://a.example/mcp"]}}"#,
        ] {
            assert_eq!(url(entry), found, "{entry}");
        }
        assert_eq!(url(r#"{"command":"npx","args":["-y","some-server","https://a.example"]}"#), None);
        assert_eq!(url(r#"{"command":"npx","args":["mcp-remote"]}"#), None);
    }
}
