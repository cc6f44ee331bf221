//! MCP clients as people have them, from npm, with the configuration that `connect` wrote, against the sandbox: Claude Code
//! and Codex, by the proxy and by the header helper, after a rotation, after a sign-out, and with no agent running.
//!
//! Neither reaches its maker here, and both work so far without: `claude mcp list` connects to each server and says how it
//! went; `codex app-server` starts servers for `mcpServerStatus/list`, and calls their tools for `mcpServer/tool/call`.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};

use mcp_login_tests::{Home, McpClient, Said, Sandbox, Session, npm, place, policy_for};
use serde_json::{Value, json};

/// The clients' own programs: what npm puts on `PATH` starts them.
struct Programs {
    claude: PathBuf,
    codex: PathBuf,
}

fn programs() -> Programs {
    let modules = npm::install("clients").join("node_modules");
    let found = |package: &str, name: &str| {
        let top = modules.join(package);
        let found = find(&top, name).unwrap_or_else(|| panic!("no {name} in {}", top.display()));
        fs::canonicalize(found).expect("a program")
    };
    let system = if cfg!(target_arch = "aarch64") { "linux-arm64" } else { "linux-x64" };
    Programs {
        claude: found(&format!("@anthropic-ai/claude-code-{system}"), "claude"),
        codex: found(&format!("@openai/codex-{system}"), "codex"),
    }
}

fn find(directory: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(directory).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() { find(&path, name) } else { (entry.file_name() == name).then_some(path) }
    })
}

/// Puts them on the person's `PATH` and lets them use the accounts, by a policy: this is not about consent.
fn install(home: &mut Home) -> Programs {
    let programs = programs();
    for (name, program) in [("claude", &programs.claude), ("codex", &programs.codex)] {
        std::os::unix::fs::symlink(program, home.path("bin").join(name)).expect("a link");
    }
    let me = std::env::current_exe().expect("a path");
    home.write_policy(&policy_for(&[me, programs.claude.clone(), programs.codex.clone()]));
    programs
}

/// What `claude mcp list` says of the entry.
fn claude(home: &Home) -> String {
    let mut command = home.program(home.path("bin/claude"));
    command.args(["mcp", "list"]).current_dir(home.path("person"));
    let said = Said::of(&mut command);
    let line = said.stdout.lines().find(|line| line.starts_with("work:"));
    line.unwrap_or_else(|| panic!("claude says nothing of it: {said:?}")).to_owned()
}

/// Codex without its window.
struct Codex(McpClient);

impl Codex {
    fn start(home: &Home) -> Self {
        let mut command = home.program(home.path("bin/codex"));
        command.arg("app-server").current_dir(home.path("person"));
        let mut client = McpClient::start(&mut command);
        let hello = json!({"clientInfo": {"name": "tests", "version": "1"}});
        client.ask("initialize", hello);
        client.send(&json!({"jsonrpc": "2.0", "method": "initialized"}));
        Self(client)
    }

    /// The tools of the entry, by what Codex itself says.
    fn tools(&mut self) -> Vec<String> {
        let status = self.0.ask("mcpServerStatus/list", json!({}));
        let servers = status["data"].as_array().expect("servers").clone();
        let work = servers.into_iter().find(|server| server["name"] == "work").expect("the entry");
        work["tools"].as_object().map(|tools| tools.keys().cloned().collect()).unwrap_or_default()
    }

    /// A conversation, in which tools can be called.
    fn thread(&mut self) -> String {
        let thread = self.0.ask("thread/start", json!({}));
        thread["thread"]["id"].as_str().expect("an id").to_owned()
    }

    /// Who the server says is calling.
    fn whoami(&mut self, thread: &str) -> Value {
        let call = json!({"threadId": thread, "server": "work", "tool": "whoami", "arguments": {}});
        let id = self.0.begin("mcpServer/tool/call", call);
        self.0.answer(id)
    }
}

/// Codex starts servers and helpers with hardly a variable, while this test's home, bus and keyring are found by variables
/// only: a script in our command's place sets them.
fn at_home(home: &Home) {
    let settings = home.path("person/.codex/config.toml");
    let text = fs::read_to_string(&settings).expect("its file");
    let script = home.path("ours/mcp-login");
    fs::create_dir_all(script.parent().expect("a directory")).expect("a directory");
    let command = home.programs().command.display().to_string();
    let ours = home.command(&[]);
    let variables = ours.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)));
    let set: String = variables.map(|(name, value)| format!("export {name}='{value}'\n")).collect();
    let line = format!("#!/bin/sh\n{set}exec '{command}' \"$@\"\n");
    place::script(&script, &line);
    assert!(text.contains(&command), "{text}");
    fs::write(&settings, text.replace(&command, &script.display().to_string())).expect("its file");
}

fn connect(home: &Home, client: &str, via: &str) {
    home.run(&["connect", "work", "--client", client, "--via", via, "--yes"]).ok();
}

#[test]
fn claude_code_connects() {
    let sandbox = Sandbox::start();
    let mut home = Home::new();
    install(&mut home);
    home.signed_in(sandbox.mcp(), "work");
    for via in ["proxy", "headers"] {
        connect(&home, "claude-code", via);
        assert!(claude(&home).contains("Connected"), "{via}: {}", claude(&home));
        home.run(&["refresh", "work"]).ok();
        assert!(claude(&home).contains("Connected"), "{via}, after a rotation: {}", claude(&home));
    }
    // signed out: a helper says so at once; the client does not connect, and does so again after the next sign-in
    home.run(&["logout", "work"]).ok();
    assert!(!claude(&home).contains("Connected"), "signed out");
    home.signed_in(sandbox.mcp(), "work");
    assert!(claude(&home).contains("Connected"), "signed in again: {}", claude(&home));
    // the client wrote its file meanwhile; our entry goes and the rest stays
    home.run(&["disconnect", "work", "--client", "claude-code", "--yes"]).ok();
    let settings = fs::read_to_string(home.path("person/.claude.json")).expect("its file");
    let settings: Value = serde_json::from_str(&settings).expect("JSON");
    assert!(settings["mcpServers"].get("work").is_none(), "{settings}");
    assert!(
        settings.as_object().is_some_and(|all| all.len() > 1),
        "what the client wrote is gone: {settings}"
    );
}

#[test]
fn codex_calls_tools_through_the_proxy() {
    let sandbox = Sandbox::start();
    let mut home = Home::new();
    install(&mut home);
    home.signed_in(sandbox.mcp(), "work");
    connect(&home, "codex", "proxy");
    at_home(&home);
    let mut codex = Codex::start(&home);
    let tools = codex.tools();
    assert!(tools.contains(&"whoami".to_owned()), "{tools:?}");
    let thread = codex.thread();
    let said = codex.whoami(&thread);
    assert!(said.to_string().contains("alice"), "{said}");
    home.run(&["refresh", "work"]).ok();
    let said = codex.whoami(&thread);
    assert!(said.to_string().contains("alice"), "after a rotation: {said}");
    // the same session goes on after a sign-out and the next sign-in
    home.run(&["logout", "work"]).ok();
    home.signed_in(sandbox.mcp(), "work");
    let said = codex.whoami(&thread);
    assert!(said.to_string().contains("alice"), "signed in again: {said}");
}

#[test]
fn codex_calls_tools_with_a_header_helper() {
    let sandbox = Sandbox::start();
    let mut home = Home::new();
    install(&mut home);
    home.signed_in(sandbox.mcp(), "work");
    connect(&home, "codex", "headers");
    at_home(&home);
    let mut codex = Codex::start(&home);
    assert!(codex.tools().contains(&"whoami".to_owned()));
    let thread = codex.thread();
    let said = codex.whoami(&thread);
    assert!(said.to_string().contains("alice"), "{said}");
    // the token that Codex has is dead: the helper is asked again after the 401, and gives one that is not
    sandbox.expire("access");
    let said = codex.whoami(&thread);
    assert!(said.to_string().contains("alice"), "after a rotation: {said}");
    assert!(sandbox.at("mcp").iter().any(|request| request.answered(401)), "no token was refused");
    assert_eq!(sandbox.at("refresh").len(), 1);
}

/// The first client that comes starts the agent, which finds the sign-in in the keychain.
#[test]
fn with_no_agent_running() {
    Session::tell(&[], |session| {
        let sandbox = Sandbox::start();
        let mut home = session.home();
        install(&mut home);
        home.signed_in(sandbox.mcp(), "work");
        connect(&home, "codex", "proxy");
        at_home(&home);
        connect(&home, "claude-code", "proxy");
        for _ in 0..2 {
            home.run(&["agent", "stop"]).ok();
            assert!(claude(&home).contains("Connected"), "{}", claude(&home));
        }
        home.run(&["agent", "stop"]).ok();
        let mut codex = Codex::start(&home);
        assert!(codex.tools().contains(&"whoami".to_owned()));
    });
}
