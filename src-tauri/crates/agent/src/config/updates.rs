//! `[updates]`: whether it is looked for newer versions, and where.

use mcp_login_oauth::endpoint::Endpoint;

/// When it is looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// When a person asks: by itself this program calls nowhere.
    #[default]
    ByHand,
    /// Once a day as well.
    Daily,
}

/// What is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateSettings {
    /// `updates.look`
    pub look: Look,
    /// `updates.from`: an address that answers with the newest release's; ours when not said.
    pub from: Option<Endpoint>,
}
