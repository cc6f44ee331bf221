//! A look at a server, for whoever runs it: a whole sign-in's life through the engine itself, readable top to bottom.
//!
//! Discover → register for each redirect → ask the authorization endpoint → browser → exchange → use → refresh → revoke →
//! see it refused → delete the registrations.
//!
//! Problem: a test of somebody's server must not become a part of anybody's life. Invariant: it is the engine that every
//! sign-in uses, with the same checks; nothing of it is stored; what it leaves at the server it takes away where the server
//! lets it, and says so where not; the report holds no secret.

mod authorization;
mod discovery;
mod judge;
mod notebook;
mod recorder;
mod registration;
mod server;
mod tokens;

use crate::login::{Ground, Page, SignIns, Trial};
use crate::registrations::Registrations;
use crate::scheme::Opener;
use mcp_login_ipc::api::{
    AppliedProfile, Examination, ExaminationProgress, ExaminationStage, Notification, Part, RedirectChoice,
    RegistrationKind,
};
use mcp_login_oauth::client_auth::Client;
use mcp_login_oauth::discovery::Discovered;
use mcp_login_oauth::registration::Preregistered;
use mcp_login_oauth::{ScopeSet, ServerUrl};
use notebook::Notebook;
use recorder::Recorder;
use tokio::sync::mpsc;
use url::Url;

/// Examinations at a time. A person has one; a program that starts more is refused, not served.
pub(crate) const MOST: usize = 4;

/// What to look at, and how far.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) server: ServerUrl,
    /// See [`mcp_login_ipc::api::Examine`].
    pub(crate) thorough: bool,
    pub(crate) redirect: RedirectChoice,
    pub(crate) scopes: Option<ScopeSet>,
    pub(crate) prompt: Option<String>,
    pub(crate) login_hint: Option<String>,
}

/// What discovery found, and what goes with it.
struct Place {
    found: Discovered,
    client: Option<Preregistered>,
    scopes: ScopeSet,
    kind: RegistrationKind,
}

/// One examination under way.
pub(crate) struct Examiner {
    sign_ins: SignIns,
    wish: Wish,
    ground: Ground,
    recorder: Recorder,
    notebook: Notebook,
    id: String,
    notes: mpsc::Sender<Box<Notification>>,
}

impl Examiner {
    /// Looks the server's name up, and asks nothing yet.
    pub(crate) async fn new(
        sign_ins: SignIns,
        wish: Wish,
        id: String,
        notes: mpsc::Sender<Box<Notification>>,
    ) -> Self {
        let parts = sign_ins.parts();
        let ground = Ground::of(&parts.settings, &wish.server).await;
        let recorder = Recorder::new(parts.http.clone(), parts.clock.now().unix());
        Self { sign_ins, wish, ground, recorder, notebook: Notebook::default(), id, notes }
    }

    /// The whole way; with a `trial`, that is with a person, to its end. Always ends with a report.
    pub(crate) async fn run(mut self, trial: Option<Trial>) {
        self.turn_to(Part::Discovery).await;
        let Some(mut place) = self.discover().await else { return self.report(None, Vec::new()).await };
        self.turn_to(Part::Registration).await;
        let mut held = self.register(&mut place).await;
        if held.is_empty() {
            return self.report(Some(place), Vec::new()).await;
        }
        self.turn_to(Part::Authorization).await;
        let good = self.look_at_the_page(&place, &held).await;
        if let Some(trial) = trial
            && !good.is_empty()
            && let Some((registration, pending, code, page)) = self.go(&place, &mut held, &good, trial).await
        {
            self.turn_to(Part::Token).await;
            let tokens = self.exchange(&place, &registration, &pending, &code).await;
            Page::show(page, authorization::landing(tokens.is_some()));
            if let Some(tokens) = tokens {
                self.live(&place, &registration.client, tokens).await;
            }
        }
        let left = self.unregister(held).await;
        self.report(Some(place), left).await;
    }

    /// What tokens are for.
    async fn live(&mut self, place: &Place, client: &Client, tokens: mcp_login_oauth::token::TokenSet) {
        self.turn_to(Part::Server).await;
        self.use_token(Part::Server, &tokens.access_token).await;
        let mut tokens = tokens;
        if tokens.refresh_token.is_some() {
            self.turn_to(Part::Refresh).await;
            tokens = self.refresh(place, client, tokens).await;
        }
        self.turn_to(Part::Revocation).await;
        self.revoke(place, client, &tokens).await;
    }

    async fn turn_to(&mut self, part: Part) {
        self.recorder.turn_to(part);
        self.notebook.tried(part);
        self.tell(ExaminationStage::Looking { part }).await;
    }

    async fn tell(&self, stage: ExaminationStage) {
        let progress = ExaminationProgress { examination: self.id.clone(), stage };
        // Who has gone away hears nothing; what is under way is taken to its end all the same.
        let _ = self.notes.send(Box::new(Notification::ExaminationProgress(progress))).await;
    }

    async fn report(mut self, place: Option<Place>, left: Vec<String>) {
        let seen = self.recorder.all();
        for seen in &seen {
            for found in judge::exchange(seen) {
                self.notebook.found(seen.exchange.part, found);
            }
        }
        let place = place.as_ref();
        let profile = place.and_then(|place| place.found.profile.as_ref());
        let examination = Examination {
            server: recorder::bare(self.wish.server.as_str()),
            issuer: place.map(|place| place.found.metadata.issuer.as_str().to_owned()),
            profile: profile
                .map(|profile| AppliedProfile { name: profile.name.clone(), title: profile.title.clone() }),
            registration: place.map(|place| place.kind),
            parts: std::mem::take(&mut self.notebook).parts(),
            left,
            trace: seen.into_iter().map(|seen| seen.exchange).collect(),
        };
        self.tell(ExaminationStage::Done(Box::new(examination))).await;
    }

    fn now(&self) -> u64 {
        self.sign_ins.parts().clock.now().unix()
    }

    fn opener(&self) -> Opener {
        (self.sign_ins.parts().opener)()
    }

    fn registrations(&self) -> &Registrations {
        self.sign_ins.parts().core.registrations()
    }
}

/// The host of an address.
fn host(url: &str) -> String {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}
