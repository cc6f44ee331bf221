//! The clients of this computer, as the command reaches them; and the person's yes before anything is written.

use crate::args::Consent;
use crate::failure::Failure;
use crate::out::Out;
use crate::{preview, surroundings};
use mcp_login_ipc::{Code, Fault, Paths};
use mcp_login_wiring::{Here, Plan, WiringError, Wirings};
use serde_json::{Value, json};

impl From<WiringError> for Failure {
    fn from(error: WiringError) -> Self {
        error.fault().into()
    }
}

/// What is wired here.
///
/// # Errors
/// When there is no home directory, or our own program is not known.
pub(crate) fn open() -> Result<Wirings, Failure> {
    let paths = Paths::find().map_err(mcp_login_ipc::client::ClientError::from)?;
    let own = std::env::current_exe().map_err(|error| {
        Fault::new(Code::Internal).detail("reason", format!("where this program lies is not known: {error}"))
    })?;
    Ok(Wirings::new(&paths.data_dir, Here::of_process(own)))
}

/// What came of a plan.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// It was made.
    Made,
    /// Everything was as it should be.
    Nothing,
    /// It was shown, as was asked.
    Shown,
}

/// Shows a plan, asks, and makes it. `more` is said with the change and goes into the JSON.
///
/// # Errors
/// When the person says no, cannot be asked, or a file cannot be written.
pub(crate) fn settle(
    out: &Out,
    plan: Plan,
    consent: Consent,
    question: &str,
    more: Value,
) -> Result<Came, Failure> {
    let mut said = json!({"what": plan.what, "changes": preview::json(&plan)});
    if let (Some(said), Some(more)) = (said.as_object_mut(), more.as_object()) {
        said.extend(more.clone());
    }
    let tell = |made: bool, copies: Vec<String>| {
        if out.json() {
            let mut said = said.clone();
            said["made"] = made.into();
            said["copies"] = json!(copies);
            out.value(&said);
        }
    };
    if plan.is_empty() {
        tell(false, Vec::new());
        return Ok(Came::Nothing);
    }
    if !out.json() {
        out.line(&preview::render(out, &plan));
        out.line("");
    }
    if consent.dry_run {
        tell(false, Vec::new());
        return Ok(Came::Shown);
    }
    if !consent.yes {
        if out.json() || !surroundings::stdin_is_terminal() {
            return Err(Failure {
                next: "Nothing was changed. Run it in a terminal, or add `--yes`.".to_owned(),
                ..Fault::new(Code::NoTerminal).into()
            });
        }
        if !surroundings::ask(out, question) {
            return Err(Failure {
                fact: "Nothing was changed.".to_owned(),
                next: "Run it again when you want it.".to_owned(),
                ..Fault::new(Code::Interrupted).into()
            });
        }
    }
    let done = plan.apply()?;
    let copies: Vec<String> = done.copies.iter().map(|copy| copy.display().to_string()).collect();
    if !out.json() {
        for copy in &copies {
            out.line(&out.paint(crate::out::Ink::Faint, &format!("  as it was: {copy}")));
        }
    }
    tell(true, copies);
    Ok(Came::Made)
}
