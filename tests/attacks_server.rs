//! Servers and issuers that lie: about who issues tokens, about themselves, about where to send secrets, and about how
//! much there is to read. Nothing stored goes to where it does not belong, the agent's memory stays bounded, each call ends
//! with its code, and what was stored is still there.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;

use mcp_login_tests::child::Running;
use mcp_login_tests::{Agent, Home, Person, Proxy, Said, Sandbox, TestCa, peak_memory, wait};
use serde_json::{Value, json};

/// `add`, up to where it must fail.
#[track_caller]
fn add_fails(home: &Home, url: &str, exit: i32, expected: &str) -> Said {
    let said =
        home.run(&["add", url, "--name", "work", "--redirect", "loopback", "--json", "--timeout", "60"]);
    let said = said.exits(exit);
    assert_eq!(said.error()["code"], expected, "{}", said.stderr);
    assert_eq!(home.opened(), Vec::<String>::new(), "a browser was opened");
    said
}

/// Every hash of a secret in a sandbox's log.
fn hashes(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => into.extend(
            text.split(|c: char| c != '#' && !c.is_ascii_hexdigit())
                .filter(|word| word.len() == 13 && word.starts_with('#'))
                .map(str::to_owned),
        ),
        Value::Array(items) => items.iter().for_each(|item| hashes(item, into)),
        Value::Object(members) => members.values().for_each(|member| hashes(member, into)),
        _ => {}
    }
}

fn secrets_seen(sandbox: &Sandbox) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    hashes(&sandbox.control("GET", "log", &Value::Null), &mut seen);
    seen
}

/// Waits for the address number `index` and lets alice say yes there.
fn allow(home: &Home, index: usize) {
    Person::named("alice").allow(&home.opened_at(index)).deliver();
}

/// CVE-2026-104850's shape: after the sign-in the server names another issuer, to which a client would bring its refresh
/// token and client secret.
#[test]
fn a_server_that_moves_to_another_issuer() {
    let issuer = || Sandbox::start_with(&["--mode", "issuer", "--token", "jwt", "--fault", "forced-secret"]);
    let (old, new) = (issuer(), issuer());
    let server = Sandbox::start_with(&["--mode", "resource", "--issuer", old.issuer()]);
    let home = Home::new();
    home.signed_in(server.mcp(), "work");
    let before = home.run(&["token", "work"]).ok();
    assert_eq!(server.mcp_answers(before.text()), 200);

    server.fault("prm-issuer", new.issuer());
    // Whatever is done now without the person's word goes to the old one or nowhere.
    home.run(&["refresh", "work"]);
    home.run(&["token", "work", "--newer-than", "1"]);
    home.run(&["status", "work", "--verify"]);
    let asked = home.run(&["login", "work", "--json", "--redirect", "loopback", "--timeout", "20"]).exits(3);
    assert_eq!(asked.error()["code"], "issuer_changed");
    for part in [old.issuer(), new.issuer()] {
        assert!(asked.stderr.contains(part), "old and new are not both shown: {}", asked.stderr);
    }
    let shown = home.account("work");
    assert_eq!(shown["state"], "issuer_changed", "{shown}");
    assert_eq!(shown["issuer_change"], json!({ "old": old.issuer(), "new": new.issuer() }));
    home.run(&["refresh", "work"]);
    home.run(&["token", "work", "--newer-than", "2"]);
    // Without a terminal nobody has said yes.
    home.run(&["login", "work", "--json", "--timeout", "20"]).exits(3);

    // At the new one only public documents were read: no parameter, no secret, no header with one.
    for request in new.log() {
        assert_eq!((request.endpoint.as_str(), request.method.as_str()), ("metadata", "GET"), "{request:?}");
        assert_eq!(request.header("authorization"), None, "{request:?}");
    }
    assert_eq!(secrets_seen(&new), BTreeSet::new());
    assert_eq!(home.opened().len(), 1, "a browser was opened at the new one");
    assert_eq!(old.at("revocation").len(), 0);

    // The person's word.
    let again = home.start(&["login", "work", "--accept-new-issuer", "--redirect", "loopback", "--json"]);
    allow(&home, 1);
    let (status, lines, stderr) = again.finish();
    assert!(status.success(), "{stderr}");
    let done: Value = serde_json::from_str(lines.last().expect("an end")).expect("JSON");
    assert_eq!(done["former"]["issuer"], old.issuer(), "{done}");
    let outcomes: Vec<_> = done["former"]["lines"].as_array().expect("a receipt has lines").iter().collect();
    for what in ["refresh_token", "access_token"] {
        let line = outcomes.iter().find(|line| line["what"] == what).unwrap_or_else(|| panic!("{done}"));
        assert_eq!(line["outcome"], "confirmed", "{line}");
    }
    let shown = home.account("work");
    assert_eq!((&shown["state"], &shown["issuer"]), (&json!("ready"), &json!(new.issuer())), "{shown}");
    // Revoked where they came from, and what came from there was seen nowhere else.
    let hints: Vec<_> =
        old.at("revocation").iter().map(|r| r.param("token_type_hint").map(str::to_owned)).collect();
    assert_eq!(hints, [Some("refresh_token".to_owned()), Some("access_token".to_owned())]);
    let (at_old, at_new) = (secrets_seen(&old), secrets_seen(&new));
    let both: Vec<_> = at_old.intersection(&at_new).collect();
    assert!(both.is_empty(), "secrets that both issuers have seen: {both:?}");
    assert!(!at_old.is_empty() && !at_new.is_empty());
}

/// Documents about somebody else, and issuers without PKCE: refused before anything is registered or opened.
#[test]
fn documents_that_are_about_something_else() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    for (fault, argument, exit, expected) in [
        ("prm-resource", "https://other.example/mcp", 9, "resource_mismatch"),
        ("prm-resource", "http://127.0.0.1:1/mcp", 9, "resource_mismatch"),
        ("no-s256", "absent", 9, "pkce_missing"),
        ("no-s256", "plain", 9, "pkce_missing"),
    ] {
        sandbox.fault(fault, argument);
        add_fails(&home, sandbox.mcp(), exit, expected);
        sandbox.heal(fault);
    }
    // A resource in a neighbouring path is another one, and so is a part of a segment.
    let origin = sandbox.issuer();
    for resource in [format!("{origin}/mc"), format!("{origin}/mcp/more"), format!("{origin}/mcp/../other")] {
        sandbox.fault("prm-resource", &resource);
        add_fails(&home, sandbox.mcp(), 9, "resource_mismatch");
    }
    sandbox.heal("prm-resource");
    assert_eq!(sandbox.at("register").len(), 0, "something was registered");
    assert_eq!(sandbox.at("authorize").len(), 0);
    home.signed_in(sandbox.mcp(), "work");
}

/// RFC 8414 §3.3: an issuer apart whose document names another.
#[test]
fn metadata_that_names_another_issuer() {
    let issuer = Sandbox::start_with(&["--mode", "issuer", "--token", "jwt"]);
    let other = Sandbox::start_with(&["--mode", "issuer", "--token", "jwt"]);
    let server = Sandbox::start_with(&["--mode", "resource", "--issuer", issuer.issuer()]);
    let home = Home::new();
    for name in [
        other.issuer().to_owned(),
        format!("{}/tenant", issuer.issuer()),
        issuer.issuer().replace("127.0.0.1", "localhost"),
    ] {
        issuer.fault("wrong-issuer", &name);
        let said = home.run(&[
            "add",
            server.mcp(),
            "--name",
            "work",
            "--redirect",
            "loopback",
            "--json",
            "--timeout",
            "20",
        ]);
        assert!(matches!(said.code, 1 | 9), "{name}: {}{}", said.stdout, said.stderr);
        let found = said.error()["code"].clone();
        assert!(matches!(found.as_str(), Some("metadata_mismatch" | "no_metadata")), "{name}: {found}");
        assert_eq!(home.opened(), Vec::<String>::new(), "{name}: a browser was opened");
    }
    assert_eq!(issuer.at("register").len() + other.at("register").len(), 0, "something was registered");
    issuer.heal("wrong-issuer");
    home.signed_in(server.mcp(), "work");
}

/// A name of this machine that looks like any other name, if it has one.
fn local_name() -> Option<String> {
    use std::net::ToSocketAddrs;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    [host, "ip6-localhost".to_owned()].into_iter().find(|name| {
        (name.as_str(), 443)
            .to_socket_addrs()
            .is_ok_and(|mut found| found.all(|address| address.ip().is_loopback()))
    })
}

/// Private addresses in the documents of a server on the public internet, which a proxy and a test authority play. What
/// only a document named goes neither to the proxy nor anywhere else, and the error does not say what lives there.
#[test]
fn addresses_in_private_ranges() {
    let ca = TestCa::new();
    let certificate = ca.issue(&["mcp.example.test", "127.0.0.1", "localhost"]);
    let (cert, key) = (certificate.cert.display().to_string(), certificate.key.display().to_string());
    let sandbox = Sandbox::start_with(&[
        "--tls-cert",
        &cert,
        "--tls-key",
        &key,
        "--approve",
        "auto",
        "--origin",
        "https://mcp.example.test",
    ]);
    let proxy = Proxy::start(&[("mcp.example.test:443", sandbox.address())]);
    let mut home = Home::new();
    // A name that the system's resolver leads into this machine, and that the proxy is not asked about.
    let own = local_name();
    home.set("SSL_CERT_FILE", ca.file()).set("HTTPS_PROXY", proxy.url());
    home.set("NO_PROXY", own.as_deref().unwrap_or("none.example"));
    // Somebody lives there, and hears nothing.
    let inside = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    inside.set_nonblocking(true).expect("our own socket");
    let port = inside.local_addr().expect("a bound port").port();
    let hosts = [
        "169.254.169.254".to_owned(),
        "2852039166".to_owned(),
        "0xa9fea9fe".to_owned(),
        "0251.0376.0251.0376".to_owned(),
        "[::ffff:169.254.169.254]".to_owned(),
        "[::ffff:7f00:1]".to_owned(),
        "[fd00:ec2::254]".to_owned(),
        "[::1]".to_owned(),
        "10.0.0.1".to_owned(),
        "192.168.1.1".to_owned(),
        "100.64.0.1".to_owned(),
        "0.0.0.0".to_owned(),
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("127.1:{port}"),
        format!("2130706433:{port}"),
        format!("app.localhost:{port}"),
    ];
    let refused = |what: &str, host: &str| {
        let said = home.run(&[
            "add",
            "https://mcp.example.test/mcp",
            "--name",
            "work",
            "--redirect",
            "loopback",
            "--json",
            "--timeout",
            "1",
        ]);
        assert!(matches!(said.code, 1 | 9), "{what} at {host}: {} {}{}", said.code, said.stdout, said.stderr);
        let found = said.error()["code"].clone();
        assert!(
            matches!(found.as_str(), Some("address_refused" | "bad_metadata")),
            "{what} at {host}: {found}"
        );
        // Nothing about who answered there, and how.
        for word in
            ["refused to connect", "connection refused", "timed out", "reset", "unreachable", "certificate"]
        {
            assert!(!said.stderr.to_lowercase().contains(word), "{what} at {host}: {}", said.stderr);
        }
    };
    for host in &hosts {
        sandbox.fault("challenge-metadata", &format!("https://{host}/prm"));
        refused("resource metadata", host);
        sandbox.heal("challenge-metadata");
        sandbox.fault("prm-issuer", &format!("https://{host}"));
        refused("issuer", host);
        sandbox.heal("prm-issuer");
        sandbox.fault("private-address", &format!("https://{host}"));
        refused("registration", host);
        sandbox.heal("private-address");
        sandbox.control(
            "POST",
            "faults",
            &json!({ "metadata-field": format!("authorization_endpoint=\"https://{host}/a\"") }),
        );
        refused("authorization", host);
        sandbox.heal("metadata-field");
    }
    let passed: BTreeSet<_> = proxy.passed().into_iter().collect();
    assert_eq!(
        passed,
        BTreeSet::from(["mcp.example.test:443".to_owned()]),
        "the proxy was asked for other hosts"
    );
    assert!(inside.accept().is_err(), "somebody knocked at a private address");
    assert_eq!(home.opened(), Vec::<String>::new());
    if let Some(own) = &own {
        sandbox.fault("prm-issuer", &format!("https://{own}:{port}"));
        refused("issuer", own);
        sandbox.heal("prm-issuer");
        assert!(inside.accept().is_err(), "somebody knocked at a private address");
    }
    // The public part works, and the person may let a host in.
    let sign_in = home.add("https://mcp.example.test/mcp", &["--name", "work", "--redirect", "loopback"]);
    let address =
        sign_in.address().replace("https://mcp.example.test", &format!("https://{}", sandbox.address()));
    Person::named("alice").allow(&address).deliver();
    sign_in.finish().ok();
}

/// 307 keeps method and body: whoever follows it gives the credential away.
#[test]
fn redirects_with_credentials_are_not_followed() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    for endpoint in ["refresh", "revocation", "introspection", "registration", "mcp", "register", "code"] {
        sandbox.fault("redirect", endpoint);
        match endpoint {
            "refresh" => {
                home.run(&["refresh", "work"]);
            }
            "introspection" | "mcp" => {
                home.run(&["status", "work", "--verify"]);
            }
            "register" => {
                home.run(&[
                    "add",
                    sandbox.mcp(),
                    "--name",
                    "other",
                    "--redirect",
                    "localhost",
                    "--timeout",
                    "1",
                ]);
            }
            "code" => {
                let sign_in = home.add(sandbox.mcp(), &["--name", "third", "--redirect", "loopback"]);
                Person::named("bob").allow(&sign_in.address()).try_deliver();
                assert_ne!(sign_in.finish().code, 0);
            }
            _ => {
                home.run(&["logout", "work"]);
            }
        }
        assert_eq!(sandbox.at("trap").len(), 0, "{endpoint}: the redirect was followed");
        assert!(
            !sandbox.at(endpoint).is_empty(),
            "{endpoint}: nothing was asked there, so nothing was tried"
        );
        sandbox.heal("redirect");
        if home.run(&["token", "work"]).code != 0 {
            home.run(&["logout", "work"]);
            home.signed_in(sandbox.mcp(), "work");
        }
    }
    // Documents carry no credential; even so only within the origin.
    for endpoint in ["metadata", "prm"] {
        sandbox.fault("redirect", endpoint);
        let said =
            home.run(&["add", sandbox.mcp(), "--name", "fourth", "--redirect", "loopback", "--timeout", "1"]);
        assert_ne!(said.code, 0);
        assert_eq!(sandbox.at("trap").len(), 0, "{endpoint}: the redirect was followed");
        sandbox.heal("redirect");
        sandbox.fault("endless-redirect", endpoint);
        let before = sandbox.at(endpoint).len();
        assert_ne!(
            home.run(&["add", sandbox.mcp(), "--name", "fifth", "--redirect", "loopback", "--timeout", "1"])
                .code,
            0
        );
        assert!(
            sandbox.at(endpoint).len() - before <= 16,
            "{endpoint}: an endless redirect was followed for long"
        );
        sandbox.heal("endless-redirect");
    }
}

/// What the agent may grow by, in KiB: the bound of any body is 256 KiB, and a debug build copies it about.
const GROWTH: u64 = 16 * 1024;

/// A gigabyte, a hundred thousand brackets: read as far as the bound, then an error with its code.
#[test]
fn bodies_without_end() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let agent = Agent::start(&home);
    home.signed_in(sandbox.mcp(), "work");
    let add =
        ["add", sandbox.mcp(), "--name", "other", "--redirect", "localhost", "--json", "--timeout", "10"];
    let at_rest = peak_memory(agent.id());
    for fault in ["giant", "deep-json"] {
        for endpoint in
            ["prm", "metadata", "register", "mcp", "refresh", "introspection", "registration", "revocation"]
        {
            sandbox.fault(fault, endpoint);
            match endpoint {
                // A large answer to the first knock is no answer, and the documents still count.
                "prm" | "metadata" | "register" => {
                    // What is no such document is as good as absent, and the sign-in goes on by the other way.
                    let unreadable = (fault, endpoint) == ("deep-json", "prm");
                    let said = home.run(&add);
                    assert!(
                        matches!(said.code, 1 | 6 | 9) || unreadable && said.code == 10,
                        "{fault} at {endpoint}: {} {}{}",
                        said.code,
                        said.stdout,
                        said.stderr
                    );
                    said.error(); // with a code
                }
                "mcp" | "introspection" => {
                    home.run(&["status", "work", "--verify", "--json"]);
                }
                "refresh" => {
                    let said = home.run(&["refresh", "work", "--json"]);
                    assert_ne!(said.code, 0, "{fault} at {endpoint}");
                    said.error(); // with a code
                }
                _ => {
                    let receipt = home.run(&["logout", "work", "--json"]);
                    let text = receipt.stdout + &receipt.stderr;
                    assert!(
                        endpoint != "revocation"
                            || !text.contains("\"confirmed\",\"proof\":\"revocation_answered\""),
                        "{fault}: {text}"
                    );
                }
            }
            sandbox.heal(fault);
            assert!(!sandbox.at(endpoint).is_empty(), "{fault}: nothing was asked of {endpoint}");
            let peak = peak_memory(agent.id());
            assert!(
                peak < at_rest + GROWTH,
                "{fault} at {endpoint}: the agent took {peak} KiB after {at_rest} KiB"
            );
            if home.run(&["token", "work"]).code != 0 {
                home.run(&["logout", "work"]);
                home.signed_in(sandbox.mcp(), "work");
            }
        }
        // The answer to the code: the sign-in fails and the account is not touched.
        sandbox.fault(fault, "code");
        let sign_in = home.add(sandbox.mcp(), &["--name", "other", "--redirect", "loopback"]);
        Person::named("bob").allow(&sign_in.address()).try_deliver();
        let said = sign_in.finish();
        assert_ne!(said.code, 0, "{fault} at the code");
        said.error(); // with a code
        sandbox.heal(fault);
        let peak = peak_memory(agent.id());
        assert!(
            peak < at_rest + GROWTH,
            "{fault} at the code: the agent took {peak} KiB after {at_rest} KiB"
        );
    }
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
}

/// A byte a moment: each call ends at its own bound, whatever still trickles, and other accounts are served meanwhile.
#[test]
fn bodies_that_drip() {
    let slow = Sandbox::start();
    let good = Sandbox::start();
    let home = Home::new();
    home.signed_in(good.mcp(), "good");
    slow.fault("drip", "prm:50");
    let waiting: Running = home.start(&[
        "add",
        slow.mcp(),
        "--name",
        "slow",
        "--redirect",
        "loopback",
        "--json",
        "--timeout",
        "60",
    ]);
    wait::until("the slow document to be asked for", || (!slow.at("prm").is_empty()).then_some(()));
    let token = home.run(&["token", "good"]).ok();
    assert_eq!(good.mcp_answers(token.text()), 200);
    home.run(&["refresh", "good"]).ok();
    let (status, _, stderr) = waiting.finish();
    assert_eq!(status.code(), Some(6), "{stderr}");
    assert!(stderr.contains("\"timed_out\""), "{stderr}");
}

/// Text that a server chose reaches neither terminal nor log as anything but text.
#[test]
fn text_that_wants_to_be_more() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    sandbox.fault("hostile-text", "");
    let mut said = Vec::new();
    sandbox.fault("refuse", "refresh:invalid_scope");
    said.push(home.run(&["refresh", "work"]));
    said.push(home.run(&["refresh", "work", "--json"]));
    sandbox.fault("refuse", "register:invalid_client_metadata");
    said.push(home.run(&[
        "add",
        sandbox.mcp(),
        "--name",
        "other",
        "--redirect",
        "localhost",
        "--timeout",
        "2",
    ]));
    sandbox.fault("refuse", "authorize:access_denied");
    let sign_in = home.add(sandbox.mcp(), &["--name", "third", "--redirect", "loopback"]);
    let http = mcp_login_tests::http_client(|client| client);
    let answer = http.get(sign_in.address()).send().expect("the sandbox answers");
    let back = answer.headers()["location"].to_str().expect("an address").to_owned();
    let page = http.get(&back).send().expect("the listener answers").text().expect("a page");
    said.push(sign_in.finish());
    sandbox.fault("refuse", "code:invalid_grant");
    let sign_in = home.add(sandbox.mcp(), &["--name", "fourth", "--redirect", "loopback"]);
    let landed = Person::named("bob").allow(&sign_in.address()).deliver();
    said.push(sign_in.finish());
    for page in [page, landed.body] {
        for bad in ["<script", "<img", "javascript:", "onerror"] {
            assert!(!page.contains(bad), "the page has {bad}: {page}");
        }
    }
    for said in &said {
        assert_ne!(said.code, 0, "`{}`", said.line);
        let text = format!("{}{}", said.stdout, said.stderr);
        let control = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "`{}` prints it: {text:?}", said.line);
        for hidden in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}'] {
            assert!(!text.contains(hidden), "`{}` prints {hidden:?}", said.line);
        }
    }
    let log = std::fs::read(home.path("data/agent.log")).unwrap_or_default();
    assert!(!log.iter().any(|byte| *byte < 0x20 && *byte != b'\n'), "control characters in the log");
}
