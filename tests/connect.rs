//! Connecting MCP clients: the real command on the files of a person, with clients that the test installs.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mcp_login_tests::raw::Local;
use mcp_login_tests::{Client, Home, McpClient, Person, SETTINGS, Said, Sandbox, Stage, place};
use serde_json::{Value, json};

/// A file as somebody writes it who has edited it on Windows.
const CURSOR: &str = "\u{feff}{\r\n\t// mine\r\n\t\"mcpServers\": {\r\n\t\t\"fs\": { \"command\": \"npx\" }, // files\r\n\t},\r\n}\r\n";

fn write(home: &Home, path: &str, text: &str) -> PathBuf {
    let file = home.path("person").join(path);
    fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
    fs::write(&file, text).expect("a file");
    file
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn house() -> (Sandbox, Home) {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    (sandbox, home)
}

/// In a terminal, where somebody types.
fn in_terminal(home: &Home, arguments: &[&str], typed: &str) -> Said {
    let mut command = home.program(Path::new("/usr/bin/script"));
    let line = format!("'{}' {}", home.programs().command.display(), arguments.join(" "));
    let input = home.path("typed");
    fs::write(&input, typed).expect("a file");
    command.args(["-qec", &line, "/dev/null"]).stdin(fs::File::open(input).expect("our own file"));
    Said::of(&mut command)
}

/// A client's program on `PATH`.
fn install(home: &mut Home, name: &str) -> Client {
    let client = Client::named(home, name);
    let mut path = client.file().parent().expect("a directory").as_os_str().to_owned();
    path.push(":");
    path.push(home.path("bin"));
    path.push(":/usr/bin:/bin");
    home.set("PATH", path);
    client
}

#[test]
fn clients_are_shown_that_are_here() {
    let (_sandbox, mut home) = house();
    let said = home.run(&["connect"]).ok();
    assert!(said.stdout.contains("No MCP client was found"), "{}", said.stdout);
    write(&home, ".cursor/mcp.json", CURSOR);
    // this one alone says nothing: other installers write it, too
    write(&home, ".claude.json", "{}");
    install(&mut home, "codex");
    let clients = home.run(&["connect", "--json"]).ok().json()["clients"].clone();
    let ids: Vec<&str> =
        clients.as_array().expect("a list").iter().filter_map(|c| c["client"].as_str()).collect();
    assert_eq!(ids, ["codex", "cursor"]);
    assert_eq!(clients[0]["ways"], json!(["proxy", "headers"]));
    home.run(&["connect", "work", "--client", "cursor", "--yes"]).ok();
    let text = home.run(&["connect"]).ok().stdout;
    assert!(text.lines().any(|line| line.starts_with("cursor") && line.contains("work")), "{text}");
}

#[test]
fn a_change_is_shown_before_it_is_made() {
    let (_sandbox, home) = house();
    let file = write(&home, ".cursor/mcp.json", CURSOR);
    let command = home.programs().command.display().to_string();
    let wish = ["connect", "work", "--client", "cursor"];
    // nobody to ask
    let said = home.run(&wish).exits(2);
    assert!(said.stderr.contains("[no_terminal]") && said.stderr.contains("--yes"), "{}", said.stderr);
    assert!(said.stdout.contains(&format!("{command} proxy work")), "{}", said.stdout);
    let shown = home.run(&[&wish[..], &["--dry-run", "--json"]].concat()).ok().json();
    assert_eq!(shown["made"], false);
    let lines: Vec<&str> =
        shown["changes"][0]["lines"].as_array().expect("lines").iter().filter_map(Value::as_str).collect();
    assert!(lines.contains(&"+\t\t\t\"args\": [\"proxy\", \"work\"]"), "{lines:#?}");
    assert!(lines.contains(&" \t\t\"fs\": { \"command\": \"npx\" }, // files"), "{lines:#?}");
    assert_eq!(shown["changes"][0]["starts"], json!([format!("{command} proxy work")]));
    // somebody who says no, and somebody who says yes
    let said = in_terminal(&home, &wish, "n\n").exits(10);
    assert!(said.stdout.contains("Nothing was changed."), "{}", said.stdout);
    assert_eq!(read(&file), CURSOR);
    let said = in_terminal(&home, &wish, "y\n").ok();
    assert!(said.stdout.contains("Cursor is connected to work"), "{}", said.stdout);
    let now = read(&file);
    assert!(now.starts_with('\u{feff}') && now.contains("// mine") && now.contains("// files"), "{now}");
    assert!(!now.replace("\r\n", "").contains('\n'), "a line end of another kind came in: {now:?}");
}

#[test]
fn out_and_back_leave_the_bytes_that_were_there() {
    let (_sandbox, home) = house();
    let file = write(&home, ".cursor/mcp.json", CURSOR);
    home.run(&["connect", "work", "--client", "cursor", "--yes"]).ok();
    let connected = read(&file);
    // once more: nothing to do
    let said = home.run(&["connect", "work", "--client", "cursor", "--yes"]).ok();
    assert!(said.stdout.contains("already"), "{}", said.stdout);
    home.run(&["disconnect", "work", "--client", "cursor", "--yes"]).ok();
    assert_eq!(read(&file), CURSOR);
    home.run(&["undo", "--yes"]).ok();
    assert_eq!(read(&file), connected);
    home.run(&["undo", "--yes"]).ok();
    assert_eq!(read(&file), CURSOR);
    let said = home.run(&["undo", "--yes", "--json"]).exits(2);
    assert_eq!(said.error()["code"], "nothing_to_undo");
    let said = home.run(&["disconnect", "work", "--client", "cursor", "--yes", "--json"]).exits(2);
    assert_eq!(said.error()["code"], "not_connected");
}

#[test]
fn files_are_where_the_person_says() {
    let (_sandbox, mut home) = house();
    let (codex, claude) = (home.path("elsewhere/codex"), home.path("elsewhere/claude"));
    home.set("CODEX_HOME", &codex).set("CLAUDE_CONFIG_DIR", &claude);
    home.run(&["connect", "work", "--client", "codex", "--yes"]).ok();
    home.run(&["connect", "work", "--client", "claude-code", "--via", "headers", "--yes"]).ok();
    assert!(read(&codex.join("config.toml")).contains("[mcp_servers.work]\ncommand = "));
    let settings: Value = serde_json::from_str(&read(&claude.join(".claude.json"))).expect("JSON");
    let helper = settings["mcpServers"]["work"]["headersHelper"].as_str().expect("a helper");
    // the very line, as the client has it run: stripped of everything but the home of this test
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().env("MCP_LOGIN_HOME", home.dir()).args(["-c", helper]);
    let headers = Said::of(&mut shell).ok().json();
    assert!(headers["Authorization"].as_str().is_some_and(|value| value.starts_with("Bearer ")), "{headers}");
    let project = home.path("shop");
    fs::create_dir(&project).expect("a directory");
    let project = project.display().to_string();
    home.run(&["connect", "work", "--client", "vscode", "--project", &project, "--as", "mcp", "--yes"]).ok();
    let settings: Value = serde_json::from_str(&read(&home.path("shop/.vscode/mcp.json"))).expect("JSON");
    assert_eq!(settings["servers"]["mcp"]["args"], json!(["proxy", "work"]));
}

#[test]
fn what_cannot_be_changed_stays_as_it_is() {
    let (_sandbox, home) = house();
    let refused = |client: &str, code: &str, words: &[&str]| {
        let said = home.run(&["connect", "work", "--client", client, "--yes"]);
        assert!(said.code != 0 && said.stderr.contains(&format!("[{code}]")), "{}", said.stderr);
        let flat = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(flat.contains(word), "{word}: {flat}");
        }
    };
    let broken = write(&home, ".cursor/mcp.json", "{\n  \"mcpServers\": {\n    \"a\": }\n}");
    refused("cursor", "client_file_unreadable", &["mcp.json, line 3", "Mend that line"]);
    assert_eq!(read(&broken), "{\n  \"mcpServers\": {\n    \"a\": }\n}");
    write(&home, ".codex/config.toml", "[mcp_servers.work]\nurl = \"https://x.example\"\n");
    refused("codex", "entry_exists", &["config.toml, line 1", "--as NAME", "--replace"]);
    let kept = write(&home, ".kiro/settings/mcp.json", "{}");
    place::mode(&kept, 0o444);
    refused("kiro", "client_file_unwritable", &["settings/mcp.json cannot be written: it is read-only"]);
    assert_eq!(read(&kept), "{}");
    refused("emacs", "no_such_client", &["claude-code", "zed"]);
    let said = home.run(&["connect", "play", "--client", "cursor", "--yes"]).exits(5);
    assert!(said.stderr.contains("[no_such_account]"), "{}", said.stderr);
}

/// What was wired is allowed in the same breath, where a terminal may say so: the client gets its token, and is not asked about.
#[test]
fn in_a_terminal_the_yes_is_for_both() {
    let sandbox = Sandbox::start();
    let mut home = Home::new();
    home.write_settings(&format!("{SETTINGS}approvals = \"terminal\"\n"));
    home.write_policy("");
    home.signed_in(sandbox.mcp(), "work");
    let codex = install(&mut home, "codex");
    let (status, ..) = codex.starts(&home, &["token", "work"]).finish();
    assert_eq!(status.code(), Some(4), "nobody has allowed it yet");
    let said = home.run(&["connect", "work", "--client", "codex", "--yes"]).ok();
    assert!(said.stdout.contains("Codex may use work from now on"), "{}", said.stdout);
    let (status, ..) = codex.starts(&home, &["token", "work"]).finish();
    assert_eq!(status.code(), Some(0), "it was allowed");
    assert_eq!(home.run(&["approvals", "--json"]).ok().json()["pending"], json!([]));
}

#[test]
fn in_a_window_there_is_one_question_for_client_and_account() {
    let sandbox = Sandbox::start();
    let mut home = Home::with_desktop(Path::new(env!("CARGO_BIN_EXE_window-stand-in")));
    let stage = Stage::new(&home);
    home.signed_in(sandbox.mcp(), "work");
    let codex = install(&mut home, "codex");
    let said = home.run(&["connect", "work", "--client", "codex", "--yes"]).ok();
    assert!(said.stdout.contains("A window asks whether Codex may use work"), "{}", said.stdout);
    let mut window = stage.window();
    let question = window.question();
    assert_eq!(question["subject"]["program"], codex.file().display().to_string(), "{question}");
    window.grant(&question, "always");
    window.closed();
    let (status, ..) = codex.starts(&home, &["token", "work"]).finish();
    assert_eq!(status.code(), Some(0), "it was allowed");
    assert!(stage.next().is_none(), "a second question");
    // a client whose program is not known asks by itself
    fs::create_dir_all(home.path("person/.cursor")).expect("a directory");
    let said = home.run(&["connect", "work", "--client", "cursor", "--yes"]).ok();
    assert!(said.stdout.contains("Cursor asks once, when it first uses work"), "{}", said.stdout);
    assert!(stage.next().is_none(), "a question about nothing");
    // and nobody but our own programs puts a question before a person in another one's name
    let params = json!({"program": codex.file().display().to_string(), "account": "work"});
    assert_eq!(Local::connect(&home).refused("approval.request", &params), "not_permitted");
}

#[test]
fn a_door_has_a_key_for_the_client_alone() {
    let (_sandbox, home) = house();
    let file = write(&home, ".config/Code/User/mcp.json", "{}");
    let wish = ["connect", "work", "--client", "vscode", "--via", "door", "--yes"];
    let said = home.run(&wish).exits(2);
    assert!(said.stderr.contains("mcp-login door on"), "{}", said.stderr);
    assert_eq!(read(&file), "{}");
    home.run(&["door", "on"]).ok();
    let said = home.run(&wish).ok();
    let settings: Value = serde_json::from_str(&read(&file)).expect("JSON");
    let entry = &settings["servers"]["work"];
    assert!(entry["url"].as_str().is_some_and(|url| url.starts_with("unix:///")), "{settings}");
    let key =
        entry["headers"]["Authorization"].as_str().and_then(|v| v.strip_prefix("Bearer ")).expect("a key");
    assert!(!said.stdout.contains(key), "the key is shown: {}", said.stdout);
    let record = read(&home.path("data/clients/wired.json"));
    assert!(!record.contains(key), "the key is in a file of ours: {record}");
    let keys = |home: &Home| home.run(&["door", "status", "--json"]).ok().json()["keys"].clone();
    assert_eq!(keys(&home)[0]["client"], "VS Code");
    // what is taken back opens nothing any more
    home.run(&["undo", "--yes"]).ok();
    assert_eq!(read(&file), "{}");
    assert_eq!(keys(&home), json!([]));
    home.run(&wish).ok();
    home.run(&["disconnect", "work", "--client", "vscode", "--yes"]).ok();
    assert_eq!((read(&file).as_str(), keys(&home)), ("{}", json!([])));
    // and a client that has no use for a door gets no key
    home.run(&["connect", "work", "--client", "zed", "--via", "door", "--yes"]).exits(2);
    assert_eq!(keys(&home), json!([]));
}

/// What was written is what the client needs: a client that speaks MCP, started by nothing but its entry.
#[test]
fn the_entry_that_was_written_is_a_server() {
    let (_sandbox, home) = house();
    let file = write(&home, ".cursor/mcp.json", CURSOR);
    home.run(&["connect", "work", "--client", "cursor", "--yes"]).ok();
    let text = read(&file);
    let entry =
        text.split("\"command\": \"").nth(2).and_then(|rest| rest.split('"').next()).expect("a command");
    let mut server = McpClient::start(home.program(Path::new(entry)).args(["proxy", "work"]));
    assert_eq!(server.initialize()["serverInfo"]["name"], "mcp-login-sandbox");
    server.echo("hello");
}

#[test]
fn an_entry_that_somebody_changed_is_told() {
    let (_sandbox, home) = house();
    let file = write(&home, ".cursor/mcp.json", "{}");
    home.run(&["connect", "work", "--client", "cursor", "--yes"]).ok();
    let clients = |said: &Said| -> Vec<Value> {
        let checks = said.json()["checks"].as_array().expect("checks").clone();
        checks.into_iter().filter(|check| check["name"] == "Clients").collect()
    };
    let well = home.run(&["doctor", "--json"]);
    assert_eq!(clients(&well)[0]["verdict"], "ok", "{}", well.stdout);
    let ours = read(&file);
    fs::write(&file, ours.replace(&home.programs().command.display().to_string(), "/tmp/x/mcp-login"))
        .expect("a file");
    let ill = home.run(&["doctor", "--json"]).exits(1);
    assert_eq!(clients(&ill)[0]["verdict"], "problem", "{}", ill.stdout);
    assert!(clients(&ill)[0]["said"].as_str().is_some_and(|said| said.contains("/tmp/x/mcp-login")));
    assert!(home.run(&["status"]).ok().stdout.contains("/tmp/x/mcp-login"));
    fs::write(&file, "{\"mcpServers\": {\"work\": {\"url\": \"https://evil.example/mcp\"}}}")
        .expect("a file");
    assert!(home.run(&["status"]).ok().stdout.contains("https://evil.example/mcp"));
    // put right by hand, and then the account gets another name
    fs::write(&file, &ours).expect("a file");
    let said = home.run(&["rename", "work", "office"]).ok();
    assert!(said.stdout.contains("mcp-login connect office --client cursor --as work"), "{}", said.stdout);
    home.run(&["connect", "office", "--client", "cursor", "--as", "work", "--yes"]).ok();
    assert!(read(&file).contains("\"office\""));
    assert_eq!(clients(&home.run(&["doctor", "--json"]))[0]["verdict"], "ok");
}

/// From what the clients have to everything signed in and rewired, with one sign-in, and all the way back.
#[test]
fn setup_moves_in_and_out() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let url = sandbox.mcp();
    let cursor_text = format!(
        "{{\n  \"mcpServers\": {{\n    // hosted\n    \"things\": {{ \"url\": \"{url}\", \"disabled\": false }}\n  }}\n}}\n"
    );
    let cursor = write(&home, ".cursor/mcp.json", &cursor_text);
    let codex_text = format!(
        "model = \"x\"\n\n[mcp_servers.remote]\ncommand = \"npx\"\nargs = [\"-y\", \"mcp-remote\", \"{url}/\"] # bridge\nenabled = true\n"
    );
    let codex = write(&home, ".codex/config.toml", &codex_text);
    write(&home, ".claude/settings.json", "{}");
    let claude_text = "{\"mcpServers\": {\"fs\": {\"command\": \"npx\", \"args\": [\"x\"]}}}";
    let claude = write(&home, ".claude.json", claude_text);
    write(&home, ".kiro/settings/mcp.json", "{");
    // looking changes nothing
    let seen = home.run(&["setup", "--dry-run"]).ok();
    assert!(
        seen.stdout.contains("1 remote server:") && seen.stdout.contains("by mcp-remote"),
        "{}",
        seen.stdout
    );
    assert!(
        seen.stderr.contains("[client_file_unreadable]"),
        "one that cannot be read is named: {}",
        seen.stderr
    );
    assert!(home.opened().is_empty());

    let setup = home.start(&["setup", "--yes"]);
    Person::named("alice").allow(&home.opened_at(0)).deliver();
    let (status, lines, stderr) = setup.finish();
    assert_eq!(status.code(), Some(0), "{lines:#?} {stderr}");
    assert_eq!(home.opened().iter().filter(|address| address.starts_with("http")).count(), 1, "one sign-in");
    let accounts = home.run(&["list", "--json"]).ok().json();
    let name = accounts["accounts"][0]["name"].as_str().expect("a name").to_owned();
    let proxied = format!("[\"proxy\", \"{name}\"]");
    assert!(
        read(&cursor).contains(&proxied) && read(&cursor).contains("\"disabled\": false"),
        "{}",
        read(&cursor)
    );
    assert!(read(&codex).contains(&proxied) && read(&codex).contains("enabled = true"), "{}", read(&codex));
    assert!(!read(&codex).contains("mcp-remote"));
    assert_eq!(read(&claude), claude_text);
    // nothing is left to move
    let again = home.run(&["setup", "--yes", "--json"]).ok().json();
    assert_eq!(again["servers"], json!([]));
    home.run(&["undo", "--yes"]).ok();
    assert_eq!((read(&cursor), read(&codex)), (cursor_text, codex_text));
}

#[test]
fn a_server_that_is_not_signed_in_to_stays_as_it_is() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    sandbox.fault("status", "authorize:500");
    let text = "{\"mcpServers\": {\"gone\": {\"url\": \"http://127.0.0.1:9/mcp\"}}}";
    let cursor = write(&home, ".cursor/mcp.json", text);
    let said = home.run(&["setup", "--yes"]).ok();
    assert!(said.stdout.contains("stays as it is"), "{} {}", said.stdout, said.stderr);
    assert_eq!(read(&cursor), text);
}
