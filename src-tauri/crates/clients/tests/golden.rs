//! Each client's documented form, before and after: `golden/CLIENT.txt`. Where a form was read, and when, stands in
//! `src/clients.toml`. `UPDATE=1` writes what comes after; read it before you keep it.
#![allow(clippy::unwrap_used)]

use mcp_login_clients::{Client, Document, Host, Occupied, Place, Removal, Via, Wiring, ours, remote, table};
use std::path::{Path, PathBuf};

const WIRING: Wiring<'static> = Wiring {
    command: "/opt/mcp-login/mcp-login",
    account: "work",
    url: "https://mcp.example.com/mcp",
    key: "Bearer mcplogin_key",
    host: Host::Linux,
};

fn file(client: &Client) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{}.txt", client.id))
}

fn before(client: &Client) -> String {
    let text = std::fs::read_to_string(file(client)).unwrap();
    text.split("=== ").find_map(|part| part.strip_prefix("before\n")).unwrap().to_owned()
}

fn place(client: &Client, name: &str) -> Place {
    Place { keys: client.keys.clone(), name: name.to_owned() }
}

/// What a person's editor may have made of the same file.
fn dresses(text: &str) -> Vec<(&'static str, String)> {
    let windows = text.replace('\n', "\r\n");
    vec![
        ("as it is", text.to_owned()),
        ("lines of Windows", windows.clone()),
        ("a mark of Windows", format!("\u{feff}{windows}")),
        ("tabs", text.replace("  ", "\t")),
        ("no end of the last line", text.trim_end().to_owned()),
        ("blank lines at the end", format!("{text}\n\n")),
    ]
}

#[test]
fn entries_go_in_as_the_files_say() {
    let mut behind = Vec::new();
    for client in table().unwrap() {
        let before = before(client);
        let document = Document::read(client.format, &before).unwrap();
        let mut now = format!("=== before\n{before}");
        for via in client.ways() {
            let entry = client.entry(via, &WIRING).unwrap();
            let made = document.connect(&place(client, "work"), &entry, Occupied::Refuse).unwrap();
            now += &format!("=== {}\n{}", via.as_str(), made.edit.apply(&before).unwrap());
        }
        if let Some((name, _)) =
            document.entries(&client.keys).unwrap().iter().find(|(_, entry)| remote(entry).is_some())
        {
            let entry = client.entry(Via::Proxy, &WIRING).unwrap();
            let made = document.connect(&place(client, name), &entry, Occupied::Replace).unwrap();
            now += &format!("=== rewired {name}\n{}", made.edit.apply(&before).unwrap());
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(file(client), &now).unwrap();
        }
        if std::fs::read_to_string(file(client)).unwrap() != now {
            behind.push(client.id.clone());
        }
    }
    assert!(behind.is_empty(), "not as golden/*.txt says: {behind:?}");
}

#[test]
fn out_again_leaves_the_bytes_that_were_there() {
    let mut tried = 0;
    for client in table().unwrap() {
        for (dress, text) in dresses(&before(client)) {
            for via in client.ways() {
                let place = place(client, "work");
                let document = Document::read(client.format, &text).unwrap();
                let entry = client.entry(via, &WIRING).unwrap();
                let made = document.connect(&place, &entry, Occupied::Refuse).unwrap();
                let after = made.edit.apply(&text).unwrap();
                // no line end of another kind came in
                assert_eq!(text.contains("\r\n"), after.contains("\r\n"), "{} {dress}", client.id);
                assert!(
                    !text.contains("\r\n") || !after.replace("\r\n", "").contains('\n'),
                    "{} {dress}",
                    client.id
                );
                let document = Document::read(client.format, &after).unwrap();
                let removal = document.disconnect(&place, Some(&made)).unwrap();
                assert!(matches!(removal, Removal::Exact(_)), "{} {dress}", client.id);
                assert_eq!(removal.edit().apply(&after).unwrap(), text, "{} {dress}", client.id);
                // and with nothing recorded the file says again what it said
                let removal = document.disconnect(&place, None).unwrap();
                let left = removal.edit().apply(&after).unwrap();
                let left = Document::read(client.format, &left).unwrap();
                let was = Document::read(client.format, &text).unwrap();
                assert_eq!(
                    left.entries(&client.keys).unwrap(),
                    was.entries(&client.keys).unwrap(),
                    "{} {dress}",
                    client.id
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn rewired_entries_come_back() {
    let mut tried = 0;
    for client in table().unwrap() {
        for (dress, text) in dresses(&before(client)) {
            let document = Document::read(client.format, &text).unwrap();
            for (name, _) in
                document.entries(&client.keys).unwrap().iter().filter(|(_, e)| remote(e).is_some())
            {
                let place = place(client, name);
                let entry = client.entry(Via::Proxy, &WIRING).unwrap();
                let made = document.connect(&place, &entry, Occupied::Replace).unwrap();
                let after = made.edit.apply(&text).unwrap();
                let rewired = Document::read(client.format, &after).unwrap();
                let now = rewired.entries(&client.keys).unwrap();
                let now = now.iter().find(|(n, _)| n == name).unwrap();
                assert_eq!(ours(&now.1).unwrap().account, "work", "{} {dress}", client.id);
                let removal = rewired.disconnect(&place, Some(&made)).unwrap();
                assert_eq!(removal.edit().apply(&after).unwrap(), text, "{} {dress}", client.id);
                tried += 1;
            }
        }
    }
    assert!(tried > 60, "{tried}");
}

#[test]
fn a_file_that_is_not_there_is_made_and_emptied() {
    for client in table().unwrap() {
        for text in ["", "\n", "  \r\n"] {
            let place = place(client, "work");
            let document = Document::read(client.format, text).unwrap();
            let entry = client.entry(Via::Proxy, &WIRING).unwrap();
            let made = document.connect(&place, &entry, Occupied::Refuse).unwrap();
            let after = made.edit.apply(text).unwrap();
            let document = Document::read(client.format, &after).unwrap();
            assert_eq!(document.entries(&client.keys).unwrap(), [("work".to_owned(), entry)]);
            let removal = document.disconnect(&place, Some(&made)).unwrap();
            assert_eq!(removal.edit().apply(&after).unwrap(), text, "{}", client.id);
        }
    }
}
