//! Places where a test may kill the process, to see what a crash there leaves behind.
//!
//! Compiled to nothing without the feature `fault-points`, which no shipped program has.

/// The points of this crate, in the order in which a write with chunks passes them.
pub const POINTS: &[&str] = &[
    "vault.intent.before",
    "vault.intent.written",
    "vault.ledger.written",
    "vault.chunk.written",
    "vault.chunks.written",
    "vault.head.written",
    "vault.old-chunk.deleted",
    "vault.swept",
    "vault.intent.cleared",
    "vault.head.deleted",
];

/// Dies here with SIGKILL (Windows: an abort) if `MCP_LOGIN_FAULT` is `name` or, for the N-th time, `name:N`.
/// Just before, the file that `MCP_LOGIN_FAULT_MARK` names is made, so that a test knows that it happened.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(feature = "fault-points")]
    armed::point(name);
    #[cfg(not(feature = "fault-points"))]
    let _ = name;
}

#[cfg(feature = "fault-points")]
mod armed {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    static PASSED: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

    pub(super) fn point(name: &'static str) {
        let Ok(wanted) = std::env::var("MCP_LOGIN_FAULT") else { return };
        let (wanted, time) = match wanted.rsplit_once(':') {
            Some((wanted, time)) => (wanted, time.parse().unwrap_or(1)),
            None => (wanted.as_str(), 1),
        };
        if wanted != name {
            return;
        }
        let mut passed = PASSED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let times = passed.entry(name).or_insert(0);
        *times += 1;
        if *times == time {
            if let Some(mark) = std::env::var_os("MCP_LOGIN_FAULT_MARK") {
                let _ = std::fs::write(mark, name); // the test sees its absence
            }
            die();
        }
    }

    fn die() -> ! {
        #[cfg(unix)]
        {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            loop {
                std::thread::park(); // the signal is on its way; nothing may be written meanwhile
            }
        }
        #[cfg(not(unix))]
        std::process::abort()
    }
}
