//! The named pipe between two processes.
//!
//! Not verified under Wine 8: that a second first instance is refused (it does not enforce that).
#![cfg(windows)]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use mcp_login_ipc::api::{Hello, Welcome};
use mcp_login_ipc::client::ClientError;
use mcp_login_ipc::envelope::{self, Incoming};
use mcp_login_ipc::method::call;
use mcp_login_ipc::provenance::{Looker, Provenance};
use mcp_login_ipc::server::Listener;
use mcp_login_ipc::{Client, Paths, Request};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};

const HOME: &str = "IPC_TEST_HOME";
const WITHIN: Duration = Duration::from_secs(60);

fn hello() -> call::Hello {
    call::Hello(Hello { client: "test".into(), version: "0".into(), protocol: 1 })
}

/// Answers `hello` with this many bytes of `build`; everything else never.
fn serve(paths: Paths, bytes: usize) -> (tokio::runtime::Runtime, mpsc::Receiver<Arc<Provenance>>) {
    let (tell, seen) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(async { Listener::bind(&paths) }).unwrap();
    runtime.spawn(async move {
        let looker = Arc::new(Looker::new(Path::new(r"C:\nowhere\mcp-login-agent.exe")));
        loop {
            let connection = listener.accept().await.unwrap();
            let _ = tell.send(connection.identify(&looker).unwrap());
            tokio::spawn(async move {
                let (read, mut write) = tokio::io::split(connection);
                let mut lines = tokio::io::BufReader::new(read).split(b'\n');
                while let Ok(Some(line)) = lines.next_segment().await {
                    let Incoming::Request { id, request: Request::Hello(hello) } =
                        envelope::read_request(&line)
                    else {
                        continue;
                    };
                    let welcome = Welcome {
                        version: hello.version,
                        protocol: 1,
                        pid: std::process::id(),
                        build: "x".repeat(bytes),
                        instance: hello.client,
                    };
                    let answer = envelope::write_result(&id, &welcome);
                    if write.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (runtime, seen)
}

/// No test of its own: what the other process runs.
#[test]
fn child() {
    let Some(home) = std::env::var_os(HOME) else { return };
    let mut client = Client::connect(&Paths::under(Path::new(&home)).unwrap()).unwrap();
    for _ in 0..3 {
        assert_eq!(client.call(&hello()).unwrap().build.len(), 200_000);
    }
}

#[test]
fn another_process_is_served_and_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (runtime, seen) = serve(Paths::under(dir.path()).unwrap(), 200_000);
    let exe = std::env::current_exe().unwrap();
    let mut child = Command::new(&exe)
        .args(["--exact", "child"])
        .env(HOME, dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let who = seen.recv_timeout(WITHIN).unwrap();
    assert_eq!(who.caller().pid, child.id());
    assert_eq!(who.caller().program.file_name(), exe.file_name());
    assert!(child.wait().unwrap().success());
    runtime.shutdown_background();
}

#[test]
fn two_homes_are_two_pipes_and_none_is_no_agent() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, two) = (Paths::under(one.path()).unwrap(), Paths::under(two.path()).unwrap());
    assert_ne!(one.socket, two.socket);
    let (runtime, _seen) = serve(one.clone(), 1);
    assert!(matches!(Client::connect(&two), Err(ClientError::NotRunning)));
    let mut clients: Vec<Client> = (0..8).map(|_| Client::connect(&one).unwrap()).collect();
    for client in &mut clients {
        client.call(&hello()).unwrap();
    }
    runtime.shutdown_background();
}

#[test]
fn an_agent_that_never_answers_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::under(dir.path()).unwrap();
    let (runtime, _seen) = serve(paths.clone(), 1);
    let mut client = Client::connect(&paths).unwrap();
    client.set_patience(Some(Duration::from_millis(50)));
    let asked = client.call(&call::AccountList(mcp_login_ipc::api::Empty {}));
    assert!(matches!(asked, Err(ClientError::Silent)), "{asked:?}");
    // what was cancelled has left nothing in the way of the next question
    client.set_patience(Some(WITHIN));
    client.call(&hello()).unwrap();
    runtime.shutdown_background();
}
