//! Links: MCP clients that use a server through us, and never see a token.
//!
//! Problem: a client on this machine should be able to start whenever it likes, signed in or not, and outlive everything that
//! happens to the account. Invariant: opening a link needs no account, no token and no server; whether the program may use the
//! account is decided with each message ([`tokens`]); messages go to the one server that the link was opened for ([`place`]);
//! and what a person has to do is announced, never begun ([`attention`]).

pub mod attention;
mod links;
mod place;
mod tokens;

use crate::accounts::Account;
use crate::failure::Failure;
use crate::faults;
use crate::http::SystemHttp;
use crate::http::stream::ServerHttp;
use crate::login::LoginError;
use crate::methods::{Doors, Peer};
use attention::{About, AttentionList};
use bytes::Bytes;
use links::{Links, OpenLink};
use mcp_login_gateway::learnt::Learnt;
use mcp_login_gateway::limits::Limits;
use mcp_login_gateway::link::{self, Opening, Resume};
use mcp_login_gateway::upstream::Upstream;
use mcp_login_ipc::api::{self, AttentionWhy};
use mcp_login_ipc::{Code, Fault};
use mcp_login_oauth::ServerUrl;
pub(crate) use place::Place;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
pub(crate) use tokens::LinkTokens;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::time::timeout;

/// How long a link waits for an account of its name to come: below the minute after which clients give up.
const NAME: Duration = Duration::from_secs(50);
/// Servers about which something is remembered. A person has some dozens.
const MOST_SERVERS: usize = 256;

/// What all links share.
#[derive(Default)]
pub struct Gateway {
    /// What waits for a person.
    pub attention: AttentionList,
    pub(crate) links: Links,
    http: std::sync::OnceLock<Arc<SystemHttp>>,
    learnt: Mutex<BTreeMap<String, Arc<Learnt>>>,
    limits: Limits,
}

impl Gateway {
    /// A server with its tokens, over the connections that all share.
    pub(crate) fn upstream(&self, server: &ServerUrl, tokens: LinkTokens) -> Upstream {
        let system = self.http.get_or_init(|| Arc::new(SystemHttp::pooled())).clone();
        let http = Arc::new(ServerHttp::new(system, server));
        Upstream::new(server.clone(), http, Arc::new(tokens), self.learnt(server))
    }

    fn learnt(&self, server: &ServerUrl) -> Arc<Learnt> {
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        if learnt.len() >= MOST_SERVERS && !learnt.contains_key(server.as_str()) {
            learnt.clear(); // it is learnt again
        }
        learnt.entry(server.as_str().to_owned()).or_default().clone()
    }
}

/// A link that was granted and is not served yet.
pub(crate) struct Granted {
    open: OpenLink,
    upstream: Arc<Upstream>,
    opening: Opening,
    limits: Limits,
}

impl Doors {
    /// `gateway.list`.
    pub(crate) fn gateway_list(&self) -> api::Gateway {
        api::Gateway {
            links: self.gateway.links.list(),
            attention: self.gateway.attention.list(&self.core, self.now()),
        }
    }

    /// A program asked for an account that is not there, or not at the server that it knew.
    pub(crate) fn needs_account(&self, peer: &Peer, asked: &str, server: Option<&ServerUrl>) {
        let typed = ServerUrl::parse(asked).ok().filter(|_| asked.contains("://"));
        let server = server.or(typed.as_ref()).map(|server| server.as_str().to_owned());
        let about = About::Nobody(asked.to_owned());
        self.needs(peer, about, asked, server, AttentionWhy::NoAccount, Vec::new());
    }

    /// A program cannot go on before a person signs in again.
    pub(crate) fn needs_sign_in(&self, peer: &Peer, account: &Account) {
        let server = Some(account.server.as_str().to_owned());
        let about = About::Account(account.id.clone());
        self.needs(peer, about, &account.name, server, AttentionWhy::NeedsSignIn, Vec::new());
    }

    /// A program cannot go on before a person gives the account more scopes.
    pub(crate) fn needs_scopes(&self, peer: &Peer, account: &Account, scopes: Vec<String>) {
        let server = Some(account.server.as_str().to_owned());
        let about = About::Account(account.id.clone());
        self.needs(peer, about, &account.name, server, AttentionWhy::MoreScopes, scopes);
    }

    fn needs(
        &self,
        peer: &Peer,
        about: About,
        account: &str,
        server: Option<String>,
        why: AttentionWhy,
        scopes: Vec<String>,
    ) {
        let now = self.now();
        let program = peer.subject.as_ref().map(|subject| subject.face.name.clone());
        let account = account.to_owned();
        let view = api::Attention { account, server, why, scopes, program, since: now.unix() };
        self.gateway.attention.raise(about, view, now);
    }

    /// `gateway.open`: finds the server; everything else is the first message's.
    pub(crate) async fn gateway_open(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        params: api::GatewayOpen,
    ) -> Result<(api::GatewayOpened, Granted), Fault> {
        let place = Arc::new(self.place(peer, &params.account).await?);
        let subject = peer.subject.as_ref().ok_or(Fault::new(Code::CallerUnknown))?;
        let program = subject.face.script.clone().unwrap_or_else(|| subject.face.program.clone());
        let open = self.gateway.links.open(place.clone(), program, self.now().unix());
        let opened = api::GatewayOpened {
            account: place.name(),
            server: place.server.as_str().to_owned(),
            link: open.number,
        };
        let server = place.server.clone();
        let tokens = LinkTokens::new(self.clone(), peer.clone(), place);
        let resume = params.resume.map(|resume| Resume {
            initialize: Bytes::from(resume.initialize),
            initialized: resume.initialized,
        });
        let granted = Granted {
            open,
            upstream: Arc::new(self.gateway.upstream(&server, tokens)),
            opening: Opening { resume },
            limits: self.gateway.limits.clone(),
        };
        Ok((opened, granted))
    }

    /// Where the messages are to go. A name that nobody has may be that of an account that was signed out a moment ago: a
    /// person is told, and it is waited for.
    async fn place(&self, peer: &Peer, asked: &str) -> Result<Place, Fault> {
        let about =
            |failure: &Failure| faults::failure(failure).detail("account", asked).detail("server", asked);
        let found = match self.core.find(asked) {
            Err(Failure::NoSuchAccount) if asked.contains("://") => {
                let server = ServerUrl::parse(asked).map_err(|error| LoginError::from(error).fault())?;
                return Ok(Place::new(self.core.clone(), asked, server, None));
            }
            Err(Failure::NoSuchAccount) => {
                let mut events = self.core.subscribe();
                self.needs_account(peer, asked, None);
                let mut stop = self.stopping();
                let comes = async {
                    loop {
                        if let Ok(id) = self.core.find(asked) {
                            return id;
                        }
                        let _ = events.recv().await; // also when some were missed: it is looked for all the same
                    }
                };
                tokio::select! {
                    () = crate::serve::stopped(&mut stop) => return Err(Fault::new(Code::AgentStopping)),
                    found = timeout(NAME, comes) => found.map_err(|_| about(&Failure::NoSuchAccount))?,
                }
            }
            found => found.map_err(|failure| about(&failure))?,
        };
        let server = self.core.account(&found).map_err(|failure| about(&failure))?.account.server.clone();
        Ok(Place::new(self.core.clone(), asked, server, Some(found)))
    }
}

/// Serves a link until its client goes or the agent ends. `input`: what has been read of it already.
pub(crate) async fn serve<S>(stream: &mut S, input: Vec<u8>, granted: Granted, doors: &Doors)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let Granted { open, upstream, opening, limits } = granted;
    let (reader, writer) = tokio::io::split(stream);
    let reader = std::io::Cursor::new(input).chain(reader);
    let mut stop = doors.stopping();
    tokio::select! {
        ended = link::serve(reader, writer, upstream, opening, limits) => {
            tracing::debug!(link = open.number, ?ended, "a link ended");
        }
        () = crate::serve::stopped(&mut stop) => {}
    }
}
