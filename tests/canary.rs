//! Secrets in the wrong place. A whole life of two accounts at the most talkative log level, with faults on the way, while
//! every process of ours is watched; then every file, every output, every argument and every variable is searched for
//! every secret that the issuer gave or saw. The issuer's log has short hashes only, so each word that is found anywhere is
//! hashed the same way and compared; what the test itself knows is also looked for inside of words and in other spellings.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use mcp_login_tests::{Home, McpClient, Person, SETTINGS, Said, Sandbox, Session, raw, wait};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Shorter words hold no secret of these: the sandbox's have 43 letters and more.
const SHORTEST: usize = 16;

/// As the sandbox's log names a secret.
fn short_hash(secret: &[u8]) -> String {
    let digest = Sha256::digest(secret);
    let hex: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("#{hex}")
}

/// What may be nowhere.
#[derive(Default)]
struct Secrets {
    /// Short hash and what it is of.
    hashes: BTreeMap<String, String>,
    /// What the test knows in clear, and what it is.
    known: BTreeMap<String, &'static str>,
}

impl Secrets {
    /// Everything in a sandbox's log that is a secret: what was issued and what came as a parameter or a header. `state`
    /// and `nonce` stand in the address that the browser is given, and are not among these.
    fn take(&mut self, sandbox: &Sandbox) {
        fn walk(name: &str, value: &Value, into: &mut BTreeMap<String, String>) {
            match value {
                Value::String(text) if !["state", "nonce"].contains(&name) => {
                    for word in text.split(|c: char| c != '#' && !c.is_ascii_hexdigit()) {
                        if word.len() == 13 && word.starts_with('#') {
                            into.insert(word.to_owned(), name.to_owned());
                        }
                    }
                }
                Value::Array(items) => items.iter().for_each(|item| walk(name, item, into)),
                Value::Object(members) => members.iter().for_each(|(name, member)| walk(name, member, into)),
                _ => {}
            }
        }
        walk("", &sandbox.control("GET", "log", &Value::Null), &mut self.hashes);
    }

    fn know(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= SHORTEST, "too short to be looked for: {what}");
        self.known.insert(secret.to_owned(), what);
        self.hashes.insert(short_hash(secret.as_bytes()), what.to_owned());
    }

    /// The secrets in some bytes.
    fn found(&self, bytes: &[u8]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for word in words(bytes) {
            if let Some(what) = self.hashes.get(&short_hash(word)) {
                found.insert(what.clone());
            }
        }
        for (secret, what) in &self.known {
            if spellings(secret).iter().any(|spelling| holds(bytes, spelling)) {
                found.insert((*what).to_owned());
            }
        }
        found
    }
}

/// Everything in some bytes that could be a whole secret: runs of the letters that tokens are made of, also cut at the
/// signs that may be part of a token or stand beside it.
fn words(bytes: &[u8]) -> BTreeSet<&[u8]> {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~+/".contains(byte);
    let mut words = BTreeSet::new();
    for run in bytes.split(|byte| !letter(byte)) {
        let parts = [&b""[..], b"/", b".", b"+", b"~", b"/.", b"./+~"];
        for cuts in parts {
            words.extend(run.split(|byte| cuts.contains(byte)).filter(|word| word.len() >= SHORTEST));
        }
        words.insert(run.strip_suffix(b".").unwrap_or(run));
    }
    words
}

/// As itself, in hexadecimal digits, in base64 at each of its three alignments, backwards.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![secret.into(), hex.to_uppercase().into(), hex.into(), secret.bytes().rev().collect()];
    for skip in 0..3 {
        let whole = &secret.as_bytes()[skip..];
        let whole = &whole[..whole.len() / 3 * 3];
        all.push(base64(whole, b"+/"));
        all.push(base64(whole, b"-_"));
    }
    all
}

fn base64(bytes: &[u8], last: &[u8; 2]) -> Vec<u8> {
    let digit = |six: u32| match six {
        0..=25 => b'A' + six as u8,
        26..=51 => b'a' + six as u8 - 26,
        52..=61 => b'0' + six as u8 - 52,
        other => last[other as usize - 62],
    };
    let mut out = Vec::new();
    for three in bytes.chunks_exact(3) {
        let all = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        out.extend([18, 12, 6, 0].map(|shift| digit(all >> shift & 63)));
    }
    out
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Every file below a directory.
fn files(dir: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&path, into),
            Ok(kind) if kind.is_file() => {
                into.insert(path.display().to_string(), fs::read(&path).unwrap_or_default());
            }
            _ => {}
        }
        into.insert(format!("the name of {}", path.display()), path.display().to_string().into_bytes());
    }
}

/// Places and what lies there, each once.
type Seen = BTreeSet<(String, Vec<u8>)>;

/// Looks at arguments and environment of every process of one home, all the time.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Seen>>,
}

impl Watch {
    fn start(home: &Home) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mine = [b"MCP_LOGIN_HOME=", home.dir().as_os_str().as_encoded_bytes()].concat();
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
                    let dir = entry.path();
                    let environ = fs::read(dir.join("environ")).unwrap_or_default();
                    if !environ.split(|byte| *byte == 0).any(|variable| variable == mine) {
                        continue;
                    }
                    let name = fs::read_to_string(dir.join("comm")).unwrap_or_default().trim().to_owned();
                    let cmdline = fs::read(dir.join("cmdline")).unwrap_or_default();
                    seen.insert((format!("the environment of {name}"), environ));
                    seen.insert((format!("the arguments of {name}"), cmdline));
                }
                std::thread::sleep(std::time::Duration::from_millis(3));
            }
            seen
        });
        Watch { stop, thread: Some(thread) }
    }

    fn finish(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("only here").join().expect("it watches")
    }
}

/// What was said, kept for the search. Tokens that were asked for are taken out: they belong on that output.
#[derive(Default)]
struct Heard(Vec<(String, String)>);

impl Heard {
    fn keep(&mut self, said: Said) -> Said {
        self.0.push((format!("what `{}` said", said.line), format!("{}{}", said.stdout, said.stderr)));
        said
    }
}

const CLIENT_SECRET: &str = "canary-client-secret-7f3k9w2m5x8q1z4v6b0n";

/// A life: sign in with a registered client and with a secret of the person's, fetch, rotate, fail in many ways, paste,
/// verify, restart, sign out.
fn live(home: &Home, sandbox: &Sandbox, secrets: &mut Secrets) -> Heard {
    let mut heard = Heard::default();
    let allow = |request: &str, secrets: &mut Secrets| {
        let redirect = Person::named("alice").allow(request);
        secrets.know("the code", &redirect.param("code").expect("a code"));
        redirect
    };
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "loopback"]);
    let redirect = allow(&sign_in.address(), secrets);
    // A code in an answer that is refused must not be shown either.
    redirect.with("state", "wrong").try_deliver();
    redirect.with("iss", "https://evil.example").try_deliver();
    heard.keep(home.run_with_input(&["callback", "-"], &redirect.with("state", "wrong").url)).exits(9);
    redirect.deliver();
    heard.keep(sign_in.finish()).ok();

    // A client with a secret, which comes through standard input.
    let id = "registered-by-hand";
    sandbox.control("POST", "clients", &json!({ "client_id": id, "client_secret": CLIENT_SECRET,
        "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "client_secret_basic" }));
    let mut command = home.command(&[
        "add",
        sandbox.mcp(),
        "--name",
        "personal",
        "--client-id",
        id,
        "--client-secret-stdin",
        "--redirect-uri",
        "http://127.0.0.1/callback",
        "--no-browser",
        "--json",
    ]);
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut input = child.stdin.take().expect("piped above");
    std::io::Write::write_all(&mut input, format!("{CLIENT_SECRET}\n").as_bytes()).expect("it reads");
    let lines = mcp_login_tests::child::Lines::of(child.stdout.take(), child.stderr.take());
    let address = lines.first_with(|line| {
        let value: Value = serde_json::from_str(line).ok()?;
        value["authorization_url"].as_str().map(str::to_owned)
    });
    let pasted = allow(&address, secrets);
    std::io::Write::write_all(&mut input, format!("{}\n", pasted.url).as_bytes()).expect("it reads");
    let status = child.wait().expect("our own child");
    let rest = lines.rest().join("\n");
    assert!(status.success(), "{rest}");
    heard.0.push(("what `add` with a secret said".to_owned(), rest));

    for (what, name) in [("an access token", "work"), ("an access token", "personal")] {
        let token = home.run(&["token", name]).ok();
        secrets.know(what, token.text());
        assert!(token.stderr.is_empty());
        assert_eq!(sandbox.mcp_answers(token.text()), 200);
        heard.keep(home.run(&["refresh", name])).ok();
    }
    for fault in [
        "status=refresh:503",
        "html=refresh",
        "truncated=refresh",
        "empty-400=refresh",
        "refuse=refresh:invalid_scope",
        "error-200=refresh",
        "wrong-type=refresh",
        "deep-json=refresh",
        "token-type=refresh:mac",
    ] {
        let (name, argument) = fault.split_once('=').expect("written above");
        sandbox.fault(name, argument);
        heard.keep(home.run(&["refresh", "work", "--json"]));
        heard.keep(home.run(&["token", "work", "--newer-than", "999", "--json"]));
        sandbox.heal(name);
    }
    for arguments in [
        &["status", "work", "--verify"][..],
        &["status", "--json"],
        &["list", "--json"],
        &["doctor"],
        &["log", "--json"],
        &["agent", "status", "--json"],
        &["approvals", "--json"],
        &["headers", "nobody"],
    ] {
        heard.keep(home.run(arguments));
    }
    // A whole examination, whose trace is to be handed on.
    for more in [&["--thorough"][..], &["--redirect", "scheme"]] {
        let mut arguments = vec!["doctor", sandbox.mcp(), "--sign-in", "--no-browser", "--json"];
        arguments.extend_from_slice(more);
        let looking = home.start(&arguments);
        let address = looking.line_with(|line| {
            let value: Value = serde_json::from_str(line).ok()?;
            value["authorization_url"].as_str().map(str::to_owned)
        });
        let back = allow(&address, secrets);
        match more {
            ["--thorough"] => drop(back.deliver()),
            _ => drop(heard.keep(home.run_with_input(&["callback", "-"], &back.url)).ok()),
        }
        let (_, lines, stderr) = looking.finish();
        assert!(lines.join("").contains("\"trace\""), "no trace: {lines:?}");
        heard.0.push(("the trace of an examination".to_owned(), format!("{}{stderr}", lines.join("\n"))));
    }
    // The server's own fault with the code: an error while the exchange has it.
    sandbox.fault("refuse", "code:invalid_grant");
    let sign_in = home.add(sandbox.mcp(), &["--name", "third", "--redirect", "loopback"]);
    allow(&sign_in.address(), secrets).deliver();
    heard.keep(sign_in.finish());
    sandbox.heal("refuse");
    heard.keep(home.run(&["logout", "personal", "--json"]));
    heard
}

/// MCP clients: one over the proxy, with a refused token and a server in trouble on the way, and one at the HTTP door with a key.
fn carry(home: &Home, sandbox: &Sandbox, secrets: &mut Secrets, heard: &mut Heard) {
    home.sign_in_again("work");
    let mut client = McpClient::proxy(home, "work");
    client.initialize();
    client.echo("with the first token");
    sandbox.expire("access");
    client.echo("with the second");
    sandbox.fault("status", "mcp:500");
    client.refused("tools/call", json!({"name": "echo", "arguments": {"text": "no"}}));
    sandbox.heal("status");
    sandbox.fault("drop", "mcp");
    client.refused("tools/call", json!({"name": "echo", "arguments": {"text": "no"}}));
    sandbox.heal("drop");
    heard.0.push(("what the proxy gave its client".to_owned(), client.heard().to_owned()));
    let (status, stderr) = client.close();
    assert!(status.success(), "{stderr}");
    heard.0.push(("what the proxy said beside it".to_owned(), stderr));

    heard.keep(home.run(&["door", "on", "--json"])).ok();
    let made = home.run(&["door", "key", "work", "--client", "canary", "--json"]).ok().json();
    let key = made["key"].as_str().expect("a key").to_owned();
    secrets.know("a key of the door", &key);
    let url: url::Url = made["made"]["url"].as_str().expect("an address").parse().expect("a URL");
    let port = url.port().expect("a port");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let mut knock = |bearer: &str| {
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {bearer}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            url.path(),
            body.len()
        );
        let answer =
            raw::tcp_and_wait(([127, 0, 0, 1], port).into(), request.as_bytes()).expect("the door is open");
        heard.0.push(("what the door answered".to_owned(), answer.clone()));
        answer
    };
    assert!(knock(&key).contains("not_approved"));
    let pending = home.run(&["approvals", "--json"]).ok().json()["pending"][0]["id"].clone();
    let pending = pending.as_str().expect("a question").to_owned();
    home.run(&["approvals", "allow", &pending, "--for", "always"]).ok();
    // Without a session the server refuses it; the token went there all the same.
    assert!(!knock(&key).contains("not_approved"));
    knock(&key[..key.len() - 1]);
    for arguments in [&["door", "--json"][..], &["door"], &["status", "--json"], &["log", "--json"]] {
        heard.keep(home.run(arguments)).ok();
    }
}

/// The places where a secret may not be, and what lies there.
fn places(home: &Home, seen: Seen, heard: Heard) -> Vec<(String, Vec<u8>)> {
    let mut found = BTreeMap::new();
    files(home.dir(), &mut found);
    let mut all: Vec<_> = found.into_iter().collect();
    all.extend(seen);
    all.extend(heard.0.into_iter().map(|(place, text)| (place, text.into_bytes())));
    all
}

#[track_caller]
fn search(secrets: &Secrets, places: &[(String, Vec<u8>)]) {
    let mut leaks = BTreeSet::new();
    for (place, bytes) in places {
        for what in secrets.found(bytes) {
            leaks.insert(format!("{what} in {place}"));
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.into_iter().collect::<Vec<_>>().join("\n"));
}

/// What the issuer gave, by kind: the search is worth something only if it looks for these.
#[track_caller]
fn looks_for_all(secrets: &Secrets) {
    let kinds: BTreeSet<_> = secrets.hashes.values().map(String::as_str).collect();
    for kind in [
        "access_token",
        "refresh_token",
        "code",
        "code_verifier",
        "registration_access_token",
        // The client's secret, as it came to the token endpoint.
        "authorization",
    ] {
        assert!(kinds.contains(kind), "no {kind} is looked for: {kinds:?}");
    }
}

#[test]
fn no_secret_is_anywhere() {
    let sandbox = Sandbox::start_with(&["--fault", "forced-secret"]);
    let mut home = Home::new();
    home.write_settings(&format!("{SETTINGS}approvals = \"terminal\"\n"));
    home.set("MCP_LOGIN_LOG", "trace");
    let mut secrets = Secrets::default();
    secrets.know("the client secret", CLIENT_SECRET);
    let watch = Watch::start(&home);
    let mut heard = live(&home, &sandbox, &mut secrets);
    carry(&home, &sandbox, &mut secrets, &mut heard);
    secrets.take(&sandbox);
    let seen = watch.finish();
    looks_for_all(&secrets);
    let log = fs::read_to_string(home.path("data/agent.log")).expect("there is a log");
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is not talkative:\n{log}");
    assert!(
        seen.iter().any(
            |(place, _)| place == "the arguments of mcp-login-agent" || place.ends_with("mcp-login-agen")
        ),
        "no agent was watched"
    );
    search(&secrets, &places(&home, seen, heard));

    // The search can find: one of each, planted where it might be.
    let token = home.run(&["token", "work"]).ok().text().to_owned();
    let mut planted = Secrets::default();
    planted.hashes.insert(short_hash(token.as_bytes()), "access_token".to_owned());
    for (name, text) in [
        ("a.log", format!("GET /x?access_token={token}&y=z")),
        ("a.json", format!("{{\"token\":\"{token}\"}}")),
        ("a.bin", format!("\0\u{1}{token}\0")),
        ("a.txt", format!("Bearer {token}.")),
    ] {
        let file = home.path("data").join(name);
        fs::write(&file, text).expect("a planted file");
        let mut all = BTreeMap::new();
        files(home.dir(), &mut all);
        let seen: Vec<_> = all
            .iter()
            .filter(|(_, bytes)| !planted.found(bytes).is_empty())
            .map(|(place, _)| place.clone())
            .collect();
        assert_eq!(seen, [file.display().to_string()], "a planted token was not found in {name}");
        fs::remove_file(&file).expect("a planted file");
    }
    let mut known = Secrets::default();
    known.know("planted", CLIENT_SECRET);
    for spelling in spellings(CLIENT_SECRET) {
        assert!(!known.found(&[b"xx", &spelling[..], b"yy"].concat()).is_empty());
    }
    let watch = Watch::start(&home);
    let mut planted = home.program("/bin/sleep");
    let mut child = planted.env("LEAK", CLIENT_SECRET).arg("30").spawn().expect("sleep");
    wait::until("the planted process to be there", || {
        fs::read(format!("/proc/{}/environ", child.id())).ok().filter(|e| !e.is_empty())
    });
    std::thread::sleep(std::time::Duration::from_millis(100));
    let seen = watch.finish();
    let _ = child.kill();
    let _ = child.wait();
    assert!(seen.iter().any(|(_, bytes)| !known.found(bytes).is_empty()), "a planted variable was not found");
}

/// The same with a real keyring: its files are encrypted, and the tokens are in them.
#[test]
fn no_secret_beside_the_keyring() {
    Session::tell(&[], |session| {
        let sandbox = Sandbox::start();
        let mut home = session.home();
        home.set("MCP_LOGIN_LOG", "trace");
        let mut secrets = Secrets::default();
        let watch = Watch::start(&home);
        home.signed_in(sandbox.mcp(), "work");
        secrets.know("an access token", home.run(&["token", "work"]).ok().text());
        home.run(&["refresh", "work"]).ok();
        home.run(&["agent", "stop"]).ok();
        wait::until("the agent to be gone", || home.agents().is_empty().then_some(()));
        // From the keyring, by another agent.
        let token = home.run(&["token", "work"]).ok();
        assert_eq!(sandbox.mcp_answers(token.text()), 200);
        secrets.know("an access token", token.text());
        secrets.take(&sandbox);
        let seen = watch.finish();
        let mut places = places(&home, seen, Heard::default());
        let keyrings = session.get("XDG_DATA_HOME").expect("a session has its own directory").to_owned();
        let mut found = BTreeMap::new();
        files(Path::new(&keyrings), &mut found);
        assert!(
            found.keys().any(|name| name.contains("keyrings")),
            "no keyring was searched: {:?}",
            found.keys()
        );
        places.extend(found);
        search(&secrets, &places);
    });
}
