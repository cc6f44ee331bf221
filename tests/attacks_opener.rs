//! Authorization endpoints that want to be a command: whatever a server's metadata says, what reaches the program that
//! opens the browser is one argument, an `https` address (or `http` on this machine) written anew, or nothing.
#![cfg(target_os = "linux")]

use std::fs;

use mcp_login_tests::{Home, Sandbox, place};
use serde_json::Value;
use url::{Host, Url};

/// What attacks put there, and no browser ever sees.
const REFUSED: &[&str] = &[
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "about:blank",
    "blob:https://a.example/x",
    "view-source:https://a.example/",
    "ftp://a.example/x",
    "ms-msdt:/id PCWDiagnostic",
    "vscode://x/y",
    "io.github.mcp-login:/oauth/callback?code=x&state=y",
    "mailto:a@a.example",
    "a:$(touch pwned)",
    "$(touch pwned)",
    "`touch pwned`",
    ";touch pwned",
    "|touch pwned",
    "&&touch pwned",
    "-version",
    "--help",
    "--remote-debugging-port=0",
    "\\\\evil.example\\share\\x.exe",
    "//evil.example/share",
    "C:\\Windows\\System32\\calc.exe",
    "/bin/sh",
    "authorize",
    "",
    "https://",
    "https:\\\\evil.example\\x",
    "https://a.example\\@evil.example/",
    "https://bank.example@evil.example/",
    "https://bank.example:x@evil.example/",
    "https://$(touch pwned).example/",
    "https://`touch pwned`.example/",
    "https://$(touch${IFS}pwned).example/",
    "https://a.example;touch/",
    "https://a.example|touch/",
    "https://a.example/\r\nX-Injected: y",
    "https://a.example/\n--help",
    "https://a.example/\0",
    "https://a.example/\u{1b}[31mred",
    "https://exa mple/",
    " https://a.example/",
    "\thttps://a.example/",
    "java\nscript:alert(1)",
    "https://a.example/#fragment",
    "http://evil.example/authorize",
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1.evil.example/",
    "http://localhost.evil.example/",
    "http://localhost@evil.example/",
    "http://10.0.0.1/",
];

/// What parses as an honest address and yet has a sting: opened, but blunt.
const BLUNTED: &[&str] = &[
    "https://accounts.example/$(touch${IFS}pwned)",
    "https://accounts.example/`touch${IFS}pwned`",
    "https://accounts.example/;touch${IFS}pwned;",
    "https://accounts.example/|touch${IFS}pwned",
    "https://accounts.example/a'b\"c<d>e^f{g}h",
    "https://accounts.example/?x=$(touch${IFS}pwned)&y=`touch${IFS}pwned`",
    "https://accounts.example/?x=\"--help\"&y='%0d%0a'",
    "https://accounts.example/../../--help",
    "https://accounts.example/%0d%0aX:%20y",
    "https://accounts.example/?client_id=evil&state=evil&redirect_uri=https://evil.example&code_challenge=x&code_challenge_method=plain&response_type=token&scope=everything&resource=https://evil.example",
    "https:accounts.example",
    "https:/accounts.example",
    "HTTPS://ACCOUNTS.EXAMPLE:443/x",
    "https://bücher.example/ü?q=\u{202e}gpj.exe",
    "https://accounts.example/-version",
    "http://localhost:9/x",
    "http://[::1]:9/x",
];

/// A browser that writes down exactly what it is started with.
fn watch_arguments(home: &Home) {
    let file = home.path("bin/xdg-open");
    let script =
        format!("#!/bin/sh\n{{ printf '%s\\0' \"$#\" \"$@\"; }} >>'{}'\n", home.path("arguments").display());
    place::script(&file, &script);
}

/// Every start of the browser: its arguments.
fn starts(home: &Home) -> Vec<Vec<String>> {
    let bytes = fs::read(home.path("arguments")).unwrap_or_default();
    let mut words = bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    let mut all = Vec::new();
    while let Some(count) = words.next().filter(|word| !word.is_empty()) {
        all.push((0..count.parse().expect("a count")).filter_map(|_| words.next()).collect());
    }
    all
}

/// One `add` against an endpoint, until it ends by itself or after a second.
fn add(home: &Home, sandbox: &Sandbox, endpoint: &str) -> mcp_login_tests::Said {
    sandbox.control(
        "POST",
        "faults",
        &serde_json::json!({ "metadata-field": format!("authorization_endpoint={}", Value::from(endpoint)) }),
    );
    home.run(&["add", sandbox.mcp(), "--name", "work", "--redirect", "loopback", "--json", "--timeout", "1"])
}

#[track_caller]
fn no_trace(home: &Home, endpoint: &str) {
    for place in ["person", "bin", "run", "config", "data", "."] {
        assert!(!home.path(place).join("pwned").exists(), "{endpoint:?} was run");
    }
}

#[test]
fn what_is_no_address_is_not_opened() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    watch_arguments(&home);
    for endpoint in REFUSED {
        let said = add(&home, &sandbox, endpoint);
        assert!(matches!(said.code, 1 | 9), "{endpoint:?}: {} {}{}", said.code, said.stdout, said.stderr);
        let text = said.stdout + &said.stderr;
        assert!(!text.contains("\"browser\""), "{endpoint:?} was offered: {text}");
        assert!(!text.contains(['\u{1b}', '\0', '\r']), "{endpoint:?} reached the terminal: {text:?}");
        assert_eq!(starts(&home), Vec::<Vec<String>>::new(), "{endpoint:?} started a browser");
        no_trace(&home, endpoint);
    }
    let long = format!("https://a.example/{}", "x".repeat(64 * 1024));
    assert!(matches!(add(&home, &sandbox, &long).code, 1 | 9), "64 KiB");
    assert_eq!(starts(&home), Vec::<Vec<String>>::new(), "64 KiB");
    // The real one still works.
    sandbox.heal("metadata-field");
    home.run(&["add", sandbox.mcp(), "--name", "work", "--redirect", "loopback", "--timeout", "1"]).exits(10);
    assert_eq!(starts(&home).len(), 1, "the honest address is not opened");
}

#[test]
fn what_is_opened_is_written_anew() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    watch_arguments(&home);
    for (index, endpoint) in BLUNTED.iter().enumerate() {
        let said = add(&home, &sandbox, endpoint).exits(10);
        let starts = starts(&home);
        assert_eq!(starts.len(), index + 1, "{endpoint:?}: {starts:?}");
        let [address] = &starts[index][..] else { panic!("{endpoint:?}: {:?}", starts[index]) };
        blunt(endpoint, address);
        // What programs are told to open is the same.
        let event: Value = serde_json::from_str(said.stdout.lines().next().expect("an event")).expect("JSON");
        assert_eq!(event["authorization_url"], **address, "{endpoint:?}");
        no_trace(&home, endpoint);
    }
}

/// Without a browser the address is printed, to be copied into a shell perhaps.
#[test]
fn what_is_printed_is_the_same() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    watch_arguments(&home);
    let endpoint = "https://accounts.example/$(touch${IFS}pwned)?x=`id`";
    sandbox.control(
        "POST",
        "faults",
        &serde_json::json!({ "metadata-field": format!("authorization_endpoint={}", Value::from(endpoint)) }),
    );
    let said = home.run(&["add", sandbox.mcp(), "--no-browser", "--timeout", "1"]).exits(10);
    let text = said.stdout + &said.stderr;
    let address = text.lines().find(|line| line.contains("code_challenge")).expect("the address is printed");
    blunt(endpoint, address.trim());
    assert_eq!(starts(&home), Vec::<Vec<String>>::new());
}

/// An address that says the same thing to a browser, a shell and a person.
#[track_caller]
fn blunt(endpoint: &str, address: &str) {
    let url = Url::parse(address).unwrap_or_else(|error| panic!("{endpoint:?} became {address:?}: {error}"));
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    assert!(
        url.scheme() == "https" || (url.scheme() == "http" && loopback),
        "{endpoint:?} became {address:?}"
    );
    assert!(
        address.starts_with("https://") || address.starts_with("http://"),
        "{endpoint:?} became {address:?}"
    );
    assert_eq!(url.as_str(), address, "{endpoint:?} was not written anew");
    let bad = |byte: &u8| !byte.is_ascii_graphic() || b"$`\"'()<>{}|\\^;".contains(byte);
    // Brackets are an IPv6 host's, and nothing else's.
    let path = &address[address.find("://").expect("checked above") + 3..];
    let path = &path[path.find('/').expect("a path")..];
    assert!(!address.bytes().any(|byte| bad(&byte)), "{endpoint:?} became {address:?}");
    assert!(!path.contains(['[', ']']), "{endpoint:?} became {address:?}");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{address}");
    // Each of our parameters is there once, and ours.
    for name in [
        "response_type",
        "client_id",
        "state",
        "code_challenge",
        "code_challenge_method",
        "redirect_uri",
        "resource",
    ] {
        let values: Vec<_> =
            url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect();
        assert_eq!(values.len(), 1, "{endpoint:?}: {name} in {address}");
        assert!(!values[0].contains("evil"), "{endpoint:?}: {name} in {address}");
    }
    let pair =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(pair("code_challenge_method").as_deref(), Some("S256"), "{endpoint:?}");
    assert_eq!(pair("response_type").as_deref(), Some("code"), "{endpoint:?}");
}
