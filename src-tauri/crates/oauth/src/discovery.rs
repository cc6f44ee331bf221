//! From an MCP server's address to its issuer and the issuer's metadata (MCP authorization server discovery).
//!
//! Problem: six documents may say where to sign in, in an order that matters, and any of them may be a lie. Invariant:
//! the order is data ([`resource_metadata_probes`], [`server_metadata_probes`]); a document counts only if it names what
//! was asked for (`resource`, `issuer`), with the three narrow exceptions marked below; a document that says something
//! else ends the search instead of sending it on; and each step with its clause is kept for `doctor`.

use std::time::Duration;

use url::Url;

use crate::challenge::Challenge;
use crate::endpoint::Endpoint;
use crate::error::{EndpointName, Error, ErrorKind, Malformed};
use crate::http::{Http, HttpFailure, Purpose, ReachRule, Request, build, is_later, retry_after};
use crate::knock::Knock;
use crate::pins::{PinnedResource, Pins};
use crate::profile::{Profile, Profiles, ResourceUse, S256};
use crate::resource_metadata::ResourceMetadata;
use crate::server_metadata::{PkceSupport, ServerMetadata};
use crate::text::ServerText;
pub use crate::trace::{Step, StepOutcome};
use crate::values::{Issuer, ResourceUri, ServerUrl};
use crate::well_known::differs_by_root_slash;
pub use crate::well_known::{Probe, resource_metadata_probes, server_metadata_probes};

/// What to find out.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The server.
    pub server: &'a ServerUrl,
    /// A challenge that the server already gave; without one the server is asked.
    pub challenge: Option<&'a Challenge>,
    /// Which issuer to take when the server names several: the one that an account is already with.
    pub prefer: Option<&'a Issuer>,
    /// What the person pinned.
    pub pins: &'a Pins,
    /// Known providers.
    pub profiles: &'a Profiles,
    /// Where requests may go.
    pub reach: &'a ReachRule,
}

/// How the issuer was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Named by protected resource metadata (RFC 9728).
    ResourceMetadata,
    /// Metadata at the server's own origin (MCP 2025-03-26).
    ServerOrigin,
    /// Default endpoints at the server's own origin (MCP 2025-03-26).
    DefaultEndpoints,
    /// Pinned by the person.
    Pinned,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Discovered {
    /// How.
    pub source: Source,
    /// The resource identifier, byte for byte.
    pub resource: ResourceUri,
    /// What goes into `resource` parameters: `None` where the profile or the person says that it breaks.
    pub resource_parameter: Option<ResourceUri>,
    /// The server's own document, if it has one.
    pub resource_metadata: Option<ResourceMetadata>,
    /// The issuer's document, or what stands for it.
    pub metadata: ServerMetadata,
    /// The challenge, if the server gave one.
    pub challenge: Option<Challenge>,
    /// The provider's profile, if it is a known one.
    pub profile: Option<Profile>,
    /// Step by step.
    pub trace: Vec<Step>,
}

/// Discovery that did not end well, with the steps up to there.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct DiscoveryFailure {
    /// Why.
    #[source]
    pub error: Error,
    /// Step by step.
    pub trace: Vec<Step>,
}

/// Finds the issuer of a server and its metadata. Refuses here, before anything is registered, an issuer that does not
/// announce PKCE with S256 and that nobody vouches for.
///
/// # Errors
/// [`DiscoveryFailure`] with the steps: not reachable, a document about something else, no authorization server, no
/// PKCE.
pub async fn discover<H: Http>(
    http: &H,
    question: &Question<'_>,
) -> Result<Discovered, Box<DiscoveryFailure>> {
    let mut search = Search { http, question, trace: Vec::new(), later: None };
    match search.run().await {
        Ok(mut found) => {
            found.trace = search.trace;
            Ok(found)
        }
        Err(error) => Err(Box::new(DiscoveryFailure { error, trace: search.trace })),
    }
}

/// How the server met a request without a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    /// It asks for a sign-in.
    Closed,
    /// It answered.
    Open,
    /// Neither.
    Unclear,
}

enum Fetched {
    Body(Vec<u8>),
    Absent,
}

/// Whether a copy of metadata on the MCP server's host may point elsewhere: once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pointers {
    Allowed,
    Spent,
}

struct Search<'a, H> {
    http: &'a H,
    question: &'a Question<'a>,
    trace: Vec<Step>,
    /// The first "not now": if nothing is found it is the reason, and no fallback is taken.
    later: Option<Error>,
}

impl<H: Http> Search<'_, H> {
    async fn run(&mut self) -> Result<Discovered, Error> {
        let Question { server, pins, .. } = *self.question;
        let pinned_endpoints = pins.endpoints()?;
        let (challenge, door) = match self.question.challenge {
            Some(challenge) => (Some(challenge.clone()), Door::Closed),
            None => self.knock().await?,
        };
        let resource_metadata = self.resource_metadata(challenge.as_ref()).await?;

        let (mut metadata, source) = if let Some((authorization, token)) = pinned_endpoints {
            let named = resource_metadata.as_ref().and_then(|m| self.pick(m));
            let issuer = pins.issuer.clone().or(named).unwrap_or_else(|| Issuer::new(server.origin()));
            self.note(authorization.as_str(), "pinned by the person", StepOutcome::Assumed);
            // Who pins both endpoints of a server vouches for it as a whole: there is no document to announce S256 in.
            (
                ServerMetadata::bare(issuer, authorization.clone(), token.clone(), PkceSupport::Vouched),
                Source::Pinned,
            )
        } else if let Some(issuer) = &pins.issuer {
            (self.server_metadata(issuer).await?, Source::Pinned)
        } else if let Some(issuer) = resource_metadata.as_ref().and_then(|m| self.pick(m)) {
            (self.server_metadata(&issuer).await?, Source::ResourceMetadata)
        } else {
            self.at_the_server(door).await?
        };
        // The browser opens this one, so that nobody checks the address at connect time.
        if source != Source::Pinned && self.question.reach.refuses(metadata.authorization_endpoint.url()) {
            return Err(Error::EndpointRefused { endpoint: EndpointName::Authorization });
        }
        let pin = |slot: &mut Option<Endpoint>, pinned: &Option<Endpoint>| {
            if pinned.is_some() {
                slot.clone_from(pinned);
            }
        };
        pin(&mut metadata.registration_endpoint, &pins.registration_endpoint);
        pin(&mut metadata.revocation_endpoint, &pins.revocation_endpoint);
        pin(&mut metadata.introspection_endpoint, &pins.introspection_endpoint);

        let profile = self.question.profiles.find(&metadata.issuer).cloned();
        let vouched = profile.as_ref().is_some_and(|p| p.s256 == S256::Vouched);
        match metadata.pkce {
            // A profile speaks where metadata is silent; against what metadata says only the person does.
            PkceSupport::Unannounced if vouched || pins.pkce_s256 => metadata.pkce = PkceSupport::Vouched,
            PkceSupport::WithoutS256 if pins.pkce_s256 => metadata.pkce = PkceSupport::Vouched,
            _ => {}
        }
        if !metadata.pkce.suffices() {
            return Err(Error::PkceNotAnnounced { issuer: metadata.issuer });
        }
        let resource =
            resource_metadata.as_ref().map_or_else(|| server.as_resource(), |m| m.resource.clone());
        let resource_parameter = match (&pins.resource, &profile) {
            (Some(PinnedResource::Omit), _) => None,
            (Some(PinnedResource::Value(value)), _) => Some(value.clone()),
            (None, Some(profile)) if profile.resource == ResourceUse::Omit => None,
            _ => Some(resource.clone()),
        };
        Ok(Discovered {
            source,
            resource,
            resource_parameter,
            resource_metadata,
            metadata,
            challenge,
            profile,
            trace: Vec::new(),
        })
    }

    /// An MCP request without a token, to see the 401; and where the server says who it is to anybody, one more, since the
    /// challenge of what it guards names the scopes that this takes.
    async fn knock(&mut self) -> Result<(Option<Challenge>, Door), Error> {
        let (answer, door) = self.knock_with(&Knock::first()).await?;
        let Some(answer) = answer else { return Ok((None, door)) };
        let challenge = Challenge::from_headers(answer.headers());
        if door == Door::Closed || challenge.is_some() {
            return Ok((challenge, door));
        }
        let Some(second) = Knock::second(&answer) else { return Ok((None, door)) };
        match self.knock_with(&second).await {
            Ok((Some(answer), Door::Closed)) => Ok((Challenge::from_headers(answer.headers()), Door::Closed)),
            // The first was answered, and what it said stands.
            Ok(_) | Err(_) => Ok((None, door)),
        }
    }

    async fn knock_with(
        &mut self,
        knock: &Knock,
    ) -> Result<(Option<::http::Response<Vec<u8>>>, Door), Error> {
        const CLAUSE: &str = "RFC 6750 §3, MCP protected resource metadata discovery: challenge";
        let server = self.question.server;
        let builder = knock.request(server.url().as_str());
        let response = match self.send(Purpose::Challenge, server.url(), builder, knock.body()).await {
            Ok(response) => response,
            // It took the request: a stream that does not end, or a large answer. Its documents still count.
            Err(HttpFailure::Unknown(_) | HttpFailure::TooLarge { .. }) => {
                self.note(server.as_str(), CLAUSE, StepOutcome::Malformed);
                return Ok((None, Door::Unclear));
            }
            Err(failure) => return Err(self.ended(server.as_str(), CLAUSE, Purpose::Challenge, failure)),
        };
        let status = response.status();
        let pointer =
            Challenge::from_headers(response.headers()).is_some_and(|c| c.resource_metadata.is_some());
        let (outcome, door) = match status.as_u16() {
            code @ (401 | 403) => (StepOutcome::Challenged { status: code, pointer }, Door::Closed),
            // An answer without a sign-in is no proof that none is needed: servers may ask per tool.
            code @ 200..=299 => (StepOutcome::Open { status: code }, Door::Open),
            code if is_later(status) => (StepOutcome::Later { status: code }, Door::Unclear),
            code => (StepOutcome::Absent { status: code }, Door::Unclear),
        };
        if is_later(status) {
            self.later(Purpose::Challenge, server.as_str(), status.as_u16(), retry_after(&response));
        }
        self.note(server.as_str(), CLAUSE, outcome);
        Ok((Some(response), door))
    }

    /// Where the challenge points, else path form, else root.
    async fn resource_metadata(
        &mut self,
        challenge: Option<&Challenge>,
    ) -> Result<Option<ResourceMetadata>, Error> {
        let mut probes = resource_metadata_probes(self.question.server);
        if let Some(url) = challenge.and_then(|c| c.resource_metadata.as_deref()) {
            probes.retain(|p| p.url != url);
            probes.insert(
                0,
                Probe { url: url.to_owned(), clause: "RFC 9728 §5.1: resource_metadata of the challenge" },
            );
        }
        for Probe { url, clause } in probes {
            let Some(endpoint) = Endpoint::check(&url) else {
                let refused = Error::EndpointRefused { endpoint: EndpointName::Metadata };
                self.note(&url, clause, StepOutcome::Ended { why: refused.kind().as_str() });
                return Err(refused);
            };
            let Fetched::Body(body) = self.fetch(&endpoint, clause).await? else { continue };
            // Applications answer any address with a page: what is no such document is as good as absent.
            let Ok(metadata) = ResourceMetadata::parse(&body) else {
                self.note(&url, clause, StepOutcome::Malformed);
                continue;
            };
            match metadata.check(self.question.server) {
                Ok(()) => {
                    self.note(&url, clause, StepOutcome::Used);
                    return Ok(Some(metadata));
                }
                // Who pinned the issuer knows that this server's documents are wrong.
                Err(_) if self.question.pins.says_where() => self.note(&url, clause, StepOutcome::Overruled),
                Err(error) => {
                    self.note(&url, clause, StepOutcome::Ended { why: error.kind().as_str() });
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    /// One of the server's issuers: the client's choice (RFC 9728 §7.6).
    fn pick(&self, metadata: &ResourceMetadata) -> Option<Issuer> {
        let listed = &metadata.authorization_servers;
        self.question.prefer.filter(|p| listed.contains(p)).or(listed.first()).cloned()
    }

    async fn server_metadata(&mut self, issuer: &Issuer) -> Result<ServerMetadata, Error> {
        match self.look_up(issuer).await? {
            Some(metadata) => Ok(metadata),
            None => Err(self.later.take().unwrap_or_else(|| Error::NoMetadata { issuer: issuer.clone() })),
        }
    }

    /// The issuer's own document. The second exception of the issuer rule: a copy on the MCP server's host that names
    /// another issuer is a pointer to that one, whose own document must then name itself.
    async fn look_up(&mut self, issuer: &Issuer) -> Result<Option<ServerMetadata>, Error> {
        let mut asked = issuer.clone();
        let mut pointers = Pointers::Allowed;
        loop {
            match self.probe(&asked, pointers).await? {
                Looked::Found(metadata) => return Ok(Some(*metadata)),
                Looked::Nothing if pointers == Pointers::Spent => {
                    return Err(self.later.take().unwrap_or(Error::NoMetadata { issuer: asked }));
                }
                Looked::Nothing => return Ok(None),
                Looked::Elsewhere(other) => {
                    asked = other;
                    pointers = Pointers::Spent;
                }
            }
        }
    }

    async fn probe(&mut self, issuer: &Issuer, pointers: Pointers) -> Result<Looked, Error> {
        let mut fault = None;
        for Probe { url, clause } in server_metadata_probes(issuer)? {
            let endpoint = Endpoint::parse(&url, EndpointName::Metadata)?;
            let Fetched::Body(body) = self.fetch(&endpoint, clause).await? else { continue };
            let found = match ServerMetadata::parse_issuer(&body) {
                Ok(found) => found,
                Err(Malformed::NotJson | Malformed::NotAnObject) => {
                    self.note(&url, clause, StepOutcome::Malformed);
                    continue;
                }
                Err(bad) => {
                    self.note(&url, clause, StepOutcome::Malformed);
                    fault.get_or_insert(Error::Malformed { purpose: Purpose::Metadata, fault: bad });
                    continue;
                }
            };
            // The third exception: a template is nobody's name, so that what was asked for stays the issuer.
            let profile = self.question.profiles.find(issuer);
            let templated = profile.is_some_and(|profile| profile.expects_template(issuer, &found));
            if found != *issuer && !differs_by_root_slash(&found, issuer) && !templated {
                let here = endpoint.url().origin() == self.question.server.url().origin();
                if here && pointers == Pointers::Allowed {
                    self.note(
                        &url,
                        clause,
                        StepOutcome::PointsTo { issuer: ServerText::new(found.as_str()) },
                    );
                    return Ok(Looked::Elsewhere(found));
                }
                let error =
                    Error::IssuerMismatch { asked: issuer.clone(), found: ServerText::new(found.as_str()) };
                self.note(&url, clause, StepOutcome::Ended { why: error.kind().as_str() });
                return Err(error);
            }
            match ServerMetadata::parse(&body) {
                Ok(mut metadata) => {
                    self.note(&url, clause, StepOutcome::Used);
                    if templated {
                        metadata.issuer = issuer.clone();
                    }
                    return Ok(Looked::Found(Box::new(metadata)));
                }
                // It is the issuer's, but one cannot sign in with it: perhaps the next kind of document can.
                Err(bad) => {
                    self.note(&url, clause, StepOutcome::Malformed);
                    fault.get_or_insert(bad);
                }
            }
        }
        fault.map_or(Ok(Looked::Nothing), Err)
    }

    /// MCP 2025-03-26: metadata at the server's origin, else default endpoints there; the latter only if the server did
    /// ask for a sign-in and no request was put off.
    async fn at_the_server(&mut self, door: Door) -> Result<(ServerMetadata, Source), Error> {
        let server = self.question.server;
        let origin = server.origin();
        if let Some(metadata) = self.look_up(&Issuer::new(origin.clone())).await? {
            return Ok((metadata, Source::ServerOrigin));
        }
        if let Some(later) = self.later.take() {
            return Err(later);
        }
        let server_text = || server.as_str().to_owned();
        match door {
            Door::Closed => {}
            Door::Open => return Err(Error::NoSignInOffered { server: server_text() }),
            Door::Unclear => return Err(Error::NoAuthorizationServer { server: server_text() }),
        }
        const CLAUSE: &str = "MCP 2025-03-26, Fallbacks for Servers without Metadata Discovery";
        let at = |path: &str, name| Endpoint::parse(&format!("{origin}{path}"), name);
        let mut metadata = ServerMetadata::bare(
            Issuer::new(origin.clone()),
            at("/authorize", EndpointName::Authorization)?,
            at("/token", EndpointName::Token)?,
            PkceSupport::NoMetadata,
        );
        metadata.registration_endpoint = Some(at("/register", EndpointName::Registration)?);
        self.note(metadata.authorization_endpoint.as_str(), CLAUSE, StepOutcome::Assumed);
        Ok((metadata, Source::DefaultEndpoints))
    }

    /// A document. Only a 200 is one; the step is noted unless there is a body, whose reader notes it.
    async fn fetch(&mut self, endpoint: &Endpoint, clause: &'static str) -> Result<Fetched, Error> {
        let builder =
            ::http::Request::get(endpoint.url().as_str()).header(::http::header::ACCEPT, "application/json");
        let response = match self.send(Purpose::Metadata, endpoint.url(), builder, Vec::new()).await {
            Ok(response) => response,
            Err(failure) => return Err(self.ended(endpoint.as_str(), clause, Purpose::Metadata, failure)),
        };
        let status = response.status();
        if status == ::http::StatusCode::OK {
            return Ok(Fetched::Body(response.into_body()));
        }
        let code = status.as_u16();
        if is_later(status) {
            self.later(Purpose::Metadata, endpoint.as_str(), code, retry_after(&response));
            self.note(endpoint.as_str(), clause, StepOutcome::Later { status: code });
        } else {
            self.note(endpoint.as_str(), clause, StepOutcome::Absent { status: code });
        }
        Ok(Fetched::Absent)
    }

    async fn send(
        &self,
        purpose: Purpose,
        url: &Url,
        builder: ::http::request::Builder,
        body: Vec<u8>,
    ) -> Result<::http::Response<Vec<u8>>, HttpFailure> {
        let inner = build(builder, body)?;
        self.http.send(Request { purpose, reach: self.question.reach.for_url(url), inner }).await
    }

    fn ended(&mut self, url: &str, clause: &'static str, purpose: Purpose, failure: HttpFailure) -> Error {
        let error = Error::Http { purpose, host: host_of(url), failure };
        self.note(url, clause, StepOutcome::Ended { why: ErrorKind::as_str(error.kind()) });
        error
    }

    fn later(&mut self, purpose: Purpose, url: &str, status: u16, retry_after: Option<Duration>) {
        self.later.get_or_insert(Error::Later { purpose, host: host_of(url), status, retry_after });
    }

    fn note(&mut self, url: &str, clause: &'static str, outcome: StepOutcome) {
        let bare = url.split(['?', '#']).next().unwrap_or_default();
        self.trace.push(Step { url: ServerText::new(bare).to_string(), clause, outcome });
    }
}

/// The host of an address, for what people are told.
fn host_of(url: &str) -> String {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

enum Looked {
    Found(Box<ServerMetadata>),
    Elsewhere(Issuer),
    Nothing,
}

#[cfg(test)]
#[path = "discovery_tests.rs"]
mod tests;
