//! The demo with the desktop app: its window is opened on the demo's server, and the person does the rest. Here it is only
//! said what there is to try; and everything is ended when the app or the person ends it.

use super::stage::{self, Stage, interrupted};
use super::story::Ended;
use crate::args::Demo;
use crate::out::{Ink, Out};
use crate::text;
use mcp_login_ipc::api::{AgentStatus, VaultState};
use std::process::Stdio;
use std::time::Duration;

/// How often it is looked whether the person has ended it.
const LOOK: Duration = Duration::from_millis(200);

/// Opens the window, says what to try, and waits.
///
/// # Errors
/// [`Ended`]
pub(super) fn look_on(out: &Out, stage: &Stage, options: &Demo) -> Result<(), Ended> {
    super::rules::window(stage, options.memory)?;
    if !options.memory && !keychain(stage)? {
        // as the story does: without a keychain the agent keeps the tokens in memory, because the settings say so
        let _ = stage.run(&["agent", "stop"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        super::rules::window(stage, true)?;
        out.line("There is no keychain in this session; the tokens stay in the agent's memory.");
    }
    let mut app = stage.window()?.spawn()?;
    say(out, stage);
    let ended = loop {
        match app.try_wait()? {
            Some(status) if status.success() => break Ok(()),
            Some(status) => {
                let said = format!("it ended with {status}; is there a display?");
                break Err(Ended::Command {
                    command: mcp_login_ipc::identity::DESKTOP_NAME.to_owned(),
                    said,
                });
            }
            None if interrupted() => break Ok(()),
            None => std::thread::sleep(LOOK),
        }
    };
    stage::end(&mut app);
    ended
}

/// Whether the agent has a keychain to write to.
fn keychain(stage: &Stage) -> Result<bool, Ended> {
    let said =
        stage.run(&["agent", "start", "--json"]).stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    let status = serde_json::from_slice::<AgentStatus>(&said.stdout);
    Ok(status.is_ok_and(|status| !matches!(status.vault.state, VaultState::Locked | VaultState::Unavailable)))
}

fn say(out: &Out, stage: &Stage) {
    let program = stage.command.display();
    let home = stage.home.display();
    let ask = format!("MCP_LOGIN_HOME={home} {program} token {}", stage.mcp);
    let steps = [
        (
            "In the window, add this server; your browser opens, and you say yes:".to_owned(),
            Some(stage.mcp.clone()),
        ),
        ("In another terminal, be a program that wants a token; a window asks you:".to_owned(), Some(ask)),
        ("Sign out in the window, and read the receipt.".to_owned(), None),
    ];
    out.line("");
    for (number, (what, copy)) in (1..).zip(steps) {
        for line in text::wrap(&format!("{number}. {what}"), out.measure()) {
            out.line(&line);
        }
        if let Some(copy) = copy {
            out.line(&format!("     {}", out.paint(Ink::Strong, &copy)));
        }
    }
    out.line("");
    out.line(
        &out.paint(Ink::Faint, "Quit in the tray, or Ctrl-C here, ends the app, the agent and the server."),
    );
}
