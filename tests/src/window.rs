//! The consent window, played by the test: the agent starts the stand-in, which carries every line here and back.

use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use crate::home::Home;
use crate::raw::Local;
use crate::wait;

/// Where windows come up. Without one, the stand-in ends at once.
#[derive(Debug)]
pub struct Stage(UnixListener);

impl Stage {
    /// In this person's place.
    pub fn new(home: &Home) -> Stage {
        let listener = UnixListener::bind(home.path("person/window.sock")).expect("a socket");
        listener.set_nonblocking(true).expect("a socket of ours");
        Stage(listener)
    }

    /// The next window that comes up.
    pub fn window(&self) -> Shown {
        wait::until("a window to come up", || self.next())
    }

    /// One that has come up already.
    pub fn next(&self) -> Option<Shown> {
        let (stream, _) = self.0.accept().ok()?;
        stream.set_nonblocking(false).expect("a socket of ours");
        let mut link = Local::over(stream).expect("a socket of ours");
        let born = link.line()?;
        Some(Shown { link, born })
    }
}

/// A window, from the inside.
#[derive(Debug)]
pub struct Shown {
    /// To speak to whoever is at the other end.
    pub link: Local,
    /// How it was started: `pid`, `arguments`, `environment`, `descriptors`.
    pub born: Value,
}

impl Shown {
    /// What it is to show.
    pub fn questions(&mut self) -> Vec<Value> {
        let list = self.link.result("approval.list", &json!({}));
        list["pending"].as_array().expect("a list").clone()
    }

    /// The one question.
    #[track_caller]
    pub fn question(&mut self) -> Value {
        let mut questions = self.questions();
        assert_eq!(questions.len(), 1, "{questions:?}");
        questions.remove(0)
    }

    /// Clicks yes.
    #[track_caller]
    pub fn grant(&mut self, question: &Value, until: &str) {
        let answer = json!({ "pending": question["id"], "account": question["account"], "until": until });
        self.link.result("approval.grant", &answer);
    }

    /// Clicks no.
    #[track_caller]
    pub fn deny(&mut self, question: &Value) {
        self.link.result("approval.deny", &json!({ "pending": question["id"] }));
    }

    /// Waits until the agent has closed the link.
    pub fn closed(mut self) {
        while self.link.line().is_some() {}
    }
}
