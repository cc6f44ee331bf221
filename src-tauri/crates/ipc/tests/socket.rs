//! The real transport between real processes: who calls is what the system says, and what is sent wrong costs its
//! sender an error and nobody else anything.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use mcp_login_ipc::api::{Hello, SubjectKind, Welcome};
use mcp_login_ipc::client::ClientError;
use mcp_login_ipc::envelope::{self, Incoming};
use mcp_login_ipc::method::call;
use mcp_login_ipc::paths::Paths;
use mcp_login_ipc::provenance::{Kind, Looker, Provenance};
use mcp_login_ipc::server::{BindError, Listener};
use mcp_login_ipc::{Client, Request};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};

const SOCKET: &str = "IPC_TEST_HOME";
const WITHIN: Duration = Duration::from_secs(30);

fn hello() -> call::Hello {
    call::Hello(Hello { client: "test".into(), version: "0".into(), protocol: 1 })
}

/// A server that answers `hello` with the subject's name as its `instance`, and tells the test whom it saw.
struct House {
    dir: tempfile::TempDir,
    seen: mpsc::Receiver<std::sync::Arc<Provenance>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl House {
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path()).unwrap();
        let (tell, seen) = mpsc::channel();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(async { Listener::bind(&paths) }).unwrap();
        runtime.spawn(async move {
            let looker = std::sync::Arc::new(Looker::new(Path::new("/nowhere/mcp-login-agent")));
            loop {
                let connection = listener.accept().await.unwrap();
                let (tell, looker) = (tell.clone(), looker.clone());
                tokio::spawn(async move {
                    let Ok(who) = connection.identify(&looker) else { return };
                    let name = who.subject().name.clone();
                    let _ = tell.send(who);
                    let (read, mut write) = tokio::io::split(connection);
                    let mut lines = tokio::io::BufReader::new(read).split(b'\n');
                    while let Ok(Some(line)) = lines.next_segment().await {
                        let line = match envelope::read_request(&line) {
                            Incoming::Request { id, request: Request::Hello(_) } => envelope::write_result(
                                &id,
                                &Welcome {
                                    version: "0".into(),
                                    protocol: 1,
                                    pid: std::process::id(),
                                    build: "debug".into(),
                                    instance: name.clone(),
                                },
                            ),
                            Incoming::Request { id, .. } => envelope::write_error(
                                Some(&id),
                                &mcp_login_ipc::Fault::new(mcp_login_ipc::Code::NeedsSignIn),
                            ),
                            Incoming::Bad { id, fault } => envelope::write_error(id.as_ref(), &fault),
                            Incoming::Ignored => continue,
                        };
                        if write.write_all(line.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { dir, seen, runtime: Some(runtime) }
    }

    fn paths(&self) -> Paths {
        Paths::under(self.dir.path()).unwrap()
    }

    fn next(&self) -> std::sync::Arc<Provenance> {
        self.seen.recv_timeout(WITHIN).unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// No test of its own: what the other processes run.
#[test]
fn child() {
    let Some(home) = std::env::var_os(SOCKET) else { return };
    let mut client = Client::connect(&Paths::under(Path::new(&home)).unwrap()).unwrap();
    client.call(&hello()).unwrap();
}

/// The command line that runs [`child`].
fn child_line() -> String {
    format!("'{}' --exact child --nocapture", std::env::current_exe().unwrap().display())
}

#[test]
fn another_process_is_seen_as_itself() {
    let house = House::open();
    let exe = std::env::current_exe().unwrap();
    let mut child = Command::new(&exe)
        .args(["--exact", "child"])
        .env(SOCKET, house.dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let who = house.next();
    assert_eq!(who.caller().pid, child.id());
    assert_eq!(who.caller().program, std::fs::canonicalize(exe).unwrap());
    assert_eq!(who.subject(), who.caller());
    assert!(child.wait().unwrap().success());
}

/// python3 asks itself; sh started it; this test started sh.
#[test]
fn shells_and_interpreters_are_passed_over() {
    let house = House::open();
    let script = house.dir.path().join("ask.py");
    std::fs::write(
        &script,
        r#"import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b'{"jsonrpc":"2.0","id":"p","method":"hello","params":{"client":"p","version":"0","protocol":1}}\n')
sys.stdout.write(s.makefile().readline())
"#,
    )
    .unwrap();
    let line = format!("python3 {} {} ; true", script.display(), house.paths().socket.display());
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"id\":\"p\""), "{output:?}");
    let who = house.next();
    let kinds: Vec<Kind> = who.chain().iter().map(|process| process.kind).collect();
    assert_eq!(kinds, [Kind::Interpreter, Kind::Shell, Kind::Program], "{:?}", who.chain());
    assert_eq!(who.subject().pid, std::process::id());
    assert_eq!(who.caller().script.as_deref(), Some(script.as_path()));
    assert_eq!(who.subject().to_subject().kind, SubjectKind::Program);
}

/// sh → python3 → this binary: the binary is a program of its own, so it is the subject.
#[test]
fn a_program_started_by_a_script_is_the_subject() {
    let house = House::open();
    let line = format!("python3 -c 'import os,sys; os.system(sys.argv[1])' \"{}\" ; true", child_line());
    let output = Command::new("sh").args(["-c", &line]).env(SOCKET, house.dir.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let who = house.next();
    assert_eq!(who.subject().program, std::fs::canonicalize(std::env::current_exe().unwrap()).unwrap());
    assert_eq!(who.chain().len(), 1);
}

/// One process, first one program and then another, with the connection's cache in between.
#[test]
#[cfg(target_os = "linux")]
fn exec_into_another_program_is_noticed() {
    let house = House::open();
    let ask = r#"import socket, sys, os
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"hello","params":{"client":"p","version":"0","protocol":1}}\n')
s.makefile().readline()
if len(sys.argv) > 2: os.execv(sys.argv[2], sys.argv[2:])
"#;
    let script = house.dir.path().join("first.py");
    std::fs::write(&script, ask).unwrap();
    let exe = std::env::current_exe().unwrap();
    let child = Command::new("python3")
        .arg(&script)
        .arg(house.paths().socket)
        .args([exe.as_os_str(), "--exact".as_ref(), "child".as_ref()])
        .env(SOCKET, house.dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (first, second) = (house.next(), house.next());
    assert_eq!(first.caller().pid, second.caller().pid);
    assert_eq!(first.caller().kind, Kind::Interpreter);
    assert_eq!(second.caller().program, std::fs::canonicalize(exe).unwrap());
    let mut child = child;
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_was_remembered_equals_what_is_read_anew() {
    let house = House::open();
    let paths = house.paths();
    for _ in 0..3 {
        Client::connect(&paths).unwrap().call(&hello()).unwrap();
    }
    let seen: Vec<_> = (0..3).map(|_| house.next()).collect();
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[1], seen[2]);
    assert_eq!(seen[0].caller().pid, std::process::id());
}

#[test]
#[cfg(target_os = "linux")]
fn a_caller_that_is_gone_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::under(dir.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = Listener::bind(&paths).unwrap();
        let line =
            format!("import socket; socket.socket(socket.AF_UNIX).connect('{}')", paths.socket.display());
        assert!(Command::new("python3").args(["-c", &line]).status().unwrap().success());
        let connection = listener.accept().await.unwrap();
        let denied = connection.identify(&Looker::new(Path::new("/nowhere/x"))).unwrap_err();
        assert!(matches!(denied, mcp_login_ipc::provenance::Denied::Gone), "{denied:?}");
    });
}

#[test]
fn garbage_costs_an_error_and_the_connection_goes_on() {
    let house = House::open();
    let mut stream = UnixStream::connect(house.paths().socket).unwrap();
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap()).lines();
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let cases: &[(&[u8], &str)] = &[
        (b"\xff\xfe\x00garbage", "-32700"),
        (b"", "-32700"),
        (deep.as_bytes(), "-32700"),
        (b"[]", "-32600"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"no.such"}"#, "-32601"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"token.get","params":{}}"#, "-32602"),
        (br#"{"jsonrpc":"2.0","id":null,"method":"token.get","params":{}}"#, "-32600"),
        (br#"{"jsonrpc":"2.0","id":5,"method":"hello","params":{"client":"c","version":"0","protocol":1}}"#, "\"id\":5"),
    ];
    for (line, expected) in cases {
        stream.write_all(line).unwrap();
        stream.write_all(b"\n").unwrap();
        let answer = answers.next().unwrap().unwrap();
        assert!(
            answer.contains(expected),
            "{} → {answer}",
            String::from_utf8_lossy(&line[..line.len().min(80)])
        );
    }
}

#[test]
fn pipelined_and_half_closed_is_answered() {
    let house = House::open();
    let mut stream = UnixStream::connect(house.paths().socket).unwrap();
    let one =
        br#"{"jsonrpc":"2.0","id":1,"method":"hello","params":{"client":"c","version":"0","protocol":1}}"#;
    for _ in 0..2 {
        stream.write_all(one).unwrap();
        stream.write_all(b"\n").unwrap();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(BufReader::new(stream).lines().map_while(Result::ok).count(), 2);

    let mut client = Client::connect(&house.paths()).unwrap();
    let first = client.send(&hello()).unwrap();
    let second = client.send(&call::AccountList(mcp_login_ipc::api::Empty {})).unwrap();
    client.receive(first).unwrap();
    match client.receive(second) {
        Err(ClientError::Fault(fault)) => assert_eq!(fault.exit().status(), 3),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dead_agents_socket_is_replaced_and_a_living_ones_is_not() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path()).unwrap();
        mcp_login_ipc::paths::make_run_dir(&paths.socket).unwrap();
        // dead: bound, closed, never removed
        drop(std::os::unix::net::UnixListener::bind(&paths.socket).unwrap());
        assert!(paths.socket.exists());
        assert!(matches!(Client::connect(&paths), Err(ClientError::NotRunning)));
        let listener = Listener::bind(&paths).unwrap();
        assert!(matches!(Listener::bind(&paths), Err(BindError::Taken { .. })));
        assert!(listener.is_reachable());
        drop(listener);
        assert!(!paths.socket.exists());
        // a file that is no socket is not ours to delete
        std::fs::write(&paths.socket, b"mine").unwrap();
        assert!(matches!(Listener::bind(&paths), Err(BindError::Taken { .. })));
        assert_eq!(std::fs::read(&paths.socket).unwrap(), b"mine");
    });
}

#[test]
fn a_directory_that_others_may_enter_is_refused_by_both_ends() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::open();
    let run: PathBuf = house.paths().socket.parent().unwrap().to_owned();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(Client::connect(&house.paths()), Err(ClientError::Path(_))));
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&run, elsewhere.path().join("run")).unwrap();
    assert!(matches!(Client::connect(&Paths::under(elsewhere.path()).unwrap()), Err(ClientError::Path(_))));
}

#[test]
fn an_agent_that_never_answers_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::under(dir.path()).unwrap();
    mcp_login_ipc::paths::make_run_dir(&paths.socket).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(&paths.socket).unwrap();
    let mut client = Client::connect(&paths).unwrap();
    client.set_patience(Some(Duration::from_millis(50)));
    assert!(matches!(client.call(&hello()), Err(ClientError::Silent)));
}
