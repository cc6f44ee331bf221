//! Leaving nothing behind, for who uninstalls.
//!
//! Problem: with the programs gone nobody finds our items in the keychain any more, and the index of them lies in the files
//! that an uninstaller would delete. Invariants: secrets go before the files that name them, and when one stays, the files
//! stay; nothing goes while an agent runs; what could still be revoked goes only when that was said.

use std::path::{Path, PathBuf};

use mcp_login_ipc::paths::PathError;
use mcp_login_ipc::{Exit, Paths, identity};
use mcp_login_vault::{Key, Vault};

use crate::accounts::{AccountsFile, RegistrationsFile, RevocationsFile};
use crate::config::{Config, VaultChoice};
use crate::core::{ACCOUNTS_VERSION, REGISTRATIONS_VERSION, REVOCATIONS_VERSION};
use crate::disk::{self, StateFile};
use crate::lock::{AgentLock, LockError};

/// What becomes of tokens that still work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unrevoked {
    /// They are a reason to delete nothing.
    Keep,
    /// They are deleted here, and work at the server until they run out.
    Forget,
}

/// Why something is left.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// An agent runs.
    #[error("The agent runs. End it first: mcp-login agent stop")]
    Running,
    /// Accounts are signed in.
    #[error("{0} of your accounts are signed in. Sign out first: mcp-login logout --all")]
    SignedIn(usize),
    /// Revocations wait for their issuer.
    #[error("{0} sign-outs wait for a server that could not be reached: the tokens still work there")]
    Queued(usize),
    /// There are no directories.
    #[error(transparent)]
    Paths(#[from] PathError),
    /// A file or a directory.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that cannot be read.
    #[error(transparent)]
    State(#[from] disk::Error),
    /// The keychain.
    #[error("The keychain does not let go of {key}: {source}")]
    Vault {
        /// Which item.
        key: Key,
        /// Why.
        source: mcp_login_vault::Error,
    },
    /// Threads, runtime.
    #[error("the system gives no threads: {0}")]
    System(#[source] std::io::Error),
}

impl ForgetError {
    /// The exit status: an installer tells them apart by it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            ForgetError::Running => Exit::Agent,
            ForgetError::SignedIn(_) => Exit::NeedsSignIn,
            ForgetError::Queued(_) => Exit::Unreachable,
            ForgetError::Vault { .. } => Exit::Keychain,
            ForgetError::Paths(_)
            | ForgetError::File { .. }
            | ForgetError::State(_)
            | ForgetError::System(_) => Exit::Failed,
        }
    }
}

/// Deletes what this user's agent keeps: keychain items, state, records, settings.
///
/// # Errors
/// [`ForgetError`]; what is left can be deleted by doing it again.
pub fn run(unrevoked: Unrevoked) -> Result<(), ForgetError> {
    let paths = Paths::find()?;
    if !paths.data_dir.exists() {
        return remove(&[&paths.config_dir]);
    }
    let lock = AgentLock::take(&paths.data_dir).map_err(|error| match error {
        LockError::Held => ForgetError::Running,
        LockError::Unusable { path, source } => ForgetError::File { path, source },
    })?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ForgetError::System)?;
    // With settings that cannot be read, what is in the keychain is looked for all the same.
    let choice = Config::load(&paths.config_dir).map_or(VaultChoice::Keychain, |config| config.vault);
    if choice == VaultChoice::Keychain {
        let vault = Vault::keychain(identity::KEYCHAIN_SERVICE).map_err(ForgetError::System)?;
        runtime.block_on(forget(&paths.data_dir, &vault, unrevoked))?;
    }
    // A file that is locked cannot be deleted on Windows. Who starts an agent now finds an empty place.
    drop(lock);
    remove(&[&paths.data_dir, &paths.config_dir])
}

/// Deletes every item that the state files name.
async fn forget(data_dir: &Path, vault: &Vault, unrevoked: Unrevoked) -> Result<(), ForgetError> {
    let at = |name: &str, version| StateFile::new(data_dir.join(name), version);
    let accounts = at("accounts.json", ACCOUNTS_VERSION).load::<AccountsFile>()?.value.accounts;
    let registrations = at("registrations.json", REGISTRATIONS_VERSION).load::<RegistrationsFile>()?.value;
    let revocations =
        at("revocations.json", REVOCATIONS_VERSION).load::<RevocationsFile>()?.value.revocations;
    if unrevoked == Unrevoked::Keep {
        if !accounts.is_empty() {
            return Err(ForgetError::SignedIn(accounts.len()));
        }
        if !revocations.is_empty() {
            return Err(ForgetError::Queued(revocations.len()));
        }
    }
    let tokens = accounts.into_iter().map(|account| Key::Tokens(account.id)); // the intent goes with them
    let secrets = registrations.registrations.into_iter().flat_map(|registration| {
        [Key::ClientSecret(registration.id.clone()), Key::RegistrationToken(registration.id)]
    });
    let queued = revocations.into_iter().map(|entry| Key::Revocation(entry.id));
    let doors = crate::door::keys_in(data_dir)?.into_iter().map(Key::DoorKey);
    for key in tokens.chain(secrets).chain(queued).chain(doors) {
        vault.delete(&key).await.map_err(|source| ForgetError::Vault { key, source })?;
    }
    Ok(())
}

/// Removes directories, and the one that holds nothing but them under our name (Windows).
fn remove(dirs: &[&Path]) -> Result<(), ForgetError> {
    for dir in dirs {
        match std::fs::remove_dir_all(dir) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(ForgetError::File { path: (*dir).to_owned(), source });
            }
            _ => {}
        }
        if let Some(above) = dir.parent().filter(|above| above.ends_with(identity::DIRECTORY_NAME)) {
            let _ = std::fs::remove_dir(above); // the other one may still lie in it
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use mcp_login_vault::{Generation, SecretSlice};

    const ID: &str = "0123456789abcdef0123";

    async fn place(vault: &Vault) -> (tempfile::TempDir, Key) {
        let dir = tempfile::tempdir().unwrap();
        let queue = format!(
            r#"{{"version":{REVOCATIONS_VERSION},"revocations":[{}]}}"#,
            serde_json::json!({
                "id": ID, "issuer": "https://i.example", "account": "work", "server": "https://s.example/mcp",
                "registration": ID, "since": 1,
            })
        );
        std::fs::write(dir.path().join("revocations.json"), queue).unwrap();
        let key = Key::Revocation(ID.parse().unwrap());
        let door = serde_json::json!({
            "version": 1, "keys": [{"id": ID, "account": ID, "client": "an editor", "made_at": 1}],
        });
        std::fs::write(dir.path().join("door.json"), door.to_string()).unwrap();
        for key in [&key, &door_key()] {
            vault.store(key, Generation::new(1), SecretSlice::from(b"secret".to_vec())).await.unwrap();
        }
        (dir, key)
    }

    fn door_key() -> Key {
        Key::DoorKey(ID.parse().unwrap())
    }

    #[tokio::test]
    async fn what_can_still_be_revoked_is_kept_until_it_is_said() {
        let vault = Vault::memory();
        let (dir, key) = place(&vault).await;
        let kept = forget(dir.path(), &vault, Unrevoked::Keep).await;
        assert!(matches!(kept, Err(ForgetError::Queued(1))), "{kept:?}");
        assert!(vault.load(&key).await.unwrap().is_some());
        forget(dir.path(), &vault, Unrevoked::Forget).await.unwrap();
        assert!(vault.load(&key).await.unwrap().is_none());
        assert!(vault.load(&door_key()).await.unwrap().is_none(), "a key to the HTTP door stays");
    }

    #[test]
    fn only_a_directory_of_our_name_goes_with_the_last_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let ours = dir.path().join(identity::DIRECTORY_NAME);
        let (config, data) = (ours.join("config"), ours.join("data"));
        std::fs::create_dir_all(&config).unwrap();
        std::fs::create_dir_all(data.join("deeper")).unwrap();
        remove(&[&data, &config]).unwrap();
        assert!(!ours.exists() && dir.path().exists());
        remove(&[&data, &config]).unwrap();
        let other = dir.path().join("other/config");
        std::fs::create_dir_all(&other).unwrap();
        remove(&[&other]).unwrap();
        assert!(!other.exists() && dir.path().join("other").exists());
    }
}
