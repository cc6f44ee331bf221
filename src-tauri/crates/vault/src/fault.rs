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
/// `MCP_LOGIN_FAULT_TRACE` names a file that gets a line for every point that is passed: the list of all places where a
/// process could have died.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(feature = "fault-points")]
    armed::point(name);
    #[cfg(not(feature = "fault-points"))]
    let _ = name;
}

/// Bytes that an item may have at most, if `MCP_LOGIN_FAULT_ITEM_LIMIT` says so: a Secret Service takes whatever it gets,
/// and the writes in chunks that Windows needs could be killed on Windows only.
#[inline]
pub(crate) fn item_limit() -> Option<usize> {
    #[cfg(feature = "fault-points")]
    return std::env::var("MCP_LOGIN_FAULT_ITEM_LIMIT").ok()?.parse().ok();
    #[cfg(not(feature = "fault-points"))]
    None
}

#[cfg(feature = "fault-points")]
mod armed {
    use std::collections::BTreeMap;
    use std::io::Write;
    use std::sync::Mutex;

    static PASSED: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

    pub(super) fn point(name: &'static str) {
        if let Some(trace) = std::env::var_os("MCP_LOGIN_FAULT_TRACE") {
            // One write a line: two threads of ours pass points.
            let file = std::fs::OpenOptions::new().create(true).append(true).open(trace);
            let _ = file.and_then(|mut file| file.write_all(format!("{name}\n").as_bytes()));
        }
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
