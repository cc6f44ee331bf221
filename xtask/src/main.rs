//! `cargo xtask`: build, see and test without a POSIX shell.
//!
//! Where there is one, the scripts do it, and this only starts them: there is one list of steps a system. On Windows, what the
//! scripts would install is not there to be installed, and what they do beyond cargo is done here.

#![allow(clippy::print_stdout)] // a person reads what it does

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

const HELP: &str = "\
cargo xtask build [--debug] [--no-window]   the programs, into target/dist
cargo xtask demo [--auto]                   builds, and shows the whole story against a server on this machine
cargo xtask test [FILTER]                   everything that can be tested here, or the tests whose name holds FILTER
";

/// Tests that start the real programs and run on Windows as well.
const WHOLE_PROGRAMS: [&str; 5] = ["sign_in", "token", "sign_out", "attacks_callback", "windows"];

type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let outcome = match task.as_str() {
        "build" | "demo" | "test" if cfg!(unix) => script(&task, &rest),
        "build" => build(&rest.iter().map(String::as_str).collect::<Vec<_>>()),
        "demo" => demo(&rest),
        "test" => test(&rest),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("xtask: {what}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

fn target() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.current_dir(root());
    cargo
}

fn run(command: &mut Command) -> Outcome {
    let line = format!("{} {:?}", command.get_program().display(), command.get_args().collect::<Vec<_>>());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{line}: {status}")),
        Err(error) => Err(format!("{line} does not start: {error}")),
    }
}

fn script(task: &str, rest: &[String]) -> Outcome {
    run(Command::new(root().join("scripts").join(task)).args(rest))
}

/// As scripts/build does; nothing is linked statically that would not be anyway.
fn build(rest: &[&str]) -> Outcome {
    let (mut profile, mut window) = ("release", true);
    for word in rest {
        match *word {
            "--debug" => profile = "debug",
            "--no-window" => window = false,
            other => return Err(format!("what is {other}? build takes --debug and --no-window")),
        }
    }
    let mut programs = vec!["mcp-login", "mcp-login-agent", "mcp-login-sandbox"];
    if window {
        programs.push("mcp-login-desktop");
    }
    let dist = target().join("dist");
    std::fs::create_dir_all(&dist).map_err(|error| format!("{}: {error}", dist.display()))?;
    for program in programs {
        // each by itself, or cargo would give one the features of the other
        let mut command = cargo();
        command.args(["build", "--locked", "--package", program]);
        if profile == "release" {
            command.arg("--release");
        }
        run(&mut command)?;
        let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
        let (from, to) = (target().join(profile).join(&file), dist.join(&file));
        std::fs::copy(&from, &to).map_err(|error| format!("{}: {error}", to.display()))?;
    }
    println!("Built into {}", dist.display());
    Ok(())
}

fn demo(rest: &[String]) -> Outcome {
    // as scripts/demo: the window unless something else was asked for
    let window = rest.is_empty();
    build(if window { &[] } else { &["--no-window"] })?;
    let mut demo = Command::new(target().join("dist").join("mcp-login"));
    demo.arg("demo").args(rest);
    if window {
        demo.arg("--window");
    }
    run(&mut demo)
}

/// The steps of scripts/test that this system has.
fn test(rest: &[String]) -> Outcome {
    if let [filter] = rest {
        return run(cargo().args(["test", "--locked", "--", filter]));
    }
    let whole_programs: Vec<&str> = WHOLE_PROGRAMS.iter().flat_map(|name| ["--test", name]).collect();
    let unit = ["test", "--locked", "--lib", "--bins"];
    let steps: [(&str, &[&[&str]]); 9] = [
        ("format", &[&["fmt", "--all", "--check"]]),
        ("lints", &[&["clippy", "--locked", "--all-targets", "--", "-D", "warnings"]]),
        (
            "lints of the window",
            &[&["clippy", "--locked", "-p", "mcp-login-desktop", "--all-targets", "--", "-D", "warnings"]],
        ),
        ("unit tests", &[&unit]),
        ("unit tests of the window", &[&["test", "--locked", "-p", "mcp-login-desktop"]]),
        ("examples in the documentation", &[&["test", "--locked", "--doc"]]),
        (
            "the programs and the house rules",
            &[&["test", "--locked", "--test", "house", "--test", "import_law"]],
        ),
        ("pipe and keychain", &[&["test", "--locked", "--test", "pipe", "--test", "keychain"]]),
        ("whole programs", &[&["test", "--locked"], &whole_programs, &["--", "--include-ignored"]]),
    ];
    let mut times = Vec::new();
    for (name, words) in steps {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = run(cargo().args(words.concat()).stdin(Stdio::null()));
        times.push(format!("{name:<44} {:>8}", start.elapsed().as_secs()));
        if let Err(what) = outcome {
            println!("\n{}", times.join("\n"));
            return Err(format!("{name}: {what}"));
        }
    }
    println!("\n{:<44} {:>8}\n{}", "where the time went", "seconds", times.join("\n"));
    println!("\nNot run here: what needs a desktop, a keyring or a browser of Linux.");
    println!("Not run here: what writes into your keychain; MCP_LOGIN_TEST_KEYCHAIN=1 does.");
    Ok(())
}
