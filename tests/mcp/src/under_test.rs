//! What the conformance suite starts as the client under test: an MCP client whose sign-ins are made by `mcp-login` and
//! `mcp-login-agent`, as shipped, with a memory vault and a home of its own. It plays the person, too.
//!
//! `conformance-client engine|proxy scheme|loopback URL`. `engine`: the client speaks HTTP itself and asks for tokens;
//! `proxy`: it is rmcp behind `mcp-login proxy`, and the person does what the agent announces. Ends with 0 when everything
//! went through; with 1 when the programs refused, and says with which code, so that a refusal for another reason does not
//! pass for the right one.
#![allow(clippy::print_stdout)] // what it prints is read by the test

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use serde_json::{Value, json};

use crate::behind::Wrong;
use crate::signing::Token;
use crate::{Attendant, Behind, Era, Front, Refused, Scenario, Signing, Wire};

/// "No more than a few times" (MCP, Step-Up Authorization Flow): the suite counts three sign-ins in all.
const MOST_SIGN_INS: u32 = 3;

/// A token is refreshed or signed in for once an answer, and stepped up for; a server that wants more is not to be had.
const MOST_TRIES: u32 = 8;

/// Its `main`.
///
/// # Panics
/// When the suite did not start it.
#[must_use]
pub fn main() -> ExitCode {
    let scenario = Scenario::from_environment();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [way, redirect, _] = arguments.as_slice() else { panic!("engine|proxy scheme|loopback URL") };
    let ended = match way.as_str() {
        "engine" => {
            let signing = Signing::new(&scenario.url, redirect, scenario.client.clone()).with_document();
            let wire = Wire::new(&scenario.url, &scenario.revision);
            Client { signing, wire, token: None, sign_ins: 0 }.run()
        }
        "proxy" => behind_the_proxy(&scenario, redirect),
        other => panic!("no way {other}"),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Refused(code)) => {
            println!("refused: {code}");
            ExitCode::FAILURE
        }
    }
}

fn behind_the_proxy(scenario: &Scenario, redirect: &str) -> Result<(), Refused> {
    // The scenarios about transport want no sign-in: they get one, or nothing would put a token on.
    let front = (!scenario.name.starts_with("auth/")).then(|| Front::of(&scenario.url));
    let url = front.as_ref().map_or(scenario.url.as_str(), Front::url);
    let signing = Signing::new(url, redirect, scenario.client.clone());
    // The sandbox in front fetches what it is shown; the suite does not.
    let signing = Arc::new(if front.is_some() { signing } else { signing.with_document() });
    let attendant = Attendant::of(Arc::clone(&signing));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let proxy = signing.home().command(&["proxy", url]);
        let refused = async {
            loop {
                match attendant.refused.lock().expect("one reader").try_recv() {
                    Ok(refused) => return refused,
                    Err(TryRecvError::Disconnected) => return Refused("the person panicked".to_owned()),
                    Err(TryRecvError::Empty) => {}
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            done = act(scenario, proxy) => done.map_err(|wrong| {
                eprintln!("{wrong:?}");
                Refused(code_in(&format!("{wrong:?}")))
            }),
            refused = refused => Err(refused),
        }
    })
}

/// What a client does in the scenario.
async fn act(scenario: &Scenario, proxy: std::process::Command) -> Result<(), Wrong> {
    // Its server speaks the older era, whatever the revision is called.
    let era = if scenario.name == "json-schema-ref-no-deref" { Era::Sessions } else { scenario.era };
    let client = Behind::start(proxy, era).await?;
    match scenario.name.as_str() {
        "initialize" | "json-schema-ref-no-deref" => {
            client.tools().await?;
        }
        "http-standard-headers" => {
            client.call_all(&scenario.calls).await?;
            client.read_all().await?;
        }
        _ => client.call_all(&scenario.calls).await?,
    }
    client.leave().await
}

/// The stable code in an error that the proxy answered with.
fn code_in(text: &str) -> String {
    let code = text.split_once("\"code\": String(\"").and_then(|(_, rest)| rest.split_once('"'));
    code.map_or_else(|| "failed".to_owned(), |(code, _)| code.to_owned())
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
