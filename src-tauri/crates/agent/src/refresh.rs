//! One refresh, top to bottom. A refresh token that rotates is spent by the request that carries it, so what must hold is:
//! one request at a time, whoever asks; nothing is sent before the vault has shown that it can be written; once sent, the
//! answer is kept even if everybody who asked has gone away; nothing is handed out before it is stored; and no failure but
//! a definite refusal costs the sign-in. Each step consumes the former, so that none can be left out or done twice:
//!
//! [`newer`] (the account's turn) → [`MyTurn`] → `look` → [`Needed`] → `begin` → [`Begun`] → `send` → [`Answered`] → `settle`

use std::sync::Arc;
use std::time::Duration;

use mcp_login_oauth::RefreshToken;
use mcp_login_oauth::client_auth::Client;
use mcp_login_oauth::endpoint::Endpoint;
use mcp_login_oauth::http::ReachRule;
use mcp_login_oauth::token::{self, Refresh, TokenOutcome};
use mcp_login_oauth::values::ResourceUri;
use mcp_login_vault::fault;
use secrecy::{ExposeSecret as _, SecretString};

use crate::clock::Moment;
use crate::core::Inner;
use crate::failure::{Failure, Reason};
use crate::schedule::{SHORTEST_INTERVAL, TICK};
use crate::state::{Cell, Journal, Snapshot, Standing, Trouble, Turn, TurnGuard, Unsaved};
use crate::tokens::TokenSet;

/// A request that was sent and not answered is repeated after these waits: at once, because servers that forgive a repeated
/// refresh token do so for seconds only; then twice more, in case the first repeat met the same hiccup.
const REPEATS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(8)];

/// A token refused within this time of its coming (or half its life) was refused fresh. Longer, and a server that revokes
/// tokens early for good reasons would count as one that refuses them all.
const FRESH: Duration = Duration::from_secs(300);

/// The same when nobody said how long it lives: it may have come to its end. What a server that refuses them all can have of us
/// by this is no more than the schedule asks of it for a token that short.
const FRESH_IF_SILENT: Duration = SHORTEST_INTERVAL;

/// So many fresh tokens refused in a row, and it is not the token.
const MOST_FRESH_REFUSALS: u8 = 2;

/// Odd answers within [`ODD_WINDOW`] before the account is marked: an outage page or two pass by themselves.
const MOST_ODD: usize = 3;
const ODD_WINDOW: Duration = Duration::from_secs(600);

/// The schedule's wait after an odd answer. With less, three of them would fit into an outage of seconds, and cost a person
/// a sign-in.
const ODD_WAIT: Duration = Duration::from_secs(120);

/// A caller who needs a token may shorten our back-off, but not below this: a thousand of them must not become a storm.
const LEAST_WAIT: Duration = Duration::from_secs(2);

/// Why somebody wants a newer token set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The schedule.
    Due,
    /// A caller needs more life than is left.
    Needed,
    /// A server refused the generation that the caller saw.
    Refused,
    /// A person said so: once, whatever the marks say.
    Person,
}

/// What somebody wants, and what it saw when it began to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) why: Why,
    /// The generation that is not enough.
    pub(crate) seen: u64,
    /// [`Snapshot::attempts`] then: an attempt that ended since is the answer, good or bad.
    pub(crate) attempts: u64,
}

/// Gets a newer token set than the one seen, or says why not. Whoever drops this future loses nothing: from the journal
/// entry on, a task of its own carries the refresh to its end.
pub(crate) async fn newer(core: &Arc<Inner>, cell: &Arc<Cell>, wish: Wish) -> Result<Arc<Snapshot>, Failure> {
    // A sign-out has the turn for as long as its issuer takes; nobody has to wait for what it says.
    if cell.snapshot().is_leaving() {
        return Err(Failure::Leaving);
    }
    let turn = cell.turn().await;
    match (MyTurn { core: core.clone(), cell: cell.clone(), turn }).look(wish)? {
        Found::Newer(snapshot) => Ok(snapshot),
        Found::Older(needed) => core.own(needed.carry_out()).await.unwrap_or(Err(Failure::Broken)),
    }
}

/// The account's turn is ours.
pub(crate) struct MyTurn {
    pub(crate) core: Arc<Inner>,
    pub(crate) cell: Arc<Cell>,
    pub(crate) turn: TurnGuard,
}

enum Found {
    Newer(Arc<Snapshot>),
    Older(Box<Needed>),
}

impl MyTurn {
    /// Has somebody been here while we waited? Then theirs is the answer. May we ask at all?
    fn look(mut self, wish: Wish) -> Result<Found, Failure> {
        let snapshot = self.cell.snapshot();
        let now = self.core.clock.now();
        match &snapshot.standing {
            Standing::Leaving => return Err(Failure::Leaving),
            Standing::NotLoaded(failure) => return Err(failure.clone().unwrap_or(Failure::Waiting)),
            _ if snapshot.generation > wish.seen => return Ok(Found::Newer(snapshot)),
            Standing::NeedsSignIn(failure) if wish.why != Why::Person => return Err(failure.clone()),
            Standing::ServerRefuses if wish.why != Why::Person => return Err(Failure::ServerRefuses),
            _ => {}
        }
        if let Some(trouble) = &snapshot.trouble {
            let waited_for = snapshot.attempts > wish.attempts;
            if waited_for || too_early(trouble, wish.why, now) {
                return Err(trouble.failure.clone());
            }
        }
        let Some(tokens) = snapshot.tokens.clone() else { return Err(Failure::Waiting) };
        match wish.why {
            Why::Person => self.turn.fresh_refusals = 0,
            Why::Refused if self.turn.unsaved.is_none() => count_refusal(&mut self.turn, &tokens, now),
            _ => {}
        }
        if self.turn.fresh_refusals >= MOST_FRESH_REFUSALS {
            self.cell.publish(|snapshot| snapshot.standing = Standing::ServerRefuses);
            self.core.changed(&self.cell.id);
            return Err(Failure::ServerRefuses);
        }
        Ok(Found::Older(Box::new(Needed { mine: self, snapshot, tokens, why: wish.why })))
    }
}

/// Whether the wait that an earlier failure asked for is still on.
fn too_early(trouble: &Trouble, why: Why, now: Moment) -> bool {
    let until = match why {
        Why::Due => trouble.not_before,
        Why::Person => trouble.least,
        Why::Needed | Why::Refused => trouble.not_before.min(trouble.since + LEAST_WAIT).max(trouble.least),
    };
    now.boot < until
}

fn count_refusal(turn: &mut Turn, tokens: &TokenSet, now: Moment) {
    let fresh = tokens.life.lifetime.map_or(FRESH_IF_SILENT, |lifetime| FRESH.min(lifetime / 2));
    let age = tokens.life.obtained_boot.map_or_else(
        || now.wall.saturating_sub(tokens.life.obtained_wall),
        |obtained| now.boot.saturating_sub(obtained),
    );
    turn.fresh_refusals = if age < fresh { turn.fresh_refusals.saturating_add(1) } else { 0 };
}

/// A newer set is needed, and ours to get.
struct Needed {
    mine: MyTurn,
    snapshot: Arc<Snapshot>,
    tokens: Arc<TokenSet>,
    why: Why,
}

impl Needed {
    async fn carry_out(self: Box<Self>) -> Result<Arc<Snapshot>, Failure> {
        if self.mine.turn.unsaved.is_some() {
            return self.mine.store_unsaved().await;
        }
        self.begin().await?.send().await.settle().await
    }

    /// Journals the intent. What fails up to here has spent nothing.
    async fn begin(self) -> Result<Begun, Failure> {
        let Needed { mine, snapshot, tokens, why } = self;
        let account = &snapshot.account;
        let Some(refresh) = tokens.refresh.clone() else {
            // Without one the schedule never comes here; a caller does when the token is of no more use.
            let failure = Failure::NeedsSignIn(Reason::NoRefreshToken);
            let usable = tokens.life.usable(mine.core.clock.now(), Duration::ZERO);
            if why == Why::Refused || !usable {
                mine.mark(Reason::NoRefreshToken).await;
            }
            return Err(failure);
        };
        if tokens.issuer != account.issuer() {
            mine.mark(Reason::OtherIssuer).await;
            return Err(Failure::NeedsSignIn(Reason::OtherIssuer));
        }
        let client = match mine.core.registrations.client(&account.registration).await {
            Ok(Some(client)) => client,
            Ok(None) => {
                mine.mark(Reason::InvalidClient).await;
                return Err(Failure::NeedsSignIn(Reason::InvalidClient));
            }
            Err(failure) => return mine.passing(failure, None, snapshot.journal),
        };
        let rule = account.network.rule(&account.server, &mine.core.allowed_hosts);
        let endpoint = account.metadata.token_endpoint.clone();
        let resource = account.resource.as_deref().map(ResourceUri::new);
        fault::point("refresh.begin");
        match mine.core.keep.begin(&mine.cell.id, snapshot.generation).await {
            Ok(()) => {}
            Err(mcp_login_vault::Error::Stale { .. }) => {
                // Somebody else's hand in the keychain. What is there counts; the caller may ask again.
                mine.core.load(&mine.cell).await?;
                return Err(Failure::Waiting);
            }
            Err(error) => return mine.passing(Failure::Vault(error), None, snapshot.journal),
        }
        fault::point("refresh.begun");
        let doubt = match snapshot.journal {
            Journal::Clean => Doubt::None,
            Journal::Unknown => Doubt::Spent,
        };
        Ok(Begun {
            mine,
            generation: snapshot.generation,
            former: tokens,
            refresh,
            client,
            rule,
            endpoint,
            resource,
            doubt,
        })
    }
}

/// Whether an earlier request with the same refresh token may have reached the issuer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    Spent,
}

/// Journalled; nothing sent yet.
struct Begun {
    mine: MyTurn,
    generation: u64,
    former: Arc<TokenSet>,
    refresh: SecretString,
    client: Client,
    rule: ReachRule,
    endpoint: Endpoint,
    resource: Option<ResourceUri>,
    doubt: Doubt,
}

impl Begun {
    /// Sends, and repeats what got no answer.
    async fn send(mut self) -> Answered {
        let token = RefreshToken::new(self.refresh.expose_secret());
        let request = Refresh { refresh_token: &token, resource: self.resource.as_ref(), scopes: None };
        let mut repeats = REPEATS.into_iter();
        let (outcome, asked_at) = loop {
            // The lifetime counts from before the request: the issuer's clock started no earlier.
            let asked_at = self.mine.core.clock.now();
            let outcome =
                token::refresh(&self.mine.core.http, &self.rule, &self.endpoint, &self.client, &request)
                    .await;
            fault::point("refresh.sent");
            let TokenOutcome::Unknown(failure) = &outcome else { break (outcome, asked_at) };
            self.doubt = Doubt::Spent;
            tracing::info!(account = %self.mine.cell.id, %failure, "no answer to a refresh");
            let Some(wait) = repeats.next() else { break (outcome, asked_at) };
            tokio::time::sleep(wait).await;
            if self.mine.cell.snapshot().is_leaving() {
                break (outcome, asked_at); // the sign-out waits for its turn
            }
        };
        let Begun { mine, generation, former, doubt, .. } = self;
        Answered { mine, generation, former, outcome, asked_at, doubt }
    }
}

/// The issuer has answered, or will not.
struct Answered {
    mine: MyTurn,
    generation: u64,
    former: Arc<TokenSet>,
    outcome: TokenOutcome,
    asked_at: Moment,
    doubt: Doubt,
}

impl Answered {
    /// Keeps what came, then shows it.
    async fn settle(self) -> Result<Arc<Snapshot>, Failure> {
        let Answered { mut mine, generation, former, outcome, asked_at, doubt } = self;
        let journal = if doubt == Doubt::Spent { Journal::Unknown } else { Journal::Clean };
        match outcome {
            TokenOutcome::Granted(granted) => {
                let tokens = Arc::new(TokenSet::renewed(&former, *granted, asked_at));
                mine.turn.unsaved = Some(Unsaved { from: generation, tokens, tries: 0 });
                mine.store_unsaved().await
            }
            TokenOutcome::NotSent(failure) => {
                if doubt == Doubt::None {
                    mine.abandon(generation).await;
                }
                mine.passing(Failure::NotSent(failure), None, journal)
            }
            TokenOutcome::Unknown(failure) => mine.passing(Failure::NoAnswer(failure), None, journal),
            TokenOutcome::Later { status, retry_after } => {
                mine.passing(Failure::Later { status, retry_after }, retry_after, journal)
            }
            TokenOutcome::Refused(refusal) => {
                tracing::info!(account = %mine.cell.id, code = refusal.code.as_str(), "the issuer refused the refresh token");
                mine.abandon(generation).await;
                let reason = match doubt {
                    Doubt::None => Reason::InvalidGrant,
                    Doubt::Spent => Reason::AnswerLost,
                };
                mine.mark(reason.clone()).await;
                Err(Failure::NeedsSignIn(reason))
            }
            TokenOutcome::ClientGone(refusal) => {
                tracing::info!(account = %mine.cell.id, code = refusal.code.as_str(), "the issuer forgot this client");
                mine.abandon(generation).await;
                let registration = mine.cell.snapshot().account.registration.clone();
                if let Err(failure) = mine.core.registrations.forget(&registration).await {
                    tracing::warn!(%failure, "a forgotten registration could not be noted");
                }
                mine.mark(Reason::InvalidClient).await;
                Err(Failure::NeedsSignIn(Reason::InvalidClient))
            }
            TokenOutcome::Odd(oddity) => {
                let now = mine.core.clock.now().boot;
                mine.turn.odd.retain(|at| now.saturating_sub(*at) < ODD_WINDOW);
                mine.turn.odd.push(now);
                if mine.turn.odd.len() >= MOST_ODD {
                    mine.turn.odd.clear();
                    mine.mark(Reason::OddAnswers).await;
                    return Err(Failure::NeedsSignIn(Reason::OddAnswers));
                }
                mine.turn.failures = mine.turn.failures.saturating_add(1);
                mine.trouble(Failure::Odd(oddity), ODD_WAIT, Duration::ZERO, Some(journal))
            }
        }
    }
}

impl MyTurn {
    /// Stores what was granted, then publishes it. What cannot be stored stays in the turn and is tried again: it exists
    /// nowhere else.
    pub(crate) async fn store_unsaved(mut self) -> Result<Arc<Snapshot>, Failure> {
        let Some(unsaved) = &mut self.turn.unsaved else { return Ok(self.cell.snapshot()) };
        unsaved.tries += 1;
        let (from, tokens, tries) = (unsaved.from, unsaved.tokens.clone(), unsaved.tries);
        fault::point("refresh.commit");
        match self.core.keep.commit(&self.cell.id, from, &tokens).await {
            Ok(()) => {}
            Err(mcp_login_vault::Error::Stale { stored, .. }) => {
                // Cannot happen while the turn is ours, short of another hand in the keychain. What is stored counts.
                tracing::warn!(account = %self.cell.id, ?stored, "the stored tokens are newer than ours");
                self.turn.unsaved = None;
                return self.core.load(&self.cell).await;
            }
            Err(error) => {
                tracing::warn!(account = %self.cell.id, %error, tries, "a new token set could not be stored yet");
                let failure = Failure::Unsaved(error);
                let wait = self.cell.back_off(tries).min(TICK);
                return self.trouble(failure, wait, wait, None);
            }
        }
        fault::point("refresh.committed");
        self.turn.unsaved = None;
        self.turn.failures = 0;
        self.turn.odd.clear();
        let now = self.core.clock.now().unix();
        let account = self.core.note_scope(&self.cell, &tokens).await;
        let snapshot = self.cell.publish(|snapshot| {
            snapshot.account = account;
            snapshot.generation = from + 1;
            snapshot.tokens = Some(tokens);
            snapshot.standing = Standing::Good;
            snapshot.trouble = None;
            snapshot.journal = Journal::Clean;
            snapshot.last_rotation_at = Some(now);
            snapshot.attempts += 1;
        });
        self.core.changed(&self.cell.id);
        // A sign-out that began meanwhile finds the newest token in the vault; nobody gets it from here.
        if snapshot.is_leaving() { Err(Failure::Leaving) } else { Ok(snapshot) }
    }

    /// A failure that may pass: nothing is lost, try later.
    fn passing<T>(
        mut self,
        failure: Failure,
        retry_after: Option<Duration>,
        journal: Journal,
    ) -> Result<T, Failure> {
        self.turn.failures = self.turn.failures.saturating_add(1);
        // What a server asks for is the least (RFC 9110 §10.2.3). One that says "after 0 s" each time gets no loop.
        let theirs = retry_after.unwrap_or(Duration::ZERO);
        let wait = self.cell.back_off(self.turn.failures).max(theirs);
        self.trouble(failure, wait, theirs, Some(journal))
    }

    /// Not tried again before `wait` by the schedule, nor before `least` by anybody.
    fn trouble<T>(
        self,
        failure: Failure,
        wait: Duration,
        least: Duration,
        journal: Option<Journal>,
    ) -> Result<T, Failure> {
        let now = self.core.clock.now().boot;
        self.cell.publish(|snapshot| {
            let (not_before, least) = (now + wait, now + least);
            snapshot.trouble = Some(Trouble { failure: failure.clone(), since: now, not_before, least });
            snapshot.journal = journal.unwrap_or(snapshot.journal);
            snapshot.attempts += 1;
        });
        self.core.changed(&self.cell.id);
        Err(failure)
    }

    /// Needs a person. Nothing is deleted: a wrong verdict costs nothing, and a valid access token may be used up.
    async fn mark(&self, reason: Reason) {
        let account = self.core.mark(&self.cell, Some(&reason)).await;
        self.cell.publish(|snapshot| {
            snapshot.account = account;
            snapshot.standing = Standing::NeedsSignIn(Failure::NeedsSignIn(reason));
            snapshot.trouble = None;
            snapshot.journal = Journal::Clean;
            snapshot.attempts += 1;
        });
        self.core.changed(&self.cell.id);
    }

    /// An intent that stays does no harm but a needless request after a restart.
    async fn abandon(&self, generation: u64) {
        if let Err(error) = self.core.keep.abandon(&self.cell.id, generation).await {
            tracing::debug!(%error, "an intent stays");
        }
    }
}

impl TokenSet {
    /// What a refresh brought, with what the answer may leave out taken from before (RFC 6749 §5.1, §6).
    fn renewed(former: &TokenSet, granted: token::TokenSet, asked_at: Moment) -> Self {
        let token::TokenSet {
            access_token,
            token_type,
            expires_in,
            refresh_token,
            refresh_expires_in,
            scope,
            ..
        } = granted;
        Self {
            access: SecretString::from(access_token.expose()),
            refresh: refresh_token
                .map(|refresh| SecretString::from(refresh.expose()))
                .or_else(|| former.refresh.clone()),
            token_type,
            scope: scope.map_or_else(
                || former.scope.clone(),
                |scope| scope.iter().map(|scope| scope.as_str().to_owned()).collect(),
            ),
            issuer: former.issuer.clone(),
            life: TokenSet::life(asked_at, expires_in.map(Duration::from_secs)),
            ends: crate::ending::end_of(asked_at, refresh_expires_in),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
