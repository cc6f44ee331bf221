//! Keeping what a sign-in brought. The entry comes first, marked as begun; then the tokens go into the vault; then the entry
//! is completed and shown. A crash between leaves something that the next start completes or drops, never a token that
//! nobody knows of. When the issuer is another one, the former tokens are revoked at the former issuer, and only there.

use std::sync::Arc;
use std::time::Duration;

use mcp_login_oauth::server_metadata::ServerMetadata;
use mcp_login_oauth::token;
use mcp_login_oauth::values::{ScopeSet, ServerUrl};
use mcp_login_vault::fault;
use secrecy::SecretString;

use crate::accounts::{self, Account, Coming, Network, Storing};
use crate::clock::Moment;
use crate::core::{Core, Inner};
use crate::ending::{self, Ending};
use crate::failure::Failure;
use crate::id::{self, AccountId, RegistrationId, RevocationId};
use crate::receipt::Receipt;
use crate::revocation::Attempt;
use crate::state::{Cell, Journal, Standing, TurnGuard};
use crate::tokens::TokenSet;

/// A sign-in that has come home: what is to be kept. Build it after the code was exchanged.
#[derive(Debug)]
pub struct NewSignIn {
    /// Sign in again at this account; none makes a new one.
    pub account: Option<AccountId>,
    /// The name that the person chose; none takes one from the host.
    pub name: Option<String>,
    /// What the person typed.
    pub server: ServerUrl,
    /// Sent as `resource`; none when it breaks there.
    pub resource: Option<String>,
    /// The issuer's metadata; the issuer is its `issuer`.
    pub metadata: ServerMetadata,
    /// Where connections may go.
    pub network: Network,
    /// Saved before.
    pub registration: RegistrationId,
    /// `sub` of the ID token.
    pub subject: Option<String>,
    /// For people.
    pub label: Option<String>,
    /// What was asked.
    pub asked_scope: ScopeSet,
    /// What the token endpoint gave.
    pub tokens: token::TokenSet,
    /// Before the code was sent: the lifetime counts from there.
    pub asked_at: Moment,
    /// Seconds that a sign-in usually lasts at this provider.
    pub sign_in_lifetime: Option<u64>,
}

/// Whether the same person came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A new account.
    First,
    /// The same, as far as the issuer says.
    Same,
    /// The issuer does not say who it is, now or then.
    Unsaid,
    /// Somebody else: tell the person.
    Another {
        /// Label or subject of the former sign-in.
        was: String,
        /// And of this one.
        now: String,
    },
}

/// What became of a sign-in.
#[derive(Debug)]
pub struct Adopted {
    /// The account, new or renewed.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// Of the stored set.
    pub generation: u64,
    /// Who came.
    pub identity: Identity,
    /// What became of the former tokens, when they were another issuer's.
    pub former: Option<Receipt>,
}

impl Core {
    /// Keeps a sign-in. Goes on if the caller goes away.
    ///
    /// # Errors
    /// [`Failure::Name`], [`Failure::Vault`], [`Failure::Disk`], [`Failure::Leaving`]. An existing account is as it was then,
    /// and a new one is not there.
    pub async fn adopt(&self, sign_in: NewSignIn) -> Result<Adopted, Failure> {
        let core = self.0.clone();
        self.0.own(async move { core.adopt(sign_in).await }).await.unwrap_or(Err(Failure::Broken))
    }

    /// Whether there is a place for tokens at all. A locked keychain is one: it asks the person when it is written to.
    ///
    /// # Errors
    /// [`Failure::Vault`] when there is none, or none that lets us in.
    pub async fn can_keep(&self) -> Result<(), Failure> {
        use mcp_login_vault::Error;
        match self.0.keep.vault().probe().await {
            Err(error @ (Error::Absent { .. } | Error::Denied)) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl Inner {
    async fn adopt(self: &Arc<Self>, sign_in: NewSignIn) -> Result<Adopted, Failure> {
        let tokens = Arc::new(sign_in.token_set());
        let adopted = match sign_in.account.clone() {
            Some(id) => {
                let cell = self.cell(&id)?;
                let turn = cell.turn().await;
                self.renew(&cell, turn, sign_in, tokens).await
            }
            None => self.found(sign_in, tokens).await,
        }?;
        self.changed(&adopted.account);
        Ok(adopted)
    }

    /// A new account.
    async fn found(self: &Arc<Self>, sign_in: NewSignIn, tokens: Arc<TokenSet>) -> Result<Adopted, Failure> {
        let id = AccountId::from_random(id::random()?);
        let now = self.clock.now().unix();
        let scope = tokens.scope.clone();
        let cell = self.add(id, |id, others| sign_in.entry(id, others, scope, now)).await?;
        let turn = cell.turn().await;
        fault::point("signin.entry");
        if let Err(error) = self.keep.put(&cell.id, 1, &tokens).await {
            // Nothing half: the person is told, and signs in again when the vault can be written.
            if let Err(failure) = self.remove(&cell.id).await {
                tracing::warn!(%failure, "an entry without tokens stays until the next start");
            }
            return Err(error.into());
        }
        fault::point("signin.stored");
        self.expose(&cell, turn, 1, tokens, |account| account.storing = Storing::Settled).await?;
        let name = cell.snapshot().account.name.clone();
        Ok(Adopted { account: cell.id.clone(), name, generation: 1, identity: Identity::First, former: None })
    }

    /// A new sign-in at an account that is there.
    async fn renew(
        self: &Arc<Self>,
        cell: &Arc<Cell>,
        mut turn: TurnGuard,
        sign_in: NewSignIn,
        tokens: Arc<TokenSet>,
    ) -> Result<Adopted, Failure> {
        let before = cell.snapshot();
        if before.is_leaving() {
            return Err(Failure::Leaving);
        }
        let former = before.account.clone();
        let identity = who(&former, &sign_in);
        // What is stored decides the generation, not what we remember. A damaged item is replaced.
        let kept = match self.keep.tokens(&cell.id).await {
            Ok(kept) => kept,
            Err(Failure::Unreadable) => None,
            Err(Failure::Vault(mcp_login_vault::Error::Corrupt { .. })) => {
                self.keep.delete(&mcp_login_vault::Key::Tokens(cell.id.clone())).await?;
                None
            }
            Err(failure) => return Err(failure),
        };
        let stored = kept.as_ref().map_or(before.generation, |kept| kept.generation);
        let generation = stored.max(before.generation) + 1;
        let elsewhere = former.issuer() != sign_in.metadata.issuer.as_str();
        let unsaved = turn.unsaved.as_ref().map(|unsaved| unsaved.tokens.clone());
        let old_tokens = unsaved.or(kept.map(|kept| Arc::new(kept.tokens)));
        let now = self.clock.now().unix();
        let next = sign_in.renew(&former, tokens.scope.clone(), now);
        let coming = Box::new(Coming { generation, account: next.clone() });
        self.edit(cell, |account, _| {
            account.coming = Some(coming);
            Ok(())
        })
        .await?;
        fault::point("signin.entry");
        self.keep.put(&cell.id, generation, &tokens).await?;
        fault::point("signin.stored");
        *turn = Default::default();
        self.expose(cell, turn, generation, tokens, move |account| {
            *account = Account { name: account.name.clone(), ..next }
        })
        .await?;
        let name = cell.snapshot().account.name.clone();
        let receipt = match old_tokens {
            Some(old) if elsewhere => Some(self.give_back(&former, &old, now).await),
            _ => None,
        };
        if former.registration != cell.snapshot().account.registration {
            self.end_registration(&former.registration).await;
        }
        Ok(Adopted { account: cell.id.clone(), name, generation, identity, former: receipt })
    }

    /// Stored: now everybody may see it.
    async fn expose(
        &self,
        cell: &Cell,
        turn: TurnGuard,
        generation: u64,
        tokens: Arc<TokenSet>,
        change: impl FnOnce(&mut Account),
    ) -> Result<(), Failure> {
        let account = self
            .edit(cell, |account, _| {
                change(account);
                Ok(())
            })
            .await?;
        fault::point("signin.settled");
        cell.publish(|snapshot| {
            snapshot.account = account;
            snapshot.generation = generation;
            snapshot.tokens = Some(tokens);
            snapshot.standing = Standing::Good;
            snapshot.trouble = None;
            snapshot.journal = Journal::Clean;
            snapshot.attempts += 1;
        });
        drop(turn);
        Ok(())
    }

    /// The former issuer's tokens go back to the former issuer. The new sign-in is there already: what fails here is a line of
    /// the receipt, and not its failure.
    async fn give_back(self: &Arc<Self>, former: &Account, tokens: &TokenSet, now: u64) -> Receipt {
        let attempt = self.try_to_give_back(former, tokens, now).await.unwrap_or_else(|failure| {
            tracing::warn!(%failure, "tokens of the former issuer could not be given back");
            Attempt::failed(tokens, "revocation_failed")
        });
        Receipt {
            account: former.name.clone(),
            server: former.server.to_string(),
            issuer: former.issuer().to_owned(),
            signed_out_at: now,
            lines: vec![attempt.refresh, attempt.access],
        }
    }

    async fn try_to_give_back(
        self: &Arc<Self>,
        former: &Account,
        tokens: &TokenSet,
        now: u64,
    ) -> Result<Attempt, Failure> {
        let id = RevocationId::from_random(id::random()?);
        let attempt = self.revoke(id.clone(), former, tokens, now).await?;
        if attempt.is_final() {
            self.dequeue(&id).await?;
        }
        Ok(attempt)
    }
}

fn who(former: &Account, sign_in: &NewSignIn) -> Identity {
    // A subject means something at its issuer only (OpenID Connect Core §2).
    if former.issuer() != sign_in.metadata.issuer.as_str() {
        return Identity::Unsaid;
    }
    match (&former.subject, &sign_in.subject) {
        (Some(was), Some(now)) if was == now => Identity::Same,
        (Some(was), Some(now)) => Identity::Another {
            was: former.label.clone().unwrap_or_else(|| was.clone()),
            now: sign_in.label.clone().unwrap_or_else(|| now.clone()),
        },
        _ => Identity::Unsaid,
    }
}

impl NewSignIn {
    fn token_set(&self) -> TokenSet {
        let granted = self.tokens.scope.as_ref().unwrap_or(&self.asked_scope);
        TokenSet {
            access: SecretString::from(self.tokens.access_token.expose()),
            refresh: self.tokens.refresh_token.as_ref().map(|refresh| SecretString::from(refresh.expose())),
            token_type: self.tokens.token_type.clone(),
            scope: words(granted),
            issuer: self.metadata.issuer.as_str().to_owned(),
            life: TokenSet::life(self.asked_at, self.tokens.expires_in.map(Duration::from_secs)),
            ends: ending::end_of(self.asked_at, self.tokens.refresh_expires_in),
        }
    }

    fn entry(
        &self,
        id: AccountId,
        others: &[Account],
        scope: Vec<String>,
        now: u64,
    ) -> Result<Account, Failure> {
        let taken = |name: &str| others.iter().any(|other| other.name == name);
        let name = match &self.name {
            Some(name) => {
                accounts::check_name(name)?;
                if taken(name) {
                    return Err(Failure::Name(accounts::NameError::Taken));
                }
                name.clone()
            }
            None => accounts::default_name(self.server.as_str(), taken),
        };
        Ok(Account {
            id,
            name,
            server: self.server.clone(),
            resource: self.resource.clone(),
            metadata: self.lean_metadata(),
            network: self.network,
            registration: self.registration.clone(),
            label: self.label.clone(),
            subject: self.subject.clone(),
            scope,
            asked_scope: words(&self.asked_scope),
            signed_in_at: now,
            mark: None,
            issuer_change: None,
            ending: self.ending(&[], now),
            storing: Storing::Begun,
            coming: None,
        })
    }

    fn renew(self, former: &Account, scope: Vec<String>, now: u64) -> Account {
        let metadata = self.lean_metadata();
        // What another issuer did says nothing of this one.
        let same = former.issuer() == metadata.issuer.as_str();
        let ending = self.ending(if same { &former.ending.former } else { &[] }, now);
        Account {
            id: former.id.clone(),
            name: former.name.clone(),
            server: former.server.clone(), // an account is at one server for ever
            resource: self.resource,
            metadata,
            network: self.network,
            registration: self.registration,
            label: self.label,
            subject: self.subject,
            scope,
            asked_scope: words(&self.asked_scope),
            signed_in_at: now,
            mark: None,
            issuer_change: None,
            ending,
            storing: Storing::Settled,
            coming: None,
        }
    }

    fn ending(&self, former: &[u64], now: u64) -> Ending {
        let announced = ending::end_of(self.asked_at, self.tokens.refresh_expires_in);
        Ending::of_new(announced, self.sign_in_lifetime, former, now)
    }

    /// Without what only a sign-in needs: some issuers list hundreds of scopes.
    fn lean_metadata(&self) -> ServerMetadata {
        ServerMetadata { scopes_supported: None, ..self.metadata.clone() }
    }
}

fn words(scopes: &ScopeSet) -> Vec<String> {
    scopes.iter().map(|scope| scope.as_str().to_owned()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
