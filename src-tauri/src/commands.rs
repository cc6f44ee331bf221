//! What the main window's page may ask of the shell.
//!
//! Invariants: a page names nothing that the shell would start, open or write by that name: it names a sign-in, a browser
//! or a place by an id, and the shell knows what that is; whatever waits does so on a thread where nobody else waits.

use std::process::{Command, Stdio};

use mcp_login_address::{Address, domain};
use mcp_login_ipc::api::{Empty, Step};
use mcp_login_ipc::client::StartHow;
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Client, Code, Fault, identity};
use serde_json::{Value, json};
use tauri::{AppHandle, Manager as _, command};

use crate::autostart::{self, Autostart};
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::shell::Shell;
use crate::{browsers, clipboard, relay};

pub(crate) type Answer = Result<Value, Refusal>;

/// Runs what may wait on a thread for that.
pub(crate) async fn aside(work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    tauri::async_runtime::spawn_blocking(work).await.unwrap_or_else(|_| Err(Code::Internal.into()))
}

/// A method of the agent.
#[command]
pub(crate) async fn agent_call(app: AppHandle, method: String, params: Option<Value>) -> Answer {
    aside(move || {
        let mut client = Client::connect(&app.state::<Shell>().paths)?;
        // a sign-in that is pasted waits for the issuer, a sign-out for its revocation
        Ok(relay::call(&mut client, &method, params.unwrap_or_default())?)
    })
    .await
}

/// The address of a sign-in, which no page gets.
fn address(shell: &Shell, sign_in: &str) -> Result<Address, Refusal> {
    let list = shell.ask(&call::SignInList(Empty {}))?.sign_ins;
    let found = list.into_iter().find(|known| known.sign_in == sign_in).ok_or(Code::NoSuchSignIn)?;
    let Step::Browser(step) = found.progress else {
        return Err(Code::NoSuchSignIn.into());
    };
    checked(&step.authorization_url)
}

/// An address that others chose, if a browser may get it.
fn checked(address: &str) -> Result<Address, Refusal> {
    Address::new(address).map_err(|refused| not_to_open(&refused.to_string()))
}

fn not_to_open(reason: &str) -> Refusal {
    Fault::new(Code::AddressRefused).detail("reason", reason).into()
}

/// Opens a sign-in in the person's browser, or in the one that they chose from the list.
#[command]
pub(crate) async fn open_browser(app: AppHandle, sign_in: String, browser: Option<String>) -> Answer {
    aside(move || {
        let address = address(&app.state::<Shell>(), &sign_in)?;
        let opened = match browser.filter(|id| !id.is_empty()) {
            None => address.open(None).is_ok(),
            Some(id) => {
                let chosen = browsers::list().into_iter().find(|known| known.id == id);
                chosen.is_some_and(|chosen| chosen.open(&address).is_ok())
            }
        };
        if opened { Ok(json!({})) } else { Err(Code::BrowserFailed.into()) }
    })
    .await
}

/// Puts the address of a sign-in into the clipboard.
#[command]
pub(crate) async fn copy_link(app: AppHandle, sign_in: String) -> Answer {
    aside(move || {
        let address = address(&app.state::<Shell>(), &sign_in)?;
        copy(&app, address.as_str().to_owned())
    })
    .await
}

/// Puts a text into the clipboard.
#[command]
pub(crate) async fn copy_text(app: AppHandle, text: String) -> Answer {
    if text.len() > clipboard::MAX_TEXT {
        return Err(Fault::new(Code::LineTooLong).detail("limit", clipboard::MAX_TEXT).into());
    }
    aside(move || copy(&app, text)).await
}

fn copy(app: &AppHandle, text: String) -> Answer {
    match clipboard::put(app, text) {
        Ok(()) => Ok(json!({})),
        Err(error) => Err(Fault::new(Code::Internal).detail("reason", error.to_string()).into()),
    }
}

/// The browsers of this computer.
#[command]
pub(crate) async fn browsers() -> Answer {
    aside(|| Ok(json!(browsers::list()))).await
}

/// What the command says of the surroundings.
#[command]
pub(crate) async fn doctor() -> Answer {
    aside(|| {
        let missing =
            || Refusal::from(Fault::new(Code::ProgramMissing).detail("program", identity::COMMAND_NAME));
        let name = format!("{}{}", identity::COMMAND_NAME, std::env::consts::EXE_SUFFIX);
        let program = std::env::current_exe().map_err(|_| missing())?.with_file_name(name);
        let mut command = Command::new(program);
        command.args(["doctor", "--json"]).stdin(Stdio::null()).stderr(Stdio::null());
        #[cfg(windows)]
        std::os::windows::process::CommandExt::creation_flags(&mut command, 0x0800_0000);
        // it exits with a status of its own when it found something; what counts is what it wrote
        let said = command.output().map_err(|_| missing())?;
        serde_json::from_slice(&said.stdout).map_err(|_| Code::Internal.into())
    })
    .await
}

/// What the settings page shows.
#[command]
pub(crate) async fn settings(app: AppHandle) -> Answer {
    aside(move || {
        let shell = app.state::<Shell>();
        let status = shell.ask(&call::AgentStatus(Empty {})).ok();
        let scheme = status.as_ref().map_or(json!({"state": "none"}), |status| json!(status.scheme));
        let log = status.and_then(|status| status.paths.log);
        Ok(json!({
            "autostart": autostart::now(),
            "asked_autostart": app.state::<Settings>().now().asked_autostart,
            "scheme": scheme,
            "paths": {
                "config": shell.paths.config_dir.display().to_string(),
                "data": shell.paths.data_dir.display().to_string(),
                "socket": shell.paths.socket.display().to_string(),
                "log": log,
            },
            "version": env!("CARGO_PKG_VERSION"),
            "tray": if shell.has_tray() { "there" } else { "missing" },
        }))
    })
    .await
}

/// Whether the app starts at login. Asked once, so what was answered is remembered either way.
#[command]
pub(crate) async fn set_autostart(app: AppHandle, on: bool) -> Answer {
    aside(move || {
        app.state::<Settings>().change(|now| now.asked_autostart = true);
        let to = if on { Autostart::On } else { Autostart::Off };
        autostart::set(to).map_err(|error| {
            Fault::new(Code::FileUnwritable).detail("file", error.what).detail("reason", error.reason)
        })?;
        Ok(json!({}))
    })
    .await
}

/// A place that the settings page shows.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// Settings, for people to edit.
    Config,
    /// Accounts, approvals, the record.
    Data,
    /// The log file.
    Log,
}

/// Shows a directory in the person's file manager.
#[command]
pub(crate) async fn open_path(app: AppHandle, what: Place) -> Answer {
    aside(move || {
        let paths = &app.state::<Shell>().paths;
        let place = match what {
            Place::Config => &paths.config_dir,
            // the log lies among the data; a file manager shows it, an editor might not
            Place::Data | Place::Log => &paths.data_dir,
        };
        let failed = |error: std::io::Error| {
            Fault::new(Code::FileUnreadable)
                .detail("file", place.to_string_lossy())
                .detail("reason", error.to_string())
        };
        std::fs::create_dir_all(place).map_err(failed)?;
        open::that_detached(place).map_err(failed)?;
        Ok(json!({}))
    })
    .await
}

/// Opens the page of the newest version that the agent knows in the person's browser.
#[command]
pub(crate) async fn open_release(app: AppHandle) -> Answer {
    aside(move || {
        let update = app.state::<Shell>().ask(&call::AgentStatus(Empty {}))?.update;
        let update = update.ok_or_else(|| not_to_open("no newer version is known"))?;
        if checked(&update.page)?.open(None).is_ok() {
            Ok(json!({}))
        } else {
            Err(Code::BrowserFailed.into())
        }
    })
    .await
}

/// Starts the agent, when none runs.
#[command]
pub(crate) async fn start_agent(app: AppHandle) -> Answer {
    aside(move || {
        let shell = app.state::<Shell>();
        Client::connect_or_start(&shell.paths, StartHow::Auto)?;
        shell.wish.start();
        Ok(json!({}))
    })
    .await
}

/// Makes this app the one that opens our scheme, because the person wants it so.
#[command]
pub(crate) async fn take_scheme(app: AppHandle) -> Answer {
    aside(move || {
        #[cfg(any(target_os = "linux", windows))]
        crate::deep_link::claim().map_err(|error| {
            Fault::new(Code::FileUnwritable)
                .detail("file", identity::SCHEME)
                .detail("reason", error.to_string())
        })?;
        let status = app.state::<Shell>().ask(&call::AgentStatus(Empty {}))?;
        Ok(json!({"scheme": status.scheme}))
    })
    .await
}

/// Has terminals find the command that lies beside this app.
#[command]
pub(crate) async fn install_command() -> Answer {
    aside(crate::command_line::install).await
}

/// Whose a host is, by the Public Suffix List.
#[command]
pub(crate) fn registrable_domain(host: &str) -> String {
    if host.contains("://") { domain::of(host) } else { domain::of(&format!("https://{host}/")) }
}

/// Ends the app; the agent goes on. For a desktop that shows no tray.
#[command]
pub(crate) fn quit(app: AppHandle) {
    app.exit(0);
}

/// What `agent_call` meets when there is no agent is told like everything else.
#[cfg(test)]
mod tests {
    use super::*;
    use mcp_login_ipc::client::ClientError;

    #[test]
    fn the_owner_of_a_host_is_on_its_right() {
        assert_eq!(registrable_domain("accounts.bank.com.evil.example"), "evil.example");
        assert_eq!(registrable_domain("https://auth.example.co.uk/x"), "example.co.uk");
        assert_eq!(registrable_domain("a b"), "?");
    }

    #[test]
    fn a_missing_agent_has_a_code() {
        let told = serde_json::to_value(Refusal::from(ClientError::NotRunning)).unwrap_or_default();
        assert_eq!(told["code"], "agent_not_running");
        assert!(told["next"].as_str().is_some_and(|next| next.ends_with('.')));
    }
}
