//! A sign-in that the command has begun: its browser "has opened", and a person is awaited.

use crate::child::Running;
use crate::home::{Home, Said, input_of};
use crate::wait;

/// `mcp-login add …`, waiting for the person.
#[derive(Debug)]
pub struct SignIn<'a> {
    home: &'a Home,
    opened_before: usize,
    running: Running,
    line: String,
}

impl<'a> SignIn<'a> {
    pub(crate) fn start(home: &'a Home, line: &[&str], input: &str) -> SignIn<'a> {
        let opened_before = home.opened().len();
        let mut command = home.command(line);
        if !input.is_empty() {
            command.stdin(input_of(input));
        }
        let running = Running::start("mcp-login", &mut command);
        SignIn { home, opened_before, running, line: line.join(" ") }
    }

    /// The authorization request, as the browser got it. Panics with what the command said when it ends first.
    pub fn address(&self) -> String {
        let found = wait::until("the browser to be opened", || {
            let address = self.home.opened().into_iter().nth(self.opened_before);
            address.map(Ok).or_else(|| self.has_ended().then_some(Err(())))
        });
        found.unwrap_or_else(|()| {
            panic!("`{}` ended before it opened a browser:\n{}", self.line, self.running.stderr())
        })
    }

    /// The running command.
    pub fn running(&mut self) -> &mut Running {
        &mut self.running
    }

    /// Waits for the command's end and returns what it said.
    pub fn finish(self) -> Said {
        let (status, lines, stderr) = self.running.finish();
        let stdout = lines.iter().map(|line| format!("{line}\n")).collect();
        Said { line: self.line, code: status.code().unwrap_or(-1), stdout, stderr }
    }

    fn has_ended(&self) -> bool {
        #[cfg(unix)]
        {
            let id = i32::try_from(self.running.id()).ok().and_then(rustix::process::Pid::from_raw);
            let options = rustix::process::WaitIdOptions::EXITED
                | rustix::process::WaitIdOptions::NOHANG
                | rustix::process::WaitIdOptions::NOWAIT;
            id.is_some_and(|id| {
                rustix::process::waitid(rustix::process::WaitId::Pid(id), options)
                    .is_ok_and(|status| status.is_some())
            })
        }
        #[cfg(windows)]
        crate::win32::has_ended(self.running.id())
    }
}
