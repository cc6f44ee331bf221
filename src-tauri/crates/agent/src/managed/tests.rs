use super::registry::{Data, Key};
use super::*;
use crate::config::ClientMetadata;
use crate::policy::Policy;
use std::collections::BTreeMap;
use std::path::Path;

/// A whole path, as each system has them.
const PROGRAM: &str = if cfg!(windows) { r"C:\Program Files\code.exe" } else { "/usr/bin/code" };

const TOML: &str = r#"
allowed_servers = ["https://mcp.corp.example", "https://tools.example/team"]
allowed_issuers = ["https://login.corp.example"]
redirect = "loopback"
http_door = false
updates = false

[[clients]]
issuer = "https://login.corp.example"
client_id = "corp"
redirect_uri = "http://127.0.0.1/callback"

[[allow]]
program = 'PROGRAM'
accounts = "*"
"#;

const PLIST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>allowed_servers</key><array><string>https://mcp.corp.example</string><string>https://tools.example/team</string></array>
<key>allowed_issuers</key><array><string>https://login.corp.example</string></array>
<key>redirect</key><string>loopback</string>
<key>http_door</key><false/>
<key>updates</key><false/>
<key>clients</key><array><dict>
  <key>issuer</key><string>https://login.corp.example</string>
  <key>client_id</key><string>corp</string>
  <key>redirect_uri</key><string>http://127.0.0.1/callback</string>
</dict></array>
<key>allow</key><array><dict><key>program</key><string>PROGRAM</string><key>accounts</key><string>*</string></dict></array>
</dict></plist>"#;

fn texts(values: &[(&str, &str)]) -> BTreeMap<String, Data> {
    values.iter().map(|(name, text)| ((*name).to_owned(), Data::Text((*text).to_owned()))).collect()
}

fn key(values: BTreeMap<String, Data>, keys: &[(&str, Key)]) -> Key {
    Key { values, keys: keys.iter().map(|(name, key)| ((*name).to_owned(), key.clone())).collect() }
}

/// As Group Policy writes it: lists as keys with numbered values, or as values of many lines.
fn registry() -> Key {
    let mut values = texts(&[("redirect", "loopback")]);
    values.insert("http_door".into(), Data::Number(0));
    values.insert("updates".into(), Data::Number(0));
    values.insert("allowed_issuers".into(), Data::Texts(vec!["https://login.corp.example".into()]));
    let servers = texts(&[("1", "https://mcp.corp.example"), ("2", "https://tools.example/team")]);
    let client = texts(&[
        ("issuer", "https://login.corp.example"),
        ("client_id", "corp"),
        ("redirect_uri", "http://127.0.0.1/callback"),
    ]);
    let rule = texts(&[("program", PROGRAM), ("accounts", "*")]);
    let numbered = |below| key(BTreeMap::new(), &[("1", key(below, &[]))]);
    key(
        values,
        &[("allowed_servers", key(servers, &[])), ("clients", numbered(client)), ("allow", numbered(rule))],
    )
}

fn file(text: &str) -> (tempfile::TempDir, Source) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("policy.toml");
    std::fs::write(&path, text.replace("PROGRAM", PROGRAM)).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let source = Source::File(path);
    (dir, source)
}

#[track_caller]
fn says_all(managed: &Managed) {
    assert!(managed.mistake.is_none(), "{:?}", managed.mistake);
    let server = |text: &str| managed.allows_server(&ServerUrl::parse(text).unwrap()).is_ok();
    assert!(server("https://mcp.corp.example/mcp") && server("https://tools.example/team/mcp"));
    assert!(!server("https://tools.example/teams") && !server("https://mcp.corp.example.evil.example/"));
    assert!(!server("http://localhost:1/mcp") && !server("https://mcp.corp.example:8443/mcp"));
    assert!(managed.allows_issuer(&Issuer::new("https://login.corp.example")).is_ok());
    assert!(managed.allows_issuer(&Issuer::new("https://login.corp.example/")).is_err());
    assert_eq!(managed.redirect, Some(RedirectChoice::Loopback));
    assert_eq!((managed.http_door, managed.updates), (Switch::Off, Switch::Off));
    assert_eq!(managed.clients[0].id.as_str(), "corp");
    let policy = Policy::default().with(&managed.allow);
    let names = ["a1", "work", "https://mcp.corp.example/mcp"];
    assert!(policy.allows(Path::new(PROGRAM), names, &[], 0));
    assert!(!policy.allows(Path::new("/usr/bin/other"), names, &[], 0));
    assert_eq!(managed.keys.len(), 7);
}

/// Only root's file counts, and only root can make one.
#[cfg(unix)]
#[test]
fn a_file() {
    let (_dir, source) = file(TOML);
    let managed = Managed::read(&source);
    if rustix::process::geteuid().is_root() {
        says_all(&managed);
    } else {
        assert!(managed.mistake.is_some());
    }
}

#[test]
fn a_property_list() {
    let text = PLIST.replace("PROGRAM", PROGRAM);
    let value = ::plist::Value::from_reader_xml(text.as_bytes()).unwrap();
    says_all(&schema::read("x.plist", &plist::tree(value)).unwrap());
}

#[test]
fn the_registry() {
    says_all(&schema::read("HKLM", &registry::tree(registry())).unwrap());
}

#[test]
fn nothing_there_sets_nothing() {
    for source in [Source::Said(Box::default()), Source::File("/nowhere/policy.toml".into())] {
        let managed = Managed::read(&source);
        assert!(managed.place.is_none() && managed.mistake.is_none() && managed.keys.is_empty());
        assert!(managed.allows_server(&ServerUrl::parse("https://any.example").unwrap()).is_ok());
    }
}

/// A mistake closes: it is named, and nobody signs in.
#[test]
fn a_mistake_lets_nobody_sign_in() {
    let broken = |name: &str, tree: Tree| {
        let table = Tree::Table(std::iter::once((name.to_owned(), tree)).collect());
        schema::read("p", &table).unwrap_err().to_string()
    };
    let text = |text: &str| Tree::Text(text.to_owned());
    for (name, tree, wanted) in [
        ("allowed_server", text("x"), "p: allowed_server: not known; there are allowed_servers"),
        ("allowed_servers", text("https://a.example"), "p: allowed_servers: a list is expected, not text"),
        ("allowed_servers", Tree::List(vec![text("ftp://a")]), "p: allowed_servers.1: "),
        ("redirect", text("auto"), "p: redirect: \"auto\" is none of scheme, loopback, localhost"),
        ("http_door", Tree::Flag(true), "p: http_door: false is expected, not yes or no"),
        ("clients", Tree::List(vec![Tree::Table(BTreeMap::new())]), "p: clients.1: issuer is missing"),
        ("allow", Tree::List(vec![text("x")]), "p: allow.1: a table is expected, not text"),
    ] {
        let said = broken(name, tree);
        assert!(said.starts_with(wanted), "{said}");
    }
    let bytes = key(std::iter::once(("redirect".to_owned(), Data::Other)).collect(), &[]);
    let said = schema::read("p", &registry::tree(bytes)).unwrap_err().to_string();
    assert_eq!(said, "p: redirect: text is expected, not bytes");
    let (_dir, source) = file("allowed_servers = 3\n");
    let managed = Managed::read(&source);
    let server = ServerUrl::parse("https://any.example").unwrap();
    assert!(matches!(managed.allows_server(&server), Err(Forbidden::Broken(_))));
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_write_is_a_mistake() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, source) = file(TOML);
    let Source::File(path) = &source else { panic!() };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o664)).unwrap();
    assert!(Managed::read(&source).mistake.is_some());
}

#[test]
fn it_wins_over_the_settings() {
    let text = "redirect = \"scheme\"\n[clients.\"https://login.corp.example\"]\nclient_id = \"mine\"\n\
                [clients.\"https://other.example\"]\nclient_id = \"other\"\n";
    let config = Config::parse(Path::new("config.toml"), text).unwrap();
    let managed = schema::read("HKLM", &registry::tree(registry())).unwrap();
    let config = managed.over(config);
    assert_eq!(config.redirect, RedirectChoice::Loopback);
    assert_eq!(config.client("https://login.corp.example").unwrap().id.as_str(), "corp");
    assert_eq!(config.client("https://other.example").unwrap().id.as_str(), "other");
    assert_eq!(config.client_metadata, ClientMetadata::default());
}
