//! The official Python SDK: what `tests/sdks/requirements.txt` names, in a virtual environment of its own.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mcp_login_tests::{artifacts, workspace};

/// Installs it once for each state of the list, and returns its Python. Test programs take turns.
///
/// # Panics
/// When it cannot be installed.
#[must_use]
pub fn python() -> PathBuf {
    let list = workspace().join("tests/sdks/requirements.txt");
    let place = artifacts().join("python");
    fs::create_dir_all(artifacts()).expect("the target directory is writable");
    let turn = File::create(artifacts().join("python.lock")).expect("the target directory is writable");
    turn.lock().expect("a lock on the target directory");
    let python = place.join("bin/python");
    let installed = place.join("installed.txt");
    let wanted = fs::read(&list).expect("the list");
    if fs::read(&installed).ok().as_ref() != Some(&wanted) {
        let made = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place).status();
        assert!(
            made.is_ok_and(|status| status.success()),
            "this test needs python3-venv (scripts/test installs it)"
        );
        let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "-r"];
        let done = Command::new(&python).args(pip).arg(&list).stdout(Stdio::null()).status();
        assert!(done.is_ok_and(|status| status.success()), "pip install");
        fs::write(installed, wanted).expect("the target directory is writable");
    }
    python
}
