//! Our scheme on Windows: a class of this user in the registry.

use std::path::Path;

use super::ClaimError;
use mcp_login_ipc::identity;
use windows_registry::CURRENT_USER;

/// Makes this program the one that opens our scheme, whoever did before.
///
/// # Errors
/// [`ClaimError`].
pub(crate) fn claim() -> Result<(), ClaimError> {
    let own = std::env::current_exe().map_err(|error| unwritable("the program", &error.to_string()))?;
    let written = || -> windows_registry::Result<()> {
        let class = CURRENT_USER.create(class())?;
        class.set_string("", "URL:MCP Login")?;
        class.set_string("URL Protocol", "")?;
        CURRENT_USER.create(command())?.set_string("", format!("\"{}\" \"%1\"", own.display()))
    };
    written().map_err(|error| unwritable(&command(), &error.message()))
}

/// Whether `program`, which opens the scheme, is what our own key names, and a copy of this program.
pub(super) fn is_former_place(program: &Path) -> bool {
    let there = CURRENT_USER.open(command()).and_then(|key| key.get_string("")).unwrap_or_default();
    let named = there.strip_prefix('"').and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let same_name = || {
        std::env::current_exe()
            .is_ok_and(|own| own.file_name().is_some_and(|name| Some(name) == program.file_name()))
    };
    Path::new(named) == program && same_name()
}

fn class() -> String {
    format!("Software\\Classes\\{}", identity::SCHEME)
}

fn command() -> String {
    format!("{}\\shell\\open\\command", class())
}

fn unwritable(what: &str, reason: &str) -> ClaimError {
    ClaimError::Unwritable { what: what.to_owned(), reason: reason.to_owned() }
}
