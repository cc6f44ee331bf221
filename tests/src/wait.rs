//! Waiting for an event, with a deadline: never a pause in the hope that something has happened by then.

use std::time::{Duration, Instant};

/// Generous, because a test machine may do ten other things: it bounds a test that hangs, and measures nothing.
pub const LONG: Duration = Duration::from_secs(60);

/// Asks until there is an answer. Panics after [`LONG`], naming what did not come.
#[track_caller]
pub fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    match within(LONG, ask) {
        Some(answer) => answer,
        None => panic!("waited {LONG:?} in vain for {what}"),
    }
}

/// Asks until there is an answer or the time is over.
pub fn within<T>(time: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
