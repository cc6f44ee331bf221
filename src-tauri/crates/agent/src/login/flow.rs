//! One sign-in from the server's address to the stored account, readable top to bottom.
//!
//! Discover → (another issuer? show it, send nothing) → register → browser → the *matched* callback → exchange →
//! who is it? → store. Every step before `adopt` can fail without a trace but a registration, which the next try uses.

use super::departure::words;
use super::listening::Listening;
use super::{
    BrowserStep, Departure, DoneStep, Door, Ground, Landed, LoginError, OnIssuerChange, OnOtherPerson,
    SignInId, SignIns, Start, Step, Target, Word,
};
use crate::accounts::{Accepted, Account, Network, RedirectKind};
use crate::adopt::NewSignIn;
use crate::clock::Moment;
use crate::config::{Config, RedirectChoice};
use crate::landing::Landing;
use crate::registration::{self, Ready, RedirectWish, Stored, Wanted};
use mcp_login_oauth::authorize::PendingAuthorization;
use mcp_login_oauth::callback::LIFE_SECONDS;
use mcp_login_oauth::discovery::{self, Discovered, Question};
use mcp_login_oauth::error::{CallbackFault, RefusalCode};
use mcp_login_oauth::http::ReachRule;
use mcp_login_oauth::id_token::{self, Expected, Person};
use mcp_login_oauth::random::OsRandom;
use mcp_login_oauth::registration::{Preregistered, RegistrationKind};
use mcp_login_oauth::revoke::{self, Revocable};
use mcp_login_oauth::scope::{self, ScopeSources};
use mcp_login_oauth::token::{self, TokenOutcome, TokenSet};
use mcp_login_oauth::{
    AuthorizationCode, ClientId, Error as OauthError, Issuer, RedirectUri, Scope, ScopeSet, ServerUrl,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Tries of an exchange whose code certainly did not arrive, or that the server put off. A code lives a minute or so.
const EXCHANGE_TRIES: u32 = 4;
/// The longest wait between two of them.
const EXCHANGE_WAIT: Duration = Duration::from_secs(8);

pub(super) async fn run(
    sign_ins: &SignIns,
    id: &SignInId,
    start: Start,
    mut inbox: mpsc::Receiver<Word>,
    steps: &watch::Sender<Step>,
) -> Result<DoneStep, LoginError> {
    let flow = Flow { sign_ins, id, start, steps };
    // Before anything is asked of anybody: nobody goes to a browser for tokens that could not be kept.
    sign_ins.inner.parts.core.can_keep().await?;
    let place = flow.discover(&mut inbox).await?;
    let required = place.config.managed.redirect;
    let asked = if required.is_some() { RedirectWish::Auto } else { flow.start.redirect };
    let mut wish = match (asked, place.config.redirect) {
        (RedirectWish::Auto, RedirectChoice::Scheme) => RedirectWish::Only(RedirectKind::Scheme),
        (RedirectWish::Auto, RedirectChoice::Loopback) => RedirectWish::Only(RedirectKind::Loopback),
        (RedirectWish::Auto, RedirectChoice::Localhost) => RedirectWish::Only(RedirectKind::Localhost),
        (asked, _) => asked,
    };
    let mut stored = Stored::Use;
    loop {
        let trip = flow.open(&place, wish, stored, &mut inbox).await?;
        match flow.wait(&trip, &mut inbox).await? {
            Home::Code(code, landed) => {
                let done = flow.finish(&place, &trip, &code).await;
                let _ = landed.send(Ok(if done.is_ok() { Landing::Done } else { Landing::NotDone }));
                return done;
            }
            // The computer's policy says which way.
            Home::OtherWay(_) if required.is_some() => stored = Stored::Renew,
            Home::OtherWay(kind) => {
                stored = if kind == trip.ready.home.kind { Stored::Renew } else { Stored::Use };
                wish = RedirectWish::Only(kind);
            }
        }
    }
}

struct Flow<'a> {
    sign_ins: &'a SignIns,
    id: &'a SignInId,
    start: Start,
    steps: &'a watch::Sender<Step>,
}

/// What discovery found out, and what goes with it.
struct Place {
    server: ServerUrl,
    account: Option<Arc<Account>>,
    found: Discovered,
    reach: ReachRule,
    network: Network,
    client: Option<Preregistered>,
    scopes: ScopeSet,
    config: Arc<Config>,
}

/// A browser's way out and home.
struct Trip {
    step: Arc<BrowserStep>,
    ready: Ready,
    pending: PendingAuthorization,
    _listening: Option<Listening>,
}

/// How the browser came home.
enum Home {
    Code(AuthorizationCode, oneshot::Sender<Landed>),
    OtherWay(RedirectKind),
}

impl Flow<'_> {
    fn step(&self, step: Step) {
        self.steps.send_replace(step);
        self.sign_ins.changed();
    }

    fn now(&self) -> u64 {
        self.sign_ins.inner.parts.clock.now().unix()
    }

    /// Does `work` unless the person gives up meanwhile. What else is said meanwhile has nothing to be about yet.
    async fn unless_cancelled<T>(
        &self,
        inbox: &mut mpsc::Receiver<Word>,
        work: impl Future<Output = Result<T, LoginError>>,
    ) -> Result<T, LoginError> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => return result,
                Some(word) = inbox.recv() => if let Word::Cancel = word { return Err(LoginError::Cancelled) },
            }
        }
    }

    async fn discover(&self, inbox: &mut mpsc::Receiver<Word>) -> Result<Place, LoginError> {
        let parts = &self.sign_ins.inner.parts;
        let (server, account) = match &self.start.target {
            Target::New { server, .. } => (server.clone(), None),
            Target::Again(id) => {
                let account = parts.core.account(id)?.account.clone();
                (account.server.clone(), Some(account))
            }
        };
        let Ground { config, set, network, reach } = Ground::of(&parts.settings, &server).await;
        config.managed.allows_server(&server)?;
        let former = account.as_ref().map(|a| a.metadata.issuer.clone());
        let question = Question {
            server: &server,
            challenge: None,
            prefer: self.start.issuer.as_ref().or(former.as_ref()),
            pins: &set.pins,
            profiles: &config.profiles,
            reach: &reach,
        };
        let found = self
            .unless_cancelled(inbox, async {
                discovery::discover(&parts.http, &question).await.map_err(LoginError::from)
            })
            .await?;
        let issuer = &found.metadata.issuer;
        config.managed.allows_issuer(issuer)?;
        if let (Some(account), Some(former)) = (&account, &former)
            && former != issuer
            && self.start.on_issuer_change == OnIssuerChange::Show
        {
            parts.core.issuer_changed(&account.id, Some(issuer.as_str())).await?;
            return Err(LoginError::IssuerChanged { old: former.clone(), new: issuer.clone() });
        }
        let set_here = config.managed.clients.iter().find(|client| client.issuer.as_ref() == Some(issuer));
        let named = set_here.or(self.start.client.as_ref()).cloned();
        let client = match named.or_else(|| config.client(issuer.as_str()).cloned()) {
            Some(client) => Some(client),
            None => account.as_ref().and_then(|account| self.brought(account, issuer)),
        };
        let client = match client {
            Some(client) => {
                Some(registration::with_secret(parts.core.registrations(), client, issuer).await?)
            }
            None => None,
        };
        // On a sign-in again what was asked before is asked again, and what the server or the person wants now besides.
        let before = account
            .as_ref()
            .map(|a| a.asked_scope.iter().filter_map(|s| Scope::new(s)).collect::<ScopeSet>());
        let scopes = scope::select(&ScopeSources {
            asked: self.start.scopes.as_ref().or(set.scopes.as_ref()),
            challenge: found.challenge.as_ref(),
            resource: found.resource_metadata.as_ref(),
            server: &found.metadata,
            before: before.as_ref().filter(|before| !before.is_empty()),
        });
        Ok(Place { server, account, reach, network, client, scopes, config, found })
    }

    /// The client that the person brought when this account was signed in first: it is asked for once.
    fn brought(&self, account: &Account, issuer: &Issuer) -> Option<Preregistered> {
        let record = self.sign_ins.inner.parts.core.registrations().get(&account.registration)?;
        (record.kind == RegistrationKind::Preregistered && record.issuer == issuer.as_str()).then(|| {
            Preregistered {
                issuer: Some(issuer.clone()),
                id: ClientId::new(record.client_id),
                secret: None,
                redirect_uri: (record.redirect == RedirectKind::Exact)
                    .then(|| RedirectUri::new(record.redirect_uri)),
                method: Some(record.auth_method),
            }
        })
    }

    /// Registers and sends the browser off.
    async fn open(
        &self,
        place: &Place,
        wish: RedirectWish,
        stored: Stored,
        inbox: &mut mpsc::Receiver<Word>,
    ) -> Result<Trip, LoginError> {
        let parts = &self.sign_ins.inner.parts;
        let metadata = &place.found.metadata;
        self.step(Step::Registering { issuer: metadata.issuer.as_str().to_owned() });
        let registrations = parts.core.registrations();
        let accepted = registrations.accepted(metadata.issuer.as_str()).map(|a| a.redirect);
        let document = |kind| place.config.client_metadata.of(kind);
        let mut wanted = Wanted {
            server: &place.server,
            metadata,
            client: place.client.as_ref(),
            document: &document,
            initial_access_token: self.start.initial_access_token.as_ref(),
            scopes: &place.scopes,
            reach: &place.reach,
            network: place.network,
            kinds: registration::order(wish, accepted, &(parts.opener)()),
            stored,
            now: self.now(),
        };
        let mut ready =
            self.unless_cancelled(inbox, registration::prepare(&parts.http, registrations, &wanted)).await?;
        // The first time at this issuer, where there is another way: one that takes no scheme may say so only to the browser.
        let unknown = accepted.is_none() && place.client.is_none() && wanted.kinds.len() > 1;
        if unknown && ready.home.kind == RedirectKind::Scheme {
            let departure = self.departure(place, &ready);
            let request = departure.request();
            let mut random = OsRandom;
            let asked = request.redirect_is_refused(&parts.http, &place.reach, &mut random, wanted.now);
            if self.unless_cancelled(inbox, async { Ok(asked.await?) }).await? {
                tracing::info!(
                    issuer = metadata.issuer.as_str(),
                    "the issuer refuses our scheme at its page"
                );
                wanted.kinds.retain(|kind| *kind != RedirectKind::Scheme);
                let again = registration::prepare(&parts.http, registrations, &wanted);
                ready = self.unless_cancelled(inbox, again).await?;
            }
        }
        let (step, pending) = self.departure(place, &ready).begin(self.now())?;
        self.sign_ins.table().expect(self.id, pending.clone());
        let listening =
            ready.home.listener.take().map(|listener| Listening::at(self.sign_ins, listener, None));
        let step = Arc::new(step);
        self.step(Step::Browser(step.clone()));
        Ok(Trip { step, ready, pending, _listening: listening })
    }

    fn departure<'a>(&'a self, place: &'a Place, ready: &'a Ready) -> Departure<'a> {
        Departure {
            server: &place.server,
            found: &place.found,
            scopes: &place.scopes,
            registration: &ready.registration,
            kind: ready.home.kind,
            prompt: self.start.prompt.as_deref(),
            login_hint: self.start.login_hint.as_deref(),
        }
    }

    /// Waits for the callback that is to be believed. One with a foreign `state` never gets here; one with the right
    /// `state` and something else wrong (RFC 9207 §2.4) changes nothing either, but who waits hears of it.
    async fn wait(&self, trip: &Trip, inbox: &mut mpsc::Receiver<Word>) -> Result<Home, LoginError> {
        let deadline = tokio::time::sleep(Duration::from_secs(LIFE_SECONDS));
        tokio::pin!(deadline);
        let (accepted, landed) = loop {
            let word = tokio::select! {
                word = inbox.recv() => word,
                () = &mut deadline => return Err(LoginError::Expired),
            };
            match word {
                Some(Word::Callback { callback, door, landed }) => {
                    match callback.accept(&trip.pending, self.now()) {
                        // The clock says so, whatever the timer thinks that slept with the machine.
                        Err(OauthError::Callback(CallbackFault::Expired)) => {
                            let _ = landed.send(Ok(Landing::NotDone));
                            return Err(LoginError::Expired);
                        }
                        Err(error @ OauthError::Callback(_)) => {
                            if door != Door::Pasted {
                                let fault = LoginError::Oauth(error.clone()).fault();
                                let refused = fault.detail("issuer", trip.step.issuer.as_str());
                                let step = BrowserStep { refused: Some(refused), ..(*trip.step).clone() };
                                self.step(Step::Browser(Arc::new(step)));
                            }
                            let _ = landed.send(Err(error));
                        }
                        accepted => break (accepted, landed),
                    }
                }
                Some(Word::Redirect(kind)) => {
                    self.sign_ins.table().retire(self.id);
                    return Ok(Home::OtherWay(kind));
                }
                // The table holds a sender as long as the sign-in waits.
                Some(Word::Cancel) | None => return Err(LoginError::Cancelled),
            }
        };
        // Whatever it says, this state has served.
        self.sign_ins.table().retire(self.id);
        match accepted {
            Ok(code) => {
                self.step(Step::Exchanging);
                Ok(Home::Code(code, landed))
            }
            Err(error) => {
                let _ = landed.send(Ok(Landing::NotDone));
                if let OauthError::AuthorizationRefused(refusal) = &error
                    && refusal.code == RefusalCode::UnauthorizedClient
                {
                    self.forget_registration(trip).await;
                }
                Err(error.into())
            }
        }
    }

    async fn finish(
        &self,
        place: &Place,
        trip: &Trip,
        code: &AuthorizationCode,
    ) -> Result<DoneStep, LoginError> {
        let parts = &self.sign_ins.inner.parts;
        let (tokens, asked_at) = self.exchange(place, trip, code).await?;
        let metadata = &place.found.metadata;
        let person = tokens.id_token.as_ref().and_then(|token| {
            let expected = Expected {
                issuer: &metadata.issuer,
                client: &trip.ready.registration.client.id,
                nonce: trip.pending.nonce.as_ref(),
                now: self.now(),
            };
            id_token::read(token, &expected)
                .inspect_err(|fault| tracing::warn!(%fault, "the account gets no label"))
                .ok()
        });
        if let Some(other) = self.other_person(place, person.as_ref())
            && self.start.on_other_person == OnOtherPerson::Refuse
        {
            self.give_back(place, trip, &tokens).await;
            return Err(other);
        }
        self.step(Step::Storing);
        let granted = tokens.scope.clone().unwrap_or_else(|| place.scopes.clone());
        let (again, name) = match &self.start.target {
            Target::New { name, .. } => (None, name.clone()),
            Target::Again(id) => (Some(id.clone()), None),
        };
        let kept = parts
            .core
            .adopt(NewSignIn {
                account: again,
                name,
                server: place.server.clone(),
                resource: place.found.resource_parameter.as_ref().map(|r| r.as_str().to_owned()),
                metadata: metadata.clone(),
                network: place.network,
                registration: trip.ready.id.clone(),
                subject: person.as_ref().map(|p| p.subject.as_str().to_owned()),
                label: person.as_ref().map(|p| p.label.as_str().to_owned()),
                asked_scope: place.scopes.clone(),
                tokens: tokens.clone(),
                asked_at,
                sign_in_lifetime: place.found.profile.as_ref().and_then(|profile| profile.sign_in_lifetime),
            })
            .await;
        let adopted = match kept {
            Ok(adopted) => adopted,
            Err(failure) => {
                // Whatever may be stored is left alone: the next start may find it whole, and take it up.
                if failure.kept_nothing() {
                    self.give_back(place, trip, &tokens).await;
                }
                return Err(failure.into());
            }
        };
        let accepted = Accepted {
            issuer: metadata.issuer.as_str().to_owned(),
            redirect: trip.ready.home.kind,
            port: port_of(trip.ready.home.uri.as_str()),
        };
        if accepted.redirect != RedirectKind::Exact
            && let Err(error) = parts.core.registrations().remember(accepted).await
        {
            tracing::warn!(%error, "the next sign-in at this issuer will not know which redirect it takes");
        }
        Ok(DoneStep {
            account: adopted.account,
            name: adopted.name,
            asked: words(&place.scopes),
            granted: words(&granted),
            identity: adopted.identity,
            former: adopted.former,
        })
    }

    /// Somebody else than the account's person, as far as the issuer says. Subjects of two issuers say nothing of
    /// each other.
    fn other_person(&self, place: &Place, person: Option<&Person>) -> Option<LoginError> {
        let account =
            place.account.as_ref().filter(|a| a.issuer() == place.found.metadata.issuer.as_str())?;
        let (was, now) = (account.subject.as_deref()?, person?);
        (was != now.subject.as_str()).then(|| LoginError::AnotherPerson {
            was: account.label.clone().unwrap_or_else(|| was.to_owned()),
            now: now.label.as_str().to_owned(),
        })
    }

    async fn exchange(
        &self,
        place: &Place,
        trip: &Trip,
        code: &AuthorizationCode,
    ) -> Result<(TokenSet, Moment), LoginError> {
        let parts = &self.sign_ins.inner.parts;
        let client = &trip.ready.registration.client;
        let endpoint = &place.found.metadata.token_endpoint;
        let mut tries = 1;
        loop {
            let asked_at = parts.clock.now();
            let outcome =
                token::exchange(&parts.http, &place.reach, endpoint, client, &trip.pending, code).await;
            let wait = match outcome {
                TokenOutcome::Granted(set) => return Ok((*set, asked_at)),
                TokenOutcome::NotSent(_) if tries < EXCHANGE_TRIES => Duration::from_secs(1 << tries),
                TokenOutcome::Later { retry_after, .. } if tries < EXCHANGE_TRIES => {
                    retry_after.unwrap_or(Duration::from_secs(1 << tries))
                }
                TokenOutcome::ClientGone(refusal) => {
                    self.forget_registration(trip).await;
                    return Err(LoginError::Exchange(Box::new(TokenOutcome::ClientGone(refusal))));
                }
                other => return Err(LoginError::Exchange(Box::new(other))),
            };
            if wait > EXCHANGE_WAIT {
                return Err(LoginError::Exchange(Box::new(outcome)));
            }
            tries += 1;
            tokio::time::sleep(wait).await;
        }
    }

    /// The next sign-in registers anew.
    async fn forget_registration(&self, trip: &Trip) {
        if let Err(error) = self.sign_ins.inner.parts.core.registrations().forget(&trip.ready.id).await {
            tracing::warn!(%error, "a registration that the issuer does not know could not be forgotten");
        }
    }

    /// Tokens that nobody wants are not left lying about at the issuer. Best effort: they are in no keychain.
    async fn give_back(&self, place: &Place, trip: &Trip, tokens: &TokenSet) {
        let parts = &self.sign_ins.inner.parts;
        let client = &trip.ready.registration.client;
        let refresh = tokens.refresh_token.as_ref().map(Revocable::Refresh);
        for token in refresh.into_iter().chain([Revocable::Access(&tokens.access_token)]) {
            let outcome =
                revoke::revoke(&parts.http, &place.reach, &place.found.metadata, client, token).await;
            tracing::info!(?outcome, "gave back a token that is not kept");
        }
    }
}

fn port_of(uri: &str) -> Option<u16> {
    crate::listener::LoopbackUri::parse(uri)?.port
}
