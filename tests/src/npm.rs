//! Packages of npm that tests use: those that a lock file in this directory names, and no others.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::programs::{artifacts, workspace};

/// Installs what `tests/<name>/package-lock.json` names, once for each state of it, and returns the directory. Scripts of
/// packages are not run. Test programs take turns.
pub fn install(name: &str) -> PathBuf {
    let source = workspace().join("tests").join(name);
    let place = artifacts().join(name);
    fs::create_dir_all(&place).expect("the target directory is writable");
    let turn =
        File::create(artifacts().join(format!("{name}.lock"))).expect("the target directory is writable");
    turn.lock().expect("a lock on the target directory");
    let installed = place.join("node_modules/installed.json");
    let wanted = fs::read(source.join("package-lock.json")).expect("the lock file");
    if fs::read(&installed).ok().as_ref() != Some(&wanted) {
        copy(&source, &place, "package.json");
        copy(&source, &place, "package-lock.json");
        let mut npm = Command::new("npm");
        npm.current_dir(&place).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        let status = npm
            .stdout(Stdio::null())
            .status()
            .expect("this test needs node and npm (scripts/test installs them)");
        assert!(status.success(), "npm ci: {status}");
        fs::write(&installed, wanted).expect("the target directory is writable");
    }
    place
}

/// Copies a file beside the packages, where Node.js finds them from.
pub fn copy(from: &Path, to: &Path, name: &str) {
    fs::copy(from.join(name), to.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
}
