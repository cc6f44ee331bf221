//! Callbacks that belong to nobody, or are not to be believed, through all three doors: the loopback listener, an address
//! pasted into the waiting command, and `mcp-login callback`. Each time nothing changes, nothing of what was sent comes
//! back, the audit log has a line, and afterwards the person's own sign-in completes.
#![cfg(any(target_os = "linux", windows))]

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};

use mcp_login_tests::child::Lines;
use mcp_login_tests::raw::{self, Local};
use mcp_login_tests::{Home, Person, Redirect, Sandbox, wait};
use serde_json::{Value, json};

/// Stands in every forged callback where a page, a terminal or a log might show it.
const MARK: &str = "qzx7marker";

/// A forged callback, and what it counts as.
struct Forgery {
    what: &'static str,
    url: String,
    code: &'static str,
}

/// The address with its query written anew.
fn queried(redirect: &Redirect, query: &str) -> String {
    format!("{}?{query}", redirect.url.split('?').next().expect("split has a first part"))
}

/// `name=value&…` of the real one, without the parameters of these names.
fn without(redirect: &Redirect, names: &[&str]) -> String {
    let query = redirect.url.split_once('?').expect("a response has a query").1;
    query
        .split('&')
        .filter(|pair| !names.contains(&pair.split('=').next().unwrap_or_default()))
        .collect::<Vec<_>>()
        .join("&")
}

/// Everything that an attacker might send in the place of `real`. The first ones do not know the `state`; the later ones
/// do, which is more than any attacker should.
fn forgeries(real: &Redirect, stranger_s_code: &str) -> Vec<Forgery> {
    let state = real.param("state").expect("a response has a state");
    let iss = real.param("iss").expect("the sandbox names itself");
    let mut all = Vec::new();
    let mut add = |what, url: String, code| all.push(Forgery { what, url, code });
    let other = format!("state={MARK}");

    add("wrong state", real.with("state", MARK).url, "callback_unmatched");
    add(
        "a stranger's valid code (login CSRF)",
        real.with("state", MARK).with("code", stranger_s_code).url,
        "callback_unmatched",
    );
    add(
        "an error with a wrong state",
        queried(real, &format!("error=access_denied&error_description={MARK}&{other}&iss={iss}")),
        "callback_unmatched",
    );
    add(
        "all but the last letter of the state",
        real.with("state", &state[..state.len() - 1]).url,
        "callback_unmatched",
    );
    add("the state and a letter more", real.with("state", &format!("{state}x")).url, "callback_unmatched");
    add("the state in capitals", real.with("state", &state.to_uppercase()).url, "callback_unmatched");
    add("no state", queried(real, &without(real, &["state"])), "callback_malformed");
    add("an empty state", real.with("state", "").url, "callback_malformed");
    add(
        "an error without a state",
        queried(real, &format!("error=access_denied&error_description={MARK}")),
        "callback_malformed",
    );
    add("nothing at all", queried(real, ""), "callback_malformed");
    add(
        "markup as state",
        real.with("state", &format!("\"><script>alert('{MARK}')</script>")).url,
        "callback_unmatched",
    );
    add(
        "markup and control characters in the description",
        queried(
            real,
            &format!(
                "error=%3Cscript%3E{MARK}&error_description=%1b%5b31m%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E{MARK}%0d%0aSet-Cookie:%20a=b&error_uri=javascript:{MARK}&{other}"
            ),
        ),
        "callback_unmatched",
    );
    add("a code of 24 KiB", real.with("code", &MARK.repeat(2_458)).url, "callback_malformed");
    add("a state of 24 KiB", real.with("state", &MARK.repeat(2_458)).url, "callback_malformed");

    add("two codes", queried(real, &format!("{}&code={MARK}", without(real, &[]))), "callback_malformed");
    add("two states", queried(real, &format!("{}&state={MARK}", without(real, &[]))), "callback_malformed");
    add(
        "two states, the right one last",
        queried(real, &format!("state={MARK}&{}", without(real, &[]))),
        "callback_malformed",
    );
    add(
        "two issuers",
        queried(real, &format!("{}&iss=https://{MARK}.example", without(real, &[]))),
        "callback_malformed",
    );
    add(
        "two errors",
        queried(real, &format!("error={MARK}&error={MARK}&{}", without(real, &["code"]))),
        "callback_malformed",
    );
    add(
        "a code and an error",
        queried(real, &format!("{}&error=access_denied", without(real, &[]))),
        "callback_malformed",
    );
    add("neither code nor error", queried(real, &without(real, &["code"])), "callback_malformed");
    add("an empty code", real.with("code", "").url, "callback_malformed");

    let mix_up = format!("https://{MARK}.example");
    add("another issuer", real.with("iss", &mix_up).url, "callback_issuer");
    add("the issuer and a slash", real.with("iss", &format!("{iss}/")).url, "callback_issuer");
    add("the issuer in capitals", real.with("iss", &iss.to_uppercase()).url, "callback_issuer");
    add("an empty issuer", real.with("iss", "").url, "callback_issuer");
    add("no issuer, though it was announced", queried(real, &without(real, &["iss"])), "callback_issuer");
    let error = |iss: &str| {
        queried(
            real,
            &format!("error=access_denied&error_description={MARK}&{}{iss}", without(real, &["code", "iss"])),
        )
    };
    add("an error of another issuer", error(&format!("&iss={mix_up}")), "callback_issuer");
    add("an error of no issuer, though it was announced", error(""), "callback_issuer");
    all
}

/// A code that the issuer gave to somebody else: an attacker's own, for login CSRF.
fn stranger_s_code(sandbox: &Sandbox) -> String {
    let home = Home::new();
    let sign_in = home.add(sandbox.mcp(), &["--name", "evil", "--redirect", "loopback"]);
    let code = Person::named("bob").allow(&sign_in.address()).param("code").expect("a code");
    assert_eq!(sandbox.at("code").len(), 0);
    code
}

/// What a person has on the screen: the address of the sign-in that `home` opened last.
fn waiting_sign_ins(home: &Home) -> Vec<Value> {
    let list = Local::connect(home).result("sign_in.list", &json!({}));
    list["sign_ins"].as_array().expect("a list").clone()
}

/// Nothing has changed: nobody was signed in, no code was spent, the sign-in waits as before.
#[track_caller]
fn nothing_changed(home: &Home, sandbox: &Sandbox, what: &str) {
    let waiting = waiting_sign_ins(home);
    assert_eq!(waiting.len(), 1, "{what}: the sign-in does not wait any more: {waiting:?}");
    assert_eq!(waiting[0]["progress"]["step"], "browser", "{what}: {waiting:?}");
    assert_eq!(
        home.run(&["list", "--json"]).ok().json()["accounts"],
        json!([]),
        "{what}: there is an account"
    );
    assert_eq!(sandbox.at("code").len(), 0, "{what}: a code was sent to the token endpoint");
}

/// One line about it in the audit log, with its code and its door, and nothing of what was sent.
#[track_caller]
fn recorded(home: &Home, count: usize, forgery: &Forgery, door: &str) {
    let lines = home.wait_for_audit("stray_callback", count);
    let line = &lines[count - 1];
    assert_eq!(line["code"], forgery.code, "{}: {line}", forgery.what);
    assert_eq!(line["outcome"], "denied", "{}: {line}", forgery.what);
    assert_eq!(line["note"], door, "{}: {line}", forgery.what);
    let text = line.to_string();
    assert!(
        !text.contains(MARK) && !text.contains("code="),
        "{}: the audit log repeats it: {line}",
        forgery.what
    );
}

/// The real one still works, and gives a token that works.
fn completes(home: &Home, sandbox: &Sandbox) {
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    assert_eq!(sandbox.at("code").len(), 1);
}

fn listener_of(redirect: &Redirect) -> SocketAddr {
    let url = url::Url::parse(&redirect.url).expect("an address");
    SocketAddr::from(([127, 0, 0, 1], url.port().expect("a loopback redirect has a port")))
}

fn target_of(url: &str) -> &str {
    &url[url.find("/callback").expect("our path")..]
}

/// What the browser would show, whole.
fn get(address: SocketAddr, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    raw::tcp(address, request.as_bytes()).expect("the listener is there")
}

/// The page is one of ours: inert, and with nothing in it of what was asked.
#[track_caller]
fn inert(page: &str, what: &str) {
    for bad in [MARK, "<script", "alert(", "onerror", "javascript:", "Set-Cookie", "code="] {
        assert!(!page.contains(bad), "{what}: the page has {bad}:\n{page}");
    }
    assert!(page.contains("Content-Security-Policy: default-src 'none'"), "{what}: {page}");
    assert!(!page.to_lowercase().contains("access-control-allow"), "{what}: {page}");
}

#[test]
fn through_the_loopback_listener() {
    let sandbox = Sandbox::start();
    let stranger = stranger_s_code(&sandbox);
    let home = Home::new();
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "loopback"]);
    let real = Person::named("alice").allow(&sign_in.address());
    let address = listener_of(&real);
    for (index, forgery) in forgeries(&real, &stranger).iter().enumerate() {
        let page = get(address, target_of(&forgery.url));
        assert!(
            page.starts_with("HTTP/1.1 400 "),
            "{}: {}",
            forgery.what,
            page.lines().next().unwrap_or_default()
        );
        inert(&page, forgery.what);
        nothing_changed(&home, &sandbox, forgery.what);
        recorded(&home, index + 1, forgery, "loopback");
    }
    let landed = real.deliver();
    assert_eq!(landed.status, 200, "{}", landed.body);
    let said = sign_in.finish().ok();
    assert!(!said.stdout.contains(MARK) && !said.stderr.contains(MARK), "{}{}", said.stdout, said.stderr);
    completes(&home, &sandbox);
}

#[test]
fn through_the_callback_command() {
    let sandbox = Sandbox::start();
    let stranger = stranger_s_code(&sandbox);
    let home = Home::new();
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "scheme"]);
    let real = Person::named("alice").allow(&sign_in.address());
    let forgeries = forgeries(&real, &stranger);
    for (index, forgery) in forgeries.iter().enumerate() {
        // As the desktop starts it, and as a person pipes it in. The shell of Windows hands over 2 KiB at most.
        let too_long_to_be_started_with = cfg!(windows) && forgery.url.len() > 2_048;
        let said = if index % 2 == 0 && !too_long_to_be_started_with {
            home.run(&["callback", &forgery.url, "--json"])
        } else {
            home.run_with_input(&["callback", "-", "--json"], &forgery.url)
        };
        let error = said.clone().exits(if forgery.code == "callback_malformed" { 2 } else { 9 }).stderr;
        assert!(
            error.contains(forgery.code) || said.stdout.contains(forgery.code),
            "{}: {error}",
            forgery.what
        );
        let text = said.stdout + &error;
        assert!(!text.contains(MARK), "{}: the error repeats it: {text}", forgery.what);
        nothing_changed(&home, &sandbox, forgery.what);
        recorded(&home, index + 1, forgery, "api");
    }
    home.run(&["callback", &real.url]).ok();
    sign_in.finish().ok();
    completes(&home, &sandbox);

    // Once.
    let again = home.run(&["callback", &real.url, "--json"]).exits(9);
    assert!(
        (again.stdout.clone() + &again.stderr).contains("callback_used"),
        "{}{}",
        again.stdout,
        again.stderr
    );
    let lines = home.wait_for_audit("stray_callback", forgeries.len() + 1);
    assert_eq!(lines.last().expect("a line")["code"], "callback_used");
    assert_eq!(sandbox.at("code").len(), 1, "a code was spent twice");
    home.run(&["token", "work"]).ok();
}

/// `mcp-login add` with a keyboard.
struct Typing {
    child: Child,
    shown: Lines,
}

impl Typing {
    fn start(home: &Home, url: &str) -> Typing {
        let mut command = home.command(&["add", url, "--name", "work", "--redirect", "loopback"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let shown = Lines::of(child.stdout.take(), child.stderr.take());
        Typing { child, shown }
    }

    fn type_in(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("piped above");
        writeln!(input, "{line}").expect("it reads");
    }
}

impl Drop for Typing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn through_a_pasted_address() {
    let sandbox = Sandbox::start();
    let stranger = stranger_s_code(&sandbox);
    let home = Home::new();
    let mut typing = Typing::start(&home, sandbox.mcp());
    let real = Person::named("alice").allow(&home.opened_at(0));
    let forgeries = forgeries(&real, &stranger);
    for (index, forgery) in forgeries.iter().enumerate() {
        typing.type_in(&forgery.url);
        recorded(&home, index + 1, forgery, "pasted");
        nothing_changed(&home, &sandbox, forgery.what);
    }
    typing.type_in(&real.url);
    let status = wait::until("the command to end", || typing.child.try_wait().expect("our own child"));
    let shown = typing.shown.rest().join("\n");
    assert!(status.success(), "{shown}");
    assert!(!shown.contains(MARK) && !shown.contains('\u{1b}'), "what was pasted is shown:\n{shown}");
    completes(&home, &sandbox);
}

/// What arrives at the listener's port and is no callback at all.
#[test]
fn rubbish_at_the_listener() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "loopback"]);
    let real = Person::named("alice").allow(&sign_in.address());
    let address = listener_of(&real);
    let target = target_of(&real.url);
    let huge = "x".repeat(100_000);
    let requests: &[(&str, String, &[&str])] = &[
        (
            "a foreign host",
            format!("GET {target} HTTP/1.1\r\nHost: evil.example:{}\r\n\r\n", address.port()),
            &["403"],
        ),
        (
            "a name that leads here",
            format!("GET {target} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", address.port()),
            &["403"],
        ),
        ("another port", format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"), &["403"]),
        ("no host", format!("GET {target} HTTP/1.1\r\n\r\n"), &["400"]),
        (
            "two hosts",
            format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nHost: evil.example\r\n\r\n"),
            &["400"],
        ),
        ("POST", format!("POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n"), &["405"]),
        ("HEAD", format!("HEAD {target} HTTP/1.1\r\nHost: {address}\r\n\r\n"), &["405"]),
        (
            "OPTIONS",
            format!(
                "OPTIONS {target} HTTP/1.1\r\nHost: {address}\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n\r\n"
            ),
            &["405"],
        ),
        ("get in small letters", format!("get {target} HTTP/1.1\r\nHost: {address}\r\n\r\n"), &["405"]),
        ("another path", format!("GET /other{target} HTTP/1.1\r\nHost: {address}\r\n\r\n"), &["404"]),
        ("a path with dots", format!("GET /x/..{target} HTTP/1.1\r\nHost: {address}\r\n\r\n"), &["404"]),
        ("two slashes", format!("GET /{target} HTTP/1.1\r\nHost: {address}\r\n\r\n"), &["404"]),
        (
            "a slash behind",
            format!(
                "GET {} HTTP/1.1\r\nHost: {address}\r\n\r\n",
                target.replacen("/callback", "/callback/", 1)
            ),
            &["404"],
        ),
        ("a whole address", format!("GET {} HTTP/1.1\r\nHost: {address}\r\n\r\n", real.url), &["404"]),
        ("a space in the target", format!("GET {target} x HTTP/1.1\r\nHost: {address}\r\n\r\n"), &["400"]),
        ("HTTP/0.9", format!("GET {target}\r\n\r\n"), &["400"]),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &["400"]),
        ("HTTP/3.0", format!("GET {target} HTTP/3.0\r\nHost: {address}\r\n\r\n"), &["400"]),
        ("a zero byte", format!("GET {target}\0 HTTP/1.1\r\nHost: {address}\r\n\r\n"), &["400"]),
        (
            "a header without a colon",
            format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n{MARK}\r\n\r\n"),
            &["400"],
        ),
        (
            "a header of 100 KB",
            format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nX: {huge}\r\n\r\n"),
            &["431", ""],
        ),
        (
            "a target of 100 KB",
            format!("GET {target}&x={huge} HTTP/1.1\r\nHost: {address}\r\n\r\n"),
            &["431", ""],
        ),
        ("only line feeds", format!("GET {target} HTTP/1.1\nHost: {address}\n\n"), &[""]),
        ("half a request", format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n"), &[""]),
        ("nothing", String::new(), &[""]),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}".to_owned(), &["400", ""]),
        ("SSH", "SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned(), &["400"]),
    ];
    for (what, request, expected) in requests {
        let answer =
            raw::tcp(address, request.as_bytes()).unwrap_or_else(|| panic!("{what}: the listener is gone"));
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(expected.contains(&status), "{what}: {answer:?}");
        if !status.is_empty() {
            inert(&answer, what);
        }
        nothing_changed(&home, &sandbox, what);
    }
    // Who came with a whole answer at the wrong door is in the record.
    let lines = home.wait_for_audit("stray_callback", 3);
    for status in ["403", "405", "404"] {
        let found = lines.iter().any(|line| line["note"].as_str().is_some_and(|note| note.contains(status)));
        assert!(found, "no audit line about status {status}: {lines:?}");
    }
    assert!(lines.len() <= 32, "rubbish fills the audit log: {} lines", lines.len());

    // More silent connections than the listener keeps at a time: the person's browser still gets through.
    let silent: Vec<_> =
        (0..64).map(|_| TcpStream::connect(address).expect("the listener is there")).collect();
    assert_eq!(real.deliver().status, 200);
    drop(silent);
    sign_in.finish().ok();
    completes(&home, &sandbox);
}

/// Two sign-ins at a time: what belongs to one is of no use at the other's door, and harms neither.
#[test]
fn at_another_sign_in_s_door() {
    let sandbox = Sandbox::start();
    let home = Home::new();
    let first = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "loopback"]);
    let alice = Person::named("alice").allow(&first.address());
    let second = home.add(sandbox.mcp(), &["--name", "personal", "--redirect", "loopback"]);
    let bob = Person::named("bob").allow(&second.address());
    let (at_first, at_second) = (listener_of(&alice), listener_of(&bob));
    assert_ne!(at_first, at_second);

    let page = get(at_second, target_of(&alice.url));
    assert!(page.starts_with("HTTP/1.1 400 "), "{page}");
    let line = home.wait_for_audit("stray_callback", 1).remove(0);
    assert_eq!(line["code"], "callback_malformed", "{line}");
    // The code of one with the state of the other: the state finds its sign-in, and the verifier does not fit the code.
    assert_eq!(sandbox.at("code").len(), 0);

    assert_eq!(alice.deliver().status, 200);
    first.finish().ok();
    assert_eq!(bob.deliver().status, 200);
    second.finish().ok();
    for name in ["work", "personal"] {
        let token = home.run(&["token", name]).ok();
        assert_eq!(sandbox.mcp_answers(token.text()), 200);
    }
}

/// An issuer that itself sends wrong answers: the person hears why nothing comes, and gives up or not.
#[test]
fn an_issuer_that_names_another() {
    let sandbox = Sandbox::start_with(&["--fault", "wrong-iss"]);
    let home = Home::new();
    let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "loopback"]);
    let wrong = Person::named("alice").allow(&sign_in.address());
    let landed = wrong.deliver();
    assert_eq!(landed.status, 400);
    nothing_changed(&home, &sandbox, "wrong iss");
    let mut sign_in = sign_in;
    // The waiting command says so at once, and goes on waiting.
    let told = sign_in.running().line_with(|line| {
        let value: Value = serde_json::from_str(line).ok()?;
        (value["event"] == "answer_refused").then_some(value)
    });
    assert_eq!(told["error"]["code"], "callback_issuer", "{told}");
    sandbox.heal("wrong-iss");
    Person::named("alice").allow(&sign_in.address()).deliver();
    sign_in.finish().ok();
    completes(&home, &sandbox);
}

/// Other ways in which the issuer itself spoils its answer.
#[test]
fn an_issuer_that_spoils_its_answer() {
    for (fault, argument) in
        [("wrong-state", ""), ("no-state", ""), ("doubled-parameters", ""), ("no-iss", "parameter")]
    {
        let sandbox = Sandbox::start();
        let home = Home::new();
        let sign_in = home.add(sandbox.mcp(), &["--name", "work", "--redirect", "loopback"]);
        sandbox.fault(fault, argument);
        assert_eq!(Person::named("alice").allow(&sign_in.address()).deliver().status, 400, "{fault}");
        nothing_changed(&home, &sandbox, fault);
        home.wait_for_audit("stray_callback", 1);
        sandbox.heal(fault);
        Person::named("alice").allow(&sign_in.address()).deliver();
        sign_in.finish().ok();
        completes(&home, &sandbox);
    }
}

/// No deep link starts, adds or opens anything.
#[test]
fn a_link_that_nobody_waits_for() {
    let home = Home::new();
    let link = "io.github.mcp-login:/oauth/callback?code=x&state=y";
    // Without an agent none is started for it.
    home.run(&["callback", link]).exits(8);
    assert_eq!(home.agents(), Vec::<u32>::new());
    home.run(&["agent", "start"]).ok();
    for link in [
        link,
        "io.github.mcp-login:/add?url=https://evil.example",
        "io.github.mcp-login:/oauth/callback",
        "io.github.mcp-login:--json",
        "io.github.mcp-login:$(touch pwned)",
        "https://evil.example/callback?code=x&state=y",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "../../etc/passwd",
    ] {
        let said = home.run(&["callback", link]);
        assert!(matches!(said.code, 2 | 9), "{link}: {} {}", said.code, said.stderr);
    }
    home.wait_for_audit("stray_callback", 9);
    assert_eq!(home.opened(), Vec::<String>::new());
    assert_eq!(waiting_sign_ins(&home), Vec::<Value>::new());
    assert_eq!(home.run(&["list", "--json"]).ok().json()["accounts"], json!([]));
    assert!(!home.path("person/pwned").exists());
}
