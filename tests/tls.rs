//! Over https, through the proxy of a company, with the authority of a test in the place of the system's: one whole story;
//! and certificates that are not to be trusted, each refused with its own code before a byte of a request has gone out.
#![cfg(target_os = "linux")]

use mcp_login_tests::{Certificate, Home, Person, Proxy, Request, Said, Sandbox, TestCa};

/// A name that no resolver knows: only the proxy does.
const NAME: &str = "mcp.test";
const TARGET: &str = "mcp.test:443";

/// A sandbox that speaks https with this certificate, and calls itself by its name or by its loopback address.
fn sandbox(certificate: &Certificate, more: &[&str]) -> Sandbox {
    let cert = certificate.cert.to_str().expect("a path in UTF-8");
    let key = certificate.key.to_str().expect("a path in UTF-8");
    let mut arguments = vec!["--tls-cert", cert, "--tls-key", key];
    arguments.extend_from_slice(more);
    Sandbox::start_with(&arguments)
}

fn behind_a_name(certificate: &Certificate) -> Sandbox {
    sandbox(certificate, &["--origin", "https://mcp.test"])
}

/// A person's place that trusts this authority, the way that every program on Linux learns of one.
fn home(ca: &TestCa) -> Home {
    let mut home = Home::new();
    home.set("SSL_CERT_FILE", ca.file());
    home
}

/// What our programs have sent to a sandbox, as it saw it.
fn ours(sandbox: &Sandbox) -> Vec<Request> {
    let log = sandbox.log().into_iter();
    log.filter(|request| request.header("user-agent").is_some_and(|agent| agent.starts_with("mcp-login/")))
        .collect()
}

#[track_caller]
fn refused(said: Said, code: &str) {
    let said = said.exits(6);
    assert_eq!(said.stdout, "");
    let error = said.error();
    assert_eq!(error["code"], code, "{error}");
    let next = error["next"].as_str().unwrap_or_default();
    assert!(next.ends_with('.') && next.len() > 20, "no next step: {error}");
}

#[test]
fn the_whole_story_through_a_proxy() {
    let ca = TestCa::new();
    let sandbox = behind_a_name(&ca.issue(&[NAME]));
    let proxy = Proxy::start(&[(TARGET, sandbox.address())]);
    let browsers = Proxy::start(&[(TARGET, sandbox.address())]);
    let mut home = home(&ca);
    home.set("HTTPS_PROXY", proxy.url()).set("NO_PROXY", "localhost,127.0.0.1");

    let sign_in = home.add("https://mcp.test/mcp", &["--name", "work", "--redirect", "loopback"]);
    let address = sign_in.address();
    assert!(address.starts_with("https://mcp.test/authorize?"), "{address}");
    // The browser's way home is loopback, and leads past every proxy.
    Person::named("alice").behind(&browsers).allow(&address).deliver();
    sign_in.finish().ok();

    let first = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(first.text()), 200);
    home.run(&["refresh", "work"]).ok();
    let second = home.run(&["token", "work"]).ok();
    assert_ne!(first.text(), second.text());
    let verified = home.run(&["status", "work", "--verify", "--json"]).ok().json();
    assert_eq!(verified["verification"]["server"], "active", "{verified}");
    let receipt = home.run(&["logout", "work", "--json"]).ok().json();
    let lines = receipt["receipts"][0]["lines"].as_array().expect("lines");
    for what in ["refresh_token", "access_token", "registration", "keychain_item"] {
        let line = lines.iter().find(|line| line["what"] == what).expect(what);
        assert_eq!(line["outcome"], "confirmed", "{line}");
    }
    assert_eq!(sandbox.mcp_answers(second.text()), 401);

    // One connection a request, all of them through the proxy, and not one of them anywhere else.
    let passed = proxy.passed();
    assert!(passed.iter().all(|target| target == TARGET), "{passed:?}");
    let arrived = ours(&sandbox);
    assert_eq!(passed.len(), arrived.len(), "{passed:?}\n{arrived:#?}");
    let endpoints: Vec<&str> = arrived.iter().map(|request| request.endpoint.as_str()).collect();
    for endpoint in ["register", "code", "refresh", "revocation", "introspection", "mcp"] {
        assert!(endpoints.contains(&endpoint), "no {endpoint} among {endpoints:?}");
    }
}

/// Loopback never goes to a proxy, whatever the environment says: there it would be the proxy's own machine.
#[test]
fn loopback_is_never_the_proxy_s() {
    let ca = TestCa::new();
    let sandbox = sandbox(&ca.issue(&["127.0.0.1"]), &[]);
    let proxy = Proxy::start(&[]);
    let mut home = home(&ca);
    home.set("HTTPS_PROXY", proxy.url()).set("HTTP_PROXY", proxy.url()).set("ALL_PROXY", proxy.url());
    home.signed_in(sandbox.mcp(), "work");
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    home.run(&["refresh", "work"]).ok();
    assert_eq!(proxy.passed(), Vec::<String>::new());
}

/// A proxy that is down is no reason to go round it.
#[test]
fn a_proxy_that_is_down_is_named() {
    let ca = TestCa::new();
    let sandbox = behind_a_name(&ca.issue(&[NAME]));
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
    let mut home = home(&ca);
    home.set("HTTPS_PROXY", format!("http://{free}"));
    refused(home.run(&["add", "https://mcp.test/mcp", "--json", "--timeout", "30"]), "proxy_failed");
    assert_eq!(ours(&sandbox).len(), 0);
    assert_eq!(home.opened(), Vec::<String>::new());
}

/// Each directly and through a proxy, which must not change what is said.
#[test]
fn certificates_that_are_not_to_be_trusted() {
    let (ca, other) = (TestCa::new(), TestCa::new());
    let hosts = ["127.0.0.1", NAME];
    let cases = [
        ("wrong host", ca.issue(&["other.test", "192.0.2.1"]), "certificate_wrong_host"),
        ("expired", ca.expired(&hosts), "certificate_expired"),
        ("self-signed", ca.self_signed(&hosts), "certificate_untrusted"),
        ("another authority", other.issue(&hosts), "certificate_untrusted"),
    ];
    for (what, certificate, code) in cases {
        let direct = sandbox(&certificate, &[]);
        refused(home(&ca).run(&["add", direct.mcp(), "--json", "--timeout", "30"]), code);
        assert_eq!(direct.log().len(), 0, "{what}: something arrived");

        let named = behind_a_name(&certificate);
        let proxy = Proxy::start(&[(TARGET, named.address())]);
        let mut home = home(&ca);
        home.set("HTTPS_PROXY", proxy.url());
        let said = home.run(&["add", "https://mcp.test/mcp", "--json", "--timeout", "30"]);
        assert!(said.error()["fact"].as_str().is_some_and(|fact| fact.contains(NAME)), "{}", said.stderr);
        refused(said, code);
        assert_eq!(named.log().len(), 0, "{what}: something arrived");
        assert!(!proxy.passed().is_empty(), "{what}: the proxy was not used");
        assert_eq!(home.opened(), Vec::<String>::new(), "{what}: a browser was opened");
    }
}

/// The system's own authorities alone do not trust a test's: the good certificate is good because of `SSL_CERT_FILE`.
#[test]
fn without_the_authority_nothing_is_trusted() {
    let (ca, other) = (TestCa::new(), TestCa::new());
    let good = sandbox(&ca.issue(&["127.0.0.1"]), &[]);
    refused(home(&other).run(&["add", good.mcp(), "--json", "--timeout", "30"]), "certificate_untrusted");
    assert_eq!(good.log().len(), 0);
    home(&ca).signed_in(good.mcp(), "work");
}

/// Somebody comes in between after the sign-in: no token goes there, the sign-in is not lost, and works again afterwards.
#[test]
fn somebody_in_between_gets_nothing() {
    let (ca, other) = (TestCa::new(), TestCa::new());
    let real = behind_a_name(&ca.issue(&[NAME]));
    let impostor = behind_a_name(&other.issue(&[NAME]));
    let proxy = Proxy::start(&[(TARGET, real.address())]);
    let mut home = home(&ca);
    home.set("HTTPS_PROXY", proxy.url());
    let sign_in = home.add("https://mcp.test/mcp", &["--name", "work", "--redirect", "loopback"]);
    Person::named("alice").behind(&proxy).allow(&sign_in.address()).deliver();
    sign_in.finish().ok();

    proxy.point(TARGET, impostor.address());
    refused(home.run(&["refresh", "work", "--json"]), "certificate_untrusted");
    // What is fresh needs nobody.
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(real.mcp_answers(token.text()), 200);
    // Signing out cannot be confirmed there either, but a second account shows that nothing was given away.
    assert_eq!(impostor.log().len(), 0, "something arrived at the impostor");

    proxy.point(TARGET, real.address());
    home.run(&["refresh", "work"]).ok();
    let newer = home.run(&["token", "work"]).ok();
    assert_ne!(token.text(), newer.text());
    assert_eq!(real.at("refresh").len(), 1);
    let account = home.run(&["list", "--json"]).ok().json()["accounts"][0].clone();
    assert_eq!(account["state"], "ready", "{account}");
}
