//! The vault as the core uses it: token sets in, token sets out, and the journal. Everything is compared by generation
//! there, so a late writer cannot replace a newer set.

use mcp_login_vault::{Error, ExposeSecret as _, Generation, Item, Key, Recovery, SecretSlice, Vault};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::id::AccountId;
use crate::state::Journal;
use crate::tokens::TokenSet;

/// A handle to the vault.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    vault: Vault,
}

/// A token set as it came out of the vault.
pub(crate) struct Kept {
    pub(crate) generation: u64,
    pub(crate) tokens: TokenSet,
    pub(crate) journal: Journal,
}

fn seal(bytes: &Zeroizing<Vec<u8>>) -> SecretSlice<u8> {
    SecretSlice::from(Box::<[u8]>::from(bytes.as_slice()))
}

impl Keep {
    pub(crate) fn new(vault: Vault) -> Self {
        Self { vault }
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The account's tokens and what a crash left open.
    pub(crate) async fn tokens(&self, id: &AccountId) -> Result<Option<Kept>, Failure> {
        let _awake = awake();
        let Some(Item { generation, secret }) = self.vault.load(&Key::Tokens(id.clone())).await? else {
            return Ok(None);
        };
        let tokens = TokenSet::decode(secret.expose_secret()).map_err(|_| Failure::Unreadable)?;
        let journal = match self.vault.recover(id).await? {
            Recovery::Unknown { generation: spent } if spent == generation => Journal::Unknown,
            _ => Journal::Clean,
        };
        Ok(Some(Kept { generation: generation.get(), tokens, journal }))
    }

    pub(crate) async fn begin(&self, id: &AccountId, generation: u64) -> Result<(), Error> {
        let _awake = awake();
        self.vault.begin(id, Generation::new(generation)).await
    }

    pub(crate) async fn abandon(&self, id: &AccountId, generation: u64) -> Result<(), Error> {
        let _awake = awake();
        self.vault.abandon(id, Generation::new(generation)).await
    }

    pub(crate) async fn commit(&self, id: &AccountId, from: u64, tokens: &TokenSet) -> Result<(), Error> {
        let _awake = awake();
        let from = Generation::new(from);
        self.vault.commit(id, from, from.next(), seal(&tokens.encode())).await
    }

    /// The first set of a sign-in, over whatever is there.
    pub(crate) async fn put(&self, id: &AccountId, generation: u64, tokens: &TokenSet) -> Result<(), Error> {
        let _awake = awake();
        self.vault.store(&Key::Tokens(id.clone()), Generation::new(generation), seal(&tokens.encode())).await
    }

    /// Stores under a key that has no generations of its own: always the next.
    pub(crate) async fn replace(&self, key: &Key, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Error> {
        let _awake = awake();
        let generation = match self.vault.load(key).await {
            Ok(Some(item)) => item.generation.next(),
            Ok(None) => Generation::FIRST,
            Err(Error::Corrupt { .. }) => {
                self.vault.delete(key).await?;
                Generation::FIRST
            }
            Err(error) => return Err(error),
        };
        self.vault.store(key, generation, seal(bytes)).await
    }

    pub(crate) async fn load(&self, key: &Key) -> Result<Option<Item>, Error> {
        let _awake = awake();
        self.vault.load(key).await
    }

    pub(crate) async fn delete(&self, key: &Key) -> Result<(), Error> {
        let _awake = awake();
        self.vault.delete(key).await
    }
}

/// Held while the vault's thread works for us. Means something in tests only.
#[cfg(not(test))]
struct Awake;

#[cfg(not(test))]
fn awake() -> Awake {
    Awake
}

/// Tokio's paused clock runs ahead while nothing is to be done, and does not see that another thread works for us.
/// A blocking task that waits holds it.
#[cfg(test)]
fn awake() -> std::sync::mpsc::Sender<()> {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || {
        let _ = held.recv();
    });
    hold
}
