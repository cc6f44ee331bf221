//! A program that a test started: its lines can be waited for, and it ends with the test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::wait;

/// A started program. Dropped, it is killed (by its id, and only it).
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    lines: Receiver<String>,
    stderr: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts a program with its output in our hands.
    pub fn start(name: &str, command: &mut Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let stdout = child.stdout.take().expect("piped above");
        let stderr_pipe = child.stderr.take().expect("piped above");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&stderr);
        let reader = std::thread::spawn(move || {
            let mut pipe = BufReader::new(stderr_pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                kept.lock().expect("no panic holds it").push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Running { name: name.to_owned(), child, lines, stderr, reader: Some(reader) }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, when the command has a pipe for it. Given away once.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The next line of standard output, when one comes within this time.
    pub fn line_within(&self, time: Duration) -> Option<String> {
        self.lines.recv_timeout(time).ok()
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("no panic holds it").clone()
    }

    /// The next line of standard output; panics when the program ends or stays silent.
    pub fn line(&self) -> String {
        self.line_or_end()
            .unwrap_or_else(|| panic!("{} has ended. Its errors:\n{}", self.name, self.stderr()))
    }

    /// The next line of standard output, nothing at its end; panics when the program stays silent.
    pub fn line_or_end(&self) -> Option<String> {
        match self.lines.recv_timeout(wait::LONG) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout) => {
                panic!("{} says nothing. Its errors:\n{}", self.name, self.stderr())
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// The first line for which `find` has an answer; other lines are passed over.
    pub fn line_with<T>(&self, mut find: impl FnMut(&str) -> Option<T>) -> T {
        loop {
            if let Some(found) = find(&self.line()) {
                return found;
            }
        }
    }

    /// The exit status, when it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our own child")
    }

    /// Waits for the end: status, the lines not yet read, and standard error.
    pub fn finish(mut self) -> (ExitStatus, Vec<String>, String) {
        let deadline = Instant::now() + wait::LONG;
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{} does not end. Its errors:\n{}", self.name, self.stderr())
                }
            }
        }
        let status = wait::until("a program to end", || self.ended());
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        (status, rest, self.stderr())
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, as a logout does (SIGTERM; on Windows there is only the kill), and waits.
    pub fn terminate(&mut self) -> ExitStatus {
        #[cfg(unix)]
        if self.ended().is_none() {
            signal(self.id(), rustix::process::Signal::TERM);
        }
        #[cfg(not(unix))]
        let _ = self.child.kill();
        wait::until("a program to end", || self.ended())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a signal to one process, by its id. A process that is gone already is no failure.
#[cfg(unix)]
pub fn signal(id: u32, signal: rustix::process::Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// A process that somebody else started.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub struct Watched(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Watched {
    /// `None` when it is gone already.
    pub fn of(id: u32) -> Option<Watched> {
        let pid = rustix::process::Pid::from_raw(i32::try_from(id).ok()?)?;
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok().map(Watched)
    }

    /// Asks it to end, as a logout does, and waits until all of it is gone, its locks too: a process that cannot be seen any
    /// more may still hold them.
    #[track_caller]
    pub fn terminate(&self) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        // one that has ended already is no failure
        let _ = rustix::process::pidfd_send_signal(&self.0, rustix::process::Signal::TERM);
        let long = Timespec::try_from(wait::LONG).expect("a minute");
        let ended = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&long));
        if ended != Ok(1) && !std::thread::panicking() {
            panic!("a process does not end: {ended:?}");
        }
    }
}

/// The lines of a program that a test started itself, of both its outputs, as they come.
#[derive(Debug)]
pub struct Lines {
    receive: Receiver<String>,
}

impl Lines {
    /// Reads both in the background.
    pub fn of(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>) -> Lines {
        let (send, receive) = channel();
        let other = send.clone();
        std::thread::spawn(move || stdout.map(|pipe| forward(pipe, &send)));
        std::thread::spawn(move || stderr.map(|pipe| forward(pipe, &other)));
        Lines { receive }
    }

    /// The first line for which `find` has an answer.
    pub fn first_with<T>(&self, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let mut passed = Vec::new();
        loop {
            match self.receive.recv_timeout(wait::LONG) {
                Ok(line) => match find(&line) {
                    Some(found) => return found,
                    None => passed.push(line),
                },
                Err(_) => panic!("the line does not come. Instead:\n{}", passed.join("\n")),
            }
        }
    }

    /// What is left, when the program has ended.
    pub fn rest(&self) -> Vec<String> {
        self.receive.iter().collect()
    }
}

fn forward(pipe: impl Read, send: &Sender<String>) {
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        if send.send(line).is_err() {
            break;
        }
    }
}
