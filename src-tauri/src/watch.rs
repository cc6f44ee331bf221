//! Looks now and then whether clients' entries still say what was written: an entry that leads elsewhere, in our name, is
//! what a person has to hear of though no window is open.

use std::time::Duration;

use mcp_login_wiring::Wired;
use tauri::{AppHandle, Manager as _};

use crate::shell::Shell;
use crate::{clients, notify};

/// Between two looks: each reads a few small files, and whoever changed an entry is not caught in the act anyway.
const REST: Duration = Duration::from_secs(600);

/// Watches on a thread of its own, as long as the program runs.
pub(crate) fn begin(app: AppHandle) {
    let run = move || {
        let mut told: Vec<Wired> = Vec::new();
        loop {
            look(&app, &mut told);
            std::thread::sleep(REST);
        }
    };
    // without a thread the window and the doctor still say it
    let _ = std::thread::Builder::new().name("watch".to_owned()).spawn(run);
}

/// Tells of each once, until it is right again.
fn look(app: &AppHandle, told: &mut Vec<Wired>) {
    let Ok(wirings) = clients::wirings(&app.state::<Shell>().paths) else { return };
    let Ok(drift) = wirings.drift() else { return };
    let grave: Vec<_> = drift.into_iter().filter(clients::grave).collect();
    told.retain(|known| grave.iter().any(|drift| drift.wired == *known));
    for drift in grave {
        if !told.contains(&drift.wired) {
            let name =
                wirings.client(&drift.wired.client).map_or(drift.wired.client.as_str(), |c| c.name.as_str());
            notify::show(app, notify::entry_changed(name, &drift.wired.account));
            told.push(drift.wired);
        }
    }
}
