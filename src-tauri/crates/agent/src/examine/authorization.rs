//! The authorization endpoint: what it answers to the browser's request, and the way to the browser and back.
//!
//! Problem: whether a redirect is taken shows only there, in front of a person. Invariant: what can be told without a
//! person is asked without cookies and followed nowhere, and compared with an answer that is known to be a yes; a code
//! that comes back that way is dropped.

use super::registration::Held;
use super::{Examiner, Place, judge};
use crate::accounts::RedirectKind;
use crate::landing::Landing;
use crate::listener::{HostForm, LoopbackUri, Port};
use crate::login::{Came, Departure, Page, Trial};
use crate::registration::Home;
use crate::scheme::Opener;
use mcp_login_ipc::api::{Part, RedirectChoice};
use mcp_login_ipc::finding::{Find, Found};
use mcp_login_oauth::authorize::PendingAuthorization;
use mcp_login_oauth::callback::Callback;
use mcp_login_oauth::error::CallbackFault;
use mcp_login_oauth::http::{Http as _, HttpFailure, Purpose, Request, Unknown};
use mcp_login_oauth::registration::Registration;
use mcp_login_oauth::{AuthorizationCode, Error as OauthError, RedirectUri};
use url::Url;

const PART: Part = Part::Authorization;

/// What the endpoint made of a request.
enum Answer {
    /// A page, or a way to one.
    Good,
    /// No page for this one.
    Refused(u16),
    /// It went to the redirect URI, with something wrong about it.
    Wrong(Found),
    /// Nothing can be said.
    Unknown,
}

impl Examiner {
    /// Asks for each kind of redirect, and once with another port. Returns those that were not refused.
    pub(super) async fn look_at_the_page(&mut self, place: &Place, held: &[Held]) -> Vec<RedirectKind> {
        let mut good = Vec::new();
        let mut refused = Vec::new();
        for held in held {
            match self.ask_page(place, &held.registration, held.kind).await {
                Answer::Good => {
                    good.push(held.kind);
                }
                Answer::Unknown => good.push(held.kind),
                Answer::Refused(status) => refused.push((held, status)),
                Answer::Wrong(found) => {
                    self.notebook.found(PART, found);
                    good.push(held.kind);
                }
            }
        }
        for (held, status) in refused {
            let find = match held.kind {
                _ if good.is_empty() => Find::AuthorizationUnanswered,
                RedirectKind::Scheme => Find::AuthorizationSchemeRefused,
                _ => Find::AuthorizationLoopbackRefused,
            };
            let uri = held.registration.redirect_uri.as_str();
            self.notebook.found(PART, find.found().with("status", status).with("redirect_uri", uri));
        }
        let loopback =
            held.iter().find(|held| held.kind != RedirectKind::Scheme && good.contains(&held.kind));
        if let Some(other) = loopback.and_then(|held| with_another_port(&held.registration))
            && let Answer::Refused(status) = self.ask_page(place, &other, RedirectKind::Loopback).await
        {
            self.notebook.found(PART, Find::LoopbackPortFixed.found().with("status", status));
        }
        good
    }

    async fn ask_page(&self, place: &Place, registration: &Registration, kind: RedirectKind) -> Answer {
        let departure = self.departure(place, registration, kind);
        let (step, pending) = match departure.begin(self.now()) {
            Ok(begun) => begun,
            Err(error) => return Answer::Wrong(judge::error(&error, &self.recorder)),
        };
        let Ok(url) = Url::parse(&step.authorization_url) else { return Answer::Unknown };
        let built =
            http::Request::get(url.as_str()).header(http::header::ACCEPT, "text/html").body(Vec::new());
        let Ok(inner) = built else { return Answer::Unknown };
        let reach = self.ground.reach.for_url(&url);
        let answer = self.recorder.send(Request { purpose: Purpose::Authorization, reach, inner }).await;
        let by = judge::clause(Purpose::Authorization, url.as_str());
        let host = url.host_str().unwrap_or_default();
        match answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let to = answer.headers().get(http::header::LOCATION).and_then(|to| to.to_str().ok());
                match status {
                    // A page of that size is a page.
                    200..=299 => Answer::Good,
                    300..=399 => match to.filter(|to| to.starts_with(pending.redirect_uri.as_str())) {
                        Some(back) => self.came_back(back, &pending),
                        None => Answer::Good,
                    },
                    // Something in front of it that dislikes programs: a browser may fare better.
                    401 | 403 | 429 => Answer::Unknown,
                    400..=499 => Answer::Refused(status),
                    _ => Answer::Wrong(judge::later(status, host, by)),
                }
            }
            Err(HttpFailure::TooLarge { .. }) => Answer::Good,
            // A person waits longer for a page than this request does.
            Err(HttpFailure::Unknown(Unknown::Timeout)) => Answer::Unknown,
            Err(failure) => Answer::Wrong(judge::failure(failure, host, by)),
        }
    }

    /// An answer without a page in between: what a browser would bring home.
    fn came_back(&self, back: &str, pending: &PendingAuthorization) -> Answer {
        let accepted = Callback::parse(back).and_then(|callback| callback.accept(pending, self.now()));
        match accepted {
            // Systems hand our scheme over in another form than it was sent.
            Ok(_) | Err(OauthError::Callback(CallbackFault::WrongAddress)) => Answer::Good,
            Err(error) => Answer::Wrong(judge::error(&error, &self.recorder)),
        }
    }

    /// The browser's way. The first answer counts, whatever it is.
    pub(super) async fn go(
        &mut self,
        place: &Place,
        held: &mut [Held],
        good: &[RedirectKind],
        mut trial: Trial,
    ) -> Option<(Registration, PendingAuthorization, AuthorizationCode, Page)> {
        let wanted = |kind: RedirectKind| match self.wish.redirect {
            RedirectChoice::Scheme => kind == RedirectKind::Scheme,
            RedirectChoice::Localhost => kind == RedirectKind::Localhost,
            RedirectChoice::Loopback => matches!(kind, RedirectKind::Loopback | RedirectKind::Localhost),
            RedirectChoice::Auto => kind != RedirectKind::Scheme,
        };
        let ours = matches!(self.opener(), Opener::Ours(_));
        let usable = |held: &Held| good.contains(&held.kind) && held.home.is_some();
        let chosen = match held.iter().position(|held| usable(held) && wanted(held.kind)) {
            None if self.wish.redirect == RedirectChoice::Auto && ours => {
                held.iter().position(|held| usable(held) && held.kind == RedirectKind::Scheme)
            }
            chosen => chosen,
        };
        let Some((held, home)) = chosen.and_then(|at| {
            let held = &mut held[at];
            held.home.take().map(|home| (held, home))
        }) else {
            let none = Find::NobodyCame.found().with("reason", "no redirect is left that comes back here");
            self.notebook.found(PART, none);
            return None;
        };
        let registration = held.registration.clone();
        self.notebook.saw(PART, "Comes back by", super::registration::word(held.kind));
        let departure = self.departure(place, &registration, held.kind);
        match trial.go(&departure, home).await {
            Ok((pending, Came::Code(code, page))) => Some((registration, pending, code, page)),
            Ok((_, Came::Wrong(error))) => {
                let found = judge::error(&error, &self.recorder);
                self.notebook.found(PART, found);
                None
            }
            Ok((_, Came::Nobody(error))) => {
                self.notebook.found(PART, Find::NobodyCame.found().with("reason", error.to_string()));
                None
            }
            Err(error) => {
                let found = judge::error(&error, &self.recorder);
                self.notebook.found(PART, found);
                None
            }
        }
    }

    fn departure<'a>(
        &'a self,
        place: &'a Place,
        registration: &'a Registration,
        kind: RedirectKind,
    ) -> Departure<'a> {
        Departure {
            server: &self.wish.server,
            found: &place.found,
            scopes: &place.scopes,
            registration,
            kind,
            prompt: self.wish.prompt.as_deref(),
            login_hint: self.wish.login_hint.as_deref(),
        }
    }
}

/// What the browser's page says in the end.
pub(super) fn landing(worked: bool) -> Landing {
    if worked { Landing::Done } else { Landing::NotDone }
}

/// The same client, coming home at another port. None where the clause says nothing of ports: it is about addresses, not
/// about the name `localhost`.
fn with_another_port(registration: &Registration) -> Option<Registration> {
    let uri = registration.redirect_uri.as_str();
    if LoopbackUri::parse(uri)?.form == HostForm::Localhost {
        return None;
    }
    // Bound for a moment, so that it is a port that this machine has.
    let other = Home::open(RedirectKind::Loopback, Port::Any).ok()?.port()?;
    let mut url = Url::parse(uri).ok()?;
    url.set_port(Some(other)).ok()?;
    Some(Registration { redirect_uri: RedirectUri::new(url.as_str()), ..registration.clone() })
}
