//! The programs under test, built by the test itself, so that no test meets a stale one.
//!
//! Each program is built by a `cargo build` of its own, as it is shipped: built together, cargo would unify the features of
//! what they share and the command would carry the agent's. The results are copied to a directory of their own, where a
//! later build cannot change a program while it runs. Test programs may start at once: a file lock makes them take turns.
//!
//! Under Wine there is no cargo: there `MCP_LOGIN_TEST_PROGRAMS` names a directory, and who sets it has just built what is
//! in it (`scripts/check-platforms`).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::place;

/// The directory of programs that were built already.
pub const BUILT: &str = "MCP_LOGIN_TEST_PROGRAMS";

/// Where the three programs are. All lie in one directory, as they are installed.
#[derive(Debug)]
pub struct Programs {
    /// `mcp-login`
    pub command: PathBuf,
    /// `mcp-login-agent`
    pub agent: PathBuf,
    /// `mcp-login-sandbox`
    pub sandbox: PathBuf,
}

/// Which build of the programs a test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// As shipped.
    Plain,
    /// The agent with the feature `fault-points`: it ends itself at a named step.
    FaultPoints,
}

impl Programs {
    /// Builds the programs, once a test program. A benchmark, being a release build, takes them as `scripts/build` made
    /// them: what is measured is what is shipped, the command linked statically and beside its agent.
    pub fn get(build: Build) -> &'static Programs {
        static PLAIN: OnceLock<Programs> = OnceLock::new();
        static FAULTS: OnceLock<Programs> = OnceLock::new();
        match build {
            Build::Plain if is_release() => PLAIN.get_or_init(shipped),
            Build::Plain if std::env::var_os(BUILT).is_some() => PLAIN.get_or_init(built),
            Build::Plain => PLAIN.get_or_init(|| make("plain", &[])),
            Build::FaultPoints => {
                FAULTS.get_or_init(|| make("fault-points", &["--features", "fault-points"]))
            }
        }
    }
}

/// A program of the tests' own package, which cargo puts beside its tests.
#[cfg(windows)]
pub(crate) fn of_the_tests(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("a test program knows its path");
    let place = exe.ancestors().nth(2).expect("a test program lies in <target>/<profile>/deps");
    place.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

fn built() -> Programs {
    let place = PathBuf::from(std::env::var_os(BUILT).unwrap_or_default());
    let program = |name: &str| {
        let program = place.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        assert!(program.is_file(), "{BUILT} names a directory without {}", program.display());
        program
    };
    Programs {
        command: program("mcp-login"),
        agent: program("mcp-login-agent"),
        sandbox: program("mcp-login-sandbox"),
    }
}

fn shipped() -> Programs {
    Programs {
        command: shipped_program("mcp-login"),
        agent: shipped_program("mcp-login-agent"),
        sandbox: shipped_program("mcp-login-sandbox"),
    }
}

fn shipped_program(name: &str) -> PathBuf {
    let program = target().join("dist").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "no {}: run scripts/build first", program.display());
    program
}

/// The desktop app, built once a test program. It lies apart from the others: an agent that finds it beside itself asks the
/// person in a window, which most tests do not want. See [`crate::Home::with_desktop`].
#[cfg(target_os = "linux")]
pub(crate) fn desktop_app() -> &'static Path {
    static APP: OnceLock<PathBuf> = OnceLock::new();
    APP.get_or_init(|| {
        if is_release() {
            return shipped_program("mcp-login-desktop");
        }
        let place = artifacts().join("desktop");
        fs::create_dir_all(&place).expect("the target directory is writable");
        let _turn = turn();
        build(&place, "mcp-login-desktop", &[])
    })
}

/// The same with its own crate built as it is released: with what a debug build leaves out, and without what tests need. A
/// whole release build would prove no more of it, and take ten times as long.
pub fn guarded_desktop_app() -> &'static Path {
    static APP: OnceLock<PathBuf> = OnceLock::new();
    APP.get_or_init(|| {
        let place = artifacts().join("desktop-guarded");
        fs::create_dir_all(&place).expect("the target directory is writable");
        let _turn = turn();
        let guarded = "profile.dev.package.mcp-login-desktop.debug-assertions=false";
        build(&place, "mcp-login-desktop", &["--config", guarded])
    })
}

/// Until it is dropped, no other test program builds.
pub(crate) fn turn() -> File {
    fs::create_dir_all(artifacts()).expect("the target directory is writable");
    let turn = File::create(artifacts().join("lock")).expect("the target directory is writable");
    turn.lock().expect("a lock on the target directory");
    turn
}

fn make(name: &str, agent_features: &[&str]) -> Programs {
    let place = artifacts().join(name);
    fs::create_dir_all(&place).expect("the target directory is writable");
    let _turn = turn();
    Programs {
        command: build(&place, "mcp-login", &[]),
        agent: build(&place, "mcp-login-agent", agent_features),
        sandbox: build(&place, "mcp-login-sandbox", &[]),
    }
}

/// `<target>/e2e`: what the tests make and keep between runs.
pub fn artifacts() -> PathBuf {
    target().join("e2e")
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

/// The target directory: this program is `<target>/<profile>/deps/<name>`, whatever was set when it was built.
fn target() -> PathBuf {
    let exe = std::env::current_exe().expect("a test program knows its path");
    exe.ancestors().nth(3).expect("a test program lies in <target>/<profile>/deps").to_path_buf()
}

fn is_release() -> bool {
    let exe = std::env::current_exe().expect("a test program knows its path");
    exe.ancestors().nth(2).and_then(Path::file_name).is_some_and(|profile| profile == "release")
}

/// Builds one package and returns a copy of its program.
fn build(place: &Path, package: &str, features: &[&str]) -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo told this test of its own package; build scripts that look at it (ring's does) would run again, and all that
    // hangs on them be built anew, each time somebody builds from elsewhere.
    let told = ["CARGO_PKG_", "CARGO_MANIFEST_"];
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| told.iter().any(|start| name.starts_with(start))) {
        cargo.env_remove(name);
    }
    cargo.current_dir(workspace()).args([
        "build",
        "--quiet",
        "--message-format=json-render-diagnostics",
        "-p",
        package,
    ]);
    cargo.arg("--target-dir").arg(target()).args(features).stderr(Stdio::inherit());
    if is_release() {
        cargo.arg("--release");
    }
    let output = cargo.output().expect("cargo starts");
    assert!(output.status.success(), "cargo build -p {package} failed: {}", output.status);
    let built = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .find(|path| path.file_stem().is_some_and(|stem| stem == package))
        .unwrap_or_else(|| panic!("cargo built no program {package}"));
    let copy = place.join(built.file_name().expect("a program has a name"));
    if !same(&built, &copy) {
        // Renamed into place: a program that still runs keeps its own file.
        let fresh = place.join(format!("{package}.{}", std::process::id()));
        place::program(&built, &fresh);
        fs::rename(&fresh, &copy).expect("the program is put in place");
    }
    copy
}

/// Whether two files hold the same bytes; a missing one is another.
fn same(a: &Path, b: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).map(|file| file.len()).ok();
    length(a) == length(b) && fs::read(a).ok() == fs::read(b).ok()
}
