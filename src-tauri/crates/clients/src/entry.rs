//! Our entries: what is written for a client, and whether an entry that is there is one of ours.

use crate::filling::Filling;
use crate::quote;
use crate::remote::command_line;
use crate::table::{Client, Host};
use crate::tree::Tree;
use serde::{Deserialize, Serialize};

/// How a client gets to its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// It starts `mcp-login proxy`: it never sees a token.
    Proxy,
    /// It connects itself, and asks `mcp-login headers` for the header.
    Headers,
    /// It connects to the agent's own address, with a key that is good for nothing else.
    Door,
}

impl Via {
    /// The word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Via::Proxy => "proxy",
            Via::Headers => "headers",
            Via::Door => "door",
        }
    }
}

/// What an entry is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring<'a> {
    /// Our program, as an absolute path.
    pub command: &'a str,
    /// The account's name.
    pub account: &'a str,
    /// The server's address; the door's, for [`Via::Door`].
    pub url: &'a str,
    /// The value of the door's header; empty for the other ways.
    pub key: &'a str,
    /// The system, for the quotes of its shell.
    pub host: Host,
}

impl Client {
    /// The entry; nothing when the client cannot be connected this way.
    #[must_use]
    pub fn entry(&self, via: Via, wiring: &Wiring<'_>) -> Option<Tree> {
        let args = [if via == Via::Headers { "headers" } else { "proxy" }, wiring.account];
        let words = [wiring.command, args[0], args[1]];
        let line = if wiring.host == Host::Windows { quote::windows(&words) } else { quote::posix(&words) };
        let Wiring { command, url, key, .. } = *wiring;
        Some(Filling { command, args: &args, line: &line, url, key }.fill(self.form(via)?))
    }
}

/// An entry that starts our program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// How.
    pub via: Via,
    /// The program, as it is written.
    pub command: String,
    /// The account's name, or a server's address.
    pub account: String,
}

/// Whether an entry starts our program, and for which account.
#[must_use]
pub fn ours(entry: &Tree) -> Option<Ours> {
    let helper = ["headersHelper", "http_headers_helper"].iter().find_map(|key| entry.get(key)?.text());
    let (words, via) = match helper {
        Some(line) => (split(line), Via::Headers),
        None => (command_line(entry)?.into_iter().map(str::to_owned).collect(), Via::Proxy),
    };
    let [command, verb, account, ..] = words.as_slice() else { return None };
    let name = command.rsplit(['/', '\\']).next()?;
    let name = name.strip_suffix(".exe").unwrap_or(name);
    (name == "mcp-login" && verb == via.as_str()).then(|| Ours {
        via,
        command: command.clone(),
        account: account.clone(),
    })
}

/// The words of a command line that [`quote`] made.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') if chars.peek() == Some(&'\'') => {
                word.get_or_insert_default().extend(chars.next());
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    #[test]
    fn what_is_written_is_known_again() {
        let commands = [
            ("/usr/bin/mcp-login", Host::Linux),
            ("/Users/ada/My Apps/it's/mcp-login", Host::Mac),
            (r"C:\Program Files\MCP Login\mcp-login.exe", Host::Windows),
        ];
        let mut seen = 0;
        for client in table().unwrap_or_default() {
            for (command, host) in commands {
                for via in client.ways().into_iter().filter(|via| *via != Via::Door) {
                    let wiring =
                        Wiring { command, account: "work", url: "https://a.example/mcp", key: "", host };
                    let entry = client.entry(via, &wiring).unwrap_or(Tree::Null);
                    let expected = Ours { via, command: command.into(), account: "work".into() };
                    assert_eq!(ours(&entry), Some(expected), "{}", client.id);
                    seen += 1;
                }
            }
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn others_are_not_ours() {
        for entry in [
            r#"{"command":"npx","args":["proxy","work"]}"#,
            r#"{"command":"/usr/bin/mcp-login","args":["token","work"]}"#,
            r#"{"command":"/usr/bin/mcp-login-proxy","args":["proxy","work"]}"#,
            r#"{"url":"https://a.example","headersHelper":"/bin/other headers work"}"#,
            r#"{"url":"https://a.example"}"#,
        ] {
            let document = crate::Document::read(crate::Format::Json, entry);
            let tree = document.map(|d| d.tree()).unwrap_or(Tree::Null);
            assert_eq!(ours(&tree), None, "{entry}");
        }
    }
}
