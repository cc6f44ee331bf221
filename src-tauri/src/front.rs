//! Getting in front of the person: a second start brings the window of the first one.
//!
//! Invariant: the way goes through the agent, which both are connected to; there is no socket or bus name of our own that
//! another program could take first, and keep us from starting.

use std::time::Duration;

use mcp_login_ipc::api::Empty;
use mcp_login_ipc::client::{ClientError, StartHow};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Client, Paths};

/// How often an agent that was just started is asked: the first of us needs a moment to find it.
const ROUNDS: u32 = 4;
/// The pause between two of them; the first of us looks for an agent once a second.
const PAUSE: Duration = Duration::from_millis(700);

/// Has the first of us show its window.
///
/// # Errors
/// When there is no agent and none can be started.
pub(crate) fn raise_first() -> Result<(), ClientError> {
    allow();
    let paths = Paths::find()?;
    let show = |client: &mut Client| client.call(&call::WindowShow(Empty {}));
    match Client::connect(&paths) {
        Err(ClientError::NotRunning) => {
            let mut client = Client::connect_or_start(&paths, StartHow::Auto)?;
            for _ in 1..ROUNDS {
                show(&mut client)?;
                std::thread::sleep(PAUSE);
            }
            show(&mut client)?;
        }
        other => {
            show(&mut other?)?;
        }
    }
    Ok(())
}

/// Windows lets only the program that was started last come to the front, or one that it names.
fn allow() {
    #[cfg(windows)]
    {
        use windows_sys::Win32::UI::WindowsAndMessaging::{ASFW_ANY, AllowSetForegroundWindow};
        // SAFETY: takes a number and touches no memory of ours; a refusal means that the window only blinks.
        #[allow(unsafe_code)]
        unsafe {
            AllowSetForegroundWindow(ASFW_ANY);
        }
    }
}
