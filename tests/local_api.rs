//! The examples of `docs/local-api.md`: run as they are printed there, against a real agent, by a person who has Python
//! and Node.js. An example that does not run is worse than none.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::process::Command;

use mcp_login_tests::{Home, Said, Sandbox, npm, workspace};

fn example(name: &str) -> PathBuf {
    workspace().join("docs/examples").join(name)
}

/// What an example has to show: the agent, the account, and a token that the server takes.
fn shows(said: &Said, sandbox: &Sandbox) {
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{said:?}");
    assert!(lines[0].starts_with("agent "), "{said:?}");
    assert_eq!(lines[2], format!("work: ready, {}", sandbox.mcp()));
    assert!(lines[3].contains("Bearer token") && lines[3].contains(sandbox.mcp()), "{said:?}");
    assert_eq!(sandbox.mcp_answers(lines[4]), 200);
}

/// Without leave: an interpreter is nobody. The program that started it is asked about, and it is not in the policy.
fn refuses(said: Said) {
    let said = said.exits(1);
    assert!(said.stderr.contains("not_approved"), "{said:?}");
    assert!(!said.stdout.contains("token for"), "{said:?}");
}

/// The same story for each language: no agent, no leave, leave.
fn story(run: impl Fn(&Home, &[&str]) -> Said) {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let alone = run(&home, &[]).exits(1);
    assert!(alone.stderr.contains("mcp-login agent start"), "{alone:?}");

    home.signed_in(sandbox.mcp(), "work");
    shows(&run(&home, &["work", "--show-token"]).ok(), &sandbox);
    let unknown = run(&home, &["nobody"]).exits(1);
    assert!(unknown.stderr.contains("no_such_account"), "{unknown:?}");

    home.run(&["agent", "stop"]).ok();
    home.write_policy("");
    home.run(&["agent", "start"]).ok();
    refuses(run(&home, &["work", "--show-token"]));
}

#[test]
fn python() {
    story(|home, arguments| {
        let mut python = home.program("python3");
        Said::of(python.arg(example("local_api.py")).args(arguments))
    });
}

/// Checked by the compiler as strictly as it can, and as something that Node.js runs by leaving the types out.
#[test]
fn typescript() {
    let tools = npm::install("typescript");
    let out = tempfile::tempdir().expect("a temporary directory");
    let compiler = tools.join("node_modules/typescript/bin/tsc");
    let types = tools.join("node_modules/@types");
    let mut tsc = Command::new("node");
    tsc.arg(compiler).arg(example("local-api.ts")).arg("--outDir").arg(out.path());
    tsc.args(["--strict", "--noUncheckedIndexedAccess", "--noUnusedLocals", "--erasableSyntaxOnly"]);
    tsc.args([
        "--target",
        "es2022",
        "--module",
        "es2022",
        "--moduleResolution",
        "bundler",
        "--types",
        "node",
    ]);
    tsc.arg("--typeRoots").arg(types);
    Said::of(&mut tsc).ok();
    // As a module, which is what Node.js takes a file with `import` in it for.
    let script = out.path().join("local-api.mjs");
    std::fs::rename(out.path().join("local-api.js"), &script).expect("the compiler wrote it");
    story(|home, arguments| Said::of(home.program("node").arg(&script).args(arguments)));
}
