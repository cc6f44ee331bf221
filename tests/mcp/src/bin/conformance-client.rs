//! What the conformance suite starts as the client under test: an MCP client whose sign-ins are made by `mcp-login` and
//! `mcp-login-agent`, as shipped, with a memory vault and a home of its own. It plays the person, too.
//!
//! `conformance-client scheme|loopback URL`. Ends with 0 when everything went through; with 1 when the programs refused,
//! and says with which code, so that a refusal for another reason does not pass for the right one.
#![allow(clippy::print_stdout)] // what it prints is read by the test

use std::process::ExitCode;

use mcp_login_tests_mcp::signing::Token;
use mcp_login_tests_mcp::{Era, Refused, Scenario, Signing, Wire};
use serde_json::{Value, json};

/// "No more than a few times" (MCP, Step-Up Authorization Flow): the suite counts three sign-ins in all.
const MOST_SIGN_INS: u32 = 3;

/// A token is refreshed or signed in for once an answer, and stepped up for; a server that wants more is not to be had.
const MOST_TRIES: u32 = 8;

fn main() -> ExitCode {
    let scenario = Scenario::from_environment();
    let redirect = std::env::args().nth(1).expect("how the browser comes back");
    let signing = Signing::new(&scenario.url, &redirect, scenario.client.clone());
    let wire = Wire::new(&scenario.url, &scenario.revision);
    let mut client = Client { signing, wire, token: None, sign_ins: 0 };
    match client.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Refused(code)) => {
            println!("refused: {code}");
            ExitCode::FAILURE
        }
    }
}

struct Client {
    signing: Signing,
    wire: Wire,
    token: Option<Token>,
    sign_ins: u32,
}

impl Client {
    fn run(&mut self) -> Result<(), Refused> {
        if self.wire.era() == Era::Sessions {
            self.ask("initialize", &Value::Null)?;
        }
        let tools = self.ask("tools/list", &json!({}))?;
        let name = tools["result"]["tools"][0]["name"].clone();
        assert!(name.is_string(), "no tool in {tools}");
        let done = self.ask("tools/call", &json!({ "name": name, "arguments": {} }))?;
        assert!(done["result"]["content"].is_array(), "no content in {done}");
        Ok(())
    }

    /// One request, with whatever sign-in it takes.
    fn ask(&mut self, method: &str, params: &Value) -> Result<Value, Refused> {
        for _ in 0..MOST_TRIES {
            let token = self.token.as_ref().map(|token| token.text.as_str());
            let answer = match method {
                "initialize" => self.wire.initialize(token),
                _ => self.wire.request(method, params.clone(), token),
            };
            match answer.status {
                200 => return Ok(answer.message),
                401 => self.unauthorized(answer.scopes.as_deref())?,
                403 => self.step_up(answer.scopes.as_deref())?,
                other => return Err(Refused(format!("http_{other}"))),
            }
        }
        Err(Refused("too_many_tries".to_owned()))
    }

    fn unauthorized(&mut self, scopes: Option<&str>) -> Result<(), Refused> {
        let refused = match &self.token {
            None => {
                self.count()?;
                self.signing.sign_in(None)?;
                None
            }
            Some(token) => Some(token.generation),
        };
        self.token = Some(match self.signing.token(refused) {
            // Without a refresh token an access token just ends.
            Err(Refused(code)) if code == "needs_sign_in" || code == "token_expired" => {
                self.count()?;
                self.signing.sign_in_again(scopes)?;
                self.signing.token(None)?
            }
            other => other?,
        });
        Ok(())
    }

    fn step_up(&mut self, scopes: Option<&str>) -> Result<(), Refused> {
        self.count()?;
        self.signing.sign_in_again(scopes)?;
        self.token = Some(self.signing.token(None)?);
        Ok(())
    }

    fn count(&mut self) -> Result<(), Refused> {
        self.sign_ins += 1;
        if self.sign_ins > MOST_SIGN_INS { Err(Refused("step_up_limit".to_owned())) } else { Ok(()) }
    }
}
