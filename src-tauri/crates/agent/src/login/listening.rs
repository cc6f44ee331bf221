//! A loopback listener at work for a sign-in.

use super::{Delivered, Door, SignIns};
use crate::landing::Landing;
use crate::listener::{Arrival, Listener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// How long a listener may go on after its sign-in took a callback: it may still be sending that callback's page. One
/// whose browser came home through another door is ended then.
const LISTENER_GRACE: Duration = Duration::from_secs(20);

/// Requests at one listener that were no callback and are recorded. An attack shows in a few lines; a program that knocks
/// all day must not push everything else out of the audit log.
const MOST_RUBBISH: u32 = 16;

/// Ends the listener when the trip is over.
pub(super) struct Listening(AbortHandle);

impl Listening {
    /// Begins to answer. Callbacks that no sign-in believes are told to `strays`, for an examination: it asks why.
    pub(super) fn at(
        sign_ins: &SignIns,
        listener: Listener,
        strays: Option<mpsc::Sender<Delivered>>,
    ) -> Self {
        let sign_ins = sign_ins.clone();
        let recorded = Arc::new(AtomicU32::new(0));
        let task = tokio::spawn(listener.serve(move |arrival: Arrival| {
            let (sign_ins, recorded, strays) = (sign_ins.clone(), recorded.clone(), strays.clone());
            async move {
                match arrival {
                    Arrival::Callback(address) => {
                        let delivered = sign_ins.callback(&address, Door::Loopback, None).await;
                        let landing = delivered.landing();
                        if let (Some(strays), Delivered::Unmatched | Delivered::Refused(_)) =
                            (strays, &delivered)
                        {
                            // A second one tells nothing more.
                            let _ = strays.try_send(delivered);
                        }
                        landing
                    }
                    Arrival::Rubbish(status) => {
                        if recorded.fetch_add(1, Ordering::Relaxed) < MOST_RUBBISH {
                            sign_ins.rubbish(status).await;
                        }
                        Landing::BadRequest(status)
                    }
                }
            }
        }));
        Self(task.abort_handle())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let listener = self.0.clone();
        // Without a runtime there is no listener either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(LISTENER_GRACE).await;
                listener.abort();
            });
        }
    }
}
