//! A person who sits beside a client: sees what the agent announces (`gateway.list`, as window and tray show it), and signs in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use mcp_login_tests::raw::Local;
use serde_json::{Value, json};

use crate::{Refused, Signing};

/// Sees something that is announced within this time; a person does not look more often.
const LOOK: Duration = Duration::from_millis(50);

/// Signs in as often as it is asked to, until it is dropped or a sign-in is refused.
#[derive(Debug)]
pub struct Attendant {
    leave: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// How the last one ended that was refused.
    pub refused: Mutex<Receiver<Refused>>,
}

impl Attendant {
    /// Begins to look. The agent runs afterwards.
    #[must_use]
    pub fn of(signing: Arc<Signing>) -> Attendant {
        signing.home().run(&["agent", "start"]).ok();
        let leave = Arc::new(AtomicBool::new(false));
        let (tell, refused) = channel();
        let left = Arc::clone(&leave);
        let thread = std::thread::spawn(move || {
            let mut local = Local::connect(signing.home());
            while !left.load(Ordering::SeqCst) {
                let seen = local.result("gateway.list", &json!({}));
                let done = match seen["attention"].as_array().and_then(|all| all.first()) {
                    Some(attention) => attend(&signing, attention),
                    None => Ok(()),
                };
                if let Err(refused) = done {
                    let _ = tell.send(refused);
                    return;
                }
                std::thread::sleep(LOOK);
            }
        });
        Attendant { leave, thread: Some(thread), refused: Mutex::new(refused) }
    }
}

/// What is asked for is done by name alone: the agent knows which scopes are waited for.
fn attend(signing: &Signing, attention: &Value) -> Result<(), Refused> {
    match attention["why"].as_str() {
        Some("no_account") => signing.sign_in(None),
        Some("needs_sign_in" | "more_scopes") => signing.sign_in_again(None),
        other => panic!("what is {other:?}?"),
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        self.leave.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
