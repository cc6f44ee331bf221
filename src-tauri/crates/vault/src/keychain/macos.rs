//! macOS: the login keychain file, or with the feature `data-protection-keychain` the other one. Numbers from Apple's
//! `SecBase.h`.

use std::sync::Arc;

use keyring_core::CredentialStore;
use security_framework::base::Error as Status;

use super::{Failure, absent, broken};
use crate::{Error, Kind};

pub(super) const KIND: Kind = Kind::Keychain;

#[cfg(not(feature = "data-protection-keychain"))]
pub(super) fn open() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(feature = "data-protection-keychain")]
pub(super) fn open() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::protected::Store::new()?)
}

#[cfg(not(feature = "data-protection-keychain"))]
pub(super) fn modifiers(_service: &str, _name: &str) -> Vec<(&'static str, String)> {
    Vec::new()
}

/// Readable while the screen is locked, since tokens are renewed then too; on this Mac and in no backup of it.
#[cfg(feature = "data-protection-keychain")]
pub(super) fn modifiers(_service: &str, _name: &str) -> Vec<(&'static str, String)> {
    vec![("access-policy", "after-first-unlock-this-device-only".to_owned())]
}

/// Looking for an item that is not there needs no password, so the common probe is all.
pub(super) fn probe() -> Result<(), Failure> {
    Ok(())
}

pub(super) fn tell(source: &(dyn std::error::Error + Send + Sync + 'static)) -> Failure {
    match source.downcast_ref::<Status>() {
        Some(status) => meaning(status.code(), source.to_string()),
        None => broken(source.to_string(), None),
    }
}

fn meaning(status: i32, text: String) -> Failure {
    let code = Some(i64::from(status));
    match status {
        // errSecItemNotFound
        -25300 => Failure::Missing,
        // userCanceledErr: the person pressed Cancel or Deny
        -128 => Failure::Refused(Error::Dismissed),
        // errSecInteractionNotAllowed, errSecInteractionRequired, errSecInDarkWake: locked, and no prompt can be
        // shown (over SSH, before login, asleep)
        -25308 | -25315 | -25320 => Failure::Refused(Error::Locked),
        // errSecAuthFailed (wrong password), errSecNoAccessForItem, errSecInvalidOwnerEdit, errSecReadOnly, wrPermErr,
        // errSecMissingEntitlement
        -25293 | -25243 | -25244 | -25292 | -61 | -34018 => Failure::Refused(Error::Denied),
        // errSecNotAvailable, errSecNoSuchKeychain, errSecInvalidKeychain, errSecNoDefaultKeychain
        -25291 | -25294 | -25295 | -25307 => absent(text, code),
        _ => broken(text, code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: i32) -> Failure {
        tell(&Status::from_code(status))
    }

    #[test]
    fn every_code_that_calls_for_another_next_step_is_told_apart() {
        assert!(matches!(told(-25300), Failure::Missing));
        assert!(matches!(told(-128), Failure::Refused(Error::Dismissed)));
        assert!(matches!(told(-25308), Failure::Refused(Error::Locked)));
        assert!(matches!(told(-25293), Failure::Refused(Error::Denied)));
        assert!(matches!(told(-25291), Failure::Broken(Error::Absent { .. })));
        assert!(
            matches!(told(-2070), Failure::Broken(Error::Platform { failure, .. }) if failure.code == Some(-2070))
        );
    }
}
