//! Our own words for what the protocol and the agent call something else. Shared by the commands, so that the
//! same thing is called the same everywhere.

use crate::text;
use mcp_login_ipc::api::{SchemeState, SchemeView, VaultKind, VaultState, VaultView};
use mcp_login_wiring::{Drift, Drifted, Wired};

/// Scopes as they are written, or what it means that there are none.
#[must_use]
pub(crate) fn scope_list<S: AsRef<str>>(list: &[S]) -> String {
    if list.is_empty() {
        return "what the server gives by default".to_owned();
    }
    list.iter().map(|s| text::visible(s.as_ref())).collect::<Vec<_>>().join(" ")
}

/// Where tokens are kept, and whether that works.
#[must_use]
pub(crate) fn vault_view(vault: &VaultView) -> String {
    let place = match vault.kind {
        VaultKind::Memory => "the agent's memory; lost when it ends".to_owned(),
        VaultKind::Keychain => keychain().to_owned(),
    };
    match vault.state {
        VaultState::Ready => place,
        VaultState::Locked => format!("{place}, which is locked"),
        VaultState::Unavailable => {
            let code = vault.code.as_deref().map(|c| format!(" [{}]", text::visible(c))).unwrap_or_default();
            format!("{place}, which cannot be used{code}")
        }
        VaultState::Unknown => format!("{place}, not asked yet"),
    }
}

/// Who opens the addresses that bring a sign-in back.
#[must_use]
pub(crate) fn scheme(view: &SchemeView) -> String {
    let scheme = mcp_login_ipc::identity::SCHEME;
    let program = view.program.as_deref().map(text::visible).unwrap_or_default();
    match view.state {
        SchemeState::Ours => format!("{scheme}: is opened by {program}"),
        SchemeState::Foreign => format!("{scheme}: is opened by {program}, which is not ours"),
        SchemeState::None => format!("nothing opens {scheme}: here"),
    }
}

/// What the keychain of this system is called.
#[must_use]
pub(crate) fn keychain() -> &'static str {
    if cfg!(target_os = "macos") {
        "the macOS Keychain"
    } else if cfg!(windows) {
        "the Windows Credential Manager"
    } else {
        "the keychain (Secret Service)"
    }
}

/// Where one account's tokens lie, with the name to look for.
#[must_use]
pub(crate) fn where_tokens_lie(kind: VaultKind, account: &str) -> String {
    match kind {
        VaultKind::Memory => {
            "In the agent's memory, because `vault = \"memory\"` was chosen. They are lost when it ends."
                .to_owned()
        }
        VaultKind::Keychain => format!(
            "In {}: service “{}”, items of account {account}. Only the agent reads them.",
            keychain(),
            mcp_login_ipc::identity::KEYCHAIN_SERVICE
        ),
    }
}

/// What became of an entry in a client's file, in half a sentence.
#[must_use]
pub(crate) fn drifted(drifted: &Drifted) -> String {
    match drifted {
        Drifted::Gone => "is gone".to_owned(),
        Drifted::OtherAddress(url) => format!("leads to {} now", text::visible(url)),
        Drifted::OtherCommand(command) => format!("starts {} now", text::visible(command)),
        Drifted::OtherAccount(account) => format!("is for {} now", text::visible(account)),
        Drifted::Otherwise => "says something else now".to_owned(),
        Drifted::NoProgram(command) => format!("starts {}, which is not there", text::visible(command)),
        Drifted::Unread(why) => format!("cannot be looked at: {}", text::visible(why)),
    }
}

/// The same as a sentence.
#[must_use]
pub(crate) fn drift(drift: &Drift) -> String {
    let Wired { client, place, account, .. } = &drift.wired;
    format!(
        "The entry {} of {client}, which was for {}, {}.",
        text::visible(&place.name),
        text::visible(account),
        drifted(&drift.drifted)
    )
}
