//! The story, step by step. Every step does what a person would do, with the same commands, which are shown; and
//! then proves something by asking the other side: the sandbox's own log, the MCP server's own answer, the
//! files on the disk. A token is held to be used and compared, and is never printed.

use super::http;
use super::person;
use super::stage::{Stage, Trouble, interrupted};
use crate::args::Demo;
use crate::out::{Ink, Out};
use crate::{receipt, text, when, words};
use jiff::tz::TimeZone;
use mcp_login_ipc::api::{
    Account, AccountStatusResult, AgentStatus, AuditAction, AuditEntry, AuditOutcome, Receipts, VaultState,
};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};
use url::Url;

/// Programs that ask at the same moment.
const CALLERS: usize = 20;
/// What stands before every line of a step.
const MARGIN: usize = 3;
/// How long the agent may take to see a new policy.
const POLICY_SEEN: Duration = Duration::from_secs(6);
/// The demo's account.
const ACCOUNT: &str = "demo";
/// Whom the sandbox knows.
const PERSON: &str = "alice";

/// Why the story ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    /// Ctrl-C.
    #[error("stopped")]
    Interrupted,
    /// Setting up.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// Talking to the sandbox.
    #[error(transparent)]
    Http(#[from] http::Failed),
    /// Playing the person.
    #[error(transparent)]
    Lost(#[from] person::Lost),
    /// One of our commands could not be started.
    #[error("mcp-login could not be started")]
    Start(#[from] std::io::Error),
    /// One of our commands failed; it has said why.
    #[error("`mcp-login {command}` failed: {said}")]
    Command {
        /// Its arguments.
        command: String,
        /// What it said.
        said: String,
    },
    /// What was to be proved did not hold.
    #[error("this should have held and did not: {0}")]
    Disproved(String),
}

/// Tells it.
pub(super) struct Story<'a> {
    out: &'a Out,
    stage: &'a Stage,
    options: &'a Demo,
    step: u32,
}

impl<'a> Story<'a> {
    /// Before the first step.
    #[must_use]
    pub(super) fn new(out: &'a Out, stage: &'a Stage, options: &'a Demo) -> Self {
        Self { out, stage, options, step: 0 }
    }

    /// From the first step to the last.
    ///
    /// # Errors
    /// [`Ended`]
    pub(super) fn tell(&mut self) -> Result<(), Ended> {
        self.server()?;
        self.agent()?;
        self.sign_in()?;
        let first = self.hand_out()?;
        self.where_tokens_lie(&first)?;
        self.call_tool(&first)?;
        let second = self.rotate(&first)?;
        let last = self.race(&second)?;
        self.sign_out()?;
        self.refused(&last)
    }

    fn server(&mut self) -> Result<(), Ended> {
        self.heading("A protected MCP server on this computer")?;
        let pid = self.stage.sandbox_pid();
        self.proof(&format!(
            "The sandbox plays the MCP server and its authorization server: {} (process {pid}).",
            self.stage.mcp
        ));
        let answer = self.mcp(None, "initialize", &initialize())?;
        self.hold(answer.status == 401, "an MCP request without a token is answered 401")?;
        self.proof("Asked without a token, it answers 401 and says where to sign in.");
        Ok(())
    }

    fn agent(&mut self) -> Result<(), Ended> {
        self.heading("The agent, and where it will keep the tokens")?;
        super::rules::settings(self.stage, self.options.memory)?;
        let mut status = self.status(&["agent", "start"])?;
        if matches!(status.vault.state, VaultState::Locked | VaultState::Unavailable) {
            self.attention(
                "There is no usable keychain here, so the demo keeps its tokens in the agent's memory. \
                 With a keychain they would lie there.",
            );
            self.quiet(&["agent", "stop"])?;
            super::rules::settings(self.stage, true)?;
            status = self.status(&["agent", "start"])?;
        }
        self.proof(&format!("The agent runs (process {}); it alone has network and keychain.", status.pid));
        self.proof(&format!("Tokens go into {}.", words::vault_view(&status.vault)));
        Ok(())
    }

    fn sign_in(&mut self) -> Result<(), Ended> {
        self.heading("Sign in through the browser")?;
        let args = ["add", &self.stage.mcp, "--name", ACCOUNT, "--redirect", "loopback"];
        self.command_line(&args);
        if self.options.auto {
            self.play_the_person(&args)?;
        } else {
            let status = self.stage.run(&args).status()?;
            self.stop_if_asked()?;
            if !status.success() {
                return Err(Ended::Command { command: args.join(" "), said: "see above".into() });
            }
        }
        let account = self.account()?;
        let who = account.label.as_deref().map(|l| format!(" as {}", text::visible(l))).unwrap_or_default();
        self.proof(&format!(
            "Signed in{who}, with PKCE, state and issuer checked; granted: {}.",
            words::scope_list(&account.scope)
        ));
        Ok(())
    }

    /// `add --json --no-browser` says the address; the form is filled in by us.
    fn play_the_person(&self, args: &[&str]) -> Result<(), Ended> {
        let mut with = args.to_vec();
        with.extend(["--no-browser", "--json"]);
        let mut child = self
            .stage
            .run(&with)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut walked = Ok(());
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines() {
                let event: Value = serde_json::from_str(&line?).unwrap_or_default();
                if let Some(address) = event["authorization_url"].as_str().and_then(|a| Url::parse(a).ok()) {
                    self.proof(&format!(
                        "The browser would open {}://{}{} …",
                        address.scheme(),
                        crate::domain::host(address.as_str()),
                        address.path()
                    ));
                    walked = person::sign_in(&address, PERSON);
                    if walked.is_err() {
                        let _ = child.kill();
                        break;
                    }
                    self.proof("The demo filled in the consent form as Alice, pressed Allow, and followed the way back.");
                }
            }
        }
        let output = child.wait_with_output()?;
        walked?;
        self.check(args, &output)
    }

    fn hand_out(&mut self) -> Result<SecretString, Ended> {
        self.heading("Who may have a token")?;
        self.command_line(&["token", ACCOUNT]);
        let refused = self.stage.run(&["token", ACCOUNT, "--json"]).stdin(Stdio::null()).output()?;
        self.stop_if_asked()?;
        let said: Value = serde_json::from_slice(&refused.stderr).unwrap_or_default();
        self.hold(!refused.status.success() && refused.stdout.is_empty(), "nobody gets a token by default")?;
        self.proof(&format!(
            "Refused, as everybody is by default: {} [{}]",
            text::visible(said["error"]["fact"].as_str().unwrap_or("?")),
            text::visible(said["error"]["code"].as_str().unwrap_or("?"))
        ));
        let program = self.who_asked()?;
        super::rules::policy(self.stage, ACCOUNT, &program)?;
        self.proof(&format!(
            "So policy.toml now names the program that asked, as the system sees it: {}",
            text::visible(&program)
        ));
        self.command_line(&["token", ACCOUNT]);
        let token = self.allowed()?;
        self.proof(&format!(
            "It got {} characters on standard output, and nothing else (not shown here). Of the refresh token it got nothing.",
            token.expose_secret().len()
        ));
        Ok(token)
    }

    /// A token, as soon as the agent has seen the new policy: it looks at the file every two seconds, while it refuses.
    fn allowed(&self) -> Result<SecretString, Ended> {
        let until = Instant::now() + POLICY_SEEN;
        loop {
            match self.token(&[]) {
                Err(Ended::Command { .. }) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(250))
                }
                other => return other,
            }
        }
    }

    /// The program that the agent saw behind the refused request, from its record.
    fn who_asked(&self) -> Result<String, Ended> {
        let output = self.quiet(&["log", "--json", "--lines", "20"])?;
        let entries: Vec<AuditEntry> = output
            .stdout
            .split(|b| *b == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        entries
            .into_iter()
            .rev()
            .filter(|e| e.action == AuditAction::Token && e.outcome != AuditOutcome::Ok)
            .find_map(|e| e.caller.and_then(|c| c.subject))
            .map(|subject| subject.program)
            .ok_or_else(|| {
                Ended::Disproved("the refusal is in the record, with the program that asked".into())
            })
    }

    fn where_tokens_lie(&mut self, token: &SecretString) -> Result<(), Ended> {
        self.heading("Where the tokens lie")?;
        let account = self.account()?;
        let status = self.status(&["agent", "status"])?;
        self.proof(&words::where_tokens_lie(status.vault.kind, &account.id));
        let mut files = 0;
        let found = search(&self.stage.home, token.expose_secret().as_bytes(), &mut files);
        self.hold(found.is_empty(), &format!("no file holds the token, but these do: {}", found.join(", ")))?;
        self.proof(&format!(
            "Searched {} of the agent (settings, accounts, logs): the token is in none.",
            text::count(files, "file")
        ));
        Ok(())
    }

    fn call_tool(&mut self, token: &SecretString) -> Result<(), Ended> {
        self.heading("The token works")?;
        let hello = self.mcp(Some((token, None)), "initialize", &initialize())?;
        self.hold(hello.status == 200, "the MCP server takes the token")?;
        let session = hello.header("mcp-session-id").map(str::to_owned);
        let tools = self.mcp(Some((token, session.as_deref())), "tools/list", &json!({}))?;
        let tools = tools.json().unwrap_or_default();
        let tools: Vec<String> = tools["result"]["tools"]
            .as_array()
            .map(|t| t.iter().filter_map(|t| t["name"].as_str()).map(text::visible).collect())
            .unwrap_or_default();
        self.hold(!tools.is_empty(), "the MCP server lists tools")?;
        let tool =
            tools.iter().find(|t| *t == "whoami").or_else(|| tools.first()).cloned().unwrap_or_default();
        let call = json!({"name": tool, "arguments": {"text": "hello", "message": "hello"}});
        let answer = self.mcp(Some((token, session.as_deref())), "tools/call", &call)?;
        let said = answer.json().unwrap_or_default();
        let said = said["result"]["content"][0]["text"].as_str().unwrap_or_default();
        // `whoami` answers with an object; whose mail address it holds is all that matters here
        let who =
            serde_json::from_str::<Value>(said).ok().and_then(|v| v["email"].as_str().map(text::visible));
        let said = who.unwrap_or_else(|| text::visible(said));
        self.hold(answer.status == 200 && !said.is_empty(), "the tool answers")?;
        self.proof(&format!(
            "The MCP server offers {}; “{tool}” was called with the token and answered: {said}.",
            text::count(tools.len() as u64, "tool")
        ));
        Ok(())
    }

    fn rotate(&mut self, before: &SecretString) -> Result<SecretString, Ended> {
        self.heading("Rotate the tokens")?;
        let asked = self.refreshes()?;
        let old = self.account()?.generation;
        self.command_line(&["refresh", ACCOUNT]);
        self.quiet(&["refresh", ACCOUNT])?;
        let new = self.account()?.generation;
        let after = self.token(&[])?;
        self.hold(self.refreshes()? == asked + 1, "exactly one token request was made")?;
        self.hold(after.expose_secret() != before.expose_secret(), "the access token is another one")?;
        self.proof(&format!(
            "The sandbox's log has one more token request; the account went from generation {old} to {new}. \
             The new tokens were stored before anyone saw them."
        ));
        Ok(after)
    }

    fn race(&mut self, before: &SecretString) -> Result<SecretString, Ended> {
        self.heading(&format!("{CALLERS} programs at once"))?;
        let asked = self.refreshes()?;
        let generation = self.account()?.generation.to_string();
        let args = ["token", ACCOUNT, "--newer-than", &generation];
        self.command_line(&args);
        let mut callers = Vec::with_capacity(CALLERS);
        for _ in 0..CALLERS {
            callers.push(
                self.stage
                    .run(&args)
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()?,
            );
        }
        let mut tokens = Vec::with_capacity(CALLERS);
        for caller in callers {
            let output = caller.wait_with_output()?;
            self.check(&args, &output)?;
            tokens.push(secret(&output)?);
        }
        let made = self.refreshes()? - asked;
        let Some(first) = tokens.first().cloned() else {
            return Err(Ended::Disproved("somebody got a token".into()));
        };
        self.hold(
            tokens.iter().all(|t| t.expose_secret() == first.expose_secret()),
            "all got the same token",
        )?;
        self.hold(first.expose_secret() != before.expose_secret(), "it is a new one")?;
        self.hold(made == 1, &format!("one token request was made, not {made}"))?;
        self.proof(&format!("All {CALLERS} said “I need a newer one”, all got the same new token, and the sandbox saw one token request."));
        Ok(first)
    }

    fn sign_out(&mut self) -> Result<(), Ended> {
        self.heading("Sign out, with a receipt")?;
        let args = ["logout", ACCOUNT];
        self.command_line(&args);
        let done: Receipts = self.json(&args)?;
        let narrow = self.out.narrower(MARGIN);
        for one in &done.receipts {
            for line in receipt::render(&narrow, one, when::now(), &TimeZone::system()).lines() {
                self.out.line(&format!("   {line}"));
            }
        }
        self.hold(done.receipts.len() == 1, "there is one receipt")
    }

    fn refused(&mut self, token: &SecretString) -> Result<(), Ended> {
        self.heading("The old token is dead")?;
        let answer = self.mcp(Some((token, None)), "initialize", &initialize())?;
        self.hold(
            answer.status == 401,
            &format!("the MCP server refuses the old token (it answered {})", answer.status),
        )?;
        self.proof("The MCP server was asked with the last token and answered 401.");
        let output = self.stage.run(&["token", ACCOUNT]).stdin(Stdio::null()).output()?;
        self.hold(
            !output.status.success() && output.stdout.is_empty(),
            "the agent has no token to give any more",
        )?;
        self.proof("And the agent has nothing left to give.");
        Ok(())
    }

    // What the steps are made of.

    fn heading(&mut self, title: &str) -> Result<(), Ended> {
        self.stop_if_asked()?;
        self.step += 1;
        self.out.line("");
        let number = self.out.paint(Ink::Good, &format!("{:>2}", self.step));
        self.out.line(&format!("{number} {}", self.out.paint(Ink::Strong, title)));
        Ok(())
    }

    fn proof(&self, text: &str) {
        self.point(Ink::Good, "✓", text);
    }

    fn attention(&self, text: &str) {
        self.point(Ink::Attention, "!", text);
    }

    fn point(&self, ink: Ink, mark: &str, text: &str) {
        for line in self.out.narrower(MARGIN).marked(ink, mark, text).lines() {
            self.out.line(&format!("   {line}"));
        }
    }

    fn command_line(&self, args: &[&str]) {
        self.out
            .line(&format!("   {}", self.out.paint(Ink::Faint, &format!("$ mcp-login {}", args.join(" ")))));
    }

    fn stop_if_asked(&self) -> Result<(), Ended> {
        if interrupted() { Err(Ended::Interrupted) } else { Ok(()) }
    }

    fn hold(&self, holds: bool, what: &str) -> Result<(), Ended> {
        self.stop_if_asked()?;
        if holds { Ok(()) } else { Err(Ended::Disproved(what.to_owned())) }
    }

    fn quiet(&self, args: &[&str]) -> Result<Output, Ended> {
        let output = self.stage.run(args).stdin(Stdio::null()).output()?;
        self.stop_if_asked()?;
        self.check(args, &output)?;
        Ok(output)
    }

    fn json<T: DeserializeOwned>(&self, args: &[&str]) -> Result<T, Ended> {
        let mut with = args.to_vec();
        with.push("--json");
        let output = self.quiet(&with)?;
        serde_json::from_slice(&output.stdout).map_err(|_| Ended::Command {
            command: with.join(" "),
            said: "what it printed is not what it should".into(),
        })
    }

    fn status(&self, args: &[&str]) -> Result<AgentStatus, Ended> {
        self.json(args)
    }

    fn account(&self) -> Result<Account, Ended> {
        Ok(self.json::<AccountStatusResult>(&["status", ACCOUNT])?.account)
    }

    fn token(&self, more: &[&str]) -> Result<SecretString, Ended> {
        let mut args = vec!["token", ACCOUNT];
        args.extend(more);
        secret(&self.quiet(&args)?)
    }

    fn check(&self, args: &[&str], output: &Output) -> Result<(), Ended> {
        self.stop_if_asked()?;
        if output.status.success() {
            return Ok(());
        }
        Err(Ended::Command { command: args.join(" "), said: said(&output.stderr) })
    }

    /// Token requests with a refresh token that the sandbox has seen.
    fn refreshes(&self) -> Result<usize, Ended> {
        Ok(self.stage.requests()?.iter().filter(|e| e["params"]["grant_type"] == "refresh_token").count())
    }

    fn mcp(
        &self,
        with: Option<(&SecretString, Option<&str>)>,
        method: &str,
        params: &Value,
    ) -> Result<http::Answer, Ended> {
        let url = Url::parse(&self.stage.mcp).map_err(|_| Trouble::NotReady)?;
        let bearer = with.map(|(t, _)| SecretString::from(format!("Bearer {}", t.expose_secret())));
        let mut headers =
            vec![("Accept", "application/json, text/event-stream"), ("MCP-Protocol-Version", "2025-11-25")];
        if let Some(bearer) = &bearer {
            headers.push(("Authorization", bearer.expose_secret()));
        }
        if let Some((_, Some(session))) = with {
            headers.push(("Mcp-Session-Id", session));
        }
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        Ok(http::post(&url, &headers, "application/json", &body)?)
    }
}

fn initialize() -> Value {
    json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "mcp-login demo", "version": env!("CARGO_PKG_VERSION")}})
}

/// What one of our commands said of its failure, for people or for programs, as one sentence with its code.
fn said(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().last().unwrap_or_default();
    match serde_json::from_str::<Value>(last) {
        Ok(value) => {
            let word = |key: &str| value["error"][key].as_str().map(text::visible).unwrap_or_default();
            format!("{} [{}]", word("fact"), word("code"))
        }
        Err(_) => {
            let all = text.split_whitespace().map(text::visible).collect::<Vec<_>>().join(" ");
            all.strip_prefix("mcp-login: ").unwrap_or(&all).to_owned()
        }
    }
}

fn secret(output: &Output) -> Result<SecretString, Ended> {
    let text = std::str::from_utf8(&output.stdout).unwrap_or_default().trim_end_matches(['\r', '\n']);
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(Ended::Disproved("`token` prints one token and nothing else".into()));
    }
    Ok(SecretString::from(text))
}

/// The files under `dir` that hold these bytes; counts those that were read.
fn search(dir: &Path, bytes: &[u8], files: &mut u64) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(search(&path, bytes, files)),
            Ok(kind) if kind.is_file() => {
                if let Ok(content) = std::fs::read(&path) {
                    *files += 1;
                    if content.windows(bytes.len().max(1)).any(|w| w == bytes) {
                        found.push(path.display().to_string());
                    }
                }
            }
            _ => {}
        }
    }
    found
}
