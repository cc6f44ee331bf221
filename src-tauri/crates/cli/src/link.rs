//! The way to the agent, with its faults made into what a person reads. A greeting goes ahead of the first
//! question in the same breath, so that an agent from before an update is named as such; `token` and `headers`
//! leave it out, since they are counted in microseconds.

use crate::failure::Failure;
use mcp_login_ipc::api::{Hello, Notification, Welcome};
use mcp_login_ipc::client::{ClientError, LinkReader, LinkWriter, Pending, StartHow};
use mcp_login_ipc::method::{Call, call};
use mcp_login_ipc::{Client, Code, Fault, Paths, identity};
use std::path::PathBuf;

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
    greeting: Option<Pending<call::Hello>>,
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
        Ok(Self { client, greeting: None })
    }

    /// Connects, and greets.
    ///
    /// # Errors
    /// As [`Link::brief`].
    pub(crate) fn open(start: Start) -> Result<Self, Failure> {
        let mut link = Self::brief(start)?;
        link.greeting = Some(link.client.send(&call::Hello(Hello {
            client: identity::COMMAND_NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: identity::PROTOCOL,
        }))?);
        Ok(link)
    }

    /// What the agent answered to the greeting.
    ///
    /// # Errors
    /// When it has gone, or speaks another protocol.
    pub(crate) fn welcome(&mut self) -> Result<Option<Welcome>, Failure> {
        let Some(greeting) = self.greeting.take() else { return Ok(None) };
        let welcome = self.client.receive(greeting)?;
        if welcome.protocol != identity::PROTOCOL {
            let reason =
                format!("it speaks version {}, this program {}", welcome.protocol, identity::PROTOCOL);
            return Err(Fault::new(Code::ProtocolMismatch).detail("reason", reason).into());
        }
        Ok(Some(welcome))
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// What the agent says, or that it has gone.
    pub(crate) fn call<C: Call>(&mut self, question: &C) -> Result<C::Result, Failure> {
        // both go out before either is awaited
        let pending = self.client.send(question)?;
        self.welcome()?;
        Ok(self.client.receive(pending)?)
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
