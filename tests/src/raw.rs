//! Bytes as an attacker sends them: to the agent's socket and to a loopback port, with no client of ours in between.

#[cfg(windows)]
use std::fs::File as Stream;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream as Stream;

use serde_json::{Value, json};

use crate::home::Home;
use crate::wait;

/// Sends bytes to a TCP port, ends the sending side, and reads what comes until the other side closes. Nothing when the
/// port takes no connection.
pub fn tcp(address: SocketAddr, bytes: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(wait::LONG)).expect("a socket of ours");
    // The other side may have had enough in the middle of it.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// The same without ending the sending side: to some servers a client that has ended it is one that has gone.
pub fn tcp_and_wait(address: SocketAddr, bytes: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(wait::LONG)).expect("a socket of ours");
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// An end of the agent's pipe. As long as an answer follows its question, it is read and written as a file.
///
/// # Errors
/// What the system says when there is no such pipe, or it is not for us.
#[cfg(windows)]
pub fn pipe(home: &Home) -> std::io::Result<Stream> {
    /// Others are quicker: the agent makes the next instance when one is taken.
    const ERROR_PIPE_BUSY: i32 = 231;
    wait::until("a free instance of the pipe", || {
        let opened = Stream::options().read(true).write(true).open(home.socket());
        let busy = opened.as_ref().is_err_and(|error| error.raw_os_error() == Some(ERROR_PIPE_BUSY));
        (!busy).then_some(opened)
    })
}

/// A connection to the agent's socket or pipe.
#[derive(Debug)]
pub struct Local {
    stream: Stream,
    reader: BufReader<Stream>,
}

impl Local {
    /// Connects; the agent must be running.
    pub fn connect(home: &Home) -> Local {
        Self::try_connect(home).unwrap_or_else(|error| panic!("the agent's socket: {error}"))
    }

    /// Over a connection that somebody else has made.
    pub fn over(stream: Stream) -> std::io::Result<Local> {
        #[cfg(unix)]
        {
            stream.set_read_timeout(Some(wait::LONG))?;
            stream.set_write_timeout(Some(wait::LONG))?;
        }
        let reader = BufReader::new(stream.try_clone()?);
        Ok(Local { stream, reader })
    }

    /// The same, when it may be that nobody answers.
    pub fn try_connect(home: &Home) -> std::io::Result<Local> {
        #[cfg(unix)]
        let stream = Stream::connect(home.socket())?;
        #[cfg(windows)]
        let stream = pipe(home)?;
        Self::over(stream)
    }

    /// Sends bytes. An agent that has closed the connection is no failure here: the answer tells.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Says that nothing more will come.
    #[cfg(unix)]
    pub fn end(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// The next line; nothing when the agent has closed the connection. Panics when it stays silent.
    pub fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(
                serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("the agent said no JSON ({error}): {line}")),
            ),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
                ) =>
            {
                None
            }
            Err(error) => panic!("the agent says nothing: {error}"),
        }
    }

    /// One request and its answer, whole; notifications in between are passed over.
    pub fn ask(&mut self, method: &str, params: &Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        self.send(format!("{request}\n").as_bytes());
        loop {
            let answer =
                self.line().unwrap_or_else(|| panic!("the agent closed before it answered {method}"));
            if answer["id"] == 7 {
                return answer;
            }
        }
    }

    /// The same, and the answer has to be a result.
    #[track_caller]
    pub fn result(&mut self, method: &str, params: &Value) -> Value {
        let answer = self.ask(method, params);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The same, and the answer has to be an error: its code.
    #[track_caller]
    pub fn refused(&mut self, method: &str, params: &Value) -> String {
        let answer = self.ask(method, params);
        let code = answer["error"]["data"]["code"].as_str();
        code.unwrap_or_else(|| panic!("{method} was not refused: {answer}")).to_owned()
    }
}
