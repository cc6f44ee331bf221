//! The pages that want to hear of what happens.
//!
//! Problem: tauri's own events go to every window. Invariant: a page hears through the channel that it handed in itself,
//! and a page that is gone hears nothing; whoever comes later is told first how things are.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tauri::ipc::Channel;
use tauri::{AppHandle, Manager as _, command};

use crate::refusal::Refusal;
use crate::shell::Shell;

/// Pages at once: a window has one, and a reload may leave another for a moment.
const MAX: usize = 8;

/// Them.
#[derive(Default)]
pub(crate) struct Subscribers(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    channels: Vec<Channel<Value>>,
    link: Option<Value>,
    /// What the next page is to show.
    wanted: Option<String>,
}

impl Subscribers {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page more; it is told at once whether the agent is there, and what it is to show.
    pub(crate) fn add(&self, channel: Channel<Value>) {
        let mut inner = self.inner();
        let first = inner.link.clone().into_iter().chain(inner.wanted.take().map(show));
        for message in first.collect::<Vec<_>>() {
            if channel.send(message).is_err() {
                return;
            }
        }
        if inner.channels.len() == MAX {
            inner.channels.remove(0);
        }
        inner.channels.push(channel);
    }

    /// The window is gone, and its pages with it.
    pub(crate) fn clear(&self) {
        self.inner().channels.clear();
    }

    /// Whether anybody listens.
    pub(crate) fn any(&self) -> bool {
        !self.inner().channels.is_empty()
    }

    /// Tells all of them.
    pub(crate) fn tell(&self, message: &Value) {
        self.inner().channels.retain(|channel| channel.send(message.clone()).is_ok());
    }

    /// Tells all of them, and those that come later, whether the agent is there.
    pub(crate) fn tell_link(&self, trouble: Option<Option<Refusal>>) {
        let message = match trouble {
            None => json!({"type": "link", "state": "up"}),
            Some(error) => json!({"type": "link", "state": "down", "error": error}),
        };
        self.inner().link = Some(message.clone());
        self.tell(&message);
    }

    /// Has the page that is there, or the next one, show something.
    pub(crate) fn show(&self, view: &str) {
        if self.any() {
            self.tell(&show(view.to_owned()));
        } else {
            self.inner().wanted = Some(view.to_owned());
        }
    }
}

fn show(view: String) -> Value {
    json!({"type": "show", "view": view})
}

/// From now on the page hears what happens: in the consent window of questions only, since its link carries no more.
#[command]
pub(crate) fn subscribe(app: AppHandle, channel: Channel<Value>) {
    app.state::<Subscribers>().add(channel);
    if let Some(shell) = app.try_state::<Shell>() {
        shell.follow_audit(&app);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tauri::ipc::InvokeResponseBody;

    fn page() -> (Channel<Value>, Arc<Mutex<Vec<Value>>>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&heard);
        let channel = Channel::new(move |body| {
            let InvokeResponseBody::Json(text) = body else { panic!() };
            ear.lock().unwrap().push(serde_json::from_str(&text).unwrap());
            Ok(())
        });
        (channel, heard)
    }

    #[test]
    fn a_late_page_learns_how_things_are() {
        let subscribers = Subscribers::default();
        subscribers.tell_link(None);
        subscribers.show("settings");
        let (channel, heard) = page();
        subscribers.add(channel);
        let expected = [json!({"type": "link", "state": "up"}), json!({"type": "show", "view": "settings"})];
        assert_eq!(*heard.lock().unwrap(), expected);
        let (second, heard) = page();
        subscribers.add(second);
        assert_eq!(heard.lock().unwrap().len(), 1, "a view is shown once");
        subscribers.clear();
        subscribers.tell(&json!({}));
        assert_eq!(heard.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_page_that_is_gone_is_forgotten() {
        let subscribers = Subscribers::default();
        subscribers.add(Channel::new(|_| Err(tauri::Error::WindowNotFound)));
        assert!(subscribers.any());
        subscribers.tell(&json!({}));
        assert!(!subscribers.any());
    }
}
