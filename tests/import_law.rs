//! The import law: what each crate must never reach, in the graph that cargo resolves for it alone.
//!
//! It is asked crate by crate, for all the systems that we build for, with the features that the crate is built with when it is shipped.
//! A look at the whole workspace would not do: there cargo unifies features, and the thin command would seem to reach
//! what only the agent's half of `ipc` brings.

use std::collections::BTreeSet;
use std::process::Command;

/// A row of the design's table: a crate, and the crates that it must never reach.
struct Row {
    krate: &'static str,
    never: &'static [&'static str],
}

const WEB_VIEW: &[&str] = &["tauri", "tauri-runtime", "wry", "tao"];
const HTTP: &[&str] = &["reqwest", "hyper", "hyper-util", "h2", "ureq", "isahc", "curl", "rustls", "axum"];
const RUNTIME: &[&str] = &["tokio", "async-std", "smol", "async-io"];
const KEYCHAIN: &[&str] = &[
    "keyring",
    "keyring-core",
    "zbus",
    "zbus-secret-service-keyring-store",
    "apple-native-keyring-store",
    "windows-native-keyring-store",
];

const LAW: &[(Row, &[&[&str]])] = &[
    (
        Row { krate: "mcp-login-oauth", never: &["mcp-login-ipc", "mcp-login-vault"] },
        &[WEB_VIEW, HTTP, RUNTIME, KEYCHAIN],
    ),
    (
        Row { krate: "mcp-login-vault", never: &["oauth2", "mcp-login-oauth", "mcp-login-ipc"] },
        &[WEB_VIEW, HTTP],
    ),
    (
        Row { krate: "mcp-login-ipc", never: &["oauth2", "mcp-login-oauth", "mcp-login-vault"] },
        &[WEB_VIEW, HTTP, KEYCHAIN],
    ),
    (
        // The door may bring hyper; what talks to servers is injected.
        Row {
            krate: "mcp-login-gateway",
            never: &[
                "mcp-login-vault",
                "mcp-login-ipc",
                "mcp-login-agent",
                "mcp-login-sandbox",
                "mcp-login",
                "rmcp",
                "reqwest",
                "rustls",
                "ureq",
                "isahc",
                "curl",
            ],
        },
        &[WEB_VIEW, KEYCHAIN],
    ),
    (
        Row { krate: "mcp-login-agent", never: &["open", "clap", "mcp-login", "mcp-login-sandbox"] },
        &[WEB_VIEW],
    ),
    (
        Row {
            krate: "mcp-login",
            never: &["oauth2", "mcp-login-oauth", "mcp-login-vault", "mcp-login-agent", "mcp-login-sandbox"],
        },
        &[WEB_VIEW, HTTP, RUNTIME, KEYCHAIN],
    ),
    (
        Row {
            krate: "mcp-login-address",
            never: &["oauth2", "mcp-login-oauth", "mcp-login-ipc", "mcp-login-vault", "mcp-login-agent"],
        },
        &[WEB_VIEW, HTTP, RUNTIME, KEYCHAIN],
    ),
    (
        Row {
            krate: "mcp-login-clients",
            never: &[
                "oauth2",
                "directories",
                "mcp-login",
                "mcp-login-oauth",
                "mcp-login-vault",
                "mcp-login-ipc",
                "mcp-login-address",
                "mcp-login-agent",
                "mcp-login-sandbox",
            ],
        },
        &[WEB_VIEW, HTTP, RUNTIME, KEYCHAIN],
    ),
    (
        Row {
            krate: "mcp-login-wiring",
            never: &[
                "oauth2",
                "mcp-login",
                "mcp-login-oauth",
                "mcp-login-vault",
                "mcp-login-address",
                "mcp-login-agent",
                "mcp-login-sandbox",
            ],
        },
        &[WEB_VIEW, HTTP, RUNTIME, KEYCHAIN],
    ),
    (
        // Tauri brings a runtime, and notifications bring D-Bus; what talks to servers or holds tokens comes in with neither.
        Row {
            krate: "mcp-login-desktop",
            never: &[
                "oauth2",
                "keyring",
                "keyring-core",
                "zbus-secret-service-keyring-store",
                "apple-native-keyring-store",
                "windows-native-keyring-store",
                "mcp-login",
                "mcp-login-oauth",
                "mcp-login-vault",
                "mcp-login-agent",
                "mcp-login-sandbox",
            ],
        },
        &[HTTP],
    ),
    (
        Row {
            krate: "mcp-login-sandbox",
            never: &[
                "oauth2",
                "mcp-login",
                "mcp-login-oauth",
                "mcp-login-vault",
                "mcp-login-ipc",
                "mcp-login-agent",
            ],
        },
        &[WEB_VIEW, KEYCHAIN],
    ),
    (
        // Starts cargo, and needs nothing that would have to be built first.
        Row {
            krate: "xtask",
            never: &[
                "mcp-login",
                "mcp-login-oauth",
                "mcp-login-vault",
                "mcp-login-ipc",
                "mcp-login-agent",
                "mcp-login-sandbox",
            ],
        },
        &[WEB_VIEW, HTTP, RUNTIME, KEYCHAIN],
    ),
];

/// What we build for. Not `--target all`: a dependency may be there for telephones only.
const SYSTEMS: &[&str] = &[
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "x86_64-pc-windows-gnu",
];

/// Every package that the crate reaches in its ordinary and build dependencies, on every system.
fn reach(krate: &str, more: &[&str]) -> BTreeSet<String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(mcp_login_tests::workspace());
    cargo.args(["tree", "--locked", "--quiet", "--prefix", "none", "--format", "{p}", "-p", krate]);
    cargo.args(SYSTEMS.iter().flat_map(|system| ["--target", system]));
    let output = cargo.args(["--edges", "normal,build"]).args(more).output().expect("cargo starts");
    assert!(output.status.success(), "cargo tree -p {krate}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names of packages");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn no_crate_reaches_what_it_must_not() {
    let mut broken = Vec::new();
    for (row, groups) in LAW {
        let reached = reach(row.krate, &[]);
        assert!(
            reached.contains(row.krate),
            "the table names {}, and the workspace has no such crate",
            row.krate
        );
        let never = groups.iter().flat_map(|group| group.iter()).chain(row.never);
        broken.extend(
            never.filter(|&&name| reached.contains(name)).map(|name| format!("{} reaches {name}", row.krate)),
        );
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_crate_of_ours_has_a_row() {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(mcp_login_tests::workspace()).args(["tree", "--locked", "--workspace", "--depth", "0"]);
    let output = cargo.args(["--prefix", "none", "--format", "{p}"]).output().expect("cargo starts");
    let members = String::from_utf8(output.stdout).expect("names of packages");
    let members: BTreeSet<&str> = members.lines().filter_map(|line| line.split(' ').next()).collect();
    let tests = ["mcp-login-tests", "mcp-login-tests-mcp"];
    let rows: BTreeSet<&str> = LAW.iter().map(|(row, _)| row.krate).chain(tests).collect();
    let without: Vec<_> = members.iter().filter(|name| !name.is_empty() && !rows.contains(*name)).collect();
    assert!(without.is_empty(), "no row of the import law for {without:?}");
}

/// The law must be able to fail: the agent does reach what others may not.
#[test]
fn the_graph_shows_what_is_there() {
    let agent = reach("mcp-login-agent", &[]);
    for name in ["reqwest", "tokio", "oauth2", "keyring-core"] {
        assert!(agent.contains(name), "the agent does not reach {name}: is the graph the right one?");
    }
    // All systems, not this one: these two are Windows' and macOS'.
    for name in ["windows-native-keyring-store", "apple-native-keyring-store"] {
        assert!(agent.contains(name), "{name} is missing: the graph is of one system only");
    }
}

/// One TLS stack, everywhere, in every build: rustls with ring.
#[test]
fn one_tls_stack() {
    for (row, _) in LAW {
        let reached = reach(row.krate, &["--all-features"]);
        for name in ["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"] {
            assert!(!reached.contains(name), "{} reaches {name}", row.krate);
        }
    }
}

/// What no dependency shows: the pure crates ask the standard library for nothing of the outside world.
#[test]
fn the_pure_crates_touch_no_file_network_or_environment() {
    let crates = ["oauth", "clients"].map(|name| format!("src-tauri/crates/{name}/src"));
    let words = ["std::fs", "std::net::Tcp", "std::env", "std::process", "std::thread::sleep"];
    let mut broken = Vec::new();
    let sources = crates.iter().map(|source| mcp_login_tests::workspace().join(source));
    for (path, text) in sources.flat_map(|source| mcp_login_tests::sources(&source)) {
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in shipped.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            broken.extend(
                words
                    .iter()
                    .filter(|word| code.contains(*word))
                    .map(|word| format!("{}:{}: {word}", path.display(), number + 1)),
            );
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
