//! A sign-in for an examination: the same address, the same doors and the same checks as any other; what comes of it
//! belongs to the examination.
//!
//! Problem: a test must see what an issuer does wrong, where a sign-in waits for the right answer. Invariant: nothing is
//! stored; the first answer ends the wait, whatever it is; and only an answer that every check believes gives a code.

use super::listening::Listening;
use super::{Delivered, Departure, Landed, LoginError, SignIn, SignInId, SignIns, Step, Word};
use crate::landing::Landing;
use crate::registration::Home;
use mcp_login_oauth::authorize::PendingAuthorization;
use mcp_login_oauth::callback::LIFE_SECONDS;
use mcp_login_oauth::error::CallbackFault;
use mcp_login_oauth::{AuthorizationCode, Error as OauthError, ServerUrl};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// See the module. Dropped, it is over.
pub(crate) struct Trial {
    sign_ins: SignIns,
    id: SignInId,
    inbox: mpsc::Receiver<Word>,
    steps: watch::Sender<Step>,
}

/// What came home.
pub(crate) enum Came {
    /// A code, and the browser's page that waits for what becomes of it.
    Code(AuthorizationCode, Page),
    /// An answer that is not to be believed, or an error that is.
    Wrong(OauthError),
    /// Nobody, or the person gave up.
    Nobody(LoginError),
}

/// The page in the browser, which shows nothing yet.
pub(crate) struct Page(oneshot::Sender<Landed>);

impl Page {
    /// Shows it.
    pub(crate) fn show(self, landing: Landing) {
        // A browser that has gone away sees nothing.
        let _ = self.0.send(Ok(landing));
    }
}

impl SignIns {
    /// Begins one. Must be called inside the runtime.
    ///
    /// # Errors
    /// [`LoginError::TooMany`].
    pub(crate) fn trial(
        &self,
        server: &ServerUrl,
    ) -> Result<(Trial, SignInId, watch::Receiver<Step>), LoginError> {
        let id = SignInId::random();
        let (words, inbox) = mpsc::channel(8);
        let (steps, watcher) = watch::channel(Step::Discovering);
        let sign_in = SignIn {
            id: id.clone(),
            server: server.as_str().to_owned(),
            account: None,
            started_at: self.inner.parts.clock.now().unix(),
            step: Step::Discovering,
        };
        self.table().add(sign_in, words, watcher.clone())?;
        let trial = Trial { sign_ins: self.clone(), id: id.clone(), inbox, steps };
        Ok((trial, id, watcher))
    }
}

impl Trial {
    /// Sends the browser off and waits for the first answer, ten minutes at most.
    ///
    /// # Errors
    /// What makes an authorization request impossible.
    pub(crate) async fn go(
        &mut self,
        departure: &Departure<'_>,
        mut home: Home,
    ) -> Result<(PendingAuthorization, Came), OauthError> {
        let (step, pending) = departure.begin(self.now())?;
        self.sign_ins.table().expect(&self.id, pending.clone());
        let (tell, mut strays) = mpsc::channel(1);
        let listener = home.listener.take();
        let _listening = listener.map(|listener| Listening::at(&self.sign_ins, listener, Some(tell)));
        self.step(Step::Browser(Arc::new(step)));
        let deadline = tokio::time::sleep(Duration::from_secs(LIFE_SECONDS));
        tokio::pin!(deadline);
        let came = loop {
            let word = tokio::select! {
                word = self.inbox.recv() => word,
                Some(stray) = strays.recv() => break Came::Wrong(why(&stray)),
                () = &mut deadline => break Came::Nobody(LoginError::Expired),
            };
            match word {
                Some(Word::Callback { callback, landed, .. }) => {
                    break match callback.accept(&pending, self.now()) {
                        Ok(code) => Came::Code(code, Page(landed)),
                        Err(error) => {
                            let _ = landed.send(Ok(Landing::NotDone));
                            Came::Wrong(error)
                        }
                    };
                }
                // There is one way back in a test: which one was said when it began.
                Some(Word::Redirect(_)) => {}
                Some(Word::Cancel) | None => break Came::Nobody(LoginError::Cancelled),
            }
        };
        self.sign_ins.table().retire(&self.id);
        if let Came::Code(..) = &came {
            self.step(Step::Exchanging);
        }
        Ok((pending, came))
    }

    fn now(&self) -> u64 {
        self.sign_ins.inner.parts.clock.now().unix()
    }

    fn step(&self, step: Step) {
        self.steps.send_replace(step);
        self.sign_ins.changed();
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.sign_ins.table().end(&self.id);
        // However it went: the report says how.
        self.step(Step::Tried);
    }
}

/// Why a callback found no sign-in: at the trial's own port it is taken for the issuer's answer.
fn why(stray: &Delivered) -> OauthError {
    match stray {
        Delivered::Refused(error) => (**error).clone(),
        _ => OauthError::Callback(CallbackFault::Unmatched),
    }
}
