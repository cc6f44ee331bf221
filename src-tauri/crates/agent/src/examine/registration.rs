//! A client identity for each kind of redirect, and its end.
//!
//! Problem: which redirects an issuer takes is known only by asking, and a registration that stays is litter. Invariant:
//! nothing is stored here, so that no sign-in ever uses one of these; each is deleted in the end where the issuer lets it.

use super::recorder::{Facts, Said};
use super::{Examiner, Place, judge};
use crate::accounts::RedirectKind;
use crate::listener::Port;
use crate::registration::{self, Home, Stored, Wanted};
use mcp_login_ipc::api::{Part, RegistrationKind};
use mcp_login_ipc::finding::Find;
use mcp_login_oauth::Error as OauthError;
use mcp_login_oauth::client_auth::AuthMethod;
use mcp_login_oauth::http::Purpose;
use mcp_login_oauth::registration::{self as oauth, DeletionOutcome, Registration};
use mcp_login_oauth::server_metadata::ServerMetadata;

const PART: Part = Part::Registration;

/// An identity of this examination.
pub(super) struct Held {
    pub(super) registration: Registration,
    /// Where an answer comes in; gone when the browser was sent off with it.
    pub(super) home: Option<Home>,
    pub(super) kind: RedirectKind,
}

impl Examiner {
    /// All that can be had.
    pub(super) async fn register(&mut self, place: &mut Place) -> Vec<Held> {
        let documents = self.ground.config.client_metadata.clone();
        let document = move |kind| documents.of(kind);
        let wanted = Wanted {
            server: &self.wish.server,
            metadata: &place.found.metadata,
            client: None,
            document: &document,
            initial_access_token: None,
            scopes: &place.scopes,
            reach: &self.ground.reach,
            network: self.ground.network,
            kinds: vec![RedirectKind::Loopback],
            stored: Stored::Renew,
            now: self.now(),
        };
        let issuer = place.found.metadata.issuer.as_str();
        if let Some(client) = &place.client {
            place.kind = RegistrationKind::PreRegistered;
            return match registration::of_person(client, &wanted) {
                Ok((registration, home)) => {
                    self.notebook.found(PART, Find::PersonsClient.found().with("issuer", issuer));
                    vec![Held { registration, kind: home.kind, home: Some(home) }]
                }
                Err(error) => {
                    let refused = Find::RegistrationRefused.found().with("reason", error.to_string());
                    self.notebook.found(PART, refused);
                    Vec::new()
                }
            };
        }
        let mut held: Vec<Held> = Vec::new();
        let mut refused: Vec<(RedirectKind, OauthError)> = Vec::new();
        for kind in [RedirectKind::Scheme, RedirectKind::Loopback, RedirectKind::Localhost] {
            // The name is asked for only where the number is refused.
            if kind == RedirectKind::Localhost && held.iter().any(|held| held.kind == RedirectKind::Loopback)
            {
                continue;
            }
            let home = match Home::open(kind, Port::Any) {
                Ok(home) => home,
                Err(error) => {
                    tracing::warn!(%error, "no port for an examination");
                    continue;
                }
            };
            match registration::fresh(&self.recorder, &wanted, &home).await {
                Ok(registration) => held.push(Held { registration, home: Some(home), kind }),
                Err(error) if registration::is_about_the_redirect(&error) => refused.push((kind, error)),
                Err(error) => {
                    let found = judge::error(&error, &self.recorder);
                    self.notebook.found(PART, found);
                    break;
                }
            }
        }
        if let Some(first) = held.first() {
            place.kind = match first.registration.kind {
                oauth::RegistrationKind::MetadataDocument => RegistrationKind::MetadataDocument,
                _ => RegistrationKind::Dynamic,
            };
        }
        self.judge_refusals(&held, &refused);
        self.judge_answers(&place.found.metadata, &held);
        held
    }

    /// Which redirects were not taken. When none was, it is not the redirect.
    fn judge_refusals(&mut self, held: &[Held], refused: &[(RedirectKind, OauthError)]) {
        for (_, error) in refused {
            if let OauthError::RegistrationAnswer(_) = error {
                let found = judge::error(error, &self.recorder);
                self.notebook.found(PART, found);
            }
        }
        if held.is_empty() {
            if let Some((_, error)) = refused.first()
                && !self.notebook.failed(PART)
            {
                let found = judge::error(error, &self.recorder);
                self.notebook.found(PART, found);
            }
            return;
        }
        let said = |kind| refused.iter().find(|(of, _)| *of == kind).map(|(_, error)| reason(error));
        let (scheme, number, name) =
            (said(RedirectKind::Scheme), said(RedirectKind::Loopback), said(RedirectKind::Localhost));
        if let Some(reason) = scheme {
            self.notebook.found(PART, Find::SchemeRefused.found().with("reason", reason));
        }
        match (number, name) {
            (Some(_), Some(reason)) => {
                self.notebook.found(PART, Find::LoopbackRefused.found().with("reason", reason));
            }
            (Some(_), None) if held.iter().any(|held| held.kind == RedirectKind::Localhost) => {
                self.notebook.found(PART, Find::LiteralLoopbackRefused.found());
            }
            _ => {}
        }
    }

    fn judge_answers(&mut self, metadata: &ServerMetadata, held: &[Held]) {
        let kinds: Vec<&str> = held.iter().map(|held| word(held.kind)).collect();
        if !kinds.is_empty() {
            self.notebook.saw(PART, "Taken", kinds.join(", "));
        }
        let facts: Vec<Facts> = self
            .recorder
            .all()
            .into_iter()
            .filter(|seen| {
                seen.purpose == Purpose::Registration && matches!(seen.exchange.status, Some(200 | 201))
            })
            .map(|seen| seen.facts)
            .collect();
        let asked_for_none = metadata.lists(AuthMethod::None);
        if metadata.token_endpoint_auth_methods.is_some() && !asked_for_none {
            self.notebook.found(PART, Find::ConfidentialOnly.found());
        }
        for facts in facts {
            match facts.secret {
                Said::Well if asked_for_none => self.notebook.found(PART, Find::SecretGiven.found()),
                Said::Odd => self.notebook.found(PART, Find::SecretNull.found()),
                _ => {}
            }
            if facts.refresh_grant == Some(false) {
                self.notebook.found(PART, Find::RefreshNotRegistered.found());
            }
        }
        for held in held.iter().filter(|held| held.registration.kind == oauth::RegistrationKind::Dynamic) {
            if held.registration.secret_expires_at.is_some() {
                self.notebook.found(PART, Find::SecretExpires.found());
            }
            if held.registration.management.is_none() {
                let endpoint =
                    metadata.registration_endpoint.as_ref().map_or("it", |endpoint| endpoint.as_str());
                self.notebook.found(PART, Find::RegistrationStays.found().with("url", endpoint));
            }
        }
    }

    /// The last thing of an examination (RFC 7592 §2.3). Returns the clients that stay.
    pub(super) async fn unregister(&mut self, held: Vec<Held>) -> Vec<String> {
        self.recorder.turn_to(PART);
        let mut left = Vec::new();
        let (mut deleted, mut dynamic) = (0, 0);
        for Held { registration, .. } in held {
            if registration.kind != oauth::RegistrationKind::Dynamic {
                continue;
            }
            dynamic += 1;
            let client = registration.client.id.as_str().to_owned();
            let Some(management) = &registration.management else {
                left.push(client);
                continue;
            };
            let reason = match oauth::delete(&self.recorder, &self.ground.reach, management).await {
                DeletionOutcome::Deleted | DeletionOutcome::AlreadyGone => {
                    deleted += 1;
                    continue;
                }
                DeletionOutcome::NotOffered => "deletion is not offered".to_owned(),
                DeletionOutcome::Later { status, .. } | DeletionOutcome::Odd { status } => {
                    format!("status {status}")
                }
                DeletionOutcome::Failed(failure) => failure.to_string(),
            };
            self.notebook.found(PART, Find::RegistrationNotDeleted.found().with("reason", reason));
            left.push(client);
        }
        if dynamic > 0 {
            self.notebook.saw(PART, "Deleted again", format!("{deleted} of {dynamic}"));
        }
        left
    }
}

fn reason(error: &OauthError) -> String {
    match error {
        OauthError::RegistrationRefused { status, refusal, .. } if refusal.code.as_str().is_empty() => {
            format!("status {status}")
        }
        OauthError::RegistrationRefused { refusal, .. } => refusal.code.as_str().to_owned(),
        other => other.to_string(),
    }
}

pub(super) fn word(kind: RedirectKind) -> &'static str {
    match kind {
        RedirectKind::Scheme => "private-use scheme",
        RedirectKind::Loopback => "127.0.0.1",
        RedirectKind::Localhost => "localhost",
        RedirectKind::Exact => "the registered redirect",
    }
}
