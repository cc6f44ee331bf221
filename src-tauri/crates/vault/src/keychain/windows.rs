//! Windows: generic credentials of the Credential Manager. Numbers from `winerror.h`.

use std::sync::Arc;

use keyring_core::CredentialStore;

use super::{Failure, absent, broken};
use crate::{Error, Kind};

pub(super) const KIND: Kind = Kind::CredentialManager;

const ERROR_ACCESS_DENIED: i32 = 5;
const ERROR_NOT_FOUND: i32 = 1168;
const ERROR_NO_SUCH_LOGON_SESSION: i32 = 1312;
const ERROR_CANCELLED: i32 = 1223;

pub(super) fn open() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

/// `Local`: tokens stay on this machine. The default, `Enterprise`, lets them roam with the profile.
pub(super) fn modifiers(_service: &str, _name: &str) -> Vec<(&'static str, String)> {
    vec![("persistence", "Local".to_owned())]
}

/// Credentials are open as long as the person is logged on; the common probe is all.
pub(super) fn probe() -> Result<(), Failure> {
    Ok(())
}

/// The store's error type cannot be named from outside it. Its number is the thread's last error, which nothing has
/// overwritten since: on its way here the store only freed memory.
pub(super) fn tell(source: &(dyn std::error::Error + Send + Sync + 'static)) -> Failure {
    meaning(std::io::Error::last_os_error().raw_os_error(), source.to_string())
}

fn meaning(number: Option<i32>, text: String) -> Failure {
    let code = number.map(i64::from);
    match number {
        Some(ERROR_NOT_FOUND) => Failure::Missing,
        Some(ERROR_ACCESS_DENIED) => Failure::Refused(Error::Denied),
        Some(ERROR_CANCELLED) => Failure::Refused(Error::Dismissed),
        // a network logon (SSH, a scheduled task without a password) has no credential set
        Some(ERROR_NO_SUCH_LOGON_SESSION) => absent(text, code),
        _ => broken(text, code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_that_calls_for_another_next_step_is_told_apart() {
        let told = |number| meaning(Some(number), String::new());
        assert!(matches!(told(ERROR_NOT_FOUND), Failure::Missing));
        assert!(matches!(told(ERROR_ACCESS_DENIED), Failure::Refused(Error::Denied)));
        assert!(matches!(told(ERROR_NO_SUCH_LOGON_SESSION), Failure::Broken(Error::Absent { .. })));
        assert!(
            matches!(told(87), Failure::Broken(Error::Platform { failure, .. }) if failure.code == Some(87))
        );
    }
}
