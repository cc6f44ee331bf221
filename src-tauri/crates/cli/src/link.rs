//! The way to the agent, with its faults made into what a person reads. A greeting goes ahead of the first question, so
//! that an agent from before an update is named as such, and so that one that was just ending is told from one that serves;
//! `token` and `headers` leave it out, since they are counted in microseconds.

use crate::failure::Failure;
use mcp_login_ipc::api::{Hello, Notification, Welcome};
use mcp_login_ipc::client::{ClientError, LinkReader, LinkWriter, StartHow};
use mcp_login_ipc::method::{Call, call};
use mcp_login_ipc::{Client, Code, Fault, Paths, identity};
use std::path::PathBuf;
use std::time::Duration;

/// How often a greeting may go unanswered before that is the answer: an agent that ends takes connections for a moment yet,
/// and its successor is another try. Two restarts in a row are somebody's intent, more are trouble.
const TRIES: u32 = 3;
/// Between two of them: about what an agent takes to go.
const BREATH: Duration = Duration::from_millis(30);

/// Whether an agent that does not run is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// It is; most commands need one.
    IfNeeded,
    /// It is not: looking must change nothing.
    Never,
}

/// A connection to the agent.
#[derive(Debug)]
pub(crate) struct Link {
    client: Client,
    welcome: Option<Welcome>,
}

/// Does it again while the connection breaks. Only for what may be repeated without harm.
///
/// # Errors
/// Those of the last try.
pub(crate) fn persist<T>(
    tries: u32,
    breath: Duration,
    mut attempt: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    for _ in 1..tries {
        match attempt() {
            Err(failure) if failure.code == Code::ConnectionLost.row().code => std::thread::sleep(breath),
            other => return other,
        }
    }
    attempt()
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        error.fault().into()
    }
}

impl Link {
    /// Connects, without a greeting.
    ///
    /// # Errors
    /// When there is no agent, it cannot be started, or what answers is not ours.
    pub(crate) fn brief(start: Start) -> Result<Self, Failure> {
        let socket = Paths::find_socket().map_err(ClientError::from)?;
        let client = match (Client::connect_to(&socket), start) {
            (Err(ClientError::NotRunning), Start::IfNeeded) => {
                // the socket is all that starting needs; the directories cost a look at the user database
                let paths = Paths { config_dir: PathBuf::new(), data_dir: PathBuf::new(), socket };
                Client::connect_or_start(&paths, StartHow::Auto)?
            }
            (other, _) => other?,
        };
        Ok(Self { client, welcome: None })
    }

    /// Connects, and greets. Whoever needs an agent has one that serves when this is through.
    ///
    /// # Errors
    /// As [`Link::brief`], and when the agent has gone, or speaks another protocol.
    pub(crate) fn open(start: Start) -> Result<Self, Failure> {
        let tries = if start == Start::IfNeeded { TRIES } else { 1 };
        persist(tries, BREATH, || Self::brief(start)?.greet())
    }

    fn greet(mut self) -> Result<Self, Failure> {
        let welcome = self.client.call(&call::Hello(Hello {
            client: identity::COMMAND_NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: identity::PROTOCOL,
        }))?;
        if welcome.protocol != identity::PROTOCOL {
            let reason =
                format!("it speaks version {}, this program {}", welcome.protocol, identity::PROTOCOL);
            return Err(Fault::new(Code::ProtocolMismatch).detail("reason", reason).into());
        }
        Ok(Self { welcome: Some(welcome), ..self })
    }

    /// What the agent answered to the greeting; nothing when there was none.
    pub(crate) fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_ref()
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// What the agent says, or that it has gone.
    pub(crate) fn call<C: Call>(&mut self, question: &C) -> Result<C::Result, Failure> {
        Ok(self.client.call(question)?)
    }

    /// The connection itself, after `gateway.open`.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub(crate) fn into_link(self) -> Result<(LinkReader, LinkWriter), Failure> {
        Ok(self.client.into_link().map_err(ClientError::Lost)?)
    }

    /// Waits, as long as it takes, for the next thing that the agent says unasked.
    ///
    /// # Errors
    /// When it has gone.
    pub(crate) fn told(&mut self) -> Result<Notification, Failure> {
        Ok(self.client.notification(None)?)
    }
}
