//! The floors: the least that any program of this shape could cost here.
//!
//! - a bare Rust socket that answers a line with a line, in a process of its own;
//! - an empty Rust program, linked as ours is.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mcp_login_tests::artifacts;

const ROLE: &str = "MCP_LOGIN_BENCH_ECHO";

pub(crate) fn is_called() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// Answers every line with one kilobyte, one connection after the other, until it is killed.
pub(crate) fn serve() {
    let listener = UnixListener::bind(std::env::var_os(ROLE).unwrap()).unwrap();
    let answer = [vec![b'x'; 1023], vec![b'\n']].concat();
    for stream in listener.incoming() {
        let mut stream: UnixStream = stream.unwrap();
        let mut line = String::new();
        while BufReader::new(&stream).read_line(&mut line).is_ok_and(|read| read > 0) {
            if stream.write_all(&answer).is_err() {
                break;
            }
            line.clear();
        }
    }
}

/// The echo server, in another process as the agent is.
#[derive(Debug)]
pub(crate) struct Echo {
    child: Child,
    pub(crate) socket: PathBuf,
}

impl Echo {
    pub(crate) fn start(dir: &Path) -> Echo {
        let socket = dir.join("echo.sock");
        let exe = std::env::current_exe().unwrap();
        let child = Command::new(exe).env(ROLE, &socket).stdin(Stdio::null()).spawn().unwrap();
        mcp_login_tests::wait::until("the echo server", || UnixStream::connect(&socket).ok());
        Echo { child, socket }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An empty program, static where ours is.
pub(crate) fn empty() -> PathBuf {
    let source = artifacts().join("empty.rs");
    let program = artifacts().join("empty");
    std::fs::create_dir_all(artifacts()).unwrap();
    std::fs::write(&source, "fn main() {}\n").unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["-O", "-C", "strip=symbols", "-C", "target-feature=+crt-static", "-o"])
        .arg(&program)
        .arg(&source);
    assert!(rustc.status().unwrap().success(), "the empty program is compiled");
    program
}
