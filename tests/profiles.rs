//! Providers and servers as they are: those that leave out what the specification asks for, older servers, clients that
//! somebody registered beforehand, and what a person can pin. What is different about each is read in the sandbox's log.
#![cfg(target_os = "linux")]

use mcp_login_tests::{Home, Page, Person, Proxy, Request, Said, Sandbox, TestCa};
use serde_json::json;

const MEMORY: &str = "vault = \"memory\"\n";

/// A provider under its own name and over https, so that the profile is found that everybody has.
struct Provider {
    sandbox: Sandbox,
    proxy: Proxy,
    home: Home,
    mcp: String,
    _ca: TestCa,
}

fn provider(guise: &str, host: &str) -> Provider {
    let ca = TestCa::new();
    let certificate = ca.issue(&[host]);
    let (cert, key) = (certificate.cert.display().to_string(), certificate.key.display().to_string());
    let origin = format!("https://{host}");
    let sandbox =
        Sandbox::start_with(&["--guise", guise, "--origin", &origin, "--tls-cert", &cert, "--tls-key", &key]);
    let proxy = Proxy::start(&[(&format!("{host}:443"), sandbox.address())]);
    let mut home = Home::new();
    home.set("SSL_CERT_FILE", ca.file()).set("HTTPS_PROXY", proxy.url());
    let mcp = format!("{origin}/mcp");
    Provider { sandbox, proxy, home, mcp, _ca: ca }
}

impl Provider {
    /// Signs alice in as `work`, and fetches and uses a token.
    fn sign_in(&self) {
        let sign_in = self.home.add(&self.mcp, &["--name", "work"]);
        Person::named("alice").behind(&self.proxy).allow(&sign_in.address()).deliver();
        sign_in.finish().ok();
        self.uses();
    }

    fn uses(&self) -> Said {
        let token = self.home.run(&["token", "work"]).ok();
        assert_eq!(self.sandbox.mcp_answers(token.text()), 200);
        token
    }
}

/// The only request of its kind.
#[track_caller]
fn only(sandbox: &Sandbox, endpoint: &str) -> Request {
    let all = sandbox.at(endpoint);
    assert_eq!(all.len(), 1, "{endpoint}: {all:#?}");
    all.into_iter().next().expect("one")
}

/// What always holds, whoever the provider is.
fn pkce(sandbox: &Sandbox) {
    for asked in sandbox.at("authorize").iter().filter(|request| request.method == "GET") {
        assert_eq!(asked.param("code_challenge_method"), Some("S256"), "{asked:?}");
        assert!(asked.param("code_challenge").is_some_and(|challenge| challenge.len() == 43), "{asked:?}");
    }
    for exchange in sandbox.at("code") {
        assert!(exchange.param("code_verifier").is_some(), "{exchange:?}");
    }
}

/// A port that nobody has, for a redirect that has to be said beforehand.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound port").port()
}

const ENTRA: &str = "https://login.microsoftonline.com/12345678-1234-1234-1234-123456789012/v2.0";

#[test]
fn microsoft_entra() {
    let entra = provider("entra", "login.microsoftonline.com");
    let Provider { sandbox, home, .. } = &entra;
    // As an administrator registers a desktop program there: `localhost`, the port left open.
    let client = json!({ "client_id": "our-client", "redirect_uris": ["http://localhost/callback"] });
    sandbox.control("POST", "clients", &client);
    let settings = format!(
        "{MEMORY}[clients.\"{ENTRA}\"]\nclient_id = \"our-client\"\nredirect_uri = \"http://localhost/callback\"\n"
    );
    home.write_settings(&settings);
    entra.sign_in();
    home.run(&["refresh", "work"]).ok();
    entra.uses();

    pkce(sandbox);
    let asked = sandbox.at("authorize").remove(0);
    assert_eq!(asked.param("client_id"), Some("our-client"));
    assert!(asked.param("redirect_uri").is_some_and(|uri| uri.starts_with("http://localhost:")), "{asked:?}");
    assert_eq!(asked.param("prompt"), None, "an administrator's tenant would lock people out");
    // It refuses requests with `resource`; nobody but this provider goes without.
    for endpoint in ["authorize", "code", "refresh"] {
        for request in sandbox.at(endpoint) {
            assert!(request.params.get("resource").is_none(), "{request:?}");
            assert!(request.query.get("resource").is_none(), "{request:?}");
        }
    }
    assert_eq!(only(sandbox, "code").param("client_id"), Some("our-client"));
    assert_eq!(only(sandbox, "refresh").param("client_id"), Some("our-client"));

    // It revokes nothing, and the receipt claims nothing: the token works until it ends.
    let token = entra.uses();
    let access = home.run(&["logout", "work", "--json"]).ok().receipt_line("access_token");
    assert_eq!(access["outcome"], "not_offered", "{access}");
    assert!(access["valid_until"].is_u64(), "{access}");
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    home.run(&["token", "work"]).exits(5);
}

/// It is the profile that vouches and that leaves `resource` out: without it the same server is refused, or refuses.
#[test]
fn entra_without_its_profile() {
    let entra = provider("entra", "login.microsoftonline.com");
    let profile = |s256: &str| {
        format!(
            "{MEMORY}[clients.\"{ENTRA}\"]\nclient_id = \"our-client\"\nredirect_uri = \"http://localhost/callback\"\n\
             [[profile]]\nname = \"mine\"\ntitle = \"Mine\"\nissuers = [\"{ENTRA}\"]\ns256 = \"{s256}\"\n"
        )
    };
    entra.home.write_settings(&profile("announced"));
    let said = entra.home.run(&["add", &entra.mcp, "--json", "--timeout", "30"]).exits(9);
    assert_eq!(said.error()["code"], "pkce_missing", "{}", said.stderr);
    assert_eq!(entra.sandbox.at("authorize").len(), 0);
    assert_eq!(entra.home.opened(), Vec::<String>::new());

    let client = json!({ "client_id": "our-client", "redirect_uris": ["http://localhost/callback"] });
    entra.sandbox.control("POST", "clients", &client);
    entra.home.run(&["agent", "stop"]).ok();
    entra.home.write_settings(&profile("vouched"));
    let sign_in = entra.home.add(&entra.mcp, &["--name", "work"]);
    let address = sign_in.address();
    assert!(address.contains("resource="), "{address}");
    let browser = mcp_login_tests::http_client(|client| {
        let proxy = reqwest::Proxy::all(entra.proxy.url()).expect("an address");
        client.tls_danger_accept_invalid_certs(true).proxy(proxy)
    });
    let answer = browser.get(&address).send().expect("the provider answers");
    let back = answer.headers().get("location").and_then(|to| to.to_str().ok()).expect("a redirect");
    assert!(back.contains("error=invalid_target"), "{back}");
}

#[test]
fn amazon_cognito() {
    let issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_FDyGrrjP6";
    let cognito = provider("cognito", "cognito-idp.us-east-1.amazonaws.com");
    let Provider { sandbox, home, .. } = &cognito;
    // It compares redirects as whole texts, with the port.
    let redirect = format!("http://localhost:{}/callback", free_port());
    sandbox.control("POST", "clients", &json!({ "client_id": "our-client", "redirect_uris": [redirect] }));
    let settings = format!(
        "{MEMORY}[clients.\"{issuer}\"]\nclient_id = \"our-client\"\nredirect_uri = \"{redirect}\"\n"
    );
    home.write_settings(&settings);
    cognito.sign_in();
    home.run(&["refresh", "work"]).ok();
    home.run(&["refresh", "work"]).ok();
    let token = cognito.uses();

    pkce(sandbox);
    let asked = sandbox.at("authorize").remove(0);
    assert_eq!(asked.param("redirect_uri"), Some(redirect.as_str()));
    assert_eq!(asked.param("resource"), Some(cognito.mcp.as_str()));
    // It keeps its refresh token: the same one both times, and it was not lost when no new one came.
    let refreshes = sandbox.at("refresh");
    assert_eq!(refreshes.len(), 2);
    assert_eq!(refreshes[0].param("refresh_token"), refreshes[1].param("refresh_token"));
    assert_eq!(refreshes[0].param("resource"), Some(cognito.mcp.as_str()));

    let refresh = home.run(&["logout", "work", "--json"]).ok().receipt_line("refresh_token");
    assert_eq!(refresh["outcome"], "confirmed", "{refresh}");
    assert_eq!(sandbox.mcp_answers(token.text()), 401, "the access token goes with it");
}

/// The whole story at a server of an older revision.
fn story(arguments: &[&str]) -> (Sandbox, Home) {
    let sandbox = Sandbox::start_with(arguments);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let first = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(first.text()), 200);
    home.run(&["refresh", "work"]).ok();
    let second = home.run(&["token", "work"]).ok();
    assert_ne!(first.text(), second.text());
    assert_eq!(sandbox.mcp_answers(second.text()), 200);
    pkce(&sandbox);
    assert_eq!(only(&sandbox, "register").status, 201);
    (sandbox, home)
}

#[test]
fn a_server_of_2025_03_26_with_metadata_at_its_root() {
    let (sandbox, home) = story(&["--guise", "legacy-2025-03-26"]);
    assert!(sandbox.at("prm").iter().all(|request| request.answered(404)), "it has no such document");
    let read = sandbox.at("metadata");
    assert!(read.iter().any(|request| request.answered(200)), "{read:#?}");
    assert_eq!(
        home.run(&["logout", "work", "--json"]).ok().receipt_line("refresh_token")["outcome"],
        "confirmed"
    );
}

#[test]
fn a_server_of_2025_03_26_with_nothing_but_default_endpoints() {
    let (sandbox, home) = story(&["--guise", "legacy-2025-03-26-endpoints"]);
    assert!(sandbox.at("metadata").iter().all(|request| request.answered(404)), "it has no metadata");
    let paths: Vec<String> =
        ["authorize", "code", "register"].map(|at| sandbox.at(at)[0].path.clone()).into();
    assert_eq!(paths, ["/authorize", "/token", "/register"]);
    // Nobody says where to revoke, and nobody guesses.
    assert_eq!(
        home.run(&["logout", "work", "--json"]).ok().receipt_line("refresh_token")["outcome"],
        "not_offered"
    );
    assert_eq!(sandbox.at("revocation").len(), 0);
}

#[test]
fn a_server_of_2025_06_18() {
    let (sandbox, home) = story(&["--guise", "legacy-2025-06-18"]);
    assert!(sandbox.at("prm").iter().any(|request| request.answered(200)));
    assert_eq!(sandbox.at("code")[0].param("resource"), Some(sandbox.mcp()));
    assert_eq!(
        home.run(&["logout", "work", "--json"]).ok().receipt_line("refresh_token")["outcome"],
        "confirmed"
    );
}

/// A server that names nobody, at an issuer that has a path: only the person knows.
#[test]
fn a_pinned_issuer_for_a_server_that_names_none() {
    let sandbox = Sandbox::start_with(&[
        "--issuer-path",
        "/tenant",
        "--fault",
        "prm-missing",
        "--fault",
        "no-challenge-metadata",
    ]);
    let home = Home::new();
    let said = home.run(&["add", sandbox.mcp(), "--json", "--timeout", "30"]);
    assert_ne!(said.code, 0, "nobody said where to sign in");
    assert_eq!(sandbox.at("register").iter().filter(|r| r.answered(201)).count(), 0);
    home.run(&["agent", "stop"]).ok();
    home.write_settings(&format!(
        "{MEMORY}[servers.\"{}\"]\nissuer = \"{}\"\n",
        sandbox.mcp(),
        sandbox.issuer()
    ));
    home.signed_in(sandbox.mcp(), "work");
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    assert!(sandbox.at("authorize")[0].path.starts_with("/tenant/"));
}

/// A server that lies about its issuer: what the person pinned counts, and the other is never asked.
#[test]
fn a_pinned_issuer_for_a_server_that_lies() {
    let elsewhere = Sandbox::start();
    let lie = format!("prm-issuer={}", elsewhere.issuer());
    let sandbox = Sandbox::start_with(&["--fault", &lie]);
    let home = Home::new();
    home.write_settings(&format!(
        "{MEMORY}[servers.\"{}\"]\nissuer = \"{}\"\n",
        sandbox.mcp(),
        sandbox.issuer()
    ));
    home.signed_in(sandbox.mcp(), "work");
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    home.run(&["refresh", "work"]).ok();
    home.run(&["logout", "work"]).ok();
    assert_eq!(elsewhere.log().len(), 0, "the other issuer was asked");
}

#[test]
fn pinned_endpoints_for_an_issuer_without_metadata() {
    let sandbox = Sandbox::start_with(&[
        "--issuer-path",
        "/tenant",
        "--fault",
        "prm-missing",
        "--fault",
        "metadata-missing",
    ]);
    let home = Home::new();
    let at = |name: &str, path: &str| format!("{name} = \"{}/{path}\"\n", sandbox.issuer());
    home.write_settings(&format!(
        "{MEMORY}[servers.\"{}\"]\nissuer = \"{}\"\n{}{}{}{}",
        sandbox.mcp(),
        sandbox.issuer(),
        at("authorization_endpoint", "authorize"),
        at("token_endpoint", "token"),
        at("registration_endpoint", "register"),
        at("revocation_endpoint", "revoke"),
    ));
    home.signed_in(sandbox.mcp(), "work");
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    home.run(&["refresh", "work"]).ok();
    pkce(&sandbox);
    assert_eq!(
        home.run(&["logout", "work", "--json"]).ok().receipt_line("refresh_token")["outcome"],
        "confirmed"
    );
}

/// `resource` can be left out, or be another one, when the person says so.
#[test]
fn a_pinned_resource() {
    let sandbox = Sandbox::start();
    for (setting, sent) in
        [("false".to_owned(), None), (format!("{:?}", origin(&sandbox)), Some(origin(&sandbox)))]
    {
        let home = Home::new();
        home.write_settings(&format!("{MEMORY}[servers.\"{}\"]\nresource = {setting}\n", sandbox.mcp()));
        let before = sandbox.at("authorize").len();
        home.signed_in(sandbox.mcp(), "work");
        home.run(&["refresh", "work"]).ok();
        let asked = &sandbox.at("authorize")[before];
        assert_eq!(asked.param("resource"), sent.as_deref());
        assert_eq!(sandbox.at("refresh").last().expect("one").param("resource"), sent.as_deref());
    }
}

fn origin(sandbox: &Sandbox) -> String {
    sandbox.mcp().trim_end_matches("/mcp").to_owned()
}

/// Client ID Metadata Documents: our address is our name, and nobody registers anything.
#[test]
fn a_client_id_metadata_document() {
    let ca = TestCa::new();
    let (page, client_id) = Page::start(&ca.issue(&["127.0.0.1"]), "/clients/loopback.json", |url| {
        json!({
            "client_id": url, "client_name": "MCP Login", "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        })
    });
    let authority = ca.file().display().to_string();
    let sandbox = Sandbox::start_with(&["--ca", &authority]);
    let home = Home::new();
    home.write_settings(&format!("{MEMORY}[client_metadata]\nloopback = \"{client_id}\"\n"));
    home.signed_in(sandbox.mcp(), "work");
    home.run(&["refresh", "work"]).ok();
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    assert_eq!(sandbox.at("register").len(), 0, "a registration that nobody needs");
    for endpoint in ["authorize", "code", "refresh"] {
        assert_eq!(sandbox.at(endpoint)[0].param("client_id"), Some(client_id.as_str()), "{endpoint}");
    }
    assert!(page.asked() > 0, "the issuer never looked");
    let account = home.run(&["list", "--json"]).ok().json()["accounts"][0].clone();
    assert_eq!(account["registration"], json!({ "kind": "metadata_document", "client_id": client_id }));

    // An issuer that does not take them is registered at, as before.
    let plain = Sandbox::start_with(&["--fault", "no-cimd"]);
    home.signed_in(plain.mcp(), "plain");
    assert_eq!(plain.at("register").len(), 1);
    home.run(&["logout", "--all"]).ok();
}

/// Confidential registration: the secret goes the way that the issuer lists, and no other.
#[test]
fn a_client_with_a_secret() {
    for method in ["client_secret_basic", "client_secret_post"] {
        let sandbox = Sandbox::start_with(&["--fault", &format!("auth-methods={method}")]);
        let home = Home::new();
        home.signed_in(sandbox.mcp(), "work");
        home.run(&["refresh", "work"]).ok();
        let verified = home.run(&["status", "work", "--verify", "--json"]).ok().json();
        assert_eq!(verified["verification"]["introspection"], "active", "{verified}");
        let line = home.run(&["logout", "work", "--json"]).ok().receipt_line("refresh_token");
        assert_eq!(line["outcome"], "confirmed", "{line}");
        let registered = only(&sandbox, "register");
        assert_eq!(registered.param("token_endpoint_auth_method"), Some(method));
        let secret = registered.rest["client_secret"].as_str().expect("a secret was given").to_owned();
        for endpoint in ["code", "refresh", "revocation", "introspection"] {
            let requests = sandbox.at(endpoint);
            assert!(!requests.is_empty(), "{endpoint}");
            for request in requests {
                let header = request.header("authorization").unwrap_or_default();
                let sent = request.param("client_secret");
                match method {
                    "client_secret_basic" => {
                        assert!(header.starts_with("Basic ") && header.ends_with(&secret), "{request:?}");
                        assert_eq!(sent, None, "{request:?}");
                    }
                    _ => {
                        assert_eq!((header, sent), ("", Some(secret.as_str())), "{request:?}");
                    }
                }
            }
        }
    }
}

/// A secret that ended is no dead end: the next sign-in registers anew, whoever noticed it.
#[test]
fn a_secret_that_expires() {
    let arguments = ["--fault", "auth-methods=client_secret_basic", "--client-secret-ttl", "600"];
    // By our own clock: the issuer's lags an hour behind, so the secret that it gives has ended for us.
    let sandbox = Sandbox::start_with(&arguments);
    sandbox.control("POST", "clock", &json!({ "offset": -3600 }));
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    assert_eq!(sandbox.at("register").len(), 1);
    again(&home, "work");
    assert_eq!(sandbox.at("register").len(), 2, "a secret that has ended was used");

    // By the issuer's word.
    let sandbox = Sandbox::start_with(&arguments);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    sandbox.control("POST", "clock", &json!({ "offset": 601 }));
    home.run(&["refresh", "work"]).exits(3);
    again(&home, "work");
    assert_eq!(sandbox.at("register").len(), 2);
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
}

/// Signs in again to an account that is there.
fn again(home: &Home, name: &str) {
    let opened = home.opened().len();
    let login = home.start(&["login", name, "--json"]);
    Person::named("alice").allow(&home.opened_at(opened)).deliver();
    let (status, _, stderr) = login.finish();
    assert!(status.success(), "{stderr}");
}

/// An issuer that knows `localhost` only: tried once, then remembered.
#[test]
fn an_issuer_that_refuses_literal_loopback() {
    let sandbox = Sandbox::start_with(&["--fault", "literal-loopback-refused"]);
    let home = Home::new();
    home.signed_in(sandbox.mcp(), "work");
    let tried: Vec<_> = sandbox.at("register").iter().map(first_redirect).collect();
    assert_eq!(tried.len(), 2, "{tried:?}");
    assert!(
        tried[0].starts_with("http://127.0.0.1:") && tried[1].starts_with("http://localhost:"),
        "{tried:?}"
    );
    home.run(&["logout", "work"]).ok();
    home.signed_in(sandbox.mcp(), "work");
    let tried: Vec<_> = sandbox.at("register").iter().map(first_redirect).collect();
    assert!(
        tried.len() == 3 && tried[2].starts_with("http://localhost:"),
        "it was not remembered: {tried:?}"
    );
    assert_eq!(home.run(&["list", "--json"]).ok().json()["accounts"][0]["redirect_kind"], "localhost");
}

fn first_redirect(request: &Request) -> String {
    let all = request.params["redirect_uris"].as_array().expect("a list").clone();
    assert_eq!(all.len(), 1, "one redirect a registration, never mixed: {all:?}");
    all[0].as_str().expect("a text").to_owned()
}

/// An issuer that registers only those who bring an initial access token (RFC 7591 §3) says so, and takes it.
#[test]
fn an_initial_access_token() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), "initial-canary").expect("it is written");
    let path = file.path().display().to_string();
    let sandbox = Sandbox::start_with(&["--initial-access-token-file", &path]);
    let home = Home::new();
    let error = home.run(&["add", sandbox.mcp(), "--json", "--timeout", "30"]).exits(9).error();
    assert_eq!(error["code"], "registration_token_needed", "{error}");
    assert!(
        error["next"].as_str().is_some_and(|next| next.contains("--initial-access-token-stdin")),
        "{error}"
    );

    let add = ["add", sandbox.mcp(), "--name", "work", "--json", "--initial-access-token-stdin"];
    let opened = home.opened().len();
    std::thread::scope(|scope| {
        let adding = scope.spawn(|| home.run_with_input(&add, "initial-canary\n"));
        Person::named("alice").allow(&home.opened_at(opened)).deliver();
        adding.join().expect("it runs").ok();
    });
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
}

/// A client of the person's own with a secret, given once on standard input and kept in the keychain.
#[test]
fn a_client_registered_beforehand() {
    let sandbox = Sandbox::start_with(&["--fault", "no-registration"]);
    let home = Home::new();
    let error = home.run(&["add", sandbox.mcp(), "--json", "--timeout", "30"]).exits(1).error();
    assert_eq!(error["code"], "registration_needed", "{error}");
    let client = json!({
        "client_id": "by:hand", "client_secret": "s3cret:+%", "redirect_uris": ["http://127.0.0.1/callback"],
        "token_endpoint_auth_method": "client_secret_basic",
    });
    sandbox.control("POST", "clients", &client);
    let add =
        ["add", sandbox.mcp(), "--name", "work", "--json", "--client-id", "by:hand", "--client-secret-stdin"];
    std::thread::scope(|scope| {
        let adding = scope.spawn(|| home.run_with_input(&add, "s3cret:+%\n"));
        Person::named("alice").allow(&home.opened_at(0)).deliver();
        adding.join().expect("it runs").ok();
    });
    home.run(&["refresh", "work"]).ok();
    let token = home.run(&["token", "work"]).ok();
    assert_eq!(sandbox.mcp_answers(token.text()), 200);
    let code = only(&sandbox, "code");
    assert!(
        code.header("authorization").is_some_and(|basic| basic.starts_with("Basic by:hand:")),
        "{code:?}"
    );
    assert_eq!(code.param("client_secret"), None);
}
