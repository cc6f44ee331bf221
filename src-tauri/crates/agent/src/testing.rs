//! What the tests of the core share: an issuer on a script, time that stands still, a vault that fails on demand.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Response;
use mcp_login_oauth::client_auth::AuthMethod;
use mcp_login_oauth::http::{Http, HttpFailure, Purpose, Request};
use mcp_login_oauth::registration::RegistrationKind;
use mcp_login_oauth::server_metadata::{IssSupport, MetadataDocumentSupport, PkceSupport, ServerMetadata};
use mcp_login_oauth::token::{Rotation, TokenSet as Granted};
use mcp_login_oauth::values::{Issuer, ScopeSet, ServerUrl};
use mcp_login_oauth::{AccessToken, RefreshToken, endpoint::Endpoint, error::EndpointName};
use mcp_login_vault::{Error, Items, Kind, Memory, PlatformFailure, SecretSlice, Vault, Written};
use tokio::sync::watch;

use crate::accounts::{Account, Network, RedirectKind, Registration, Standing, Storing};
use crate::adopt::NewSignIn;
use crate::approvals::Approvals;
use crate::audit::Audit;
use crate::clock::Clock as _;
use crate::clock::testing::Manual;
use crate::config::{ApprovalsChoice, Config};
use crate::consent::Consent;
use crate::core::{Core, Options};
use crate::http::Wire;
use crate::id::{AccountId, RegistrationId};
use crate::login::{Parts, Settings, SignIns};
use crate::managed::{Managed, Source};
use crate::methods::Doors;
use crate::registrations::RegistrationSecrets;
use crate::scheme::Opener;

pub(crate) fn metadata(issuer: &str) -> ServerMetadata {
    let endpoint = |path: &str, name| Endpoint::parse(&format!("{issuer}{path}"), name).expect("fixture");
    ServerMetadata {
        issuer: Issuer::new(issuer),
        authorization_endpoint: endpoint("/authorize", EndpointName::Authorization),
        token_endpoint: endpoint("/token", EndpointName::Token),
        registration_endpoint: Some(endpoint("/register", EndpointName::Registration)),
        revocation_endpoint: Some(endpoint("/revoke", EndpointName::Revocation)),
        introspection_endpoint: None,
        scopes_supported: None,
        token_endpoint_auth_methods: Some(vec!["none".to_owned()]),
        revocation_endpoint_auth_methods: None,
        introspection_endpoint_auth_methods: None,
        grant_types: None,
        pkce: PkceSupport::S256,
        iss: IssSupport::Announced,
        metadata_document: MetadataDocumentSupport::Unannounced,
    }
}

pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const SERVER: &str = "https://mcp.example/mcp";

pub(crate) fn account(name: &str) -> Account {
    Account {
        id: AccountId::from_random([7; 10]),
        name: name.to_owned(),
        server: ServerUrl::parse(SERVER).expect("fixture"),
        resource: Some(SERVER.to_owned()),
        metadata: metadata(ISSUER),
        network: Network::Public,
        registration: RegistrationId::from_random([9; 10]),
        label: None,
        subject: None,
        scope: vec![],
        asked_scope: vec![],
        signed_in_at: 0,
        mark: None,
        issuer_change: None,
        ending: crate::ending::Ending::default(),
        storing: Storing::Settled,
        coming: None,
    }
}

/// What the issuer does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Answers.
    Answer(u16, String),
    /// Answers with a header `Retry-After`.
    Later(u16, u64),
    /// Answers with a header `Location`.
    Moved(u16, String),
    /// No answer.
    Fail(HttpFailure),
    /// Waits, then goes on with the next step.
    Hang(Duration),
}

/// Answers by purpose: what is scripted first, then the habit.
#[derive(Default)]
pub(crate) struct Script {
    next: Mutex<BTreeMap<&'static str, VecDeque<Step>>>,
    habit: Mutex<BTreeMap<&'static str, Step>>,
    pub(crate) log: Mutex<Vec<(&'static str, Duration, String)>>,
    started: Mutex<Option<tokio::time::Instant>>,
    minted: AtomicUsize,
    /// `expires_in` of what is minted.
    pub(crate) lifetime: Mutex<Option<u64>>,
    /// When the sign-in ends, by that clock, and `refresh_expires_in` of what is minted.
    pub(crate) ends: Mutex<Option<(Arc<Manual>, u64)>>,
}

impl Script {
    pub(crate) fn then(&self, purpose: Purpose, step: Step) {
        self.next.lock().unwrap().entry(purpose.word()).or_default().push_back(step);
    }

    pub(crate) fn always(&self, purpose: Purpose, step: Step) {
        self.habit.lock().unwrap().insert(purpose.word(), step);
    }

    pub(crate) fn count(&self, purpose: Purpose) -> usize {
        self.log.lock().unwrap().iter().filter(|(word, ..)| *word == purpose.word()).count()
    }

    pub(crate) fn times(&self, purpose: Purpose) -> Vec<Duration> {
        let log = self.log.lock().unwrap();
        log.iter().filter(|(word, ..)| *word == purpose.word()).map(|(_, at, _)| *at).collect()
    }

    pub(crate) fn bodies(&self, purpose: Purpose) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter().filter(|(word, ..)| *word == purpose.word()).map(|(.., body)| body.clone()).collect()
    }

    fn mint(&self) -> String {
        let number = self.minted.fetch_add(1, Ordering::SeqCst) + 2;
        let lifetime = match *self.lifetime.lock().unwrap() {
            Some(seconds) => format!(r#","expires_in":{seconds}"#),
            None => String::new(),
        };
        let ends = match &*self.ends.lock().unwrap() {
            Some((clock, end)) => {
                format!(r#","refresh_expires_in":{}"#, end.saturating_sub(clock.now().unix()))
            }
            None => String::new(),
        };
        format!(
            r#"{{"access_token":"access-{number}","refresh_token":"refresh-{number}","token_type":"Bearer"{lifetime}{ends}}}"#
        )
    }
}

/// What the core carries its requests with.
pub(crate) struct Carried(pub(crate) Arc<Script>);

impl Http for Carried {
    async fn send(&self, request: Request) -> Result<Response<Vec<u8>>, HttpFailure> {
        let word = request.purpose.word();
        let now = tokio::time::Instant::now();
        let start = *self.0.started.lock().unwrap().get_or_insert(now);
        let body = String::from_utf8(request.inner.body().clone()).unwrap();
        self.0.log.lock().unwrap().push((word, now - start, body));
        tokio::task::yield_now().await;
        loop {
            let step = self.0.next.lock().unwrap().get_mut(word).and_then(VecDeque::pop_front);
            let step = step.or_else(|| self.0.habit.lock().unwrap().get(word).cloned());
            let mut location = None;
            let (status, body, retry) = match step {
                Some(Step::Hang(time)) => {
                    tokio::time::sleep(time).await;
                    continue;
                }
                Some(Step::Fail(failure)) => return Err(failure),
                Some(Step::Answer(status, body)) => (status, body, None),
                Some(Step::Moved(status, to)) => {
                    location = Some(to);
                    (status, String::new(), None)
                }
                Some(Step::Later(status, seconds)) => (status, String::new(), Some(seconds)),
                None if request.purpose == Purpose::Token => (200, self.0.mint(), None),
                None => (200, String::new(), None),
            };
            let mut answer = Response::builder().status(status).header("content-type", "application/json");
            if let Some(seconds) = retry {
                answer = answer.header("retry-after", seconds.to_string());
            }
            if let Some(to) = location {
                answer = answer.header("location", to);
            }
            return Ok(answer.body(body.into_bytes()).unwrap());
        }
    }
}

/// Memory that can be made to fail.
#[derive(Clone, Default)]
pub(crate) struct Brittle {
    memory: Arc<Mutex<Memory>>,
    pub(crate) broken: Arc<AtomicBool>,
}

impl Brittle {
    fn check(&self) -> Result<(), Error> {
        if self.broken.load(Ordering::SeqCst) {
            let failure = PlatformFailure { text: "out of order".to_owned(), code: None };
            return Err(Error::Platform { failure, written: Written::No });
        }
        Ok(())
    }
}

impl Items for Brittle {
    fn kind(&self) -> Kind {
        self.memory.lock().unwrap().kind()
    }
    fn get(&mut self, name: &str) -> Result<Option<SecretSlice<u8>>, Error> {
        self.memory.lock().unwrap().get(name)
    }
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.check()?;
        self.memory.lock().unwrap().put(name, bytes)
    }
    fn probe(&mut self) -> Result<(), Error> {
        self.check()
    }
    fn delete(&mut self, name: &str) -> Result<(), Error> {
        self.check()?;
        self.memory.lock().unwrap().delete(name)
    }
}

/// A whole core over all that.
pub(crate) struct House {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clock: Arc<Manual>,
    pub(crate) script: Arc<Script>,
    pub(crate) items: Brittle,
    pub(crate) core: Core,
}

impl House {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Manual::new());
        let script = Arc::new(Script::default());
        *script.lifetime.lock().unwrap() = Some(3_600);
        let items = Brittle::default();
        let core = open(&dir, &clock, &script, &items).await;
        Self { dir, clock, script, items, core }
    }

    /// The same files, the same vault, another process.
    pub(crate) async fn restart(self) -> Self {
        let Self { dir, clock, script, items, core } = self;
        drop(core);
        let core = open(&dir, &clock, &script, &items).await;
        Self { dir, clock, script, items, core }
    }

    pub(crate) async fn registration(&self) -> RegistrationId {
        let id = self.core.registrations().new_id().unwrap();
        let registration = Registration {
            id: id.clone(),
            issuer: ISSUER.to_owned(),
            server: ServerUrl::parse(SERVER).unwrap(),
            kind: RegistrationKind::Dynamic,
            redirect: RedirectKind::Loopback,
            redirect_uri: "http://127.0.0.1:1/callback".to_owned(),
            client_id: "client".to_owned(),
            auth_method: AuthMethod::None,
            secret_expires_at: None,
            management_uri: None,
            network: Network::Public,
            created_at: 0,
            standing: Standing::Current,
        };
        self.core.registrations().save(registration, RegistrationSecrets::default()).await.unwrap();
        id
    }

    pub(crate) async fn sign_in(&self, name: &str, lifetime: Option<u64>) -> AccountId {
        let registration = self.registration().await;
        self.core.adopt(self.new_sign_in(Some(name), registration, lifetime)).await.unwrap().account
    }

    /// At another issuer than the usual one.
    pub(crate) async fn sign_in_at(&self, issuer: &str, name: &str) -> AccountId {
        let mut sign_in = self.new_sign_in(Some(name), self.registration().await, Some(3_600));
        sign_in.metadata = metadata(issuer);
        self.core.adopt(sign_in).await.unwrap().account
    }

    /// The issuer gives an end with the tokens, and stays with it.
    pub(crate) async fn sign_in_that_ends(&self, name: &str, lifetime: u64, ends_in: u64) -> AccountId {
        let end = self.clock.now().unix() + ends_in;
        *self.script.ends.lock().unwrap() = Some((self.clock.clone(), end));
        let registration = self.registration().await;
        let mut sign_in = self.new_sign_in(Some(name), registration, Some(lifetime));
        sign_in.tokens.refresh_expires_in = Some(ends_in);
        self.core.adopt(sign_in).await.unwrap().account
    }

    /// Whole hours since the test began.
    pub(crate) fn clock_hours(&self) -> u64 {
        self.clock.now().boot.as_secs() / 3_600
    }

    /// What stands behind the methods, over this core.
    pub(crate) fn doors(&self, choice: ApprovalsChoice, consent: Consent) -> Arc<Doors> {
        self.managed_doors(choice, consent, Managed::default())
    }

    /// The same on a computer where an administrator set this.
    pub(crate) fn managed_doors(
        &self,
        choice: ApprovalsChoice,
        consent: Consent,
        managed: Managed,
    ) -> Arc<Doors> {
        let audit = Audit::open(self.dir.path()).unwrap();
        let config = self.dir.path().join("config");
        let parts = Parts {
            core: self.core.clone(),
            http: Wire::new(Carried(self.script.clone())),
            settings: Arc::new(Settings::new(
                config.clone(),
                Source::Said(Box::new(managed.clone())),
                managed.over(Config::default()),
            )),
            clock: self.clock.clone(),
            opener: Arc::new(|| Opener::None),
            audit: audit.clone(),
        };
        Arc::new(Doors {
            core: self.core.clone(),
            sign_ins: SignIns::new(parts),
            approvals: Approvals::open(&self.dir.path().join("data"), &config).unwrap(),
            audit,
            clock: self.clock.clone(),
            paths: mcp_login_ipc::Paths::under(self.dir.path()).unwrap(),
            choice,
            consent,
            gateway: Default::default(),
            helpers: Default::default(),
            door: crate::door::HttpDoor::load(&self.dir.path().join("data")).unwrap(),
            updates: crate::updates::Updates::load(&self.dir.path().join("data")).unwrap(),
            wanted: watch::channel(0).0,
            started_at: 0,
            instance: "test".to_owned(),
            examinations: Arc::new(tokio::sync::Semaphore::new(0)),
            stop: watch::channel(false).0,
        })
    }

    pub(crate) fn new_sign_in(
        &self,
        name: Option<&str>,
        registration: RegistrationId,
        lifetime: Option<u64>,
    ) -> NewSignIn {
        NewSignIn {
            account: None,
            name: name.map(str::to_owned),
            server: ServerUrl::parse(SERVER).unwrap(),
            resource: Some(SERVER.to_owned()),
            metadata: metadata(ISSUER),
            network: Network::Public,
            registration,
            subject: Some("alice".to_owned()),
            label: Some("alice@example.com".to_owned()),
            asked_scope: ScopeSet::parse("read write"),
            tokens: Granted {
                access_token: AccessToken::new("access-1"),
                token_type: "Bearer".to_owned(),
                expires_in: lifetime,
                refresh_token: Some(RefreshToken::new("refresh-1")),
                rotation: Rotation::New,
                refresh_expires_in: None,
                scope: None,
                id_token: None,
            },
            asked_at: self.clock.now(),
            sign_in_lifetime: None,
        }
    }
}

async fn open(dir: &tempfile::TempDir, clock: &Arc<Manual>, script: &Arc<Script>, items: &Brittle) -> Core {
    Core::open(Options {
        data_dir: dir.path().join("data"),
        allow_private_hosts: Vec::new(),
        clock: clock.clone(),
        vault: Vault::at_once(items.clone()),
        http: Wire::new(Carried(script.clone())),
    })
    .await
    .unwrap()
}
