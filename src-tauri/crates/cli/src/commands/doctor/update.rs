//! What the doctor says of newer versions: one that is known, or that nobody may look. It asks nobody.

use super::{Check, note, ok};
use crate::commands::update::NEXT;
use crate::text::visible;
use mcp_login_ipc::api::AgentStatus;

/// The policy's key.
const KEY: &str = "updates";

/// Nothing, when there is nothing to know.
pub(super) fn look(status: &AgentStatus) -> Option<Check> {
    // With a mistake in it the policy has a line of its own.
    let keys = status.managed.as_ref().map_or(&[][..], |managed| &managed.keys);
    if keys.iter().any(|key| key == KEY) {
        let what = "nobody looks for newer versions: the policy of this computer turned that off";
        return Some(ok("Updates", what));
    }
    let update = status.update.as_ref().filter(|update| update.newer)?;
    let said = format!(
        "version {} is there, this is {}: {}",
        visible(&update.newest),
        visible(&update.current),
        visible(&update.page)
    );
    Some(note("Updates", said, NEXT))
}
