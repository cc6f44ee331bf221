//! What the documents say, and what they leave out.

use super::{Examiner, Place, judge};
use crate::registration;
use mcp_login_ipc::api::{Part, RegistrationKind};
use mcp_login_ipc::finding::Find;
use mcp_login_oauth::discovery::{self, Discovered, Question, Source, StepOutcome};
use mcp_login_oauth::scope::{self, ScopeSources};
use mcp_login_oauth::server_metadata::{IssSupport, MetadataDocumentSupport, PkceSupport, ServerMetadata};
use mcp_login_oauth::trace::Step;

const PART: Part = Part::Discovery;

impl Examiner {
    /// From the server to its issuer; none when that ended it.
    pub(super) async fn discover(&mut self) -> Option<Place> {
        let question = Question {
            server: &self.wish.server,
            challenge: None,
            prefer: None,
            pins: &self.ground.set.pins,
            profiles: &self.ground.config.profiles,
            reach: &self.ground.reach,
        };
        let found = match discovery::discover(&self.recorder, &question).await {
            Ok(found) => found,
            Err(failure) => {
                self.steps(&failure.trace);
                let found = judge::error(&failure.error, &self.recorder);
                self.notebook.found(PART, found);
                return None;
            }
        };
        self.steps(&found.trace);
        self.documents(&found);
        if let Err(forbidden) = self.ground.config.managed.allows_issuer(&found.metadata.issuer) {
            let refused = Find::RegistrationRefused.found().with("reason", forbidden.to_string());
            self.notebook.found(Part::Registration, refused);
            return None;
        }
        self.metadata(&found.metadata);
        let issuer = found.metadata.issuer.clone();
        let mut client = self.ground.config.client(issuer.as_str()).cloned();
        if let Some(named) = client.take() {
            match registration::with_secret(self.registrations(), named, &issuer).await {
                Ok(whole) => client = Some(whole),
                Err(error) => tracing::warn!(%error, "the secret of a client could not be read"),
            }
        }
        let scopes = scope::select(&ScopeSources {
            asked: self.wish.scopes.as_ref().or(self.ground.set.scopes.as_ref()),
            challenge: found.challenge.as_ref(),
            resource: found.resource_metadata.as_ref(),
            server: &found.metadata,
            before: None,
        });
        self.notebook.saw(PART, "Issuer", issuer.as_str());
        self.notebook.saw(PART, "Found by", source(found.source));
        let asks = if scopes.is_empty() { "no scope".to_owned() } else { scopes.to_string() };
        self.notebook.saw(PART, "Scopes", asks);
        Some(Place { found, client, scopes, kind: RegistrationKind::Dynamic })
    }

    /// The way there: the first answer, then each address that was tried.
    fn steps(&mut self, steps: &[Step]) {
        let used = steps.iter().any(|step| step.outcome == StepOutcome::Used);
        let mut pointed = false;
        for step in steps {
            let challenge = step.clause.starts_with("RFC 6750");
            let pointer = step.clause.starts_with("RFC 9728 §5.1");
            let found = match &step.outcome {
                StepOutcome::Challenged { status, pointer } => {
                    pointed = *pointer;
                    (*status != 401).then(|| Find::NoUnauthorized.found().with("status", *status))
                }
                StepOutcome::Open { .. } => Some(Find::OpenServer.found()),
                StepOutcome::Absent { status } if challenge => {
                    Some(Find::NoUnauthorized.found().with("status", *status))
                }
                StepOutcome::Absent { .. } if pointer => {
                    Some(Find::ChallengePointsNowhere.found().with("url", step.url.as_str()))
                }
                StepOutcome::Later { status } => {
                    let host = super::host(&step.url);
                    Some(judge::later(*status, &host, step.clause))
                }
                // The first answer is no document: what it is made of is looked at when it counts.
                StepOutcome::Malformed if challenge => {
                    Some(Find::NoAnswer.found().with("host", super::host(&step.url)).by(step.clause))
                }
                StepOutcome::Malformed => {
                    Some(Find::DocumentUnreadable.found().with("url", step.url.as_str()))
                }
                StepOutcome::PointsTo { issuer } => {
                    Some(Find::MetadataCopy.found().with("found", issuer.as_str()))
                }
                _ => None,
            };
            if let Some(found) = found {
                self.notebook.found(PART, found);
            }
        }
        let oauth = steps.iter().find(|step| step.clause.starts_with("RFC 8414 §3.1"));
        let without = oauth.is_some_and(|step| matches!(step.outcome, StepOutcome::Absent { .. }));
        let openid = steps
            .iter()
            .any(|step| step.url.ends_with("openid-configuration") && step.outcome == StepOutcome::Used);
        if without && openid {
            self.notebook.found(PART, Find::OpenidOnly.found());
        }
        if used && pointed {
            self.notebook.saw(PART, "Challenge", "names the metadata");
        }
    }

    fn documents(&mut self, found: &Discovered) {
        let challenged = found.trace.iter().find_map(|step| match step.outcome {
            StepOutcome::Challenged { status, .. } => Some(status),
            _ => None,
        });
        match (&found.challenge, challenged) {
            (None, Some(status)) => {
                self.notebook.found(PART, Find::NoChallenge.found().with("status", status));
            }
            (Some(challenge), _) => {
                if challenge.resource_metadata.is_none() {
                    self.notebook.found(PART, Find::ChallengeWithoutMetadata.found());
                }
                let named = found.resource_metadata.as_ref().and_then(|m| m.scopes_supported.as_ref());
                match (&challenge.scope, named) {
                    (None, Some(_)) => self.notebook.found(PART, Find::ChallengeWithoutScope.found()),
                    (None, None) => self.notebook.found(PART, Find::NoScopesSupported.found()),
                    (Some(_), None) if found.resource_metadata.is_some() => {
                        self.notebook.found(PART, Find::NoScopesSupported.found());
                    }
                    _ => {}
                }
            }
            (None, None) => {}
        }
        if matches!(found.source, Source::ServerOrigin | Source::DefaultEndpoints) {
            self.notebook.found(PART, Find::OlderRevision.found());
        }
        if let Some(listed) = found.resource_metadata.as_ref().and_then(|m| m.authorization_servers.first())
            && *listed != found.metadata.issuer
            && listed.as_str().trim_end_matches('/') == found.metadata.issuer.as_str().trim_end_matches('/')
        {
            let slash = Find::IssuerSlash.found().with("issuer", listed.as_str());
            self.notebook.found(PART, slash.with("found", found.metadata.issuer.as_str()));
        }
    }

    fn metadata(&mut self, metadata: &ServerMetadata) {
        let issuer = metadata.issuer.as_str();
        if metadata.pkce == PkceSupport::Vouched {
            self.notebook.found(PART, Find::PkceVouched.found().with("issuer", issuer));
        }
        if metadata.iss == IssSupport::Unannounced {
            self.notebook.found(PART, Find::NoIss.found());
        }
        if metadata.metadata_document == MetadataDocumentSupport::Unannounced {
            self.notebook.found(PART, Find::NoMetadataDocuments.found());
        }
        if metadata.grant_types.as_ref().is_some_and(|list| !list.iter().any(|g| g == "refresh_token")) {
            self.notebook.found(PART, Find::NoRefreshGrant.found());
        }
        if metadata.revocation_endpoint.is_none() {
            self.notebook.found(Part::Revocation, Find::NoRevocation.found());
        }
    }
}

fn source(source: Source) -> &'static str {
    match source {
        Source::ResourceMetadata => "protected resource metadata",
        Source::ServerOrigin => "metadata at the server's origin",
        Source::DefaultEndpoints => "the default endpoints of MCP 2025-03-26",
        Source::Pinned => "the settings here",
    }
}
