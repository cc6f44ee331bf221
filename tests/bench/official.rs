//! Each message at a server of the official TypeScript SDK, in turns directly, through `mcp-login proxy`, through the HTTP door
//! and through mcp-remote: as people's clients send it, with a client of the same SDK (`messages.mjs`), and with one that does
//! nothing itself, which is what a proxy looks worst beside.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use mcp_login_tests::child::Running;
use mcp_login_tests::{Home, Sandbox, npm, workspace};
use serde_json::{Value, json};

use crate::client::{Http, Pipe, begin, pairs, turns};
use crate::mcp_remote::{self, McpRemote};
use crate::proxy::{key_of_the_door, proxy};
use crate::relay;
use crate::report::Report;

/// Rounds that take turns, messages a round, and those before that warm a client up.
const ROUNDS: usize = 9;
const MESSAGES: usize = 300;
const WARM: usize = 300;
const ACCOUNT: &str = "official";

pub(crate) fn run(home: &Home, packages: &Path, report: &mut Report) {
    npm::copy(&workspace().join("tests/bench"), packages, "messages.mjs");
    npm::copy(&workspace().join("tests/sdks"), packages, "server-v1.mjs");
    let issuer = Sandbox::start_with(&["--mode", "issuer", "--access-ttl", "3600"]);
    let mut server = home.program("node");
    server.arg(packages.join("server-v1.mjs")).env("ISSUER", issuer.issuer());
    let server = Running::start("server-v1.mjs", &mut server);
    let ready = server.line_with(|line| serde_json::from_str::<Value>(line).ok());
    let url = ready["url"].as_str().unwrap();

    home.signed_in(url, ACCOUNT);
    let token = home.run(&["token", ACCOUNT]).ok().text().to_owned();
    let (door, key) = key_of_the_door(home, ACCOUNT);
    let remote = McpRemote::new(home, packages);
    remote.sign_in(url);
    let remote = remote.command(url);
    let arguments: Vec<_> = remote.get_args().map(|word| word.to_str().unwrap()).collect();
    let settings: BTreeMap<_, _> = remote
        .get_envs()
        .filter_map(|(name, value)| name.to_str().zip(value.and_then(OsStr::to_str)))
        .collect();
    let asked = json!({
        "ways": [
            {"name": "direct", "url": url, "bearer": token},
            {"name": "proxy", "command": home.programs().command, "args": ["proxy", ACCOUNT]},
            {"name": "door", "url": door, "bearer": key},
            {"name": "remote", "command": "node", "args": arguments, "env": settings},
        ],
        "rounds": ROUNDS, "messages": MESSAGES, "warm": WARM, "text": "x".repeat(1024),
    });
    let mut client = home.program("node");
    client.arg(packages.join("messages.mjs")).stdin(Stdio::piped());
    let mut client = Running::start("messages.mjs", &mut client);
    client.stdin().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let medians = client.line_with(|line| serde_json::from_str::<BTreeMap<String, Vec<f64>>>(line).ok());

    let of =
        |way: &str| medians[way].iter().copied().zip(medians["direct"].iter().copied()).collect::<Vec<_>>();
    let direct = "the client at the server itself";
    report.ratio(
        "`mcp-login proxy`, each message of the official SDK's client, p50",
        1.3,
        direct,
        &of("proxy"),
    );
    report.ratio("HTTP door, the same, p50", 1.3, direct, &of("door"));
    report.compare(&format!("{}, the same, p50", mcp_remote::NAME), direct, &of("remote"));

    let mut clients = [
        begin(Http::connect(url, &token)),
        begin(proxy(home, ACCOUNT)),
        begin(relay::two(url, &token, home.dir())),
        begin(Http::connect(&door, &key)),
        begin(relay::one(url, &token)),
        begin(Pipe::start(remote)),
    ];
    let rounds = turns(&mut clients);
    let to_direct = |way| pairs(&rounds, way, 0);
    report.ratio(
        "`mcp-login proxy`, each message of a client that does nothing itself, p50",
        1.3,
        direct,
        &to_direct(1),
    );
    report.compare("… two processes that only pass bytes on", direct, &to_direct(2));
    report.ratio("HTTP door, the same, p50", 1.3, direct, &to_direct(3));
    report.compare("… one process that only passes bytes on", direct, &to_direct(4));
    report.compare(&format!("{}, the same, p50", mcp_remote::NAME), direct, &to_direct(5));
}
