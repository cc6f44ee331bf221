//! Handing out a token. The answer comes from the account's snapshot whenever it can: no lock, no vault, no network. Only a
//! caller who cannot be served so takes part in a refresh, and one who can still be served by the old token does not wait
//! for it long: an issuer that hangs holds up nobody while there is something valid to give.

use std::sync::Arc;
use std::time::Duration;

use mcp_login_vault::{Error as VaultError, Written};
use secrecy::SecretString;

use crate::accounts::Account;
use crate::clock::Moment;
use crate::core::{Core, Inner};
use crate::failure::Failure;
use crate::id::AccountId;
use crate::refresh::{self, Why, Wish};
use crate::schedule;
use crate::state::{Cell, Snapshot, Standing};
use crate::tokens::TokenSet;

/// How long a caller waits for a refresh when it has nothing to fall back on. Below the 30 s after which MCP clients give up
/// on a header helper; the refresh itself goes on.
const PATIENCE: Duration = Duration::from_secs(25);

/// And when the old token would still do.
const SHORT_PATIENCE: Duration = Duration::from_secs(2);

/// What a caller of `token.get` asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Want {
    /// The generation that a server refused: a newer one is wanted.
    pub newer_than: Option<u64>,
    /// What the token must have left. More than half its life cannot be had and is not asked of it.
    pub min_ttl: Option<Duration>,
}

/// A token handed out.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The account as it is now.
    pub account: Arc<Account>,
    /// The access token.
    pub access: SecretString,
    /// As the issuer spelled it.
    pub token_type: String,
    /// What was granted.
    pub scope: Vec<String>,
    /// Goes up with every token set.
    pub generation: u64,
    /// Unix seconds.
    pub expires_at: Option<u64>,
}

/// What a snapshot is good for.
enum Verdict {
    /// Fresh.
    Hand(Fetched),
    /// Too little left, or refused: get a newer one. `spare` is what is still valid.
    Renew { why: Why, spare: bool },
    /// Nothing to be had.
    Refuse(Failure),
}

impl Core {
    /// An access token of this account.
    ///
    /// # Errors
    /// Every [`Failure`] of a refresh, when nothing valid is left to give.
    pub async fn fetch(&self, id: &AccountId, want: Want) -> Result<Fetched, Failure> {
        let core = &self.0;
        let cell = core.cell(id)?;
        let snapshot = match tokio::time::timeout(PATIENCE, core.loaded(&cell)).await {
            Ok(loaded) => loaded?,
            // What takes so long is a person before a prompt.
            Err(_) => return Err(VaultError::Deadline { written: Written::No }.into()),
        };
        match judge(&snapshot, want, core.clock.now()) {
            Verdict::Hand(fetched) => Ok(fetched),
            Verdict::Refuse(failure) => Err(failure),
            Verdict::Renew { why, spare } => renew(core, &cell, &snapshot, want, why, spare).await,
        }
    }
}

async fn renew(
    core: &Arc<Inner>,
    cell: &Arc<Cell>,
    snapshot: &Snapshot,
    want: Want,
    why: Why,
    spare: bool,
) -> Result<Fetched, Failure> {
    // A refused generation may be older than the newest: what was seen is what the caller says.
    let seen = want.newer_than.unwrap_or(0).max(if why == Why::Needed { snapshot.generation } else { 0 });
    let wish = Wish { why, seen, attempts: snapshot.attempts };
    let patience = if spare { SHORT_PATIENCE } else { PATIENCE };
    let failure = match tokio::time::timeout(patience, refresh::newer(core, cell, wish)).await {
        Ok(Ok(newer)) => match hand(&newer) {
            Some(fetched) => return Ok(fetched),
            None => Failure::Waiting,
        },
        Ok(Err(failure)) => failure,
        Err(_) => stuck(cell),
    };
    let last = cell.snapshot();
    let newest = last.generation > want.newer_than.unwrap_or(0);
    if newest && !last.is_leaving() && is_valid(&last, core.clock.now()) && may_be_used_up(&last.standing) {
        return hand(&last).ok_or(failure);
    }
    Err(failure)
}

/// Why a caller's patience ended: a wait for the vault has its own word.
fn stuck(cell: &Cell) -> Failure {
    let snapshot = cell.snapshot();
    snapshot.trouble.as_ref().map_or(Failure::Waiting, |trouble| trouble.failure.clone())
}

fn judge(snapshot: &Snapshot, want: Want, now: Moment) -> Verdict {
    let refused = want.newer_than.is_some_and(|seen| seen >= snapshot.generation);
    match &snapshot.standing {
        Standing::Leaving => return Verdict::Refuse(Failure::Leaving),
        Standing::ServerRefuses => return Verdict::Refuse(Failure::ServerRefuses),
        Standing::NotLoaded(failure) => return Verdict::Refuse(failure.clone().unwrap_or(Failure::Waiting)),
        Standing::NeedsSignIn(failure) => {
            // An early refresh that was refused takes nothing from a token that is still good.
            return match hand(snapshot) {
                Some(fetched) if !refused && is_valid(snapshot, now) => Verdict::Hand(fetched),
                _ => Verdict::Refuse(failure.clone()),
            };
        }
        Standing::Good => {}
    }
    let Some(tokens) = &snapshot.tokens else { return Verdict::Refuse(Failure::Waiting) };
    if refused {
        return Verdict::Renew { why: Why::Refused, spare: false };
    }
    if tokens.life.usable(now, least(tokens, want)) {
        return hand(snapshot).map_or(Verdict::Refuse(Failure::Waiting), Verdict::Hand);
    }
    Verdict::Renew { why: Why::Needed, spare: is_valid(snapshot, now) }
}

/// What the token must have left. A caller that asks for more than there ever is would make every call a refresh.
fn least(tokens: &TokenSet, want: Want) -> Duration {
    let Some(lifetime) = tokens.life.lifetime else { return Duration::ZERO };
    want.min_ttl.map_or_else(|| schedule::floor(lifetime), |ttl| ttl.min(lifetime / 2))
}

fn is_valid(snapshot: &Snapshot, now: Moment) -> bool {
    snapshot.tokens.as_ref().is_some_and(|tokens| tokens.life.usable(now, Duration::ZERO))
}

fn may_be_used_up(standing: &Standing) -> bool {
    matches!(standing, Standing::Good | Standing::NeedsSignIn(_))
}

fn hand(snapshot: &Snapshot) -> Option<Fetched> {
    let tokens = snapshot.tokens.as_ref()?;
    Some(Fetched {
        account: snapshot.account.clone(),
        access: tokens.access.clone(),
        token_type: tokens.token_type.clone(),
        scope: tokens.scope.clone(),
        generation: snapshot.generation,
        expires_at: tokens.life.expires_at(),
    })
}
