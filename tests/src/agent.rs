//! The real agent, started by hand: for tests that want its id, its errors, its end. Most tests need none of this, since
//! the command starts an agent by itself.

use std::process::ExitStatus;

use crate::child::Running;
use crate::home::Home;
use crate::wait;

/// A running agent that answers. Dropped, it is killed.
#[derive(Debug)]
pub struct Agent {
    running: Running,
}

impl Agent {
    /// Starts it and waits until it answers.
    pub fn start(home: &Home) -> Agent {
        Self::start_with(home, &[])
    }

    /// The same, with more environment, e.g. a fault point.
    pub fn start_with(home: &Home, environment: &[(&str, &str)]) -> Agent {
        let mut command = home.program(&home.programs().agent);
        // Else it closes its standard error, as a program in the background should.
        command.arg("--foreground");
        command.envs(environment.iter().copied());
        let mut running = Running::start("mcp-login-agent", &mut command);
        wait::until("the agent to answer", || {
            if let Some(status) = running.ended() {
                panic!("the agent ended at once ({status}):\n{}", running.stderr());
            }
            answers(home).then_some(())
        });
        Agent { running }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// What it has written to standard error.
    pub fn stderr(&self) -> String {
        self.running.stderr()
    }

    /// Asks it to end, as the system does, and waits.
    pub fn terminate(mut self) -> ExitStatus {
        self.running.terminate()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.running.kill();
    }

    /// Waits until it has ended by itself, as it does at a fault point.
    pub fn ended(mut self) -> ExitStatus {
        wait::until("the agent to end", || self.running.ended())
    }
}

#[cfg(unix)]
fn answers(home: &Home) -> bool {
    std::os::unix::net::UnixStream::connect(home.socket()).is_ok()
}

#[cfg(not(unix))]
fn answers(home: &Home) -> bool {
    crate::raw::Local::try_connect(home).is_ok()
}
