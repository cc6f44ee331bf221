//! `mcp-login demo`: the whole job, seen with one's own eyes, against a server on this computer.

mod http;
mod person;
mod rules;
mod stage;
mod story;
mod window;

use crate::args::Demo;
use crate::failure::Failure;
use crate::out::{Ink, Out};
use crate::text;
use mcp_login_ipc::{Code, Exit, Fault};
use stage::Stage;
use std::process::Stdio;
use std::sync::atomic::Ordering;

/// Tells the story.
///
/// # Errors
/// When a step does not hold; everything that was started is ended first.
pub(crate) fn run(out: &Out, options: &Demo) -> Result<(), Failure> {
    // A second Ctrl-C still only sets the flag: cleaning up takes a second and ends by itself.
    let _ = ctrlc::set_handler(|| stage::INTERRUPTED.store(true, Ordering::SeqCst));
    out.line(&out.paint(Ink::Strong, "MCP Login: the whole story, on this computer"));
    let intro = "A server is played for you; the accounts that you have are not touched. Everything below really happens: \
                 real programs, real HTTP, and your own keychain if there is one.";
    for line in text::wrap(intro, out.measure()) {
        out.line(&line);
    }
    let stage = Stage::set(options.keep).map_err(|e| failure(&e))?;
    let told = match options.window {
        true => window::look_on(out, &stage, options),
        false => story::Story::new(out, &stage, options).tell(),
    };
    if told.is_err() || options.window {
        // nothing may stay signed in, and no keychain item be left, when the story ends early
        let _ = stage
            .run(&["logout", "--all"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
    let home = stage.home.clone();
    drop(stage);
    out.line("");
    match told {
        Ok(()) => {
            let end = if options.keep {
                format!("The agent and the sandbox have ended. Settings and logs are in {}.", home.display())
            } else {
                "The agent and the sandbox have ended; the demo's directory and keychain items are gone."
                    .to_owned()
            };
            for line in text::wrap(&end, out.measure()) {
                out.line(&line);
            }
            out.line("");
            out.line("Now your own:  mcp-login add https://…/mcp");
            Ok(())
        }
        Err(story::Ended::Interrupted) => Err(Failure::own(
            Code::Interrupted.row().code,
            Exit::Cancelled,
            "The demo was stopped; what it had started has been ended.",
            "Run it again when you want to.",
        )),
        Err(e) => Err(failure(&e)),
    }
}

/// A demo that does not hold is a bug, or a machine that lacks something; either way the person learns which.
fn failure(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut fact = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        fact.push_str(&format!(": {why}"));
        cause = why.source();
    }
    if let Some(stage::Trouble::Missing(program)) = error.downcast_ref() {
        return Fault::new(Code::ProgramMissing).detail("program", program.clone()).into();
    }
    Failure::own(
        "demo_failed",
        Exit::Failed,
        format!("The demo could not go on: {fact}."),
        "Run `mcp-login doctor`, then `mcp-login demo --keep`, which leaves the logs behind.",
    )
}
