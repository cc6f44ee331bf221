//! Our scheme: what comes by it, and that it comes to us.
//!
//! Problem: any page and any program can send an address of our scheme, and any program can take the scheme (RFC 8252
//! §8.6). Invariants: only the callback's exact form is passed on, to the agent alone, whose `state` decides; the address
//! is never printed or logged; a scheme that another program holds is left to it until the person says otherwise.

use std::time::Duration;

use mcp_login_ipc::api::{SchemeState, SchemeView, SignInCallback};
use mcp_login_ipc::client::ClientError;
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Client, Code, identity};
use tauri::{AppHandle, Manager as _};

use crate::notify;
use crate::shell::Shell;

#[cfg(target_os = "linux")]
mod desktop_entry;
#[cfg(target_os = "linux")]
#[path = "deep_link/linux.rs"]
mod system;
#[cfg(windows)]
#[path = "deep_link/windows.rs"]
mod system;

/// Bytes of an address: a code of 16 KiB fits, and the agent has a bound of its own.
const LONGEST: usize = 32 * 1024;
/// How long the agent may take to turn the code into tokens before we go on without its answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The address at which a sign-in comes back. Holds a code: its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Callback(String);

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Callback(…)")
    }
}

impl Callback {
    /// Reads an address; nothing when it is not exactly our redirect URI, with or without a query.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let rest =
            text.strip_prefix(identity::SCHEME)?.strip_prefix(':')?.strip_prefix(identity::CALLBACK_PATH)?;
        let whole = text.len() <= LONGEST && (rest.is_empty() || rest.starts_with('?'));
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        (whole && plain).then(|| Self(text.to_owned()))
    }
}

/// What became of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handed {
    /// It belongs to a sign-in of ours, whatever became of that; or no agent is there to say.
    Over,
    /// It belongs to none.
    Stray,
}

/// Hands the address to the agent. A callback belongs to a sign-in that a running agent began: none is started for it.
pub(crate) fn hand_over(callback: &Callback) -> Handed {
    let ask = || -> Result<(), ClientError> {
        let mut client = Client::connect_to(&mcp_login_ipc::Paths::find_socket()?)?;
        client.set_patience(Some(PATIENCE));
        client.call(&call::SignInCallback(SignInCallback { url: callback.0.clone(), sign_in: None }))?;
        Ok(())
    };
    match ask() {
        Err(ClientError::Fault(fault)) if fault.known().is_some_and(stray) => Handed::Stray,
        _ => Handed::Over,
    }
}

/// The codes that say that nobody waited for it.
fn stray(code: Code) -> bool {
    matches!(
        code,
        Code::CallbackUnmatched
            | Code::CallbackMalformed
            | Code::CallbackUsed
            | Code::NoSuchSignIn
            | Code::BadParameters
    )
}

/// Why the scheme is not ours.
#[cfg(any(target_os = "linux", windows))]
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimError {
    /// A file or a key cannot be written.
    #[error("{what}: {reason}")]
    Unwritable {
        /// Which.
        what: String,
        /// What the system said.
        reason: String,
    },
    /// The system does not say where things lie.
    #[cfg(target_os = "linux")]
    #[error("this user has no home directory")]
    NoHome,
}

/// Looks after the scheme, given who opens it: takes it when nobody does, puts it right when a copy of ours that moved
/// does, and says so when another program does.
pub(crate) fn settle(app: &AppHandle, scheme: &SchemeView) {
    if elsewhere() {
        return;
    }
    match scheme.state {
        SchemeState::Ours => {}
        SchemeState::None => take(),
        SchemeState::Foreign if scheme.program.as_deref().is_some_and(is_former_place) => take(),
        SchemeState::Foreign => {
            if app.state::<Shell>().first_time_foreign() {
                notify::show(app, notify::scheme_taken(scheme.program.as_deref()));
            }
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) use desktop_entry::autostart as entry_text;
#[cfg(any(target_os = "linux", windows))]
pub(crate) use system::claim;
#[cfg(target_os = "linux")]
pub(crate) use system::{own_program, plain_path};

/// Whether a released build works in a home of its own, as in the demo: the scheme is the person's, and whatever comes by it
/// would go to the agent in the person's own home.
pub(crate) fn elsewhere() -> bool {
    !cfg!(debug_assertions)
        && std::env::var_os(mcp_login_ipc::paths::HOME_VARIABLE).is_some_and(|home| !home.is_empty())
}

/// A scheme that is not ours costs a detour over a port, no more: that is what the agent then does by itself.
fn take() {
    #[cfg(any(target_os = "linux", windows))]
    let _ = claim();
}

/// Whether that program is what our own entry names, and a copy of this one: then we have moved.
fn is_former_place(program: &str) -> bool {
    #[cfg(any(target_os = "linux", windows))]
    {
        system::is_former_place(std::path::Path::new(program))
    }
    #[cfg(not(any(target_os = "linux", windows)))]
    {
        let _ = program;
        false
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn url(rest: &str) -> String {
        format!("{}:{rest}", identity::SCHEME)
    }

    #[test]
    fn only_the_callback_is_read() {
        for good in
            ["/oauth/callback", "/oauth/callback?code=a%20b&state=c", "/oauth/callback?error=access_denied"]
        {
            let read = Callback::read(&url(good)).unwrap();
            assert_eq!(read.0, url(good));
            assert_eq!(format!("{read:?}"), "Callback(…)");
        }
        let long = format!("/oauth/callback?code={}", "x".repeat(LONGEST));
        for bad in [
            "/oauth/callback/",
            "/oauth/callbackx?code=a",
            "/oauth/callback#code=a",
            "//oauth/callback?code=a",
            "/oauth/../oauth/callback",
            "/OAuth/callback",
            "/oauth/callback?code=a b",
            "/oauth/callback?code=a\n--consent",
            "/oauth/callback?code=ä",
            "/",
            "",
            &long,
        ] {
            assert_eq!(Callback::read(&url(bad)), None, "{bad}");
        }
        assert_eq!(Callback::read("https://a.example/oauth/callback"), None);
        assert_eq!(Callback::read(&url("/oauth/callback").to_uppercase()), None);
    }

    #[test]
    fn a_refused_sign_in_is_no_stray() {
        assert!(stray(Code::CallbackUnmatched));
        assert!(!stray(Code::AccessDenied));
        assert!(!stray(Code::AnotherPerson));
    }
}
