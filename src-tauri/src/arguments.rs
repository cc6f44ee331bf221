//! What the command line asks for.
//!
//! Problem: the desktop starts us with whatever address a page names. Invariant: an argument that is no option of ours is
//! either exactly our callback or nothing at all; its text is never printed.

use std::ffi::OsString;

use crate::deep_link::Callback;
use mcp_login_ipc::identity;

/// How we were started.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Window and tray.
    Window,
    /// The tray alone: by the system, at login.
    Background,
    /// The consent window: by the agent, which is on standard input and output.
    Consent,
    /// By our scheme, with a callback.
    Callback(Callback),
    /// By our scheme, with something else: there is nothing to do.
    Nothing,
}

/// Why the command line makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it takes --background, --consent, an address of the scheme {scheme}, or nothing", scheme = identity::SCHEME)]
pub(crate) struct Mistake;

/// Reads the arguments, the program's name left out.
///
/// # Errors
/// [`Mistake`] when there is more than one, or one that is no address of our scheme.
pub(crate) fn read(arguments: impl Iterator<Item = OsString>) -> Result<Opening, Mistake> {
    let arguments: Vec<OsString> = arguments.filter(|argument| !process_serial_number(argument)).collect();
    let [argument] = arguments.as_slice() else {
        return if arguments.is_empty() { Ok(Opening::Window) } else { Err(Mistake) };
    };
    match argument.to_str() {
        Some("--background") => Ok(Opening::Background),
        Some("--consent") => Ok(Opening::Consent),
        Some(text) if of_our_scheme(text) => {
            Ok(Callback::read(text).map_or(Opening::Nothing, Opening::Callback))
        }
        _ => Err(Mistake),
    }
}

fn of_our_scheme(text: &str) -> bool {
    text.get(..identity::SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(identity::SCHEME))
        && text.as_bytes().get(identity::SCHEME.len()) == Some(&b':')
}

/// Older versions of macOS give one to what the Finder starts.
fn process_serial_number(argument: &OsString) -> bool {
    cfg!(target_os = "macos") && argument.to_str().is_some_and(|text| text.starts_with("-psn_"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(arguments: &[&str]) -> Result<Opening, Mistake> {
        read(arguments.iter().map(OsString::from))
    }

    #[test]
    fn each_way_to_start() {
        assert_eq!(of(&[]), Ok(Opening::Window));
        assert_eq!(of(&["--background"]), Ok(Opening::Background));
        assert_eq!(of(&["--consent"]), Ok(Opening::Consent));
        let url = format!("{}?code=a&state=b", identity::redirect_uri());
        assert!(matches!(of(&[&url]), Ok(Opening::Callback(_))));
        for wrong in [&["--help"][..], &["x"], &[""], &["--consent", "--background"], &[&url, "--consent"]] {
            assert_eq!(of(wrong), Err(Mistake), "{wrong:?}");
        }
    }

    #[test]
    fn another_address_of_our_scheme_does_nothing() {
        let scheme = identity::SCHEME;
        for url in [format!("{scheme}:/settings"), format!("{scheme}://oauth/callback"), format!("{scheme}:")]
        {
            assert_eq!(of(&[&url]), Ok(Opening::Nothing), "{url}");
        }
    }
}
