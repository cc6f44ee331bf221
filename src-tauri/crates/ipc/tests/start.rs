//! Starting an agent from a program that is about to end: whoever reads its output to the end is not held up, and
//! ending its process group leaves the agent alone. The agent here is a script that tells what it inherited.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mcp_login_ipc::api::{Hello, Welcome};
use mcp_login_ipc::client::{ClientError, StartHow};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Client, Code, Paths};

const PROGRAM: &str = "IPC_TEST_PROGRAM";

/// One may serve; the losers leave at once, as the real agent does.
const AGENT: &str = r#"#!/usr/bin/env python3
import fcntl, json, os, socket, sys, time
home = os.environ["MCP_LOGIN_HOME"]
# before the lock, so that the list holds only what came from outside
fds = [int(fd) for fd in os.listdir("/proc/self/fd") if int(fd) > 2]
fds = [fd for fd in fds if os.path.exists(f"/proc/self/fd/{fd}")]
lock = open(home + "/lock", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    sys.exit(0)
about = f"sid={os.getsid(0) == os.getpid()} fds={fds} cwd={os.getcwd()} out={os.readlink('/proc/self/fd/1')}"
with open(home + "/starts", "a") as starts:
    starts.write(f"{os.getpid()}\n")
os.mkdir(home + "/run", 0o700)
listener = socket.socket(socket.AF_UNIX)
listener.bind(home + "/run/agent.sock")
listener.listen(64)
while True:
    connection, _ = listener.accept()
    asked = connection.makefile().readline()
    if not asked:
        continue
    result = {"version": "0", "protocol": 1, "pid": os.getpid(), "build": about, "instance": "i"}
    answer = {"jsonrpc": "2.0", "id": json.loads(asked)["id"], "result": result}
    connection.sendall(json.dumps(answer).encode() + b"\n")
    connection.close()
"#;

fn hello(client: &mut Client) -> Welcome {
    client.call(&call::Hello(Hello { client: "test".into(), version: "0".into(), protocol: 1 })).unwrap()
}

/// Written by another process: a file that is open for writing here, or in a child that another test is about to start,
/// cannot be run.
fn write_agent(dir: &Path, text: &str) -> PathBuf {
    use std::io::Write as _;
    let path = dir.join("agent");
    let mut writer = Command::new("sh")
        .args(["-c", "cat >\"$0\" && chmod 700 \"$0\""])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
    path
}

/// No test of its own: the header helper.
#[test]
fn child() {
    let Some(program) = std::env::var_os(PROGRAM) else { return };
    let paths = Paths::find().unwrap();
    let mut client = Client::connect_or_start(&paths, StartHow::Program(program.into())).unwrap();
    println!("pid={} {}", hello(&mut client).pid, hello_build(&paths));
}

fn hello_build(paths: &Paths) -> String {
    hello(&mut Client::connect(paths).unwrap()).build
}

fn helper(home: &Path, program: &Path) -> Command {
    let mut command = Command::new("sh");
    // 9: what a careless caller leaves open, a pipe that somebody may be reading
    let line =
        format!("exec '{}' --exact child --nocapture 9>&1", std::env::current_exe().unwrap().display());
    command.args(["-c", &line]).env("MCP_LOGIN_HOME", home).env(PROGRAM, program).stderr(Stdio::inherit());
    command
}

fn end(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn pid_of(said: &str) -> u32 {
    said.split("pid=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn the_agent_inherits_nothing_and_survives_its_starter() {
    let dir = tempfile::tempdir().unwrap();
    let program = write_agent(dir.path(), AGENT);
    // output() reads both pipes to their end: it returns only if the agent holds neither
    let mut command = helper(dir.path(), &program);
    command.process_group(0);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let group = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let agent = pid_of(&said);
    // the group is empty when the agent has left it: then there is nobody to kill
    let killed = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    let alive = Client::connect(&Paths::under(dir.path()).unwrap()).map(|mut client| hello(&mut client).pid);
    end(agent);
    assert!(output.status.success(), "{said}");
    assert_eq!(killed, Err(rustix::io::Errno::SRCH));
    assert_eq!(alive.unwrap(), agent);
    assert!(said.contains("sid=True fds=[] cwd=/ out=/dev/null"), "{said}");
}

#[test]
fn many_starters_get_one_agent() {
    let dir = tempfile::tempdir().unwrap();
    let program = write_agent(dir.path(), AGENT);
    let children: Vec<_> =
        (0..8).map(|_| helper(dir.path(), &program).stdout(Stdio::piped()).spawn().unwrap()).collect();
    let outputs: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let starts = std::fs::read_to_string(dir.path().join("starts")).unwrap();
    for line in starts.lines() {
        end(line.parse().unwrap());
    }
    assert_eq!(starts.lines().count(), 1, "{starts}");
    for output in outputs {
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert_eq!(pid_of(&said).to_string(), starts.trim());
    }
}

#[test]
fn an_agent_that_is_missing_or_ends_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::under(dir.path()).unwrap();
    let missing = StartHow::Program(dir.path().join("no-such-agent"));
    let error = Client::connect_or_start(&paths, missing).unwrap_err();
    assert_eq!(error.fault().known(), Some(Code::AgentNotFound));
    let program = write_agent(dir.path(), "#!/bin/sh\nexit 7\n");
    let error = Client::connect_or_start(&paths, StartHow::Program(program)).unwrap_err();
    assert!(matches!(error, ClientError::NotServing { .. }), "{error:?}");
    assert!(error.fault().message.contains('7'), "{}", error.fault());
}
