//! A person and the shipped programs, signing in at somebody else's authorization server.
//!
//! The person's browser is the suite's: it fetches the authorization request with redirects off and hands on what
//! `Location` says, to `mcp-login callback` when it has our scheme and to the listener when it is a loopback. What came of
//! it is read from the events of `mcp-login add --json`, as a program in front of the person reads them.

use mcp_login_tests::{Home, Person, Said};
use serde_json::Value;

use crate::scenario::Preregistered;

/// The account's name in these tests.
pub const ACCOUNT: &str = "work";

/// The suite names the document that it wants to see as `client_id`; it is never fetched.
const DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";

/// Why the programs did not do it, by the stable code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

/// An access token as `mcp-login token --json` gives it.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token.
    pub text: String,
    /// For `--newer-than`.
    pub generation: u64,
}

/// A person's place, the way back that they take, and what they know beforehand.
#[derive(Debug)]
pub struct Signing {
    home: Home,
    url: String,
    redirect: String,
    client: Option<Preregistered>,
}

impl Signing {
    /// Nobody is signed in yet. `redirect`: `scheme` or `loopback`.
    #[must_use]
    pub fn new(url: &str, redirect: &str, client: Option<Preregistered>) -> Signing {
        Signing { home: Home::new(), url: url.to_owned(), redirect: redirect.to_owned(), client }
    }

    /// With the address of a Client ID Metadata Document in the settings, for issuers that take them.
    #[must_use]
    pub fn with_document(self) -> Signing {
        self.home.write_settings(&format!(
            "{}[client_metadata]\nscheme = {DOCUMENT:?}\nloopback = {DOCUMENT:?}\n",
            mcp_login_tests::SETTINGS
        ));
        self
    }

    /// Where the programs run.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// `mcp-login add`. `scopes`: what the server asked for after it had been looked at; mostly the programs find out
    /// themselves.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn sign_in(&self, scopes: Option<&str>) -> Result<(), Refused> {
        let mut line = vec!["add", &self.url, "--json", "--name", ACCOUNT, "--redirect", &self.redirect];
        let mut input = String::new();
        if let Some(client) = &self.client {
            line.extend(["--issuer", &client.issuer, "--client-id", &client.client_id]);
            line.push("--client-secret-stdin");
            input = format!("{}\n", client.client_secret);
        }
        line.extend(scopes.into_iter().flat_map(|scopes| ["--scope", scopes]));
        self.go(&line, &input)
    }

    /// `mcp-login login`: the same account again, with more scopes or at another issuer, which the person has seen then.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn sign_in_again(&self, scopes: Option<&str>) -> Result<(), Refused> {
        let mut line = vec!["login", ACCOUNT, "--json", "--redirect", &self.redirect];
        line.extend(scopes.into_iter().flat_map(|scopes| ["--scope", scopes]));
        match self.go(&line, "") {
            Err(Refused(code)) if code == "issuer_changed" => {
                line.push("--accept-new-issuer");
                self.go(&line, "")
            }
            other => other,
        }
    }

    /// The token, newer than one that the server refused.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn token(&self, refused: Option<u64>) -> Result<Token, Refused> {
        let newer = refused.map(|generation| generation.to_string());
        let mut line = vec!["token", ACCOUNT, "--json"];
        line.extend(newer.iter().flat_map(|newer| ["--newer-than", newer]));
        let said = self.home.run(&line);
        if said.code != 0 {
            return Err(code_of(&said));
        }
        let grant = said.json();
        let text = grant["access_token"].as_str().expect("a token").to_owned();
        Ok(Token { text, generation: grant["generation"].as_u64().expect("a generation") })
    }

    /// A command that signs in, with the person in front of it.
    fn go(&self, line: &[&str], input: &str) -> Result<(), Refused> {
        let mut sign_in = self.home.sign_in(line, input);
        while let Some(text) = sign_in.running().line_or_end() {
            let Ok(event) = serde_json::from_str::<Value>(&text) else { continue };
            match event["event"].as_str() {
                Some("browser") => {
                    let back = Person::named("alice").allow(&sign_in.address());
                    if event["redirect_kind"] == "scheme" {
                        // What became of it, the waiting command says.
                        let _ = self.home.run(&["callback", &back.url]);
                    } else {
                        let _ = back.try_deliver();
                    }
                }
                // It would wait on for the right answer, and this server has no other.
                Some("answer_refused") => return Err(code_in(&event)),
                Some("done") => {
                    sign_in.finish().ok();
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(code_of(&sign_in.finish()))
    }
}

fn code_of(said: &Said) -> Refused {
    code_in(&serde_json::json!({ "error": said.error() }))
}

fn code_in(event: &Value) -> Refused {
    let code = event["error"]["code"].as_str();
    Refused(code.unwrap_or_else(|| panic!("no code in {event}")).to_owned())
}
