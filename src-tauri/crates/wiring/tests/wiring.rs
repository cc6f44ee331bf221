//! Whole files on a real disk: in, out, back, and what is refused.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use mcp_login_clients::Occupied;
use mcp_login_wiring::{Account, Door, Drifted, Here, Scope, Sign, Via, WiringError, Wirings, Wish};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

struct Person {
    place: tempfile::TempDir,
    wirings: Wirings,
}

impl Person {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().join("home");
        fs::create_dir_all(home.join("bin")).unwrap();
        let command = home.join("bin/mcp-login");
        fs::write(&command, "").unwrap();
        let path = home.join("bin");
        let var = move |name: &str| match name {
            "HOME" => home.to_str().map(str::to_owned),
            "PATH" => path.to_str().map(str::to_owned),
            _ => None,
        };
        let wirings = Wirings::new(&place.path().join("data"), Here::new(command, var));
        Self { place, wirings }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.place.path().join("home").join(path)
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let file = self.at(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        file
    }

    fn connect(&self, client: &str, account: &Account) -> Result<Vec<PathBuf>, WiringError> {
        let wish = wish(client, account);
        Ok(self.wirings.connect("connect", &[wish])?.apply()?.copies)
    }

    fn disconnect(&self, client: &str, named: &str) -> Result<(), WiringError> {
        self.wirings.disconnect(client, named, &Scope::Person)?.apply().map(drop)
    }

    fn undo(&self) -> Result<(), WiringError> {
        self.wirings.undo()?.apply().map(drop)
    }

    fn drift(&self) -> Vec<Drifted> {
        self.wirings.drift().unwrap().into_iter().map(|drift| drift.drifted).collect()
    }
}

fn account(name: &str) -> Account {
    Account { id: format!("id-{name}"), name: name.into(), server: "https://mcp.example.com/mcp".into() }
}

fn wish<'a>(client: &'a str, account: &'a Account) -> Wish<'a> {
    Wish {
        client,
        account,
        via: Via::Proxy,
        scope: Scope::Person,
        entry: None,
        occupied: Occupied::Refuse,
        door: None,
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

const CURSOR: &str = "{\r\n\t\"mcpServers\": {}, // mine\r\n\t\"x\": 1\r\n}";

#[test]
fn two_entries_out_in_any_order_leave_the_bytes_that_were_there() {
    for (first, second) in [("a", "b"), ("b", "a")] {
        for text in [Some(CURSOR), Some("{}"), Some(""), None] {
            let person = Person::new();
            let file = person.at(".cursor/mcp.json");
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            if let Some(text) = text {
                fs::write(&file, text).unwrap();
            }
            person.connect("cursor", &account("a")).unwrap();
            person.connect("cursor", &account("b")).unwrap();
            assert_eq!(person.wirings.wired().unwrap().len(), 2);
            person.disconnect("cursor", first).unwrap();
            person.disconnect("cursor", second).unwrap();
            assert_eq!(fs::read_to_string(&file).ok().as_deref(), text);
            assert!(person.wirings.wired().unwrap().is_empty());
        }
    }
}

#[test]
fn what_others_wrote_meanwhile_stays() {
    let person = Person::new();
    let file = person.write(".cursor/mcp.json", "{\n  \"mcpServers\": {}\n}\n");
    person.connect("cursor", &account("a")).unwrap();
    let grown = read(&file).replace("{\n  \"mcpServers\"", "{\n  \"theirs\": true,\n  \"mcpServers\"");
    fs::write(&file, grown).unwrap();
    person.disconnect("cursor", "a").unwrap();
    assert_eq!(read(&file), "{\n  \"theirs\": true,\n  \"mcpServers\": {}\n}\n");
}

#[test]
fn without_a_record_an_entry_is_known_by_what_it_starts() {
    let person = Person::new();
    let file = person.write(".cursor/mcp.json", CURSOR);
    person.connect("cursor", &account("a")).unwrap();
    fs::remove_dir_all(person.place.path().join("data")).unwrap();
    person.disconnect("cursor", "a").unwrap();
    assert_eq!(read(&file), CURSOR);
    assert!(matches!(person.disconnect("cursor", "a"), Err(WiringError::NotWired { .. })));
}

#[test]
fn undo_goes_back_step_by_step() {
    let person = Person::new();
    let file = person.at(".codex/config.toml");
    person.connect("codex", &account("a")).unwrap();
    let one = read(&file);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    person.connect("codex", &account("b")).unwrap();
    let two = read(&file);
    person.disconnect("codex", "a").unwrap();
    person.undo().unwrap();
    assert_eq!(read(&file), two);
    assert_eq!(person.wirings.wired().unwrap().len(), 2);
    person.undo().unwrap();
    assert_eq!(read(&file), one);
    person.undo().unwrap();
    assert!(!file.exists() && !file.parent().unwrap().exists(), "what was made is gone");
    assert!(matches!(person.undo(), Err(WiringError::NothingToUndo)));
    assert!(person.wirings.wired().unwrap().is_empty());
    let kept = fs::read_dir(person.place.path().join("data/clients/kept")).unwrap();
    assert_eq!(kept.count(), 0, "copies that nobody needs");
}

#[test]
fn undo_takes_out_what_it_can_and_says_where_the_rest_lies() {
    let person = Person::new();
    let file = person.write(".cursor/mcp.json", CURSOR);
    person.connect("cursor", &account("a")).unwrap();
    fs::write(&file, read(&file).replace("\"x\": 1", "\"x\": 2")).unwrap();
    person.undo().unwrap();
    assert_eq!(read(&file), CURSOR.replace("\"x\": 1", "\"x\": 2"));

    person.connect("cursor", &account("a")).unwrap();
    person.disconnect("cursor", "a").unwrap();
    fs::write(&file, "{ \"theirs\": 1 }").unwrap();
    match person.undo() {
        Err(WiringError::NoWayBack { copy, .. }) => assert!(read(&copy).contains("mcp-login")),
        other => panic!("{other:?}"),
    }
    assert_eq!(read(&file), "{ \"theirs\": 1 }");
}

#[test]
fn a_change_is_shown_and_made_only_to_what_was_shown() {
    let person = Person::new();
    let file = person.write(".cursor/mcp.json", CURSOR);
    let account = account("a");
    let plan = person.wirings.connect("connect", &[wish("cursor", &account)]).unwrap();
    let comes: Vec<&str> = plan.changes[0]
        .hunks
        .iter()
        .flat_map(|hunk| &hunk.lines)
        .filter(|line| line.sign == Sign::Comes)
        .map(|line| line.text.trim())
        .collect();
    assert!(comes.contains(&"\"args\": [\"proxy\", \"a\"]"), "{comes:?}");
    assert_eq!(read(&file), CURSOR, "a plan changes nothing");
    fs::write(&file, "{}").unwrap();
    assert!(matches!(plan.apply(), Err(WiringError::Meanwhile { .. })));
    assert_eq!(read(&file), "{}");
    assert!(person.wirings.wired().unwrap().is_empty());
}

#[test]
fn when_one_file_fails_none_is_changed() {
    let person = Person::new();
    let cursor = person.write(".cursor/mcp.json", CURSOR);
    let kiro = person.write(".kiro/settings/mcp.json", "{}");
    let account = account("a");
    let plan = person.wirings.connect("x", &[wish("cursor", &account), wish("kiro", &account)]).unwrap();
    fs::write(&kiro, "{ }").unwrap();
    assert!(matches!(plan.apply(), Err(WiringError::Meanwhile { .. })));
    assert_eq!((read(&cursor).as_str(), read(&kiro).as_str()), (CURSOR, "{ }"));
}

#[test]
fn a_file_that_cannot_be_changed_is_left_out() {
    let person = Person::new();
    let cursor = person.write(".cursor/mcp.json", CURSOR);
    let kiro = person.write(".kiro/settings/mcp.json", "{}");
    fs::set_permissions(&kiro, fs::Permissions::from_mode(0o444)).unwrap();
    let account = account("a");
    let wishes = vec![wish("kiro", &account), wish("cursor", &account)];
    let (plan, left_out) = person.wirings.connect_where_possible("x", wishes).unwrap();
    assert!(matches!(left_out.as_slice(), [WiringError::ReadOnly { .. }]), "{left_out:?}");
    plan.apply().unwrap();
    assert!(read(&cursor).contains("\"proxy\"") && read(&kiro) == "{}");
}

#[test]
fn links_modes_and_rights_are_kept() {
    let person = Person::new();
    let real = person.write("dotfiles/mcp.json", CURSOR);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir_all(person.at(".cursor")).unwrap();
    let link = person.at(".cursor/mcp.json");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    person.connect("cursor", &account("a")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    person.disconnect("cursor", "a").unwrap();
    assert_eq!(read(&real), CURSOR);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o400)).unwrap();
    let refused = person.connect("cursor", &account("a")).unwrap_err();
    assert!(refused.to_string().contains("mcp.json is read-only"), "{refused}");
    assert_eq!(read(&real), CURSOR);
}

#[test]
fn what_cannot_be_read_stays_as_it_is() {
    let person = Person::new();
    for (text, said) in [
        ("{ \"mcpServers\": { }", "mcp.json, line 1: it cannot be read: "),
        ("{\n\"mcpServers\": {},\n\"mcpServers\": {}\n}", "mcp.json, line 3: “mcpServers” is there twice"),
        (
            "{\"mcpServers\": {\n\"a\": {\"url\": \"https://x.example\"}}}",
            "mcp.json, line 2: there is an entry “a” already",
        ),
    ] {
        let file = person.write(".cursor/mcp.json", text);
        let refused = person.connect("cursor", &account("a")).unwrap_err();
        assert!(refused.to_string().contains(said), "{refused}");
        let fault = refused.fault();
        assert!(!fault.message.contains(['{', '}']) && fault.data.next.ends_with('.'), "{fault:?}");
        assert_eq!(read(&file), text);
    }
}

#[test]
fn an_entry_of_ours_is_renewed_and_leads_back_to_what_was_there() {
    let person = Person::new();
    let text = "{\"mcpServers\": {\"a\": {\"url\": \"https://x.example/mcp\", \"disabled\": true}}}";
    let file = person.write(".cursor/mcp.json", text);
    let first = account("a");
    let rewire = Wish { occupied: Occupied::Replace, ..wish("cursor", &first) };
    person.wirings.connect("x", &[rewire]).unwrap().apply().unwrap();
    assert!(read(&file).contains("\"disabled\": true"), "{}", read(&file));
    // the same once more: nothing to do
    assert!(person.wirings.connect("x", &[wish("cursor", &first)]).unwrap().is_empty());
    // to another account
    let second = account("b");
    let other = Wish { entry: Some("a"), ..wish("cursor", &second) };
    person.wirings.connect("x", &[other]).unwrap().apply().unwrap();
    assert!(read(&file).contains("\"b\"") && person.wirings.wired().unwrap().len() == 1);
    person.disconnect("cursor", "b").unwrap();
    assert_eq!(read(&file), text);
}

#[test]
fn a_project_has_a_file_of_its_own() {
    let person = Person::new();
    let project = person.at("shop");
    fs::create_dir_all(&project).unwrap();
    let account = account("a");
    let scope = Scope::Project(project.clone());
    let wish = Wish { scope: scope.clone(), ..wish("vscode", &account) };
    person.wirings.connect("x", &[wish]).unwrap().apply().unwrap();
    assert!(read(&project.join(".vscode/mcp.json")).contains("\"servers\""));
    assert!(matches!(person.disconnect("vscode", "a"), Err(WiringError::NotWired { .. })));
    person.wirings.disconnect("vscode", "a", &scope).unwrap().apply().unwrap();
    assert!(!project.join(".vscode").exists());
    let lmstudio = Wish { client: "lmstudio", scope, ..self::wish("lmstudio", &account) };
    assert!(matches!(person.wirings.connect("x", &[lmstudio]), Err(WiringError::NoProject { .. })));
}

#[test]
fn what_became_of_an_entry_is_seen() {
    let person = Person::new();
    let file = person.write(".cursor/mcp.json", "{}");
    person.connect("cursor", &account("a")).unwrap();
    assert_eq!(person.drift(), []);
    let ours = read(&file);
    let command = person.at("bin/mcp-login").display().to_string();
    // a client that writes its file anew
    fs::write(&file, ours.replace("\"args\"", "\"env\": {}, \"disabled\": true, \"args\"")).unwrap();
    assert_eq!(person.drift(), []);
    fs::write(&file, ours.replace(&command, "/tmp/evil/mcp-login")).unwrap();
    assert_eq!(person.drift(), [Drifted::OtherCommand("/tmp/evil/mcp-login".into())]);
    fs::write(&file, ours.replace(&command, "/bin/sh")).unwrap();
    assert_eq!(person.drift(), [Drifted::OtherCommand("/bin/sh".into())]);
    fs::write(&file, ours.replace("\"a\"]", "\"b\"]")).unwrap();
    assert_eq!(person.drift(), [Drifted::OtherAccount("b".into())]);
    fs::write(&file, ours.replace("\"args\"", "\"env\": {\"MCP_LOGIN_HOME\": \"/x\"}, \"args\"")).unwrap();
    assert_eq!(person.drift(), [Drifted::Otherwise]);
    fs::write(&file, "{\"mcpServers\": {\"a\": {\"url\": \"https://evil.example/mcp\"}}}").unwrap();
    assert_eq!(person.drift(), [Drifted::OtherAddress("https://evil.example/mcp".into())]);
    fs::write(&file, "{}").unwrap();
    assert_eq!(person.drift(), [Drifted::Gone]);
    fs::write(&file, "{").unwrap();
    assert!(matches!(person.drift().as_slice(), [Drifted::Unread(why)] if why.contains("line 1")));
    fs::write(&file, &ours).unwrap();
    fs::remove_file(person.at("bin/mcp-login")).unwrap();
    assert_eq!(person.drift(), [Drifted::NoProgram(command)]);
}

#[test]
fn the_key_of_a_door_is_in_no_record_of_ours() {
    let person = Person::new();
    let file = person.write(".config/Code/User/mcp.json", "{\n}\n");
    let account = account("a");
    let door = || Door {
        url: "unix:///run/door.sock#/mcp".into(),
        key: "Bearer mcplogin_k".into(),
        id: "k1".into(),
    };
    let wish = Wish { via: Via::Door, door: Some(door()), ..wish("vscode", &account) };
    let plan = person.wirings.connect("x", &[wish]).unwrap();
    let shown = format!("{:?}", plan.changes[0].hunks);
    assert!(!shown.contains("mcplogin_k") && shown.contains("unix:///run/door.sock#/mcp"), "{shown}");
    plan.apply().unwrap();
    assert!(read(&file).contains("Bearer mcplogin_k"));
    let record = read(&person.place.path().join("data/clients/wired.json"));
    assert!(!record.contains("mcplogin_k"), "{record}");
    assert_eq!(person.drift(), []);
    let ours = read(&file);
    fs::write(&file, ours.replace("unix:///run/door.sock#/mcp", "https://evil.example/")).unwrap();
    assert_eq!(person.drift(), [Drifted::OtherAddress("https://evil.example/".into())]);
    fs::write(&file, ours).unwrap();
    let plan = person.wirings.disconnect("vscode", "a", &Scope::Person).unwrap();
    assert_eq!(plan.keys, ["k1"]);
    plan.apply().unwrap();
    assert_eq!(read(&file), "{\n}\n");
}

#[test]
fn clients_are_found_by_what_is_theirs_alone() {
    let person = Person::new();
    let found = || -> Vec<String> {
        person.wirings.installed().unwrap().into_iter().map(|found| found.client.id.clone()).collect()
    };
    // a file that another installer wrote says nothing
    person.write(".claude.json", "{}");
    assert_eq!(found(), [""; 0]);
    fs::create_dir_all(person.at(".claude")).unwrap();
    person.write("bin/codex", "#!/bin/sh\n");
    assert_eq!(found(), ["claude-code"], "a file that cannot be started is no program");
    fs::set_permissions(person.at("bin/codex"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(found(), ["claude-code", "codex"]);
    let client = person.wirings.client("codex").unwrap();
    assert_eq!(person.wirings.program(client), None, "a script starts another program");
    fs::write(person.at("bin/codex"), b"\x7fELF....").unwrap();
    assert_eq!(person.wirings.program(client), Some(fs::canonicalize(person.at("bin/codex")).unwrap()));
}

#[test]
fn a_way_that_needs_a_version_asks_for_it() {
    let person = Person::new();
    let account = account("a");
    let by_helper = || Wish { via: Via::Headers, ..wish("codex", &account) };
    let refused = person.wirings.connect("x", &[by_helper()]).unwrap_err();
    assert!(refused.to_string().contains("not on PATH"), "{refused}");
    for (version, lets) in [("codex-cli 0.169.0", true), ("codex-cli 0.90.0", false), ("what?", false)] {
        let program = person.write("bin/codex", &format!("#!/bin/sh\necho '{version}'\n"));
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        let plan = person.wirings.connect("x", &[by_helper()]);
        assert_eq!(plan.is_ok(), lets, "{version}: {plan:?}");
    }
    assert!(matches!(
        person.wirings.connect("x", &[Wish { via: Via::Headers, ..wish("cursor", &account) }]),
        Err(WiringError::NoSuchWay { .. })
    ));
    assert!(matches!(
        person.wirings.connect("x", &[wish("emacs", &account)]),
        Err(WiringError::NoSuchClient { .. })
    ));
}

#[test]
fn servers_that_several_clients_have_are_one() {
    let person = Person::new();
    person.write(".cursor/mcp.json", "{\"mcpServers\": {\"linear\": {\"url\": \"https://mcp.linear.app/mcp\"}, \"fs\": {\"command\": \"npx\"}}}");
    person.write(".claude/x", "");
    person.write(
        ".claude.json",
        "{\"mcpServers\": {\"l\": {\"command\": \"npx\", \"args\": [\"-y\", \"mcp-remote\", \"https://MCP.linear.app/mcp/\"]}}}",
    );
    person.write(".codex/config.toml", "[mcp_servers.\n");
    person.write(".kiro/settings/mcp.json", "{}");
    person.connect("kiro", &account("a")).unwrap();
    let (servers, unread) = person.wirings.remotes().unwrap();
    assert_eq!(servers.len(), 1, "{servers:?}");
    let entries: Vec<_> =
        servers[0].known.iter().map(|known| (known.client.id.as_str(), known.entry.as_str())).collect();
    assert_eq!(entries, [("claude-code", "l"), ("cursor", "linear")]);
    assert_eq!(unread.len(), 1);
    assert!(unread[0].error.to_string().contains("config.toml, line 1"), "{}", unread[0].error);
}

#[test]
fn a_newer_record_is_not_touched() {
    let person = Person::new();
    let record = person.place.path().join("data/clients/wired.json");
    fs::create_dir_all(record.parent().unwrap()).unwrap();
    fs::write(&record, "{\"version\": 2, \"other\": []}").unwrap();
    fs::create_dir_all(person.at(".cursor")).unwrap();
    assert!(matches!(person.connect("cursor", &account("a")), Err(WiringError::Newer { .. })));
    assert!(!person.at(".cursor/mcp.json").exists());
    assert_eq!(read(&record), "{\"version\": 2, \"other\": []}");
}
