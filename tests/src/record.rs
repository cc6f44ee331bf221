//! What the agent leaves behind: its audit log, read as the file that it is, and its appetite for memory.

use std::fs;

use serde_json::Value;

use crate::home::Home;
use crate::wait;

impl Home {
    /// The lines of the audit log, oldest first.
    pub fn audit(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("data/audit.log")).unwrap_or_default();
        // The last line may be half written at this moment.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The lines about one action.
    pub fn audited(&self, action: &str) -> Vec<Value> {
        self.audit().into_iter().filter(|entry| entry["action"] == action).collect()
    }

    /// Waits until there are this many lines about an action, and returns them.
    pub fn wait_for_audit(&self, action: &str, count: usize) -> Vec<Value> {
        wait::until(&format!("{count} audit lines about {action}"), || {
            Some(self.audited(action)).filter(|entries| entries.len() >= count)
        })
    }
}

/// The most memory that a process ever had, in KiB (`VmHWM`).
#[cfg(target_os = "linux")]
pub fn peak_memory(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("a process that runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux has this line");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number of KiB")
}
