//! "Install the command-line tool": the command that lies beside this app does it, for there is one program that knows how.

use std::process::{Command, Stdio};

use mcp_login_ipc::{Code, Fault, identity};
use serde_json::Value;

use crate::refusal::Refusal;

/// Has terminals find the command, and returns where, and what is left to the person.
///
/// # Errors
/// What the command said, or that it is not there.
pub(crate) fn install() -> Result<Value, Refusal> {
    let missing = || Fault::new(Code::ProgramMissing).detail("program", identity::COMMAND_NAME);
    let name = format!("{}{}", identity::COMMAND_NAME, std::env::consts::EXE_SUFFIX);
    let program = std::env::current_exe().map_err(|_| missing())?.with_file_name(name);
    let mut command = Command::new(program);
    command.args(["path", "add", "--json"]).stdin(Stdio::null());
    // CREATE_NO_WINDOW: no console flashes up
    #[cfg(windows)]
    std::os::windows::process::CommandExt::creation_flags(&mut command, 0x0800_0000);
    let said = command.output().map_err(|_| missing())?;
    if said.status.success() {
        return serde_json::from_slice(&said.stdout).map_err(|_| Code::Internal.into());
    }
    Err(refusal(&said.stderr))
}

/// The command's own sentence as the reason why `PATH` is as it was.
fn refusal(stderr: &[u8]) -> Refusal {
    let error = serde_json::from_slice::<Value>(stderr).unwrap_or_default();
    let reason =
        error["error"]["fact"].as_str().unwrap_or("it did not say why").trim_end_matches('.').to_owned();
    Fault::new(Code::FileUnwritable).detail("file", "PATH").detail("reason", reason).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_the_command_says_is_the_reason() {
        let said =
            br#"{"error":{"code":"path_unchanged","fact":"x is another program, and is left alone."}}"#;
        let told = serde_json::to_value(refusal(said)).unwrap();
        assert_eq!(told["code"], "file_unwritable");
        assert!(told["fact"].as_str().unwrap().contains("is another program"), "{told}");
        let told = serde_json::to_value(refusal(b"")).unwrap();
        assert!(told["fact"].as_str().unwrap().contains("did not say why"), "{told}");
    }
}
