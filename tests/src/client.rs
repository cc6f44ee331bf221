//! A program that is not ours and wants a token, as an MCP client does: compiled from `client.c`, under any name.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::child::Running;
use crate::home::Home;
use crate::place;
use crate::programs::{artifacts, workspace};

/// Such a program's file.
#[derive(Debug)]
pub struct Client {
    file: PathBuf,
}

impl Client {
    /// Installs one in a person's place.
    pub fn named(home: &Home, name: impl AsRef<OsStr>) -> Client {
        let place = home.path("person/programs");
        fs::create_dir_all(&place).expect("a directory in a person's place");
        let file = place.join(name.as_ref());
        put(compiled(), &file);
        Client { file }
    }

    /// Its file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// It starts and has `mcp-login …` run.
    pub fn starts(&self, home: &Home, arguments: &[&str]) -> Running {
        self.starts_many(home, 1, arguments)
    }

    /// The same, so many times at once.
    pub fn starts_many(&self, home: &Home, times: usize, arguments: &[&str]) -> Running {
        let mut command = home.program(&self.file);
        command.arg(times.to_string()).arg(&home.programs().command).args(arguments);
        Running::start("a client", &mut command)
    }

    /// Puts another file in its place, as an update does, or somebody who wants to be taken for it.
    pub fn change(&self) {
        let other = self.file.with_extension("new");
        put(&self.file, &other);
        // What follows the end of a program is not run, and makes it another file.
        let mut file = File::options().append(true).open(&other).expect("our own file");
        file.write_all(b"changed").expect("it is written");
        drop(file);
        fs::rename(&other, &self.file).expect("it is put in place");
    }
}

/// Others may write it, so that not even a test as root makes it a program of the system's, which may change.
fn put(from: &Path, to: &Path) {
    place::program(from, to);
    place::mode(to, 0o775);
}

fn compiled() -> &'static Path {
    static COMPILED: OnceLock<PathBuf> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let _turn = crate::programs::turn();
        let program = artifacts().join("client");
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-o"]).arg(&program).arg(workspace().join("tests/src/client.c"));
        let status =
            cc.status().expect("this test needs the package build-essential (scripts/test installs it)");
        assert!(status.success(), "cc: {status}");
        program
    })
}
