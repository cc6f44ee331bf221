//! Many callers at once: however many ask, however they were started, and whatever becomes of the agent meanwhile, one
//! agent spends one refresh token once, and everybody gets what came. A server that rotates takes a second use for theft.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mcp_login_ipc::identity;
use mcp_login_tests::child::{Running, signal};
use mcp_login_tests::raw::Local;
use mcp_login_tests::{Agent, Home, Person, Said, Sandbox, Session, wait};
use rustix::process::{Pid, Resource, Signal};
use serde_json::{Value, json};

/// Fifty windows of clients, and what each asks for in a row.
const PROCESSES: usize = 50;
const REQUESTS: usize = 20;

/// A thousand processes, one after the other on a machine that does ten other things.
const PATIENCE: Duration = Duration::from_secs(300);

/// Fifty shells that wait at a gate.
struct Crowd {
    shells: Vec<Running>,
    gate: std::io::PipeWriter,
}

impl Crowd {
    /// Each will run `mcp-login …` twenty times, one after the other.
    fn gather(home: &Home, arguments: &str) -> Crowd {
        let (wait, gate) = std::io::pipe().expect("a pipe");
        let line = format!(
            "read _; i=0; while [ $i -lt {REQUESTS} ]; do '{}' {arguments} </dev/null || echo FAILED $?; i=$((i+1)); done",
            home.programs().command.display()
        );
        let shells = (0..PROCESSES).map(|_| {
            let mut shell = home.program("sh");
            shell.args(["-c", &line]).stdin(wait.try_clone().expect("a descriptor"));
            Running::start("a caller", &mut shell)
        });
        Crowd { shells: shells.collect(), gate }
    }

    /// Opens the gate.
    fn go(self) -> Going {
        drop(self.gate);
        Going(self.shells)
    }
}

/// Fifty shells that run.
struct Going(Vec<Running>);

impl Going {
    /// What they printed, when all have ended, each shell's lines in order. Nobody may have failed, not even once.
    fn lines(self) -> Vec<Vec<String>> {
        let all = self.0.into_iter().map(|mut shell| {
            let ended = wait::within(PATIENCE, || shell.ended());
            assert!(ended.is_some(), "a caller does not end: {}", shell.stderr());
            let (status, lines, stderr) = shell.finish();
            assert!(status.success() && stderr.is_empty(), "a caller failed: {lines:?}\n{stderr}");
            assert_eq!(lines.len(), REQUESTS, "{lines:?}");
            lines
        });
        all.collect()
    }

    /// The one token that all of them got, every time.
    fn one_token(self) -> String {
        let all: BTreeSet<String> = self.lines().into_iter().flatten().collect();
        assert_eq!(all.len(), 1, "different answers: {all:?}");
        all.into_iter().next().expect("one")
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn token(home: &Home) -> Value {
    home.run(&["token", "work", "--json"]).ok().json()
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member}: {value}")).to_owned()
}

/// Waits until the request number `count` (from 1) with a refresh token has come in.
fn refresh_arrived(sandbox: &Sandbox, count: usize) {
    wait::until(&format!("refresh {count} to arrive"), || {
        (sandbox.at("refresh").len() >= count).then_some(())
    });
}

/// The token runs out by the clock, and the fifty ask for it.
#[test]
fn at_expiry_one_request_for_fifty_processes() {
    let sandbox = Sandbox::start_with(&["--access-ttl", "3"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let first = token(&home);
    // What comes next lives long: a second expiry during the test would be another story.
    sandbox.control("POST", "lifetimes", &json!({ "access": 600 }));
    sandbox.fault("slow", "refresh:500");
    let crowd = Crowd::gather(&home, "token work");
    let end = first["expires_at"].as_u64().expect("an end");
    wait::until("the token to run out", || (seconds() > end).then_some(()));
    assert_eq!(sandbox.mcp_answers(&text(&first, "access_token")), 401, "it has not run out at the server");
    let second = crowd.go().one_token();
    assert_eq!(sandbox.at("refresh").len(), 1, "token requests");
    assert_ne!(second, text(&first, "access_token"));
    assert_eq!(sandbox.mcp_answers(&second), 200);
}

/// The server refuses the token before its time, and the fifty all say which one they had.
#[test]
fn a_refused_token_is_renewed_once_for_fifty_processes() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let first = token(&home);
    sandbox.expire("access");
    assert_eq!(sandbox.mcp_answers(&text(&first, "access_token")), 401);
    sandbox.fault("slow", "refresh:500");
    let crowd = Crowd::gather(&home, &format!("token work --newer-than {}", first["generation"]));
    let second = crowd.go().one_token();
    assert_eq!(sandbox.at("refresh").len(), 1, "token requests");
    assert_eq!(sandbox.mcp_answers(&second), 200);
}

/// Callers that ask without a pause while the token runs out: the old one until then, the new one from then on, nothing
/// else, and never the old one again.
#[test]
fn across_the_moment_of_expiry() {
    let sandbox = Sandbox::start_with(&["--access-ttl", "3"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let first = token(&home);
    sandbox.control("POST", "lifetimes", &json!({ "access": 600 }));
    sandbox.fault("slow", "refresh:300");
    let end = first["expires_at"].as_u64().expect("an end");
    let seen: Vec<Vec<Value>> = std::thread::scope(|scope| {
        let ask = || {
            let mut local = Local::connect(&home);
            let mut seen = Vec::new();
            // At least once on either side of it.
            while seen.len() < 2 || seconds() <= end + 1 {
                let token = local.result("token.get", &json!({ "account": "work" }))["access_token"].clone();
                if seen.last() != Some(&token) {
                    seen.push(token);
                }
            }
            seen
        };
        let callers: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
        callers.into_iter().map(|caller| caller.join().expect("a caller")).collect()
    });
    assert_eq!(sandbox.at("refresh").len(), 1, "token requests");
    let second = token(&home)["access_token"].clone();
    for one in seen {
        assert_eq!(one, [first["access_token"].clone(), second.clone()]);
    }
}

/// The agent is told to end while its request is on the way and the fifty wait for it: by `agent restart`, then by the
/// system. What was sent is waited for and stored; who was not answered asks the next agent and notices nothing.
#[test]
fn a_restart_in_the_middle_costs_nobody_anything() {
    Session::tell(&[], |session| {
        let sandbox = Sandbox::start();
        let home = session.home(); // a keychain: what outlives an agent
        home.signed_in(sandbox.mcp(), "work");
        sandbox.fault("slow", "refresh:1500");
        for (round, end) in ["restart", "signal"].into_iter().enumerate() {
            let before = token(&home);
            let old = home.agents();
            let crowd =
                Crowd::gather(&home, &format!("token work --newer-than {}", before["generation"])).go();
            refresh_arrived(&sandbox, round + 1);
            match end {
                "restart" => drop(home.run(&["agent", "restart"]).ok()),
                _ => old.iter().for_each(|id| signal(*id, Signal::TERM)),
            }
            // And once more when tokens flow again.
            let flowing = wait::until("the agent to have been replaced", || {
                let now = home.agents();
                (now.len() == 1 && now != old).then_some(now)
            });
            home.run(&["agent", "restart"]).ok();
            let after = crowd.one_token();
            assert_eq!(sandbox.at("refresh").len(), round + 1, "token requests after a {end}");
            assert_eq!(sandbox.mcp_answers(&after), 200);
            assert_eq!(
                token(&home)["generation"].as_u64(),
                before["generation"].as_u64().map(|number| number + 1)
            );
            wait::until("one agent to be left", || (home.agents().len() == 1).then_some(()));
            assert_ne!(home.agents(), flowing, "the second restart did not happen");
        }
        home.run(&["logout", "work"]).ok();
    });
}

/// A thousand callers over the socket in the same moment: more than are served at once.
#[test]
fn a_thousand_callers() {
    // Two descriptors a caller; many systems begin with 1,024 in all.
    let files = rustix::process::getrlimit(Resource::Nofile);
    let most = rustix::process::Rlimit { current: files.maximum, ..files };
    rustix::process::setrlimit(Resource::Nofile, most).expect("up to the hard limit anybody may go");
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let wanted = json!({ "account": "work", "newer_than": token(&home)["generation"] });
    sandbox.fault("slow", "refresh:500");
    let gate = Arc::new(Barrier::new(1_000));
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..1_000)
            .map(|_| {
                let (gate, home, wanted) = (gate.clone(), &home, &wanted);
                let ask = move || {
                    gate.wait();
                    Local::connect(home).result("token.get", wanted)["access_token"].clone()
                };
                let thread = std::thread::Builder::new().stack_size(256 * 1024);
                thread.spawn_scoped(scope, ask).expect("a thread")
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("a caller")).collect()
    });
    assert_eq!(answers.len(), 1_000);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "different answers");
    assert_eq!(sandbox.at("refresh").len(), 1, "token requests");
    assert_eq!(sandbox.mcp_answers(answers[0].as_str().expect("a token")), 200);
}

#[test]
fn many_starters_make_one_agent() {
    let home = Home::new();
    let starters: Vec<Running> = (0..40).map(|_| home.start(&["agent", "start", "--json"])).collect();
    let ids: BTreeSet<u64> = starters
        .into_iter()
        .map(|starter| {
            let (status, lines, stderr) = starter.finish();
            assert!(status.success(), "{stderr}");
            let said: Value = serde_json::from_str(&lines.join("\n")).expect("JSON");
            said["pid"].as_u64().expect("a process id")
        })
        .collect();
    assert_eq!(ids.len(), 1, "several agents answered: {ids:?}");
    // The losers may still be on their way out.
    wait::until("one agent to be left", || (home.agents().len() == 1).then_some(()));
    assert_eq!(home.agents().first().map(|id| u64::from(*id)), ids.first().copied());
}

/// `$(mcp-login headers work)` as a client runs it, with no agent there: the substitution ends, although what was
/// started lives on; and it lives on when the client's process group is killed, holding nothing of the client's.
#[test]
fn started_by_a_header_helper_and_left_alone_by_its_end() {
    Session::tell(&[], |session| {
        let sandbox = Sandbox::start();
        let home = session.home();
        home.signed_in(sandbox.mcp(), "work");
        home.run(&["agent", "stop"]).ok();
        wait::until("the agent to be gone", || home.agents().is_empty().then_some(()));

        let planted = home.path("planted");
        fs::write(&planted, "").expect("a file of ours");
        let line = format!(
            "exec 3<>'{planted}' 7<>'{planted}' 9<>'{planted}'; said=$('{}' headers work); printf '%s\\n' \"$said\"; exec cat",
            home.programs().command.display(),
            planted = planted.display(),
        );
        let (_gate, stdin) = std::io::pipe().map(|(read, write)| (write, read)).expect("a pipe");
        let mut client = home.program("sh");
        client.args(["-c", &line]).stdin(stdin).process_group(0);
        let mut client = Running::start("a client", &mut client);
        let headers: Value = serde_json::from_str(&client.line()).expect("a JSON object");
        let bearer = text(&headers, "Authorization");
        assert_eq!(sandbox.mcp_answers(bearer.trim_start_matches("Bearer ")), 200);

        let agents = home.agents();
        let [agent] = agents[..] else { panic!("agents: {agents:?}") };
        let group = i32::try_from(client.id()).ok().and_then(Pid::from_raw).expect("a process id");
        rustix::process::kill_process_group(group, Signal::KILL).expect("a group of ours");
        wait::until("the client to be gone", || client.ended());
        assert_eq!(
            home.run(&["agent", "status", "--json"]).ok().json()["pid"],
            agent,
            "it died with its starter"
        );

        // proc_pid_stat(5): after the name in brackets come state, parent, group, session.
        let stat = fs::read_to_string(format!("/proc/{agent}/stat")).expect("a process that runs");
        let rest = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>())
            .expect("a name");
        assert_eq!(rest[3], agent.to_string(), "it has no session of its own");
        let links = |name: &str| fs::read_link(format!("/proc/{agent}/{name}"));
        let held: Vec<_> = fs::read_dir(format!("/proc/{agent}/fd"))
            .expect("its descriptors")
            .flatten()
            .filter_map(|entry| links(&format!("fd/{}", entry.file_name().display())).ok())
            .collect();
        assert!(!held.contains(&planted), "it holds its starter's files: {held:?}");
        for standard in ["fd/0", "fd/1", "fd/2"] {
            assert_eq!(links(standard).ok().as_deref(), Some(Path::new("/dev/null")), "{standard}");
        }
        assert_eq!(links("cwd").ok().as_deref(), Some(Path::new("/")), "it keeps a directory busy");
        home.run(&["logout", "work"]).ok();
    });
}

/// Programs that start header helpers strip the environment. Without `XDG_*` and all else, and with another `XDG_*`, the
/// way leads to the agent that is there.
#[test]
fn a_stripped_environment_finds_the_agent_that_is_there() {
    let sandbox = Sandbox::start();
    let mut home = Home::new();
    let person = home.path("person");
    let uid = rustix::process::geteuid().as_raw();
    if Path::new(&format!("/run/user/{uid}/{}/agent.sock", identity::DIRECTORY_NAME)).exists() {
        // The path comes from the user id: on a developer's desktop it leads to an agent that is in use.
        let _ = std::io::stderr().write_all(b"SKIPPED: an agent of a debug build runs for this user\n");
        return;
    }
    home.unset("MCP_LOGIN_HOME");
    // A desktop's environment, with directories of its own; the settings are the same from everywhere.
    let settings = person.join(".config").join(identity::DIRECTORY_NAME);
    fs::create_dir_all(&settings).expect("a fresh directory");
    for file in ["config.toml", "policy.toml"] {
        fs::copy(home.path("config").join(file), settings.join(file)).expect("settings are copied");
    }
    for (name, part) in
        [("XDG_RUNTIME_DIR", "runtime"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache")]
    {
        let place = home.path(part);
        fs::create_dir_all(&place).expect("a fresh directory");
        home.set(name, place);
    }
    let stripped = |arguments: &[&str]| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut command = Command::new(&home.programs().command);
        Said::of(command.args(arguments).env_clear().env("HOME", &person).env("PATH", path))
    };
    let _ends = Ends { home: &home, person: &person };

    // Whoever comes first starts it; the other finds it.
    for first_is_stripped in [false, true] {
        let first = if first_is_stripped {
            stripped(&["agent", "start", "--json"])
        } else {
            home.run(&["agent", "start", "--json"])
        };
        let id = first.ok().json()["pid"].clone();
        let sign_in = home.add(sandbox.mcp(), &["--name", "work"]);
        Person::named("alice").allow(&sign_in.address()).deliver();
        sign_in.finish().ok();
        let token = home.run(&["token", "work"]).ok();
        assert_eq!(stripped(&["token", "work"]).ok().text(), token.text());
        assert_eq!(stripped(&["agent", "status", "--json"]).ok().json()["pid"], id);
        assert_eq!(home.run(&["agent", "status", "--json"]).ok().json()["pid"], id);
        let agents = agents_of(&home, &person);
        assert_eq!(agents.iter().map(|id| json!(id)).collect::<Vec<_>>(), [id], "a second agent");
        stripped(&["logout", "work"]).ok();
        stripped(&["agent", "stop"]).ok();
        wait::until("the agent to be gone", || agents_of(&home, &person).is_empty().then_some(()));
    }

    // And when both come at once, with no agent there and different data directories, one of them wins.
    let starters: Vec<_> = (0..20)
        .map(|index| {
            let mut command = home.command(&["agent", "start", "--json"]);
            if index % 2 == 0 {
                for name in ["XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CACHE_HOME", "DISPLAY", "LANG"] {
                    command.env_remove(name);
                }
            }
            Running::start("a starter", &mut command)
        })
        .collect();
    let ids: BTreeSet<String> = starters
        .into_iter()
        .map(|starter| {
            let (status, lines, stderr) = starter.finish();
            assert!(status.success(), "{stderr}");
            lines.join("\n").parse::<Value>().expect("JSON")["pid"].to_string()
        })
        .collect();
    assert_eq!(ids.len(), 1, "several agents answered: {ids:?}");
    wait::until("one agent to be left", || (agents_of(&home, &person).len() == 1).then_some(()));
}

/// The agents of a home directory, whatever else their environment holds.
fn agents_of(home: &Home, person: &Path) -> Vec<u32> {
    let mine = format!("HOME={}", person.display());
    let processes = fs::read_dir("/proc").expect("Linux has it").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|exe| exe == home.programs().agent))
        .filter(|id| {
            let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mine.as_bytes())
        })
        .collect()
}

/// Ends the agents of a home directory, which the harness finds by another variable.
struct Ends<'a> {
    home: &'a Home,
    person: &'a Path,
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        agents_of(self.home, self.person).into_iter().for_each(|id| signal(id, Signal::KILL));
    }
}

/// An agent whose lock is held by one that is about to end waits for it instead of giving up: the one that ends takes as
/// long as its issuer.
#[test]
fn a_caller_outlasts_an_agent_that_takes_its_time_to_end() {
    Session::tell(&[], |session| {
        let sandbox = Sandbox::start();
        let home = session.home();
        home.signed_in(sandbox.mcp(), "work");
        home.run(&["agent", "stop"]).ok();
        wait::until("the agent to be gone", || home.agents().is_empty().then_some(()));
        let agent = Agent::start(&home);
        let before = token(&home);
        sandbox.fault("slow", "refresh:11000");
        let refresh = home.start(&["refresh", "work"]);
        refresh_arrived(&sandbox, 1);
        signal(agent.id(), Signal::TERM);
        wait::until("the socket to be gone", || (!home.socket().exists()).then_some(()));
        // Eleven seconds of nobody: longer than any start takes.
        let newer = home.run(&["token", "work", "--newer-than", &before["generation"].to_string()]).ok();
        assert_eq!(sandbox.mcp_answers(newer.text()), 200);
        assert_eq!(sandbox.at("refresh").len(), 1);
        let (status, _, stderr) = refresh.finish();
        assert!(status.success(), "the one that had asked was not answered: {stderr}");
        home.run(&["logout", "work"]).ok();
    });
}
