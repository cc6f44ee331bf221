//! What is Windows' own: the Credential Manager, the named pipe, handles, consoles, line ends and paths. Everything else is
//! tested where it is tested for all systems.
//!
//! Wine runs this, too. What Wine does not enforce is ignored there and said so, never passed.
#![cfg(windows)]

use std::fs::{self, File};
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use mcp_login_ipc::identity;
use mcp_login_tests::raw::{self, Local};
use mcp_login_tests::{Agent, Home, McpClient, Person, Sandbox, place, wait, win32};
use serde_json::{Value, json};

/// Names a home to the test that starts an agent with a handle that it must not get.
const HELD: &str = "TEST_HOLDS_A_FILE_IN";

/// Callers at once. Enough to meet at the moment of a refresh; each is a process, which Wine takes long to start.
const CALLERS: usize = 12;

/// The names of our credentials in the Credential Manager.
fn our_credentials() -> Vec<String> {
    let ours = |name: &String| name.contains(identity::KEYCHAIN_SERVICE);
    win32::credentials().into_iter().filter(ours).collect()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member}: {value}"))
}

/// One story, since the Credential Manager is one: kept over the agent's death, renewed there, and gone with the sign-out.
#[test]
fn the_credential_manager_keeps_the_sign_in_and_loses_it_with_the_sign_out() {
    // As in the vault's own tests: it writes into the keychain of whoever runs it.
    if std::env::var_os("MCP_LOGIN_TEST_KEYCHAIN").is_none() {
        return;
    }
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.write_settings("vault = \"keychain\"\n");
    let before = our_credentials();
    home.signed_in(sandbox.mcp(), "work");
    let first = home.run(&["token", "work", "--json"]).ok().json();
    assert!(our_credentials().len() > before.len(), "{:?}", our_credentials());

    home.run(&["agent", "stop"]).ok();
    let agent = Agent::start(&home);
    let again = home.run(&["token", "work", "--json"]).ok().json();
    assert_eq!(again["access_token"], first["access_token"]);
    // Killed right after a rotation: what was handed out before has been stored before.
    home.run(&["refresh", "work"]).ok();
    let second = home.run(&["token", "work", "--json"]).ok().json();
    agent.kill();
    let third = home.run(&["token", "work", "--json"]).ok().json();
    assert_eq!(third["access_token"], second["access_token"]);
    assert_eq!(sandbox.at("refresh").len(), 1);
    assert_eq!(sandbox.mcp_answers(text(&third, "access_token")), 200);

    let receipt = home.run(&["logout", "work", "--json"]).ok();
    assert_eq!(receipt.receipt_line("keychain_item")["proof"], "deleted");
    for what in ["refresh_token", "access_token"] {
        assert_eq!(receipt.receipt_line(what)["outcome"], "confirmed", "{}", receipt.stdout);
    }
    wait::until("the last item to go", || (our_credentials() == before).then_some(()));
    assert_eq!(sandbox.mcp_answers(text(&third, "access_token")), 401);
}

/// The access list of the pipe that the real agent made names its owner and nobody else, and nothing is inherited.
#[test]
fn the_pipe_is_its_owner_s_alone() {
    let home = Home::new();
    let _agent = Agent::start(&home);
    let pipe = raw::pipe(&home).expect("our own pipe");
    let sddl = win32::security_of(&pipe).expect("we may read it");
    // \\.\pipe\NAME.SID.HASH
    let name = home.socket().display().to_string();
    let sid =
        name.split('.').find(|part| part.starts_with("S-1-5-")).expect("it is named by the SID").to_owned();
    let list = sddl.split_once("D:").unwrap_or_else(|| panic!("everybody may enter: {sddl}")).1;
    assert!(sddl.starts_with(&format!("O:{sid}")), "{sddl}");
    assert_eq!(list.matches('(').count(), 1, "somebody else may enter: {sddl}");
    assert!(list.contains(&sid), "{sddl}");
    // Wine 8 keeps the list and not the mark that nothing is inherited.
    assert!(list.starts_with('P') || win32::is_wine(), "what lies above it may let others in: {sddl}");
}

/// A pipe of this computer, reached as a pipe of another one.
#[test]
#[ignore = "not enforced by Wine; run it on Windows"]
fn the_pipe_cannot_be_reached_over_the_network() {
    let home = Home::new();
    let _agent = Agent::start(&home);
    let here = home.socket().display().to_string();
    let there = here.replacen(r"\\.\", r"\\127.0.0.1\", 1);
    assert!(File::options().read(true).open(there).is_err(), "it answers to the network");
}

/// No test of its own: a careless program, all of whose children have a file that nobody else may open.
#[test]
fn holds_a_file() {
    let (Some(home), Some(command)) = (std::env::var_os(HELD), std::env::var_os("TEST_COMMAND")) else {
        return;
    };
    let held = File::options().create_new(true).write(true).share_mode(0).open(Path::new(&home).join("held"));
    win32::let_children_inherit(&held.expect("a fresh file")).expect("our own file");
    let status = Command::new(command).args(["agent", "start"]).status().expect("it starts");
    assert!(status.success());
}

/// `output` reads both pipes to their ends, and the file can be opened again: both only when the agent holds neither.
#[test]
fn the_agent_inherits_no_handle_and_outlives_its_starter() {
    let home = Home::new();
    let exe = std::env::current_exe().expect("a test program knows its path");
    let mut starter = home.program(exe);
    starter.args(["--exact", "holds_a_file", "--nocapture"]);
    starter.env(HELD, home.dir()).env("TEST_COMMAND", &home.programs().command);
    let running = mcp_login_tests::child::Running::start("a careless program", &mut starter);
    let (status, lines, stderr) = running.finish();
    assert!(status.success(), "{lines:?}\n{stderr}");
    assert_eq!(home.agents().len(), 1, "it ended with its starter");
    let file = home.path("held");
    assert!(file.exists(), "nothing was held: {lines:?}");
    File::options().write(true).share_mode(0).open(file).expect("somebody else has the file: the agent");
}

/// Many programs that all need an agent get one, and a second one that is started by hand leaves without a word.
#[test]
fn many_starters_get_one_agent() {
    let home = Home::new();
    let callers: Vec<_> = (0..CALLERS).map(|_| home.start(&["agent", "start", "--json"])).collect();
    let pids: Vec<Value> = callers
        .into_iter()
        .map(|caller| {
            let (status, lines, stderr) = caller.finish();
            assert!(status.success(), "{stderr}");
            serde_json::from_str::<Value>(&lines.concat()).expect("JSON")["pid"].clone()
        })
        .collect();
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
    assert_eq!(home.audited("agent_started").len(), 1);
    let second = mcp_login_tests::Said::of(home.program(&home.programs().agent).arg("--foreground"));
    assert_eq!((second.code, second.stdout.as_str()), (0, ""), "{}", second.stderr);
    assert_eq!(home.agents(), [u32::try_from(pids[0].as_u64().expect("a number")).expect("a process id")]);
}

/// The server refuses the token, and all callers say which one they had.
#[test]
fn one_refresh_for_many_processes() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let first = home.run(&["token", "work", "--json"]).ok().json();
    sandbox.expire("access");
    assert_eq!(sandbox.mcp_answers(text(&first, "access_token")), 401);
    sandbox.fault("slow", "refresh:2000");
    let generation = first["generation"].to_string();
    let asked = ["token", "work", "--newer-than", &generation];
    let callers: Vec<_> = (0..CALLERS).map(|_| home.start(&asked)).collect();
    let mut tokens: Vec<String> = callers
        .into_iter()
        .map(|caller| {
            let (status, lines, stderr) = caller.finish();
            assert!(status.success(), "{stderr}");
            lines.concat()
        })
        .collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 1, "different answers");
    assert_eq!(sandbox.at("refresh").len(), 1, "token requests");
    assert_eq!(sandbox.mcp_answers(&tokens[0]), 200);
}

/// An MCP client on standard input and output, which on Windows are pipes without lines, and whose lines may end in CR LF.
#[test]
fn a_client_over_stdio() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let mut client = McpClient::proxy(&home, "work");
    assert_eq!(client.initialize()["serverInfo"]["name"], "mcp-login-sandbox");
    client.echo("hello over there: büro, работа");
    client.echo(&"long ".repeat(40_000));
    let (ended, stderr) = client.close();
    assert!(ended.success(), "{stderr}");

    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}});
    let said = home.run_with_input(&["proxy", "work"], &format!("{hello}\r\n")).ok();
    let answer: Value = serde_json::from_str(said.text()).expect("one answer");
    assert_eq!(answer["id"], 1, "{answer}");
    assert!(!said.stdout.contains('\r'), "{:?}", said.stdout);
}

/// Text as editors and shells of Windows write it: lines that end in CR LF, a file that begins with a byte order mark.
#[test]
fn line_ends_and_marks_of_windows_are_read() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.write_settings("\u{feff}# by an editor\r\nvault = \"memory\"\r\n");
    let policy = fs::read_to_string(home.path("config/policy.toml")).expect("our own file");
    home.write_policy(&format!("\u{feff}{}", policy.replace('\n', "\r\n")));
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "loopback"]);
    let redirect = Person::named("alice").allow(&sign_in.address());
    home.run_with_input(&["callback", "-"], &format!("{}\r\n", redirect.url)).ok();
    sign_in.finish().ok();

    let mut local = Local::connect(&home);
    local.send(b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"account.list\",\"params\":{}}\r\n");
    let answer = local.line().expect("an answer");
    assert_eq!(answer["result"]["accounts"][0]["name"], "work", "{answer}");

    // What programs read has the line ends that JSON and scripts of all systems know.
    let token = home.run(&["token", "work"]).ok();
    assert!(token.stdout.ends_with('\n') && !token.stdout.contains('\r'), "{:?}", token.stdout);
    assert!(!home.run(&["list", "--json"]).ok().stdout.contains('\r'));
}

/// What a pipe gets is UTF-8, whatever code page the console has, and an argument in another alphabet arrives whole.
#[test]
fn a_pipe_gets_utf_8() {
    let home = Home::new();
    let bytes = |arguments: &[&str]| home.command(arguments).output().expect("it starts");
    let said = String::from_utf8(bytes(&["doctor"]).stdout).expect("UTF-8");
    assert!(said.contains('\u{2713}'), "{said}");
    let said = String::from_utf8(bytes(&["token", "büro-работа"]).stderr).expect("UTF-8");
    assert!(said.contains("büro-работа"), "{said}");
}

/// Programs where an installer puts them, a home as a person is called, and a path beyond 260 characters.
#[test]
fn paths_with_blanks_letters_of_other_alphabets_and_great_length() {
    let sandbox = Sandbox::start();
    let mut home = Home::new();
    let installed = home.path("Program Files (x86)/MCP Login & Co");
    fs::create_dir_all(&installed).expect("a fresh directory");
    for program in [&home.programs().command, &home.programs().agent] {
        place::program(program, &installed.join(program.file_name().expect("a program has a name")));
    }
    let place = home.path("Users/Jörg Müller/Данные").join("long ".repeat(20).trim()).join("x".repeat(120));
    assert!(place.as_os_str().len() > 260);
    fs::create_dir_all(place.join("config")).expect("a fresh directory");
    for file in ["config.toml", "policy.toml"] {
        fs::copy(home.path("config").join(file), place.join("config").join(file)).expect("our own files");
    }
    home.set("MCP_LOGIN_HOME", &place);
    let command = |arguments: &[&str]| {
        let mut command = home.program(installed.join("mcp-login.exe"));
        command.args(arguments);
        command
    };
    let mut add = command(&["add", sandbox.mcp(), "--name", "work", "--redirect", "loopback"]);
    let mut adding =
        add.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let address = wait::until("the browser to be opened", || {
        fs::read_to_string(place.join("opened")).ok().filter(|text| text.ends_with('\n'))
    });
    Person::named("alice").allow(address.trim()).deliver();
    assert!(wait::until("the command to end", || adding.try_wait().expect("our own child")).success());
    let token = mcp_login_tests::Said::of(&mut command(&["token", "work"])).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    assert!(place.join("data/accounts.json").is_file(), "the state lies elsewhere");
    mcp_login_tests::Said::of(&mut command(&["agent", "stop"])).ok();
}

/// A rule names a program as its person wrote it: Windows tells no `C:` from a `c:`.
#[test]
fn a_policy_names_programs_as_windows_compares_them() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let exe = std::env::current_exe().expect("a test program knows its path").display().to_string();
    for written in [exe.to_uppercase(), exe.to_lowercase(), exe.replace('\\', "/")] {
        home.run(&["agent", "stop"]).ok();
        home.write_policy(&format!("[[allow]]\nprogram = '{written}'\naccounts = \"*\"\n"));
        let said = home.run(&["headers", "work"]);
        assert_ne!(said.code, 4, "{written}: {}", said.stderr);
    }
    home.run(&["agent", "stop"]).ok();
    home.write_policy(&format!("[[allow]]\nprogram = '{exe}.exe'\naccounts = \"*\"\n"));
    home.run(&["headers", "work"]).exits(4);
}

/// Who asked is found by the system's word, and goes into the record.
#[test]
fn the_caller_is_known() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    home.run(&["token", "work"]).ok();
    let entries = home.wait_for_audit("token", 1);
    let own = std::env::current_exe().expect("a test program knows its path");
    let said = json!(entries).to_string().to_lowercase().replace(r"\\", r"\");
    assert!(said.contains(&own.display().to_string().to_lowercase()), "{said}");
}
