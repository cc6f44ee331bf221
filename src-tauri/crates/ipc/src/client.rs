//! The blocking client, for the command and for whoever else waits for one answer.
//!
//! Problem: a token must come fast and only from our own agent. Invariants: nothing is sent before the socket's
//! directory and the other side's user have been checked; every wait has an end; notifications that come while an
//! answer is awaited are kept, up to a bound.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::api::Notification;
use crate::codes::Code;
use crate::envelope::{self, Answer, MAX_LINE};
use crate::fault::Fault;
use crate::method::Call;
use crate::paths::{PathError, Paths};

mod link;
mod start;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

pub use link::{LinkReader, LinkWriter};
pub use start::StartHow;
#[cfg(unix)]
use unix::Stream;
#[cfg(windows)]
use windows::Stream;

/// How long an answer may take: longer than a refresh over a slow network, shorter than a person's patience.
pub const PATIENCE: Duration = Duration::from_secs(100);
/// Notifications kept while an answer is awaited. A sign-in sends some ten.
const MAX_KEPT: usize = 256;
/// Bytes read at once: a token and an account fit.
const CHUNK: usize = 8 * 1024;

/// What a client can meet.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The agent answered with an error.
    #[error("{0}")]
    Fault(#[from] Fault),
    /// No agent listens.
    #[error("the agent is not running")]
    NotRunning,
    /// There is no path, or it cannot be trusted.
    #[error("{0}")]
    Path(#[from] PathError),
    /// Somebody else listens at our path.
    #[error("what answers at {} is not an agent of this user", path.display())]
    NotOurs {
        /// The path.
        path: PathBuf,
    },
    /// No answer in time.
    #[error("the agent did not answer in time")]
    Silent,
    /// The agent closed the connection, or the system did.
    #[error("the connection to the agent was lost")]
    Lost(#[source] io::Error),
    /// It does not speak our protocol.
    #[error("the agent's answer cannot be understood")]
    Garbled(#[source] serde_json::Error),
    /// The agent's program is not there.
    #[error("no agent at {}", path.display())]
    NoProgram {
        /// Where it should be.
        path: PathBuf,
    },
    /// The agent was started and does not serve.
    #[error("the agent was started but does not serve: {reason}")]
    NotServing {
        /// What is known.
        reason: String,
    },
}

impl ClientError {
    /// As the table has it: fact, next step, exit status.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            ClientError::Fault(fault) => fault.clone(),
            ClientError::NotRunning => Fault::new(Code::AgentNotRunning),
            ClientError::Path(error) => match error {
                PathError::NoHome => Fault::new(Code::NoHome),
                PathError::Unsafe { path, reason } => Fault::new(Code::RunDirectoryUnsafe)
                    .detail("path", path.to_string_lossy())
                    .detail("reason", reason.to_string()),
                PathError::HomeNotAbsolute | PathError::TooLong { .. } => {
                    Fault::new(Code::Usage).detail("reason", error.to_string())
                }
                PathError::Io { path, source } => Fault::new(Code::FileUnreadable)
                    .detail("file", path.to_string_lossy())
                    .detail("reason", source.to_string()),
            },
            ClientError::NotOurs { path } => {
                Fault::new(Code::NotOurAgent).detail("path", path.to_string_lossy())
            }
            ClientError::Silent => Fault::new(Code::AgentSilent),
            ClientError::Lost(_) => Fault::new(Code::ConnectionLost),
            ClientError::Garbled(error) => {
                Fault::new(Code::ProtocolMismatch).detail("reason", error.to_string())
            }
            ClientError::NoProgram { path } => {
                Fault::new(Code::AgentNotFound).detail("path", path.to_string_lossy())
            }
            ClientError::NotServing { reason } => {
                Fault::new(Code::AgentStartFailed).detail("reason", reason.as_str())
            }
        }
    }
}

/// One connection to the agent. One thread at a time.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    buffer: Vec<u8>,
    /// Where the unread part of `buffer` begins.
    start: usize,
    /// Up to where it has been searched for a line feed.
    searched: usize,
    next_id: u64,
    kept: VecDeque<Notification>,
    patience: Option<Duration>,
}

/// An answer that has been asked for and not been read.
#[derive(Debug)]
#[must_use]
pub struct Pending<C: Call> {
    id: u64,
    call: std::marker::PhantomData<fn() -> C>,
}

impl Client {
    /// Connects to the running agent.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`], [`ClientError::Path`], [`ClientError::NotOurs`], [`ClientError::Lost`].
    pub fn connect(paths: &Paths) -> Result<Self, ClientError> {
        Self::connect_to(&paths.socket)
    }

    /// Connects to the agent at this socket.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_to(socket: &Path) -> Result<Self, ClientError> {
        Ok(Self {
            stream: Stream::open(socket)?,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            next_id: 1,
            kept: VecDeque::new(),
            patience: Some(PATIENCE),
        })
    }

    /// Connects; when no agent runs, starts one and waits until it serves. Many may do so at once: the agents agree
    /// among themselves which one stays.
    ///
    /// # Errors
    /// As [`Client::connect`], and [`ClientError::NoProgram`], [`ClientError::NotServing`].
    pub fn connect_or_start(paths: &Paths, how: StartHow) -> Result<Self, ClientError> {
        match Self::connect(paths) {
            Err(ClientError::NotRunning) => start::start_and_connect(&paths.socket, &how),
            other => other,
        }
    }

    /// How long an answer may take from now on; nothing: as long as it takes (a sign-in waits for a person).
    pub fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }

    /// Asks and waits.
    ///
    /// # Errors
    /// [`ClientError::Fault`] with what the agent says; [`ClientError::Silent`], [`ClientError::Lost`],
    /// [`ClientError::Garbled`].
    pub fn call<C: Call>(&mut self, call: &C) -> Result<C::Result, ClientError> {
        let pending = self.send(call)?;
        self.receive(pending)
    }

    /// Asks, to read the answer later. Answers are to be received in the order of asking.
    ///
    /// # Errors
    /// [`ClientError::Lost`], [`ClientError::Silent`].
    pub fn send<C: Call>(&mut self, call: &C) -> Result<Pending<C>, ClientError> {
        let id = self.next_id;
        self.next_id += 1;
        let line = envelope::write_request(id, call).map_err(ClientError::Garbled)?;
        if line.as_bytes().len() > MAX_LINE {
            return Err(Fault::new(Code::LineTooLong).detail("limit", MAX_LINE).into());
        }
        self.stream.write(line.as_bytes(), self.deadline()).map_err(lost)?;
        Ok(Pending { id, call: std::marker::PhantomData })
    }

    /// Waits for an answer.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn receive<C: Call>(&mut self, pending: Pending<C>) -> Result<C::Result, ClientError> {
        let deadline = self.deadline();
        loop {
            let line = self.line(deadline)?;
            match envelope::read_answer(&self.buffer[line]).map_err(ClientError::Garbled)? {
                Answer::Result { id, result } if id == pending.id => {
                    return serde_json::from_str(result.get()).map_err(ClientError::Garbled);
                }
                Answer::Error { id, fault } if id.is_none_or(|id| id == pending.id) => {
                    return Err(fault.into());
                }
                Answer::Notification(Some(body)) => self.keep(body),
                // an answer that nobody waits for any more, or a notification of a newer agent
                Answer::Result { .. } | Answer::Error { .. } | Answer::Notification(None) => {}
            }
        }
    }

    /// The next notification, as long as it takes up to `within`.
    ///
    /// # Errors
    /// [`ClientError::Silent`] when none came, [`ClientError::Lost`], [`ClientError::Garbled`].
    pub fn notification(&mut self, within: Option<Duration>) -> Result<Notification, ClientError> {
        let deadline = within.and_then(|wait| Instant::now().checked_add(wait));
        loop {
            if let Some(kept) = self.kept.pop_front() {
                return Ok(kept);
            }
            let line = self.line(deadline)?;
            if let Answer::Notification(Some(body)) =
                envelope::read_answer(&self.buffer[line]).map_err(ClientError::Garbled)?
            {
                return Ok(body);
            }
        }
    }

    /// Waits for an answer and shows the notifications that come before it, as they come: what a sign-in needs.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn receive_with<C: Call>(
        &mut self,
        pending: Pending<C>,
        mut show: impl FnMut(&Notification),
    ) -> Result<C::Result, ClientError> {
        let deadline = self.deadline();
        while let Some(kept) = self.kept.pop_front() {
            show(&kept);
        }
        loop {
            let line = self.line(deadline)?;
            match envelope::read_answer(&self.buffer[line]).map_err(ClientError::Garbled)? {
                Answer::Result { id, result } if id == pending.id => {
                    return serde_json::from_str(result.get()).map_err(ClientError::Garbled);
                }
                Answer::Error { id, fault } if id.is_none_or(|id| id == pending.id) => {
                    return Err(fault.into());
                }
                Answer::Notification(Some(body)) => show(&body),
                Answer::Result { .. } | Answer::Error { .. } | Answer::Notification(None) => {}
            }
        }
    }

    /// What `gateway.open` made of the connection: a stream of MCP messages. To be called right after its answer.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn into_link(mut self) -> io::Result<(LinkReader, LinkWriter)> {
        let left = self.buffer.split_off(self.start);
        link::split(&self.stream, left)
    }

    fn deadline(&self) -> Option<Instant> {
        self.patience.and_then(|wait| Instant::now().checked_add(wait))
    }

    fn keep(&mut self, body: Notification) {
        if self.kept.len() == MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(body);
    }

    /// The next line's place in the buffer, without its line feed.
    fn line(&mut self, deadline: Option<Instant>) -> Result<std::ops::Range<usize>, ClientError> {
        loop {
            if let Some(found) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let range = self.start..self.searched + found;
                self.start = range.end + 1;
                self.searched = self.start;
                return Ok(range);
            }
            if self.start > 0 {
                self.buffer.drain(..self.start);
                self.start = 0;
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > MAX_LINE {
                return Err(ClientError::Lost(io::Error::from(io::ErrorKind::InvalidData)));
            }
            let filled = self.buffer.len();
            self.buffer.resize(filled + CHUNK, 0);
            let read = self.stream.read(&mut self.buffer[filled..], deadline);
            self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(ClientError::Lost(io::Error::from(io::ErrorKind::UnexpectedEof))),
                Ok(_) => {}
                Err(error) => return Err(lost(error)),
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        use secrecy::zeroize::Zeroize as _;
        self.buffer.zeroize();
    }
}

fn lost(error: io::Error) -> ClientError {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ClientError::Silent,
        _ => ClientError::Lost(error),
    }
}
